//! Publishing a run: an ordinary branch for a pull request, made from the run branch.
//!
//! A reviewer wants what the run did, on the commit that it began from. Where the user had work that was not committed,
//! the run branch begins with it; on the published branch it is left out, as far as the run's own change applies without
//! it.

use std::path::PathBuf;

use thiserror::Error;

use super::project::Project;
use super::run_branch::{BranchError, closing_of};
use super::sharing::push::{is_ancestor, is_here, tree_of};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::plan::StageRef;
use crate::domain::run::RunRecord;
use crate::domain::view::{Fault, View as _};
use crate::ledger::commit::Commit;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{RefName, Store as _, StoreError};
use crate::ledger::transact::{TransactError, read_commit};
use crate::ledger::view::TreeView;

/// Paths that a refusal names.
const NAMED: usize = 5;

/// Why there is no branch.
#[derive(Debug, Error)]
pub enum NotPublished {
    /// The run goes on.
    #[error("run {run} has not ended: it is at {stage}")]
    Active {
        /// The run.
        run: RunId,
        /// Where it is.
        stage: StageRef,
    },
    /// Its code is not here.
    #[error("the code of run {run} is not here: commit {snapshot} is missing")]
    Gone {
        /// The run.
        run: RunId,
        /// Its last snapshot.
        snapshot: Oid,
    },
    /// There is nothing in it.
    #[error("run {run} changed nothing: there is nothing to publish")]
    Nothing {
        /// The run.
        run: RunId,
    },
    /// The name cannot be a branch's.
    #[error("{name} cannot be the name of a branch")]
    BadName {
        /// The name, in quotes.
        name: String,
    },
    /// The branch is somebody's work tree.
    #[error("branch {branch} is checked out in {place}")]
    CheckedOut {
        /// The branch.
        branch: String,
        /// The work tree.
        place: String,
    },
    /// The branch has something else.
    #[error("branch {branch} is there and stands at {found}, from which {wanted} does not go on")]
    Exists {
        /// The branch.
        branch: String,
        /// Where it stands.
        found: Oid,
        /// What it would get.
        wanted: Oid,
    },
    /// The change needs what the user had not committed.
    #[error(
        "what run {run} changed does not apply without the work that was not committed when it began: {paths}"
    )]
    Entangled {
        /// The run.
        run: RunId,
        /// Files that both have changed.
        paths: String,
    },
    /// The machine refused.
    #[error("cannot use {}: {source}", .path.display())]
    Io {
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

impl From<Fault> for NotPublished {
    fn from(fault: Fault) -> Self {
        Self::Transact(fault.into())
    }
}

impl From<BranchError> for NotPublished {
    fn from(error: BranchError) -> Self {
        match error {
            BranchError::Transact(error) => error.into(),
            BranchError::Store(error) => error.into(),
            BranchError::Fault(fault) => fault.into(),
            BranchError::NoSuchRun(run) => {
                Fault { at: run.to_string(), detail: "it has no record".to_owned() }.into()
            }
        }
    }
}

/// What the branch is to hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form {
    /// One commit instead of one for each stage.
    pub squash: bool,
    /// The user's uncommitted work as well, as the run branch has it.
    pub with_uncommitted: bool,
}

/// How the branch came to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is the run branch.
    AsIs,
    /// The stages' commits were made again on the commit that the run began from.
    Replayed,
    /// One commit was made of them.
    Squashed,
}

impl Made {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsIs => "as_is",
            Self::Replayed => "replayed",
            Self::Squashed => "squashed",
        }
    }
}

/// A branch that holds a run.
#[derive(Debug, Clone)]
pub struct Published {
    /// What the run worked on.
    pub item: ItemRef,
    /// The commit that the branch stands at.
    pub tip: Oid,
    /// Where it stood before; none where it is new.
    pub before: Option<Oid>,
    /// The commit that the run began from.
    pub base: Option<Oid>,
    /// How it was made.
    pub made: Made,
    /// Whether the run began with work that was not committed.
    pub uncommitted: bool,
}

/// Makes a branch of a run that has ended. Nothing else is touched, and nothing is pushed.
pub fn publish(
    project: &Project,
    view: &TreeView<'_, '_>,
    run: &RunId,
    branch: &str,
    form: Form,
) -> Result<Published, NotPublished> {
    let full = checked_name(project, branch)?;
    let lacks = || Fault { at: run.to_string(), detail: "it has no record".to_owned() };
    let record = view.run_record(run)?.ok_or_else(lacks)?;
    let Some(end) = &record.end else {
        let stage = view.run(run)?.map(|active| active.stage).ok_or_else(lacks)?;
        return Err(NotPublished::Active { run: run.clone(), stage });
    };
    for needed in [end.snapshot, record.start] {
        if !is_here(project, needed)? {
            return Err(NotPublished::Gone { run: run.clone(), snapshot: needed });
        }
    }
    let tip = last(project, run, end.snapshot)?;
    if tree_of(project, record.start)? == tree_of(project, tip)? {
        return Err(NotPublished::Nothing { run: run.clone() });
    }
    let uncommitted = super::sharing::push::holds_uncommitted_work(project, &record)?;
    let (wanted, made) = if form.squash {
        (squashed(project, view, &record, tip, form.with_uncommitted)?, Made::Squashed)
    } else if uncommitted && !form.with_uncommitted {
        (replayed(project, &record, tip)?, Made::Replayed)
    } else {
        (tip, Made::AsIs)
    };
    let before = stands_at(project, branch, &full)?;
    if let Some(found) = before.filter(|found| *found != wanted)
        && !is_ancestor(project, found, wanted)?
    {
        return Err(NotPublished::Exists { branch: branch.to_owned(), found, wanted });
    }
    if before != Some(wanted) {
        let zero = "0".repeat(wanted.to_string().len());
        GitCommand::new(&project.repository.git_dir, "update-ref")
            .config("core.fsync", "all")
            .args(["--create-reflog", "-m"])
            .arg(format!("millrace: run {run}"))
            .args([full, wanted.to_string(), before.map_or(zero, |found| found.to_string())])
            .run(&[])?;
    }
    Ok(Published { item: record.item, tip: wanted, before, base: record.base, made, uncommitted })
}

/// The full name of a branch, if it can be one.
fn checked_name(project: &Project, branch: &str) -> Result<String, NotPublished> {
    let bad = || NotPublished::BadName { name: crate::format::quote::quoted(branch) };
    if branch.starts_with('-') || branch == "HEAD" || branch.starts_with("refs/") {
        return Err(bad());
    }
    let answer = GitCommand::new(&project.repository.git_dir, "check-ref-format")
        .args(["--branch", branch])
        .output(&[])?;
    // What stands for another name (`@{-1}`) is none itself.
    if !answer.status.success() || String::from_utf8_lossy(&answer.stdout).trim_end_matches('\n') != branch {
        return Err(bad());
    }
    Ok(format!("refs/heads/{branch}"))
}

/// Where a branch stands, if it is there. Refuses one that a work tree has checked out.
fn stands_at(project: &Project, branch: &str, full: &str) -> Result<Option<Oid>, NotPublished> {
    let text = GitCommand::new(&project.repository.git_dir, "for-each-ref")
        .args(["--format=%(objectname) %(refname) %(worktreepath)", full])
        .text()?;
    let found = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ' ');
        let (oid, name, place) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        (name == full).then(|| (oid.parse::<Oid>().ok(), place.to_owned()))
    });
    let checked_out = |place: String| NotPublished::CheckedOut { branch: branch.to_owned(), place };
    match found {
        Some((_, place)) if !place.is_empty() => Err(checked_out(place)),
        Some((oid, _)) => Ok(oid),
        None => {
            // A branch that has no commit yet is checked out all the same.
            let head = project.repository.head().ok().and_then(|head| head.branch);
            match &project.repository.work_tree {
                Some(place) if head.as_deref() == Some(full) => Err(checked_out(place.display().to_string())),
                _ => Ok(None),
            }
        }
    }
}

/// The last commit of a run's branch that holds the code which the ledger names: its closing commit, where the branch
/// stands there and no stage was cut off before it.
fn last(project: &Project, run: &RunId, snapshot: Oid) -> Result<Oid, NotPublished> {
    let Some(found) = project.store.resolve(&RefName::Run(run.clone()))? else { return Ok(snapshot) };
    if found == snapshot {
        return Ok(snapshot);
    }
    let ledger = project.store.resolve(&RefName::State)?;
    let due = closing_of(&project.store, ledger, vec![run.clone()])?.remove(run);
    let code = tree_of(project, snapshot)?;
    Ok(due
        .filter(|due| due.oid == found && due.commit.tree.to_string() == code)
        .map_or(snapshot, |due| due.oid))
}

/// The run's commits after its first snapshot, made again on the commit that it began from.
fn replayed(project: &Project, record: &RunRecord, tip: Oid) -> Result<Oid, NotPublished> {
    let text = GitCommand::new(&project.repository.git_dir, "rev-list")
        .args(["--reverse", "--first-parent"])
        .arg(format!("{}..{tip}", record.start))
        .text()?;
    let mut parent = record.base;
    let mut made = None;
    for line in text.lines() {
        let damaged = || Fault { at: line.to_owned(), detail: "not an object id".to_owned() };
        let oid: Oid = line.parse().map_err(|_| damaged())?;
        let original = read_commit(&project.store, oid)?;
        let tree = tree_without_uncommitted(project, record, oid)?;
        // A closing commit names the last stage's snapshot already.
        let own = original.message.lines().filter(|line| !line.starts_with("Millrace-Snapshot: "));
        let own = own.collect::<Vec<_>>().join("\n");
        let message = format!("{}\nMillrace-Snapshot: {oid}\n", own.trim_end_matches('\n'));
        let commit = Commit { tree, parents: parent.into_iter().collect(), message, ..original };
        let oid = write(project, &commit)?;
        (parent, made) = (Some(oid), Some(oid));
    }
    made.ok_or_else(|| NotPublished::Nothing { run: record.run.clone() })
}

/// One commit with all that the run changed.
fn squashed(
    project: &Project,
    view: &TreeView<'_, '_>,
    record: &RunRecord,
    tip: Oid,
    with_uncommitted: bool,
) -> Result<Oid, NotPublished> {
    let last = read_commit(&project.store, tip)?;
    let tree = if with_uncommitted { last.tree } else { tree_without_uncommitted(project, record, tip)? };
    let known = view.known(&record.item)?;
    let title = known.map_or_else(|| record.item.id.to_string(), |known| known.intake.title);
    let title = crate::format::message::one_line(&title, 120);
    let title = if title.is_empty() { record.item.id.to_string() } else { title };
    let run = &record.run;
    let (item, plan) = (&record.item, &record.plan);
    let message = format!(
        "{title}\n\nWhat run {run} changed, as one commit.\n\nMillrace-Run: {run}\nMillrace-Item: {item}\n\
         Millrace-Plan: {plan}\nMillrace-Snapshot: {tip}\n"
    );
    let parents = record.base.into_iter().collect();
    let author = last.committer.clone();
    write(project, &Commit { tree, parents, author, message, ..last })
}

/// The tree of a snapshot without what the user had not committed when the run began.
fn tree_without_uncommitted(project: &Project, record: &RunRecord, oid: Oid) -> Result<Oid, NotPublished> {
    let git = |subcommand: &str| GitCommand::new(&project.repository.git_dir, subcommand);
    let patch = git("diff-tree")
        .config("diff.noprefix", "false")
        .config("diff.mnemonicPrefix", "false")
        .args([
            "-p",
            "--binary",
            "--full-index",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
        ])
        .args(["--no-relative", "--ignore-submodules=none", "--submodule=short", "--end-of-options"])
        .args([record.start.to_string(), oid.to_string()])
        .run(&[])?;
    let private = project.store.private_dir();
    let io = |source| NotPublished::Io { path: private.clone(), source };
    let scratch = tempfile::Builder::new().prefix("publish-").tempdir_in(&private).map_err(io)?;
    let index = scratch.path().join("index");
    let read = git("read-tree").env("GIT_INDEX_FILE", &index);
    match record.base {
        Some(base) => read.arg(base.to_string()).run(&[])?,
        None => read.arg("--empty").run(&[])?,
    };
    if !patch.is_empty() {
        let applied = git("apply")
            .env("GIT_INDEX_FILE", &index)
            .config("apply.whitespace", "nowarn")
            .config("apply.ignoreWhitespace", "no")
            .config("core.fsync", "all")
            .args(["--cached", "--whitespace=nowarn", "-"])
            .output(&patch)?;
        if !applied.status.success() {
            return Err(NotPublished::Entangled {
                run: record.run.clone(),
                paths: both_changed(project, record, oid)?,
            });
        }
    }
    let text = git("write-tree").env("GIT_INDEX_FILE", &index).config("core.fsync", "all").text()?;
    text.parse()
        .map_err(|_| StoreError::Git { action: "git write-tree".to_owned(), detail: text.clone() }.into())
}

/// The files that the user had changed and not committed, and the run changed as well.
fn both_changed(project: &Project, record: &RunRecord, oid: Oid) -> Result<String, NotPublished> {
    use crate::workspace::changes::diff;
    let Some(base) = record.base else { return Ok("there was no commit at all".to_owned()) };
    let users: Vec<_> =
        diff(&project.repository, base, record.start)?.into_iter().map(|one| one.path).collect();
    let mut both: Vec<String> = diff(&project.repository, record.start, oid)?
        .into_iter()
        .filter(|change| users.contains(&change.path))
        .map(|change| change.path.to_string())
        .collect();
    let more = both.len().saturating_sub(NAMED);
    both.truncate(NAMED);
    if more > 0 {
        both.push(format!("and {more} more"));
    }
    Ok(both.join(", "))
}

/// Writes a commit, durably.
fn write(project: &Project, commit: &Commit) -> Result<Oid, NotPublished> {
    let output = GitCommand::new(&project.repository.git_dir, "hash-object")
        .config("core.fsync", "all")
        .args(["-t", "commit", "-w", "--stdin"])
        .run(&commit.render())?;
    let text = String::from_utf8_lossy(&output);
    text.trim().parse().map_err(|_| {
        StoreError::Git { action: "git hash-object".to_owned(), detail: text.trim().to_owned() }.into()
    })
}
