//! `millrace hooks test`

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::site::{Site, hook, looked};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::hook::Hook;
use crate::ledger::git::command::GitCommand;
use crate::workspace::hooks::{ChangeError, DRY_RUN, Place, State, Theirs};

/// How long one hook may take: several times what the program allows itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Try the installed hooks with made-up input, and show what the rules would take in.
///
/// Each is run as git would run it, as if the last commit of HEAD had just been pushed, made or merged. Nothing is taken
/// in. A hook that was there before, and runs first, is not run: it might do what it is there for. It is named.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The hooks [default: all of Millrace's that are installed].
    #[arg(value_name = "NAME", value_parser = hook())]
    hooks: Vec<Hook>,
}

/// What trying came to.
#[derive(Debug, Serialize)]
struct Tried {
    hooks: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    hook: &'static str,
    /// Whether it did what it should.
    sound: bool,
    /// What it ended with; none where it was not run.
    exit: Option<i32>,
    /// The hook that runs first, which was not tried.
    not_tried: Option<PathBuf>,
    /// What it said, or why it was not run.
    said: Vec<String>,
}

impl TestArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let site = Site::open(context)?;
        let mut hooks = Vec::new();
        for hook in Hook::ALL {
            if !self.hooks.is_empty() && !self.hooks.contains(&hook) {
                continue;
            }
            let (place, _) = looked(&site.used().path, hook, &site.program)?;
            let not_run = |why: &str| One {
                hook: hook.as_str(),
                sound: false,
                exit: None,
                not_tried: None,
                said: vec![why.to_owned()],
            };
            match place {
                Place::Ours(ours) if ours.state == State::Edited => {
                    hooks.push(not_run("it was edited since it was installed, and is not tried"));
                }
                Place::Ours(ours) => hooks.push(tried(&site, hook, ours.chained)?),
                _ if self.hooks.contains(&hook) => {
                    hooks.push(not_run("it is not installed; `millrace hooks install` does that"));
                }
                _ => {}
            }
        }
        answer(context, &Tried { hooks })
    }
}

/// Runs one as git does: in the top folder, with `GIT_DIR` set, and with its lines on stdin.
fn tried(site: &Site, hook: Hook, chained: Option<Theirs>) -> Result<One, Failure> {
    let (arguments, input) = made_up(site, hook)?;
    let path = site.used().path.join(hook.as_str());
    let place = site.repository.work_tree.as_ref().unwrap_or(&site.repository.git_dir);
    let mut command = Command::new(&path);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command.args(&arguments).env("GIT_DIR", &site.repository.git_dir).env(DRY_RUN, "1").current_dir(place);
    let (exit, text) = bounded(command, input.as_bytes(), &path)?;
    let mut said: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    let lost = said.iter().any(|line| line.starts_with("millrace: the program is not found"));
    let guards = hook == Hook::ReferenceTransaction && !input.is_empty();
    let expected = if guards { Some(1) } else { Some(0) };
    if exit == expected && guards {
        said.insert(0, "refuses to delete the ledger, as it should:".to_owned());
    }
    let first = chained.filter(|theirs| theirs.runs);
    // As it was when ours was put in front of it, it did not.
    let by_name = first.as_ref().is_some_and(|theirs| theirs.reads_its_name);
    if by_name {
        said.push("what runs first may look at its own name, which is another one now".to_owned());
    }
    let sound = exit == expected && !lost && !by_name;
    Ok(One { hook: hook.as_str(), sound, exit, not_tried: first.map(|theirs| theirs.path), said })
}

/// Arguments and input as git gives them, about the last commit of `HEAD`.
fn made_up(site: &Site, hook: Hook) -> Result<(Vec<String>, String), Failure> {
    let resolve = |name: &str| -> Result<Option<String>, Failure> {
        let output = GitCommand::new(&site.repository.git_dir, "rev-parse")
            .args(["--verify", "--quiet", "--end-of-options", name])
            .output(&[])?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Some(text).filter(|text| output.status.success() && !text.is_empty()))
    };
    let none = |like: &str| "0".repeat(like.len());
    if hook == Hook::ReferenceTransaction {
        let line = resolve("refs/millrace/state")?
            .map_or_else(String::new, |tip| format!("{tip} {} refs/millrace/state\n", none(&tip)));
        return Ok((vec!["prepared".to_owned()], line));
    }
    let Some(new) = resolve("HEAD^{commit}")? else { return Ok((Vec::new(), String::new())) };
    let old = resolve("HEAD~1^{commit}")?.unwrap_or_else(|| none(&new));
    let branch = site.repository.head().ok().and_then(|head| head.branch);
    let name = branch.unwrap_or_else(|| "refs/heads/main".to_owned());
    Ok(match hook {
        Hook::PostReceive => (Vec::new(), format!("{old} {new} {name}\n")),
        Hook::PrePush => (
            vec!["origin".to_owned(), "a made-up address".to_owned()],
            format!("{name} {new} {name} {old}\n"),
        ),
        Hook::PostMerge => (vec!["0".to_owned()], String::new()),
        Hook::PostCommit | Hook::ReferenceTransaction => (Vec::new(), String::new()),
    })
}

/// Exit code, and stdout and stderr together.
fn bounded(mut command: Command, input: &[u8], path: &Path) -> Result<(Option<i32>, String), Failure> {
    let failed = |source| Failure::from(ChangeError { action: "run", path: path.to_owned(), source });
    let mut aside = tempfile::tempfile().map_err(failed)?;
    let mut given = tempfile::tempfile().map_err(failed)?;
    given.write_all(input).map_err(failed)?;
    std::io::Seek::rewind(&mut given).map_err(failed)?;
    command
        .stdin(Stdio::from(given))
        .stdout(aside.try_clone().map_err(failed)?)
        .stderr(aside.try_clone().map_err(failed)?);
    let mut child = command.spawn().map_err(failed)?;
    let until = Instant::now() + PATIENCE;
    let exit = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status.code(),
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                let late = format!("it did not end in {} s", PATIENCE.as_secs());
                return Err(failed(std::io::Error::other(late)));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let mut text = Vec::new();
    std::io::Seek::rewind(&mut aside).and_then(|()| aside.read_to_end(&mut text)).map_err(failed)?;
    Ok((exit, String::from_utf8_lossy(&text).into_owned()))
}

impl Answer for Tried {
    const KIND: &'static str = "hooks_test";

    fn text(&self, page: &mut Page) {
        if self.hooks.is_empty() {
            page.line("no hook of Millrace's is installed; `millrace hooks install` does that");
        }
        for one in &self.hooks {
            let verdict = match (one.sound, one.exit) {
                (true, _) => match &one.not_tried {
                    None => "works".to_owned(),
                    Some(first) => {
                        format!("Millrace's part works; {} runs first, and was not tried", first.display())
                    }
                },
                (false, None) => "not tried".to_owned(),
                (false, Some(exit)) => format!("does not work (exit {exit})"),
            };
            page.line(format!("{}: {verdict}", one.hook));
            for line in &one.said {
                page.line(format!("    {line}"));
            }
        }
    }

    fn exit(&self) -> Exit {
        if self.hooks.iter().all(|one| one.sound) { Exit::Done } else { Exit::Refused }
    }
}
