//! Cancel: an item is no longer wanted. It is archived, never deleted.

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::refusal::Refusal;
use super::Ruling;
use super::end::End;
use super::lineage::archives;
use crate::domain::control::Owed;
use crate::domain::ids::FailureClass;
use crate::domain::item::ItemRef;
use crate::domain::plan::Ending;
use crate::domain::recovery::Recovery;
use crate::domain::run::Cancel;
use crate::domain::slot::Slot;
use crate::domain::view::View;

/// A waiting item is archived at once. An active one too, unless its stage is under way: then the wish is recorded,
/// and the run ends when the stop is proved.
pub(super) fn decide(view: &dyn View, at: Timestamp, item: &ItemRef, reason: &str) -> Ruling {
    let Some(slot) = view.slot(item)? else {
        return Ok(Err(Refusal::NoSuchItem { item: item.clone() }));
    };
    let mut decision = Decision::default();
    match slot {
        Slot::Done | Slot::Archived => {
            return Ok(Err(Refusal::AlreadyClosed { item: item.clone(), state: slot.state() }));
        }
        Slot::Active => {
            let Some(run) = view.runs()?.into_iter().find(|run| &run.item == item && !run.closure) else {
                return Ok(Err(Refusal::NoSuchItem { item: item.clone() }));
            };
            if run.cancel.is_some() {
                decision.notes.push(format!("{item} is being cancelled already"));
            } else if run.launch.is_some() {
                let cancel = Cancel { at, reason: reason.to_owned() };
                decision.effects.push(Effect::AskCancel { run: run.run, cancel });
            } else {
                let Some(plan) = view.plan(&run.plan)? else {
                    return Ok(Err(Refusal::UnknownPlan { plan: run.plan }));
                };
                // What an interrupted stage left is in the work tree still, where it has not gone back yet.
                let owed = view.control()?.owed.filter(|owed| owed.run == run.run);
                // A run that was to go on with another one's work, and does not stand on it yet: as much of it as is
                // in the work tree already goes out again.
                let forward = owed.clone().filter(|_| run.is_to_stand());
                let recovery = view.recovery(item)?.unwrap_or_else(|| Recovery::new(item.clone()));
                let end = End {
                    at,
                    run: &run,
                    plan: &plan,
                    recovery: &recovery,
                    ending: Ending::Cancelled,
                    class: FailureClass::normalised("cancelled"),
                    why: reason.to_owned(),
                    snapshot: run.snapshot,
                    tip: match (&forward, &owed) {
                        (Some(_), _) => run.start,
                        (None, Some(owed)) => owed.from,
                        (None, None) => run.snapshot,
                    },
                    spent: run.spent,
                    used: run.used,
                    resume: None,
                    ended_at: owed.as_ref().and_then(|owed| owed.ended_at),
                    incident: None,
                    created: &[],
                };
                decision.effects = end.effects(view)?;
                if let Some(Owed { run, from, to, ended_at }) = forward {
                    decision.effects.push(Effect::Owe { owed: Owed { run, from: to, to: from, ended_at } });
                }
            }
        }
        Slot::Queued(_) | Slot::Waiting { .. } | Slot::Held(_) | Slot::Blocked => {
            decision.effects.extend(archives(view, at, item, slot, reason)?);
        }
    }
    Ok(Ok(decision))
}
