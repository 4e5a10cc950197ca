//! Recovery on request: what is derived from the ledger is compared with it, and made again where it is not there.
//!
//! Derived are the run branches, the folders of stages in the work tree, and the caches of snapshots. The ledger itself
//! is not touched; one that is damaged is [`super::repair`]'s business.

use thiserror::Error;

use super::going_back::Rest;
use super::project::Project;
use super::run_branch::{BranchError, Rebuilt, rebuild_all};
use super::snapshots;
use super::stage::history::launches;
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::place::TreePath;
use crate::domain::run::Run;
use crate::domain::stage_file;
use crate::domain::view::{Fault, View as _};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::ledger::view::TreeView;
use crate::workspace::mend_kept;
use crate::workspace::quarantine;
use crate::workspace::run_dir::{NoFollowError, StageDir};

/// Why something could not be made again.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A run branch cannot be made.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// A folder of the work tree cannot be used.
    #[error(transparent)]
    Folder(#[from] NoFollowError),
}

/// What was found not to be as the ledger has it, and what was done about it (or would be).
#[derive(Debug)]
pub enum Found {
    /// A run branch was gone, and is there again.
    BranchMade {
        /// The run.
        run: RunId,
        /// Its tip.
        tip: Oid,
    },
    /// A run branch was not what the ledger says, and is again.
    BranchMoved {
        /// The run.
        run: RunId,
        /// What it was.
        from: Oid,
        /// What it is.
        to: Oid,
        /// The ref that keeps what it was, where no other one does.
        kept: Option<String>,
    },
    /// A run branch belongs to no run, and is gone.
    BranchStale {
        /// The run it is called after.
        run: RunId,
        /// What it was.
        tip: Oid,
        /// The ref that keeps it, where no other one does.
        kept: Option<String>,
    },
    /// A ref below `refs/millrace/runs/` is called after no run at all. It is nobody's that we know, and stays.
    Foreign {
        /// The whole of its name.
        name: String,
    },
    /// A run branch cannot be made whole again: something of it is not in this repository any more.
    BranchLost {
        /// The run.
        run: RunId,
        /// What is missing, by the ids that git gives it.
        missing: Vec<String>,
        /// How far it goes; none: there is no branch.
        now: Option<Oid>,
    },
    /// Files of a stage's folder were gone, and are there again as the ledger has them.
    Folder {
        /// Where it is, in the work tree.
        folder: String,
        /// The files.
        files: Vec<String>,
    },
    /// The index that snapshots keep could not be read.
    Index,
    /// Folders that interrupted snapshots left.
    Quarantines(usize),
}

/// Makes again what is derived: of one run, or of all of them and the rest.
pub fn recover(
    project: &Project,
    _rest: &Rest,
    only: Option<&RunId>,
    dry_run: bool,
) -> Result<Vec<Found>, RecoveryError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let mut found = Vec::new();
    if !view.exists()? {
        return Ok(found);
    }
    // What a killed writer left is cleaned up by whoever takes the lock.
    if !dry_run {
        drop(project.store.writer(crate::domain::limits::LOCK_WAIT)?);
    }
    let runs = match only {
        Some(run) => vec![run.clone()],
        None => all_runs(&view)?,
    };
    found.extend(rebuild_all(project, &runs, dry_run)?.into_iter().filter_map(branch));
    if only.is_none() {
        for (run, tip) in project.store.runs()? {
            if view.run_record(&run)?.is_none() {
                let kept = if dry_run { None } else { snapshots::reset(project, &run, tip, None)? };
                let kept = kept.map(|backup| backup.full());
                found.push(Found::BranchStale { run, tip, kept });
            }
        }
        found.extend(foreign(project)?.into_iter().map(|name| Found::Foreign { name }));
    }
    for run in view.runs()?.iter().filter(|run| runs.contains(&run.run)) {
        found.extend(folders(project, &view, run, dry_run)?);
    }
    if only.is_none() && !project.repository.is_bare() {
        if !mend_kept(&project.repository, dry_run)? {
            found.push(Found::Index);
        }
        let left = if dry_run {
            quarantine::abandoned(&project.repository)
        } else {
            quarantine::clear(&project.repository)?
        };
        if left > 0 {
            found.push(Found::Quarantines(left));
        }
    }
    Ok(found)
}

/// Refs where the run branches are that no run can have.
pub fn foreign(project: &Project) -> Result<Vec<String>, StoreError> {
    let listed = GitCommand::new(&project.repository.common_dir, "for-each-ref")
        .args(["--format=%(refname)", "refs/millrace/runs/"])
        // A damaged ref makes git fail after it has listed the others.
        .output(&[])?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let of_a_run =
        |name: &&str| name.strip_prefix("refs/millrace/runs/").is_some_and(|id| id.parse::<RunId>().is_ok());
    Ok(listed.lines().filter(|name| !of_a_run(name)).map(str::to_owned).collect())
}

fn all_runs(view: &TreeView<'_, '_>) -> Result<Vec<RunId>, Fault> {
    let folder = crate::domain::place::runs_folder();
    let mut runs = Vec::new();
    for day in view.list(&folder)?.iter() {
        let path = path(format!("{folder}/{}", day.name))?;
        for entry in view.list(&path)?.iter() {
            runs.extend(entry.name.parse::<RunId>().ok());
        }
    }
    Ok(runs)
}

fn path(text: String) -> Result<TreePath, Fault> {
    TreePath::new(text.clone()).map_err(|error| Fault { at: text, detail: error.to_string() })
}

/// What became of a run branch; none where it is as the ledger has it.
fn branch(rebuilt: Rebuilt) -> Option<Found> {
    let Rebuilt { run, before, now, due, missing, kept } = rebuilt;
    if !missing.is_empty() {
        return Some(Found::BranchLost { run, missing, now });
    }
    match before {
        Some(from) if from == due => None,
        Some(from) => Some(Found::BranchMoved { run, from, to: due, kept }),
        None => Some(Found::BranchMade { run, tip: due }),
    }
}

/// The folders of the launches of an active run that have ended, as the ledger has them. One that has not ended is for
/// the next runtime to adopt.
fn folders(
    project: &Project,
    view: &TreeView<'_, '_>,
    run: &Run,
    dry_run: bool,
) -> Result<Vec<Found>, RecoveryError> {
    let Some(work_tree) = &project.repository.work_tree else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for past in launches(view, &run.run)? {
        let mut files = Vec::new();
        for entry in view.list(&past.folder)?.iter() {
            // What the runtime itself wrote down of the launch was never in its folder.
            let name = entry.name.as_str();
            let witnessed = name == stage_file::RESULT || stage_file::WITNESSED.contains(&name);
            if entry.folder || witnessed || stage_file::is_of_outbox(name) {
                continue;
            }
            if let Some(bytes) = view.file(&path(format!("{}/{}", past.folder, entry.name))?)? {
                files.push((entry.name.clone(), bytes));
            }
        }
        let dir =
            StageDir::new(work_tree, run.run.clone(), past.result.launch, past.result.stage.stage.clone());
        let missing = dir.complete(&files, dry_run)?;
        if !missing.is_empty() {
            let folder = dir.path();
            let folder = folder.strip_prefix(work_tree).unwrap_or(&folder).display().to_string();
            found.push(Found::Folder { folder, files: missing });
        }
    }
    Ok(found)
}
