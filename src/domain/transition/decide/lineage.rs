//! Lineage: which open items descend from a root. Kept by the same decision that opens or closes an item.

use super::super::decision::Effect;
use crate::domain::closure::TargetState;
use crate::domain::ids::ItemId;
use crate::domain::item::ItemRef;
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View};

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

/// The effects of an item that is closed. One that is archived is named to whoever judges.
pub(super) fn leaves(view: &dyn View, item: &ItemRef, to: &Slot) -> Result<Vec<Effect>, Fault> {
    let Some(root) = view.known(item)?.and_then(|known| known.intake.root()) else { return Ok(Vec::new()) };
    let mut effects = Vec::new();
    if to == &Slot::Archived
        && let Some(mut target) = view.target(&root)?
        && !target.state.is_closed()
        && !target.archived.contains(item)
    {
        target.archived.push(item.clone());
        effects.push(Effect::Target { target });
    }
    effects.push(Effect::Leave { root, item: item.clone() });
    Ok(effects)
}

/// The effects that archive an item on which nothing works.
pub(super) fn archives(view: &dyn View, item: &ItemRef, from: Slot) -> Result<Vec<Effect>, Fault> {
    let mut effects = vec![Effect::Move { item: item.clone(), from, to: Slot::Archived }];
    if view.recovery(item)?.is_some() {
        effects.push(Effect::Forget { item: item.clone() });
    }
    effects.extend(leaves(view, item, &Slot::Archived)?);
    Ok(effects)
}
