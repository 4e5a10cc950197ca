//! A fetched ledger goes on here. It is consistent, and that authorises nothing: what it brings is held until this
//! machine's operator lets it in.

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Adopting, Known};
use super::super::refusal::Refusal;
use super::Ruling;
use crate::domain::control::{OPERATOR, PauseCause, PauseKind};
use crate::domain::slot::Slot;
use crate::domain::view::View;

pub(super) fn decide(view: &dyn View, at: Timestamp, adopting: &Adopting) -> Ruling {
    let control = view.control()?;
    for run in view.runs()? {
        if let Some(launch) = run.launch {
            let (run, stage, since) = (run.run, run.stage, launch.at);
            return Ok(Err(Refusal::UnderWayElsewhere { run, stage, since }));
        }
    }
    // What a work tree elsewhere still holds cannot be put back in this one.
    if let Some(owed) = control.owed.as_ref().filter(|owed| adopting.owed.as_ref() != Some(&owed.run)) {
        return Ok(Err(Refusal::OwedElsewhere { run: owed.run.clone() }));
    }
    let mut decision = Decision::default();
    for session in &control.sessions {
        decision.notes.push(format!(
            "session {} has not ended there: should it go on, the two ledgers part",
            session.session
        ));
    }
    for item in &adopting.arrived {
        let Some(slot @ (Slot::Queued(turn) | Slot::Waiting { turn, .. })) = view.slot(item)? else {
            continue;
        };
        let moved = Effect::Move { item: item.clone(), from: slot, to: Slot::Held(turn) };
        decision.effects.push(moved);
        if let Some(known) = view.known(item)?.filter(|known| known.origin.is_none()) {
            let origin = Some(format!("fetched from {}", adopting.remote));
            decision.effects.push(Effect::Amend { known: Known { origin, ..known } });
        }
    }
    for cause in &adopting.pauses {
        if !control.pauses.iter().any(|other| other.is(&cause.kind.key(), &cause.owner)) {
            decision.effects.push(Effect::Pause { cause: cause.clone() });
        }
    }
    // Those cannot be put into the lane: nothing starts before somebody has looked at them.
    let begun: Vec<String> = (adopting.runs.iter().map(|run| format!("run {run}")))
        .chain(adopting.roots.iter().map(|root| format!("the closure of spec/{root}")))
        .collect();
    if !begun.is_empty() {
        let detail = format!("fetched from {} and begun there: {}", adopting.remote, begun.join(", "));
        decision.effects.push(Effect::Pause {
            cause: PauseCause {
                kind: PauseKind::Approval,
                owner: OPERATOR.to_owned(),
                since: at,
                detail,
                until: None,
                named: false,
                times: 1,
            },
        });
    }
    Ok(Ok(decision))
}
