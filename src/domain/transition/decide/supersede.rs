//! One item in the place of another, and other dependencies than the document says.

use super::super::decision::{Decision, Effect};
use super::super::input::Known;
use super::super::refusal::Refusal;
use super::enqueue::{Batch, cycle, open_slot};
use super::lineage::archives;
use super::{Ruling, cancel};
use crate::domain::ids::ItemId;
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::place::OpenState;
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View};

/// An item is cancelled; those that depend on it depend on another one from now on. Of one that is archived already,
/// the second half is left.
pub(super) fn decide(
    view: &dyn View,
    at: jiff::Timestamp,
    item: &ItemRef,
    by: &ItemId,
    reason: &str,
) -> Ruling {
    if &item.id == by {
        return Ok(Err(Refusal::TakesItsOwnPlace { item: item.clone() }));
    }
    let other = ItemRef::new(item.kind, by.clone());
    match view.slot(&other)? {
        None => return Ok(Err(Refusal::NoSuchItem { item: other })),
        Some(Slot::Archived) => return Ok(Err(Refusal::AlreadyClosed { item: other, state: "archived" })),
        Some(_) => {}
    }
    let archived = view.stands_in(item, &Slot::Archived)?;
    let mut decision = Decision::default();
    if !archived {
        decision = match cancel::decide(view, at, item, &format!("superseded by {other}: {reason}"))? {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Err(refusal)),
        };
    }
    match dependents(view, item, std::slice::from_ref(by), &[], None)? {
        Ok(effects) => decision.effects.extend(effects),
        Err(refusal) => return Ok(Err(refusal)),
    }
    if archived && decision.effects.is_empty() {
        decision.notes.push(format!("{item} is archived already, and nothing waits for it"));
    }
    Ok(Ok(decision))
}

/// One dependency of one item is exchanged, or goes.
pub(super) fn retarget(view: &dyn View, item: &ItemRef, from: &ItemId, to: Option<&ItemId>) -> Ruling {
    let Some(slot) = view.slot(item)? else { return Ok(Err(Refusal::NoSuchItem { item: item.clone() })) };
    if slot.is_closed() {
        return Ok(Err(Refusal::AlreadyClosed { item: item.clone(), state: slot.state() }));
    }
    let Some(known) = view.known(item)? else { return Ok(Err(Refusal::NoSuchItem { item: item.clone() })) };
    if !known.intake.depends_on.contains(from) {
        if to.is_some_and(|to| known.intake.depends_on.contains(to)) {
            let notes = vec![format!("{item} does not depend on {from} any more")];
            return Ok(Ok(Decision { effects: Vec::new(), notes }));
        }
        return Ok(Err(Refusal::NoSuchDependency { item: item.clone(), from: from.clone() }));
    }
    let to: Vec<ItemId> = to.into_iter().cloned().collect();
    if matches!(slot, Slot::Active | Slot::Blocked) && !all_done(view, item.kind, &to)? {
        // It was begun because its dependencies were met; they stay so.
        return Ok(Err(Refusal::TooLateToWait { item: item.clone(), state: slot.state() }));
    }
    let changed = exchanged(&known, from, &to);
    if changed == known {
        let notes = vec![format!("{item} depends on {from} already")];
        return Ok(Ok(Decision { effects: Vec::new(), notes }));
    }
    let mut batch = Batch::default();
    batch.insert(&changed.intake, None);
    if let Some(refusal) = cycle(view, &batch, std::iter::once(item))? {
        return Ok(Err(refusal));
    }
    let effects = amended(view, changed.clone(), &slot, None)?;
    Ok(Ok(Decision { effects, notes: Vec::new() }))
}

fn all_done(view: &dyn View, kind: ItemKind, ids: &[ItemId]) -> Result<bool, Fault> {
    for id in ids {
        if !view.stands_in(&ItemRef::new(kind, id.clone()), &Slot::Done)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a resolved incident means for the item whose matter it took: its planning is in that item's place.
pub(super) fn by_planning(
    view: &dyn View,
    at: jiff::Timestamp,
    incident: &ItemRef,
    created: &[Intake],
) -> Result<Vec<Effect>, Fault> {
    if incident.kind != ItemKind::Incident {
        return Ok(Vec::new());
    }
    let Some(about) = view.known(incident)?.and_then(|known| known.intake.about) else {
        return Ok(Vec::new());
    };
    let blocked = view.recovery(&about)?.and_then(|recovery| recovery.blocked);
    // An operator may have let it go on meanwhile; then it is its own matter again.
    if blocked.and_then(|blocked| blocked.incident).as_ref() != Some(&incident.id) {
        return Ok(Vec::new());
    }
    let why = format!("its matter was planned by {incident}");
    let mut effects = archives(view, at, &about, Slot::Blocked, &why)?;
    let by: Vec<ItemId> = created
        .iter()
        .map(|new| &new.item)
        .filter(|item| item.kind == about.kind)
        .map(|item| item.id.clone())
        .collect();
    if !by.is_empty() {
        // A cycle leaves those that wait as they are: they name what they wait for.
        effects.extend(dependents(view, &about, &by, created, Some(incident))?.unwrap_or_default());
    }
    Ok(effects)
}

/// Those that depend on an item depend on these instead; `created` come in with the same decision, and `finished` is
/// done by it.
fn dependents(
    view: &dyn View,
    item: &ItemRef,
    by: &[ItemId],
    created: &[Intake],
    finished: Option<&ItemRef>,
) -> Result<Result<Vec<Effect>, Refusal>, Fault> {
    let mut changed: Vec<(Known, Slot)> = Vec::new();
    for state in [OpenState::Waiting, OpenState::Held] {
        for (id, slot) in view.standing(item.kind, state)? {
            let Some(known) = view.known(&ItemRef::new(item.kind, id))? else { continue };
            if known.intake.depends_on.contains(&item.id) {
                changed.push((exchanged(&known, &item.id, by), slot));
            }
        }
    }
    let mut batch = Batch::default();
    for new in created {
        batch.insert(new, None);
    }
    for (known, _) in &changed {
        batch.insert(&known.intake, None);
    }
    if let Some(refusal) = cycle(view, &batch, changed.iter().map(|(known, _)| &known.intake.item))? {
        return Ok(Err(refusal));
    }
    let mut effects = Vec::new();
    for (known, slot) in &changed {
        effects.extend(amended(view, known.clone(), slot, finished)?);
    }
    Ok(Ok(effects))
}

/// What is known of an item that depends on `to` in the place of `from`.
fn exchanged(known: &Known, from: &ItemId, to: &[ItemId]) -> Known {
    let mut changed = known.clone();
    let mut depends_on = Vec::new();
    for id in &known.intake.depends_on {
        let new = if id == from { to } else { std::slice::from_ref(id) };
        for id in new {
            if !depends_on.contains(id) {
                depends_on.push(id.clone());
            }
        }
    }
    changed.intake.depends_on = depends_on;
    changed
}

/// The effects of changed dependencies: the record, and the place where the item waits.
fn amended(
    view: &dyn View,
    known: Known,
    slot: &Slot,
    finished: Option<&ItemRef>,
) -> Result<Vec<Effect>, Fault> {
    let ItemRef { kind, .. } = known.intake.item;
    let finished = finished.filter(|done| done.kind == kind).map(|done| &done.id);
    let waits = |turn: Turn| open_slot(view, kind, &known.intake.depends_on, turn, finished);
    let to = match slot {
        Slot::Queued(turn) | Slot::Waiting { turn, .. } => waits(*turn)?,
        other => other.clone(),
    };
    let item = known.intake.item.clone();
    let mut effects = vec![Effect::Amend { known }];
    if &to != slot {
        effects.push(Effect::Move { item, from: slot.clone(), to });
    }
    Ok(effects)
}
