//! What the core may not have: the clock, and chance.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::ids::RunId;

/// Now, to the second: records are read by people, and order is the chain's.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// `bytes` random bytes as hex digits.
///
/// # Errors
///
/// Where the kernel gives none.
pub fn random_hex(bytes: usize) -> std::io::Result<String> {
    let mut raw = vec![0_u8; bytes];
    let mut filled = 0;
    while filled < raw.len() {
        filled += rustix::rand::getrandom(&mut raw[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    let mut text = String::with_capacity(2 * bytes);
    for byte in raw {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// A random id of 32 hex digits, of whatever kind is asked for.
pub fn random_id<T: TryFrom<String, Error: std::fmt::Display>>() -> std::io::Result<T> {
    T::try_from(random_hex(16)?).map_err(|error| std::io::Error::other(error.to_string()))
}

/// A new run's id: the minute of its claim in UTC, and chance.
pub fn run_id(at: Timestamp) -> std::io::Result<RunId> {
    let minute = at.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M").to_string();
    RunId::try_from(format!("{minute}-{}", random_hex(3)?))
        .map_err(|error| std::io::Error::other(error.to_string()))
}
