//! Times that providers name.

use std::time::Duration;

use jiff::Timestamp;
use millrace::harness::parser::Retry;

#[test]
fn times_are_found_in_messages() {
    let after = |seconds| Some(Retry::After(Duration::from_secs(seconds)));
    for (message, expected) in [
        ("Claude AI usage limit reached|1700000000", Some(Retry::At(1_700_000_000))),
        ("limit reached|1700000000123", Some(Retry::At(1_700_000_000))),
        (r#"{"error":{"resets_at":1700000000}}"#, Some(Retry::At(1_700_000_000))),
        ("You've hit your usage limit. Try again in 2h 30m.", after(9_000)),
        ("try again in 2 hours 30 minutes", after(9_000)),
        ("Try again in 1 day and 3 hours", after(97_200)),
        ("please try again in 35 seconds", after(35)),
        ("Please try again in 1s.", after(1)),
        ("try again in about 3 minutes, or upgrade", after(180)),
        ("Please try again in 1.5s", Some(Retry::After(Duration::from_millis(1_500)))),
        ("try again in 250ms", Some(Retry::After(Duration::from_millis(250)))),
        ("retry-after: 20", after(20)),
        ("Retry-After=20", after(20)),
        (r#"{"retry_after_seconds": 120}"#, after(120)),
        (r#""resets_in_seconds":9000"#, after(9_000)),
        ("retry after 20", after(20)),
        ("retry after 20 minutes", after(1_200)),
        ("try again later", None),
        ("try again in a moment", None),
        ("limit reached|", None),
        ("limit reached|17", None),
        ("try again in 400 days", None),
        ("retry-after: Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("retry-after: 99999999999999999999999", None),
        ("try again in 99999999999999999999999999999999999 hours", None),
        ("", None),
    ] {
        assert_eq!(Retry::named_in(message), expected, "{message}");
    }
}

#[test]
fn a_time_counts_where_it_is_ahead_and_not_too_far() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let second = now.as_second();
    for (retry, expected) in [
        (Retry::After(Duration::from_secs(90)), at("2026-01-01T00:01:30Z")),
        (Retry::After(Duration::ZERO), None),
        (Retry::At(second + 3_600), at("2026-01-01T01:00:00Z")),
        (Retry::At(second - 1), None),
        (Retry::At(second + 32 * 24 * 3_600), None),
        (Retry::At(i64::MAX), None),
        (Retry::After(Duration::MAX), None),
    ] {
        assert_eq!(retry.seen_at(now), expected, "{retry:?}");
    }
}
