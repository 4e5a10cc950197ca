//! Anything may be asked in any order: what is refused leaves no trace, what is done leaves a consistent tree (looked
//! at after each step by the player), every item ends within its caps, and the whole ledger replays.

use millrace::domain::control::PauseKind;
use millrace::domain::ids::RunId;
use millrace::domain::result::InfrastructureClass;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::{Handoff, Input};
use millrace::ledger::transact::{Payloads, TransactError};
use proptest::prelude::*;

use crate::support::play::{
    Document, Play, cancelling, document, failure, genesis, interruption, operator_pause, outage, report,
    resuming, task,
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
    /// What the schedule says.
    Next,
}

const NAMES: [&str; 8] =
    ["task/a", "task/b", "task/c", "task/A", "spec/a", "incident/a", "task/never", "task/d.e"];

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
    "ARBITER_COMPLETE",
    "NO_SUCH_RESULT",
];

fn moves() -> impl Strategy<Value = Move> {
    let name = 0..NAMES.len();
    let added = (name.clone(), 0_u8..10, prop::option::of(name.clone()), prop::bool::weighted(0.1));
    prop_oneof![
        3 => prop::collection::vec(added, 1..4).prop_map(Move::Add),
        2 => name.clone().prop_map(Move::Claim),
        2 => Just(Move::Launch),
        10 => (0..REPORTS.len() + 6, any::<bool>(), any::<bool>()).prop_map(|(n, asked, none)| Move::Hand(n, asked, none)),
        1 => (0..REPORTS.len()).prop_map(Move::Late),
        1 => Just(Move::Settle),
        1 => name.prop_map(Move::Cancel),
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
                ask(play, &Input::Handoff(handoff), &payloads);
            }
        }
        Move::Late(n) => {
            if let Some(mut handoff) = last.clone() {
                handoff.judgement = judged(*n);
                ask(play, &Input::Handoff(handoff), &none);
            }
        }
        Move::Settle => {
            let run = play.control().owed.map_or_else(|| play.run_id(), |owed| owed.run);
            ask(play, &Input::TreeSettled { run, paths: 1, snapshot: None }, &none);
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
        Move::Next => match play.next() {
            // What is scheduled must be allowed.
            Next::Claim { item, .. } => {
                play.claim(&item.to_string());
            }
            Next::Launch(_) => {
                play.launch();
            }
            Next::Restore(owed) => {
                play.done(&Input::TreeSettled { run: owed.run, paths: 1, snapshot: None });
            }
            Next::Adopt(run) => {
                // The stage does what it should, so that runs come to an end as well.
                let result = match run.stage.stage.as_str() {
                    "builder" => "BUILDER_COMPLETE",
                    "checker" => "CHECKER_PASS",
                    "fixer" => "FIXER_COMPLETE",
                    "doublechecker" => "DOUBLECHECK_PASS",
                    "updater" => "UPDATE_COMPLETE",
                    "troubleshooter" => "TROUBLESHOOT_COMPLETE",
                    "consultant" => "CONSULT_COMPLETE",
                    "planner" => "PLANNER_COMPLETE",
                    "manager" => "MANAGER_COMPLETE",
                    "mechanic" => "MECHANIC_COMPLETE",
                    "auditor" => "AUDITOR_COMPLETE",
                    "arbiter" => "ARBITER_COMPLETE",
                    other => panic!("an item is at {other}"),
                };
                play.hand(report(result));
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
        play.end();
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
