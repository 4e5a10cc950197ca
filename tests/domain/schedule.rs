//! Schedule: what comes next in each state, and why nothing does.

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

/// The planning loop does not run yet: its items are kept, named, and in nobody's way.
#[test]
fn items_of_the_planning_plane_are_kept_and_hold_nothing_up() {
    let mut play = Play::new();
    play.add_all(&[
        document("spec/s").priority(0),
        document("incident/i").priority(0),
        task("a").priority(9),
    ]);
    assert_eq!(claims(&play), "task/a 9.0000000003");

    // A task that has to wait is the better reason, with its time.
    let until = play.now.checked_add(jiff::SignedDuration::from_mins(3)).expect("a time");
    let mut cause = operator_pause("rest", play.now);
    cause.until = Some(until);
    play.done(&Input::Pause(cause));
    assert!(matches!(play.next(), Next::Wait(wait) if wait.cause == "operator" && wait.until == Some(until)));
    play.done(&Input::Resume { cause: "operator".to_owned(), owner: None });

    play.finish("task/a");
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(
        (wait.cause.as_str(), wait.detail.as_str(), wait.until),
        ("planning_plane", "incident/i is kept; this version does not run the planning loop", None)
    );
    play.cancel("incident/i");
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(wait.detail, "spec/s is kept; this version does not run the planning loop");
    play.cancel("spec/s");
    assert_eq!(play.next(), Next::Idle);
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
