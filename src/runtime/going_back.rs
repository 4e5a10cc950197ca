//! Going back: a snapshot's code into the work tree, when nothing works there, after what is there was kept.
//!
//! The order is the promise: the code as it is now is taken, what differs is found, and only when the snapshot of now is
//! durable below a ref of ours is the first file changed. A crash at any point leaves every file as it was or as it is to
//! be; asked again, the rest is done.

use thiserror::Error;

use super::backups::{self, Backup};
use super::daemon::program;
use super::daemon_lock::{DaemonLock, DaemonLockError};
use super::project::Project;
use crate::domain::ids::{PlanId, RunId};
use crate::domain::oid::Oid;
use crate::domain::plan::SnapshotPolicy;
use crate::domain::view::{Fault, View as _};
use crate::format::count::counted;
use crate::ledger::store::{NewObjects, ObjectKind, Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::ledger::view::TreeView;
use crate::workspace::changes::Pathspec;
use crate::workspace::going_back::{Distance, DistanceError, Wanted, distance};
use crate::workspace::head::InProgress;
use crate::workspace::path::RepoPath;
use crate::workspace::restore::{RestoreError, Unclear, restore};
use crate::workspace::snapshot_rules::{BadPattern, DEFAULT_MAX_FILE_BYTES, SnapshotRules};

/// Names that a refusal lists.
const NAMED: usize = 5;

/// Why the work tree was not changed, or not to its end.
#[derive(Debug, Error)]
pub enum GoingBackError {
    /// There is no work tree.
    #[error("{0} is a bare repository: it has no work tree")]
    Bare(String),
    /// A runtime works here.
    #[error(transparent)]
    Lock(#[from] DaemonLockError),
    /// The user is in the middle of something.
    #[error("a {0} is in progress in this work tree; finish or abort it first")]
    InProgress(InProgress),
    /// A stage may still be writing.
    #[error("launch {launch} of run {run} has no end yet; the next runtime finds out what became of it")]
    Underway {
        /// The run.
        run: RunId,
        /// The launch's number.
        launch: u32,
    },
    /// The commit is not there.
    #[error("commit {} is no longer in this repository", .0.short())]
    Gone(Oid),
    /// Something would be lost. Nothing was changed.
    #[error("{} would be overwritten or removed: {}", counted(.0.len(), "uncommitted change"), names(.0))]
    Uncommitted(Vec<RepoPath>),
    /// It failed on the way; what was there is kept.
    #[error("{source}; what was there is kept at {}", .backup.full())]
    OnTheWay {
        /// What failed.
        source: Box<RestoreError>,
        /// Where it is kept.
        backup: Backup,
    },
    /// The rules of what snapshots leave out are wrong.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// It is not known what stands between.
    #[error(transparent)]
    Distance(#[from] DistanceError),
    /// The work tree could not be changed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A few of them, and how many more there are.
fn names(paths: &[RepoPath]) -> String {
    let mut names: Vec<String> = paths.iter().take(NAMED).map(ToString::to_string).collect();
    if paths.len() > NAMED {
        names.push(format!("and {} more", paths.len() - NAMED));
    }
    names.join(", ")
}

/// That no runtime works in this repository, and none begins to while this is held.
#[derive(Debug)]
pub struct Rest {
    _lock: DaemonLock,
}

impl Rest {
    /// Takes the place of a runtime.
    pub fn of(project: &Project) -> Result<Self, GoingBackError> {
        Ok(Self { _lock: DaemonLock::take(&project.store.private_dir(), &program())? })
    }
}

/// What the work tree is to hold, and how.
#[derive(Debug)]
pub struct Asked<'a> {
    /// A commit whose code is wanted.
    pub target: Oid,
    /// What snapshots leave out.
    pub policy: SnapshotPolicy,
    /// The paths that are meant, where not all are.
    pub only: Option<&'a Pathspec>,
    /// Whether uncommitted changes may be overwritten once they are kept.
    pub save: bool,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Who asks: `restore` or `recover`. The backup is called so.
    pub word: &'static str,
    /// The run that the code is of, where it is of one.
    pub run: Option<&'a RunId>,
}

/// What was done, or would be.
#[derive(Debug)]
pub struct WentBack {
    /// Files that have the snapshot's content.
    pub put_back: Vec<RepoPath>,
    /// Files that are not in the snapshot and are gone.
    pub removed: Vec<RepoPath>,
    /// What stays as it is, and why.
    pub left_alone: Vec<Unclear>,
    /// What should go back and cannot, and why.
    pub in_the_way: Vec<Unclear>,
    /// Of the first two, what the user has otherwise than in `HEAD`.
    pub uncommitted: Vec<RepoPath>,
    /// Where what was there is kept.
    pub backup: Option<Backup>,
}

/// Puts a commit's code into the work tree.
pub fn go_back(project: &Project, _rest: &Rest, asked: &Asked<'_>) -> Result<WentBack, GoingBackError> {
    if project.repository.is_bare() {
        return Err(GoingBackError::Bare(project.repository.git_dir.display().to_string()));
    }
    if let Some(operation) = project.repository.in_progress() {
        return Err(GoingBackError::InProgress(operation));
    }
    nothing_underway(project)?;
    match project.store.read(asked.target) {
        Ok((ObjectKind::Commit, _)) => {}
        Ok(_) | Err(StoreError::Missing(_)) => return Err(GoingBackError::Gone(asked.target)),
        Err(error) => return Err(error.into()),
    }
    let by = project.signature()?;
    let message = message(asked);
    let wanted = Wanted {
        target: asked.target,
        rules: SnapshotRules::new(asked.policy.max_file_bytes, &asked.policy.exclude)?,
        only: asked.only,
        message: &message,
        by: &by,
    };
    let Distance { now, plan, left_alone, in_the_way, uncommitted } = distance(&project.repository, wanted)?;
    if !uncommitted.is_empty() && !asked.save && !asked.dry_run {
        return Err(GoingBackError::Uncommitted(uncommitted));
    }
    let mut backup = None;
    if !asked.dry_run && !plan.is_done() {
        if asked.save {
            let objects = NewObjects::Quarantine {
                directory: now.quarantine.path().to_owned(),
                want: now.commit,
                have: now.have.clone(),
            };
            let why = message.lines().next().unwrap_or_default();
            backup = Some(backups::keep(project, now.commit, &objects, asked.word, why)?);
        }
        // Where nothing is uncommitted, `HEAD` has all that goes.
        restore(&project.repository, &plan).map_err(|source| match &backup {
            Some(backup) => GoingBackError::OnTheWay { source: Box::new(source), backup: backup.clone() },
            None => source.into(),
        })?;
    }
    Ok(WentBack {
        put_back: plan.put_back,
        removed: plan.remove,
        left_alone,
        in_the_way,
        uncommitted,
        backup,
    })
}

fn message(asked: &Asked<'_>) -> String {
    let run = asked.run.map_or_else(String::new, |run| format!("Millrace-Run: {run}\n"));
    format!(
        "backup: the work tree before {word}\n\nThe code as it was before the work tree got that of {target}; \
         uncommitted work included.\n\nMillrace-Backup: {word}\n{run}",
        word = asked.word,
        target = asked.target
    )
}

/// A launch without an end may be somebody who still writes.
fn nothing_underway(project: &Project) -> Result<(), GoingBackError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    if !view.exists()? {
        return Ok(());
    }
    for run in view.runs()? {
        if let Some(launch) = &run.launch {
            return Err(GoingBackError::Underway { run: run.run.clone(), launch: launch.number });
        }
    }
    Ok(())
}

/// What the snapshots of a plan leave out; of the selected one where this is not there, and of none the usual.
pub fn policy(view: &TreeView<'_, '_>, plan: Option<&PlanId>) -> Result<SnapshotPolicy, Fault> {
    let usual = SnapshotPolicy { exclude: Vec::new(), max_file_bytes: DEFAULT_MAX_FILE_BYTES };
    if !view.exists()? {
        return Ok(usual);
    }
    let of = |plan: Option<&PlanId>| match plan {
        Some(plan) => Ok::<_, Fault>(view.plan(plan)?.map(|plan| plan.snapshot.clone())),
        None => Ok(None),
    };
    Ok(match of(plan)? {
        Some(policy) => policy,
        None => of(view.control()?.plan.as_ref())?.unwrap_or(usual),
    })
}

/// The run that a backup was made for, by its trailer.
pub fn run_of_backup(project: &Project, backup: &Backup) -> Option<RunId> {
    let (_, bytes) = project.store.read(backup.commit).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().find_map(|line| line.strip_prefix("Millrace-Run: ")?.parse().ok())
}
