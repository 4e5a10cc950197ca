//! How an answer looks: colour, pager and width, by git's own rules. Neither colour nor pager where stdout is no
//! terminal, unless somebody asks for colour; and whatever reaches a terminal holds nothing but text and colour.

use std::env;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGINT, SIGQUIT};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::plain_text::PlainText;
use super::stdout::{Answer, broken, render_as, width};
use crate::ledger::git::command::{GitCommand, Streamed};
use crate::runtime::project::Project;

/// What git calls when nothing else is said.
const PAGER: &str = "less";

/// What is said of the looks on the command line.
#[derive(Debug, Args)]
pub(crate) struct LookArguments {
    /// Colour the answer. Where nothing is said git's `color.diff` and `color.ui` decide, and a variable `NO_COLOR`
    /// that is not empty.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always"
    )]
    color: Option<When>,

    /// The same as `--color=never`.
    #[arg(long, conflicts_with = "color")]
    no_color: bool,

    /// Show it without a pager. Otherwise a terminal gets the one that git would use: `GIT_PAGER`, `core.pager`,
    /// `PAGER`; git's `pager.<command>` turns it off, or names another one.
    #[arg(long)]
    no_pager: bool,
}

/// When something is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// What git's configuration says of the looks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Configured {
    colour: Option<When>,
    /// Whether a pager takes colour.
    coloured_pager: Option<bool>,
    pager: Option<String>,
    /// Of this command alone.
    own_pager: Option<OwnPager>,
}

#[derive(Debug, PartialEq, Eq)]
enum OwnPager {
    Wanted(bool),
    Is(String),
}

/// The looks of one answer.
#[derive(Debug)]
pub(crate) struct Look {
    terminal: bool,
    pub(crate) colour: bool,
    pager: Option<String>,
}

impl LookArguments {
    /// The looks of this command's answer here and now. `command` is what git's `pager.<command>` is called.
    pub(crate) fn look(&self, context: &Context, project: &Project, command: &str) -> Result<Look, Failure> {
        if context.json {
            return Ok(Look { terminal: false, colour: false, pager: None });
        }
        let terminal = io::stdout().is_terminal();
        let configured = configured(project, command)?;
        let variable = |name: &str| env::var(name).ok();
        let pager = if terminal && !self.no_pager { pager(&configured, variable) } else { None };
        let asked = if self.no_color { Some(When::Never) } else { self.color };
        let colour = coloured(asked, &configured, terminal, pager.is_some(), variable);
        Ok(Look { terminal, colour, pager })
    }
}

/// Which pager there is to be; `None` where none is.
fn pager(configured: &Configured, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let own = match &configured.own_pager {
        Some(OwnPager::Wanted(false)) => return None,
        Some(OwnPager::Is(own)) => Some(own.clone()),
        Some(OwnPager::Wanted(true)) | None => None,
    };
    let pager = variable("GIT_PAGER")
        .or(own)
        .or_else(|| configured.pager.clone())
        .or_else(|| variable("PAGER"))
        .unwrap_or_else(|| PAGER.to_owned());
    (!pager.is_empty() && pager != "cat").then_some(pager)
}

fn coloured(
    asked: Option<When>,
    configured: &Configured,
    terminal: bool,
    paged: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> bool {
    let unwanted = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let when = asked.unwrap_or(if unwanted { When::Never } else { configured.colour.unwrap_or(When::Auto) });
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            let dumb = variable("TERM").is_none_or(|terminal| terminal == "dumb");
            terminal && !dumb && (!paged || configured.coloured_pager.unwrap_or(true))
        }
    }
}

/// One call tells all of it.
fn configured(project: &Project, command: &str) -> Result<Configured, Failure> {
    let pattern = format!(r"^(core\.pager|pager\.{command}|color\.(ui|diff|pager))$");
    let output = GitCommand::new(&project.repository.git_dir, "config")
        .args(["--show-scope", "-z", "--get-regexp", &pattern])
        .output(&[])?;
    Ok(read(&output.stdout, command))
}

/// `scope NUL key LF value NUL`, repeated; what comes later wins.
fn read(output: &[u8], command: &str) -> Configured {
    let text = String::from_utf8_lossy(output);
    let mut parts = text.split('\0');
    let mut found = Configured::default();
    let mut of_diff = None;
    while let (Some(scope), Some(entry)) = (parts.next(), parts.next()) {
        // What our own call of git overrides is not the user's.
        if scope == "command" {
            continue;
        }
        let (key, value) = entry.split_once('\n').map_or((entry, None), |(key, value)| (key, Some(value)));
        match key {
            "core.pager" => found.pager = Some(value.unwrap_or_default().to_owned()),
            "color.ui" => found.colour = when(value).or(found.colour),
            "color.diff" => of_diff = when(value).or(of_diff),
            "color.pager" => found.coloured_pager = truth(value),
            key if key.strip_prefix("pager.") == Some(command) => {
                found.own_pager = Some(match truth(value) {
                    Some(wanted) => OwnPager::Wanted(wanted),
                    None => OwnPager::Is(value.unwrap_or_default().to_owned()),
                });
            }
            _ => {}
        }
    }
    found.colour = of_diff.or(found.colour);
    found
}

/// git's words for yes and no; a key without a value is a yes.
fn truth(value: Option<&str>) -> Option<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "yes" | "on" | "1") => Some(true),
        Some("false" | "no" | "off" | "0" | "") => Some(false),
        Some(_) => None,
    }
}

fn when(value: Option<&str>) -> Option<When> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        Some("always") => Some(When::Always),
        Some("never") => Some(When::Never),
        Some("auto") => Some(When::Auto),
        _ => truth(value).map(|wanted| if wanted { When::Auto } else { When::Never }),
    }
}

impl Look {
    /// Shows an answer, and tells how the program ends.
    pub(crate) fn answer<A: Answer>(&self, context: &Context, answer: &A) -> Result<Exit, Failure> {
        let bytes = render_as(context, self.colour, answer)?;
        // It was made by us, and is harmless already.
        self.with(|out| out.write_all(&bytes).map(|()| None))?;
        Ok(answer.exit())
    }

    /// Shows a text that was made by us.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.with(|out| out.write_all(text.as_bytes()).map(|()| None))
    }

    /// Shows what a git prints, as it comes. To what is no terminal its bytes go as they are.
    pub(crate) fn git(&self, git: GitCommand) -> Result<(), Failure> {
        let git = match width().filter(|_| self.terminal) {
            Some(columns) => git.env("COLUMNS", columns.to_string()),
            None => git,
        };
        self.with(|out| {
            let streamed = if self.terminal {
                let mut plain = PlainText::new(out, self.colour);
                let streamed = git.stream(&[], &mut plain);
                match streamed {
                    Ok(Streamed::Whole) => {
                        plain.finish()?;
                        streamed
                    }
                    other => other,
                }
            } else {
                git.stream(&[], out)
            };
            match streamed {
                Ok(Streamed::Whole) => Ok(None),
                Ok(Streamed::Refused(error)) => Err(error),
                Err(error) => Ok(Some(error.into())),
            }
        })
    }

    /// What git is told of colour.
    pub(crate) fn git_colour(&self) -> &'static str {
        if self.colour { "--color=always" } else { "--color=never" }
    }

    /// Writes to the pager or to stdout. A pager that was closed early is a clean end; a reader of stdout that has gone
    /// ends this program as it ends git.
    fn with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<Option<Failure>>) -> Result<(), Failure> {
        if let Some(mut paging) = self.pager.as_deref().and_then(Paging::start) {
            let written = write(&mut paging.pipe);
            paging.end();
            return match written {
                Ok(None) => Ok(()),
                Ok(Some(failure)) => Err(failure),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                Err(error) => Err(broken(&error)),
            };
        }
        let mut stdout = io::stdout().lock();
        match write(&mut stdout).and_then(|failure| stdout.flush().map(|()| failure)) {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(error) => Err(broken(&error)),
        }
    }
}

/// A pager that is being written to.
struct Paging {
    child: Child,
    pipe: ChildStdin,
}

impl Paging {
    /// Starts it; `None` where it cannot be started: as with git, the terminal gets the text then.
    fn start(pager: &str) -> Option<Self> {
        let mut command = if pager.contains(|c: char| "|&;<>()$`\\\"' \t\n*?[#~=%".contains(c)) {
            let mut shell = Command::new("sh");
            shell.args(["-c", pager]);
            shell
        } else {
            Command::new(pager)
        };
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
        // An interrupt is the pager's to answer; we end when it has.
        for signal in [SIGINT, SIGQUIT] {
            let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
        }
        let pipe = child.stdin.take()?;
        Some(Self { child, pipe })
    }

    fn end(self) {
        let Self { mut child, pipe } = self;
        drop(pipe);
        // How it ended says nothing about what was shown.
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(entries: &[(&str, &str, Option<&str>)]) -> Configured {
        let mut bytes = Vec::new();
        for (scope, key, value) in entries {
            bytes.extend_from_slice(format!("{scope}\0{key}").as_bytes());
            bytes.extend(value.map(|value| format!("\n{value}")).unwrap_or_default().into_bytes());
            bytes.push(0);
        }
        read(&bytes, "diff")
    }

    fn set<'v>(variables: &'v [(&'v str, &'v str)]) -> impl Fn(&str) -> Option<String> + 'v {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_pager_is_the_one_that_git_would_use() {
        type Case<'c> =
            (&'c [(&'c str, &'c str)], &'c [(&'c str, &'c str, Option<&'c str>)], Option<&'c str>);
        let cases: [Case<'_>; 11] = [
            (&[], &[], Some("less")),
            (&[("PAGER", "more")], &[], Some("more")),
            (&[("PAGER", "more")], &[("local", "core.pager", Some("most"))], Some("most")),
            (&[("GIT_PAGER", "mine")], &[("global", "core.pager", Some("most"))], Some("mine")),
            (
                &[],
                &[("global", "core.pager", Some("most")), ("command", "core.pager", Some("cat"))],
                Some("most"),
            ),
            (&[("PAGER", "cat")], &[], None),
            (&[("GIT_PAGER", "")], &[], None),
            (&[], &[("local", "pager.diff", Some("false"))], None),
            (&[], &[("local", "pager.diff", Some("less -S"))], Some("less -S")),
            (&[("GIT_PAGER", "mine")], &[("local", "pager.diff", Some("less -S"))], Some("mine")),
            (&[("PAGER", "more")], &[("local", "pager.diff", None)], Some("more")),
        ];
        for (variables, entries, expected) in cases {
            assert_eq!(
                pager(&config(entries), set(variables)).as_deref(),
                expected,
                "{variables:?} {entries:?}"
            );
        }
    }

    #[test]
    fn colour_is_for_terminals_unless_somebody_wants_it_otherwise() {
        let term = ("TERM", "xterm");
        let told = |entries: &[(&str, &str, Option<&str>)], variables: &[(&str, &str)], terminal, paged| {
            coloured(None, &config(entries), terminal, paged, set(variables))
        };
        assert!(told(&[], &[term], true, false));
        assert!(told(&[], &[term], true, true));
        assert!(!told(&[], &[term], false, false));
        assert!(!told(&[], &[("TERM", "dumb")], true, false));
        assert!(!told(&[], &[], true, false));
        assert!(!told(&[], &[term, ("NO_COLOR", "1")], true, false));
        assert!(told(&[], &[term, ("NO_COLOR", "")], true, false));
        assert!(!told(&[("local", "color.ui", Some("false"))], &[term], true, false));
        assert!(told(&[("local", "color.ui", Some("always"))], &[], false, false));
        let both = [("local", "color.ui", Some("always")), ("global", "color.diff", Some("never"))];
        assert!(!told(&both, &[term], true, false), "the nearer name wins, wherever it stands");
        assert!(!told(&[("local", "color.pager", Some("no"))], &[term], true, true));
        assert!(told(&[("local", "color.pager", Some("no"))], &[term], true, false));
        let asked = |when| coloured(Some(when), &config(&[]), false, false, set(&[("NO_COLOR", "1")]));
        assert_eq!([When::Always, When::Auto, When::Never].map(asked), [true, false, false]);
    }
}
