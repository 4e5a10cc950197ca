//! Times and durations as people read and write them.

use std::time::Duration;

use jiff::Timestamp;

/// The longest duration that is taken: more is a slip of the finger.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A duration as people write it: a number of seconds, or one with `s`, `m` or `h` behind it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, seconds) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1.0),
        Some(b'm') => (&text[..text.len() - 1], 60.0),
        Some(b'h') => (&text[..text.len() - 1], 3600.0),
        _ => (text, 1.0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: Option<f64> = if plain { number.parse().ok() } else { None };
    let duration = number
        .and_then(|number| Duration::try_from_secs_f64(number * seconds).ok())
        .ok_or("expected seconds, such as `90`, or `30s`, `10m`, `2h`")?;
    if duration > LONGEST {
        return Err("that is more than a year".to_owned());
    }
    Ok(duration)
}

/// A duration in its two largest units.
pub(crate) fn elapsed(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days} d {hours} h")
    } else if hours > 0 {
        format!("{hours} h {minutes:02} min")
    } else if minutes > 0 {
        format!("{minutes} min {:02} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

/// Seconds from one time to another.
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

/// A time in UTC, to the second: `2026-11-22 09:30:00Z`.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_of_seconds_or_has_a_unit() {
        let seconds = |text: &str| duration(text).map(|duration| duration.as_secs_f64()).ok();
        let texts = ["0", "90", "30s", "10m", "2h", "0.5", "1.5m", "8784h"];
        let read = [0.0, 90.0, 30.0, 600.0, 7200.0, 0.5, 90.0, 31_622_400.0].map(Some);
        assert_eq!(texts.map(seconds), read);
        for text in
            ["", "s", "-1", "1e3", "10 m", "1d", "inf", "1.2.3", "٣", "8785h", "99999999999999999999999h"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_has_two_units_at_most() {
        let shown: Vec<String> = [-1, 0, 59, 60, 3599, 3600, 86_399, 90_000].map(elapsed).to_vec();
        let expected =
            ["0 s", "0 s", "59 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "23 h 59 min", "1 d 1 h"];
        assert_eq!(shown, expected);
    }
}
