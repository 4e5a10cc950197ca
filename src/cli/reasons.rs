//! Why an item is not being worked on right now, or what works on it. Whoever shows an item asks here, so that the same
//! item has the same reason everywhere.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::moments::{elapsed, seconds, time};
use super::spending::remedy;
use crate::domain::control::Control;
use crate::domain::ids::{ItemId, PlanId, RunId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place::{self, OpenState};
use crate::domain::plan::StageRef;
use crate::domain::recovery::Blocked;
use crate::domain::run::Run;
use crate::domain::schedule::{CLAIM_ORDER, Wait, may_launch, may_start, root_waits};
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View as _};
use crate::ledger::store::RefName;
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;
use crate::runtime::{approval, posture, tree};

/// Why an item is where it is. As text it is one line; as JSON its `cause` says which it is.
#[derive(Debug, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub(crate) enum Why {
    /// A run works on it.
    Active(Activity),
    /// It may be claimed, and has not been.
    Queued {
        /// Its place in the order of claims over all kinds, from 1.
        position: u64,
        /// What keeps the first in that order from starting.
        holds: Vec<String>,
    },
    /// It waits for another item.
    Dependency {
        /// The first one that is not done.
        on: ItemId,
        /// Where that stands; none where there is no such item.
        state: Option<&'static str>,
    },
    /// It came from outside, or is offered.
    Held {
        /// Where it came from, or why it is offered.
        origin: Option<String>,
    },
    /// It stopped, and its recovery record says why.
    Blocked {
        /// None where no reason is recorded.
        record: Option<Blocked>,
    },
}

/// A run that works on an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Activity {
    item: ItemRef,
    run: RunId,
    stage: StageRef,
    /// The number of the launch that has no end yet.
    launch: Option<u32>,
    /// The launch that ended without a word, in whose session it is asked for its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<u32>,
    /// Whether a runtime lives that may be at it.
    attended: bool,
    cancelling: bool,
    since: Timestamp,
    elapsed_seconds: i64,
    /// What keeps the stage that it is routed to from starting.
    holds: Vec<String>,
    #[serde(skip)]
    turn: Turn,
}

impl Activity {
    /// Takes out what changes with the clock alone.
    pub(crate) fn without_clock(&mut self) {
        self.elapsed_seconds = 0;
    }

    /// The item, as text.
    pub(crate) fn item(&self) -> &ItemRef {
        &self.item
    }

    fn of(
        project: &Project,
        view: &TreeView<'_, '_>,
        control: &Control,
        run: &Run,
        (attended, now): (bool, Timestamp),
    ) -> Result<Self, Failure> {
        let since = run.launch.as_ref().map_or(run.opened_at, |launch| launch.at);
        let mut holds = Vec::new();
        if run.launch.is_none() {
            let wait = match may_launch(view, control, now, run)? {
                Some(wait) => Some(wait),
                None => obstacle(project, view, &run.plan, Some(run))?,
            };
            holds.extend(wait.as_ref().map(rests));
            holds.extend(unattended(attended));
        }
        Ok(Self {
            item: run.item.clone(),
            run: run.run.clone(),
            stage: run.stage.clone(),
            launch: run.launch.as_ref().map(|launch| launch.number),
            asks: run.asks.as_ref().map(|asks| asks.launch),
            attended,
            cancelling: run.cancel.is_some(),
            since,
            elapsed_seconds: seconds(since, now),
            holds,
            turn: run.turn,
        })
    }
}

fn rests(wait: &Wait) -> String {
    let until = wait.until.map_or_else(String::new, |until| format!(", until {}", time(until)));
    format!("dispatch rests: {}: {}{until}{}", wait.cause, wait.detail, remedy(wait))
}

fn unattended(attended: bool) -> Option<String> {
    (!attended).then(|| "no runtime lives".to_owned())
}

/// Completes the sentence that begins with the item.
impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.launch, self.attended) {
            (Some(launch), true) => write!(f, "runs {} (launch {launch})", self.stage)?,
            (Some(launch), false) => {
                write!(f, "was left in {} (launch {launch}): no runtime lives", self.stage)?;
            }
            (None, _) => write!(f, "is routed to {}", self.stage)?,
        }
        if let Some(asks) = self.asks {
            write!(f, ", asked for the result that launch {asks} ended without")?;
        }
        if self.cancelling {
            f.write_str(", to be cancelled")?;
        }
        write!(f, ", since {} ({}), run {}", time(self.since), elapsed(self.elapsed_seconds), self.run)?;
        self.holds.iter().try_for_each(|hold| write!(f, "; {hold}"))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active(activity) => activity.fmt(f),
            Self::Queued { position, holds } => {
                match position {
                    1 => f.write_str("next")?,
                    n => write!(f, "number {n} in the order of claims")?,
                }
                holds.iter().try_for_each(|hold| write!(f, "; {hold}"))
            }
            Self::Dependency { on, state: Some(state) } => write!(f, "waits for {on} ({state})"),
            Self::Dependency { on, state: None } => write!(f, "waits for {on}, which does not exist"),
            Self::Held { origin: Some(origin) } => write!(f, "has not been released: {origin}"),
            Self::Held { origin: None } => f.write_str("came from outside and has not been released"),
            Self::Blocked { record: Some(blocked) } => {
                write!(f, "{} ({}) at {}, run {}", blocked.reason, blocked.class, blocked.stage, blocked.run)
            }
            Self::Blocked { record: None } => f.write_str("no reason is recorded"),
        }
    }
}

impl Why {
    /// Where in git the evidence of the failure lies, of what is blocked.
    pub(crate) fn evidence(&self) -> Option<String> {
        match self {
            Self::Blocked { record: Some(blocked) } => {
                Some(RefName::State.at(place::run_folder(&blocked.run)))
            }
            _ => None,
        }
    }

    /// The item's turn, which its place does not say while it is active or blocked.
    pub(crate) fn turn(&self) -> Option<Turn> {
        match self {
            Self::Active(activity) => Some(activity.turn),
            Self::Blocked { record } => record.as_ref().map(|blocked| blocked.turn),
            Self::Queued { .. } | Self::Dependency { .. } | Self::Held { .. } => None,
        }
    }
}

/// What reasons of many items have in common, each read at most once. Items are never read for it, only trees.
pub(crate) struct Reasons<'v, 't, 's> {
    project: &'v Project,
    view: &'v TreeView<'t, 's>,
    now: Timestamp,
    /// Whether a runtime lives.
    attended: bool,
    control: Control,
    /// What is worked on.
    activities: Vec<Activity>,
    /// What this machine and the work tree have against a start of the selected plan, looked at for the first item
    /// that it matters to.
    obstacle: OnceCell<Option<Wait>>,
    open: [OnceCell<Open>; ItemKind::ALL.len()],
}

/// The open items of one kind, from the names in the tree.
struct Open {
    states: HashMap<ItemId, &'static str>,
    /// The turns of those that may be claimed, in order.
    queue: Vec<Turn>,
}

impl<'v, 't, 's> Reasons<'v, 't, 's> {
    pub(crate) fn new(
        project: &'v Project,
        view: &'v TreeView<'t, 's>,
        attended: bool,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let control = if view.exists()? { view.control()? } else { Control::default() };
        let runs = view.runs()?;
        let activity = |run| Activity::of(project, view, &control, run, (attended, now));
        let activities = runs.iter().map(activity).collect::<Result<_, _>>()?;
        let (obstacle, open) = Default::default();
        Ok(Self { project, view, now, attended, control, activities, obstacle, open })
    }

    /// What is worked on.
    pub(crate) fn activities(&self) -> &[Activity] {
        &self.activities
    }

    /// The reason of an item that stands in this slot; none where it is closed.
    pub(crate) fn of(&self, item: &ItemRef, slot: &Slot) -> Result<Option<Why>, Failure> {
        Ok(Some(match slot {
            Slot::Queued(turn) => self.queued(item, *turn)?,
            Slot::Waiting { on, .. } => Why::Dependency { on: on.clone(), state: self.state(item.kind, on)? },
            Slot::Held(_) => Why::Held { origin: self.view.known(item)?.and_then(|known| known.origin) },
            Slot::Blocked => {
                Why::Blocked { record: self.view.recovery(item)?.and_then(|recovery| recovery.blocked) }
            }
            Slot::Active => {
                let missing = || Fault { at: item.to_string(), detail: "active without a run".to_owned() };
                let activity = self.activities.iter().find(|activity| &activity.item == item);
                Why::Active(activity.ok_or_else(missing)?.clone())
            }
            Slot::Done | Slot::Archived => return Ok(None),
        }))
    }

    fn queued(&self, item: &ItemRef, turn: Turn) -> Result<Why, Failure> {
        let mut holds = Vec::new();
        if let Some(wait) = root_waits(self.view, &self.control, item)? {
            holds.push(format!("{}: {}", wait.cause, wait.detail));
        }
        match may_start(self.view, &self.control, self.now, item)? {
            Some(own) => holds.push(rests(&own)),
            None => holds.extend(self.obstacle()?.map(rests)),
        }
        if let Some(activity) = self.activities.first() {
            holds.push(format!("{} is worked on", activity.item));
        } else if let Some(owed) = &self.control.owed {
            holds.push(format!("the work tree still holds what run {} changed", owed.run));
        }
        holds.extend(unattended(self.attended));
        Ok(Why::Queued { position: self.position(item.kind, turn)?, holds })
    }

    fn obstacle(&self) -> Result<Option<&Wait>, Failure> {
        if let Some(found) = self.obstacle.get() {
            return Ok(found.as_ref());
        }
        let found = match &self.control.plan {
            Some(plan) => obstacle(self.project, self.view, plan, None)?,
            None => None,
        };
        Ok(self.obstacle.get_or_init(|| found).as_ref())
    }

    /// A place in the order of claims over all kinds, from 1.
    fn position(&self, kind: ItemKind, turn: Turn) -> Result<u64, Fault> {
        let before = self.open(kind)?.queue.partition_point(|other| *other < turn) as u64;
        CLAIM_ORDER
            .into_iter()
            .take_while(|earlier| *earlier != kind)
            .try_fold(before + 1, |sum, earlier| Ok(sum + self.view.count(earlier, OpenState::Queued)?))
    }

    /// Where a dependency stands; none where there is no such item.
    fn state(&self, kind: ItemKind, on: &ItemId) -> Result<Option<&'static str>, Fault> {
        if let Some(state) = self.open(kind)?.states.get(on) {
            return Ok(Some(state));
        }
        let item = ItemRef::new(kind, on.clone());
        if self.view.entry(&place::intake(&item))?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.view.slot(&item)?.map_or("nowhere", |slot| slot.state())))
    }

    fn open(&self, kind: ItemKind) -> Result<&Open, Fault> {
        let cell = &self.open[kind as usize];
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let mut open = Open { states: HashMap::new(), queue: Vec::new() };
        for state in OpenState::ALL {
            for (id, slot) in self.view.items(kind, state)? {
                open.states.insert(id, slot.state());
                if let Slot::Queued(turn) = slot {
                    open.queue.push(turn);
                }
            }
        }
        Ok(cell.get_or_init(|| open))
    }
}

/// What this machine and the work tree have against a start.
pub(crate) fn obstacle(
    project: &Project,
    view: &TreeView<'_, '_>,
    plan: &PlanId,
    run: Option<&Run>,
) -> Result<Option<Wait>, Failure> {
    if let Some(wait) = approval::unapproved(project, view, plan)? {
        return Ok(Some(wait));
    }
    // A configuration that cannot be read is said by who launches.
    if let Ok(Some(wait)) = posture::obstacle(view, plan, run.map(|run| &run.stage.stage)) {
        return Ok(Some(wait));
    }
    Ok(if project.repository.is_bare() { None } else { tree::obstacle(project, run) })
}
