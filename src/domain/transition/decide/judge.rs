//! Acceptance: a drained root is judged on one named tree; the findings decide what becomes of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Handoff, Judge, Judged, Known};
use super::super::refusal::Refusal;
use super::Ruling;
use super::end::End;
use super::enqueue::Arrivals;
use super::incident;
use crate::domain::budget::Spending;
use crate::domain::closure::{Finding, Target, TargetState, Verdict};
use crate::domain::control::Control;
use crate::domain::ids::{CriterionId, FailureClass, ItemId, ResultName, RunId};
use crate::domain::item::{Arrival, ItemKind, ItemRef, Priority};
use crate::domain::plan::{Completion, Ending, Plan};
use crate::domain::recovery::Recovery;
use crate::domain::roots::{self, Obstacle, named};
use crate::domain::run::{Cancel, Run};
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View};

/// A new run that judges a root.
pub(super) fn open(
    view: &dyn View,
    at: Timestamp,
    control: &Control,
    run: &RunId,
    judge: &Judge,
) -> Result<Result<Run, Refusal>, Fault> {
    if view.run_record(run)?.is_some() {
        return Ok(Err(Refusal::RunExists { run: run.clone() }));
    }
    let Some(target) = view.target(&judge.root)? else {
        return Ok(Err(Refusal::NoTarget { root: judge.root.clone() }));
    };
    if let Some(obstacle) = roots::obstacle(view, &target)? {
        let why = match obstacle {
            Obstacle::Closed => format!("it is {}", target.state.as_str()),
            Obstacle::Blocked { reason } => reason,
            Obstacle::Open { items } => {
                let items: Vec<ItemRef> = items.into_iter().map(|(item, _)| item).collect();
                format!("not done: {}", named(&items))
            }
        };
        return Ok(Err(Refusal::NotToBeJudged { root: judge.root.clone(), why }));
    }
    let Some(plan_id) = &control.plan else { return Ok(Err(Refusal::NoPlan)) };
    let Some(plan) = view.plan(plan_id)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: plan_id.clone() }));
    };
    let item = target.item();
    let judges = plan.completion.as_ref().and_then(|completion| plan.stage_ref(&completion.stage));
    let Some(stage) = judges else { return Ok(Err(Refusal::NoEntry { item })) };
    let known = view.known(&item)?;
    let turn = known
        .map(|known| Turn { priority: known.intake.priority, arrival: known.arrival.unwrap_or_default() });
    Ok(Ok(Run {
        run: run.clone(),
        item,
        turn: turn.unwrap_or(Turn { priority: Priority::default(), arrival: Arrival::default() }),
        continues: None,
        plan: plan_id.clone(),
        opened_at: at,
        base: judge.base,
        branch: judge.branch.clone(),
        start: judge.start,
        snapshot: judge.start,
        tip: judge.start,
        stage,
        launches: 0,
        spent: 0,
        used: Spending::default(),
        interruptions: 0,
        rejections: 0,
        closure: true,
        asks: None,
        failure: None,
        cancel: None,
        again: None,
        launch: None,
    }))
}

/// Opens the closure target of a root spec that is claimed, where there is none yet.
pub(super) fn begin(
    view: &dyn View,
    at: Timestamp,
    plan: &Plan,
    known: &Known,
) -> Result<Option<Effect>, Fault> {
    let item = &known.intake.item;
    if plan.completion.is_none() || !known.intake.is_root() || view.target(&item.id)?.is_some() {
        return Ok(None);
    }
    // A document may name an idea that was never kept: nobody could read it.
    let idea = match &known.intake.root_idea_id {
        Some(idea) => view.idea(idea)?.map(|_| idea.clone()),
        None => None,
    };
    let target = Target {
        root: item.id.clone(),
        idea,
        opened_at: at,
        rounds: 0,
        verdict: None,
        archived: Vec::new(),
        state: TargetState::Open,
    };
    Ok(Some(Effect::Target { target }))
}

/// What the end of a run that judged is made of.
pub(super) struct Judging<'a> {
    pub(super) end: End<'a>,
    /// What was found, where anything was.
    pub(super) verdict: Option<Verdict>,
}

/// The verdict of a handoff, held to the rules; `None` where the result needs none.
pub(super) fn verdict(
    view: &dyn View,
    at: Timestamp,
    run: &Run,
    completion: &Completion,
    result: &ResultName,
    judged: Option<&Judged>,
) -> Result<Result<Option<Verdict>, Refusal>, Fault> {
    if result != &completion.on_pass && result != &completion.on_gap {
        return Ok(Ok(None));
    }
    let root = &run.item.id;
    let Some(judged) = judged else {
        return Ok(Err(Refusal::NoVerdict { result: result.clone(), root: root.clone() }));
    };
    if judged.snapshot != run.snapshot {
        return Ok(Err(Refusal::OtherCode {
            named: judged.snapshot.to_string(),
            judged: run.snapshot.to_string(),
        }));
    }
    let mut seen: BTreeSet<&CriterionId> = BTreeSet::new();
    for criterion in &judged.criteria {
        if !seen.insert(&criterion.id) {
            return Ok(Err(Refusal::CriterionTwice { criterion: criterion.id.clone() }));
        }
    }
    if seen.is_empty() {
        return Ok(Err(Refusal::NoCriterion));
    }
    if let Some(earlier) = latest(view, root)?
        && let Some(lost) = earlier.criteria.iter().find(|criterion| !seen.contains(&criterion.id))
    {
        return Ok(Err(Refusal::CriterionLost { criterion: lost.id.clone() }));
    }
    let gap = result == &completion.on_gap;
    let against = judged.criteria.iter().find(|criterion| match criterion.finding {
        Finding::Pass => false,
        Finding::Gap | Finding::NotJudgeable => !gap,
    });
    if let Some(criterion) = against {
        return Ok(Err(Refusal::VerdictDisagrees {
            result: result.clone(),
            criterion: criterion.id.clone(),
            finding: criterion.finding.as_str(),
        }));
    }
    if gap && judged.criteria.iter().all(|criterion| criterion.finding != Finding::Gap) {
        return Ok(Err(Refusal::NoGap { result: result.clone() }));
    }
    let criteria = judged.criteria.clone();
    Ok(Ok(Some(Verdict { run: run.run.clone(), at, snapshot: judged.snapshot, criteria })))
}

/// The latest verdict on a root.
fn latest(view: &dyn View, root: &ItemId) -> Result<Option<Verdict>, Fault> {
    match view.target(root)?.and_then(|target| target.verdict) {
        Some(run) => view.verdict(root, &run),
        None => Ok(None),
    }
}

impl Judging<'_> {
    /// The effects: the verdict, the target, an incident where work is missing, and the run's end.
    pub(super) fn effects(
        mut self,
        view: &dyn View,
        arrivals: &mut Arrivals<'_>,
        handoff: Option<&Handoff>,
    ) -> Result<Result<Decision, Refusal>, Fault> {
        let root = self.end.run.item.id.clone();
        let Some(mut target) = view.target(&root)? else { return Ok(Err(Refusal::NoTarget { root })) };
        let mut decision = Decision::default();
        let at = self.end.at;
        let before = latest(view, &root)?;
        if let (Some(verdict), Some(judged)) =
            (&self.verdict, handoff.and_then(|handoff| handoff.verdict.as_ref()))
        {
            target.verdict = Some(verdict.run.clone());
            let rubric = judged.rubric;
            decision.effects.push(Effect::Judge { root: root.clone(), verdict: verdict.clone(), rubric });
        }
        match self.end.ending {
            Ending::Done => {
                let late = view.lineage(&root)?;
                if late.is_empty() {
                    target.state = TargetState::Accepted { at };
                } else {
                    // What was judged is not all there is: it is judged again when all of it is done.
                    self.end.why =
                        format!("{}, not accepted: {} came in meanwhile", self.end.why, named(&late));
                    decision.notes.push(self.end.why.clone());
                }
            }
            Ending::NeedsPlanning => match self.remediation(&target, before.as_ref()) {
                Ok(()) => {
                    target.rounds = target.rounds.saturating_add(1);
                    let Some(submitted) = handoff.and_then(|handoff| handoff.incident.as_deref()) else {
                        return Ok(Err(Refusal::NoIncident { root }));
                    };
                    let opened = incident::open(view, at, arrivals, &self.end.run.item, submitted)?;
                    let opened = match opened {
                        Ok(opened) => opened,
                        Err(refusal) => return Ok(Err(refusal)),
                    };
                    if opened.incident.is_none() {
                        self.block(&mut target, "arbiter_parity_gap", opened.said.clone());
                    }
                    self.end.why = format!("{}: {}", self.end.why, opened.said);
                    decision.notes.push(opened.said);
                    decision.effects.extend(opened.effects);
                }
                Err((class, reason)) => {
                    self.end.ending = Ending::Blocked;
                    self.end.why.clone_from(&reason);
                    self.block(&mut target, class, reason);
                }
            },
            Ending::Blocked | Ending::Cancelled => {
                // A lineage that was cancelled meanwhile stays so.
                if !target.state.is_closed() {
                    let class = self.end.class.clone();
                    let reason = match self.end.ending {
                        Ending::Cancelled => format!("its judgement was cancelled: {}", self.end.why),
                        _ => self.end.why.clone(),
                    };
                    self.block(&mut target, class.as_str(), reason);
                }
            }
        }
        decision.effects.push(Effect::Target { target });
        decision.effects.push(self.end.close());
        if view.note(&self.end.run.item)?.is_some() {
            // It was for this judgement.
            decision.effects.push(Effect::Forget { item: self.end.run.item.clone() });
        }
        if matches!(self.end.ending, Ending::Blocked | Ending::Cancelled) {
            // A judge changes nothing; what it changed all the same goes back.
            decision.effects.extend(self.end.owes());
        }
        Ok(Ok(decision))
    }

    fn block(&self, target: &mut Target, class: &str, reason: String) {
        target.state = TargetState::Blocked {
            at: self.end.at,
            reason,
            class: FailureClass::normalised(class),
            run: self.end.run.run.clone(),
        };
    }

    /// Whether a gap gets another round; else the class and the reason why the root stops.
    fn remediation(&self, target: &Target, before: Option<&Verdict>) -> Result<(), (&'static str, String)> {
        let creates =
            self.end.plan.completion.as_ref().is_some_and(|completion| completion.create_incident_on_gap);
        if !creates {
            return Err((
                "arbiter_parity_gap",
                "a gap was found, and the plan opens no incident for it".to_owned(),
            ));
        }
        let gaps: Vec<&str> =
            self.verdict.iter().flat_map(Verdict::gaps).map(|one| one.id.as_str()).collect();
        // Since an operator let the root go on no round has been tried yet: the gap may well be the one it stopped at.
        let same: Vec<&str> = before
            .filter(|_| target.rounds > 0)
            .iter()
            .flat_map(|verdict| verdict.gaps())
            .map(|one| one.id.as_str())
            .filter(|id| gaps.contains(id))
            .collect();
        if !same.is_empty() {
            return Err(("same_gap_twice", format!("the same gap twice in a row: {}", same.join(", "))));
        }
        let most = self.end.plan.limits.max_remediation_rounds;
        if target.rounds >= most {
            let reason = format!("{} rounds of remediation; the plan allows {most}", target.rounds);
            return Err(("remediation_exhausted", reason));
        }
        Ok(())
    }
}

/// A run that judges is to end: at once, or when its stage has stopped.
pub(super) fn cancel(view: &dyn View, at: Timestamp, run: &RunId, reason: &str) -> Ruling {
    let Some(run) = view.run(run)? else { return Ok(Err(Refusal::NoSuchRun { run: run.clone() })) };
    if !run.closure {
        return Ok(Err(Refusal::NotAJudgement { run: run.run, item: run.item }));
    }
    if run.cancel.is_some() {
        let notes = vec![format!("run {} is being cancelled already", run.run)];
        return Ok(Ok(Decision { effects: Vec::new(), notes }));
    }
    if run.launch.is_some() {
        let cancel = Cancel { at, reason: reason.to_owned() };
        let effects = vec![Effect::AskCancel { run: run.run, cancel }];
        return Ok(Ok(Decision { effects, notes: Vec::new() }));
    }
    ended_by_hand(view, at, &run, reason)
}

/// The end of a run that judges and whose stage is not under way.
fn ended_by_hand(view: &dyn View, at: Timestamp, run: &Run, reason: &str) -> Ruling {
    let Some(plan) = view.plan(&run.plan)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: run.plan.clone() }));
    };
    let control = view.control()?;
    let owed = control.owed.clone().filter(|owed| owed.run == run.run);
    let recovery = Recovery::new(run.item.clone());
    let end = End {
        at,
        run,
        plan: &plan,
        recovery: &recovery,
        ending: Ending::Cancelled,
        class: FailureClass::normalised("cancelled"),
        why: reason.to_owned(),
        snapshot: run.snapshot,
        tip: owed.as_ref().map_or(run.snapshot, |owed| owed.from),
        spent: run.spent,
        used: run.used,
        resume: None,
        ended_at: owed.as_ref().and_then(|owed| owed.ended_at),
        incident: None,
        created: &[],
    };
    Judging { end, verdict: None }.effects(view, &mut Arrivals::of(&control), None)
}

/// Everything of a root's lineage is archived, and its target is closed; what is worked on ends first.
pub(super) fn cancel_lineage(view: &dyn View, at: Timestamp, root: &ItemId, reason: &str) -> Ruling {
    let members = view.lineage(root)?;
    let target = view.target(root)?;
    let mut decision = Decision::default();
    if members.is_empty() && target.is_none() {
        let spec = ItemRef::new(ItemKind::Spec, root.clone());
        let Some(slot) = view.slot(&spec)?.filter(Slot::is_closed) else {
            return Ok(Err(Refusal::NoTarget { root: root.clone() }));
        };
        decision
            .notes
            .push(format!("{spec} is {} already, and nothing of its lineage is open", slot.state()));
        return Ok(Ok(decision));
    }
    // The target is closed once, below, whatever each end alone would make of it.
    let is_no_target = |effect: &Effect| !matches!(effect, Effect::Target { .. });
    for item in &members {
        match super::cancel::decide(view, at, item, reason)? {
            Ok(one) => {
                decision.effects.extend(one.effects.into_iter().filter(is_no_target));
                decision.notes.extend(one.notes);
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    for run in view.runs()?.into_iter().filter(|run| run.closure && &run.item.id == root) {
        match cancel(view, at, &run.run, reason)? {
            Ok(one) => decision.effects.extend(one.effects.into_iter().filter(is_no_target)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    if let Some(mut target) = target {
        if target.state.is_closed() && members.is_empty() {
            decision.notes.push(format!("{} is {} already", target.item(), target.state.as_str()));
        } else {
            let new = members.into_iter().filter(|item| !target.archived.contains(item));
            target.archived.extend(new.collect::<Vec<_>>());
            target.state = TargetState::Cancelled { at, reason: reason.to_owned() };
            decision.effects.push(Effect::Target { target });
        }
    }
    Ok(Ok(decision))
}
