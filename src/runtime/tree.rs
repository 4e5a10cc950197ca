//! The work tree between stages: what has to go back first, and what keeps anything from starting.

use thiserror::Error;

use super::backups;
use super::left_behind;
use super::project::Project;
use super::sharing::push::is_here;
use super::snapshots::SnapError;
use crate::domain::control::Owed;
use crate::domain::oid::Oid;
use crate::domain::plan::BetweenItems;
use crate::domain::run::Run;
use crate::domain::schedule::Wait;
use crate::domain::transition::input::Input;
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::{Fault, View as _};
use crate::format::count::counted;
use crate::ledger::store::StoreError;
use crate::ledger::transact::TransactError;
use crate::workspace::head::Head;
use crate::workspace::path::RepoPath;
use crate::workspace::restore::{RestoreError, RestorePlan, lacks, plan_restore, restore, still_held};

/// Names that a wait lists.
const NAMED: usize = 10;

/// Why the tree could not be settled.
#[derive(Debug, Error)]
pub enum TreeError {
    /// The workspace floor failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The ledger failed.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The code cannot be kept.
    #[error(transparent)]
    Snapshot(Box<SnapError>),
    /// The tree of the ledger cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<SnapError> for TreeError {
    fn from(error: SnapError) -> Self {
        Self::Snapshot(Box::new(error))
    }
}

/// Pays what the work tree owes, by the plan's rule; a wait where that is not clear-cut.
pub fn settle(project: &Project, owed: &Owed) -> Result<Option<Wait>, TreeError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let record = view.run_record(&owed.run)?;
    let ended = view.run(&owed.run)?.is_none();
    let policy = match record {
        Some(record) => view.plan(&record.plan)?.map(|plan| plan.workspace.between_items),
        None => None,
    };
    // What never came here was never in this work tree.
    if ended && !is_here(project, owed.from)? {
        settled(project, owed, 0, None)?;
        return Ok(None);
    }
    // Going back within a run is no matter of taste: its next stage starts from a decided tree.
    let waits = ended && policy == Some(BetweenItems::Wait);
    let paths = if waits {
        let held = still_held(&project.repository, owed.to, owed.from)?;
        if !held.is_empty() {
            let names: Vec<String> = held.iter().take(NAMED).map(ToString::to_string).collect();
            return Ok(Some(wait(
                "work_tree_held",
                format!(
                    "the work tree still holds what run {} changed ({}: {}); commit, stash or undo it",
                    owed.run,
                    counted(held.len(), "path"),
                    names.join(", ")
                ),
            )));
        }
        0
    } else {
        let mut plan = plan_restore(&project.repository, owed.to, owed.from)?;
        if let Some(ended_at) = owed.ended_at {
            plan.spare_touched_after(ended_at);
        }
        if !plan.unclear.is_empty() {
            let names: Vec<String> =
                plan.unclear.iter().take(NAMED).map(|one| format!("{} ({})", one.path, one.why)).collect();
            return Ok(Some(wait(
                "work_tree_unclear",
                format!(
                    "run {} changed files that somebody has touched since; they are left alone: {}; put each back as \
                     it is in commit {}, what is not in there out of the work tree",
                    owed.run,
                    names.join(", "),
                    owed.to.short()
                ),
            )));
        }
        carry_out(project, &plan, owed.from)?;
        (plan.put_back.len() + plan.remove.len()) as u64
    };
    settled(project, owed, paths, None)?;
    Ok(None)
}

/// Changes the work tree, which has `holds` in every path that is changed. A ref leads to that first.
pub(super) fn carry_out(project: &Project, plan: &RestorePlan, holds: Oid) -> Result<(), TreeError> {
    if !plan.is_done() {
        let why = "the work tree before it went back: no run branch led to it any more";
        backups::keep_unless_held(project, holds, "work", why)?;
    }
    Ok(restore(&project.repository, plan)?)
}

/// Says that the work tree holds what it owed. Where the debt has changed meanwhile (its run was cancelled), the new one
/// stands, and the next look finds it.
pub fn settled(
    project: &Project,
    owed: &Owed,
    paths: u64,
    snapshot: Option<Oid>,
) -> Result<(), TransactError> {
    let input = Input::TreeSettled { run: owed.run.clone(), paths, to: Some(owed.to), snapshot };
    match project.note(&input) {
        Ok(_) | Err(TransactError::Refused(Refusal::NothingOwed { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What about the repository keeps any stage from starting now.
#[must_use]
pub fn obstacle(project: &Project, run: Option<&Run>) -> Option<Wait> {
    if let Some(operation) = project.repository.in_progress() {
        return Some(wait(
            "repository_busy",
            format!("a {} is in progress in this work tree; finish or abort it", operation.as_str()),
        ));
    }
    let run = run?;
    match project.repository.head() {
        Err(error) => Some(wait("head_unreadable", error.to_string())),
        Ok(head) if head.branch != run.branch => Some(wait(
            "branch_switched",
            format!(
                "run {} began on {}, and the work tree is on {}; switch back{}, or cancel {}",
                run.run,
                branch(run.branch.as_deref()),
                branch(head.branch.as_deref()),
                if head.oid == run.base { "" } else { " and merge what was committed there" },
                run.item
            ),
        )),
        Ok(head) => without_code(project, run, &head).unwrap_or_else(|error| {
            // Whoever takes the next snapshot says so.
            tracing::warn!(%error, "whether the work tree holds what the run changed is not known");
            None
        }),
    }
}

/// That a stage would take a work tree for what was made which has not what was made.
fn without_code(project: &Project, run: &Run, head: &Head) -> Result<Option<Wait>, StoreError> {
    match not_come(project, run)? {
        Some(detail) => Ok(Some(wait("code_missing", detail))),
        None => left_behind::lost(project, run, head),
    }
}

/// That the code of a run is not in this repository, and where it is to come from; none where it is here.
pub fn not_come(project: &Project, run: &Run) -> Result<Option<String>, StoreError> {
    Ok((!is_here(project, run.snapshot)?).then(|| {
        format!(
            "the code of run {} is not in this repository: `millrace share REMOTE --runs` where it was begun, then \
             `millrace fetch REMOTE`; or cancel {}",
            run.run, run.item
        )
    }))
}

/// What the work tree lacks of the code of a run that came from another machine, what was uncommitted there when it
/// began included.
pub fn lacking(project: &Project, run: &Run) -> Result<Vec<RepoPath>, TreeError> {
    Ok(lacks(&project.repository, run.base.unwrap_or(run.start), run.snapshot)?)
}

/// A few paths, and how many more there are.
pub fn names(paths: &[RepoPath]) -> String {
    let mut names: Vec<String> = paths.iter().take(NAMED).map(ToString::to_string).collect();
    if paths.len() > NAMED {
        names.push(format!("and {} more", paths.len() - NAMED));
    }
    names.join(", ")
}

fn branch(name: Option<&str>) -> &str {
    name.map_or("a detached HEAD", |name| name.strip_prefix("refs/heads/").unwrap_or(name))
}

/// A wait that something outside has to end.
#[must_use]
pub fn wait(cause: &str, detail: String) -> Wait {
    Wait { until: None, cause: cause.to_owned(), detail }
}
