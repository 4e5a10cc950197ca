//! Times that a provider names: within bounds, and from the third outage in a row on no sooner than without.

use jiff::{SignedDuration, Timestamp};
use millrace::domain::control::PauseCause;
use millrace::domain::result::{InfrastructureClass, Judgement};
use millrace::domain::schedule::Next;

use crate::support::play::{Play, outage, report, task};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn launched() -> Play {
    let mut play = Play::new();
    play.add(&task("it"));
    play.claim("task/it");
    play
}

fn after(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds)).expect("a time")
}

/// An outage whose provider names a time, so many seconds from the end of the launch; gives the rest, in seconds.
fn rests(play: &mut Play, named: i64) -> i64 {
    play.launch_if_needed();
    // The next step of the clock is the handoff's.
    let retry_at = Some(after(play.now, named + 1));
    let detail = "slow down".to_owned();
    play.hand(Judgement::Infrastructure { class: InfrastructureClass::RateLimit, detail, retry_at });
    let until = cause(play).until.expect("a time");
    until.duration_since(play.now).as_secs()
}

fn cause(play: &Play) -> PauseCause {
    let pauses = play.control().pauses;
    let [cause] = pauses.as_slice() else { panic!("{pauses:?}") };
    cause.clone()
}

#[test]
fn a_named_time_counts_within_bounds() {
    for (named, expected) in [
        (-DAY, MINUTE),
        (0, MINUTE),
        (MINUTE - 1, MINUTE),
        (MINUTE, MINUTE),
        (MINUTE + 1, MINUTE + 1),
        (2 * HOUR, 2 * HOUR),
        (DAY - 1, DAY - 1),
        (DAY, DAY),
        (DAY + 1, DAY),
        (400 * DAY, DAY),
    ] {
        let mut play = launched();
        assert_eq!(rests(&mut play, named), expected, "{named} seconds from now");
        assert!(cause(&play).named);
        play.settle_if_owed();
        play.now = after(play.now, expected - 2);
        assert!(matches!(play.next(), Next::Wait(_)), "{named}: too early");
        play.now = after(play.now, 2);
        assert!(matches!(play.next(), Next::Launch(_)), "{named}");
        play.end();
    }
}

#[test]
fn f29_from_the_third_outage_on_a_named_time_is_no_sooner_than_the_back_off() {
    for (named, expected) in [(2 * MINUTE, [2 * MINUTE, 2 * MINUTE, HOUR, HOUR]), (3 * HOUR, [3 * HOUR; 4])] {
        let mut play = launched();
        for (times, expected) in (1..).zip(expected) {
            assert_eq!(rests(&mut play, named), expected, "{named} seconds, {times}. time");
            assert_eq!(cause(&play).times, times);
            assert_eq!(cause(&play).detail.contains("an operator should look"), times >= 3);
            play.settle_if_owed();
            play.now = after(play.now, expected);
        }
        play.stage(report("BUILDER_COMPLETE"));
        assert_eq!(play.control().pauses, [], "it works again");
        play.end();
    }
}

/// One that names no time rests as ever, whatever the one before it named.
#[test]
fn a_named_time_is_for_one_rest() {
    let mut play = launched();
    assert_eq!(rests(&mut play, 5 * HOUR), 5 * HOUR);
    play.settle_if_owed();
    play.now = after(play.now, 5 * HOUR);
    play.stage(outage(InfrastructureClass::RateLimit));
    let cause = cause(&play);
    assert!(!cause.named);
    assert_eq!(cause.until.expect("a time").duration_since(play.now).as_secs(), 15 * MINUTE);
    play.end();
}

/// A rest that is longer than any was written by a clock that has been put back since; a named one may be a day.
#[test]
fn m15_a_clock_that_is_put_back_does_not_make_a_named_rest_longer() {
    let rest = |named: i64, back: i64| {
        let mut play = launched();
        rests(&mut play, named);
        play.settle_if_owed();
        let harness = "codex_cli".parse().expect("a runner");
        let now = after(play.now, -back);
        play.control().rests(now, &harness).is_some()
    };
    for (named, back, expected) in [
        (3 * HOUR, 0, true),
        // Within a day it may be what the provider named.
        (3 * HOUR, 20 * HOUR, true),
        (3 * HOUR, 22 * HOUR, false),
        (DAY, 0, true),
        (DAY, HOUR, false),
        (DAY, 300 * DAY, false),
    ] {
        assert_eq!(rest(named, back), expected, "{named} seconds, the clock put back by {back}");
    }
}
