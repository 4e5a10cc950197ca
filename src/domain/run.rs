//! A run: one activation of an item, through several stages, and what the ledger remembers of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::budget::{Reserved, Spending};
use super::ids::{FailureClass, Nonce, PlanId, RunId, SessionId, StageName};
use super::item::ItemRef;
use super::oid::Oid;
use super::plan::{Ending, StageRef};
use super::slot::Turn;
use super::turn_text;
use super::usage::Usage;

/// A run that has not ended: `active/<run-id>.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id.
    pub run: RunId,
    /// What it works on.
    pub item: ItemRef,
    /// The item's turn, should it go back into the queue.
    #[serde(with = "turn_text")]
    pub turn: Turn,
    /// The blocked run whose work it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<RunId>,
    /// The plan that routes it, to its end.
    pub plan: PlanId,
    /// When the item was claimed.
    pub opened_at: Timestamp,
    /// The commit the user stood on; none on an unborn branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Oid>,
    /// The branch the user stood on; none when HEAD was detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Snapshot 0: the code before the first stage.
    pub start: Oid,
    /// The last consistent snapshot: the code that the next launch starts from.
    pub snapshot: Oid,
    /// The last commit of the run branch: the same, or what an interrupted stage left.
    pub tip: Oid,
    /// The stage it is routed to.
    pub stage: StageRef,
    /// Launches so far; the number of a launch names its folder.
    pub launches: u32,
    /// Launches that count against the item's limit: those whose end was not the infrastructure's doing.
    pub spent: u32,
    /// What its launches have used.
    #[serde(default, skip_serializing_if = "Spending::is_none")]
    pub used: Spending,
    /// Interruptions so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    /// Handoffs of its present stage, in a row, that could not be taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejections: u32,
    /// Whether it judges the drained root `item`, which stays where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closure: bool,
    /// Its stage ended well and without a word: its session is resumed to ask for the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Asks>,
    /// The failure that repair stages are working on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Somebody wants it ended; it ends when its stage has stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// Somebody wants its running launch ended and its stage started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Cancel>,
    /// The launch that has no end yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Run {
    /// Whether it goes on with another run's work and has not begun: it stands on that work when the tree is settled.
    #[must_use]
    pub fn is_to_stand(&self) -> bool {
        self.continues.is_some() && self.launches == 0
    }
}

/// One launch of a stage, recorded before anything starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Names the invocation; a result must carry it.
    pub nonce: Nonce,
    /// Its number within the run, from 1.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// Which daemon or `run once`.
    pub session: SessionId,
    /// The wall-clock time reserved for it, in seconds.
    pub reserved_seconds: u64,
    /// What else is reserved for it.
    #[serde(default, skip_serializing_if = "Reserved::is_none")]
    pub reserved: Reserved,
}

/// A harness's session that is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// Its id, as the harness calls it.
    pub session: String,
    /// What it had used in all, as the harness counts; what comes is told together with that.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub totals: Usage,
    /// The launch that ended without a word.
    pub launch: u32,
}

/// A failure that is being repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The stage that failed.
    pub stage: StageName,
    /// What kind of failure: the key of its counters.
    pub class: FailureClass,
    /// The launch that failed, whose evidence tells more.
    pub launch: u32,
}

/// The wish to end a run, or a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// When it was asked for.
    pub at: Timestamp,
    /// Why, in the asker's words.
    pub reason: String,
}

/// What stays of a run: `runs/<day>/<run-id>/run.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Its id.
    pub run: RunId,
    /// What it worked on.
    pub item: ItemRef,
    /// The blocked run whose work it went on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<RunId>,
    /// Whether it judged a drained root.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closure: bool,
    /// The plan that routed it.
    pub plan: PlanId,
    /// When the item was claimed.
    pub opened_at: Timestamp,
    /// The commit the user stood on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Oid>,
    /// Snapshot 0.
    pub start: Oid,
    /// How it ended; none while it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
    /// What became of its change, where the plan commits finished code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landing: Option<Landing>,
}

/// What became of the change of a run that is done, where the plan commits finished code on the user's branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum Landing {
    /// It is a commit of the user's branch.
    Committed {
        /// The commit.
        commit: Oid,
        /// The branch, as a full ref name.
        branch: String,
    },
    /// It stays in the work tree, uncommitted.
    Left {
        /// Why, one line.
        why: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub ending: Ending,
    /// Why, in a word that names the rule.
    pub reason: String,
    /// The stage it ended in.
    pub stage: StageRef,
    /// The last consistent snapshot.
    pub snapshot: Oid,
    /// Launches in all.
    pub launches: u32,
    /// What they used.
    #[serde(default, skip_serializing_if = "Spending::is_none")]
    pub used: Spending,
}
