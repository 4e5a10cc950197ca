//! What an operator does about items that do not go on by themselves, or are not to: let them go on, put them aside,
//! let them in, change their turn.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Claim, Retrying};
use super::super::refusal::Refusal;
use super::Ruling;
use super::end::End;
use super::enqueue::open_slot;
use super::launch::{self, claims};
use super::lineage::{archives, joins};
use crate::domain::closure::TargetState;
use crate::domain::control::Owed;
use crate::domain::ids::{FailureClass, RunId};
use crate::domain::item::{ItemKind, ItemRef, Priority};
use crate::domain::plan::Ending;
use crate::domain::recovery::{Recovery, Retry};
use crate::domain::run::Cancel;
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View};

/// Each item once, however often it is named.
fn once(items: &[ItemRef]) -> impl Iterator<Item = &ItemRef> {
    let mut seen = BTreeSet::new();
    items.iter().filter(move |item| seen.insert(*item))
}

/// Blocked items go back into the queue with new counters; a blocked target is judged again. What is not blocked stays
/// as it is, and is named.
pub(super) fn retry(view: &dyn View, at: Timestamp, retrying: &Retrying) -> Ruling {
    let mut decision = Decision::default();
    for item in once(&retrying.items) {
        let Some(slot) = view.slot(item)? else {
            return Ok(Err(Refusal::NoSuchItem { item: item.clone() }));
        };
        if slot == Slot::Blocked {
            match blocked(view, at, retrying, item)? {
                Ok(one) => {
                    decision.effects.extend(one.effects);
                    decision.notes.extend(one.notes);
                }
                Err(refusal) => return Ok(Err(refusal)),
            }
            continue;
        }
        let target = if item.kind == ItemKind::Spec { view.target(&item.id)? } else { None };
        match target {
            Some(mut target) if matches!(target.state, TargetState::Blocked { .. }) => {
                target.state = TargetState::Open;
                target.rounds = 0;
                decision.effects.push(Effect::Target { target });
                decision.effects.extend(told(retrying, item));
            }
            _ => decision.notes.push(format!("{item} is {}, not blocked", slot.state())),
        }
    }
    Ok(Ok(decision))
}

fn blocked(
    view: &dyn View,
    at: Timestamp,
    retrying: &Retrying,
    item: &ItemRef,
) -> Result<Result<Decision, Refusal>, Fault> {
    let missing = || Fault { at: item.to_string(), detail: "blocked without a reason".to_owned() };
    let record = view.recovery(item)?.and_then(|recovery| recovery.blocked).ok_or_else(missing)?;
    let depends_on = view.known(item)?.map(|known| known.intake.depends_on).unwrap_or_default();
    let to = open_slot(view, item.kind, &depends_on, record.turn, None)?;
    let mut decision = Decision::default();
    if let Some(incident) = &record.incident {
        let incident = ItemRef::new(ItemKind::Incident, incident.clone());
        if view.slot(&incident)?.is_some_and(|slot| !slot.is_closed()) {
            decision
                .notes
                .push(format!("{incident} plans for {item} as well; archive it if it is not wanted"));
        }
    }
    decision.effects.push(Effect::Move { item: item.clone(), from: Slot::Blocked, to });
    let retry = Retry {
        at,
        reason: retrying.reason.clone(),
        run: record.run,
        stage: (!retrying.from_start).then_some(record.stage),
    };
    decision.effects.push(Effect::Retry { item: item.clone(), retry });
    decision.effects.extend(told(retrying, item));
    Ok(Ok(decision))
}

/// The operator's note, for the next stage of an item or for the judge of a root.
fn told(retrying: &Retrying, item: &ItemRef) -> Option<Effect> {
    retrying.note.map(|note| Effect::Note { item: item.clone(), note })
}

/// A run that goes on with the work of the one that was blocked. Nothing is launched before that work is in the work
/// tree again.
pub(super) fn reopen(view: &dyn View, at: Timestamp, run: &RunId, claim: &Claim) -> Ruling {
    let control = view.control()?;
    if let Some(owed) = &control.owed {
        return Ok(Err(Refusal::TreeOwed { run: owed.run.clone() }));
    }
    if let Some(to_land) = &control.to_land {
        return Ok(Err(Refusal::TreeOwed { run: to_land.run.clone() }));
    }
    if let Some(other) = view.runs()?.into_iter().next() {
        return Ok(Err(Refusal::RunActive { run: other.run }));
    }
    let retry = view.recovery(&claim.item)?.and_then(|recovery| recovery.retry);
    let Some((retry, stage)) = retry.and_then(|retry| Some((retry.clone(), retry.stage?))) else {
        return Ok(Err(Refusal::NothingToReopen { item: claim.item.clone() }));
    };
    let mut opened = match launch::open(view, at, &control, run, claim)? {
        Ok(opened) => opened,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(plan) = view.plan(&opened.plan)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: opened.plan }));
    };
    let judges = plan.completion.as_ref().map(|completion| &completion.stage);
    let stage =
        plan.stage_ref(&stage).filter(|at| at.plane == opened.stage.plane && Some(&at.stage) != judges);
    if let Some(stage) = stage {
        opened.stage = stage;
    }
    opened.continues = Some(retry.run.clone());
    let mut effects = vec![
        Effect::Move { item: claim.item.clone(), from: Slot::Queued(claim.turn), to: Slot::Active },
        Effect::Open { run: Box::new(opened) },
    ];
    effects.extend(claims(view, at, &plan, claim)?);
    let earlier = view.run_record(&retry.run)?.and_then(|record| Some((record.start, record.end?.snapshot)));
    if let Some((from, to)) = earlier.filter(|(from, to)| from != to) {
        effects.push(Effect::Owe { owed: Owed { run: run.clone(), from, to, ended_at: None } });
    }
    Ok(Ok(Decision { effects, notes: Vec::new() }))
}

/// The earlier run's work cannot be put back: the item is blocked again, and says so.
pub(super) fn unresumable(view: &dyn View, at: Timestamp, run: &RunId, detail: &str) -> Ruling {
    let Some(run) = view.run(run)? else { return Ok(Err(Refusal::NoSuchRun { run: run.clone() })) };
    let owed = view.control()?.owed;
    let (Some(earlier), true) = (run.continues.clone(), owed.is_some_and(|owed| owed.run == run.run)) else {
        return Ok(Err(Refusal::NothingToReopen { item: run.item }));
    };
    let Some(plan) = view.plan(&run.plan)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: run.plan }));
    };
    let recovery = view.recovery(&run.item)?.unwrap_or_else(|| Recovery::new(run.item.clone()));
    let mut effects = vec![Effect::Paid { run: run.run.clone() }];
    let end = End {
        at,
        run: &run,
        plan: &plan,
        recovery: &recovery,
        ending: Ending::Blocked,
        class: FailureClass::normalised("resume_conflict"),
        why: format!("the work of run {earlier} cannot be put back: {detail}"),
        snapshot: run.snapshot,
        tip: run.start,
        spent: run.spent,
        used: run.used,
        resume: None,
        ended_at: None,
        incident: None,
        created: &[],
    };
    for effect in end.effects(view)? {
        effects.push(match effect {
            // Its work is still the earlier run's.
            Effect::Block { item, mut blocked } => {
                blocked.run = earlier.clone();
                Effect::Block { item, blocked }
            }
            other => other,
        });
    }
    Ok(Ok(Decision { effects, notes: Vec::new() }))
}

/// The running launch is ended, and its stage starts again.
pub(super) fn retry_active(view: &dyn View, at: Timestamp, run: &RunId, reason: &str) -> Ruling {
    let Some(run) = view.run(run)? else { return Ok(Err(Refusal::NoSuchRun { run: run.clone() })) };
    let mut decision = Decision::default();
    if run.cancel.is_some() {
        return Ok(Err(Refusal::Cancelling { run: run.run }));
    }
    if run.launch.is_none() {
        decision
            .notes
            .push(format!("no stage of run {} is under way; {} starts by itself", run.run, run.stage));
    } else if run.again.is_some() {
        decision.notes.push(format!("{} of run {} is being ended already", run.stage, run.run));
    } else {
        let again = Some(Cancel { at, reason: reason.to_owned() });
        decision.effects.push(Effect::AskAgain { run: run.run, again });
    }
    Ok(Ok(decision))
}

/// An item on which nothing works is taken out of the way.
pub(super) fn archive(view: &dyn View, at: Timestamp, item: &ItemRef, reason: &str) -> Ruling {
    let Some(slot) = view.slot(item)? else { return Ok(Err(Refusal::NoSuchItem { item: item.clone() })) };
    if slot.is_closed() {
        return Ok(Err(Refusal::AlreadyClosed { item: item.clone(), state: slot.state() }));
    }
    if let Some(run) = view.runs()?.into_iter().find(|run| &run.item == item) {
        return Ok(Err(Refusal::WorkedOn { item: item.clone(), run: run.run }));
    }
    Ok(Ok(Decision { effects: archives(view, at, item, slot, reason)?, notes: Vec::new() }))
}

/// Items that came from outside may be worked on; others are so already.
pub(super) fn release(view: &dyn View, items: &[ItemRef]) -> Ruling {
    let mut decision = Decision::default();
    for item in once(items) {
        match view.slot(item)? {
            None => return Ok(Err(Refusal::NoSuchItem { item: item.clone() })),
            Some(Slot::Held(turn)) => {
                let Some(known) = view.known(item)? else {
                    return Ok(Err(Refusal::NoSuchItem { item: item.clone() }));
                };
                let to = open_slot(view, item.kind, &known.intake.depends_on, turn, None)?;
                decision.effects.push(Effect::Move { item: item.clone(), from: Slot::Held(turn), to });
                if let (Some(root), Some(_)) = (known.intake.root(), known.arrival) {
                    decision.effects.extend(joins(view, root, item.clone())?);
                }
            }
            Some(slot) => decision.notes.push(format!("{item} is {}, not held", slot.state())),
        }
    }
    Ok(Ok(decision))
}

/// An item's turn changes by its priority; its arrival stays.
pub(super) fn prioritise(view: &dyn View, item: &ItemRef, priority: Priority) -> Ruling {
    let Some(slot) = view.slot(item)? else { return Ok(Err(Refusal::NoSuchItem { item: item.clone() })) };
    let Some(mut known) = view.known(item)? else {
        return Ok(Err(Refusal::NoSuchItem { item: item.clone() }));
    };
    if slot.is_closed() {
        return Ok(Err(Refusal::AlreadyClosed { item: item.clone(), state: slot.state() }));
    }
    if let Some(run) = view.runs()?.into_iter().find(|run| &run.item == item) {
        return Ok(Err(Refusal::WorkedOn { item: item.clone(), run: run.run }));
    }
    if known.intake.priority == priority {
        let notes = vec![format!("{item} has priority {priority} already")];
        return Ok(Ok(Decision { effects: Vec::new(), notes }));
    }
    known.intake.priority = priority;
    let mut effects = vec![Effect::Amend { known }];
    let with = |turn: Turn| Turn { priority, ..turn };
    let to = match &slot {
        Slot::Queued(turn) => Slot::Queued(with(*turn)),
        Slot::Held(turn) => Slot::Held(with(*turn)),
        Slot::Waiting { on, turn } => Slot::Waiting { on: on.clone(), turn: with(*turn) },
        other => other.clone(),
    };
    if to != slot {
        effects.push(Effect::Move { item: item.clone(), from: slot, to });
    } else if let Some(mut blocked) = view.recovery(item)?.and_then(|recovery| recovery.blocked) {
        blocked.turn = with(blocked.turn);
        effects.push(Effect::Block { item: item.clone(), blocked });
    }
    Ok(Ok(Decision { effects, notes: Vec::new() }))
}
