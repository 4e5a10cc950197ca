//! The beginning of a run: snapshot 0, the code as it is now with uncommitted work included, on the run's own branch.
//! A run that does not come to be leaves no branch.

use super::super::evidence::Secrets;
use super::super::project::Project;
use super::super::snapshots::{self, Place, Says};
use super::super::source;
use super::context::StageError;
use crate::domain::ids::{ItemId, PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::plan::Plan;
use crate::domain::slot::Turn;
use crate::domain::transition::input::{Claim, Judge};
use crate::ledger::store::StoreError;

/// A run branch that stands on snapshot 0, and where the user stands.
pub(crate) struct Opening {
    pub(crate) run: RunId,
    pub(crate) base: Option<Oid>,
    pub(crate) start: Oid,
    branch: Option<String>,
}

impl Opening {
    /// Takes snapshot 0 for a run on this item.
    pub(crate) fn take(
        project: &Project,
        plan_id: &PlanId,
        plan: &Plan,
        item: &ItemRef,
    ) -> Result<Self, StageError> {
        let run = source::run_id(source::now()).map_err(StageError::io("get a random run id"))?;
        let head = project
            .repository
            .head()
            .map_err(|error| StageError::Store(StoreError::Unsupported(error.to_string())))?;
        let stands_on =
            head.oid.map_or_else(|| "no commit".to_owned(), |oid| format!("commit {}", oid.short()));
        let says = Says {
            subject: format!("start: {}", item.id),
            changed: Some(format!(
                "What was not committed when the run began, on top of {stands_on}; no stage has run yet."
            )),
            unchanged: Some(format!(
                "Nothing was uncommitted when the run began: the code is that of {stands_on}."
            )),
            trailers: vec![
                ("Run", run.to_string()),
                ("Item", item.to_string()),
                ("Plan", plan_id.to_string()),
            ],
        };
        let place = Place { run: &run, tip: None, parent: head.oid, began: None, even_unchanged: true };
        let secrets = Secrets::here(project)?;
        let taken = snapshots::take(project, &plan.snapshot, &place, &project.person()?, &says, &secrets)?
            .ok_or_else(|| StageError::Plan { plan: plan_id.clone(), detail: "no snapshot 0".to_owned() })?;
        Ok(Self { run, base: head.oid, branch: head.branch, start: taken.commit })
    }

    /// What claims the item at this place in the queue.
    pub(crate) fn claim(&self, item: &ItemRef, turn: Turn) -> Claim {
        Claim { item: item.clone(), turn, base: self.base, branch: self.branch.clone(), start: self.start }
    }

    /// What has the root judged on this code.
    pub(super) fn judge(&self, root: &ItemId) -> Judge {
        Judge { root: root.clone(), base: self.base, branch: self.branch.clone(), start: self.start }
    }

    /// The ledger refused: the branch goes.
    pub(crate) fn undo(&self, project: &Project) -> Result<(), StoreError> {
        snapshots::forget(project, &self.run, self.start, None)
    }
}
