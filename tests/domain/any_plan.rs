//! For any plan that compiles and whatever its stages come to: an item ends done, blocked or cancelled within its
//! caps, and there is never a state without a next step or a named reason.
//!
//! The loops are random and go through the real compiler; what does not compile is left out, and a minimum of what does
//! is asserted. A failure prints the loop and the moves.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use millrace::compile::{Assets, Compiled, Request, compile};
use millrace::domain::ids::{ResultName, RunId, StageName};
use millrace::domain::item::ItemKind;
use millrace::domain::plan::{Ending, Plan};
use millrace::domain::result::{InfrastructureClass, Judgement};
use millrace::domain::run::RunEnd;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::{Handoff, Input};
use millrace::domain::transition::refusal::Refusal;
use millrace::domain::view::View as _;
use millrace::ledger::transact::{Payloads, TransactError};
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use crate::support::play::{Play, cancelling, config, failure, interruption, outage, report, resuming, task};

/// Where an edge leads, as numbers: which of the loop's stages, which rung, which end.
#[derive(Debug, Clone)]
enum Way {
    To(usize, Option<(usize, u32)>),
    Repair,
    Resume,
    End(usize),
}

/// A stage: whether it repairs, and where each of its results beside `BLOCKED` leads; last, where `BLOCKED` does.
#[derive(Debug, Clone)]
struct Stage {
    repairs: bool,
    results: Vec<(usize, Way)>,
    blocked: Way,
}

#[derive(Debug, Clone)]
struct Shape {
    stages: Vec<Stage>,
    /// For each rung: tries, and whether each class is counted by itself.
    rungs: Vec<(u32, bool)>,
    launches: u32,
    interruptions: u32,
    between: usize,
}

/// What a stage comes to.
#[derive(Debug, Clone)]
enum Move {
    /// One of its results, and perhaps where to go on.
    Report(usize, Option<usize>),
    /// One that it does not have.
    Illegal(usize),
    Fail(usize),
    Interrupt(bool),
    Outage,
    Cancel,
}

const CLASSES: [&str; 4] = ["success", "followup_needed", "recoverable_failure", "escalate_planning"];
const ENDS: [&str; 3] = ["done", "blocked", "needs_planning"];

fn way(repairs: bool) -> impl Strategy<Value = Way> {
    let bound = prop::option::weighted(0.5, (0..3_usize, 1..4_u32));
    prop_oneof![
        9 => (any::<usize>(), bound).prop_map(|(to, bound)| Way::To(to, bound)),
        2 => Just(Way::Repair),
        (if repairs { 6 } else { 0 }) => Just(Way::Resume),
        1 => (0..ENDS.len()).prop_map(Way::End),
    ]
}

fn stage(repairs: bool) -> impl Strategy<Value = Stage> {
    let results = prop::collection::vec((0..CLASSES.len(), way(repairs)), 1..4);
    // Most failures are repaired, or most loops would be without a ladder.
    let blocked = prop_oneof![3 => Just(Way::Repair), 1 => way(repairs)];
    (results, blocked).prop_map(move |(results, blocked)| Stage { repairs, results, blocked })
}

fn shape() -> impl Strategy<Value = Shape> {
    let work = prop::collection::vec(stage(false), 1..5);
    let rungs = prop::collection::vec(((1..4_u32), any::<bool>()), 0..3);
    let repair = prop::collection::vec(stage(true), 2..3);
    (work, repair, rungs, 1..13_u32, 1..4_u32, 0..3_usize, prop::bool::weighted(0.15)).prop_map(
        |(stages, repair, rungs, launches, interruptions, between, wild)| {
            let mut shape = Shape { stages, rungs, launches, interruptions, between };
            let work = shape.stages.len();
            shape.stages.extend(repair.into_iter().take(shape.rungs.len()));
            if !wild {
                shape.tame(work);
            }
            shape
        },
    )
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        12 => (any::<usize>(), prop::option::of(any::<usize>())).prop_map(|(n, at)| Move::Report(n, at)),
        1 => any::<usize>().prop_map(Move::Illegal),
        4 => (0..4_usize).prop_map(Move::Fail),
        3 => any::<bool>().prop_map(Move::Interrupt),
        1 => Just(Move::Outage),
        1 => Just(Move::Cancel),
    ];
    prop::collection::vec(one, 1..10)
}

impl Shape {
    /// A way through the loop to its end, a way into its ladder if it has one, and no way there if it has none.
    fn tame(&mut self, work: usize) {
        for (n, stage) in self.stages.iter_mut().take(work).enumerate() {
            stage.results[0].1 = if n + 1 == work { Way::End(0) } else { Way::To(n + 1, None) };
        }
        if self.rungs.is_empty() {
            for stage in &mut self.stages {
                for way in stage.results.iter_mut().map(|(_, way)| way).chain([&mut stage.blocked]) {
                    match way {
                        Way::Repair => *way = Way::End(1),
                        Way::To(_, bound) => *bound = None,
                        Way::Resume | Way::End(_) => {}
                    }
                }
            }
        } else {
            self.stages[0].blocked = Way::Repair;
        }
    }

    fn name(&self, n: usize) -> String {
        let n = n % self.stages.len();
        let kind = if self.stages[n].repairs { "mender" } else { "worker" };
        format!("{kind}-{n}")
    }

    /// The loop and the kinds of its stages, as an operator would write them.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut text =
            format!("loop_id: execution.standard\nplane: execution\nentry: {{task: {}}}\n", self.name(0));
        text.push_str("stages:\n");
        for n in 0..self.stages.len() {
            let _ = writeln!(text, "  - {}", self.name(n));
        }
        text.push_str("edges:\n");
        // The first use of a counter says its bound; others take it over.
        let mut bounds = BTreeMap::new();
        for (n, stage) in self.stages.iter().enumerate() {
            let name = self.name(n);
            let mut kind = format!("stage: {name}\nplane: execution\nrepair: {}\nresults:\n", stage.repairs);
            for (nth, (class, way)) in stage.results.iter().enumerate() {
                let _ = writeln!(kind, "  RESULT_{nth}: {}", CLASSES[*class]);
                self.edge(&mut text, &name, &format!("RESULT_{nth}"), way, &mut bounds);
            }
            self.edge(&mut text, &name, "BLOCKED", &stage.blocked, &mut bounds);
            kind.push_str(
                "  BLOCKED: blocked\nentrypoint: entrypoints/execution/builder.md\n\
                 skill: skills/stage/execution/builder-core/SKILL.md\n",
            );
            files.insert(format!("stages/execution/{name}.yaml"), kind.into_bytes());
        }
        let menders = (0..self.stages.len()).filter(|n| self.stages[*n].repairs);
        for (nth, ((most, by_class), stage)) in self.rungs.iter().zip(menders).enumerate() {
            if nth == 0 {
                text.push_str("repair:\n");
            }
            let per = if *by_class { "class" } else { "item" };
            let _ = writeln!(
                text,
                "  - {{stage: {}, counter: rung_{nth}, at_most: {most}, per: {per}}}",
                self.name(stage)
            );
        }
        files.insert("loops/execution.standard.yaml".to_owned(), text.into_bytes());
        files
    }

    fn edge(&self, text: &mut String, from: &str, on: &str, way: &Way, bounds: &mut BTreeMap<usize, u32>) {
        let _ = write!(text, "  - {{from: {from}, on: {on}, ");
        let _ = match way {
            Way::To(to, None) => write!(text, "to: {}", self.name(*to)),
            Way::To(to, Some((counter, most))) => {
                let most = bounds.entry(*counter).or_insert(*most);
                write!(
                    text,
                    "to: {}, bound: {{counter: edge_{counter}, at_most: {most}, exhausted: edge_{counter}_exhausted}}",
                    self.name(*to)
                )
            }
            Way::Repair => write!(text, "repair: true"),
            Way::Resume => write!(text, "resume: true"),
            Way::End(end) => write!(text, "end: {}", ENDS[*end]),
        };
        text.push_str("}\n");
    }

    fn compiled(&self) -> Option<Compiled> {
        let text = format!(
            "[limits]\nmax_launches_per_item = {}\nmax_interruptions = {}\n[workspace]\nbetween_items = \"{}\"\n",
            self.launches,
            self.interruptions,
            ["restore", "wait", "carry"][self.between]
        );
        let assets = Assets::with_overrides(self.files());
        compile(&Request { mode: None, config: &config(&text), assets: &assets }).ok()
    }
}

/// What a play costs an item, beside what its plan allows.
#[derive(Default)]
struct Spent {
    launches: u32,
    free: u32,
}

/// Plays an item to its end.
fn play(compiled: &Compiled, moves: &[Move]) {
    let plan = &compiled.plan;
    let mut play = Play::empty();
    play.done(&crate::support::play::genesis());
    let Compiled { id, record, files, .. } = compiled.clone();
    let (input, payloads) = play.freezing(id.as_str(), record, files, Vec::new());
    play.done_with(&input, &payloads);
    play.add(&task("it"));
    // Over and over: what a stage does to its item it goes on doing, until a cap ends it.
    let costly = |next: &Move| !matches!(next, Move::Interrupt(true) | Move::Outage);
    let mut moves = moves.iter().chain(moves.iter().filter(|next| costly(next)).cycle());
    let mut spent = Spent::default();
    let mut run = None;
    // The bound on the loop itself: every launch is two steps, and beside it the tree goes back or time passes.
    for _ in 0..1000 {
        match play.next() {
            // The incident of a task that needs planning: its planning is another matter.
            Next::Claim { item, .. } if item.kind != ItemKind::Task => break,
            Next::Claim { item, .. } => {
                assert_eq!(run.replace(play.claim(&item.to_string())), None, "one run");
                spent.launches += 1;
            }
            Next::Launch(_) => {
                play.launch();
                spent.launches += 1;
            }
            Next::Restore(_) => play.settle_if_owed(),
            Next::Land(to_land) => play.land(&to_land.run),
            Next::Adopt(_) => hand(&mut play, plan, moves.next(), &mut spent),
            Next::Wait(wait) => {
                assert!(!wait.cause.is_empty() && !wait.detail.is_empty(), "a wait has a reason");
                assert!(wait.until.is_some(), "nothing but time is waited for: {wait:?}");
                play.pass(61);
            }
            Next::Idle | Next::Judge { .. } | Next::Reopen { .. } => break,
        }
        within_bounds(&play, plan, &spent);
    }
    ended(&play, &run.expect("a run"));
    play.end();
}

/// Hands a launch off as the move says; without one the stage is blocked.
fn hand(play: &mut Play, plan: &Plan, next: Option<&Move>, spent: &mut Spent) {
    let stage = play.run().stage.stage;
    let results: Vec<&str> = plan.stages[&stage].results.keys().map(ResultName::as_str).collect();
    // Stages of this loop, one of the other plane, and one that does not exist.
    let names: Vec<&str> = plan.stages.keys().map(StageName::as_str).chain(["nobody"]).collect();
    let mut asked = false;
    let judgement = match next {
        Some(Move::Report(n, None)) => report(results[n % results.len()]),
        Some(Move::Report(n, Some(at))) => resuming(results[n % results.len()], names[at % names.len()]),
        Some(Move::Illegal(n)) => {
            // The graph has no edge for it, and says so; the judge makes a failure of it before it comes that far.
            let illegal = ["RESULT_9", "CHECKER_PASS", "ARBITER_COMPLETE"][n % 3];
            let handoff = play.handing(report(illegal));
            let refusal = play.refused(&Input::Handoff(Box::new(handoff)));
            assert!(matches!(refusal, Refusal::NoEdge { .. }), "{refusal}");
            failure("illegal_terminal_result")
        }
        Some(Move::Fail(n)) => failure(&format!("kind_{n}")),
        Some(Move::Interrupt(wanted)) => {
            asked = *wanted;
            interruption()
        }
        Some(Move::Outage) => outage(InfrastructureClass::Quota),
        Some(Move::Cancel) => {
            play.done(&cancelling("task/it"));
            report(results[0])
        }
        None => report("BLOCKED"),
    };
    // Neither costs the item anything, so that neither is bounded by its limit.
    let free = asked || matches!(judgement, Judgement::Infrastructure { .. });
    spent.free += u32::from(free);
    let mut payloads = Payloads::default();
    let incident = play.incident(&mut payloads);
    let handoff = Handoff { asked, incident: Some(Box::new(incident)), ..play.handing(judgement) };
    match play.ask(&Input::Handoff(Box::new(handoff)), &payloads) {
        Ok(_) => {}
        Err(TransactError::Refused(refusal)) => panic!("{stage} cannot hand off: {refusal}"),
        Err(error) => panic!("{error}"),
    }
}

fn within_bounds(play: &Play, plan: &Plan, spent: &Spent) {
    let limits = &plan.limits;
    assert!(spent.launches - spent.free <= limits.max_launches_per_item, "{} launches", spent.launches);
    let graph = &plan.execution;
    let mut most: BTreeMap<&str, u32> = BTreeMap::new();
    most.extend(graph.repair.iter().map(|rung| (rung.counter.as_str(), rung.at_most)));
    let bounds = graph.edges.iter().filter_map(|edge| edge.bound.as_ref());
    most.extend(bounds.map(|bound| (bound.counter.as_str(), bound.at_most)));
    let recovery = play.recovery("task/it");
    for (key, count) in recovery.iter().flat_map(|recovery| &recovery.counters) {
        assert!(*count <= most[key.counter.as_str()], "{key} is {count}");
    }
    if play.state("task/it") == "active" {
        assert!(play.run().interruptions <= limits.max_interruptions, "{:?}", play.run());
    }
}

/// The item is at its end, and says why.
fn ended(play: &Play, run: &RunId) {
    let state = play.state("task/it");
    let RunEnd { ending, reason, .. } =
        play.run_record(run).and_then(|it| it.end).expect("the run has ended");
    let expected = match ending {
        Ending::Done => "done",
        Ending::Blocked | Ending::NeedsPlanning => "blocked",
        Ending::Cancelled => "archived",
    };
    assert_eq!(state, expected);
    assert!(!reason.is_empty(), "every end has its reason");
    let blocked = play.recovery("task/it").and_then(|recovery| recovery.blocked);
    assert_eq!(blocked.map(|blocked| blocked.reason), (state == "blocked").then_some(reason));
    assert_eq!(
        play.view(|view| view.next_queued(ItemKind::Incident)).expect("a readable queue").is_some(),
        ending == Ending::NeedsPlanning,
        "an incident where it needs planning"
    );
    assert_eq!(play.control().owed, None, "the tree is as it should be");
}

/// Of a hundred random loops that many compile at least, or the property would say little.
const LEAST_PERCENT: u32 = 50;

#[test]
fn whatever_the_plan_and_its_stages_an_item_ends_within_its_caps() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    };
    let (tried, played) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&(shape(), moves()), |(shape, moves)| {
        tried.set(tried.get() + 1);
        if let Some(compiled) = shape.compiled() {
            played.set(played.get() + 1);
            play(&compiled, &moves);
        }
        Ok(())
    });
    if let Err(TestError::Fail(why, (shape, moves))) = &outcome {
        let text = shape.files().remove("loops/execution.standard.yaml").unwrap_or_default();
        panic!("{why}\n{shape:?}\n{}\n{moves:?}", String::from_utf8_lossy(&text));
    }
    outcome.expect("no case was given up");
    let (tried, played) = (tried.get(), played.get());
    assert!(played * 100 >= tried * LEAST_PERCENT, "{played} of {tried} loops compile");
}
