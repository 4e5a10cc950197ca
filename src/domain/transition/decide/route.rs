//! Routing: from what a stage came to, by the plan's graph alone, to where the run goes.

use crate::domain::ids::{FailureClass, ResultName, StageName};
use crate::domain::plan::{Ending, Loop, Per, Plan, StageRef, Target};
use crate::domain::recovery::{CounterKey, Recovery};
use crate::domain::run::{Failure, Run};

/// Where a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// To a stage, perhaps counting something, perhaps with a failure to repair.
    To { stage: StageRef, failure: Option<Failure>, count: Option<(CounterKey, u32)>, why: String },
    /// To its end; should the item go on some day, at this stage instead of the one that it ended in.
    End { ending: Ending, class: FailureClass, why: String, resume: Option<StageName> },
}

/// What a stage came to, as routing sees it.
pub(super) struct Report<'a> {
    /// The result it reported, or `BLOCKED` for a failure.
    pub(super) result: &'a ResultName,
    /// The failure's class, where there was one.
    pub(super) class: Option<FailureClass>,
    /// Where the result says that the run should go on.
    pub(super) resume: Option<&'a StageName>,
}

/// Follows the graph; `None` where it has no edge for the report.
pub(super) fn route(plan: &Plan, run: &Run, recovery: &Recovery, report: &Report<'_>) -> Option<Way> {
    let here = &run.stage.stage;
    let graph = plan.graph(run.stage.plane);
    let edge = graph.edge(here, report.result)?;
    let said = format!("{here}:{}", report.result);
    if let Some(bound) = &edge.bound {
        let key = CounterKey { counter: bound.counter.clone(), class: None };
        let taken = recovery.count(&key);
        if taken >= bound.at_most {
            return Some(repair(plan, graph, run, recovery, &bound.exhausted));
        }
        if let Target::Stage(stage) = &edge.to {
            // Below the bound, so that one more is a number still.
            let taken = taken + 1;
            let why = format!("{} {taken} of {}", bound.counter, bound.at_most);
            let stage = plan.stage_ref(stage)?;
            return Some(Way::To { stage, failure: None, count: Some((key, taken)), why });
        }
    }
    Some(match &edge.to {
        Target::Stage(stage) => {
            Way::To { stage: plan.stage_ref(stage)?, failure: None, count: None, why: said }
        }
        Target::Resume => {
            let stage = resume(plan, graph, run, report.resume)?;
            let repairs = plan.stages.get(&stage.stage).is_some_and(|stage| stage.repair);
            let failure = run.failure.clone().filter(|_| repairs);
            Way::To { stage, failure, count: None, why: said }
        }
        Target::Repair => {
            let class = class_of(run, report);
            repair(plan, graph, run, recovery, &class)
        }
        Target::End(ending) => {
            let class = class_of(run, report);
            let why = match ending {
                Ending::Done => said,
                _ => report.class.as_ref().map_or(said, |class| format!("{here}:{class}")),
            };
            Way::End { ending: *ending, class, why, resume: None }
        }
    })
}

/// The class a failure counts under: its own, else the one under repair, else `<stage>_blocked`.
fn class_of(run: &Run, report: &Report<'_>) -> FailureClass {
    report
        .class
        .clone()
        .or_else(|| run.failure.as_ref().map(|failure| failure.class.clone()))
        .unwrap_or_else(|| FailureClass::normalised(&format!("{}_blocked", run.stage.stage)))
}

/// Where a repaired run goes on: where the result says, if it may say that, else where it failed, else at the entry.
///
/// A repair stage may name any stage of its plane, except itself, the rungs above its own (calling those is the
/// runtime's business) and the stage that judges a drained root: that one does not work on items.
fn resume(plan: &Plan, graph: &Loop, run: &Run, said: Option<&StageName>) -> Option<StageRef> {
    let rung = |name: &StageName| graph.repair.iter().position(|rung| &rung.stage == name);
    let own = rung(&run.stage.stage);
    let judges = plan.completion.as_ref().map(|completion| &completion.stage);
    let allowed = |name: &&StageName| {
        let same_plane = plan.stages.get(*name).is_some_and(|stage| stage.plane == run.stage.plane);
        let below = rung(name).is_none_or(|other| own.is_some_and(|own| other < own));
        same_plane && below && *name != &run.stage.stage && Some(*name) != judges
    };
    let failed = run.failure.as_ref().map(|failure| &failure.stage);
    said.filter(allowed)
        .or(failed.filter(allowed))
        .and_then(|name| plan.stage_ref(name))
        .or_else(|| plan.entry(run.item.kind))
}

/// The first rung of the repair ladder that has attempts left for this class; else blocked.
fn repair(plan: &Plan, graph: &Loop, run: &Run, recovery: &Recovery, class: &FailureClass) -> Way {
    let failed = run.failure.as_ref().map_or(&run.stage.stage, |failure| &failure.stage);
    for rung in &graph.repair {
        let key = CounterKey {
            counter: rung.counter.clone(),
            class: (rung.per == Per::Class).then(|| class.clone()),
        };
        let taken = recovery.count(&key);
        if taken >= rung.at_most {
            continue;
        }
        let Some(stage) = plan.stage_ref(&rung.stage) else { continue };
        return Way::To {
            stage,
            failure: Some(Failure { stage: failed.clone(), class: class.clone(), launch: run.launches }),
            count: Some((key, taken + 1)),
            why: format!("{class}: {} {} of {}", rung.counter, taken + 1, rung.at_most),
        };
    }
    Way::End {
        ending: Ending::Blocked,
        class: class.clone(),
        why: format!("{class}: every repair was tried"),
        resume: None,
    }
}
