//! When a change of the configuration is taken over: one table for every key.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::model::Config;
use super::render::{effective_table, has_tables};

/// When what the file says about a key begins to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boundary {
    /// A running daemon takes it over when the file changes.
    AtOnce,
    /// It is frozen into a plan, and counts for the runs that begin after a compile.
    Compile,
    /// It is kept, without effect.
    Nothing,
}

impl Boundary {
    /// Every boundary, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::AtOnce, Self::Compile, Self::Nothing];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Compile => "compile",
            Self::Nothing => "no_effect",
        }
    }

    /// What it means, in a line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::AtOnce => "a running daemon takes it over when the file changes; no compile is needed",
            Self::Compile => "frozen into a plan: it counts for the runs that begin after a compile",
            Self::Nothing => "kept, so that a configuration of the reference is accepted; it has no effect",
        }
    }
}

/// Every key with its boundary: section, key, when. `<...>` stands for a name, and `*` for whatever the section has.
pub const BOUNDARIES: [(&str, &str, Boundary); 35] = [
    ("runtime", "default_mode", Boundary::Compile),
    ("runtime", "run_style", Boundary::Nothing),
    ("runtime", "idle_sleep_seconds", Boundary::AtOnce),
    ("workspace", "between_items", Boundary::Compile),
    ("workspace", "on_done", Boundary::Nothing),
    ("snapshot", "exclude", Boundary::Compile),
    ("snapshot", "max_file_bytes", Boundary::Compile),
    ("redaction", "patterns", Boundary::Compile),
    ("redaction", "extra_variables", Boundary::Compile),
    ("limits", "max_launches_per_item", Boundary::Compile),
    ("limits", "max_interruptions", Boundary::Compile),
    ("limits", "max_rejected_handoffs", Boundary::Compile),
    ("limits", "max_remediation_rounds", Boundary::Compile),
    ("limits", "max_open_roots", Boundary::Compile),
    ("limits.per_item", "*", Boundary::Compile),
    ("limits.per_day", "*", Boundary::Compile),
    ("limits.per_daemon", "*", Boundary::Compile),
    ("limits.assumed", "*", Boundary::Compile),
    ("recovery", "max_fix_cycles", Boundary::Compile),
    ("recovery", "max_troubleshoot_attempts_before_consult", Boundary::Compile),
    ("recovery", "max_mechanic_attempts", Boundary::Compile),
    ("recovery", "max_consultant_invocations", Boundary::Compile),
    ("recovery", "stale_state_recovery_enabled", Boundary::Nothing),
    ("watchers", "enabled", Boundary::AtOnce),
    ("watchers", "debounce_ms", Boundary::AtOnce),
    ("watchers", "watch_ideas_inbox", Boundary::AtOnce),
    ("watchers", "watch_specs_queue", Boundary::AtOnce),
    ("hooks", "rules", Boundary::Compile),
    ("runners", "default_runner", Boundary::Compile),
    ("runners.<runner>", "*", Boundary::Compile),
    ("model_tiers", "*", Boundary::Compile),
    ("prices.<model>", "*", Boundary::Compile),
    ("stages.<stage>", "runner", Boundary::Compile),
    ("stages.<stage>", "model", Boundary::Compile),
    ("stages.<stage>", "timeout_seconds", Boundary::Compile),
];

/// The boundary of a key. A key that the table does not have is one that no file can have.
#[must_use]
pub fn boundary_of(section: &str, key: &str) -> Option<Boundary> {
    let of_section = |pattern: &str| match pattern.split_once('<') {
        Some((before, _)) => section.strip_prefix(before).is_some_and(|name| !name.is_empty()),
        None => pattern == section,
    };
    let row =
        BOUNDARIES.iter().find(|(pattern, name, _)| of_section(pattern) && (*name == "*" || *name == key));
    row.map(|(_, _, boundary)| *boundary)
}

/// The keys in which two configurations differ, sorted, each with its section and its boundary.
#[must_use]
pub fn changed_keys(old: &Config, new: &Config) -> Vec<(String, Boundary)> {
    let (old, new) = (leaves(old), leaves(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|(section, key)| {
            (format!("{section}.{key}"), boundary_of(section, key).unwrap_or(Boundary::Compile))
        })
        .collect()
}

/// Every value that is set, by section and key.
fn leaves(config: &Config) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for (name, value) in effective_table(config) {
        let Value::Table(keys) = value else { continue };
        for (key, value) in keys {
            match value {
                Value::Table(inner) if has_tables(&name) => {
                    let section = format!("{name}.{key}");
                    for (key, value) in inner {
                        flatten(&section, key, value, &mut found);
                    }
                }
                value => flatten(&name, key, value, &mut found),
            }
        }
    }
    found
}

fn flatten(section: &str, key: String, value: Value, found: &mut BTreeMap<(String, String), Value>) {
    match value {
        Value::Table(inner) => {
            for (name, value) in inner {
                flatten(section, format!("{key}.{name}"), value, found);
            }
        }
        value => drop(found.insert((section.to_owned(), key), value)),
    }
}
