//! `millrace restore`

use std::ffi::OsString;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::handoffs::Handoffs;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::run::RunRecord;
use crate::domain::view::View as _;
use crate::format::count::counted;
use crate::ledger::view::TreeView;
use crate::runtime::backups::{self, Backup};
use crate::runtime::going_back::{Asked, GoingBackError, Rest, WentBack, go_back, policy, run_of_backup};
use crate::runtime::project::Project;
use crate::workspace::changes::Pathspec;
use crate::workspace::restore::Unclear;

/// Backups that a message names.
const NAMED: usize = 5;

/// Put a snapshot's code into the work tree: what a run had at its start, after a stage, or at its end.
///
/// Files that the snapshot has get its content, mode and kind; files that it does not have are removed. Index, HEAD and
/// branches stay as they are, and `git status` shows the difference. Left alone and named: what the snapshots of that
/// run leave out, ignored files, submodules and other repositories inside this one, and what a sparse checkout leaves
/// out.
///
/// It refuses where that would overwrite or remove uncommitted changes. With --save those are kept first, as a commit
/// at `refs/millrace/backup/<time>-restore`, and --backup brings them back.
///
/// Where the snapshot has a path and something stands there that no snapshot has (ignored files, a file over the cap),
/// the rest goes back, that path is named, and the exit code is 1.
///
/// By hand: `git log refs/millrace/runs/<run>` names the snapshots and `git diff <commit>` shows what differs; after a
/// `git stash --include-untracked`, `git restore --source=<commit> -- <path>` takes single files out of one.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The run, or an item, whose last run is meant; a beginning that no other one has is enough.
    #[arg(value_name = "RUN|ITEM", required_unless_present = "backup")]
    what: Option<String>,

    /// Which of its snapshots: `start`, `end`, or after a launch: the stage's name, `fixer#2` for its second time, or the
    /// number of the launch.
    #[arg(long, value_name = "POINT", required_unless_present = "backup")]
    to: Option<String>,

    /// Go back to what an earlier `restore` or `recover` kept: the name after refs/millrace/backup/, or a beginning of
    /// it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["what", "to"])]
    backup: Option<String>,

    /// Keep uncommitted changes at `refs/millrace/backup/<time>-restore` first, instead of refusing because of them.
    #[arg(long)]
    save: bool,

    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Only these paths, as git's pathspecs: relative to where you are.
    #[arg(last = true, value_name = "PATHSPEC")]
    paths: Vec<OsString>,
}

/// Something that stays as it is.
#[derive(Debug, Serialize)]
pub(super) struct LeftAlone {
    path: String,
    why: String,
}

/// What was done to the work tree, or would be.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    /// The commit whose code the work tree has.
    commit: Oid,
    /// Which one that is, in words.
    is: String,
    /// Whether nothing was done, and this is only what would be.
    dry_run: bool,
    put_back: Vec<String>,
    removed: Vec<String>,
    left_alone: Vec<LeftAlone>,
    /// What the snapshot has otherwise and could not be written: what stands there is in no snapshot, and stays.
    in_the_way: Vec<LeftAlone>,
    /// Of those put back and removed, what differed from HEAD.
    uncommitted: Vec<String>,
    /// The ref that keeps what was there.
    backup: Option<String>,
    /// An active run, whose next stage starts from this code.
    active: Option<RunId>,
}

impl RestoreArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let rest = Rest::of(&project)?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let goal = match &self.backup {
            Some(name) => Goal::backup(&project, &view, name)?,
            None => self.point(&project, &view)?,
        };
        let folder = context.workspace.canonicalize().unwrap_or_else(|_| context.workspace.clone());
        let only = (!self.paths.is_empty()).then(|| Pathspec { folder, patterns: self.paths.clone() });
        let asked = Asked {
            target: goal.commit,
            policy: policy(&view, goal.record.as_ref().map(|record| &record.plan))?,
            only: only.as_ref(),
            save: self.save,
            dry_run: self.dry_run,
            word: "restore",
            run: goal.record.as_ref().map(|record| &record.run),
        };
        let went = go_back(&project, &rest, &asked)?;
        let active = view.runs()?.into_iter().next().map(|run| run.run);
        answer(context, &Done::of(goal.commit, goal.is, went, self.dry_run, active))
    }

    fn point(&self, project: &Project, view: &TreeView<'_, '_>) -> Result<Goal, Failure> {
        let run = lookup::run_or_latest(view, self.what.as_deref().unwrap_or_default())?;
        let handoffs = Handoffs::of(project, view, &run)?;
        let at = handoffs.at(handoffs.point(self.to.as_deref().unwrap_or_default())?);
        let is = match at.point.strip_prefix("after ") {
            Some(launch) => format!("run {run} after {launch}"),
            None => format!("the {} of run {run}", at.point),
        };
        Ok(Goal { commit: at.commit, is, record: Some(handoffs.record) })
    }
}

/// Where to go.
struct Goal {
    commit: Oid,
    is: String,
    record: Option<RunRecord>,
}

impl Goal {
    fn backup(project: &Project, view: &TreeView<'_, '_>, name: &str) -> Result<Self, Failure> {
        let backup = backup_named(project, name)?;
        let record = match run_of_backup(project, &backup) {
            Some(run) => view.run_record(&run)?,
            None => None,
        };
        Ok(Self { commit: backup.commit, is: format!("the backup {}", backup.name), record })
    }
}

fn backup_named(project: &Project, text: &str) -> Result<Backup, Failure> {
    let text = text.strip_prefix("refs/millrace/backup/").unwrap_or(text);
    let all = backups::list(project)?;
    let found: Vec<&Backup> = match all.iter().find(|backup| backup.name == text) {
        Some(exact) => vec![exact],
        None => all.iter().filter(|backup| backup.name.starts_with(text)).collect(),
    };
    let names = |backups: &[&Backup]| {
        let newest: Vec<&str> = backups.iter().rev().take(NAMED).map(|backup| backup.name.as_str()).collect();
        newest.join(", ")
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] if all.is_empty() => {
            Err(Failure::failed(format!("there is no backup `{}`, nor any other", text.escape_debug())))
        }
        [] => Err(Failure::failed(format!("there is no backup `{}`", text.escape_debug()))
            .hint(format!("the newest are {}", names(&all.iter().collect::<Vec<_>>())))),
        several => {
            Err(Failure::input(format!("`{text}` begins {} backups: {}", several.len(), names(several)))
                .hint("type more of it"))
        }
    }
}

impl Done {
    pub(super) fn of(commit: Oid, is: String, went: WentBack, dry_run: bool, active: Option<RunId>) -> Self {
        let shown = |paths: Vec<crate::workspace::path::RepoPath>| {
            paths.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let alone = |paths: Vec<Unclear>| {
            paths.into_iter().map(|Unclear { path, why }| LeftAlone { path: path.to_string(), why }).collect()
        };
        Self {
            commit,
            is,
            dry_run,
            put_back: shown(went.put_back),
            removed: shown(went.removed),
            left_alone: alone(went.left_alone),
            in_the_way: alone(went.in_the_way),
            uncommitted: shown(went.uncommitted),
            backup: went.backup.map(|backup| backup.full()),
            active,
        }
    }

    /// How the program ends: what could not go back is a failure, though the rest of it went.
    pub(super) fn ends(&self) -> Exit {
        if self.in_the_way.is_empty() || self.dry_run { Exit::Done } else { Exit::Refused }
    }

    pub(super) fn about(&self, page: &mut Page) {
        let nothing = self.put_back.is_empty() && self.removed.is_empty();
        let holds = match (self.dry_run, nothing) {
            (_, true) => "holds it already",
            (true, false) => "would get it",
            (false, false) => "holds it now",
        };
        let holds = match self.in_the_way.len() {
            0 => holds.to_owned(),
            paths => format!("{holds}, except for {}", counted(paths, "path")),
        };
        page.line(format!("{}, commit {}: the work tree {holds}", self.is, self.commit.short()));
        let rows: Vec<Vec<String>> = self
            .put_back
            .iter()
            .map(|path| ("put back", path))
            .chain(self.removed.iter().map(|path| ("removed", path)))
            .map(|(what, path)| {
                let mark = if self.uncommitted.contains(path) { " (uncommitted)" } else { "" };
                vec![what.to_owned(), format!("{path}{mark}")]
            })
            .collect();
        page.indented("  ", &rows);
        let lists = [("not put back:", &self.in_the_way), ("left alone:", &self.left_alone)];
        for (head, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            page.line(head);
            let rows: Vec<Vec<String>> =
                list.iter().map(|one| vec![one.path.clone(), one.why.clone()]).collect();
            page.indented("  ", &rows);
        }
        if let Some(backup) = &self.backup {
            let name = backup.strip_prefix("refs/millrace/backup/").unwrap_or(backup);
            page.line(format!("what was there is kept at {backup}"));
            // Without `--save` it would be refused wherever HEAD has something else than the work tree has now.
            page.line(format!("`millrace restore --backup {name} --save` brings it back"));
        }
        if let Some(run) = self.active.as_ref().filter(|_| !self.dry_run && !nothing) {
            page.line(format!("run {run} is active: its next stage starts from this code"));
        }
    }
}

impl Answer for Done {
    const KIND: &'static str = "restore";

    fn text(&self, page: &mut Page) {
        self.about(page);
    }

    fn exit(&self) -> Exit {
        self.ends()
    }
}

impl From<GoingBackError> for Failure {
    fn from(error: GoingBackError) -> Self {
        match error {
            GoingBackError::Lock(error) => error.into(),
            GoingBackError::Store(error) => error.into(),
            GoingBackError::Transact(error) => error.into(),
            GoingBackError::Fault(fault) => fault.into(),
            GoingBackError::Bare(_) => Self::new(Exit::Repository, error),
            GoingBackError::Underway { .. } => Self::new(Exit::Busy, error),
            GoingBackError::Uncommitted(_) => Self::failed(error)
                .hint("commit or stash them, or let --save keep them first; --dry-run lists everything"),
            GoingBackError::Gone(_) => Self::failed(error).hint("no ref leads to it any more"),
            other => Self::failed(other),
        }
    }
}
