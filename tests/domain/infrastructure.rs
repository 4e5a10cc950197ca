//! Infrastructure is not work: the item keeps its place, and dispatch rests longer with each outage in a row.

use jiff::SignedDuration;
use millrace::domain::control::{PauseCause, PauseKind};
use millrace::domain::result::InfrastructureClass;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;

use crate::support::play::{Play, document, failure, outage, report, task};

const NET: InfrastructureClass = InfrastructureClass::Network;

fn launched() -> Play {
    let mut play = Play::new();
    play.add(&task("it"));
    play.claim("task/it");
    play
}

fn cause(play: &Play) -> PauseCause {
    let pauses = play.control().pauses;
    let [cause] = pauses.as_slice() else { panic!("{pauses:?}") };
    cause.clone()
}

#[test]
fn f29_rest_is_five_fifteen_and_then_sixty_minutes_and_each_end_lets_one_probe_pass() {
    let mut play = launched();
    let began = play.now.checked_add(SignedDuration::from_secs(1)).expect("a time");
    for (times, minutes) in (1..).zip([5, 15, 60, 60, 60]) {
        let result = play.stage(outage(NET));
        assert_eq!(
            (result.next.as_str(), result.why.as_str()),
            ("execution/builder", "infrastructure:network")
        );
        let cause = cause(&play);
        assert_eq!((cause.times, cause.owner.as_str()), (times, "runtime"));
        // From the third one in a row on, an operator is told.
        let told = format!("network: no luck; {times} times in a row, an operator should look");
        assert_eq!(cause.detail, if times < 3 { "network: no luck" } else { told.as_str() });
        assert_eq!(cause.since, began);
        let until = play.now.checked_add(SignedDuration::from_mins(minutes)).expect("a time");
        assert_eq!(cause.until, Some(until));
        play.settle_if_owed();
        let run = play.run().run;
        play.pass(minutes - 1);
        let launching = play.launching(&run);
        let refusal = play.refused(&Input::Launch(launching));
        assert!(
            matches!(&refusal, Refusal::Paused { cause, .. } if cause.starts_with("harness:")),
            "{refusal}"
        );
        assert!(matches!(play.next(), Next::Wait(wait) if wait.until == Some(until)));
        play.pass(1);
        assert!(matches!(play.next(), Next::Launch(_)));
    }
    play.end();
}

#[test]
fn f29_an_outage_costs_the_item_nothing() {
    let mut play = Play::with_config("[limits]\nmax_launches_per_item = 3\n");
    play.add(&task("it"));
    play.claim("task/it");
    for _ in 0..8 {
        play.stage(outage(InfrastructureClass::Quota));
        play.pass(61);
    }
    let run = play.run();
    assert_eq!((run.launches, run.spent, run.failure), (8, 0, None));
    assert_eq!(play.recovery("task/it"), None);
    for result in ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"] {
        play.stage(report(result));
    }
    play.end();
}

#[test]
fn a_harness_that_works_again_is_healed_by_any_result() {
    for judgement in [report("BUILDER_COMPLETE"), report("BLOCKED"), failure("missing_marker")] {
        let mut play = launched();
        play.stage(outage(NET));
        play.pass(5);
        play.stage(judgement);
        assert_eq!(play.control().pauses, []);
        // The next outage begins again with the short rest.
        play.stage(outage(NET));
        assert_eq!(cause(&play).times, 1);
        play.end();
    }
}

#[test]
fn other_runners_go_on() {
    let mut play = Play::with_config(
        "[runners.mine]\nkind = \"command\"\nargv = [\"true\"]\n\n[stages.planner]\nrunner = \"mine\"\n",
    );
    play.add(&task("it"));
    play.claim("task/it");
    play.stage(outage(NET));
    let PauseKind::Harness { runner } = cause(&play).kind else { panic!("no harness") };
    assert_ne!(runner.as_str(), "mine");
    let control = play.control();
    assert!(control.rests(play.now, &runner).is_some());
    assert!(control.rests(play.now, &"mine".parse().expect("a runner")).is_none());
    play.end();
}

/// An incident whose harness rests does not keep tasks of another runner from being claimed.
#[test]
fn a_resting_runner_holds_up_only_the_kinds_that_need_it() {
    let mut play = Play::with_config(
        "[runners.mine]\nkind = \"command\"\nargv = [\"true\"]\n\n[stages.builder]\nrunner = \"mine\"\n[stages.checker]\nrunner = \"mine\"\n[stages.updater]\nrunner = \"mine\"\n",
    );
    play.add(&document("spec/s"));
    let run = play.claim("spec/s");
    play.stage(outage(NET));
    play.settle_if_owed();
    play.add_all(&[document("incident/i"), task("t")]);
    // The run keeps the work tree.
    assert!(matches!(play.next(), Next::Wait(_)));
    play.cancel("spec/s");
    play.settle_if_owed();
    assert!(play.run_record(&run).expect("a record").end.is_some());
    let Next::Claim { item, .. } = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(item.to_string(), "task/t");
    play.finish("task/t");
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(wait.cause, "harness:codex_cli", "the incident waits for the runner that rests");
    assert!(wait.until.is_some_and(|until| until > play.now));
    play.pass(61);
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "incident/i"));
    play.end();
}

/// Found by the simulation: a stage that works ended a rest that a person had asked for.
#[test]
fn a_rest_of_the_runner_that_a_person_asked_for_is_that_persons_to_end() {
    let mut play = launched();
    play.stage(outage(NET));
    play.settle_if_owed();
    play.pass(6);
    play.launch();
    let own = PauseCause { owner: "ops".to_owned(), until: None, times: 1, ..cause(&play) };
    play.done(&Input::Pause(own.clone()));
    play.hand(report("BUILDER_COMPLETE"));
    assert_eq!(play.control().pauses, [own], "the runtime lifts its own cause, and no other");
}

/// Lesson F-59: a failure that comes while dispatch rests already is kept, and counted once.
#[test]
fn f59_an_outage_that_comes_during_a_rest_is_kept_and_counted_once() {
    let mut play = launched();
    play.stage(outage(NET));
    play.settle_if_owed();
    play.pass(5);
    play.launch();
    // Somebody else lets the same runner rest while the attempt is under way.
    let own = PauseCause { owner: "ops".to_owned(), until: None, times: 1, ..cause(&play) };
    play.done(&Input::Pause(own.clone()));
    let handoff = Input::Handoff(Box::new(play.handing(outage(NET))));
    play.done(&handoff);
    let times = |play: &Play| -> Vec<(String, u32)> {
        let mut times: Vec<_> =
            play.control().pauses.iter().map(|cause| (cause.owner.clone(), cause.times)).collect();
        times.sort();
        times
    };
    let both = [("ops".to_owned(), 1), ("runtime".to_owned(), 2)];
    assert_eq!(times(&play), both);
    assert!(matches!(play.refused(&handoff), Refusal::LateResult { .. }), "the same one again is late");
    assert_eq!(times(&play), both);
    assert_eq!((play.run().spent, play.state("task/it").as_str()), (0, "active"));
    play.end();
}
