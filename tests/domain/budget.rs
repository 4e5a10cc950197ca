//! Limits on what launches use: each scope and measure, below, at and over; days, daemons, and what nobody knows.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use millrace::domain::budget::{Assumed, Budget, Caps, Day, Holding, Scope, Spending, ran_ms, rests};
use millrace::domain::control::{Control, Session};
use millrace::domain::result::{InfrastructureClass, Interrupter, Judgement};
use millrace::domain::schedule::{Next, Wait};
use millrace::domain::transition::decision::StageResult;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;
use millrace::domain::usage::{Usage, Usd};

use crate::support::play::{Play, outage, report, result_of, retrying, task};

const SESSION: &str = "00000000000000000000000000000001";

fn usd(text: &str) -> Usd {
    text.parse().expect("an amount")
}

/// A daemon has begun, and the first stage of a task runs.
fn launched(config: &str) -> Play {
    let mut play = Play::with_config(config);
    begin(&mut play, SESSION);
    play.add(&task("it"));
    play.claim("task/it");
    play
}

fn begin(play: &mut Play, session: &str) {
    play.done(&Input::BeginSession {
        session: session.parse().expect("a session"),
        program: "millrace".to_owned(),
    });
}

/// What a launch used.
#[derive(Debug, Clone, Copy)]
struct Used {
    tokens: u64,
    cost: &'static str,
    seconds: u64,
}

const LITTLE: Used = Used { tokens: 10, cost: "0.01", seconds: 1 };

/// Hands the running stage off with this use.
#[track_caller]
fn hand(play: &mut Play, judgement: Judgement, used: Used) -> StageResult {
    play.launch_if_needed();
    let mut handoff = play.handing(judgement);
    handoff.usage = Usage {
        input_uncached: Some(used.tokens),
        output: Some(0),
        cost: Some(usd(used.cost)),
        ..Usage::default()
    };
    handoff.wall_ms = Some(used.seconds * 1000);
    result_of(&play.done(&Input::Handoff(Box::new(handoff))))
}

/// The limit that is set, what is used of it, and whether it is reached.
const TABLE: [(&str, Used, Option<&str>); 12] = [
    ("tokens = 1000", Used { tokens: 999, ..LITTLE }, None),
    ("tokens = 1000", Used { tokens: 1000, ..LITTLE }, Some("1000 tokens, the limit is 1000")),
    ("tokens = 1000", Used { tokens: 1001, ..LITTLE }, Some("1001 tokens, the limit is 1000")),
    ("cost_usd = 2.5", Used { cost: "2.499999", ..LITTLE }, None),
    ("cost_usd = 2.5", Used { cost: "2.5", ..LITTLE }, Some("2.50 USD, the limit is 2.50")),
    ("cost_usd = 2.5", Used { cost: "2.500001", ..LITTLE }, Some("2.500001 USD, the limit is 2.50")),
    ("wall_seconds = 60", Used { seconds: 59, ..LITTLE }, None),
    ("wall_seconds = 60", Used { seconds: 60, ..LITTLE }, Some("60 seconds of stages, the limit is 60")),
    ("wall_seconds = 60", Used { seconds: 61, ..LITTLE }, Some("61 seconds of stages, the limit is 60")),
    ("launches = 2", LITTLE, None),
    ("launches = 1", LITTLE, Some("1 launches, the limit is 1")),
    (
        "cost_usd = 100\ntokens = 1000",
        Used { tokens: 1000, ..LITTLE },
        Some("1000 tokens, the limit is 1000"),
    ),
];

/// The class of an item that has reached this limit.
fn class(limit: &str) -> &'static str {
    match limit.split([' ', '\n']).next() {
        Some("launches") => "launches_exhausted",
        Some("wall_seconds") => "wall_time_exhausted",
        Some("cost_usd") if !limit.contains("tokens") => "cost_exhausted",
        _ => "tokens_exhausted",
    }
}

#[test]
fn an_item_that_reaches_a_limit_is_blocked_with_its_name() {
    for (limit, used, reached) in TABLE {
        let mut play = launched(&format!("[limits.per_item]\n{limit}\n"));
        let result = hand(&mut play, report("BUILDER_COMPLETE"), used);
        let Some(said) = reached else {
            assert_eq!(result.next, "execution/checker", "{limit}: {used:?}");
            assert!(matches!(play.next(), Next::Launch(_)));
            play.end();
            continue;
        };
        assert_eq!(result.next, "blocked", "{limit}: {used:?}");
        let blocked = play.recovery("task/it").and_then(|it| it.blocked).expect("a reason");
        assert_eq!(blocked.class.as_str(), class(limit), "{limit}");
        assert!(
            blocked.reason.starts_with(&format!("this item: {said} (limits.per_item.")),
            "{}",
            blocked.reason
        );
        play.end();
    }
}

#[track_caller]
fn waits(play: &Play) -> Wait {
    match play.next() {
        Next::Wait(wait) => wait,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_day_or_the_daemon_has_reached_keeps_everything_from_starting() {
    for (scope, whose) in [("per_day", "today"), ("per_daemon", "this daemon")] {
        for (limit, used, reached) in TABLE {
            let config = format!("[limits.{scope}]\n{limit}\n");
            let mut play = launched(&config);
            let result = hand(&mut play, report("BUILDER_COMPLETE"), used);
            // No item is blamed for it.
            assert_eq!(result.next, "execution/checker", "{scope} {limit}");
            let Some(said) = reached else {
                assert!(matches!(play.next(), Next::Launch(_)), "{scope} {limit}");
                continue;
            };
            let wait = waits(&play);
            assert_eq!(wait.cause, "budget");
            assert!(wait.detail.starts_with(&format!("{whose}: {said} (limits.{scope}.")), "{}", wait.detail);
            let midnight = Day::at(play.now, None).end();
            assert_eq!(wait.until, midnight.filter(|_| scope == "per_day"), "{scope}");
            let run = play.run().run;
            let launching = play.launching(&run);
            let refusal = play.refused(&Input::Launch(launching));
            assert!(matches!(&refusal, Refusal::Paused { cause, .. } if cause == "budget"), "{refusal}");
            // A limit that is raised counts at once, also for a run of the plan before.
            play.select("");
            assert!(matches!(play.next(), Next::Launch(_)), "{scope} {limit}");
            play.launch();
            play.end();
        }
    }
}

#[test]
fn the_next_day_begins_with_nothing() {
    let mut play = launched("[limits.per_day]\ntokens = 100\n");
    hand(&mut play, report("BUILDER_COMPLETE"), Used { tokens: 100, ..LITTLE });
    let until = waits(&play).until.expect("a time");
    assert_eq!(until.to_zoned(TimeZone::UTC).time().to_string(), "00:00:00");
    play.now = Timestamp::from_second(until.as_second() - 2).expect("a time");
    assert_eq!(waits(&play).until, Some(until));
    play.now = until;
    assert!(matches!(play.next(), Next::Launch(_)));
    hand(&mut play, report("CHECKER_PASS"), LITTLE);
    let day = play.control().day.expect("a day");
    assert_eq!((day.spent.tokens, day.spent.launches), (10, 1), "the new day's alone");
    play.end();
}

#[test]
fn a_launch_over_midnight_belongs_to_the_day_in_which_it_is_settled() {
    let mut play = launched("[limits.per_day]\ntokens = 100\n");
    let before = Day::at(play.now, None);
    play.now = before.end().expect("a time");
    hand(&mut play, report("BUILDER_COMPLETE"), Used { tokens: 100, ..LITTLE });
    let day = play.control().day.expect("a day");
    assert_eq!(day.date, before.date.tomorrow().expect("a day"));
    assert_eq!(waits(&play).until, day.end());
    play.end();
}

/// M-15: a clock that was put back makes no wait that nobody sees the end of.
#[test]
fn m15_a_clock_that_was_put_back_counts_the_day_that_it_shows() {
    let mut play = launched("[limits.per_day]\ntokens = 100\n");
    play.pass(24 * 60);
    hand(&mut play, report("BUILDER_COMPLETE"), Used { tokens: 100, ..LITTLE });
    let until = waits(&play).until.expect("a time");
    play.now = play.now.checked_sub(jiff::SignedDuration::from_hours(24)).expect("a time");
    assert!(matches!(play.next(), Next::Launch(_)));
    assert!(until > play.now);
}

#[test]
fn a_new_daemon_begins_with_nothing_and_the_day_goes_on() {
    let mut play = launched("[limits.per_daemon]\nlaunches = 1\n[limits.per_day]\nlaunches = 2\n");
    hand(&mut play, report("BUILDER_COMPLETE"), LITTLE);
    assert_eq!(waits(&play).until, None);
    play.done(&Input::EndSession { session: SESSION.parse().expect("a session"), reason: "idle".to_owned() });
    let second = "00000000000000000000000000000002";
    begin(&mut play, second);
    assert!(matches!(play.next(), Next::Launch(_)));
    let run = play.run().run;
    let mut launching = play.launching(&run);
    launching.session = second.parse().expect("a session");
    play.done(&Input::Launch(launching));
    hand(&mut play, report("CHECKER_PASS"), LITTLE);
    assert!(waits(&play).detail.starts_with("today: 2 launches"), "{}", waits(&play).detail);
    play.end();
}

#[test]
fn what_nobody_knows_counts_as_what_is_assumed() {
    let scripted = "[runners]\ndefault_runner = \"scripted\"\n[runners.scripted]\nscript = \"x\"\n";
    let limits = "[limits.per_item]\ntokens = 1000\n[limits.assumed]\ntokens = 400\n";
    let unknown = |play: &mut Play, judgement| {
        play.launch_if_needed();
        let mut handoff = play.handing(judgement);
        handoff.usage = Usage::default();
        result_of(&play.done(&Input::Handoff(Box::new(handoff)))).next
    };
    let three = ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"];
    let nexts = |config: &str| {
        let mut play = launched(config);
        let mut nexts = Vec::new();
        for result in three {
            nexts.push(unknown(&mut play, report(result)));
            if nexts.last().is_some_and(|next| next == "blocked") {
                break;
            }
        }
        play.end();
        nexts
    };
    // Three launches of 400: the third one has reached it, and that work is done is done.
    assert_eq!(nexts(limits), ["execution/checker", "execution/updater", "done"]);
    assert_eq!(nexts(&limits.replace("1000", "800")), ["execution/checker", "blocked"]);
    assert_eq!(nexts(&limits.replace("tokens = 400", "tokens = 1000")), ["blocked"]);
    // A stage without a model has used none.
    assert_eq!(nexts(&format!("{scripted}{limits}")), ["execution/checker", "execution/updater", "done"]);
    // Nor has one that was not let in.
    let mut play = launched(&limits.replace("1000", "400"));
    assert_eq!(unknown(&mut play, outage(InfrastructureClass::Auth)), "execution/builder");
    play.pass(6);
    assert_eq!(unknown(&mut play, outage(InfrastructureClass::Network)), "blocked");
    play.end();
}

#[test]
fn only_where_a_model_was_used_is_something_unknown() {
    let known = Spending { launches: 1, wall_ms: 5, ..Spending::default() };
    assert_eq!(Spending::of(&Usage::default(), 5, false), known);
    let unknown = Spending { tokens_unknown: 1, cost_unknown: 1, ..known };
    assert_eq!(Spending::of(&Usage::default(), 5, true), unknown);
}

/// What nobody measured is the time until somebody looked, and a machine that was off for a week has not run a stage.
#[test]
fn a_launch_ran_no_longer_than_it_could() {
    let play = launched("");
    let launch = play.run().launch.expect("a launch");
    let limit = launch.reserved_seconds;
    let after = |seconds| launch.at.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("a time");
    assert_eq!(ran_ms(&launch, Some(7), after(60)), 7, "the supervisor knows");
    assert_eq!(ran_ms(&launch, None, after(60)), 60_000);
    assert_eq!(ran_ms(&launch, None, after(7 * 24 * 3600)), limit * 1000);
    assert_eq!(ran_ms(&launch, None, after(-60)), 0, "a clock was put back");
}

/// A daemon that was killed is listed until somebody ends it; its limit is none of the one that works now.
#[test]
fn the_daemon_that_a_limit_is_for_is_the_last_that_began() {
    let at: Timestamp = "2026-11-18T12:00:00Z".parse().expect("a time");
    let session = |id: &str, launches| Session {
        session: id.parse().expect("a session"),
        since: at,
        program: "millrace".to_owned(),
        spent: Spending { launches, ..Spending::default() },
        stop: None,
    };
    let caps = Caps { launches: Some(2), ..Caps::default() };
    let budget = Budget { per_daemon: caps, ..Budget::default() };
    let other = "00000000000000000000000000000002";
    for (first, last, reached) in [(2, 0, false), (0, 2, true)] {
        let sessions = vec![session(SESSION, first), session(other, last)];
        let control = Control { sessions, ..Control::default() };
        assert_eq!(rests(&budget, &control, at).is_some(), reached, "{first} {last}");
    }
}

#[test]
fn a_launch_reserves_what_it_may_use_and_is_assumed_to() {
    for (config, tokens, cost) in [
        ("", None, None),
        ("[limits.per_day]\ntokens = 1000\n", Some(1000), None),
        ("[limits.per_day]\ntokens = 9000000\n[limits.per_item]\ncost_usd = 1\n", Some(500_000), Some("1")),
        ("[limits.per_day]\ntokens = 9000\n[limits.assumed]\ntokens = 7\n", Some(7), None),
        ("[limits.per_daemon]\ncost_usd = 30\n[limits.per_item]\ncost_usd = 50\n", None, Some("2")),
    ] {
        let play = launched(config);
        let reserved = play.run().launch.expect("a launch").reserved;
        assert_eq!((reserved.tokens, reserved.cost), (tokens, cost.map(usd)), "{config}");
    }
    let mut play = launched("[limits.per_item]\ntokens = 1000\n");
    hand(&mut play, report("BUILDER_COMPLETE"), Used { tokens: 600, ..LITTLE });
    play.launch();
    assert_eq!(play.run().launch.expect("a launch").reserved.tokens, Some(400), "the rest of it");
    // What is assumed is the selected plan's word, like the limits of the day.
    let mut play = launched("[limits.per_item]\ntokens = 1000\n[limits.assumed]\ntokens = 7\n");
    play.select("[limits.assumed]\ntokens = 9\n");
    hand(&mut play, report("BUILDER_COMPLETE"), LITTLE);
    play.launch();
    assert_eq!(play.run().launch.expect("a launch").reserved.tokens, Some(9));
}

#[test]
fn what_a_limit_ended_is_an_interruption_and_bounded() {
    let budget = || Judgement::Interrupted { by: Interrupter::Budget };
    let over = Used { tokens: 101, ..LITTLE };
    let mut play = launched("[limits.per_item]\ntokens = 100\n");
    let result = hand(&mut play, budget(), over);
    assert_eq!(result.next, "blocked");
    assert_eq!(
        play.recovery("task/it").and_then(|it| it.blocked).expect("one").class.as_str(),
        "tokens_exhausted"
    );
    assert!(play.control().owed.is_some(), "what it left goes back");
    play.end();

    let mut play = launched("[limits.per_day]\ntokens = 100\n");
    let result = hand(&mut play, budget(), over);
    assert_eq!((result.next.as_str(), result.why.as_str()), ("execution/builder", "budget"));
    assert_eq!((play.run().interruptions, play.run().spent), (1, 1));
    play.end();

    // One that fits into no day does not begin for ever.
    let mut play = launched("[limits]\nmax_interruptions = 3\n[limits.per_day]\ntokens = 100\n");
    let mut nexts = Vec::new();
    while nexts.last().is_none_or(|next| next != "blocked") && nexts.len() < 9 {
        nexts.push(hand(&mut play, budget(), over).next);
        play.settle_if_owed();
        if let Next::Wait(wait) = play.next() {
            play.now = wait.until.expect("the next day");
        }
    }
    assert_eq!(nexts, ["execution/builder", "execution/builder", "blocked"]);
    let blocked = play.recovery("task/it").and_then(|it| it.blocked).expect("one");
    assert_eq!(blocked.class.as_str(), "interruptions_exhausted");
    play.end();
}

/// Nobody is to take for spent what nobody told.
#[test]
fn what_is_assumed_is_said_to_be() {
    let assumed = Assumed { tokens: 400, cost: usd("2") };
    let spent = Spending { tokens: 200, cost: usd("1"), tokens_unknown: 2, ..Spending::default() };
    let said = |caps: Caps| caps.reached(Scope::Day, &assumed, &spent).expect("it is").to_string();
    assert_eq!(
        said(Caps { tokens: Some(1000), ..Caps::default() }),
        "today: 1000 tokens, 800 of it assumed, the limit is 1000 (limits.per_day.tokens)"
    );
    assert_eq!(
        said(Caps { cost: Some(usd("1")), ..Caps::default() }),
        "today: 1.00 USD, the limit is 1.00 (limits.per_day.cost_usd)"
    );
}

/// What has reported has done its part: an item that its own limit stops goes on behind it, not with it again.
#[test]
fn an_item_goes_on_behind_the_stage_that_reported() {
    for (said, limit, stage) in [
        (report("BUILDER_COMPLETE"), "tokens = 10", "checker"),
        (report("BUILDER_COMPLETE"), "launches = 1", "checker"),
        // What failed is to be done again, not what was to repair it.
        (report("BLOCKED"), "tokens = 10", "builder"),
    ] {
        let mut play = launched(&format!("[limits.per_item]\n{limit}\n"));
        assert_eq!(hand(&mut play, said, LITTLE).next, "blocked", "{limit}");
        let blocked = play.recovery("task/it").and_then(|it| it.blocked).expect("one");
        assert_eq!(blocked.stage.as_str(), stage, "{limit}");
        let notes = play.transition().decision.notes;
        assert_eq!(notes, [format!("{}; it would go on at {stage}", blocked.reason)], "the log tells why");
        play.end();
    }
}

/// Infrastructure is not work: an outage uses up no launch of an item, and every one of a day.
#[test]
fn an_outage_uses_up_no_launch_of_an_item() {
    let mut play = launched("[limits.per_item]\nlaunches = 2\n");
    for _ in 0..5 {
        play.launch_if_needed();
        assert_eq!(result_of(&play.hand(outage(InfrastructureClass::Auth))).next, "execution/builder");
        play.settle_if_owed();
        if let Next::Wait(wait) = play.next() {
            play.now = wait.until.expect("a probe");
        }
    }
    assert_eq!(hand(&mut play, report("BUILDER_COMPLETE"), LITTLE).next, "execution/checker");
    assert_eq!(play.control().day.map(|day| day.spent.launches), Some(6));
    assert_eq!(hand(&mut play, report("CHECKER_PASS"), LITTLE).next, "blocked");
    play.end();
}

#[test]
fn an_item_that_is_let_go_on_begins_with_nothing() {
    let mut play = launched("[limits.per_item]\ntokens = 100\n");
    assert_eq!(hand(&mut play, report("BUILDER_COMPLETE"), Used { tokens: 100, ..LITTLE }).next, "blocked");
    play.settle_if_owed();
    play.done(&Input::Retry(retrying(&["task/it"])));
    let used = play.recovery("task/it").map(|recovery| recovery.used).unwrap_or_default();
    assert_eq!(used, Spending::default());
    assert!(!matches!(play.next(), Next::Idle | Next::Wait(_)), "{:?}", play.next());
    play.end();
}

#[test]
fn a_running_stage_exceeds_the_first_limit_that_it_is_over() {
    let session = SESSION.parse().expect("a session");
    let at: Timestamp = "2026-11-18T12:00:00Z".parse().expect("a time");
    let spent = |tokens, cost: &str, seconds: u64| Spending {
        launches: 1,
        wall_ms: seconds * 1000,
        tokens,
        cost: usd(cost),
        ..Spending::default()
    };
    let caps = |tokens, cost: &str, seconds| Caps {
        tokens: Some(tokens),
        cost: Some(usd(cost)),
        launches: Some(2),
        wall_seconds: Some(seconds),
    };
    let item = Budget { per_item: caps(100, "9", 900), ..Budget::default() };
    let whole = Budget {
        per_day: caps(1000, "2", 900),
        per_daemon: caps(1000, "9", 60),
        assumed: Assumed::default(),
        per_item: Caps { tokens: Some(1), ..Caps::default() },
    };
    let control = Control {
        day: Some(Day { date: date(2026, 11, 18), spent: spent(500, "1.5", 0) }),
        sessions: vec![Session {
            session: session_of(),
            since: at,
            program: "millrace".to_owned(),
            spent: spent(0, "0", 30),
            stop: None,
        }],
        ..Control::default()
    };
    let holding = Holding::of(&item, &spent(40, "0", 0), &whole, &control, &session, at);
    assert!(!holding.is_none() && !holding.is_time_only());
    let used = |tokens: Option<u64>, cost: Option<&str>| Usage {
        input_uncached: tokens,
        output: tokens.map(|_| 0),
        cost: cost.map(usd),
        ..Usage::default()
    };
    for (tokens, cost, elapsed_ms, said) in [
        (Some(60), Some("0.5"), 30_000, None),
        (
            Some(61),
            Some("0.5"),
            30_000,
            Some("this item: 101 tokens, the limit is 100 (limits.per_item.tokens)"),
        ),
        (
            Some(60),
            Some("0.500001"),
            0,
            Some("today: 2.000001 USD, the limit is 2.00 (limits.per_day.cost_usd)"),
        ),
        (
            Some(0),
            None,
            30_001,
            Some("this daemon: 60 seconds of stages, the limit is 60 (limits.per_daemon.wall_seconds)"),
        ),
        // What it does not tell ends no stage that runs.
        (None, None, 30_000, None),
    ] {
        let reached = holding.exceeded(&used(tokens, cost), elapsed_ms).map(|reached| reached.to_string());
        assert_eq!(reached.as_deref(), said, "{tokens:?} {cost:?} {elapsed_ms}");
    }
    let none = Holding::of(&Budget::default(), &spent(9, "9", 9), &Budget::default(), &control, &session, at);
    assert!(none.is_none());
    assert_eq!(none.exceeded(&used(Some(u64::MAX), Some("99")), u64::MAX), None);
}

fn session_of() -> millrace::domain::ids::SessionId {
    SESSION.parse().expect("a session")
}

#[test]
fn every_scope_has_a_table_of_its_own() {
    let mut budget = Budget::default();
    for scope in Scope::ALL {
        assert!(budget.caps(scope).is_none());
        budget.caps_mut(scope).launches = Some(3);
        assert_eq!(budget.caps(scope).launches, Some(3), "{}", scope.table());
    }
    assert!(!budget.is_default());
}
