//! Handoff: a stage has ended; what it came to decides what comes next, in one commit.

use jiff::{SignedDuration, Timestamp};

use super::super::decision::{ASKED, Decision, Effect, StageResult};
use super::super::input::Handoff;
use super::super::refusal::Refusal;
use super::Ruling;
use super::breaker::{self, Pulse};
use super::end::End;
use super::enqueue::Arrivals;
use super::judge::{self, Judging};
use super::launch::keep;
use super::route::{Report, Way, route};
use super::{incident, outbox};
use crate::domain::budget::{Budget, Day, Scope, Spending, ran_ms};
use crate::domain::closure::Verdict;
use crate::domain::control::{Control, Owed, PauseCause, PauseKind, RUNTIME};
use crate::domain::ids::{FailureClass, ResultName, SessionId};
use crate::domain::limits::{
    BACKOFF_MINUTES, LEAST_NAMED_REST_MINUTES, LONGEST_NAMED_REST_HOURS, OUTAGES_UNTIL_TOLD,
};
use crate::domain::oid::Oid;
use crate::domain::plan::{Ending, Plan};
use crate::domain::recovery::Recovery;
use crate::domain::result::{InfrastructureClass, Interrupter, Judgement};
use crate::domain::run::{Asks, Launch, Run};
use crate::domain::streak::Streak;
use crate::domain::view::{Fault, View};

pub(super) fn decide(view: &dyn View, at: Timestamp, handoff: &Handoff) -> Ruling {
    let Some(run) = view.run(&handoff.run)? else {
        return Ok(Err(match view.run_record(&handoff.run)? {
            Some(_) => Refusal::LateResult { run: handoff.run.clone() },
            None => Refusal::NoSuchRun { run: handoff.run.clone() },
        }));
    };
    let Some(launch) = run.launch.clone().filter(|launch| launch.nonce == handoff.nonce) else {
        return Ok(Err(Refusal::LateResult { run: handoff.run.clone() }));
    };
    let Some(plan) = view.plan(&run.plan)? else {
        return Ok(Err(Refusal::UnknownPlan { plan: run.plan }));
    };
    let control = view.control()?;
    let recovery = view.recovery(&run.item)?.unwrap_or_else(|| Recovery::new(run.item.clone()));
    let evidence = match keep(&run, launch.number, &handoff.evidence) {
        Ok(kept) => kept,
        Err(refusal) => return Ok(Err(refusal)),
    };

    let judgement = &handoff.judgement;
    let runner = plan.stages.get(&run.stage.stage).map(|stage| stage.runner.clone());
    let pulse = runner.as_ref().map(|runner| Pulse::of(&control, &run, &recovery, runner, handoff));
    let tripped = pulse.as_ref().and_then(Pulse::tripped);
    let came_to_something = tripped.is_none()
        && matches!(
            judgement,
            Judgement::Reported { .. } | Judgement::Failed { .. } | Judgement::Rejected { .. }
        );
    // A stage that was interrupted left nothing to build on: the last consistent snapshot stays. A judge is not to
    // leave anything.
    let worked = match judgement {
        Judgement::Reported { .. } => true,
        Judgement::Failed { .. } | Judgement::Rejected { .. } => !run.closure && tripped.is_none(),
        Judgement::Infrastructure { .. } | Judgement::Interrupted { .. } => false,
    };
    let consistent = if worked { handoff.snapshot.unwrap_or(run.snapshot) } else { run.snapshot };
    let tip = handoff.snapshot.unwrap_or(run.tip);
    let spending = Spent::of(&control, &run, &plan, &launch, at, handoff);
    // What a limit ended is one as well: a stage that fits into no day must not begin for ever.
    let interruption = matches!(judgement, Judgement::Interrupted { .. }) && !handoff.asked;
    let counts = came_to_something || interruption;
    // What a harness that is out of order cost the item does not count.
    let before = tripped.and_then(|streak| breaker::before(streak, &run));
    let spent = before.map_or(run.spent, |before| before.spent).saturating_add(u32::from(counts));
    // Only a stage that came to something ends a row of interruptions: an outage or a wish between two of them says
    // nothing about what the stage does to its runtime.
    let interruptions =
        if came_to_something { 0 } else { run.interruptions.saturating_add(u32::from(interruption)) };
    let settle = Effect::Settle { run: run.run.clone(), spent, interruptions, snapshot: consistent, tip };
    let ended = Ended {
        at,
        gone_at: handoff.ended_at,
        run: &run,
        plan: &plan,
        control: &control,
        recovery: &recovery,
        consistent,
        tip,
        holds: handoff.snapshot.unwrap_or(run.snapshot),
        spent,
        interruptions,
        used: spending.run,
        tripped,
    };
    let mut next = match ended.next(handoff) {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut arrivals = Arrivals::of(&control);
    let brought = match outbox::take(view, at, &run, &plan, handoff, &next.step, &mut arrivals)? {
        Ok(brought) => brought,
        Err(refusal) => return Ok(Err(refusal)),
    };
    next.notes.extend(brought.notes);
    next.effects.extend(brought.effects);
    let mut incident = None;
    if let (false, Step::Go(Way::End { ending: Ending::NeedsPlanning, why, .. }), Some(submitted)) =
        (run.closure, &mut next.step, brought.incident.as_ref().or(handoff.incident.as_deref()))
    {
        match incident::open(view, at, &mut arrivals, &run.item, submitted)? {
            Ok(opened) => {
                *why = format!("{why}: {}", opened.said);
                next.notes.push(opened.said);
                next.effects.extend(opened.effects);
                incident = opened.incident;
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
    }

    let mut decision = Decision { effects: vec![settle], notes: next.notes };
    decision.effects.extend(spending.effects(&run));
    decision
        .effects
        .extend(pulse.as_ref().zip(runner.as_ref()).and_then(|(pulse, runner)| pulse.effect(runner)));
    decision.effects.extend(evidence);
    decision.effects.extend(next.effects);
    let (shown, why) = (next.step.shown(&run), next.step.why());
    let conclude = |next: String, why: String| Effect::Conclude {
        run: run.run.clone(),
        result: Box::new(conclusion(&run, &launch, handoff, next, why)),
    };
    // What it was asked in the session that it ended, it has answered or not; a new start is a new session. The
    // launch that ended without a word is part of the streak, and is given back like all of it.
    if run.asks.is_some() && (came_to_something || tripped.is_some() || run.again.is_some()) {
        decision.effects.push(Effect::Ask { run: run.run.clone(), asks: None });
    }
    if let Some(streak) = tripped {
        let own = before.map(|before| breaker::gives_back(&run, &recovery, before));
        decision.effects.extend(own.into_iter().flatten());
        let others = breaker::lets_go_on(view, at, streak, &run)?;
        decision.notes.extend(breaker::said(&others));
        decision.effects.extend(others);
    }
    match next.step {
        Step::Again { .. } => {
            decision.effects.extend(before.and_then(|before| breaker::way_back(&run, before)));
            if run.again.is_some() {
                decision.effects.push(Effect::AskAgain { run: run.run.clone(), again: None });
            }
            decision.effects.insert(1, conclude(shown, why));
        }
        Step::Go(Way::To { stage, failure, count, why: reason }) => {
            if let Some((counter, value)) = count {
                decision.effects.push(Effect::Count { item: run.item.clone(), counter, value });
            }
            if run.rejections > 0 {
                decision.effects.push(Effect::Reject { run: run.run.clone(), times: 0 });
            }
            if run.again.is_some() {
                decision.effects.push(Effect::AskAgain { run: run.run.clone(), again: None });
            }
            if recovery.retry.is_some() && !judgement.is_failure() {
                decision.effects.push(Effect::Retried { item: run.item.clone() });
            }
            decision.effects.push(Effect::Route { run: run.run.clone(), to: stage, failure, why: reason });
            decision.effects.insert(1, conclude(shown, why));
        }
        Step::Go(Way::End { ending, class, why: reason, resume }) => {
            // What it reported does not tell why it goes no further.
            decision.notes.extend(resume.as_ref().map(|next| format!("{reason}; it would go on at {next}")));
            let end = End {
                at,
                run: &run,
                plan: &plan,
                recovery: &recovery,
                ending,
                class,
                why: reason,
                snapshot: consistent,
                tip: ended.holds,
                spent: ended.spent,
                used: ended.used,
                resume,
                ended_at: Some(handoff.ended_at),
                incident,
                created: &brought.new,
            };
            // What the end owes covers what an interruption owes: the way back leads further.
            decision.effects.retain(|effect| !matches!(effect, Effect::Owe { .. }));
            if run.closure {
                let verdict = match closing(view, at, &run, &plan, handoff)? {
                    Ok(verdict) => verdict,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let judging = Judging { end, verdict };
                let closed = match judging.effects(view, &mut arrivals, Some(handoff))? {
                    Ok(closed) => closed,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                // How it ended is decided with the target's history: a gap may be one too many.
                let (shown, why) = closed
                    .effects
                    .iter()
                    .find_map(|effect| match effect {
                        Effect::Close { end, .. } => {
                            Some((end.ending.as_str().to_owned(), end.reason.clone()))
                        }
                        _ => None,
                    })
                    .unwrap_or((shown, why));
                decision.notes.extend(closed.notes);
                decision.effects.extend(closed.effects);
                decision.effects.insert(1, conclude(shown, why));
            } else {
                decision.effects.extend(end.effects(view)?);
                decision.effects.insert(1, conclude(shown, why));
            }
        }
    }
    Ok(Ok(decision))
}

/// The verdict that a run which judges ends with; none where its stage came to no result.
fn closing(
    view: &dyn View,
    at: Timestamp,
    run: &Run,
    plan: &Plan,
    handoff: &Handoff,
) -> Result<Result<Option<Verdict>, Refusal>, Fault> {
    match (&plan.completion, &handoff.judgement) {
        (Some(completion), Judgement::Reported { result, .. }) if run.cancel.is_none() => {
            judge::verdict(view, at, run, completion, result, handoff.verdict.as_deref())
        }
        _ => Ok(Ok(None)),
    }
}

fn end(ending: Ending, class: &str, why: String) -> Way {
    Way::End { ending, class: FailureClass::normalised(class), why, resume: None }
}

fn conclusion(run: &Run, launch: &Launch, handoff: &Handoff, next: String, why: String) -> StageResult {
    StageResult {
        stage: run.stage.clone(),
        launch: launch.number,
        started_at: launch.at,
        ended_at: handoff.ended_at,
        next,
        why,
        snapshot: handoff.snapshot,
        findings: handoff.findings.clone(),
        judgement: handoff.judgement.clone(),
        session: handoff.resumable.as_ref().map(|resumable| resumable.session.clone()),
        usage: handoff.usage,
    }
}

/// Where a run goes from a launch that has ended.
pub(super) enum Step {
    /// To the same stage, once more.
    Again { why: String },
    /// On, by the graph.
    Go(Way),
}

impl Step {
    fn shown(&self, run: &Run) -> String {
        match self {
            Self::Again { .. } => run.stage.to_string(),
            Self::Go(Way::To { stage, .. }) => stage.to_string(),
            Self::Go(Way::End { ending, .. }) => ending.as_str().to_owned(),
        }
    }

    fn why(&self) -> String {
        match self {
            Self::Again { why } | Self::Go(Way::To { why, .. } | Way::End { why, .. }) => why.clone(),
        }
    }
}

struct Next {
    step: Step,
    effects: Vec<Effect>,
    notes: Vec<String>,
}

/// A launch that has ended, with everything that its consequences depend on.
struct Ended<'a> {
    at: Timestamp,
    /// When the stage's process had ended.
    gone_at: Timestamp,
    run: &'a Run,
    plan: &'a Plan,
    control: &'a Control,
    recovery: &'a Recovery,
    consistent: Oid,
    tip: Oid,
    /// What the work tree holds, as far as snapshots tell.
    holds: Oid,
    /// Launches of the run that counted, this one included.
    spent: u32,
    /// Interruptions in a row, this one included.
    interruptions: u32,
    /// What the run's launches used, this one included.
    used: Spending,
    /// The streak that this end is one too many of.
    tripped: Option<&'a Streak>,
}

/// What a launch used, added to whatever it counts for.
struct Spent {
    run: Spending,
    day: Day,
    session: Option<(SessionId, Spending)>,
}

impl Spent {
    fn of(
        control: &Control,
        run: &Run,
        plan: &Plan,
        launch: &Launch,
        at: Timestamp,
        handoff: &Handoff,
    ) -> Self {
        let metered = plan.stages.get(&run.stage.stage).is_none_or(|stage| stage.metered)
            && !matches!(&handoff.judgement, Judgement::Infrastructure { class, .. } if !class.may_have_used());
        let ran = ran_ms(launch, handoff.wall_ms, handoff.ended_at);
        let now = Spending::of(&handoff.usage, ran, metered);
        let mut day = Day::at(at, control.day.as_ref());
        day.spent = day.spent.plus(&now);
        let session = control.sessions.iter().find(|session| session.session == launch.session);
        Self {
            run: run.used.plus(&now),
            day,
            session: session.map(|session| (session.session.clone(), session.spent.plus(&now))),
        }
    }

    fn effects(&self, run: &Run) -> Vec<Effect> {
        let charge = Effect::Charge { run: run.run.clone(), used: self.run, day: self.day.clone() };
        let session = self.session.clone().map(|(session, spent)| Effect::ChargeSession { session, spent });
        std::iter::once(charge).chain(session).collect()
    }
}

/// The end of a run whose item has used up what it may.
///
/// Of its launches those count that count against the plan's other limit on them: an outage uses up no item.
fn over_budget(plan: &Plan, recovery: &Recovery, used: &Spending, launches: u32) -> Option<Way> {
    let Budget { per_item, assumed, .. } = &plan.limits.budget;
    let spent = Spending { launches, ..recovery.used.plus(used) };
    let reached = per_item.reached(Scope::Item, assumed, &spent)?;
    Some(Way::End {
        ending: Ending::Blocked,
        class: reached.measure.exhausted(),
        why: reached.to_string(),
        resume: None,
    })
}

impl Ended<'_> {
    fn next(&self, handoff: &Handoff) -> Result<Next, Refusal> {
        let mut effects = Vec::new();
        let mut notes = Vec::new();
        if let (Some(streak), None) = (self.tripped, &self.run.cancel) {
            let class = InfrastructureClass::SuspectedOutage;
            let detail = breaker::in_words(streak, &handoff.judgement.in_words());
            effects.push(Effect::Pause { cause: self.outage(class, &detail, None) });
            let step = Step::Again { why: format!("infrastructure:{}", class.as_str()) };
            return Ok(Next { step: self.over_budget().map_or(step, Step::Go), effects, notes });
        }
        if let (Judgement::Failed { class, .. }, Some(resumable), true) =
            (&handoff.judgement, &handoff.resumable, self.can_be_asked())
        {
            self.runner_works(&mut effects);
            if let Some(way) = self.capped_again() {
                return Ok(Next { step: Step::Go(way), effects, notes });
            }
            let asks = Asks {
                session: resumable.session.clone(),
                totals: resumable.totals,
                launch: self.run.launches,
            };
            effects.push(Effect::Ask { run: self.run.run.clone(), asks: Some(asks) });
            // A judge is to leave nothing, whether it says something or not.
            if self.run.closure {
                self.goes_back(&mut effects);
            }
            let step = Step::Again { why: format!("{class}: {ASKED}") };
            return Ok(Next { step, effects, notes });
        }
        if let (true, Judgement::Failed { class, detail }) = (self.run.closure, &handoff.judgement)
            && self.run.cancel.is_none()
        {
            // Judging changes nothing, so that judging again is safe.
            self.runner_works(&mut effects);
            let step = self.rejected(class, detail, &mut effects)?;
            return Ok(Next { step, effects, notes });
        }
        if let Some(cancel) = &self.run.cancel {
            let way = end(Ending::Cancelled, "cancelled", cancel.reason.clone());
            return Ok(Next { step: Step::Go(way), effects, notes });
        }
        let step = match &handoff.judgement {
            Judgement::Reported { result, resume_stage, target_stage, .. } => {
                self.runner_works(&mut effects);
                let failed = handoff.judgement.is_failure();
                let report =
                    Report { result, class: None, resume: target_stage.as_ref().or(resume_stage.as_ref()) };
                let way = self.follow(&report)?;
                if let (Way::To { stage, .. }, Some(said), false) = (&way, report.resume, failed)
                    && &stage.stage != said
                {
                    notes.push(format!("`{said}` is not where this run can resume; went to {stage}"));
                }
                self.capped(way)
            }
            Judgement::Failed { class, .. } => {
                self.runner_works(&mut effects);
                let result = handoff.judgement.routed_as().ok_or_else(|| self.no_edge("BLOCKED"))?;
                let report = Report { result: &result, class: Some(class.clone()), resume: None };
                let way = self.follow(&report)?;
                self.capped(way)
            }
            Judgement::Rejected { code, problems, .. } => {
                self.runner_works(&mut effects);
                self.rejected(code, &problems.join("; "), &mut effects)?
            }
            Judgement::Infrastructure { class, detail, retry_at } => {
                effects.push(Effect::Pause { cause: self.outage(*class, detail, *retry_at) });
                self.goes_back(&mut effects);
                let step = Step::Again { why: format!("infrastructure:{}", class.as_str()) };
                self.over_budget().map_or(step, Step::Go)
            }
            Judgement::Interrupted { by } => {
                let interruptions = self.interruptions;
                if interruptions >= self.plan.limits.max_interruptions {
                    let why = format!("interrupted {interruptions} times in a row");
                    Step::Go(end(Ending::Blocked, "interruptions_exhausted", why))
                } else {
                    self.goes_back(&mut effects);
                    let why = if *by == Interrupter::Budget { "budget" } else { "interrupted" };
                    let step = Step::Again { why: why.to_owned() };
                    match self.capped_again() {
                        Some(way) => Step::Go(way),
                        None => step,
                    }
                }
            }
        };
        Ok(Next { step, effects, notes })
    }

    /// Whether a stage that ended without a word may be asked: once, and not where somebody wants something else of it.
    fn can_be_asked(&self) -> bool {
        self.run.asks.is_none() && self.run.cancel.is_none() && self.run.again.is_none()
    }

    /// The same stage again, as often as the plan allows it in a row; then its work counts as failed.
    fn rejected(
        &self,
        class: &FailureClass,
        detail: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<Step, Refusal> {
        let most = self.plan.limits.max_rejected_handoffs;
        let times = self.run.rejections.saturating_add(1);
        if times > most {
            let blocked: ResultName = "BLOCKED".parse().map_err(|_| self.no_edge("BLOCKED"))?;
            let report = Report { result: &blocked, class: Some(class.clone()), resume: None };
            let way = self.follow(&report)?;
            return Ok(self.capped(match way {
                Way::End { ending, class, why, resume } if self.run.closure => {
                    Way::End { ending, class, why: format!("{why}: {detail}"), resume }
                }
                way => way,
            }));
        }
        effects.push(Effect::Reject { run: self.run.run.clone(), times });
        if self.run.closure {
            self.goes_back(effects);
        }
        let why = format!("{class}: attempt {times} of {most} more");
        Ok(self.capped_again().map_or(Step::Again { why }, Step::Go))
    }

    fn follow(&self, report: &Report<'_>) -> Result<Way, Refusal> {
        route(self.plan, self.run, self.recovery, report).ok_or_else(|| self.no_edge(report.result.as_str()))
    }

    fn no_edge(&self, result: &str) -> Refusal {
        match result.parse() {
            Ok(result) => Refusal::NoEdge { stage: self.run.stage.stage.clone(), result },
            Err(_) => Refusal::BadName { name: result.to_owned() },
        }
    }

    /// A way to a further stage, unless the item has had all its launches.
    fn capped(&self, way: Way) -> Step {
        let Way::To { stage, failure, .. } = &way else { return Step::Go(way) };
        // What has reported has done its part: should the item go on, then where it would have gone now.
        let next = failure.as_ref().map_or(&stage.stage, |failure| &failure.stage).clone();
        Step::Go(match self.capped_again() {
            Some(Way::End { ending, class, why, .. }) => Way::End { ending, class, why, resume: Some(next) },
            _ => way,
        })
    }

    fn capped_again(&self) -> Option<Way> {
        let limit = self.plan.limits.max_launches_per_item;
        let spent = self.recovery.spent.saturating_add(self.spent);
        let exhausted = (spent >= limit).then(|| {
            end(Ending::Blocked, "launches_exhausted", format!("{spent} launches; the plan allows {limit}"))
        });
        exhausted.or_else(|| self.over_budget())
    }

    fn over_budget(&self) -> Option<Way> {
        let launches = self.recovery.spent.saturating_add(self.spent);
        over_budget(self.plan, self.recovery, &self.used, launches)
    }

    /// The stage's edits are to go back to the last consistent snapshot.
    fn goes_back(&self, effects: &mut Vec<Effect>) {
        if self.holds != self.consistent {
            effects.push(Effect::Owe {
                owed: Owed {
                    run: self.run.run.clone(),
                    from: self.tip,
                    to: self.consistent,
                    ended_at: Some(self.gone_at),
                },
            });
        }
    }

    fn harness(&self) -> Option<PauseKind> {
        let stage = self.plan.stages.get(&self.run.stage.stage)?;
        Some(PauseKind::Harness { runner: stage.runner.clone() })
    }

    /// The harness did its work: an outage of its runner is over.
    fn runner_works(&self, effects: &mut Vec<Effect>) {
        let Some(kind) = self.harness() else { return };
        if self.control.pauses.iter().any(|cause| cause.is(&kind.key(), RUNTIME)) {
            effects.push(Effect::Resume { cause: kind.key(), owner: Some(RUNTIME.to_owned()) });
        }
    }

    /// The pause cause of an outage: longer with each one in a row.
    /// At the provider's own time where it names one, but not at once, and from the third one on no sooner than without.
    fn outage(&self, class: InfrastructureClass, detail: &str, named: Option<Timestamp>) -> PauseCause {
        let kind = self.harness().unwrap_or(PauseKind::Operator);
        let before = self.control.pauses.iter().find(|cause| cause.is(&kind.key(), RUNTIME));
        let times = before.map_or(1, |cause| cause.times.saturating_add(1));
        let at = usize::try_from(times - 1).unwrap_or(usize::MAX).min(BACKOFF_MINUTES.len() - 1);
        let backoff = self.at.saturating_add(SignedDuration::from_mins(BACKOFF_MINUTES[at])).ok();
        let named = named.map(|named| self.named(named));
        let until = match named {
            Some(named) if times < OUTAGES_UNTIL_TOLD => Some(named),
            Some(named) => backoff.map(|backoff| backoff.max(named)),
            None => backoff,
        };
        let told = if times < OUTAGES_UNTIL_TOLD {
            String::new()
        } else {
            format!("; {times} times in a row, an operator should look")
        };
        let detail = format!("{}: {detail}{told}", class.as_str());
        PauseCause {
            kind,
            owner: RUNTIME.to_owned(),
            since: before.map_or(self.at, |cause| cause.since),
            detail,
            until,
            named: named.is_some(),
            times,
        }
    }

    /// A time that the provider named, within bounds: its clock is not ours, and its word not law.
    fn named(&self, at: Timestamp) -> Timestamp {
        let least = self.at.saturating_add(SignedDuration::from_mins(LEAST_NAMED_REST_MINUTES));
        let most = self.at.saturating_add(SignedDuration::from_hours(LONGEST_NAMED_REST_HOURS));
        match (least, most) {
            (Ok(least), Ok(most)) => at.clamp(least, most),
            _ => at,
        }
    }
}
