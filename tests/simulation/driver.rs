//! The driver, in steps that anything may come between: it looks, prepares, commits, spawns, watches, collects, hands
//! off. It knows only what it has looked up since it was started; the ledger is its memory.

use std::rc::Rc;

use millrace::domain::control::Owed;
use millrace::domain::ids::{Nonce, RunId, SessionId};
use millrace::domain::item::{Intake, ItemKind, ItemRef, Priority};
use millrace::domain::oid::Oid;
use millrace::domain::plan::{BetweenItems, Plan};
use millrace::domain::result::{Interrupter, Judgement};
use millrace::domain::run::{Landing, Run};
use millrace::domain::runtime_error::RuntimeError;
use millrace::domain::schedule::{Next, Wait, schedule};
use millrace::domain::transition::input::{
    Claim, Files, Handoff, Input, Judge, Judged, Launching, Resumable, Submitted,
};
use millrace::domain::transition::record::Actor;
use millrace::domain::transition::refusal::Refusal;
use millrace::domain::usage::Usage;
use millrace::domain::view::View as _;
use millrace::format::incident::{Incident, incident_id, render, title};
use millrace::ledger::transact::{Outcome, Payloads, TransactError};

use crate::harness::{Came, comes_to};
use crate::tally::variant;
use crate::world::{Broken, Process, World};

/// What the driver is about to do.
enum Phase {
    /// It is not running.
    Down,
    Looking,
    /// The snapshot is taken; the launch, or the reopening, is not committed.
    Prepared(Box<Input>),
    /// The launch is committed; nothing runs.
    Committed(RunId, Nonce),
    Running {
        run: RunId,
        nonce: Nonce,
        asked: bool,
    },
    /// The process is gone; the snapshot of what it left is not taken.
    Ended {
        run: RunId,
        nonce: Nonce,
        asked: bool,
        came: Box<Came>,
    },
    /// The handoff is made and not committed.
    Handing(Box<Handoff>, Payloads),
    Paying(Owed),
}

impl Phase {
    fn word(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Looking => "looking",
            Self::Prepared(_) => "prepared",
            Self::Committed(..) => "committed",
            Self::Running { .. } => "running",
            Self::Ended { .. } => "ended",
            Self::Handing(..) => "handing",
            Self::Paying(_) => "paying",
        }
    }
}

/// What one step came to, for whoever waits for an end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Something,
    /// It looked, and has to wait.
    Waits(Wait),
    /// It looked, and there is nothing to do.
    Idle,
}

pub(crate) struct Driver {
    phase: Phase,
    session: SessionId,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Down, session: "0".repeat(32).parse().expect("an id") }
    }

    pub(crate) fn session(&self) -> &SessionId {
        &self.session
    }

    /// The driver is killed. Its stage is ended by its supervisor, or just was, or that is killed as well.
    pub(crate) fn crash(&mut self, world: &mut World) {
        if matches!(self.phase, Phase::Down) {
            return;
        }
        world.tally.count("crash", self.phase.word());
        world.say(&format!("the driver is killed while {}", self.phase.word()));
        match std::mem::replace(&mut self.phase, Phase::Down) {
            Phase::Running { run, nonce, .. } => {
                let process = match world.dice.below(4) {
                    0 => Process::Vanished,
                    1 => Process::Ended(Box::new(came(world, &run))),
                    _ => Process::Ended(Box::new(Came::interrupted(Interrupter::Runtime))),
                };
                let launch = launch_of(world, &run);
                let still = matches!(&process, Process::Ended(came) if came.still);
                if !still && world.dice.one_in(2) {
                    world.code.edit(run.as_str(), launch);
                }
                world.processes.insert(nonce.to_string(), process);
            }
            Phase::Paying(owed) => {
                let some = world.dice.below(3);
                world.code.bring(owed.from, owed.to, some);
            }
            _ => {}
        }
    }

    /// Makes one step.
    pub(crate) fn step(&mut self, world: &mut World) -> Did {
        self.try_step(world).unwrap_or_else(|Broken| {
            self.crash(world);
            Did::Something
        })
    }

    fn try_step(&mut self, world: &mut World) -> Result<Did, Broken> {
        // An error on the way leaves the phase as it was, for the crash that follows.
        match &self.phase {
            Phase::Down => {
                self.session = world.hex32().parse().expect("an id");
                let input =
                    Input::BeginSession { session: self.session.clone(), program: "simulation".to_owned() };
                world.must(Actor::Daemon, &input, &Payloads::default())?;
                self.phase = Phase::Looking;
            }
            Phase::Looking => return self.look(world),
            Phase::Prepared(input) => {
                let input = input.clone();
                match world.ask(Actor::Daemon, &input, &Payloads::default()) {
                    Ok(_) => {
                        self.phase = match *input {
                            Input::Launch(launching) => Phase::Committed(launching.run, launching.nonce),
                            _ => Phase::Looking,
                        }
                    }
                    // The state has changed since.
                    Err(TransactError::Refused(_)) => self.phase = Phase::Looking,
                    Err(_) => return Err(Broken),
                }
            }
            Phase::Committed(run, nonce) => {
                let (run, nonce) = (run.clone(), nonce.clone());
                let found = world.glimpse(|view| view.run(&run))?.expect("a launched run");
                assert!(
                    world.code.is(found.snapshot),
                    "launch {} of {run} starts in a work tree that is not its last snapshot",
                    found.launches
                );
                world.processes.insert(nonce.to_string(), Process::Runs);
                self.phase = Phase::Running { run, nonce, asked: false };
            }
            Phase::Running { run, nonce, asked } => {
                let (run, nonce, asked) = (run.clone(), nonce.clone(), *asked);
                let found = world.glimpse(|view| Ok((view.run(&run)?, view.control()?)))?;
                let (Some(found), control) = found else { panic!("{run} ended under its stage") };
                let stops =
                    control.sessions.iter().any(|session| session.stop.as_ref().is_some_and(|stop| stop.now));
                if found.cancel.is_some() || found.again.is_some() || stops {
                    let came = if world.dice.one_in(4) {
                        came(world, &run)
                    } else {
                        Came::interrupted(Interrupter::Runtime)
                    };
                    if !came.still && world.dice.one_in(2) {
                        edit(world, &found);
                    }
                    world.processes.insert(nonce.to_string(), Process::Ended(Box::new(came.clone())));
                    self.phase = Phase::Ended { run, nonce, asked: true, came: Box::new(came) };
                } else if world.quiet || world.dice.one_in(2) {
                    let limited = found.launch.as_ref().is_some_and(|launch| !launch.reserved.is_none());
                    let came = if limited && !world.quiet && world.dice.one_in(8) {
                        world.tally.count("budget", "stopped");
                        Came::too_dear(world)
                    } else {
                        came(world, &run)
                    };
                    if !came.still && (!found.closure || (!world.quiet && world.dice.one_in(10))) {
                        edit(world, &found);
                    }
                    world.processes.insert(nonce.to_string(), Process::Ended(Box::new(came.clone())));
                    self.phase = Phase::Ended { run, nonce, asked, came: Box::new(came) };
                }
            }
            Phase::Ended { run, nonce, asked, came } => {
                let (run, nonce, asked, came) = (run.clone(), nonce.clone(), *asked, came.clone());
                self.phase = collect(world, &run, &nonce, asked, *came)?;
            }
            Phase::Handing(handoff, payloads) => {
                let (handoff, payloads) = (handoff.clone(), payloads.clone());
                self.hand(world, &handoff, &payloads)?;
            }
            Phase::Paying(owed) => {
                let owed = owed.clone();
                return self.pay(world, &owed);
            }
        }
        Ok(Did::Something)
    }

    fn look(&mut self, world: &mut World) -> Result<Did, Broken> {
        let now = world.now;
        let (next, control) = world.glimpse(|view| Ok((schedule(view, now)?, view.control()?)))?;
        if control.sessions.iter().any(|session| session.stop.is_some()) {
            let input = Input::EndSession { session: self.session.clone(), reason: "asked".to_owned() };
            world.must(Actor::Daemon, &input, &Payloads::default())?;
            self.phase = Phase::Down;
            return Ok(Did::Something);
        }
        world.tally.count("next", &variant(&next));
        self.phase = match next {
            Next::Idle => return Ok(Did::Idle),
            Next::Wait(wait) => {
                assert!(!wait.cause.is_empty() && !wait.detail.is_empty(), "{wait:?} says nothing");
                world.tally.count("wait", wait.cause.split(':').next().unwrap_or_default());
                return Ok(Did::Waits(wait));
            }
            Next::Adopt(run) => {
                let nonce = run.launch.expect("a launch").nonce;
                let came = match world.processes.get(nonce.as_str()) {
                    Some(Process::Ended(came)) => (**came).clone(),
                    Some(Process::Vanished) | None => Came::interrupted(Interrupter::Unknown),
                    Some(Process::Runs) => panic!("{nonce} is adopted while it runs"),
                };
                Phase::Ended { run: run.run, nonce, asked: false, came: Box::new(came) }
            }
            Next::Restore(owed) => Phase::Paying(owed),
            Next::Land(to_land) => {
                let landing = Landing::Left { why: "the simulation has no branch".to_owned() };
                let input = Input::Land { run: to_land.run, landing };
                return match world.ask(Actor::Daemon, &input, &Payloads::default()) {
                    Ok(_) | Err(TransactError::Refused(_)) => Ok(Did::Something),
                    Err(_) => Err(Broken),
                };
            }
            Next::Launch(run) => {
                Phase::Prepared(Box::new(Input::Launch(self.launching(world, run.run, None, None))))
            }
            Next::Claim { item, turn } => {
                let claim = Claim { item, turn, base: None, branch: None, start: world.code.snapshot() };
                let run = world.run_id().parse().expect("a run id");
                Phase::Prepared(Box::new(Input::Launch(self.launching(world, run, Some(claim), None))))
            }
            Next::Judge { root } => {
                let judge = Judge { root, base: None, branch: None, start: world.code.snapshot() };
                let run = world.run_id().parse().expect("a run id");
                Phase::Prepared(Box::new(Input::Launch(self.launching(world, run, None, Some(judge)))))
            }
            Next::Reopen { item, turn } => {
                let claim = Claim { item, turn, base: None, branch: None, start: world.code.snapshot() };
                let run = world.run_id().parse().expect("a run id");
                Phase::Prepared(Box::new(Input::Reopen { run, claim }))
            }
        };
        Ok(Did::Something)
    }

    fn launching(
        &self,
        world: &mut World,
        run: RunId,
        claim: Option<Claim>,
        judge: Option<Judge>,
    ) -> Launching {
        let nonce = world.hex32().parse().expect("a nonce");
        Launching { run, claim, judge, nonce, session: self.session.clone(), evidence: Files::new() }
    }

    /// The work tree goes back, or forward to the work of the run that this one goes on with.
    fn pay(&mut self, world: &mut World, owed: &Owed) -> Result<Did, Broken> {
        let (run, record) = world.glimpse(|view| Ok((view.run(&owed.run)?, view.run_record(&owed.run)?)))?;
        let forward = run.as_ref().is_some_and(Run::is_to_stand);
        let plan = record.map(|record| plan_of(world, record.plan.as_str())).transpose()?;
        let ended_waits =
            run.is_none() && plan.is_some_and(|plan| plan.workspace.between_items == BetweenItems::Wait);
        self.phase = Phase::Looking;
        let none = Payloads::default();
        if forward && !world.quiet && world.dice.one_in(2) {
            let input = Input::Unresumable {
                run: owed.run.clone(),
                detail: "somebody has edited it since".to_owned(),
            };
            match world.ask(Actor::Daemon, &input, &none) {
                Ok(_) | Err(TransactError::Refused(_)) => return Ok(Did::Something),
                Err(_) => return Err(Broken),
            }
        }
        if ended_waits {
            if !world.code.held(owed.from, owed.to).is_empty() {
                if !world.quiet && world.dice.one_in(3) {
                    let detail = "the work tree still holds it".to_owned();
                    return Ok(Did::Waits(Wait { until: None, cause: "work_tree_held".to_owned(), detail }));
                }
                world.say("the user takes the work out of the work tree");
            }
            world.code.bring(owed.from, owed.to, usize::MAX);
        } else {
            world.code.bring(owed.from, owed.to, usize::MAX);
        }
        let snapshot = forward.then(|| world.code.snapshot());
        let input = Input::TreeSettled { run: owed.run.clone(), paths: 1, to: Some(owed.to), snapshot };
        match world.ask(Actor::Daemon, &input, &none) {
            // The run may be cancelled meanwhile.
            Ok(_) | Err(TransactError::Refused(_)) => Ok(Did::Something),
            Err(_) => Err(Broken),
        }
    }

    fn hand(&mut self, world: &mut World, handoff: &Handoff, payloads: &Payloads) -> Result<(), Broken> {
        let asked = world.ask(Actor::Daemon, &Input::Handoff(Box::new(handoff.clone())), payloads);
        world.handed.push(handoff.clone());
        self.phase = match asked {
            Ok(Outcome::Committed { .. }) => Phase::Looking,
            Ok(Outcome::Unchanged { .. }) => panic!("a handoff that changed nothing"),
            Err(TransactError::Refused(Refusal::LateResult { .. } | Refusal::NoSuchRun { .. })) => {
                Phase::Looking
            }
            Err(TransactError::Refused(refusal)) => {
                let judgement = instead(world, handoff, &refusal)?;
                let came = Came { usage: handoff.usage, wall_ms: handoff.wall_ms, ..Came::of(judgement) };
                let (run, nonce) = (handoff.run.clone(), handoff.nonce.clone());
                Phase::Ended { run, nonce, asked: handoff.asked, came: Box::new(came) }
            }
            Err(_) => return Err(Broken),
        };
        Ok(())
    }
}

/// What a launch counts as whose handoff the ledger does not take.
fn instead(world: &World, handoff: &Handoff, refusal: &Refusal) -> Result<Judgement, Broken> {
    let Judgement::Reported { result, summary, .. } = &handoff.judgement else {
        panic!("{:?} is refused: {refusal}", handoff.judgement);
    };
    if let Refusal::NoEdge { .. } = refusal {
        let class = "illegal_terminal_result".parse().expect("a class");
        return Ok(Judgement::Failed { class, detail: refusal.to_string() });
    }
    let run = world.glimpse(|view| view.run(&handoff.run))?.expect("its run");
    let error = RuntimeError::of_refusal(refusal);
    let error = error.unwrap_or_else(|| panic!("a handoff cannot be made: {refusal}"));
    Ok(Judgement::Rejected {
        result: result.clone(),
        code: error.code(run.stage.plane),
        problems: vec![refusal.to_string()],
        summary: summary.clone(),
    })
}

fn plan_of(world: &World, id: &str) -> Result<Rc<Plan>, Broken> {
    let id = id.parse().expect("a plan id");
    Ok(world.glimpse(|view| view.plan(&id))?.expect("a plan"))
}

fn came(world: &mut World, run: &RunId) -> Came {
    let run = world.view(|view| view.run(run)).expect("a run");
    let plan = world.view(|view| view.plan(&run.plan)).expect("a plan");
    comes_to(world, &plan, &run)
}

fn launch_of(world: &World, run: &RunId) -> u32 {
    world.view(|view| view.run(run)).expect("a run").launches
}

fn edit(world: &mut World, run: &Run) {
    world.code.edit(run.run.as_str(), run.launches);
}

/// The snapshot of what a stage left, and the handoff.
fn collect(world: &mut World, run: &RunId, nonce: &Nonce, asked: bool, came: Came) -> Result<Phase, Broken> {
    let Some(run) = world.glimpse(|view| view.run(run))? else { return Ok(Phase::Looking) };
    let plan = plan_of(world, run.plan.as_str())?;
    let mut payloads = Payloads::default();
    let Came { mut judgement, documents, verdict, session, usage, wall_ms, .. } = came;
    if let (true, false, Judgement::Reported { result, .. }) =
        (run.closure, world.code.is(run.snapshot), &judgement)
    {
        judgement = Judgement::Rejected {
            result: result.clone(),
            code: "planning_post_stage_apply_failed".parse().expect("a class"),
            problems: vec!["the judge changed what it judged".to_owned()],
            summary: None,
        };
    }
    let worked = matches!(
        judgement,
        Judgement::Reported { .. } | Judgement::Failed { .. } | Judgement::Rejected { .. }
    );
    let snapshot: Option<Oid> = (worked || !world.code.is_exactly(run.tip)).then(|| world.code.snapshot());
    let failed = matches!(judgement, Judgement::Failed { .. });
    let left_nothing = failed && world.code.is_exactly(run.snapshot);
    let totals = Usage { input_uncached: Some(1000), ..Usage::default() };
    let resumable = session.filter(|_| failed).map(|session| Resumable { session, totals });
    let reported = matches!(judgement, Judgement::Reported { .. });
    let documents = if reported {
        documents.iter().map(|one| one.submitted(&world.memory, &mut payloads)).collect()
    } else {
        Vec::new()
    };
    let verdict = verdict.filter(|_| reported).map(|said| {
        let rubric = payloads.add(&world.memory, b"# Rubric\n".to_vec()).expect("a payload");
        let other = if said.of_other_code { world.code.snapshot() } else { run.snapshot };
        Box::new(Judged { snapshot: other, rubric, criteria: said.criteria })
    });
    let incident = if run.cancel.is_none() && plan.needs_planning(&run.stage, &judgement) {
        Some(Box::new(incident(world, &run, nonce, &mut payloads)?))
    } else {
        None
    };
    let handoff = Handoff {
        resumable,
        left_nothing,
        wall_ms,
        run: run.run,
        nonce: nonce.clone(),
        ended_at: world.now,
        judgement,
        asked,
        snapshot,
        usage,
        evidence: Files::new(),
        findings: Vec::new(),
        documents,
        verdict,
        incident,
    };
    Ok(Phase::Handing(Box::new(handoff), payloads))
}

/// The incident that the runtime writes.
fn incident(world: &World, run: &Run, nonce: &Nonce, payloads: &mut Payloads) -> Result<Submitted, Broken> {
    let known = world.glimpse(|view| view.known(&run.item))?.expect("an intake record");
    let intake = Intake {
        item: ItemRef::new(ItemKind::Incident, incident_id(&run.item.id, nonce).expect("an id")),
        title: title(&run.item, &known.intake.title),
        priority: Priority::default(),
        depends_on: Vec::new(),
        root_spec_id: None,
        root_idea_id: None,
        spec_id: None,
        parent_task_id: None,
        incident_id: None,
        about: None,
        created_at: world.now,
        created_by: run.stage.to_string(),
    };
    let incident = Incident {
        severity: millrace::format::incident::Severity::Medium,
        intake: intake.out_of(&known.intake),
        source: run.stage.clone(),
        failure_class: "needs_planning".parse().expect("a class"),
        trigger_reason: "it needs planning".to_owned(),
        summary: "It is more than a task.".to_owned(),
        observed_symptoms: Vec::new(),
        failed_attempts: Vec::new(),
        evidence_paths: Vec::new(),
        run: run.run.clone(),
        related_stage_results: Vec::new(),
    };
    let document = payloads.add(&world.memory, render(&incident).into_bytes()).expect("a payload");
    Ok(Submitted { document, origin: None, trusted: false, intake: incident.intake })
}
