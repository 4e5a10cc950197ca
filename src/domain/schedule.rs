//! What the runtime should do next, from the state alone, with the reason where that is nothing.

use jiff::Timestamp;

use super::budget::{self, BUDGET};
use super::control::{Control, Owed, PauseKind, ToLand};
use super::ids::{ItemId, StageName};
use super::item::{ItemKind, ItemRef};
use super::place::OpenState;
use super::plan::Plan;
use super::roots;
use super::run::Run;
use super::slot::Turn;
use super::view::{Fault, View};

/// The kinds in the order in which they are claimed: what went wrong first, then specs, then tasks.
pub const CLAIM_ORDER: [ItemKind; 3] = [ItemKind::Incident, ItemKind::Spec, ItemKind::Task];

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A launch has no end in the ledger: find out what became of it.
    Adopt(Run),
    /// The work tree has to go back first.
    Restore(Owed),
    /// The change of a run that is done is to be committed on the user's branch first.
    Land(ToLand),
    /// The run's stage can start.
    Launch(Run),
    /// The item can be claimed.
    Claim {
        /// The item.
        item: ItemRef,
        /// Its place in the queue.
        turn: Turn,
    },
    /// A blocked item goes on with the work of its last run: that run's work is put back first.
    Reopen {
        /// The item.
        item: ItemRef,
        /// Its place in the queue.
        turn: Turn,
    },
    /// The root is drained and can be judged.
    Judge {
        /// The root spec.
        root: ItemId,
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
    /// Why, as a word: a pause cause's key, `budget`, `no_plan`, `no_entry`, `root_open`.
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
    if let Some(to_land) = &control.to_land {
        return Ok(Next::Land(to_land.clone()));
    }
    if let Some(run) = runs.into_iter().next() {
        return Ok(match may_launch(view, &control, now, &run)? {
            Some(wait) => Next::Wait(wait),
            None => Next::Launch(run),
        });
    }
    let mut waits = Waits::default();
    if let Some(root) = judge(view, &control, now, &mut waits)? {
        return Ok(Next::Judge { root });
    }
    claim(view, &control, now, waits)
}

/// The first root that is drained and whose judge may start. What is done is accepted before more is begun.
fn judge(
    view: &dyn View,
    control: &Control,
    now: Timestamp,
    waits: &mut Waits,
) -> Result<Option<ItemId>, Fault> {
    for root in &control.targets {
        let Some(target) = view.target(root)? else { continue };
        if !roots::is_drained(view, &target)? {
            continue;
        }
        match may_judge(view, control, now, root)? {
            None => return Ok(Some(root.clone())),
            Some(wait) => waits.add(wait),
        }
    }
    Ok(None)
}

/// Why the judge of a drained root cannot start now; `None`: it can.
pub fn may_judge(
    view: &dyn View,
    control: &Control,
    now: Timestamp,
    root: &ItemId,
) -> Result<Option<Wait>, Fault> {
    let Some(plan_id) = &control.plan else { return Ok(Some(no_plan())) };
    let Some(plan) = view.plan(plan_id)? else { return Ok(Some(missing_plan(root, plan_id.as_str()))) };
    Ok(match &plan.completion {
        Some(completion) => resting(view, control, now, &plan, &completion.stage)?,
        None => Some(Wait {
            until: None,
            cause: "no_judge".to_owned(),
            detail: format!("the selected plan judges no roots, and spec/{root} is drained"),
        }),
    })
}

/// Why work waits, of several reasons: what is said is a limit on spending, which keeps everything, else the first one;
/// when to look again is the earliest of all.
#[derive(Default)]
struct Waits(Option<Wait>);

impl Waits {
    fn add(&mut self, wait: Wait) {
        self.0 = Some(match self.0.take() {
            None => wait,
            Some(first) => {
                let until = earliest(first.until, wait.until);
                Wait { until, ..if wait.cause == BUDGET { wait } else { first } }
            }
        });
    }
}

/// Why the stage that the run is routed to cannot start now; `None`: it can.
pub fn may_launch(
    view: &dyn View,
    control: &Control,
    now: Timestamp,
    run: &Run,
) -> Result<Option<Wait>, Fault> {
    Ok(match view.plan(&run.plan)? {
        Some(plan) => resting(view, control, now, &plan, &run.stage.stage)?,
        None => Some(missing_plan(&run.run, run.plan.as_str())),
    })
}

/// The first item whose first stage may start. A kind that has to wait holds no other kind up: its runner may rest
/// while theirs work.
fn claim(view: &dyn View, control: &Control, now: Timestamp, mut waits: Waits) -> Result<Next, Fault> {
    for kind in CLAIM_ORDER {
        let Some((id, turn)) = first(view, control, kind, &mut waits)? else { continue };
        let item = ItemRef::new(kind, id);
        match may_start(view, control, now, &item)? {
            Some(wait) => waits.add(wait),
            None => {
                return Ok(match resumes_at(view, &item)? {
                    Some(_) => Next::Reopen { item, turn },
                    None => Next::Claim { item, turn },
                });
            }
        }
    }
    Ok(waits.0.map_or(Next::Idle, Next::Wait))
}

/// The first queued item of a kind. What keeps one root waiting keeps all that are not begun waiting, and holds no spec
/// up that opens none.
fn first(
    view: &dyn View,
    control: &Control,
    kind: ItemKind,
    waits: &mut Waits,
) -> Result<Option<(ItemId, Turn)>, Fault> {
    let Some((id, turn)) = view.next_queued(kind)? else { return Ok(None) };
    let Some(wait) = root_waits(view, control, &ItemRef::new(kind, id.clone()))? else {
        return Ok(Some((id, turn)));
    };
    waits.add(wait);
    for (id, slot) in view.standing(kind, OpenState::Queued)? {
        let item = ItemRef::new(kind, id);
        if let (Some(turn), false) = (slot.turn(), roots::opens(view, control, &item)?) {
            return Ok(Some((item.id, turn)));
        }
    }
    Ok(None)
}

/// Why a root has to wait for another one; `None`: it has not, or it is none.
pub fn root_waits(view: &dyn View, control: &Control, item: &ItemRef) -> Result<Option<Wait>, Fault> {
    let Some(plan) = &control.plan else { return Ok(None) };
    let Some(plan) = view.plan(plan)? else { return Ok(None) };
    Ok(roots::held_back(view, control, &plan, item)?.map(|why| Wait {
        until: None,
        cause: "root_open".to_owned(),
        detail: format!("{item} waits: {why}"),
    }))
}

/// The stage at which a retried item goes on with the work of its last run, if it does.
fn resumes_at(view: &dyn View, item: &ItemRef) -> Result<Option<StageName>, Fault> {
    Ok(view.recovery(item)?.and_then(|recovery| recovery.retry).and_then(|retry| retry.stage))
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
    let Some(plan_id) = &control.plan else { return Ok(Some(no_plan())) };
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
    // The stage of a retried item is the one that failed, where the plan still has it.
    let resumes = resumes_at(view, item)?.filter(|stage| plan.stages.contains_key(stage));
    resting(view, control, now, &plan, resumes.as_ref().unwrap_or(&stage.stage))
}

fn no_plan() -> Wait {
    Wait { until: None, cause: "no_plan".to_owned(), detail: "no plan is selected".to_owned() }
}

fn missing_plan(who: &impl std::fmt::Display, plan: &str) -> Wait {
    Wait {
        until: None,
        cause: "unknown_plan".to_owned(),
        detail: format!("{plan}, which {who} needs, is not in the ledger"),
    }
}

/// The wait that a pause cause or a limit on spending imposes on this stage, if any.
pub fn resting(
    view: &dyn View,
    control: &Control,
    now: Timestamp,
    plan: &Plan,
    stage: &StageName,
) -> Result<Option<Wait>, Fault> {
    let paused = plan.stages.get(stage).and_then(|stage| control.rests(now, &stage.runner));
    if let Some(cause) = paused {
        let detail = match cause.kind {
            PauseKind::Approval => {
                format!("{}; `millrace resume --cause approval` lets it go on", cause.detail)
            }
            _ => cause.detail.clone(),
        };
        return Ok(Some(Wait { until: cause.until, cause: cause.kind.key(), detail }));
    }
    let governing = budget::governing(view, control, plan)?;
    Ok(budget::rests(&governing, control, now).map(|(reached, until)| Wait {
        until,
        cause: BUDGET.to_owned(),
        detail: reached.to_string(),
    }))
}
