//! The breaker: a harness whose launches end one after the other, of several items, with neither a result nor a change
//! is out of order, and what that cost the items is given back.

use jiff::SignedDuration;
use millrace::domain::budget::{Budget, Caps, Spending};
use millrace::domain::closure::Finding;
use millrace::domain::control::PauseCause;
use millrace::domain::result::InfrastructureClass;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::{Handoff, Input};

use crate::support::play::{
    Play, cancelling, document, failure, interruption, outage, report, result_of, retrying, task,
};

/// So that an item is blocked by its second end.
const TWO: &str = "[limits]\nmax_launches_per_item = 2\n";

/// The repair stages have a runner of their own.
const OTHER_REPAIR: &str = "[runners.mine]\nkind = \"command\"\nargv = [\"true\"]\n\n[stages.troubleshooter]\nrunner = \
                            \"mine\"\n[stages.consultant]\nrunner = \"mine\"\n";

fn with(config: &str, items: &[&str]) -> Play {
    let mut play = Play::with_config(config);
    for name in items {
        play.add(&task(name));
    }
    play
}

fn streak(play: &Play) -> (u32, Vec<String>) {
    let streaks = play.control().streaks;
    match streaks.as_slice() {
        [] => (0, Vec::new()),
        [streak] => (streak.ends, streak.items.iter().map(|before| before.item.to_string()).collect()),
        more => panic!("{more:?}"),
    }
}

fn cause(play: &Play) -> PauseCause {
    let pauses = play.control().pauses;
    let [cause] = pauses.as_slice() else { panic!("{pauses:?}") };
    cause.clone()
}

fn blocked_class(play: &Play, name: &str) -> Option<String> {
    Some(play.recovery(name)?.blocked?.class.to_string())
}

#[test]
fn ends_of_one_item_alone_are_its_own_trouble() {
    let mut play = with("", &["it"]);
    play.claim("task/it");
    for n in 1..=4 {
        play.nothing();
        assert_eq!(streak(&play), (n, vec!["task/it".to_owned()]));
    }
    assert_eq!((play.state("task/it").as_str(), play.control().pauses), ("blocked", Vec::new()));
    play.end();
}

/// Two ends of one item, which blocked it, and the first one of another: both are as they were before.
#[test]
fn m03_f29_three_ends_of_two_items_are_an_outage_and_the_items_lose_nothing() {
    let mut play = with(TWO, &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    play.nothing();
    assert_eq!(blocked_class(&play, "task/first").as_deref(), Some("launches_exhausted"));
    play.settle_if_owed();
    let run = play.claim("task/second");
    let begun = play.run().snapshot;
    let result = play.nothing();
    assert_eq!(
        (result.next.as_str(), result.why.as_str()),
        ("execution/builder", "infrastructure:suspected_outage")
    );
    // Whoever follows the first one is told.
    assert_eq!(play.transition().decision.notes, ["task/first goes on: suspected outage of codex_cli"]);
    let rest = cause(&play);
    assert_eq!((rest.kind.key().as_str(), rest.times), ("harness:codex_cli", 1));
    assert_eq!(rest.until, play.now.checked_add(SignedDuration::from_mins(5)).ok());
    assert_eq!(
        rest.detail,
        "suspected_outage: 3 launches in a row, of 2 items, left neither a result nor a change; the last: \
         runner_error: seen: runner_error"
    );
    let active = play.run();
    assert_eq!((active.run, active.spent, active.launches), (run, 0, 1));
    assert_eq!((active.failure, active.stage.stage.as_str()), (None, "builder"));
    assert_eq!(active.snapshot, begun, "what it left is nothing to build on");
    // The first one goes on where it failed, after the active one.
    let record = play.recovery("task/first").expect("a record");
    assert_eq!((record.spent, record.blocked, record.counters.len()), (0, None, 0));
    assert_eq!(record.retry.expect("to go on").stage.expect("a stage").as_str(), "builder");
    assert_eq!(play.slot("task/first").map(|slot| slot.state()), Some("queued"));
    // What it used is used.
    assert_eq!(record.used.launches, 2);
    play.settle_if_owed();
    play.pass(5);
    for result in ["BUILDER_COMPLETE", "CHECKER_PASS"] {
        play.stage(report(result));
        assert_eq!((streak(&play).0, play.control().pauses), (0, Vec::new()));
        if result == "CHECKER_PASS" {
            break;
        }
        // Its two launches are both still there.
    }
    play.end();
}

/// The same runner failed at several stages of the active item: route, failure and counters are as they were.
#[test]
fn what_the_streak_cost_the_active_item_is_given_back() {
    let mut play = with("", &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    play.cancel("task/first");
    play.settle_if_owed();
    play.claim("task/second");
    play.stage(report("BUILDER_COMPLETE"));
    assert_eq!(streak(&play).0, 0, "a result ends it");
    // Once more, from the checker on.
    play.nothing();
    play.nothing();
    play.nothing();
    let counters = play.recovery("task/second").expect("a record").counters;
    assert!(counters.values().any(|value| *value > 0), "{counters:?}");
    assert_eq!((play.run().spent, play.control().pauses), (4, Vec::new()));
    // One end of another item, and it trips with both; this one is not the active one.
    play.cancel("task/second");
    play.settle_if_owed();
    play.add(&task("third"));
    play.claim("task/third");
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    assert_eq!(play.run().spent, 0);
    assert_eq!(play.state("task/second"), "archived", "what is cancelled stays so");
    play.end();
}

#[test]
fn the_active_item_goes_back_to_the_stage_where_the_streak_met_it() {
    let mut play = with("", &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    play.cancel("task/first");
    play.settle_if_owed();
    play.claim("task/second");
    let result = play.nothing();
    assert_eq!(result.next, "execution/troubleshooter");
    let result = play.nothing();
    assert_eq!(result.why, "infrastructure:suspected_outage");
    let run = play.run();
    assert_eq!((run.stage.stage.as_str(), run.failure.as_ref(), run.spent), ("builder", None, 0));
    let counters = play.recovery("task/second").map(|record| record.counters).unwrap_or_default();
    assert!(counters.values().all(|value| *value == 0), "{counters:?}");
    play.end();
}

#[test]
fn a_probe_that_brings_nothing_makes_the_rest_longer_and_costs_nothing() {
    let mut play = with(TWO, &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    play.nothing();
    play.settle_if_owed();
    play.claim("task/second");
    for (times, minutes) in (1..).zip([5, 15, 60, 60]) {
        play.nothing();
        let rest = cause(&play);
        assert_eq!(rest.times, times);
        assert_eq!(rest.until, play.now.checked_add(SignedDuration::from_mins(minutes)).ok());
        assert_eq!(rest.detail.contains("an operator should look"), times >= 3, "{}", rest.detail);
        assert_eq!(play.run().spent, 0);
        play.settle_if_owed();
        assert!(matches!(play.next(), Next::Wait(_)));
        play.pass(minutes);
        assert!(matches!(play.next(), Next::Launch(_)), "one probe");
    }
    play.stage(report("BUILDER_COMPLETE"));
    assert_eq!((streak(&play).0, play.control().pauses), (0, Vec::new()));
    play.end();
}

/// What says nothing about the harness leaves the streak as it is; what shows that it works ends it.
#[test]
fn what_a_streak_is_made_of() {
    let of = |ends: u32| (ends, if ends == 0 { Vec::new() } else { vec!["task/it".to_owned()] });
    for (judgement, ends) in [
        (outage(InfrastructureClass::Network), 1),
        (interruption(), 1),
        (report("TROUBLESHOOT_COMPLETE"), 0),
        (report("BLOCKED"), 0),
        // It left a change.
        (failure("runner_error"), 0),
    ] {
        let mut play = with("", &["it"]);
        play.claim("task/it");
        play.nothing();
        let said = judgement.in_words();
        play.stage(judgement);
        assert_eq!(streak(&play), of(ends), "{said}");
        play.settle_if_owed();
        play.end();
    }
    // Somebody wanted it to end.
    for cancels in [true, false] {
        let mut play = with("", &["it"]);
        play.claim("task/it");
        play.nothing();
        play.launch();
        if cancels {
            play.done(&cancelling("task/it"));
        }
        let handoff =
            Handoff { left_nothing: true, asked: !cancels, ..play.handing(failure("runner_error")) };
        play.done(&Input::Handoff(Box::new(handoff)));
        assert_eq!(streak(&play), of(1), "{cancels}");
        play.settle_if_owed();
        play.end();
    }
}

#[test]
fn each_runner_has_its_own_streak_and_rests_alone() {
    let mut play = with(OTHER_REPAIR, &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    // The other one works: that says nothing about the first.
    play.stage(report("TROUBLESHOOT_COMPLETE"));
    play.nothing();
    assert_eq!(streak(&play), (2, vec!["task/first".to_owned()]));
    play.cancel("task/first");
    play.settle_if_owed();
    play.claim("task/second");
    play.nothing();
    let rest = cause(&play);
    assert_eq!(rest.kind.key(), "harness:codex_cli");
    let control = play.control();
    assert!(control.rests(play.now, &"mine".parse().expect("a runner")).is_none());
    play.end();
}

/// Planning has the matter: two must not work at it.
#[test]
fn a_blocked_item_with_an_incident_stays_with_it() {
    let mut play = with(OTHER_REPAIR, &["vague"]);
    play.claim("task/vague");
    play.nothing();
    play.stage(report("BLOCKED"));
    play.stage(report("BLOCKED"));
    play.bring("NEEDS_PLANNING", &[document("incident/vague")]);
    assert_eq!(play.state("task/vague"), "blocked");
    play.settle_if_owed();
    play.claim("incident/vague");
    play.nothing();
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    assert_eq!((play.state("task/vague").as_str(), play.run().spent), ("blocked", 0));
    play.end();
}

/// Attempts are given back; what was spent is not, and an item that has spent all would be blocked by its next end.
#[test]
fn an_item_that_has_spent_all_stays_blocked() {
    let caps = Caps { tokens: Some(300), ..Caps::default() };
    let mut play = with("", &["first", "second"]);
    play.select_budget("", Budget { per_item: caps, ..Budget::default() });
    play.claim("task/first");
    play.nothing();
    play.nothing();
    assert_eq!(blocked_class(&play, "task/first").as_deref(), Some("tokens_exhausted"));
    play.settle_if_owed();
    play.claim("task/second");
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    assert_eq!(blocked_class(&play, "task/first").as_deref(), Some("tokens_exhausted"));
    // The active one reaches its limit with the next probe: the others are let go on all the same.
    play.settle_if_owed();
    play.pass(5);
    play.nothing();
    assert_eq!(blocked_class(&play, "task/second").as_deref(), Some("tokens_exhausted"));
    assert_eq!(play.recovery("task/second").expect("a record").spent, 0, "its attempts are given back");
    play.end();
}

/// The trip ends the active item, which has spent all: the others are given back what it cost them all the same.
#[test]
fn others_are_given_back_theirs_whatever_becomes_of_the_active_one() {
    let caps = Caps { tokens: Some(150), ..Caps::default() };
    let mut play = with("[limits]\nmax_launches_per_item = 1\n", &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    assert_eq!(play.state("task/first"), "blocked");
    play.settle_if_owed();
    play.claim("task/second");
    play.nothing();
    play.settle_if_owed();
    play.select_budget("", Budget { per_item: caps, ..Budget::default() });
    play.add(&task("third"));
    play.claim("task/third");
    play.nothing();
    assert_eq!(blocked_class(&play, "task/third").as_deref(), Some("tokens_exhausted"));
    let slots = ["task/first", "task/second"].map(|name| play.slot(name).map(|slot| slot.state()));
    assert_eq!(slots, [Some("queued"); 2]);
    play.end();
}

/// A judge that a dead harness has stopped judges again.
#[test]
fn a_root_whose_judge_was_stopped_is_judged_again() {
    let mut play = Play::with_config("[limits]\nmax_rejected_handoffs = 1\n");
    play.root("root", &[task("work")]);
    play.finish("task/work");
    play.judge("root");
    play.nothing();
    play.settle_if_owed();
    play.nothing();
    assert_eq!(play.target("root").state.as_str(), "blocked");
    play.settle_if_owed();
    play.add(&task("other"));
    play.claim("task/other");
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    assert_eq!(play.target("root").state.as_str(), "open");
    play.end();
}

#[test]
fn a_judge_under_way_is_given_back_what_was_not_taken() {
    let mut play = Play::with_config("");
    play.root("root", &[task("work")]);
    play.finish("task/work");
    play.add(&task("other"));
    play.claim("task/other");
    play.nothing();
    play.cancel("task/other");
    play.settle_if_owed();
    play.judge("root");
    play.nothing();
    assert_eq!(play.run().rejections, 1);
    play.settle_if_owed();
    play.nothing();
    let run = play.run();
    assert_eq!((run.rejections, run.spent, cause(&play).times), (0, 0, 1));
    play.settle_if_owed();
    play.pass(5);
    play.launch();
    play.hand_verdict("ARBITER_COMPLETE", &[Finding::Pass]);
    assert_eq!(play.target("root").state.as_str(), "accepted");
    play.end();
}

/// A stage that was asked for its result is part of the streak with both of its launches: it starts anew.
#[test]
fn what_was_to_be_asked_is_not_asked_after_an_outage() {
    let mut play = with("", &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    play.cancel("task/first");
    play.settle_if_owed();
    play.claim("task/second");
    let handoff = Handoff { left_nothing: true, ..play.wordless("session-1") };
    let result = result_of(&play.done(&Input::Handoff(Box::new(handoff))));
    assert_eq!(result.why, "missing_terminal_result: asked for its result");
    assert!(play.run().asks.is_some());
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    let run = play.run();
    assert_eq!((run.asks, run.spent, run.stage.stage.as_str()), (None, 0, "builder"));
    play.end();
}

/// An end that left a change is the item's own, and stays counted; only what the streak cost is given back.
#[test]
fn what_an_item_had_used_up_before_the_streak_stays_used_up() {
    let mut play = with("[limits]\nmax_launches_per_item = 3\n", &["first", "second"]);
    play.claim("task/first");
    assert_eq!(play.stage(failure("runner_error")).next, "execution/troubleshooter");
    let counters = play.recovery("task/first").expect("a record").counters;
    assert_eq!(counters.len(), 1, "{counters:?}");
    play.nothing();
    play.nothing();
    assert_eq!(blocked_class(&play, "task/first").as_deref(), Some("launches_exhausted"));
    play.settle_if_owed();
    play.claim("task/second");
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    let record = play.recovery("task/first").expect("a record");
    assert_eq!((record.spent, record.counters, record.blocked), (1, counters, None));
    play.end();
}

/// What it used before it was let go on is still used: its next launch reserves no more than is left.
#[test]
fn an_item_that_was_let_go_on_reserves_what_is_left() {
    let limits = "[limits]\nmax_launches_per_item = 1\n[limits.per_item]\ntokens = 10000\n";
    let mut play = with(limits, &["first", "second", "third"]);
    for name in ["task/first", "task/second", "task/third"] {
        play.claim(name);
        play.nothing();
        play.settle_if_owed();
    }
    assert_eq!(cause(&play).times, 1);
    play.cancel("task/third");
    play.settle_if_owed();
    play.pass(5);
    let used = play.recovery("task/first").expect("a record").used.tokens;
    assert!(used > 0);
    play.reopen("task/first");
    play.launch_if_needed();
    assert_eq!(play.run().launch.expect("a launch").reserved.tokens, Some(10_000 - used));
    play.end();
}

/// Retried while the streak went on, and blocked by something else since: that is not the harness's fault.
#[test]
fn an_item_that_another_run_of_it_has_blocked_stays_blocked() {
    let mut play =
        with("[limits]\nmax_launches_per_item = 1\nmax_interruptions = 1\n", &["first", "second", "third"]);
    play.claim("task/first");
    play.nothing();
    play.settle_if_owed();
    play.done(&Input::Retry(retrying(&["task/first"])));
    play.reopen("task/first");
    play.launch_if_needed();
    play.hand(interruption());
    assert_eq!(blocked_class(&play, "task/first").as_deref(), Some("interruptions_exhausted"));
    for name in ["task/second", "task/third"] {
        play.settle_if_owed();
        play.claim(name);
        play.nothing();
    }
    assert_eq!(cause(&play).times, 1);
    assert_eq!(
        ["task/first", "task/second"].map(|name| play.slot(name).map(|slot| slot.state())),
        [Some("blocked"), Some("queued")]
    );
    play.end();
}

/// What an earlier run of the active item stood like is no measure for this one.
#[test]
fn a_new_run_is_not_put_back_to_where_the_one_before_it_was() {
    let mut play = with(TWO, &["first", "second"]);
    play.claim("task/first");
    play.stage(report("BUILDER_COMPLETE"));
    play.nothing();
    assert_eq!(blocked_class(&play, "task/first").as_deref(), Some("launches_exhausted"));
    play.settle_if_owed();
    play.claim("task/second");
    play.nothing();
    play.cancel("task/second");
    play.settle_if_owed();
    play.done(&Input::Retry(retrying(&["task/first"])));
    play.reopen("task/first");
    play.nothing();
    assert_eq!(cause(&play).times, 1);
    assert_eq!(play.run().spent, 0, "the one launch of the run before is none of this one");
    play.end();
}

/// An operator lets one go on meanwhile: that one is not touched twice.
#[test]
fn an_item_that_goes_on_already_is_left_alone() {
    let mut play = with(TWO, &["first", "second"]);
    play.claim("task/first");
    play.nothing();
    play.nothing();
    play.settle_if_owed();
    play.done(&Input::Retry(retrying(&["task/first"])));
    let before = play.recovery("task/first");
    play.claim("task/second");
    play.nothing();
    assert_eq!(play.recovery("task/first"), before);
    assert_eq!(before.expect("a record").used, Spending::default(), "an operator gives all of it back");
    play.end();
}
