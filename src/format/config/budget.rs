//! `[limits.per_item]`, `[limits.per_day]`, `[limits.per_daemon]` and `[limits.assumed]`: what launches may use.

use toml::{Table, Value};

use super::ConfigError;
use super::MAX_SECONDS;
use super::render::{number, put, text};
use super::section::Section;
use crate::domain::budget::{Assumed, Budget, Caps, Scope};

/// The table that says what a launch is assumed to use.
pub(super) const ASSUMED: &str = "assumed";

/// The keys of a table of limits.
pub(super) const CAPS: [&str; 4] = ["tokens", "cost_usd", "launches", "wall_seconds"];

/// The keys of [`ASSUMED`].
pub(super) const ASSUMPTIONS: [&str; 2] = ["tokens", "cost_usd"];

/// Where a key belongs that stands beside these tables and not in one.
pub(super) fn place_of(key: &str, here: &str) -> Option<String> {
    (here == "limits" && CAPS.contains(&key)).then(|| {
        let tables = Scope::ALL.map(|scope| format!("`[limits.{}]`", scope.table()));
        let [item, day, daemon] = tables;
        format!("it under {item}, {day} or {daemon}")
    })
}

/// Reads the tables below `[limits]`.
pub(super) fn read(limits: &Section<'_>, budget: &mut Budget) -> Result<(), ConfigError> {
    for scope in Scope::ALL {
        if let Some(section) = limits.section(scope.table())? {
            section.only(&CAPS, |_| None)?;
            *budget.caps_mut(scope) = Caps {
                tokens: section.count("tokens", i64::MAX.unsigned_abs())?,
                cost: section.amount("cost_usd", 1)?,
                launches: section.small("launches")?,
                wall_seconds: section.count("wall_seconds", MAX_SECONDS)?,
            };
        }
    }
    if let Some(section) = limits.section(ASSUMED)? {
        let elsewhere = |key: &str| {
            CAPS.contains(&key)
                .then(|| "`tokens` or `cost_usd`: what else a launch uses is always known".to_owned())
        };
        section.only(&ASSUMPTIONS, elsewhere)?;
        let usual = budget.assumed;
        budget.assumed = Assumed {
            tokens: section.count("tokens", i64::MAX.unsigned_abs())?.unwrap_or(usual.tokens),
            cost: section.amount("cost_usd", 1)?.unwrap_or(usual.cost),
        };
    }
    Ok(())
}

/// Adds the tables that say something to those of `[limits]`. Who limits nothing has none of them.
pub(super) fn render(budget: &Budget, limits: &mut Table) {
    for scope in Scope::ALL {
        let caps = budget.caps(scope);
        if caps.is_none() {
            continue;
        }
        let mut keys = Table::new();
        put(&mut keys, "tokens", caps.tokens.map(number));
        put(&mut keys, "cost_usd", caps.cost.map(|cost| text(&cost.to_string())));
        put(&mut keys, "launches", caps.launches.map(|launches| number(launches.into())));
        put(&mut keys, "wall_seconds", caps.wall_seconds.map(number));
        limits.insert(scope.table().to_owned(), Value::Table(keys));
    }
    if budget.assumed != Assumed::default() {
        let mut keys = Table::new();
        put(&mut keys, "tokens", Some(number(budget.assumed.tokens)));
        put(&mut keys, "cost_usd", Some(text(&budget.assumed.cost.to_string())));
        limits.insert(ASSUMED.to_owned(), Value::Table(keys));
    }
}
