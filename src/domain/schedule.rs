//! What the runtime should do next, from the state alone, with the reason where that is nothing.

use jiff::Timestamp;

use super::control::{Control, Owed};
use super::ids::StageName;
use super::item::{ItemKind, ItemRef};
use super::plan::Plan;
use super::run::Run;
use super::slot::Turn;
use super::view::{Fault, View};

/// The kinds in the order in which they are claimed: what went wrong first, then specs, then tasks.
pub const CLAIM_ORDER: [ItemKind; 3] = [ItemKind::Incident, ItemKind::Spec, ItemKind::Task];

/// The kinds that this version claims. The planning loop is compiled and frozen, and what its stages would put into
/// their outboxes is not taken in yet: running it would lose their work. Its items are kept, and nothing waits for them.
const CLAIMED: [ItemKind; 1] = [ItemKind::Task];

/// Whether this version claims items of a kind.
#[must_use]
pub fn claims(kind: ItemKind) -> bool {
    CLAIMED.contains(&kind)
}

/// Why an item is kept and not claimed by this version; `None`: its kind is claimed.
#[must_use]
pub fn kept(item: &ItemRef) -> Option<Wait> {
    (!claims(item.kind)).then(|| Wait {
        until: None,
        cause: "planning_plane".to_owned(),
        detail: format!("{item} is kept; this version does not run the planning loop"),
    })
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A launch has no end in the ledger: find out what became of it.
    Adopt(Run),
    /// The work tree has to go back first.
    Restore(Owed),
    /// The run's stage can start.
    Launch(Run),
    /// The item can be claimed.
    Claim {
        /// The item.
        item: ItemRef,
        /// Its place in the queue.
        turn: Turn,
    },
    /// There is work, and it has to wait.
    Wait(Wait),
    /// There is nothing to do.
    Idle,
}

/// Why work waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When it is worth looking again even if nothing changes; none: something has to change.
    pub until: Option<Timestamp>,
    /// Why, as a word: a pause cause's key, `no_plan`, `no_entry`, `planning_plane`.
    pub cause: String,
    /// In words.
    pub detail: String,
}

/// What the runtime should do at `now`.
pub fn schedule(view: &dyn View, now: Timestamp) -> Result<Next, Fault> {
    let control = view.control()?;
    let runs = view.runs()?;
    if let Some(run) = runs.iter().find(|run| run.launch.is_some()) {
        return Ok(Next::Adopt(run.clone()));
    }
    if let Some(owed) = &control.owed {
        return Ok(Next::Restore(owed.clone()));
    }
    if let Some(run) = runs.into_iter().next() {
        let Some(plan) = view.plan(&run.plan)? else {
            return Ok(Next::Wait(missing_plan(&run.run, run.plan.as_str())));
        };
        return Ok(match resting(&control, now, &plan, &run.stage.stage) {
            Some(wait) => Next::Wait(wait),
            None => Next::Launch(run),
        });
    }
    claim(view, &control, now)
}

/// The first item whose first stage may start. A kind that has to wait holds no other kind up: its runner may rest
/// while theirs work.
fn claim(view: &dyn View, control: &Control, now: Timestamp) -> Result<Next, Fault> {
    let mut waits: Option<Wait> = None;
    let mut put_by: Option<Wait> = None;
    for kind in CLAIM_ORDER {
        let Some((id, turn)) = view.next_queued(kind)? else { continue };
        let item = ItemRef::new(kind, id);
        if let Some(wait) = kept(&item) {
            put_by = put_by.or(Some(wait));
            continue;
        }
        match may_start(view, control, now, &item)? {
            None => return Ok(Next::Claim { item, turn }),
            Some(wait) => {
                waits = Some(match waits {
                    None => wait,
                    // What is said is the first one's reason; when to look again is the earliest of all.
                    Some(first) => Wait { until: earliest(first.until, wait.until), ..first },
                });
            }
        }
    }
    // What can be claimed and has to wait is the better reason.
    Ok(waits.or(put_by).map_or(Next::Idle, Next::Wait))
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Why the item's first stage cannot start now; `None`: it can.
pub fn may_start(
    view: &dyn View,
    control: &Control,
    now: Timestamp,
    item: &ItemRef,
) -> Result<Option<Wait>, Fault> {
    let Some(plan_id) = &control.plan else {
        return Ok(Some(Wait {
            until: None,
            cause: "no_plan".to_owned(),
            detail: "no plan is selected".to_owned(),
        }));
    };
    let Some(plan) = view.plan(plan_id)? else {
        return Ok(Some(missing_plan(&item.id, plan_id.as_str())));
    };
    let Some(stage) = plan.entry(item.kind) else {
        return Ok(Some(Wait {
            until: None,
            cause: "no_entry".to_owned(),
            detail: format!("the selected plan has no entry stage for {item}"),
        }));
    };
    Ok(resting(control, now, &plan, &stage.stage))
}

fn missing_plan(who: &impl std::fmt::Display, plan: &str) -> Wait {
    Wait {
        until: None,
        cause: "unknown_plan".to_owned(),
        detail: format!("{plan}, which {who} needs, is not in the ledger"),
    }
}

/// The wait that a pause cause imposes on this stage, if any.
fn resting(control: &Control, now: Timestamp, plan: &Plan, stage: &StageName) -> Option<Wait> {
    let runner = &plan.stages.get(stage)?.runner;
    control.rests(now, runner).map(|cause| Wait {
        until: cause.until,
        cause: cause.kind.key(),
        detail: cause.detail.clone(),
    })
}
