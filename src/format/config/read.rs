//! From the text of a configuration to its meaning.

use std::collections::BTreeMap;

use globset::Glob;
use toml::de::DeTable;

use super::super::quote::{one_line, quoted};
use super::super::secrets::secret_line;
use super::model::{
    BetweenItems, Config, Limits, ModelTier, ModelTiers, OnDone, Recovery, RunStyle, Runtime, SnapshotRules,
    StageSettings, Watchers, WorkspaceRules,
};
use super::runners::{self, Writer};
use super::section::{Section, Source};
use super::{ConfigError, Loaded, MAX_CONFIG_BYTES, MAX_SECONDS, TIER};
use super::{budget, hooks, prices, redaction};
use crate::domain::ids::StageName;

/// The sections and their keys; `limits`, `prices`, `runners` and `stages` have tables below them, `model_tiers` has names of the operator's.
const SECTIONS: [(&str, &[&str]); 12] = [
    ("runtime", &["default_mode", "run_style", "idle_sleep_seconds"]),
    ("workspace", &["between_items", "on_done"]),
    ("snapshot", &["exclude", "max_file_bytes"]),
    ("redaction", redaction::KEYS),
    (
        "limits",
        &[
            "max_launches_per_item",
            "max_interruptions",
            "max_rejected_handoffs",
            "max_remediation_rounds",
            "max_open_roots",
            "per_item",
            "per_day",
            "per_daemon",
            budget::ASSUMED,
        ],
    ),
    (
        "recovery",
        &[
            "max_fix_cycles",
            "max_troubleshoot_attempts_before_consult",
            "max_mechanic_attempts",
            "max_consultant_invocations",
            "stale_state_recovery_enabled",
        ],
    ),
    ("watchers", &["enabled", "debounce_ms", "watch_ideas_inbox", "watch_specs_queue"]),
    ("hooks", &[hooks::RULES]),
    ("runners", &["default_runner"]),
    ("model_tiers", &[]),
    ("prices", &[]),
    ("stages", &[]),
];

/// The keys of `[stages.<stage>]`.
const STAGE_KEYS: [&str; 3] = ["runner", "model", "timeout_seconds"];

/// Reads a configuration that an operator wrote. `file` is what messages call it.
pub fn parse(text: &str, file: &str) -> Result<Loaded, ConfigError> {
    read(text, file, Writer::Operator)
}

/// Reads the configuration that a compile froze: it has all that counted then, and nothing of what ships now is added.
pub fn parse_frozen(text: &str, file: &str) -> Result<Config, ConfigError> {
    Ok(read(text, file, Writer::Compile)?.config)
}

fn read(text: &str, file: &str, writer: Writer) -> Result<Loaded, ConfigError> {
    let source = Source::new(file, text);
    if text.len() > MAX_CONFIG_BYTES {
        return Err(source.refuse(
            1,
            None,
            format!("the file has {} bytes", text.len()),
            format!("at most {MAX_CONFIG_BYTES}"),
        ));
    }
    // The configuration is committed with the code, and frozen into plans.
    if let Some((line, what)) = secret_line(text, &[]) {
        return Err(ConfigError::holds_secret(file, line, None, &what));
    }
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let source = Source::new(file, text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| source.line_of(span.start));
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        source.refuse(line, None, format!("not TOML: {}", one_line(&message)), "`key = value` or `[section]`")
    })?;
    let root = Section::new(&source, "", 1, table.get_ref());
    root.only(&SECTIONS.map(|(section, _)| section), |key| place_of(key, ""))?;

    let mut config = Config::default();
    if writer == Writer::Compile {
        config.runners.tables.clear();
    }
    if let Some(section) = open(&root, "runtime")? {
        runtime(&section, &mut config.runtime)?;
    }
    if let Some(section) = open(&root, "workspace")? {
        workspace(&section, &mut config.workspace)?;
    }
    if let Some(section) = open(&root, "snapshot")? {
        snapshot(&section, &mut config.snapshot)?;
    }
    if let Some(section) = open(&root, "redaction")? {
        redaction::read(&section, &mut config.redaction)?;
    }
    if let Some(section) = open(&root, "limits")? {
        limits(&section, &mut config.limits)?;
    }
    if let Some(section) = open(&root, "recovery")? {
        recovery(&section, &mut config.recovery)?;
    }
    if let Some(section) = open(&root, "watchers")? {
        watchers(&section, &mut config.watchers)?;
    }
    if let Some(section) = open(&root, "hooks")? {
        hooks::read(&section, &mut config.hooks)?;
    }
    let runner_section = root.section("runners")?;
    if let Some(section) = &runner_section {
        runners::read(section, writer, &mut config.runners)?;
    }
    let tier_section = root.section("model_tiers")?;
    let tier_tables = match &tier_section {
        Some(section) => model_tiers(section, &mut config.model_tiers)?,
        None => Vec::new(),
    };
    if let Some(section) = root.section("prices")? {
        prices::read(&section, &mut config.prices)?;
    }
    let stage_sections = match root.section("stages")? {
        Some(section) => stages(&section, &mut config.stages)?,
        None => Vec::new(),
    };

    if let Some(section) = &runner_section
        && section.has("default_runner")
    {
        runners::check_name(section, "default_runner", &config.runners.default_runner, &config.runners)?;
    }
    for table in &tier_tables {
        for key in table.keys() {
            let name = table.parse_name(key, key, RUNNER)?;
            runners::check_name(table, key, &name, &config.runners)?;
        }
    }
    for section in &stage_sections {
        let stage = section.path.strip_prefix("stages.").and_then(|name| name.parse::<StageName>().ok());
        if let Some(name) = stage.and_then(|stage| config.stages.get(&stage)?.runner.clone()) {
            runners::check_name(section, "runner", &name, &config.runners)?;
        }
    }
    drop(stage_sections);
    let mut warnings = source.warnings.take();
    warnings.sort_by_key(|warning| warning.line);
    Ok(Loaded { file: file.to_owned(), config, lines: source.lines.take(), warnings })
}

/// A section that has keys only.
fn open<'s>(root: &Section<'s>, name: &str) -> Result<Option<Section<'s>>, ConfigError> {
    let Some(section) = root.section(name)? else { return Ok(None) };
    let known = SECTIONS.iter().find(|(section, _)| *section == name).map_or(&[][..], |(_, keys)| keys);
    section.only(known, |key| place_of(key, name))?;
    Ok(Some(section))
}

/// Where a key belongs that stands in the wrong section.
pub(super) fn place_of(key: &str, here: &str) -> Option<String> {
    SECTIONS
        .iter()
        .find(|(section, keys)| *section != here && keys.contains(&key))
        .map(|(section, _)| format!("it under `[{section}]`"))
        .or_else(|| {
            (here != "stages" && STAGE_KEYS.contains(&key)).then(|| "it under `[stages.<stage>]`".to_owned())
        })
        .or_else(|| budget::place_of(key, here))
}

fn runtime(section: &Section<'_>, runtime: &mut Runtime) -> Result<(), ConfigError> {
    if let Some(mode) = section.name("default_mode", "the id of a mode, such as `standard_plain`")? {
        runtime.default_mode = mode;
    }
    if let Some(style) =
        section.word("run_style", &[("once", RunStyle::Once), ("daemon", RunStyle::Daemon)])?
    {
        runtime.run_style = style;
        section.warn("run_style", "has no effect; `millrace run once` and `millrace run daemon` say it");
    }
    #[expect(clippy::cast_precision_loss, reason = "a year of seconds is far below the limit")]
    if let Some(seconds) = section.positive("idle_sleep_seconds", MAX_SECONDS as f64)? {
        runtime.idle_sleep_seconds = seconds;
    }
    Ok(())
}

fn workspace(section: &Section<'_>, rules: &mut WorkspaceRules) -> Result<(), ConfigError> {
    let between =
        [("restore", BetweenItems::Restore), ("wait", BetweenItems::Wait), ("carry", BetweenItems::Carry)];
    if let Some(choice) = section.word("between_items", &between)? {
        rules.between_items = choice;
    }
    if let Some(choice) = section.word("on_done", &[("leave", OnDone::Leave), ("commit", OnDone::Commit)])? {
        rules.on_done = choice;
        if choice == OnDone::Commit {
            section.warn(
                "on_done",
                "has no effect in this version: finished code stays in the work tree, uncommitted",
            );
        }
    }
    Ok(())
}

fn snapshot(section: &Section<'_>, rules: &mut SnapshotRules) -> Result<(), ConfigError> {
    if let Some(patterns) = section.texts("exclude")? {
        for (index, pattern) in patterns.iter().enumerate() {
            if pattern.is_empty() || Glob::new(pattern).is_err() {
                return Err(section.refuse(
                    "exclude",
                    format!("item {} is no pattern: {}", index + 1, quoted(pattern)),
                    "patterns such as `*.key` or `build/**`",
                ));
            }
        }
        rules.exclude = patterns;
    }
    if let Some(bytes) = section.count("max_file_bytes", i64::MAX.unsigned_abs())? {
        rules.max_file_bytes = bytes;
    }
    Ok(())
}

fn limits(section: &Section<'_>, limits: &mut Limits) -> Result<(), ConfigError> {
    let numbers = [
        ("max_launches_per_item", &mut limits.max_launches_per_item),
        ("max_interruptions", &mut limits.max_interruptions),
        ("max_rejected_handoffs", &mut limits.max_rejected_handoffs),
        ("max_remediation_rounds", &mut limits.max_remediation_rounds),
        ("max_open_roots", &mut limits.max_open_roots),
    ];
    for (key, limit) in numbers {
        if let Some(number) = section.small(key)? {
            *limit = number;
        }
    }
    budget::read(section, &mut limits.budget)
}

fn recovery(section: &Section<'_>, recovery: &mut Recovery) -> Result<(), ConfigError> {
    let numbers = [
        ("max_fix_cycles", &mut recovery.max_fix_cycles),
        ("max_troubleshoot_attempts_before_consult", &mut recovery.max_troubleshoot_attempts_before_consult),
        ("max_mechanic_attempts", &mut recovery.max_mechanic_attempts),
        ("max_consultant_invocations", &mut recovery.max_consultant_invocations),
    ];
    for (key, place) in numbers {
        if let Some(number) = section.small(key)? {
            *place = number;
        }
    }
    if let Some(truth) = section.truth("stale_state_recovery_enabled")? {
        recovery.stale_state_recovery_enabled = truth;
        section.warn(
            "stale_state_recovery_enabled",
            "has no effect; recovery reads the last commit, at every start",
        );
    }
    Ok(())
}

fn watchers(section: &Section<'_>, watchers: &mut Watchers) -> Result<(), ConfigError> {
    if let Some(number) = section.count("debounce_ms", MAX_SECONDS * 1000)? {
        watchers.debounce_ms = number;
    }
    let truths = [
        ("enabled", &mut watchers.enabled),
        ("watch_ideas_inbox", &mut watchers.watch_ideas_inbox),
        ("watch_specs_queue", &mut watchers.watch_specs_queue),
    ];
    for (key, place) in truths {
        if let Some(truth) = section.truth(key)? {
            *place = truth;
        }
    }
    Ok(())
}

/// The name of a runner, in a message.
const RUNNER: &str = "the name of a runner, such as `codex_cli`";

/// Reads the tiers; gives the tables among them, whose keys have to be runners.
fn model_tiers<'s>(section: &Section<'s>, tiers: &mut ModelTiers) -> Result<Vec<Section<'s>>, ConfigError> {
    let mut tables = Vec::new();
    for key in section.keys() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
        if key.is_empty() || !key.chars().all(plain) {
            let expected = "the name of a tier: lower-case letters, digits, `.`, `_` or `-`";
            return Err(section.refuse(key, format!("{} is not valid", quoted(key)), expected));
        }
        let tier = if section.is_table(key) {
            let Some(table) = section.section(key)? else { continue };
            let mut models = BTreeMap::new();
            for runner in table.keys() {
                if let Some(model) = model(&table, runner)? {
                    models.insert(table.parse_name(runner, runner, RUNNER)?, model);
                }
            }
            if models.is_empty() {
                return Err(section.refuse(key, "names no model", "`<runner> = \"<model>\"` below it"));
            }
            tables.push(table);
            ModelTier::ByRunner(models)
        } else {
            let Some(model) = model(section, key)? else { continue };
            ModelTier::One(model)
        };
        tiers.0.insert(key.to_owned(), tier);
    }
    Ok(tables)
}

/// The model that a tier stands for, which is no tier again.
fn model(section: &Section<'_>, key: &str) -> Result<Option<String>, ConfigError> {
    let Some(text) = section.text(key)? else { return Ok(None) };
    if text.starts_with(TIER) {
        return Err(section.refuse(key, format!("found {}", quoted(&text)), "a model, not another tier"));
    }
    Ok(Some(text))
}

fn stages<'s>(
    section: &Section<'s>,
    stages: &mut BTreeMap<StageName, StageSettings>,
) -> Result<Vec<Section<'s>>, ConfigError> {
    let mut opened = Vec::new();
    for key in section.keys() {
        let name: StageName =
            section.parse_name(key, key, "the name of a stage, such as `[stages.builder]`")?;
        let Some(stage) = section.section(key)? else { continue };
        stage.only(&STAGE_KEYS, |key| place_of(key, "stages"))?;
        let settings = StageSettings {
            runner: stage.name("runner", "the name of a runner")?,
            model: stage.text("model")?,
            timeout_seconds: stage.count("timeout_seconds", MAX_SECONDS)?,
        };
        stages.insert(name, settings);
        opened.push(stage);
    }
    Ok(opened)
}
