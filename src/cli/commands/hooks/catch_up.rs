//! `millrace hooks catch-up`

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::site::hook;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::hook::Hook;
use crate::domain::oid::Oid;
use crate::format::hooks::{Update, at_once};
use crate::format::quote::quoted;
use crate::ledger::git::command::GitCommand;
use crate::runtime::hooks::{Call, Missed, MissedError, Report, forget, missed, take};
use crate::runtime::project::Project;

/// Take in what hooks have missed: pushes that came in while the program was missing, the rules were broken or the ledger
/// was locked, and what one call had no room for.
///
/// Without options it is about the pushes that `post-receive` has kept in the git directory. With --since it is about
/// what branches have got since a commit, whether a hook was there or not. The rules are those of now, and nothing comes
/// in twice. Who pushed is not known any more: what comes in is held, unless the rule trusts everybody.
#[derive(Debug, Args)]
pub(crate) struct CatchUpArguments {
    /// Look at what came after this commit, in place of what was kept.
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,

    /// The hook whose rules count [default: post-receive in a bare repository, else post-commit].
    #[arg(long, value_name = "NAME", value_parser = hook(), requires = "since")]
    hook: Option<Hook>,

    /// Take nothing, and say what would be taken.
    #[arg(long)]
    dry_run: bool,

    /// The branches and tags to look at [default: the branch of HEAD].
    #[arg(value_name = "REF", requires = "since")]
    refs: Vec<String>,
}

/// What catching up came to.
#[derive(Debug, Serialize)]
struct CaughtUp {
    /// Pushes that were kept and are done with now.
    pushes: usize,
    /// Items that are new.
    added: Vec<Added>,
    /// What would be taken, where nothing was.
    would: Vec<String>,
    /// What could not be taken.
    problems: Vec<String>,
    /// What there was no room for.
    left_out: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Added {
    item: String,
    state: &'static str,
}

impl From<MissedError> for Failure {
    fn from(error: MissedError) -> Self {
        match error {
            MissedError::Io { .. } => Self::failed(error),
            MissedError::Line { .. } => Self::input(error),
        }
    }
}

impl CatchUpArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let kept = match self.since {
            None => missed(&project.store.private_dir())?,
            Some(_) => Vec::new(),
        };
        let (hook, late) = match &self.since {
            None => (Hook::PostReceive, at_once(kept.iter().flat_map(|one| one.updates.clone()))),
            Some(since) => (self.of_which(&project), self.updates(&project, since)?),
        };
        let call = Call {
            hook,
            arguments: Vec::new(),
            stdin: Vec::new(),
            late: Some(late),
            dry: self.dry_run,
            breaking: Arc::default(),
        };
        let report = take(&project, &call)?;
        let done = !self.dry_run && !report.rules_broken && !report.more;
        let kept: &[Missed] = if done { &kept } else { &[] };
        forget(kept)?;
        answer(context, &CaughtUp::of(report, kept.len()))
    }

    fn of_which(&self, project: &Project) -> Hook {
        let usual = if project.repository.is_bare() { Hook::PostReceive } else { Hook::PostCommit };
        self.hook.unwrap_or(usual)
    }

    /// Every ref as if it had moved from the commit to where it is.
    fn updates(&self, project: &Project, since: &str) -> Result<Vec<Update>, Failure> {
        let asked = |words: &[&str], name: &str| {
            let command = GitCommand::new(&project.repository.git_dir, "rev-parse").args(words);
            let answer = command.arg("--end-of-options").arg(name).text().unwrap_or_default();
            answer.lines().last().map(str::to_owned).filter(|line| !line.is_empty())
        };
        let commit = |name: &str| {
            asked(&["--verify", "--quiet"], &format!("{name}^{{commit}}"))
                .and_then(|oid| oid.parse::<Oid>().ok())
                .ok_or_else(|| Failure::input(format!("{} is no commit here", quoted(name))))
        };
        let old = commit(since)?;
        let head = ["HEAD".to_owned()];
        let refs = if self.refs.is_empty() { &head[..] } else { &self.refs };
        let mut updates = Vec::new();
        for name in refs {
            let new = commit(name)?;
            let full = asked(&["--symbolic-full-name"], name).filter(|full| full.starts_with("refs/"));
            let full = full.ok_or_else(|| {
                Failure::input(format!("{} is no branch and no tag", quoted(name)))
                    .hint("rules are about refs; name one behind `--since COMMIT`")
            })?;
            updates.push(Update { name: full.into_bytes(), old: Some(old), new: Some(new) });
        }
        Ok(at_once(updates))
    }
}

impl CaughtUp {
    fn of(report: Report, pushes: usize) -> Self {
        let added =
            report.added.into_iter().map(|(item, state)| Added { item: item.to_string(), state }).collect();
        Self { pushes, added, would: report.would, problems: report.problems, left_out: report.left_out }
    }
}

impl Answer for CaughtUp {
    const KIND: &'static str = "hooks_catch_up";

    fn text(&self, page: &mut Page) {
        for one in &self.added {
            page.line(format!("added  {}  {}", one.item, one.state));
        }
        for line in &self.would {
            page.line(format!("would take {line}"));
        }
        for (what, lines) in [("not taken", &self.problems), ("left out", &self.left_out)] {
            for line in lines {
                page.line(format!("{what}: {line}"));
            }
        }
        let nothing = [&self.would, &self.problems, &self.left_out].iter().all(|lines| lines.is_empty());
        if self.added.is_empty() && nothing {
            page.line("nothing to do: nothing new was missed");
        }
    }

    fn exit(&self) -> Exit {
        if self.problems.is_empty() { Exit::Done } else { Exit::Refused }
    }
}
