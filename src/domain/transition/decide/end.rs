//! How a run ends: what becomes of its item, of those that wait for it, and of the work tree.

use jiff::Timestamp;

use super::super::decision::Effect;
use super::enqueue::open_slot;
use super::lineage::leaves;
use super::supersede;
use crate::domain::budget::Spending;
use crate::domain::control::{Owed, ToLand};
use crate::domain::ids::{FailureClass, ItemId, StageName};
use crate::domain::item::{Intake, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::plan::{BetweenItems, Ending, OnDone, Plan, Plane};
use crate::domain::recovery::{Blocked, Recovery};
use crate::domain::run::{Run, RunEnd};
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View};

/// The end of a run.
pub(super) struct End<'a> {
    pub(super) at: Timestamp,
    pub(super) run: &'a Run,
    pub(super) plan: &'a Plan,
    pub(super) recovery: &'a Recovery,
    pub(super) ending: Ending,
    pub(super) class: FailureClass,
    pub(super) why: String,
    /// The last consistent snapshot, this launch's included.
    pub(super) snapshot: Oid,
    /// What the work tree holds: the same, or what an interrupted stage left.
    pub(super) tip: Oid,
    /// Launches that counted, this one included.
    pub(super) spent: u32,
    /// What its launches used, this one included.
    pub(super) used: Spending,
    /// Where the item would go on, where that is not the stage that it ends in.
    pub(super) resume: Option<StageName>,
    /// When its last stage had ended, where that is known.
    pub(super) ended_at: Option<Timestamp>,
    /// The incident that has the matter from now on.
    pub(super) incident: Option<ItemId>,
    /// Documents that come in with the end.
    pub(super) created: &'a [Intake],
}

impl End<'_> {
    /// The effects of the end.
    pub(super) fn effects(self, view: &dyn View) -> Result<Vec<Effect>, Fault> {
        let item = &self.run.item;
        let to = match self.ending {
            Ending::Done => Slot::Done,
            Ending::Blocked | Ending::NeedsPlanning => Slot::Blocked,
            Ending::Cancelled => Slot::Archived,
        };
        let mut effects = vec![Effect::Move { item: item.clone(), from: Slot::Active, to: to.clone() }];
        if to == Slot::Blocked {
            if self.recovery.retry.is_some() {
                effects.push(Effect::Retried { item: item.clone() });
            }
            effects.push(Effect::Spend {
                item: item.clone(),
                total: self.recovery.spent.saturating_add(self.spent),
            });
            if !self.used.is_none() {
                let used = self.recovery.used.plus(&self.used);
                effects.push(Effect::ChargeItem { item: item.clone(), used });
            }
            let failure = self.run.failure.as_ref();
            effects.push(Effect::Block {
                item: item.clone(),
                blocked: Blocked {
                    at: self.at,
                    reason: self.why.clone(),
                    class: self.class.clone(),
                    stage: self.resume.clone().unwrap_or_else(|| {
                        failure.map_or(&self.run.stage.stage, |failure| &failure.stage).clone()
                    }),
                    run: self.run.run.clone(),
                    turn: self.run.turn,
                    incident: self.incident.clone(),
                },
            });
        } else {
            effects.push(Effect::Forget { item: item.clone() });
            effects.extend(leaves(view, self.at, item, &to, &self.why)?);
        }
        if to == Slot::Done {
            let replaced = supersede::by_planning(view, self.at, item, self.created)?;
            effects.extend(release(view, item, &replaced)?);
            effects.extend(replaced);
        }
        effects.push(self.close());
        effects.extend(self.to_land());
        let restores = self.plan.workspace.between_items != BetweenItems::Carry;
        if to != Slot::Done && restores {
            effects.extend(self.owes());
        }
        Ok(effects)
    }

    /// The run's own end.
    pub(super) fn close(&self) -> Effect {
        Effect::Close {
            run: self.run.run.clone(),
            end: RunEnd {
                at: self.at,
                ending: self.ending,
                reason: self.why.clone(),
                stage: self.run.stage.clone(),
                snapshot: self.snapshot,
                launches: self.run.launches,
                used: self.used,
            },
        }
    }

    /// What a finished run of the execution plane has changed, where the plan commits that.
    fn to_land(&self) -> Option<Effect> {
        let lands = self.ending == Ending::Done
            && self.plan.workspace.on_done == OnDone::Commit
            && self.run.stage.plane == Plane::Execution
            && self.snapshot != self.run.start;
        lands.then(|| Effect::ToLand {
            to_land: ToLand { run: self.run.run.clone(), branch: self.run.branch.clone() },
        })
    }

    /// The work tree's way back to where the run began.
    pub(super) fn owes(&self) -> Option<Effect> {
        (self.tip != self.run.start).then(|| Effect::Owe {
            owed: Owed {
                run: self.run.run.clone(),
                from: self.tip,
                to: self.run.start,
                ended_at: self.ended_at,
            },
        })
    }
}

/// The items that waited for this one move on: to their next dependency, or into the queue. Those whose dependencies
/// change by the same decision move once, by those.
fn release(view: &dyn View, done: &ItemRef, replaced: &[Effect]) -> Result<Vec<Effect>, Fault> {
    let mut effects = Vec::new();
    for (id, turn) in view.waiting_for(done.kind, &done.id)? {
        let item = ItemRef::new(done.kind, id);
        if replaced
            .iter()
            .any(|effect| matches!(effect, Effect::Amend { known } if known.intake.item == item))
        {
            continue;
        }
        let depends_on = view.known(&item)?.map(|known| known.intake.depends_on).unwrap_or_default();
        let to = open_slot(view, done.kind, &depends_on, turn, Some(&done.id))?;
        effects.push(Effect::Move { item, from: Slot::Waiting { on: done.id.clone(), turn }, to });
    }
    Ok(effects)
}
