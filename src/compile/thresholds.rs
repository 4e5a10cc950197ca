//! The numbers of the configuration that a loop may name as a bound.

use super::sheet::{Field, meant};
use crate::format::config::Config;
use crate::format::quote::quoted;

/// What a bound may be.
const EXPECTED: &str = "a whole number from 1, or a key such as `recovery.max_fix_cycles`";

/// The keys and their values in a configuration.
fn keys(config: &Config) -> [(&'static str, u32); 4] {
    let recovery = &config.recovery;
    [
        ("recovery.max_fix_cycles", recovery.max_fix_cycles),
        (
            "recovery.max_troubleshoot_attempts_before_consult",
            recovery.max_troubleshoot_attempts_before_consult,
        ),
        ("recovery.max_mechanic_attempts", recovery.max_mechanic_attempts),
        ("recovery.max_consultant_invocations", recovery.max_consultant_invocations),
    ]
}

/// The number that `at_most` says, itself or by a key.
pub(super) fn at_most(field: &Field<'_>, config: &Config) -> Option<u32> {
    let text = field.text(EXPECTED)?;
    if let Ok(number) = text.parse::<u32>() {
        if number == 0 {
            field.refuse("found 0", EXPECTED);
        }
        return (number > 0).then_some(number);
    }
    let keys = keys(config);
    let found = keys.iter().find(|(key, _)| *key == text).map(|(_, value)| *value);
    if found.is_none() {
        if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
            field.refuse(
                format!("the configuration has no bound {}", quoted(text)),
                format!("{}, or a whole number from 1", meant(text, &known)),
            );
        } else {
            field.refuse(format!("found {}", quoted(text)), EXPECTED);
        }
    }
    found
}
