//! The whole configuration as text, defaults included, always the same for the same configuration.

use toml::{Table, Value};

use super::budget;
use super::hooks;
use super::model::{BetweenItems, Config, ModelTier, OnDone, RunStyle, table_of};
use super::prices;
use super::redaction;
use super::render_runner::runner;

/// The configuration in full, as it is frozen into a plan: every key in a fixed order. Reading it gives the same
/// configuration again.
#[must_use]
pub fn effective_toml(config: &Config) -> String {
    effective_table(config).to_string()
}

/// Whether this section has tables of its own below it, a name each.
pub(super) fn has_tables(section: &str) -> bool {
    matches!(section, "limits" | "prices" | "runners" | "stages")
}

/// The same as a table.
pub(super) fn effective_table(config: &Config) -> Table {
    let mut root = Table::new();
    root.insert("runtime".to_owned(), runtime(config));
    root.insert("workspace".to_owned(), workspace(config));
    root.insert(
        "snapshot".to_owned(),
        table([
            ("exclude", texts(&config.snapshot.exclude)),
            ("max_file_bytes", number(config.snapshot.max_file_bytes)),
        ]),
    );
    root.insert("redaction".to_owned(), redaction::effective(&config.redaction));
    let mut limits = keys([
        ("max_launches_per_item", number(config.limits.max_launches_per_item.into())),
        ("max_interruptions", number(config.limits.max_interruptions.into())),
        ("max_rejected_handoffs", number(config.limits.max_rejected_handoffs.into())),
        ("max_remediation_rounds", number(config.limits.max_remediation_rounds.into())),
        ("max_open_roots", number(config.limits.max_open_roots.into())),
    ]);
    budget::render(&config.limits.budget, &mut limits);
    root.insert("limits".to_owned(), Value::Table(limits));
    let recovery = &config.recovery;
    root.insert(
        "recovery".to_owned(),
        table([
            ("max_fix_cycles", number(recovery.max_fix_cycles.into())),
            (
                "max_troubleshoot_attempts_before_consult",
                number(recovery.max_troubleshoot_attempts_before_consult.into()),
            ),
            ("max_mechanic_attempts", number(recovery.max_mechanic_attempts.into())),
            ("max_consultant_invocations", number(recovery.max_consultant_invocations.into())),
            ("stale_state_recovery_enabled", Value::Boolean(recovery.stale_state_recovery_enabled)),
        ]),
    );
    let watchers = &config.watchers;
    root.insert(
        "watchers".to_owned(),
        table([
            ("enabled", Value::Boolean(watchers.enabled)),
            ("debounce_ms", number(watchers.debounce_ms)),
            ("watch_ideas_inbox", Value::Boolean(watchers.watch_ideas_inbox)),
            ("watch_specs_queue", Value::Boolean(watchers.watch_specs_queue)),
        ]),
    );
    put(&mut root, "hooks", hooks::render(&config.hooks));
    root.insert("runners".to_owned(), runners(config));
    let tiers = config.model_tiers.0.iter().map(|(name, tier)| {
        let value = match tier {
            ModelTier::One(model) => text(model),
            ModelTier::ByRunner(models) => {
                table(models.iter().map(|(runner, model)| (runner.as_str(), text(model))))
            }
        };
        (name.as_str(), value)
    });
    if tiers.len() > 0 {
        root.insert("model_tiers".to_owned(), table(tiers));
    }
    put(&mut root, "prices", prices::render(&config.prices));
    let stages = config.stages.iter().map(|(stage, settings)| {
        let mut keys = Table::new();
        put(&mut keys, "runner", settings.runner.as_ref().map(|runner| text(runner.as_str())));
        put(&mut keys, "model", settings.model.as_deref().map(text));
        put(&mut keys, "timeout_seconds", settings.timeout_seconds.map(number));
        (stage.as_str(), Value::Table(keys))
    });
    root.insert("stages".to_owned(), table(stages));
    root
}

fn runtime(config: &Config) -> Value {
    let style = match config.runtime.run_style {
        RunStyle::Once => "once",
        RunStyle::Daemon => "daemon",
    };
    table([
        ("default_mode", text(config.runtime.default_mode.as_str())),
        ("run_style", text(style)),
        ("idle_sleep_seconds", Value::Float(config.runtime.idle_sleep_seconds)),
    ])
}

fn workspace(config: &Config) -> Value {
    let between = match config.workspace.between_items {
        BetweenItems::Restore => "restore",
        BetweenItems::Wait => "wait",
        BetweenItems::Carry => "carry",
    };
    let done = match config.workspace.on_done {
        OnDone::Leave => "leave",
        OnDone::Commit => "commit",
    };
    table([("between_items", text(between)), ("on_done", text(done))])
}

fn runners(config: &Config) -> Value {
    let mut section = Table::new();
    section.insert("default_runner".to_owned(), text(config.runners.default_runner.as_str()));
    for (name, table) in &config.runners.tables {
        section.insert(table_of(name).to_owned(), Value::Table(runner(table)));
    }
    Value::Table(section)
}

pub(super) fn table<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    Value::Table(keys(entries))
}

fn keys<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

pub(super) fn put(keys: &mut Table, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        keys.insert(key.to_owned(), value);
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|item| text(item)).collect())
}

/// Every number here was read from TOML or is a small default, so it fits.
pub(super) fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
