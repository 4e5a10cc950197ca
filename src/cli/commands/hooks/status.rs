//! `millrace hooks status`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::site::{Site, looked};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::hook::Hook;
use crate::ledger::store::StoreError;
use crate::runtime::hooks::{Rules, SaidRule, missed_pushes};
use crate::runtime::project::{OpenError, Project};
use crate::workspace::hooks::{Folder, Owner, Place, Setting, State, Theirs, configured_commands};

/// Show which hooks are here: Millrace's and others', what each runs first, and what keeps git from running one.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {}

/// The hooks of a repository.
#[derive(Debug, Serialize)]
struct Overview {
    /// First the folder that git looks into.
    folders: Vec<Folder>,
    hooks: Vec<One>,
    /// What git runs for the same events from its configuration.
    by_configuration: Vec<Command>,
    /// What becomes work.
    rules: Vec<Ruled>,
    /// Rules that cannot be read.
    problems: Vec<String>,
    /// Pushes that were missed and are kept.
    missed: usize,
}

/// A rule, in the order in which rules take.
#[derive(Debug, Serialize)]
struct Ruled {
    rule: String,
    /// The hooks that it is for.
    on: Vec<&'static str>,
    /// Where it stands.
    said: String,
}

#[derive(Debug, Serialize)]
struct Command {
    hook: String,
    command: String,
}

#[derive(Debug, Serialize)]
struct One {
    hook: &'static str,
    state: Standing,
    path: PathBuf,
    /// Whether git looks where it stands.
    used: bool,
    /// The hook that it runs first.
    runs_first: Option<PathBuf>,
    /// What else there is to say.
    note: Option<String>,
}

/// How a hook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Installed,
    Outdated,
    Edited,
    /// Somebody's own, which calls us.
    ByHand,
    /// Somebody's own.
    Another,
    None,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Outdated => "outdated",
            Self::Edited => "edited",
            Self::ByHand => "by hand",
            Self::Another => "not Millrace's",
            Self::None => "none",
        }
    }
}

impl StatusArguments {
    pub(crate) fn run(context: &Context) -> Result<Exit, Failure> {
        let site = Site::open(context)?;
        let mut hooks = Vec::new();
        for folder in &site.folders {
            for hook in Hook::ALL {
                let (place, before) = looked(&folder.path, hook, &site.program)?;
                // What stands where git does not look matters only where it is ours.
                if folder.used || matches!(place, Place::Ours(_)) {
                    hooks.push(one(folder, hook, &place, before));
                }
            }
        }
        let by_configuration = configured_commands(&site.repository)?
            .into_iter()
            .filter(|(event, _)| Hook::ALL.iter().any(|hook| hook.as_str() == event))
            .map(|(hook, command)| Command { hook, command })
            .collect();
        let (rules, problems) = rules(context)?;
        let missed = missed_pushes(&site.repository.millrace_dir());
        answer(context, &Overview { folders: site.folders, hooks, by_configuration, rules, problems, missed })
    }
}

/// The rules that there are; a repository that cannot hold a ledger has none.
fn rules(context: &Context) -> Result<(Vec<Ruled>, Vec<String>), Failure> {
    let project = match Project::open(&context.workspace) {
        Ok(project) => project,
        Err(OpenError::Store(error @ StoreError::Unsupported(_))) => {
            return Ok((Vec::new(), vec![error.to_string()]));
        }
        Err(error) => return Err(error.into()),
    };
    let Rules { rules, problems } = Rules::here(&project);
    let rules = rules
        .into_iter()
        .map(|SaidRule { rule, said }| Ruled {
            on: rule.on.iter().map(|hook| hook.as_str()).collect(),
            rule: rule.name,
            said,
        })
        .collect();
    Ok((rules, problems))
}

fn one(folder: &Folder, hook: Hook, place: &Place, before: Option<Theirs>) -> One {
    let mut notes = Vec::new();
    let state = match place {
        Place::Empty => Standing::None,
        Place::NoFile => {
            notes.push("it is no file".to_owned());
            Standing::Another
        }
        Place::Ours(ours) => match ours.state {
            State::Current => Standing::Installed,
            State::Outdated => {
                notes.push("`millrace hooks install` brings it up to date".to_owned());
                Standing::Outdated
            }
            State::Edited => {
                notes.push("it was edited since it was installed, and is left alone".to_owned());
                Standing::Edited
            }
        },
        Place::Theirs(theirs) => {
            if let Some(manager) = theirs.manager {
                notes.push(format!("{} wrote it", manager.as_str()));
            }
            if !theirs.runs {
                notes.push("git does not run it: it is not executable".to_owned());
            }
            if theirs.calls_us { Standing::ByHand } else { Standing::Another }
        }
    };
    if !folder.used {
        notes.push("shadowed: core.hooksPath names another folder".to_owned());
    }
    let chained = matches!(place, Place::Ours(_));
    match &before {
        Some(before) if chained && !before.runs => {
            notes.push(
                "what it would run first is not executable, and git would not have run it either".to_owned(),
            );
        }
        Some(before) if !chained => {
            notes.push(format!("{} was set aside for a hook that is gone", before.path.display()));
        }
        _ => {}
    }
    One {
        hook: hook.as_str(),
        state,
        path: folder.path.join(hook.as_str()),
        used: folder.used,
        runs_first: before.filter(|_| chained).map(|before| before.path),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

impl Answer for Overview {
    const KIND: &'static str = "hooks_status";

    fn text(&self, page: &mut Page) {
        for folder in &self.folders {
            let by = match &folder.setting {
                Setting::Default => String::new(),
                Setting::Configured { scope, origin } => format!(", by core.hooksPath ({scope}, {origin})"),
            };
            let owner = match folder.owner {
                Owner::Repository => "",
                Owner::Others => "; outside of this repository",
                Owner::Project => "; under version control",
            };
            let manager =
                folder.manager.map_or_else(String::new, |manager| format!("; kept by {}", manager.as_str()));
            let used = if folder.used { "git looks in" } else { "git does not look in" };
            page.line(format!("{used} {}{by}{owner}{manager}", folder.path.display()));
        }
        page.gap();
        let rows: Vec<Vec<String>> = self
            .hooks
            .iter()
            .map(|one| {
                let first = one.runs_first.as_ref().map(|before| format!("runs {} first", before.display()));
                let said: Vec<String> = first.into_iter().chain(one.note.clone()).collect();
                vec![one.hook.to_owned(), one.state.as_str().to_owned(), said.join("; ")]
            })
            .collect();
        page.table(&rows);
        for command in &self.by_configuration {
            page.line(format!("{}: git's configuration runs as well: {}", command.hook, command.command));
        }
        page.gap();
        if self.rules.is_empty() && self.problems.is_empty() {
            page.line("no rule: nothing becomes work");
        }
        for one in &self.rules {
            page.line(format!("rule {} (on {}), said by {}", one.rule, one.on.join(", "), one.said));
        }
        for problem in &self.problems {
            page.line(format!("no rule counts from here: {problem}"));
        }
        if self.missed > 0 {
            page.gap();
            let (pushes, them) = match self.missed {
                1 => ("1 push was missed and is kept".to_owned(), "it"),
                more => (format!("{more} pushes were missed and are kept"), "them"),
            };
            page.line(format!("{pushes}; `millrace hooks catch-up` takes {them} in"));
        }
    }
}
