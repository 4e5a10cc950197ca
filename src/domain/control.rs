//! What governs the whole ledger: `control.toml`.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::budget::{Day, Spending};
use super::ids::{ItemId, PlanId, RunId, RunnerName, SessionId};
use super::item::{Arrival, ItemKind};
use super::limits::{BACKOFF_MINUTES, LONGEST_NAMED_REST_HOURS};
use super::oid::Oid;
use super::slot::Slot;
use super::streak::Streak;

/// Who owns a pause that was asked for under no other name.
pub const OPERATOR: &str = "operator";

/// The selected plan, why dispatch rests, who runs, and the counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The plan that new runs get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The arrival number that the last item got; 0 before the first.
    pub arrivals: u64,
    /// How many items are closed: counting their folders would cost more with every year.
    pub closed: Closed,
    /// The work tree still holds what a run left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<Owed>,
    /// A run is done, and its change is to be committed on the user's branch before anything else starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_land: Option<ToLand>,
    /// Why dispatch rests: a set, each cause with its owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PauseCause>,
    /// The roots whose closure target is open or blocked, in the order in which they were opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<ItemId>,
    /// What was spent on the day of the last handoff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    /// Runners whose last launches brought nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streaks: Vec<Streak>,
    /// Daemons that have not said goodbye. Whether one lives is what its lock says, never this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
}

impl Control {
    /// The arrival number of the `n`-th item from now, beginning with 0.
    #[must_use]
    pub fn arrival(&self, n: u64) -> Arrival {
        Arrival(self.arrivals + 1 + n)
    }

    /// What the launches of a daemon have used.
    #[must_use]
    pub fn spent_by(&self, session: &SessionId) -> Spending {
        let found = self.sessions.iter().find(|known| &known.session == session);
        found.map(|session| session.spent).unwrap_or_default()
    }

    /// The cause that keeps stages of this runner from starting at `now`, if any. A cause whose time has come lets
    /// one probe pass.
    #[must_use]
    pub fn rests(&self, now: Timestamp, runner: &RunnerName) -> Option<&PauseCause> {
        self.pauses
            .iter()
            .filter(|cause| match &cause.kind {
                PauseKind::Harness { runner: paused } => paused == runner,
                _ => true,
            })
            .find(|cause| cause.holds(now))
    }
}

/// The owner of the causes that the runtime sets, and lifts, by itself.
pub const RUNTIME: &str = "runtime";

impl PauseCause {
    /// Whether it keeps anything from starting at `now`. A rest that the runtime took is never longer than its longest:
    /// more than that was written by a clock that has been put back since (lesson M-15).
    fn holds(&self, now: Timestamp) -> bool {
        let Some(until) = self.until else { return true };
        let longest = if self.named {
            SignedDuration::from_hours(LONGEST_NAMED_REST_HOURS)
        } else {
            SignedDuration::from_mins(BACKOFF_MINUTES.into_iter().max().unwrap_or_default())
        };
        let put_back =
            self.owner == RUNTIME && now.saturating_add(longest).is_ok_and(|latest| until > latest);
        until > now && !put_back
    }

    /// Whether it is the same cause: of this kind, and of this owner.
    #[must_use]
    pub fn is(&self, key: &str, owner: &str) -> bool {
        self.owner == owner && self.kind.key() == key
    }
}

/// Counts of closed items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Tasks.
    pub tasks: ClosedCount,
    /// Specs.
    pub specs: ClosedCount,
    /// Incidents.
    pub incidents: ClosedCount,
}

/// Counts of closed items of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedCount {
    /// Finished.
    pub done: u64,
    /// Taken out of the way.
    pub archived: u64,
}

impl Closed {
    /// The counts of one kind.
    #[must_use]
    pub fn of(&self, kind: ItemKind) -> &ClosedCount {
        match kind {
            ItemKind::Task => &self.tasks,
            ItemKind::Spec => &self.specs,
            ItemKind::Incident => &self.incidents,
        }
    }

    /// Counts an item that moves from one slot to another.
    pub fn count_move(&mut self, kind: ItemKind, from: &Slot, to: &Slot) {
        let counts = match kind {
            ItemKind::Task => &mut self.tasks,
            ItemKind::Spec => &mut self.specs,
            ItemKind::Incident => &mut self.incidents,
        };
        match from {
            Slot::Done => counts.done = counts.done.saturating_sub(1),
            Slot::Archived => counts.archived = counts.archived.saturating_sub(1),
            _ => {}
        }
        match to {
            Slot::Done => counts.done += 1,
            Slot::Archived => counts.archived += 1,
            _ => {}
        }
    }
}

/// A run has ended, or its stage was interrupted, and the work tree is to go back before anything else starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owed {
    /// The run that left it.
    pub run: RunId,
    /// What the work tree holds: a commit of the run branch.
    pub from: Oid,
    /// What it is to hold again.
    pub to: Oid,
    /// When the last stage had ended: what was touched later is not the run's, and is left alone. For comparing with
    /// the times of files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// The change of a run that is done, and the branch that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToLand {
    /// The run.
    pub run: RunId,
    /// The branch that the run began on; none when HEAD was detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// Why dispatch rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseCause {
    /// What it is.
    #[serde(flatten)]
    pub kind: PauseKind,
    /// Who set it, and may lift it: `operator` or another name that an operator gave, `runtime`. A cause of one kind
    /// can stand once for each owner.
    pub owner: String,
    /// When.
    pub since: Timestamp,
    /// In words.
    pub detail: String,
    /// When dispatch tries again by itself; none: only its owner lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether the provider named that time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// How often in a row it was set.
    pub times: u32,
}

/// The kinds of pause cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum PauseKind {
    /// A person asked for it.
    Operator,
    /// A limit on spending is reached.
    Budget,
    /// The harness of this runner does not work; other runners go on.
    Harness {
        /// Which runner.
        runner: RunnerName,
    },
    /// The ledger holds commits that are not what our rules make.
    Integrity,
    /// The plan was not compiled or approved on this machine.
    Approval,
    /// The ledger was written by a newer version.
    Upgrade,
    /// Something of an ended stage may still be writing.
    UnprovedWriter,
}

impl PauseKind {
    /// The cause's word, with the runner where it has one: `operator`, `harness:codex_cli`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::Budget => "budget".to_owned(),
            Self::Harness { runner } => format!("harness:{runner}"),
            Self::Integrity => "integrity".to_owned(),
            Self::Approval => "approval".to_owned(),
            Self::Upgrade => "upgrade".to_owned(),
            Self::UnprovedWriter => "unproved_writer".to_owned(),
        }
    }
}

/// A daemon's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// When it began.
    pub since: Timestamp,
    /// Which program, in words for people: version, host, process.
    pub program: String,
    /// What its launches have used.
    #[serde(default, skip_serializing_if = "Spending::is_none")]
    pub spent: Spending,
    /// Somebody wants it to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopWish>,
}

/// The wish that a daemon ends. It begins nothing new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopWish {
    /// When it was asked for.
    pub at: Timestamp,
    /// Why, in the asker's words.
    pub reason: String,
    /// Whether the running stage is ended too; it runs again when a runtime lives again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub now: bool,
}
