//! Moves that are not allowed, by name. A refusal is a fact about the state: nothing was changed, and asking again
//! gives the same answer until the state changes.

use jiff::Timestamp;
use thiserror::Error;

use crate::domain::ids::{ItemId, PlanId, ResultName, RunId, StageName};
use crate::domain::item::ItemRef;
use crate::domain::slot::Slot;

/// Why an input was refused.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Genesis on a ledger that exists.
    #[error("there is a ledger already")]
    LedgerExists,
    /// Anything else on one that does not.
    #[error("there is no ledger yet")]
    NoLedger,
    /// More documents than one transition takes.
    #[error("{count} documents in one call; at most {limit} are taken together")]
    TooManyDocuments {
        /// How many there were.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The id is taken by another document.
    #[error("{item} exists already ({state}) with other content; take another id")]
    DifferentDocument {
        /// The item.
        item: ItemRef,
        /// Where it stands.
        state: String,
    },
    /// The id differs from another only in case.
    #[error("{item} differs from the existing {twin} only in case; take another id")]
    CaseTwin {
        /// The new item.
        item: ItemRef,
        /// The existing one's id.
        twin: ItemId,
    },
    /// One call brings two documents with one id.
    #[error("{item} is in this call twice, with different content")]
    TwiceInOneCall {
        /// The item.
        item: ItemRef,
    },
    /// Its dependencies lead back to itself.
    #[error("{item} depends on itself: {}", .cycle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> "))]
    DependencyCycle {
        /// The item.
        item: ItemRef,
        /// The way round, beginning and ending with the item.
        cycle: Vec<ItemId>,
    },
    /// No plan is selected.
    #[error("no plan is selected: compile one first")]
    NoPlan,
    /// The run's plan is not in the ledger.
    #[error("{plan} is not in the ledger")]
    UnknownPlan {
        /// The plan.
        plan: PlanId,
    },
    /// The plan does not take items of this kind.
    #[error("the selected plan has no entry stage for {item}")]
    NoEntry {
        /// The item.
        item: ItemRef,
    },
    /// The item is not where the input says.
    #[error("{item} is not {expected}")]
    NotThere {
        /// The item.
        item: ItemRef,
        /// Where it should stand.
        expected: Slot,
    },
    /// There is no such item.
    #[error("there is no {item}")]
    NoSuchItem {
        /// The item.
        item: ItemRef,
    },
    /// The item is closed.
    #[error("{item} is {state} already")]
    AlreadyClosed {
        /// The item.
        item: ItemRef,
        /// `done` or `archived`.
        state: &'static str,
    },
    /// A run has that id already.
    #[error("run {run} exists already")]
    RunExists {
        /// The run.
        run: RunId,
    },
    /// No such run is active.
    #[error("no run {run} is active")]
    NoSuchRun {
        /// The run.
        run: RunId,
    },
    /// A work tree takes one run at a time.
    #[error("run {run} is active in this work tree; one run at a time")]
    RunActive {
        /// The active run.
        run: RunId,
    },
    /// The run's stage is launched and has not ended.
    #[error("run {run} has a stage under way (launch {launch})")]
    StageUnderWay {
        /// The run.
        run: RunId,
        /// Its outstanding launch.
        launch: u32,
    },
    /// The run is to end, not to go on.
    #[error("run {run} is being cancelled")]
    Cancelling {
        /// The run.
        run: RunId,
    },
    /// The result belongs to a launch that is no longer outstanding.
    #[error("late result for run {run}: its launch is no longer the current one")]
    LateResult {
        /// The run.
        run: RunId,
    },
    /// The work tree still holds what a run left.
    #[error("the work tree still holds what run {run} left behind")]
    TreeOwed {
        /// That run.
        run: RunId,
    },
    /// Nothing is owed to the work tree.
    #[error("the work tree owes nothing to run {run}")]
    NothingOwed {
        /// The run named in the input.
        run: RunId,
    },
    /// Dispatch rests.
    #[error("dispatch rests ({cause}): {detail}")]
    Paused {
        /// The cause's key.
        cause: String,
        /// In words.
        detail: String,
        /// When it tries again by itself.
        until: Option<Timestamp>,
    },
    /// The plan has no edge for that report.
    #[error("the plan has no edge for {stage} {result}")]
    NoEdge {
        /// The stage.
        stage: StageName,
        /// What it reported.
        result: ResultName,
    },
    /// A handoff brings another document than an incident.
    #[error("a handoff opens incidents, and {item} is none")]
    NotAnIncident {
        /// What it brings.
        item: ItemRef,
    },
    /// A file name that cannot be placed.
    #[error("`{name}` cannot be the name of a kept file")]
    BadName {
        /// The name.
        name: String,
    },
}
