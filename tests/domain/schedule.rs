//! Schedule: what comes next in each state, and why nothing does.

use millrace::domain::budget::{Budget, Caps};
use millrace::domain::schedule::{Next, schedule};
use millrace::domain::transition::input::Input;

use crate::support::play::{Play, document, genesis, interruption, operator_pause, report, task};

fn claims(play: &Play) -> String {
    match play.next() {
        Next::Claim { item, turn } => format!("{item} {turn}"),
        other => panic!("{other:?}"),
    }
}

fn waits(play: &Play) -> String {
    match play.next() {
        Next::Wait(wait) => wait.cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tasks_are_claimed_by_priority_then_arrival() {
    let mut play = Play::new();
    assert_eq!(play.next(), Next::Idle);
    play.add_all(&[
        task("late").priority(5),
        task("urgent").priority(0),
        task("later").priority(5),
        task("least").priority(9),
    ]);
    let mut order = Vec::new();
    while let Next::Claim { item, .. } = play.next() {
        play.finish(&item.to_string());
        order.push(item.to_string());
    }
    assert_eq!(order, ["task/urgent", "task/late", "task/later", "task/least"]);
    play.end();
}

/// Lesson F-02 and contract 3: what went wrong first, then specs, then tasks, whatever their priorities.
#[test]
fn incidents_come_before_specs_and_specs_before_tasks() {
    let mut play = Play::new();
    play.add_all(&[
        task("a").priority(0),
        document("spec/s").priority(9),
        document("incident/i").priority(9),
        document("incident/j").priority(8),
    ]);
    let mut order = Vec::new();
    loop {
        match play.next() {
            Next::Claim { item, .. } => {
                play.finish(&item.to_string());
                order.push(item.to_string());
            }
            Next::Judge { root } => {
                play.judge(root.as_str());
                play.hand(report("ARBITER_COMPLETE"));
                order.push(format!("judge {root}"));
            }
            Next::Idle => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order, ["incident/j", "incident/i", "spec/s", "judge s", "task/a"]);
    play.end();
}

#[test]
fn arrival_counts_past_the_hundred_of_a_folder() {
    let mut play = Play::new();
    play.looks = false;
    let many: Vec<_> = (1..=205).map(|n| task(&format!("t{n}"))).collect();
    play.add_all(&many);
    for n in 1..=105 {
        assert_eq!(claims(&play), format!("task/t{n} 5.{n:010}"));
        play.cancel(&format!("task/t{n}"));
    }
    play.end();
}

#[test]
fn a_stage_under_way_is_looked_after_first() {
    let mut play = Play::new();
    play.add_all(&[task("a"), document("incident/i")]);
    let run = play.claim("task/a");
    assert!(matches!(play.next(), Next::Adopt(found) if found.run == run));
    play.done(&Input::Pause(operator_pause("rest", play.now)));
    assert!(matches!(play.next(), Next::Adopt(_)), "a pause does not orphan what runs");
    play.hand(interruption());
    assert!(
        matches!(play.next(), Next::Restore(owed) if owed.run == run),
        "and the tree goes back in a pause"
    );
    play.settle_if_owed();
    assert_eq!(waits(&play), "operator");
    play.done(&Input::Resume { cause: "operator".to_owned(), owner: None });
    assert!(
        matches!(play.next(), Next::Launch(found) if found.run == run),
        "a run goes on before an incident"
    );
    play.end();
}

#[test]
fn reasons_to_wait() {
    let mut play = Play::empty();
    play.done(&genesis());
    assert_eq!(play.next(), Next::Idle);
    play.add(&task("a"));
    assert_eq!(waits(&play), "no_plan");
    play.select("");
    assert_eq!(claims(&play), "task/a 5.0000000001");
    play.done(&Input::Pause(operator_pause("rest", play.now)));
    assert_eq!(waits(&play), "operator");
    play.done(&Input::Resume { cause: "operator".to_owned(), owner: None });
    play.claim("task/a");
    play.stage(report("BUILDER_COMPLETE"));
    play.done(&Input::Pause(operator_pause("rest", play.now)));
    assert_eq!(waits(&play), "operator");
    play.end();
}

#[test]
fn what_only_waits_for_others_leaves_the_runtime_idle() {
    let mut play = Play::new();
    play.add_all(&[task("a").after("b"), task("c").outside("push")]);
    assert_eq!(play.next(), Next::Idle);
}

#[test]
fn a_wait_ends_when_the_cause_says() {
    let mut play = Play::new();
    play.add(&task("a"));
    let until = play.now.checked_add(jiff::SignedDuration::from_mins(3)).expect("a time");
    let mut cause = operator_pause("rest", play.now);
    cause.until = Some(until);
    play.done(&Input::Pause(cause));
    play.view(|view| {
        let at = |now| schedule(view, now).expect("a schedule");
        assert!(matches!(at(play.now), Next::Wait(wait) if wait.until == Some(until)));
        assert!(matches!(at(until), Next::Claim { .. }));
    });
}

/// What is done is accepted before more is begun.
#[test]
fn a_drained_root_is_judged_before_anything_is_claimed() {
    let mut play = Play::new();
    play.root("r", &[task("a")]);
    play.add_all(&[document("incident/i"), task("b").priority(0)]);
    play.finish("incident/i");
    play.finish("task/a");
    assert_eq!(play.next(), Next::Judge { root: "r".parse().expect("an id") });
    play.end();
}

/// A root that has to wait is passed over: specs of roots that are open go on behind it.
#[test]
fn f24_a_root_that_waits_holds_no_derived_spec_up() {
    let mut play = Play::new();
    play.add_all(&[document("spec/r"), document("spec/other").priority(0)]);
    // The first one is claimed by hand; by the schedule it would be the other.
    play.claim("spec/r");
    play.bring("PLANNER_COMPLETE", &[document("spec/child").priority(9)]);
    play.stage(report("MANAGER_COMPLETE"));
    assert_eq!(claims(&play), "spec/child 9.0000000003");
    play.finish("spec/child");
    play.judge("r");
    play.hand(report("ARBITER_COMPLETE"));
    assert_eq!(claims(&play), "spec/other 0.0000000002");
    play.end();
}

#[test]
fn f16_where_only_roots_wait_the_reason_is_said() {
    let mut play = Play::new();
    play.add_all(&[document("spec/r"), document("spec/s")]);
    play.root("r", &[task("a")]);
    let mut cause = operator_pause("rest", play.now);
    cause.kind =
        millrace::domain::control::PauseKind::Harness { runner: "codex_cli".parse().expect("a runner") };
    play.done(&Input::Pause(cause));
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(
        (wait.cause.as_str(), wait.detail.as_str()),
        ("root_open", "spec/s waits: spec/r is to be accepted first; the plan opens 1 root at a time")
    );
    play.end();
}

/// A limit on spending keeps everything, and is said before what keeps a root alone.
#[test]
fn a_limit_is_said_before_a_root_that_waits() {
    let mut play = Play::new();
    let caps = Caps { launches: Some(2), ..Caps::default() };
    play.select_budget("", Budget { per_day: caps, ..Budget::default() });
    play.add_all(&[document("spec/r"), document("spec/s")]);
    play.root("r", &[task("a")]);
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(wait.cause, "budget", "{}", wait.detail);
    assert!(wait.until.is_some(), "the next day is another one");
}

/// Lesson F-57: a rest that ends by itself is looked at when it ends, whatever else waits without an end.
#[test]
fn f57_the_earliest_end_of_all_waits_is_when_to_look_again() {
    let mut play = Play::with_config(
        "[runners.mine]\nkind = \"command\"\nargv = [\"true\"]\n\n[stages.builder]\nrunner = \"mine\"\n",
    );
    play.add_all(&[document("incident/i"), document("spec/r"), task("t")]);
    let at = |minutes| play.now.checked_add(jiff::SignedDuration::from_mins(minutes)).expect("a time");
    let (late, soon) = (at(9), at(4));
    for (runner, until) in [("codex_cli", late), ("mine", soon)] {
        let mut cause = operator_pause(runner, play.now);
        cause.kind =
            millrace::domain::control::PauseKind::Harness { runner: runner.parse().expect("a runner") };
        cause.until = Some(until);
        play.done(&Input::Pause(cause));
    }
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!((wait.cause.as_str(), wait.until), ("harness:codex_cli", Some(soon)));
    play.now = soon;
    assert_eq!(claims(&play), "task/t 5.0000000003");
    play.now = late;
    assert_eq!(claims(&play), "incident/i 5.0000000001");
    play.end();
}

/// Lesson M-15: a rest that was written by a clock which has been put back since does not last for years.
#[test]
fn m15_a_clock_that_is_put_back_prolongs_no_rest() {
    use crate::support::play::outage;
    let mut play = Play::new();
    play.add(&task("t"));
    play.claim("task/t");
    let right = play.now;
    play.now = right.checked_add(jiff::SignedDuration::from_hours(24 * 365)).expect("a time");
    play.hand(outage(millrace::domain::result::InfrastructureClass::Network));
    play.settle_if_owed();
    assert_eq!(waits(&play), "harness:codex_cli");
    play.now = right;
    assert!(matches!(play.next(), Next::Launch(_)), "{:?}", play.next());
    play.launch();
    // An operator's rest is as long as they said.
    let mut cause = operator_pause("holiday", play.now);
    cause.until = Some(right.checked_add(jiff::SignedDuration::from_hours(24 * 30)).expect("a time"));
    play.done(&Input::Pause(cause));
    play.hand(report("BUILDER_COMPLETE"));
    assert_eq!(waits(&play), "operator");
    play.end();
}

/// A retried item waits for the runner of the stage at which it goes on.
#[test]
fn a_retried_item_waits_for_the_runner_of_the_stage_that_failed() {
    use crate::support::play::retrying;
    let mut play = Play::with_config(
        "[runners.mine]\nkind = \"command\"\nargv = [\"true\"]\n\n[stages.checker]\nrunner = \"mine\"\n",
    );
    play.add(&task("t"));
    play.claim("task/t");
    play.stage(report("BUILDER_COMPLETE"));
    for _ in 0..4 {
        play.stage(report("BLOCKED"));
    }
    play.settle_if_owed();
    play.done(&Input::Retry(retrying(&["task/t"])));
    let mut cause = operator_pause("rest", play.now);
    cause.kind = millrace::domain::control::PauseKind::Harness { runner: "mine".parse().expect("a runner") };
    play.done(&Input::Pause(cause));
    assert_eq!(waits(&play), "harness:mine");
    play.end();
}
