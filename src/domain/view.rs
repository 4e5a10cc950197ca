//! The view: what `decide`, `apply` and `schedule` may ask of a ledger's tree.
//!
//! Read-only and lazy: an implementation reads a record when it is asked for it, and at most once.

use std::rc::Rc;

use thiserror::Error;

use super::closure::{Target, Verdict};
use super::control::Control;
use super::ids::{ItemId, PlanId, RequestId, RunId};
use super::item::{ItemKind, ItemRef};
use super::oid::Oid;
use super::place::OpenState;
use super::plan::Plan;
use super::receipt::Receipt;
use super::recovery::Recovery;
use super::run::{Run, RunRecord};
use super::slot::{Slot, Turn};
use super::transition::input::Known;

/// The tree cannot be read, or a record in it is not what its place says. Never a fact about the work: nothing is
/// decided on it.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{at}: {detail}")]
pub struct Fault {
    /// The path in the ledger's tree, or an object id.
    pub at: String,
    /// What is wrong there.
    pub detail: String,
}

/// The state of a ledger, at one commit.
pub trait View {
    /// Whether there is a ledger at all: false only before genesis.
    fn exists(&self) -> Result<bool, Fault>;
    /// What governs the whole ledger.
    fn control(&self) -> Result<Control, Fault>;
    /// A frozen plan.
    fn plan(&self, plan: &PlanId) -> Result<Option<Rc<Plan>>, Fault>;
    /// What is known of an item since its intake; `None`: there never was one.
    fn known(&self, item: &ItemRef) -> Result<Option<Known>, Fault>;
    /// An item of the same kind whose id differs from this one only in case.
    fn twin(&self, item: &ItemRef) -> Result<Option<ItemId>, Fault>;
    /// Whether the item stands in this slot.
    fn stands_in(&self, item: &ItemRef, slot: &Slot) -> Result<bool, Fault>;
    /// Where the item stands; `None`: nowhere.
    fn slot(&self, item: &ItemRef) -> Result<Option<Slot>, Fault>;
    /// The queued item of this kind whose turn is next.
    fn next_queued(&self, kind: ItemKind) -> Result<Option<(ItemId, Turn)>, Fault>;
    /// The items of a kind in an open state; those with a turn in the order of their turns.
    fn standing(&self, kind: ItemKind, state: OpenState) -> Result<Vec<(ItemId, Slot)>, Fault>;
    /// The items of a kind that wait for this one.
    fn waiting_for(&self, kind: ItemKind, on: &ItemId) -> Result<Vec<(ItemId, Turn)>, Fault>;
    /// The runs that have not ended, in order of their ids.
    fn runs(&self) -> Result<Vec<Run>, Fault>;
    /// A run that has not ended.
    fn run(&self, run: &RunId) -> Result<Option<Run>, Fault>;
    /// What stays of a run.
    fn run_record(&self, run: &RunId) -> Result<Option<RunRecord>, Fault>;
    /// An item's trouble; `None`: it has none.
    fn recovery(&self, item: &ItemRef) -> Result<Option<Recovery>, Fault>;
    /// What an operator said when an item was let go on, until that has reached a stage that got somewhere.
    fn note(&self, item: &ItemRef) -> Result<Option<Oid>, Fault>;
    /// An idea's text, by its id.
    fn idea(&self, idea: &ItemId) -> Result<Option<Oid>, Fault>;
    /// The idea with this text.
    fn idea_of(&self, text: &Oid) -> Result<Option<ItemId>, Fault>;
    /// A root's closure target; `None`: it was never opened.
    fn target(&self, root: &ItemId) -> Result<Option<Target>, Fault>;
    /// What a run found when it judged a root.
    fn verdict(&self, root: &ItemId, run: &RunId) -> Result<Option<Verdict>, Fault>;
    /// The items of a root's lineage that are not closed, the root itself among them, in the order of their names.
    fn lineage(&self, root: &ItemId) -> Result<Vec<ItemRef>, Fault>;
    /// How a request was answered; `None`: it was not, or too long ago.
    fn receipt(&self, request: &RequestId) -> Result<Option<Receipt>, Fault>;
    /// The receipts that lie in one folder with this request's, with the numbers of the commits that answered.
    fn receipts_beside(&self, request: &RequestId) -> Result<Vec<(RequestId, u64)>, Fault>;
    /// The number of the commit that this state is of; 0 before genesis.
    fn seq(&self) -> Result<u64, Fault>;
}
