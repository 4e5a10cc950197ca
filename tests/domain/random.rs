//! Anything may be asked in any order: what is refused leaves no trace, what is done leaves a consistent tree (looked
//! at after each step by the player), every item ends within its caps, and the whole ledger replays.

use millrace::domain::closure::{Finding, TargetState};
use millrace::domain::control::PauseKind;
use millrace::domain::ids::RunId;
use millrace::domain::result::InfrastructureClass;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::{Handoff, Input, Retrying};
use millrace::ledger::transact::{Payloads, TransactError};
use proptest::prelude::*;

use crate::support::play::{
    Document, Play, cancelling, document, failure, genesis, interruption, item, operator_pause, outage,
    report, resuming, retrying, snapshot, task, well,
};

#[derive(Debug, Clone)]
enum Move {
    Add(Vec<(usize, u8, Option<usize>, bool)>),
    Claim(usize),
    Launch,
    Hand(usize, bool, bool),
    Late(usize),
    Settle,
    Cancel(usize),
    Pause(bool),
    Resume,
    Session(bool),
    Genesis,
    Select(bool),
    Pass(i64),
    Idea(usize, bool),
    /// A handoff that brings documents: their names, and what the stage reports.
    Bring(usize, Vec<(usize, u8, Option<usize>, bool)>),
    /// A verdict: what the judge reports, what it found, and whether it is about other code.
    Judge(bool, Vec<Finding>, bool),
    Retry(Vec<usize>, bool, bool),
    Unresumable,
    RetryActive,
    Supersede(usize, usize),
    Retarget(usize, usize, Option<usize>),
    Prioritise(usize, u8),
    Release(Vec<usize>),
    Archive(usize),
    CancelLineage(usize),
    CancelRun,
    Stop(bool),
    /// The one before, under a name.
    Requested(u8, usize),
    /// What the schedule says.
    Next,
}

const NAMES: [&str; 10] = [
    "task/a",
    "task/b",
    "task/c",
    "task/A",
    "spec/a",
    "incident/a",
    "task/never",
    "task/d.e",
    "spec/b",
    "incident/b",
];

const REPORTS: [&str; 20] = [
    "BUILDER_COMPLETE",
    "BUILDER_COMPLETE",
    "CHECKER_PASS",
    "CHECKER_PASS",
    "FIX_NEEDED",
    "FIXER_COMPLETE",
    "DOUBLECHECK_PASS",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE",
    "BLOCKED",
    "BLOCKED",
    "TROUBLESHOOT_COMPLETE",
    "CONSULT_COMPLETE",
    "NEEDS_PLANNING",
    "PLANNER_COMPLETE",
    "MANAGER_COMPLETE",
    "MECHANIC_COMPLETE",
    "AUDITOR_COMPLETE",
    "REMEDIATION_NEEDED",
    "NO_SUCH_RESULT",
];

fn moves() -> impl Strategy<Value = Move> {
    let name = 0..NAMES.len();
    let added = (name.clone(), 0_u8..10, prop::option::of(name.clone()), prop::bool::weighted(0.1));
    let names = prop::collection::vec(name.clone(), 1..4);
    let finding =
        prop_oneof![5 => Just(Finding::Pass), 3 => Just(Finding::Gap), 1 => Just(Finding::NotJudgeable)];
    prop_oneof![
        3 => prop::collection::vec(added.clone(), 1..4).prop_map(Move::Add),
        2 => name.clone().prop_map(Move::Claim),
        2 => Just(Move::Launch),
        10 => (0..REPORTS.len() + 6, any::<bool>(), any::<bool>()).prop_map(|(n, asked, none)| Move::Hand(n, asked, none)),
        1 => (0..REPORTS.len()).prop_map(Move::Late),
        1 => Just(Move::Settle),
        1 => name.clone().prop_map(Move::Cancel),
        1 => (0_usize..3, any::<bool>()).prop_map(|(n, other)| Move::Idea(n, other)),
        6 => (0..BRINGING.len(), prop::collection::vec(added.clone(), 0..3)).prop_map(|(n, what)| Move::Bring(n, what)),
        4 => (any::<bool>(), prop::collection::vec(finding, 0..3), prop::bool::weighted(0.1))
            .prop_map(|(gap, findings, other)| Move::Judge(gap, findings, other)),
        4 => (names.clone(), prop::bool::weighted(0.2), any::<bool>()).prop_map(|(n, start, note)| Move::Retry(n, start, note)),
        1 => Just(Move::Unresumable),
        1 => Just(Move::RetryActive),
        1 => (name.clone(), name.clone()).prop_map(|(one, other)| Move::Supersede(one, other)),
        1 => (name.clone(), name.clone(), prop::option::of(name.clone())).prop_map(|(n, from, to)| Move::Retarget(n, from, to)),
        1 => (name.clone(), 0_u8..10).prop_map(|(n, digit)| Move::Prioritise(n, digit)),
        2 => names.prop_map(Move::Release),
        1 => name.clone().prop_map(Move::Archive),
        1 => name.clone().prop_map(Move::CancelLineage),
        1 => Just(Move::CancelRun),
        1 => any::<bool>().prop_map(Move::Stop),
        1 => (0_u8..4, name).prop_map(|(n, item)| Move::Requested(n, item)),
        1 => any::<bool>().prop_map(Move::Pause),
        1 => Just(Move::Resume),
        1 => any::<bool>().prop_map(Move::Session),
        1 => Just(Move::Genesis),
        1 => any::<bool>().prop_map(Move::Select),
        1 => (0_i64..100).prop_map(Move::Pass),
        14 => Just(Move::Next),
    ]
}

fn added(what: &[(usize, u8, Option<usize>, bool)]) -> Vec<Document> {
    what.iter()
        .map(|(name, priority, after, outside)| {
            // The body goes by the name alone, so that adding again is sometimes the same; priority 9 makes it another.
            let mut made = document(NAMES[*name]).priority(*priority);
            if *priority == 9 {
                made = made.body("other\n");
            }
            if let Some(after) = after {
                made = made.after(NAMES[*after].split_once('/').expect("a kind").1);
            }
            // Some say of whom they descend.
            if *priority < 3 {
                made = made.of("a");
            }
            if *outside { made.outside("push") } else { made }
        })
        .collect()
}

/// Asks; a refusal is fine, anything else that fails is not. That a refusal changes nothing the player sees.
fn ask(play: &mut Play, input: &Input, payloads: &Payloads) {
    match play.ask(input, payloads) {
        Ok(_) | Err(TransactError::Refused(_)) => {}
        Err(error) => panic!("{input:?}: {error}"),
    }
}

fn active(play: &Play) -> Option<RunId> {
    use millrace::domain::view::View as _;
    play.view(|view| view.runs()).expect("readable runs").into_iter().next().map(|run| run.run)
}

fn judged(n: usize) -> millrace::domain::result::Judgement {
    match n.checked_sub(REPORTS.len()) {
        None => report(REPORTS[n]),
        Some(0) => failure("runner_timeout"),
        Some(1) => failure("missing_marker"),
        Some(2) => outage(InfrastructureClass::Quota),
        Some(3) => resuming("TROUBLESHOOT_COMPLETE", "consultant"),
        Some(4) => resuming("CONSULT_COMPLETE", "troubleshooter"),
        Some(_) => interruption(),
    }
}

fn step(play: &mut Play, next: &Move, last: &mut Option<Handoff>) {
    let none = Payloads::default();
    match next {
        Move::Add(what) => {
            let (input, payloads) = play.adding(&added(what));
            ask(play, &input, &payloads);
        }
        Move::Claim(name) => {
            let launching = play.claiming(NAMES[*name]);
            ask(play, &Input::Launch(launching), &none);
        }
        Move::Launch => {
            let run = active(play).unwrap_or_else(|| play.run_id());
            let launching = play.launching(&run);
            ask(play, &Input::Launch(launching), &none);
        }
        Move::Hand(n, asked, without) => {
            if active(play).is_some() {
                let mut handoff = play.handing(judged(*n));
                handoff.asked = *asked;
                if *without {
                    handoff.snapshot = None;
                }
                *last = Some(handoff.clone());
                // The runtime brings an incident where it expects the run to end in planning; whether it does, the
                // rules say.
                let mut payloads = Payloads::default();
                if play.run().launch.is_some() {
                    handoff.incident = Some(Box::new(play.incident(&mut payloads)));
                }
                ask(play, &Input::Handoff(Box::new(handoff)), &payloads);
            }
        }
        Move::Late(n) => {
            if let Some(mut handoff) = last.clone() {
                handoff.judgement = judged(*n);
                ask(play, &Input::Handoff(Box::new(handoff)), &none);
            }
        }
        Move::Settle => {
            let run = play.control().owed.map_or_else(|| play.run_id(), |owed| owed.run);
            let settled = play.settling(&run);
            ask(play, &settled, &none);
        }
        Move::Cancel(name) => ask(play, &cancelling(NAMES[*name]), &none),
        Move::Pause(operator) => {
            let mut cause = operator_pause("rest", play.now);
            if !operator {
                cause.kind = PauseKind::Harness { runner: "codex_cli".parse().expect("a runner") };
                cause.until = Some(play.now);
            }
            ask(play, &Input::Pause(cause), &none);
        }
        Move::Resume => {
            for cause in ["operator", "harness:codex_cli"] {
                ask(play, &Input::Resume { cause: cause.to_owned(), owner: None }, &none);
            }
        }
        Move::Session(begins) => {
            let session = "00000000000000000000000000000001".parse().expect("a session");
            let input = if *begins {
                Input::BeginSession { session, program: "test".to_owned() }
            } else {
                Input::EndSession { session, reason: "test".to_owned() }
            };
            ask(play, &input, &none);
        }
        Move::Genesis => ask(play, &genesis(), &none),
        Move::Select(other) => {
            let (input, payloads) = play.compiling(if *other { OTHER } else { SMALL });
            ask(play, &input, &payloads);
        }
        Move::Pass(minutes) => play.pass(*minutes),
        Move::Idea(n, other) => {
            let text = if *other { "Another.\n".to_owned() } else { format!("Idea {n}.\n") };
            let spec = document(if *n == 0 { "spec/a" } else { "spec/b" }).body(&text);
            let (input, payloads) = play.taking(&format!("i{n}"), &text, &spec);
            ask(play, &input, &payloads);
        }
        Move::Bring(n, what) => {
            if active(play).is_some_and(|_| play.run().launch.is_some()) {
                let (mut handoff, mut payloads) = play.bringing(report(BRINGING[*n]), &added(what));
                handoff.incident = Some(Box::new(play.incident(&mut payloads)));
                ask(play, &Input::Handoff(Box::new(handoff)), &payloads);
            }
        }
        Move::Judge(gap, findings, other) => {
            if active(play).is_some_and(|_| play.run().launch.is_some()) {
                let mut payloads = Payloads::default();
                let result = if *gap { "REMEDIATION_NEEDED" } else { "ARBITER_COMPLETE" };
                let mut verdict = play.judged(findings, &mut payloads);
                if *other {
                    verdict.snapshot = snapshot(249);
                }
                let mut handoff = play.handing(report(result));
                handoff.verdict = Some(Box::new(verdict));
                handoff.incident = Some(Box::new(play.incident(&mut payloads)));
                ask(play, &Input::Handoff(Box::new(handoff)), &payloads);
            }
        }
        Move::Retry(names, from_start, noted) => {
            let mut payloads = Payloads::default();
            let note = noted.then(|| payloads.add(play.store(), b"Note.\n".to_vec()).expect("a payload"));
            let names: Vec<&str> = names.iter().map(|name| NAMES[*name]).collect();
            let retry = Retrying { from_start: *from_start, note, ..retrying(&names) };
            ask(play, &Input::Retry(retry), &payloads);
        }
        Move::Unresumable => {
            if let Some(run) = active(play) {
                ask(play, &Input::Unresumable { run, detail: "changed".to_owned() }, &none);
            }
        }
        Move::RetryActive => {
            if let Some(run) = active(play) {
                ask(play, &Input::RetryActive { run, reason: "hangs".to_owned() }, &none);
            }
        }
        Move::Supersede(name, by) => {
            let by = item(NAMES[*by]).id;
            ask(play, &Input::Supersede { item: item(NAMES[*name]), by, reason: "better".to_owned() }, &none);
        }
        Move::Retarget(name, from, to) => {
            let (from, to) = (item(NAMES[*from]).id, to.map(|to| item(NAMES[to]).id));
            ask(play, &Input::Retarget { item: item(NAMES[*name]), from, to }, &none);
        }
        Move::Prioritise(name, digit) => {
            let priority = (*digit).try_into().expect("a priority");
            ask(play, &Input::Prioritise { item: item(NAMES[*name]), priority }, &none);
        }
        Move::Release(names) => {
            ask(
                play,
                &Input::Release { items: names.iter().map(|name| item(NAMES[*name])).collect() },
                &none,
            );
        }
        Move::Archive(name) => {
            ask(play, &Input::Archive { item: item(NAMES[*name]), reason: "old".to_owned() }, &none);
        }
        Move::CancelLineage(name) => {
            let root = item(NAMES[*name]).id;
            ask(play, &Input::CancelLineage { root, reason: "enough".to_owned() }, &none);
        }
        Move::CancelRun => {
            if let Some(run) = active(play) {
                ask(play, &Input::CancelRun { run, reason: "not now".to_owned() }, &none);
            }
        }
        Move::Stop(now) => {
            let session = "00000000000000000000000000000001".parse().expect("a session");
            ask(play, &Input::Stop { session, now: *now, reason: "update".to_owned() }, &none);
        }
        Move::Requested(n, name) => {
            let asks = Box::new(cancelling(NAMES[*name]));
            let request = format!("r{n}").parse().expect("an id");
            ask(play, &Input::Requested { request, asks }, &none);
        }
        Move::Next => match play.next() {
            // What is scheduled must be allowed.
            Next::Claim { item, .. } => {
                play.claim(&item.to_string());
            }
            Next::Launch(_) => {
                play.launch();
            }
            Next::Restore(_) => play.settle_if_owed(),
            Next::Land(to_land) => play.land(&to_land.run),
            Next::Adopt(run) => {
                // The stage does what it should, so that runs come to an end as well.
                let result = well(run.stage.stage.as_str());
                let mut payloads = Payloads::default();
                let mut handoff = play.handing(report(result));
                if run.closure {
                    let mut verdict = play.judged(&[Finding::Pass, Finding::Pass], &mut payloads);
                    verdict.snapshot = run.snapshot;
                    handoff.verdict = Some(Box::new(verdict));
                }
                play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
            }
            Next::Judge { root } => {
                play.judge(root.as_str());
            }
            Next::Reopen { item, .. } => {
                play.reopen(&item.to_string());
            }
            Next::Wait(_) | Next::Idle => {}
        },
    }
}

const BRINGING: [&str; 5] =
    ["MANAGER_COMPLETE", "MANAGER_COMPLETE", "PLANNER_COMPLETE", "NEEDS_PLANNING", "CONSULT_COMPLETE"];

const SMALL: &str = "[limits]\nmax_launches_per_item = 9\nmax_interruptions = 3\n";
const OTHER: &str =
    "[limits]\nmax_launches_per_item = 6\nmax_interruptions = 2\n[workspace]\nbetween_items = \"carry\"\n";

proptest! {
    // A failure prints its moves and its seed; `PROPTEST_CASES` asks for more.
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(8),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]
    #[test]
    fn whatever_is_asked_the_tree_is_consistent_and_the_ledger_replays(all in prop::collection::vec(moves(), 10..70)) {
        let mut play = Play::with_config(SMALL);
        let mut last = None;
        for next in &all {
            step(&mut play, next, &mut last);
        }
        comes_to_rest(&mut play);
        play.end();
    }
}

/// Nothing that the schedule leaves alone could go on by itself (lesson F-21): left to stages that do their work, every
/// item is closed, blocked, held, or waits for one that is; every root that is drained is judged.
fn comes_to_rest(play: &mut Play) {
    play.actor = millrace::domain::transition::record::Actor::Daemon;
    for cause in ["operator", "harness:codex_cli"] {
        ask(play, &Input::Resume { cause: cause.to_owned(), owner: None }, &Payloads::default());
    }
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 500, "it does not come to rest: {:?}", play.next());
        match play.next() {
            Next::Idle => break,
            Next::Wait(wait) => match wait.until {
                Some(until) => play.now = until,
                None => panic!("{wait:?}"),
            },
            _ => step(play, &Move::Next, &mut None),
        }
    }
    let control = play.control();
    assert!(control.owed.is_none());
    for root in &control.targets {
        let target = play.target(root.as_str());
        let open = play.lineage(root.as_str());
        let stuck = |name: &String| {
            ["blocked", "waiting"].contains(&play.state(name).split('/').next().expect("one"))
        };
        let blocked = matches!(target.state, TargetState::Blocked { .. });
        assert!(blocked || (!open.is_empty() && open.iter().all(stuck)), "{target:?}: {open:?}");
    }
}

/// Left to a stage that never succeeds, every item comes to an end by itself.
#[test]
fn items_end_within_their_caps_whatever_their_stages_do() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(0..REPORTS.len() + 6, 200);
    for _ in 0..3 {
        let mut play = Play::with_config(SMALL);
        play.looks = false;
        play.add_all(&[task("a"), document("spec/b"), document("incident/c")]);
        let mut said = strategy.new_tree(&mut runner).expect("reports").current().into_iter();
        let mut launches = 0;
        loop {
            match play.next() {
                Next::Claim { item, .. } => {
                    play.claim(&item.to_string());
                    launches += 1;
                }
                Next::Launch(_) => {
                    play.launch();
                    launches += 1;
                }
                Next::Restore(_) => play.settle_if_owed(),
                Next::Land(to_land) => play.land(&to_land.run),
                Next::Judge { root } => {
                    play.judge(root.as_str());
                    launches += 1;
                }
                Next::Reopen { .. } => panic!("nobody let anything go on"),
                Next::Wait(_) => play.pass(61),
                Next::Idle => break,
                Next::Adopt(run) => {
                    // Only what the stage may say, and no outage: those cost an item nothing, and may last.
                    use millrace::domain::view::View as _;
                    let legal = play.view(|view| view.plan(&run.plan)).expect("readable").expect("a plan");
                    let results = &legal.stages[&run.stage.stage].results;
                    let judgement = said
                        .by_ref()
                        .map(judged)
                        .find(|judgement| match judgement {
                            millrace::domain::result::Judgement::Reported { result, .. } => {
                                results.contains_key(result)
                            }
                            millrace::domain::result::Judgement::Infrastructure { .. } => false,
                            _ => true,
                        })
                        .unwrap_or_else(|| failure("nothing_left"));
                    play.hand(judgement);
                }
            }
            assert!(launches <= 27, "three items, nine launches each");
        }
        for name in ["task/a", "spec/b", "incident/c"] {
            assert!(["done", "blocked"].contains(&play.state(name).as_str()), "{name}: {}", play.state(name));
        }
        play.end();
    }
}
