//! The times that providers name for another try, as they stand in messages.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The longest wait that is believed: quotas are those of a month at most. A wrong number must not stop anything for
/// years.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// When to try again, as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// At a time, in seconds since 1970.
    At(i64),
    /// After so long.
    After(Duration),
}

/// Words before a number of seconds, in headers and bodies of answers (lower case, `_` and `-` as blanks).
const SECONDS: [&str; 4] = ["retry after seconds", "resets in seconds", "retry after ms", "retry after"];

/// Words before a length of time.
const LENGTHS: [&str; 5] = ["again in", "retry in", "retrying in", "retry after", "resets in"];

/// Words before a time in seconds since 1970.
const TIMES: [&str; 3] = ["resets at", "limit reached|", "limit reached |"];

impl Retry {
    /// The time that a message names: `limit reached|1700000000`, `try again in 2h 30m`, `retry-after: 20`,
    /// `"resets_in_seconds": 9000`. None where there is none, or one that is not believable.
    #[must_use]
    pub fn named_in(message: &str) -> Option<Self> {
        let lower: String =
            message.to_lowercase().chars().map(|c| if matches!(c, '_' | '-') { ' ' } else { c }).collect();
        let after =
            |words: &'static str| lower.split(words).skip(1).map(|rest| rest.trim_start_matches(SIGNS));
        let at = TIMES.iter().flat_map(|words| after(words)).find_map(epoch);
        if let Some(at) = at {
            return Some(Self::At(at));
        }
        let length = LENGTHS.iter().flat_map(|words| after(words)).find_map(length);
        let seconds = || SECONDS.iter().find_map(|words| after(words).find_map(|rest| bare(rest, words)));
        length.or_else(seconds).filter(|length| *length <= LONGEST).map(Self::After)
    }

    /// As a time, for something that was said at `now`; none where it has passed, or is too far away to be believed.
    #[must_use]
    pub fn seen_at(self, now: Timestamp) -> Option<Timestamp> {
        let at = match self {
            Self::At(seconds) => Timestamp::from_second(seconds).ok()?,
            Self::After(length) => now.checked_add(SignedDuration::try_from(length).ok()?).ok()?,
        };
        let latest = now.checked_add(SignedDuration::try_from(LONGEST).ok()?).ok()?;
        (now < at && at <= latest).then_some(at)
    }
}

/// What may stand between a name and its number.
const SIGNS: [char; 5] = [' ', ':', '=', '"', '\''];

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Seconds since 1970: ten digits, which are years from 2001 on; thirteen are milliseconds.
fn epoch(text: &str) -> Option<i64> {
    let number: i64 = digits(text).0.parse().ok()?;
    match digits(text).0.len() {
        10 => Some(number),
        13 => Some(number / 1_000),
        _ => None,
    }
}

/// A number of seconds (or of what its name says) that has no unit.
fn bare(text: &str, name: &str) -> Option<Duration> {
    let number: u64 = digits(text).0.parse().ok()?;
    Some(if name.ends_with("ms") { Duration::from_millis(number) } else { Duration::from_secs(number) })
}

/// A length of time in words or letters: `2h 30m`, `35 seconds`, `1 day and 3 hours`, `1.5s`.
fn length(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = 0.0;
    let mut any = false;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        for filler in ["about ", "approximately ", "and "] {
            rest = rest.strip_prefix(filler).unwrap_or(rest).trim_start();
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let Ok(number) = number.trim_end_matches('.').parse::<f64>() else { break };
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let Some(seconds) = seconds_of(unit) else { break };
        sum += number * seconds;
        any = true;
        rest = after;
    }
    if any { Duration::try_from_secs_f64(sum).ok() } else { None }
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}
