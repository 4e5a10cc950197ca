//! Lineage: which open items descend from a root. Kept by the same decision that opens or closes an item.

use jiff::Timestamp;

use super::super::decision::Effect;
use super::super::input::Known;
use crate::domain::closure::TargetState;
use crate::domain::ids::ItemId;
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View};

/// The root of a new item. Where its document names a spec that descends from another one, that one's root counts: a
/// lineage has one name.
pub(super) fn root_of(view: &dyn View, intake: &Intake) -> Result<Option<ItemId>, Fault> {
    let Some(root) = intake.root() else { return Ok(None) };
    if intake.is_root() {
        return Ok(Some(root));
    }
    let named = view.known(&ItemRef::new(ItemKind::Spec, root.clone()))?;
    Ok(named.and_then(|named| named.intake.root()).or(Some(root)))
}

/// The effects of an item that comes into a root's lineage. A target that was closed is open again: what was judged is
/// no longer all there is.
pub(super) fn joins(view: &dyn View, root: ItemId, item: ItemRef) -> Result<Vec<Effect>, Fault> {
    let mut effects = Vec::new();
    if let Some(mut target) = view.target(&root)?.filter(|target| target.state.is_closed()) {
        target.state = TargetState::Open;
        target.rounds = 0;
        effects.push(Effect::Target { target });
    }
    effects.push(Effect::Join { root, item });
    Ok(effects)
}

/// The effects by which an item of the first rules comes into its lineage when it is claimed: they marked none.
pub(super) fn catches_up(view: &dyn View, known: Known, turn: Turn) -> Result<Vec<Effect>, Fault> {
    if known.arrival.is_some() {
        return Ok(Vec::new());
    }
    let (item, root) = (known.intake.item.clone(), root_of(view, &known.intake)?);
    let intake = Intake { root_spec_id: root.clone(), ..known.intake };
    let mut effects = vec![Effect::Amend { known: Known { arrival: Some(turn.arrival), intake, ..known } }];
    if let Some(root) = root {
        effects.extend(joins(view, root, item)?);
    }
    Ok(effects)
}

/// The effects of an item that is closed. One that is archived is named to whoever judges. A root that is given up
/// while it is all there is of its lineage leaves nothing to judge.
pub(super) fn leaves(
    view: &dyn View,
    at: Timestamp,
    item: &ItemRef,
    to: &Slot,
    why: &str,
) -> Result<Vec<Effect>, Fault> {
    let Some(root) = view.known(item)?.and_then(|known| known.intake.root()) else { return Ok(Vec::new()) };
    let mut effects = Vec::new();
    if to == &Slot::Archived
        && let Some(mut target) = view.target(&root)?
        && !target.state.is_closed()
    {
        if !target.archived.contains(item) {
            target.archived.push(item.clone());
        }
        if &target.item() == item && view.lineage(&root)?.iter().all(|other| other == item) {
            target.state = TargetState::Cancelled { at, reason: why.to_owned() };
        }
        effects.push(Effect::Target { target });
    }
    effects.push(Effect::Leave { root, item: item.clone() });
    Ok(effects)
}

/// The effects that archive an item on which nothing works. One that was never let in is of no lineage.
pub(super) fn archives(
    view: &dyn View,
    at: Timestamp,
    item: &ItemRef,
    from: Slot,
    why: &str,
) -> Result<Vec<Effect>, Fault> {
    let held = matches!(from, Slot::Held(_));
    let mut effects = vec![Effect::Move { item: item.clone(), from, to: Slot::Archived }];
    if view.recovery(item)?.is_some() {
        effects.push(Effect::Forget { item: item.clone() });
    }
    if !held {
        effects.extend(leaves(view, at, item, &Slot::Archived, why)?);
    }
    Ok(effects)
}
