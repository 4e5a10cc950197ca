//! Which roots may be worked on, and which may be judged: one answer for the schedule, the rules and whoever asks why.

use super::closure::{Target, TargetState};
use super::control::Control;
use super::item::{Intake, ItemRef};
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

/// Whether something can be done for a root without anybody's help: an item of it can be worked on, or it can be judged.
/// One that only waits for an operator keeps no other root from being opened.
pub fn is_actionable(view: &dyn View, target: &Target) -> Result<bool, Fault> {
    Ok(match obstacle(view, target)? {
        None => true,
        Some(Obstacle::Closed | Obstacle::Blocked { .. }) => false,
        Some(Obstacle::Open { items }) => {
            items.iter().any(|(_, slot)| matches!(slot, Slot::Queued(_) | Slot::Active))
        }
    })
}

/// Why a root cannot be opened now, in words; `None`: it can, it is open already, or it is no root that is judged.
pub fn held_back(
    view: &dyn View,
    control: &Control,
    plan: &Plan,
    intake: &Intake,
) -> Result<Option<String>, Fault> {
    if !intake.is_root() || plan.completion.is_none() || control.targets.contains(&intake.item.id) {
        return Ok(None);
    }
    let mut open = Vec::new();
    for root in &control.targets {
        if let Some(target) = view.target(root)?
            && is_actionable(view, &target)?
        {
            open.push(target.item().to_string());
        }
    }
    let most = usize::try_from(plan.limits.max_open_roots).unwrap_or(usize::MAX);
    Ok((open.len() >= most).then(|| {
        format!("{} is to be accepted first; the plan opens {most} root at a time", open.join(", "))
    }))
}
