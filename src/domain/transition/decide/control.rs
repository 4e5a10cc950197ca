//! Plans, sessions, pause causes and the work tree's debt.

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Content, Files};
use super::super::refusal::Refusal;
use super::Ruling;
use crate::domain::budget::Spending;
use crate::domain::control::{PauseCause, Session, StopWish};
use crate::domain::ids::{PlanId, RunId, SessionId};
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::run::{Landing, Run};
use crate::domain::view::View;

#[expect(clippy::unnecessary_wraps, reason = "every rule gives a ruling")]
fn effects(effects: Vec<Effect>) -> Ruling {
    Ok(Ok(Decision { effects, notes: Vec::new() }))
}

/// A plan is frozen once: the same content has the same id. Selecting the selected one changes nothing.
pub(super) fn compile(
    view: &dyn View,
    plan: &PlanId,
    record: Content,
    files: &Files,
    diagnostics: Content,
) -> Ruling {
    if let Some(name) = files.keys().find(|name| place::plan_file(plan, name).is_none()) {
        return Ok(Err(Refusal::BadName { name: name.clone() }));
    }
    let selected = view.control()?.plan.as_ref() == Some(plan);
    let frozen = view.plan(plan)?.is_some();
    if selected && frozen {
        return effects(Vec::new());
    }
    let mut list = Vec::new();
    if !frozen {
        list.push(Effect::Freeze { plan: plan.clone(), record, files: files.clone() });
    }
    list.push(Effect::Diagnose { diagnostics });
    list.push(Effect::Select { plan: plan.clone() });
    effects(list)
}

/// A daemon begins. It holds the daemon's lock, so whoever is still listed has died without a word.
pub(super) fn begin_session(view: &dyn View, at: Timestamp, session: &SessionId, program: &str) -> Ruling {
    let mut decision = Decision::default();
    for dead in view.control()?.sessions {
        decision.notes.push(format!("session {} ended without a word", dead.session));
        decision.effects.push(Effect::End { session: dead.session });
    }
    decision.effects.push(Effect::Begin {
        session: Session {
            session: session.clone(),
            since: at,
            program: program.to_owned(),
            spent: Spending::default(),
            stop: None,
        },
    });
    Ok(Ok(decision))
}

/// A daemon ends.
pub(super) fn end_session(view: &dyn View, session: &SessionId) -> Ruling {
    let known = view.control()?.sessions.iter().any(|other| &other.session == session);
    effects(if known { vec![Effect::End { session: session.clone() }] } else { Vec::new() })
}

/// A pause cause is set; the same one again changes nothing.
pub(super) fn pause(view: &dyn View, cause: &PauseCause) -> Ruling {
    let set = view.control()?.pauses.iter().any(|other| {
        other.is(&cause.kind.key(), &cause.owner)
            && other.detail == cause.detail
            && other.until == cause.until
    });
    effects(if set { Vec::new() } else { vec![Effect::Pause { cause: cause.clone() }] })
}

/// A pause cause is lifted; one that is not set changes nothing. With an owner, only that owner's.
pub(super) fn resume(view: &dyn View, cause: &str, owner: Option<&str>) -> Ruling {
    let lifts =
        |other: &PauseCause| other.kind.key() == cause && owner.is_none_or(|owner| owner == other.owner);
    let set = view.control()?.pauses.iter().any(lifts);
    let owner = owner.map(str::to_owned);
    effects(if set { vec![Effect::Resume { cause: cause.to_owned(), owner }] } else { Vec::new() })
}

/// A daemon is to end. Asking again, and no more, changes nothing.
pub(super) fn stop(view: &dyn View, at: Timestamp, session: &SessionId, now: bool, reason: &str) -> Ruling {
    let sessions = view.control()?.sessions;
    let Some(found) = sessions.iter().find(|other| &other.session == session) else {
        return Ok(Err(Refusal::NoSuchSession { session: session.clone() }));
    };
    if found.stop.as_ref().is_some_and(|stop| stop.now || !now) {
        let notes = vec![format!("session {session} is asked to end already")];
        return Ok(Ok(Decision { effects: Vec::new(), notes }));
    }
    let stop = StopWish { at, reason: reason.to_owned(), now };
    effects(vec![Effect::AskStop { session: session.clone(), stop }])
}

/// The work tree is as it should be again; a run that goes on with another one's work stands on this code now.
/// A debt that has changed since it was looked at stands: what was done about it was not all of it.
pub(super) fn tree_settled(view: &dyn View, run: &RunId, to: Option<Oid>, snapshot: Option<Oid>) -> Ruling {
    match view.control()?.owed {
        Some(owed) if &owed.run == run && to.is_none_or(|to| to == owed.to) => {
            let mut list = vec![Effect::Paid { run: run.clone() }];
            // Only a run that has not begun on the work that it goes on with stands on nothing yet.
            if let Some(run) = view.run(run)?.filter(Run::is_to_stand) {
                let Some(snapshot) = snapshot else { return Ok(Err(Refusal::NoSnapshot { run: run.run })) };
                list.push(Effect::Stand { run: run.run, snapshot });
            }
            effects(list)
        }
        _ => Ok(Err(Refusal::NothingOwed { run: run.clone() })),
    }
}

/// What became of the change of the run that is to land.
pub(super) fn land(view: &dyn View, run: &RunId, landing: &Landing) -> Ruling {
    match view.control()?.to_land {
        Some(to_land) if &to_land.run == run => {
            effects(vec![Effect::Landed { run: run.clone(), landing: landing.clone() }])
        }
        _ => Ok(Err(Refusal::NothingOwed { run: run.clone() })),
    }
}
