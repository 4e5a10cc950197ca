//! Which roots may be worked on, and which may be judged: one answer for the schedule, the rules and whoever asks why.

use super::closure::{Target, TargetState};
use super::control::Control;
use super::item::{ItemKind, ItemRef};
use super::limits::MAX_NAMED_ITEMS;
use super::plan::Plan;
use super::slot::Slot;
use super::view::{Fault, View};

/// What keeps a root from being judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Its target is closed.
    Closed,
    /// Its target is blocked.
    Blocked {
        /// Why, in words.
        reason: String,
    },
    /// Items of its lineage are open.
    Open {
        /// Which, each with where it stands, by name.
        items: Vec<(ItemRef, Slot)>,
    },
}

/// What keeps a root from being judged; `None`: its lineage is drained, and it is open.
pub fn obstacle(view: &dyn View, target: &Target) -> Result<Option<Obstacle>, Fault> {
    match &target.state {
        TargetState::Accepted { .. } | TargetState::Cancelled { .. } => return Ok(Some(Obstacle::Closed)),
        TargetState::Blocked { reason, .. } => {
            return Ok(Some(Obstacle::Blocked { reason: reason.clone() }));
        }
        TargetState::Open => {}
    }
    let mut items = Vec::new();
    for item in view.lineage(&target.root)? {
        if let Some(slot) = view.slot(&item)? {
            items.push((item, slot));
        }
    }
    Ok((!items.is_empty()).then_some(Obstacle::Open { items }))
}

/// Whether a root can be judged, as far as its work goes.
pub fn is_drained(view: &dyn View, target: &Target) -> Result<bool, Fault> {
    Ok(target.state == TargetState::Open && view.lineage(&target.root)?.is_empty())
}

/// Whether something can be done for a root without anybody's help: an item of it can be worked on, or it can be judged.
/// One that only waits for an operator keeps no other root from being opened.
pub fn is_actionable(view: &dyn View, target: &Target) -> Result<bool, Fault> {
    if target.state != TargetState::Open {
        return Ok(false);
    }
    let items = view.lineage(&target.root)?;
    for item in &items {
        if matches!(view.slot(item)?, Some(Slot::Queued(_) | Slot::Active)) {
            return Ok(true);
        }
    }
    Ok(items.is_empty())
}

/// Whether working on an item opens a closure target.
pub fn opens(view: &dyn View, control: &Control, item: &ItemRef) -> Result<bool, Fault> {
    if item.kind != ItemKind::Spec || control.targets.contains(&item.id) {
        return Ok(false);
    }
    Ok(view.known(item)?.is_some_and(|known| known.intake.is_root()))
}

/// Why an item cannot be begun now, in words; `None`: it can, or it is no root that is judged.
pub fn held_back(
    view: &dyn View,
    control: &Control,
    plan: &Plan,
    item: &ItemRef,
) -> Result<Option<String>, Fault> {
    if plan.completion.is_none() || !opens(view, control, item)? {
        return Ok(None);
    }
    let most = usize::try_from(plan.limits.max_open_roots).unwrap_or(usize::MAX);
    let mut open = Vec::new();
    for root in &control.targets {
        if let Some(target) = view.target(root)?
            && is_actionable(view, &target)?
        {
            open.push(target.item());
        }
    }
    Ok((open.len() >= most).then(|| {
        let roots = if most == 1 { "root" } else { "roots" };
        format!("{} is to be accepted first; the plan opens {most} {roots} at a time", named(&open))
    }))
}

/// Items by name, the first few of them.
#[must_use]
pub fn named(items: &[ItemRef]) -> String {
    let mut names: Vec<String> = items.iter().take(MAX_NAMED_ITEMS).map(ToString::to_string).collect();
    match items.len().saturating_sub(MAX_NAMED_ITEMS) {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    names.join(", ")
}
