//! What `decide` decides: a list of effects, each of which `apply` carries out mechanically.
//!
//! Frozen per format: an effect keeps its meaning for ever, so that every ledger can be replayed. New rules may
//! add effects; they never change one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::input::{Content, Files, Known};
use crate::domain::budget::{Day, Spending};
use crate::domain::closure::{Target, Verdict};
use crate::domain::control::{Owed, PauseCause, Session, StopWish, ToLand};
use crate::domain::ids::{ItemId, LedgerId, PlanId, RequestId, RunId, RunnerName, SessionId, StageName};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::plan::StageRef;
use crate::domain::receipt::Receipt;
use crate::domain::recovery::{Blocked, CounterKey, Retry};
use crate::domain::result::Judgement;
use crate::domain::run::{Asks, Cancel, Failure, Landing, Launch, Run, RunEnd};
use crate::domain::slot::Slot;
use crate::domain::streak::Streak;
use crate::domain::usage::Usage;

/// The effects of one transition, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// None: there was nothing to do, and no commit is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// What the deciding noticed, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One effect on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Effect {
    /// A ledger begins.
    Found {
        /// Its id.
        ledger: LedgerId,
    },
    /// An item comes in; the arrival counter moves past its arrival.
    Admit {
        /// Where it stands.
        slot: Slot,
        /// Its document.
        document: Content,
        /// What is known of it.
        known: Known,
    },
    /// An item changes its state.
    Move {
        /// Which.
        item: ItemRef,
        /// Where it stood.
        from: Slot,
        /// Where it stands now.
        to: Slot,
    },
    /// A run begins.
    Open {
        /// The run, before its first launch.
        run: Box<Run>,
    },
    /// A stage starts.
    Launch {
        /// Its run.
        run: RunId,
        /// The launch.
        launch: Launch,
    },
    /// A stage has ended: the launch is no longer outstanding.
    Settle {
        /// Its run.
        run: RunId,
        /// Launches of the run that count against the item's limit, from now on.
        spent: u32,
        /// Interruptions of the run in a row, from now on.
        interruptions: u32,
        /// The last consistent snapshot from now on.
        snapshot: Oid,
        /// The last commit of the run branch.
        tip: Oid,
    },
    /// What a launch came to.
    Conclude {
        /// Its run.
        run: RunId,
        /// Its result.
        result: Box<StageResult>,
    },
    /// Evidence of a launch is kept.
    Keep {
        /// Its run.
        run: RunId,
        /// The launch's number.
        launch: u32,
        /// The launch's stage.
        stage: StageName,
        /// The files, by name.
        files: Files,
    },
    /// A run goes to a stage.
    Route {
        /// The run.
        run: RunId,
        /// Where to.
        to: StageRef,
        /// The failure under repair, from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// The rule, in a word or two.
        why: String,
    },
    /// A run is to end when its stage has stopped.
    AskCancel {
        /// The run.
        run: RunId,
        /// The wish.
        cancel: Cancel,
    },
    /// A run ends.
    Close {
        /// The run.
        run: RunId,
        /// How.
        end: RunEnd,
    },
    /// A counter of an item gets a value.
    Count {
        /// The item.
        item: ItemRef,
        /// The counter.
        counter: CounterKey,
        /// Its value from now on.
        value: u32,
    },
    /// Launches of an ended run are added to what the item has spent.
    Spend {
        /// The item.
        item: ItemRef,
        /// The sum from now on.
        total: u32,
    },
    /// Why an item is blocked.
    Block {
        /// The item.
        item: ItemRef,
        /// Why.
        blocked: Blocked,
    },
    /// An item's trouble is over.
    Forget {
        /// The item.
        item: ItemRef,
    },
    /// The work tree has to go back before anything else starts.
    Owe {
        /// What to what.
        owed: Owed,
    },
    /// It has gone back.
    Paid {
        /// The run whose changes were in it.
        run: RunId,
    },
    /// A plan is frozen.
    Freeze {
        /// Its id.
        plan: PlanId,
        /// Its record.
        record: Content,
        /// Its files, by their path below the plan's `files/`.
        files: Files,
    },
    /// A plan is selected for new runs.
    Select {
        /// Its id.
        plan: PlanId,
    },
    /// The latest compile's diagnostics.
    Diagnose {
        /// Their bytes.
        diagnostics: Content,
    },
    /// A cause of rest is set; one with the same key and owner is replaced.
    Pause {
        /// The cause.
        cause: PauseCause,
    },
    /// A cause of rest is lifted.
    Resume {
        /// Its key.
        cause: String,
        /// Whose; none: all of that key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// A daemon begins.
    Begin {
        /// Its session.
        session: Session,
    },
    /// A daemon has ended.
    End {
        /// Its session.
        session: SessionId,
    },
    /// A daemon is to end.
    AskStop {
        /// Its session.
        session: SessionId,
        /// The wish.
        stop: StopWish,
    },
    /// An idea is kept.
    KeepIdea {
        /// Its id.
        idea: ItemId,
        /// Its text.
        text: Content,
    },
    /// What is known of an item changes: its dependencies, its priority. Its document stays.
    Amend {
        /// What is known from now on.
        known: Known,
    },
    /// An item is open, and of this root's lineage.
    Join {
        /// The root spec.
        root: ItemId,
        /// The item.
        item: ItemRef,
    },
    /// An item of this root's lineage is closed.
    Leave {
        /// The root spec.
        root: ItemId,
        /// The item.
        item: ItemRef,
    },
    /// A closure target is so from now on.
    Target {
        /// The target.
        target: Target,
    },
    /// A judge's findings are kept.
    Judge {
        /// The root spec.
        root: ItemId,
        /// The findings.
        verdict: Verdict,
        /// The criteria, for people and later judges.
        rubric: Content,
    },
    /// A blocked item goes on with new counters; it is no longer blocked.
    Retry {
        /// The item.
        item: ItemRef,
        /// How.
        retry: Retry,
    },
    /// What an operator said to that.
    Note {
        /// The item.
        item: ItemRef,
        /// The words.
        note: Content,
    },
    /// The item's run has got somewhere: that it was let go on is over.
    Retried {
        /// The item.
        item: ItemRef,
    },
    /// How many handoffs of a run's stage in a row could not be taken.
    Reject {
        /// The run.
        run: RunId,
        /// The count from now on.
        times: u32,
    },
    /// A run's launch is to end and its stage to start again, or that is over.
    AskAgain {
        /// The run.
        run: RunId,
        /// The wish; none: it is over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<Cancel>,
    },
    /// A run stands on this code.
    Stand {
        /// The run.
        run: RunId,
        /// The last consistent snapshot, and the last commit of the run branch, from now on.
        snapshot: Oid,
    },
    /// A request is answered.
    Answer {
        /// Its name.
        request: RequestId,
        /// How.
        receipt: Receipt,
    },
    /// What a launch used is added up.
    Charge {
        /// Its run.
        run: RunId,
        /// What the run has used from now on.
        used: Spending,
        /// What the day has cost from now on.
        day: Day,
    },
    /// The same for its daemon, if that is still there.
    ChargeSession {
        /// The daemon's session.
        session: SessionId,
        /// What its launches have used from now on.
        spent: Spending,
    },
    /// What runs of an item that have ended used is added to what it has used.
    ChargeItem {
        /// The item.
        item: ItemRef,
        /// The sum from now on.
        used: Spending,
    },
    /// A run's stage is asked for its result in the session that it ended, or that is over.
    Ask {
        /// The run.
        run: RunId,
        /// How; none: it is over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asks: Option<Asks>,
    },
    /// A runner's launches bring nothing, one after the other.
    Streak {
        /// The streak from now on.
        streak: Streak,
    },
    /// A runner's launch brought something.
    EndStreak {
        /// The runner.
        runner: RunnerName,
    },
    /// How an old request was answered is no longer remembered.
    ForgetAnswer {
        /// Its name.
        request: RequestId,
    },
    /// The change of a run that is done is to be committed on the user's branch.
    ToLand {
        /// Which, and where.
        to_land: ToLand,
    },
    /// What became of that.
    Landed {
        /// The run.
        run: RunId,
        /// What its change became.
        landing: Landing,
    },
}

/// What a launch came to: `result.toml` of its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageResult {
    /// The stage.
    pub stage: StageRef,
    /// The launch's number.
    pub launch: u32,
    /// When it was launched.
    pub started_at: Timestamp,
    /// When its process ended.
    pub ended_at: Timestamp,
    /// Where the run went: a stage, or how it ended.
    pub next: String,
    /// Why, in a word or two.
    pub why: String,
    /// The code as the stage left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Oid>,
    /// What the runtime noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// How it ended, judged.
    pub judgement: Judgement,
    /// The harness's own name of the session, should somebody want to look at it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
}

/// Why a stage that ended without a word runs again: what comes after its failure class.
pub const ASKED: &str = "asked for its result";

impl StageResult {
    /// What it came to, in a word: the result, the failure class, or why it did not count.
    #[must_use]
    pub fn in_a_word(&self) -> String {
        match &self.judgement {
            Judgement::Reported { result, .. } => result.to_string(),
            // An end without a word that was not the end, and one of a harness that is out of order.
            Judgement::Failed { .. }
                if self.why.ends_with(ASKED) || self.why.starts_with("infrastructure:") =>
            {
                self.why.clone()
            }
            Judgement::Failed { class, .. } => class.to_string(),
            Judgement::Rejected { result, .. } => format!("{result} not taken"),
            Judgement::Infrastructure { .. } | Judgement::Interrupted { .. } => self.why.clone(),
        }
    }
}
