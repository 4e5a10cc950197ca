//! Moves that are not allowed, by name. A refusal is a fact about the state: nothing was changed, and asking again
//! gives the same answer until the state changes.

use jiff::Timestamp;
use thiserror::Error;

use crate::domain::ids::{CriterionId, ItemId, PlanId, RequestId, ResultName, RunId, SessionId, StageName};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::plan::StageRef;
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
    /// A run that goes on with an earlier one's work, without the code that it stands on.
    #[error("run {run} goes on with earlier work: settling its tree takes a snapshot")]
    NoSnapshot {
        /// The run.
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
    /// More documents in an outbox than one handoff takes.
    #[error("{count} documents in the outbox; at most {limit} are taken with one handoff")]
    OutboxFull {
        /// How many there were.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The stage may not create documents of this kind.
    #[error("{stage} may not create {item}: the plan lets it create {allowed}")]
    MayNotCreate {
        /// The stage.
        stage: StageName,
        /// The document.
        item: ItemRef,
        /// Which kinds it may create, in words.
        allowed: String,
    },
    /// The result needs a document, or a reason why there is none.
    #[error(
        "{result} needs a {kind} in the outbox, or `nothing_to_create` in the result file with the reason why none is needed"
    )]
    NothingCreated {
        /// The result.
        result: ResultName,
        /// The kind of document.
        kind: ItemKind,
    },
    /// A failing stage's documents.
    #[error("the stage did not succeed: its documents are not taken in")]
    DocumentsOfFailure,
    /// A document of a stage that nothing could ever work on.
    #[error("{item} would wait for ever: {on} is {state}")]
    WaitsForEver {
        /// The document.
        item: ItemRef,
        /// What it depends on.
        on: ItemRef,
        /// How that stands, in words.
        state: String,
    },
    /// The incident of an escalation has the id of another matter's.
    #[error("{item} is taken ({state}): this matter needs an incident with another id")]
    IncidentTaken {
        /// The incident.
        item: ItemRef,
        /// Where the other one stands.
        state: String,
    },
    /// An escalation brings several incidents.
    #[error("{count} incidents in the outbox; one matter is one incident")]
    SeveralIncidents {
        /// How many.
        count: usize,
    },
    /// A judge's result without a verdict.
    #[error("{result} needs a verdict on {root}")]
    NoVerdict {
        /// The result.
        result: ResultName,
        /// The root spec.
        root: ItemId,
    },
    /// The verdict is about other code.
    #[error("the verdict names {named}, and the code to judge is {judged}")]
    OtherCode {
        /// What the verdict names.
        named: String,
        /// What was to be judged.
        judged: String,
    },
    /// The verdict has no criterion at all.
    #[error("the verdict has no criterion")]
    NoCriterion,
    /// A criterion is in the verdict twice.
    #[error("the criterion {criterion} is in the verdict twice")]
    CriterionTwice {
        /// The criterion.
        criterion: CriterionId,
    },
    /// A criterion of an earlier verdict is missing.
    #[error("the criterion {criterion} of the rubric is not in the verdict")]
    CriterionLost {
        /// The criterion.
        criterion: CriterionId,
    },
    /// A gap without the incident that its remediation begins with.
    #[error("a gap of {root} needs its incident")]
    NoIncident {
        /// The root spec.
        root: ItemId,
    },
    /// The findings do not fit the result.
    #[error("{result} does not fit the findings: {criterion} is {finding}")]
    VerdictDisagrees {
        /// The result.
        result: ResultName,
        /// The criterion that speaks against it.
        criterion: CriterionId,
        /// What was found of it.
        finding: &'static str,
    },
    /// A gap was reported, and no criterion has one.
    #[error("{result} needs a gap, and the verdict has none")]
    NoGap {
        /// The result.
        result: ResultName,
    },
    /// The root cannot be judged now.
    #[error("{root} cannot be judged: {why}")]
    NotToBeJudged {
        /// The root spec.
        root: ItemId,
        /// Why.
        why: String,
    },
    /// A root that has to wait for another one.
    #[error("{item} waits: {why}")]
    RootWaits {
        /// The root spec.
        item: ItemRef,
        /// Why.
        why: String,
    },
    /// The item is to go on with an earlier run's work.
    #[error("{item} goes on with the work of run {run}: that is put back first")]
    ToBeReopened {
        /// The item.
        item: ItemRef,
        /// The run.
        run: RunId,
    },
    /// The item has nothing to go on with.
    #[error("{item} does not go on with an earlier run's work")]
    NothingToReopen {
        /// The item.
        item: ItemRef,
    },
    /// The idea's id is taken by another text.
    #[error("the idea {idea} exists already with other text; give it another name")]
    DifferentIdea {
        /// The idea.
        idea: ItemId,
    },
    /// An idea becomes a root spec and nothing else.
    #[error("an idea becomes a root spec, and {item} is none")]
    NotARootSpec {
        /// What it was to become.
        item: ItemRef,
    },
    /// An item that is worked on.
    #[error("{item} is worked on by run {run}")]
    WorkedOn {
        /// The item.
        item: ItemRef,
        /// The run.
        run: RunId,
    },
    /// An item cannot replace itself, or one of another kind.
    #[error("{item} cannot take the place of itself")]
    TakesItsOwnPlace {
        /// The item.
        item: ItemRef,
    },
    /// An item that is begun does not wait any more.
    #[error("{item} is {state}: it cannot be made to wait for something that is not done")]
    TooLateToWait {
        /// The item.
        item: ItemRef,
        /// Where it stands.
        state: &'static str,
    },
    /// The dependency is not one of the item's.
    #[error("{item} does not depend on {from}")]
    NoSuchDependency {
        /// The item.
        item: ItemRef,
        /// The dependency.
        from: ItemId,
    },
    /// No target was opened for this root.
    #[error("{root} is no root whose acceptance was begun")]
    NoTarget {
        /// The root spec.
        root: ItemId,
    },
    /// The run works on an item.
    #[error("run {run} works on {item}: cancel the item")]
    NotAJudgement {
        /// The run.
        run: RunId,
        /// What it works on.
        item: ItemRef,
    },
    /// No daemon has this session.
    #[error("no daemon has session {session}")]
    NoSuchSession {
        /// The session.
        session: SessionId,
    },
    /// The request's name stands for something else.
    #[error("the request {request} was for something else: {op} {items}")]
    RequestReused {
        /// Its name.
        request: RequestId,
        /// What it was for.
        op: String,
        /// About what.
        items: String,
    },
    /// A fetched ledger has a stage under way: whoever runs it goes on from there.
    #[error(
        "run {run} has {stage} under way there, since {since}: stop its runtime, share it again, then fetch"
    )]
    UnderWayElsewhere {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageRef,
        /// When it was launched.
        since: Timestamp,
    },
    /// A fetched ledger has a work tree that is not as it should be.
    #[error(
        "run {run} has left changes in the work tree there, which have to go back first: run its runtime once more, \
         share it again, then fetch"
    )]
    OwedElsewhere {
        /// The run.
        run: RunId,
    },
    /// A file name that cannot be placed.
    #[error("`{name}` cannot be the name of a kept file")]
    BadName {
        /// The name.
        name: String,
    },
}
