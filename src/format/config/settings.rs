//! The whole configuration for people: every key with its value, and where that comes from.

use toml::{Table, Value};

use super::super::secrets::is_secret_name;
use super::Loaded;
use super::boundary::{Boundary, boundary_of};
use super::budget::{ASSUMED, CAPS};
use super::model::table_of;
use super::render::{effective_table, has_tables};
use crate::domain::ids::RunnerName;

/// What stands for a value that is not shown.
const HIDDEN: &str = "[hidden]";

/// One key with what it is set to.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The section that it stands in, without brackets: `runners.codex`, `prices."model-1.5"`.
    pub section: String,
    /// The key in it, as it would be written: `permission_by_stage.builder`.
    pub key: String,
    /// The value; none where nothing is set, and nothing is the default. What looks like a secret is not in it.
    pub value: Option<Value>,
    /// The line of the file that sets it, from 1; none for a default.
    pub line: Option<usize>,
}

impl Setting {
    /// When a change of it is taken over.
    #[must_use]
    pub fn boundary(&self) -> Boundary {
        boundary_of(&self.section, &self.key).unwrap_or(Boundary::Compile)
    }
}

/// Every key, in the order in which a plan freezes them, of the runners that the file names or has a table of. What a stage or a runner has and no default fits is there as
/// well, without a value.
#[must_use]
pub fn settings(loaded: &Loaded) -> Vec<Setting> {
    let mut found = Vec::new();
    let written = |name: &RunnerName| loaded.lines.contains_key(&format!("runners.{}", table_of(name)));
    let tables = &loaded.config.runners.tables;
    let used = tables.keys().filter(|name| written(name)).collect();
    for (name, value) in effective_table(&loaded.config.with_runners(&used)) {
        let Value::Table(keys) = value else { continue };
        let (tables, own): (Table, Table) =
            keys.into_iter().partition(|(_, value)| has_tables(&name) && matches!(value, Value::Table(_)));
        flatten(loaded, &name, "", own, &mut found);
        for (key, table) in tables {
            let Value::Table(table) = table else { continue };
            let section = format!("{name}.{key}");
            let unset = match &*name {
                "stages" => of_stage(loaded, &key, &table),
                "limits" => of_limits(&key, &table),
                "prices" => Vec::new(),
                _ => of_runner(&table),
            };
            let begin = found.len();
            flatten(loaded, &section, "", table, &mut found);
            let section = format!("{name}.{}", self::written(&key));
            for setting in &mut found[begin..] {
                setting.section.clone_from(&section);
            }
            found.extend(unset.into_iter().map(|(key, value)| Setting {
                section: section.clone(),
                key: key.to_owned(),
                value,
                line: None,
            }));
        }
    }
    found
}

/// What a stage's section leaves to the rest of the configuration.
fn of_stage(loaded: &Loaded, stage: &str, table: &Table) -> Vec<(&'static str, Option<Value>)> {
    let Ok(stage) = stage.parse() else { return Vec::new() };
    let runner = loaded.config.runner_of(&stage);
    let seconds = i64::try_from(loaded.config.timeout_of(&stage, runner)).unwrap_or(i64::MAX);
    let all = [
        ("runner", Some(Value::String(runner.to_string()))),
        ("model", None),
        ("timeout_seconds", Some(Value::Integer(seconds))),
    ];
    all.into_iter().filter(|(key, _)| !table.contains_key(*key)).collect()
}

/// What a table of limits leaves without one.
fn of_limits(scope: &str, table: &Table) -> Vec<(&'static str, Option<Value>)> {
    let all: &[&'static str] = if scope == ASSUMED { &[] } else { &CAPS };
    all.iter().filter(|key| !table.contains_key(**key)).map(|key| (*key, None)).collect()
}

/// What a runner's section may have, and has not.
fn of_runner(table: &Table) -> Vec<(&'static str, Option<Value>)> {
    // Codex's own keys are told where they are not set as well: its users know them.
    let codex = table.get("kind").and_then(Value::as_str) == Some("codex_cli");
    let all: &[&'static str] = if codex {
        &["profile", "timeout_seconds", "silence_seconds"]
    } else {
        &["timeout_seconds", "silence_seconds"]
    };
    all.iter().filter(|key| !table.contains_key(**key)).map(|key| (*key, None)).collect()
}

fn flatten(loaded: &Loaded, section: &str, before: &str, table: Table, found: &mut Vec<Setting>) {
    for (key, value) in table {
        let full = format!("{before}{}", written(&key));
        let line = loaded.lines.get(&format!("{section}.{before}{key}")).copied();
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                flatten(loaded, section, &format!("{key}."), inner, found);
            }
            value => found.push(Setting {
                section: section.to_owned(),
                key: full,
                value: Some(shown(before, &key, value)),
                line,
            }),
        }
    }
}

/// A key as TOML has it: with quotes where it needs them.
fn written(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { key.to_owned() } else { Value::String(key.to_owned()).to_string() }
}

/// The value without what looks like a secret: variables by their names, arguments and settings by theirs
/// (`name=value`, and what follows a `--name`).
fn shown(before: &str, key: &str, value: Value) -> Value {
    match value {
        Value::String(_) if before == "env." && is_secret_name(key) => Value::String(HIDDEN.to_owned()),
        Value::Array(items) if !matches!(key, "env_pass" | "env_needs" | "patterns") => shown_items(items),
        value => value,
    }
}

fn shown_items(items: Vec<Value>) -> Value {
    let mut follows = false;
    let items = items.into_iter().map(|item| {
        let text = match item {
            Value::String(text) => text,
            Value::Array(group) => return shown_items(group),
            other => return other,
        };
        let hide = std::mem::take(&mut follows);
        let text = match text.split_once('=') {
            _ if hide => HIDDEN.to_owned(),
            Some((name, _)) if is_secret_name(name) => format!("{name}={HIDDEN}"),
            Some(_) => text,
            None => {
                follows = text.starts_with('-') && is_secret_name(&text);
                text
            }
        };
        Value::String(text)
    });
    Value::Array(items.collect())
}
