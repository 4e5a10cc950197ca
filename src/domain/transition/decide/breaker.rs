//! The breaker: launches of one harness that end one after the other, of several items, with neither a result nor a
//! change are an outage that does not call itself one. What they cost the items is given back.

use jiff::Timestamp;

use super::super::decision::Effect;
use super::super::input::Handoff;
use super::enqueue::open_slot;
use crate::domain::budget::{Budget, Scope, Spending};
use crate::domain::closure::{Target, TargetState};
use crate::domain::control::Control;
use crate::domain::ids::RunnerName;
use crate::domain::item::ItemKind;
use crate::domain::recovery::{Recovery, Retry};
use crate::domain::result::{InfrastructureClass, Judgement};
use crate::domain::run::Run;
use crate::domain::slot::Slot;
use crate::domain::streak::{Before, Streak};
use crate::domain::view::{Fault, View};

/// What a handoff means for the streak of its runner.
pub(super) enum Pulse {
    /// Nothing: it says nothing about the harness, or there is no streak.
    Same,
    /// The harness brought something: its streak is over.
    Over,
    /// It brought nothing, once more; it may be the item's own trouble.
    Longer(Streak),
    /// It brought nothing, once too often.
    Tripped(Streak),
}

impl Pulse {
    pub(super) fn of(
        control: &Control,
        run: &Run,
        recovery: &Recovery,
        runner: &RunnerName,
        handoff: &Handoff,
    ) -> Self {
        let known = control.streaks.iter().find(|streak| &streak.runner == runner);
        match &handoff.judgement {
            // What somebody wanted to end says nothing about the harness.
            Judgement::Failed { .. } if handoff.left_nothing && (run.cancel.is_some() || handoff.asked) => {
                Self::Same
            }
            Judgement::Failed { .. } if handoff.left_nothing => {
                let none = Streak { runner: runner.clone(), ends: 0, items: Vec::new() };
                let streak = known.cloned().unwrap_or(none).and(Before {
                    item: run.item.clone(),
                    run: run.run.clone(),
                    stage: run.stage.clone(),
                    failure: run.failure.clone(),
                    spent: run.spent,
                    spent_before: recovery.spent,
                    rejections: run.rejections,
                    counters: recovery.counters.clone(),
                });
                if streak.trips() { Self::Tripped(streak) } else { Self::Longer(streak) }
            }
            Judgement::Reported { .. } | Judgement::Failed { .. } | Judgement::Rejected { .. } => {
                known.map_or(Self::Same, |_| Self::Over)
            }
            Judgement::Infrastructure { .. } | Judgement::Interrupted { .. } => Self::Same,
        }
    }

    /// The streak, where this was one end too many.
    pub(super) fn tripped(&self) -> Option<&Streak> {
        match self {
            Self::Tripped(streak) => Some(streak),
            _ => None,
        }
    }

    /// What is remembered of it.
    pub(super) fn effect(&self, runner: &RunnerName) -> Option<Effect> {
        match self {
            Self::Same => None,
            Self::Over => Some(Effect::EndStreak { runner: runner.clone() }),
            Self::Longer(streak) | Self::Tripped(streak) => Some(Effect::Streak { streak: streak.clone() }),
        }
    }
}

/// What was seen, for people.
pub(super) fn in_words(streak: &Streak, seen: &str) -> String {
    let (ends, items) = (streak.ends, streak.items.len());
    format!(
        "{ends} launches in a row, of {items} items, left neither a result nor a change; the last: {seen}"
    )
}

/// How the run stood before the streak, where it is part of it.
pub(super) fn before<'s>(streak: &'s Streak, run: &Run) -> Option<&'s Before> {
    streak.items.iter().find(|before| before.item == run.item && before.run == run.run)
}

/// The way back to the stage where the streak met the running item.
pub(super) fn way_back(run: &Run, before: &Before) -> Option<Effect> {
    (run.stage != before.stage || run.failure != before.failure).then(|| Effect::Route {
        run: run.run.clone(),
        to: before.stage.clone(),
        failure: before.failure.clone(),
        why: InfrastructureClass::SuspectedOutage.as_str().to_owned(),
    })
}

/// Lets the other items of the streak that were blocked by it go on, as they stood before.
pub(super) fn lets_go_on(
    view: &dyn View,
    at: Timestamp,
    streak: &Streak,
    run: &Run,
) -> Result<Vec<Effect>, Fault> {
    let mut effects = Vec::new();
    for before in streak.items.iter().filter(|before| before.item != run.item) {
        effects.extend(judged_again(view, before)?);
        let Some(recovery) = view.recovery(&before.item)? else { continue };
        let Some(blocked) = recovery.blocked.as_ref().filter(|blocked| blocked.run == before.run) else {
            continue;
        };
        if blocked.incident.is_some() || !view.stands_in(&before.item, &Slot::Blocked)? {
            continue;
        }
        // Attempts are given back, what was spent is not: it would be blocked again by its next end.
        if has_spent_all(view, before, &recovery)? {
            continue;
        }
        let depends_on = view.known(&before.item)?.map(|known| known.intake.depends_on).unwrap_or_default();
        let to = open_slot(view, before.item.kind, &depends_on, blocked.turn, None)?;
        effects.push(Effect::Move { item: before.item.clone(), from: Slot::Blocked, to });
        let failed = before.failure.as_ref().map_or(&before.stage.stage, |failure| &failure.stage);
        effects.push(Effect::Retry {
            item: before.item.clone(),
            retry: Retry {
                at,
                reason: format!("suspected outage of {}", streak.runner),
                run: before.run.clone(),
                stage: Some(failed.clone()),
            },
        });
        effects.push(Effect::Spend {
            item: before.item.clone(),
            total: before.spent_before.saturating_add(before.spent),
        });
        // What was spent was spent, whoever's fault it was.
        effects.push(Effect::ChargeItem { item: before.item.clone(), used: recovery.used });
        for (counter, value) in &before.counters {
            let (item, counter) = (before.item.clone(), counter.clone());
            effects.push(Effect::Count { item, counter, value: *value });
        }
    }
    Ok(effects)
}

/// The same in words, for whoever follows one of these items.
pub(super) fn said(effects: &[Effect]) -> Vec<String> {
    let goes_on = |effect: &Effect| match effect {
        Effect::Retry { item, retry } => Some(format!("{item} goes on: {}", retry.reason)),
        Effect::Target { target } => Some(format!("{} is judged again", target.item())),
        _ => None,
    };
    effects.iter().filter_map(goes_on).collect()
}

/// Whether an item has used up what its plan lets it use.
fn has_spent_all(view: &dyn View, before: &Before, recovery: &Recovery) -> Result<bool, Fault> {
    let plan = view.run_record(&before.run)?.map(|record| view.plan(&record.plan)).transpose()?.flatten();
    Ok(plan.is_some_and(|plan| {
        let Budget { per_item, assumed, .. } = &plan.limits.budget;
        let launches = before.spent_before.saturating_add(before.spent);
        per_item.reached(Scope::Item, assumed, &Spending { launches, ..recovery.used }).is_some()
    }))
}

/// A root whose judge the streak has stopped is judged again.
fn judged_again(view: &dyn View, before: &Before) -> Result<Option<Effect>, Fault> {
    if before.item.kind != ItemKind::Spec {
        return Ok(None);
    }
    let Some(target) = view.target(&before.item.id)? else { return Ok(None) };
    let stopped = matches!(&target.state, TargetState::Blocked { run, .. } if *run == before.run);
    Ok(stopped.then_some(Effect::Target { target: Target { state: TargetState::Open, ..target } }))
}

/// What the streak cost the running item, whatever becomes of it now: counters, and what was not taken in a row.
pub(super) fn gives_back(run: &Run, recovery: &Recovery, before: &Before) -> Vec<Effect> {
    let mut effects = counters(recovery, before);
    if run.rejections != before.rejections {
        effects.push(Effect::Reject { run: run.run.clone(), times: before.rejections });
    }
    effects
}

/// The item's counters go back.
fn counters(recovery: &Recovery, before: &Before) -> Vec<Effect> {
    recovery
        .counters
        .iter()
        .filter_map(|(counter, now)| {
            let value = before.counters.get(counter).copied().unwrap_or(0);
            (value != *now).then(|| Effect::Count {
                item: before.item.clone(),
                counter: counter.clone(),
                value,
            })
        })
        .collect()
}
