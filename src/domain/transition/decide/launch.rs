//! Launch: the transition before a harness starts. For a new item it is also the claim.

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Claim, Files, Launching};
use super::super::refusal::Refusal;
use super::lineage::catches_up;
use super::{Ruling, judge};
use crate::domain::budget::{Holding, Spending};
use crate::domain::control::Control;
use crate::domain::ids::RunId;
use crate::domain::place;
use crate::domain::plan::Plan;
use crate::domain::roots;
use crate::domain::run::{Launch, Run};
use crate::domain::schedule::{Wait, resting};
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View};

pub(super) fn decide(view: &dyn View, at: Timestamp, launching: &Launching) -> Ruling {
    let control = view.control()?;
    if let Some(owed) = &control.owed {
        return Ok(Err(Refusal::TreeOwed { run: owed.run.clone() }));
    }
    if let Some(to_land) = &control.to_land {
        return Ok(Err(Refusal::TreeOwed { run: to_land.run.clone() }));
    }
    let mut decision = Decision::default();
    let run = match (&launching.claim, &launching.judge) {
        (None, Some(judge)) => match judge::open(view, at, &control, &launching.run, judge)? {
            Ok(run) => {
                decision.effects.push(Effect::Open { run: Box::new(run.clone()) });
                run
            }
            Err(refusal) => return Ok(Err(refusal)),
        },
        (None, None) => match view.run(&launching.run)? {
            Some(run) => run,
            None => return Ok(Err(Refusal::NoSuchRun { run: launching.run.clone() })),
        },
        (Some(claim), _) => match open(view, at, &control, &launching.run, claim)? {
            Ok(run) => {
                decision.effects.push(Effect::Move {
                    item: claim.item.clone(),
                    from: Slot::Queued(claim.turn),
                    to: Slot::Active,
                });
                decision.effects.push(Effect::Open { run: Box::new(run.clone()) });
                let retry = view.recovery(&claim.item)?.and_then(|recovery| recovery.retry);
                if let Some(retry) = retry.filter(|retry| retry.stage.is_some()) {
                    return Ok(Err(Refusal::ToBeReopened { item: claim.item.clone(), run: retry.run }));
                }
                if let Some(plan) = view.plan(&run.plan)? {
                    decision.effects.extend(claims(view, at, &plan, claim)?);
                }
                run
            }
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    if let Some(launch) = &run.launch {
        return Ok(Err(Refusal::StageUnderWay { run: run.run, launch: launch.number }));
    }
    if let Some(other) = view.runs()?.into_iter().find(|other| other.run != run.run) {
        return Ok(Err(Refusal::RunActive { run: other.run }));
    }
    if run.cancel.is_some() {
        return Ok(Err(Refusal::Cancelling { run: run.run }));
    }
    let Some(plan) = view.plan(&run.plan)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: run.plan }));
    };
    let Some(stage) = plan.stages.get(&run.stage.stage) else {
        return Ok(Err(Refusal::UnknownPlan { plan: run.plan }));
    };
    if let Some(Wait { cause, detail, until }) = resting(view, &control, at, &plan, &run.stage.stage)? {
        return Ok(Err(Refusal::Paused { cause, detail, until }));
    }
    let holding = Holding::of_launch(view, &control, &plan, &run, &launching.session, at)?;
    let number = run.launches.saturating_add(1);
    decision.effects.push(Effect::Launch {
        run: run.run.clone(),
        launch: Launch {
            nonce: launching.nonce.clone(),
            number,
            at,
            session: launching.session.clone(),
            reserved_seconds: stage.timeout_seconds,
            reserved: holding.reserves(),
        },
    });
    match keep(&run, number, &launching.evidence) {
        Ok(kept) => decision.effects.extend(kept),
        Err(refusal) => return Ok(Err(refusal)),
    }
    Ok(Ok(decision))
}

/// The effect that keeps a launch's evidence; none where there is none.
pub(super) fn keep(run: &Run, number: u32, files: &Files) -> Result<Option<Effect>, Refusal> {
    let stage = &run.stage.stage;
    if let Some(name) = files.keys().find(|name| place::evidence(&run.run, number, stage, name).is_none()) {
        return Err(Refusal::BadName { name: name.clone() });
    }
    Ok((!files.is_empty()).then(|| Effect::Keep {
        run: run.run.clone(),
        launch: number,
        stage: stage.clone(),
        files: files.clone(),
    }))
}

/// What a claim means for the item's root: its target is opened where there is none yet.
pub(super) fn claims(
    view: &dyn View,
    at: Timestamp,
    plan: &Plan,
    claim: &Claim,
) -> Result<Vec<Effect>, Fault> {
    let Some(known) = view.known(&claim.item)? else { return Ok(Vec::new()) };
    let target = judge::begin(view, at, plan, &known)?;
    let mut effects = catches_up(view, known, claim.turn)?;
    effects.extend(target);
    Ok(effects)
}

/// A new run at the plan's entry stage for the item.
pub(super) fn open(
    view: &dyn View,
    at: Timestamp,
    control: &Control,
    run: &RunId,
    claim: &Claim,
) -> Result<Result<Run, Refusal>, Fault> {
    if view.run_record(run)?.is_some() {
        return Ok(Err(Refusal::RunExists { run: run.clone() }));
    }
    let queued = Slot::Queued(claim.turn);
    if !view.stands_in(&claim.item, &queued)? {
        return Ok(Err(Refusal::NotThere { item: claim.item.clone(), expected: queued }));
    }
    let Some(plan_id) = &control.plan else { return Ok(Err(Refusal::NoPlan)) };
    let Some(plan) = view.plan(plan_id)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: plan_id.clone() }));
    };
    let Some(stage) = plan.entry(claim.item.kind) else {
        return Ok(Err(Refusal::NoEntry { item: claim.item.clone() }));
    };
    if let Some(why) = roots::held_back(view, control, &plan, &claim.item)? {
        return Ok(Err(Refusal::RootWaits { item: claim.item.clone(), why }));
    }
    Ok(Ok(Run {
        run: run.clone(),
        item: claim.item.clone(),
        turn: claim.turn,
        continues: None,
        plan: plan_id.clone(),
        opened_at: at,
        base: claim.base,
        branch: claim.branch.clone(),
        start: claim.start,
        snapshot: claim.start,
        tip: claim.start,
        stage,
        launches: 0,
        spent: 0,
        used: Spending::default(),
        interruptions: 0,
        rejections: 0,
        closure: false,
        asks: None,
        failure: None,
        cancel: None,
        again: None,
        launch: None,
    }))
}
