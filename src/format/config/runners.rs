//! The tables of `[runners]`.

use std::collections::BTreeMap;

use super::super::quote::quoted;
use super::super::secrets::is_secret_name;
use super::super::suggest::{nearest, one_of};
use super::model::{
    CODEX, CodexRunner, CommandRunner, Runner, RunnerCommon, Runners, ScriptedRunner, table_of,
};
use super::read::place_of;
use super::section::Section;
use super::{ConfigError, MAX_SECONDS};
use crate::domain::ids::{RunnerName, StageName};
use crate::domain::permission::{PermissionLevel, Permissions};

/// The keys that every runner has.
const COMMON: [&str; 6] = [
    "env",
    "env_pass",
    "silence_seconds",
    "permission_default",
    "permission_by_stage",
    "permission_by_model",
];

/// The tables that need no `kind`.
const NAMED: [&str; 3] = ["codex", "command", "scripted"];

pub(super) fn read(section: &Section<'_>, runners: &mut Runners) -> Result<(), ConfigError> {
    for key in section.keys() {
        match key {
            "default_runner" => {
                if let Some(name) = section.name(key, "the name of a runner, such as `codex_cli`")? {
                    runners.default_runner = name;
                }
            }
            "codex_cli" => {
                return Err(section.refuse(
                    key,
                    "this section is not known",
                    "`[runners.codex]`, the table of the runner `codex_cli`",
                ));
            }
            _ => {
                let (name, runner) = table(section, key)?;
                runners.tables.insert(name, runner);
            }
        }
    }
    Ok(())
}

fn table(section: &Section<'_>, key: &str) -> Result<(RunnerName, Runner), ConfigError> {
    let name = if key == "codex" { CODEX } else { key };
    let near = nearest(key, NAMED.into_iter().chain(["default_runner"])).filter(|near| *near != key);
    let Some(table) = section.section(key).map_err(|error| match near {
        Some(near) => ConfigError {
            problem: "this key is not known".to_owned(),
            expected: format!("`{}`", section.full(near)),
            ..error
        },
        None => error,
    })?
    else {
        return Err(section.refuse(key, "is missing", "a table"));
    };
    let name: RunnerName =
        section.parse_name(key, name, "the name of a runner: lower-case letters, digits, `.`, `_` or `-`")?;
    let runner = match key {
        "codex" => Runner::Codex(codex(&table)?),
        "scripted" => Runner::Scripted(scripted(&table)?),
        _ => {
            if !NAMED.contains(&key) && !table.has("kind") {
                return Err(match near {
                    Some(near) => section.refuse(
                        key,
                        "this section is not known",
                        format!("`[runners.{near}]`, or `kind = \"command\"` for a runner of your own"),
                    ),
                    None => table.refuse(
                        "kind",
                        "is missing",
                        "`kind = \"command\"`, for a runner of your own with an `argv`",
                    ),
                });
            }
            Runner::Command(command(&table)?)
        }
    };
    Ok((name, runner))
}

fn only(table: &Section<'_>, own: &[&str]) -> Result<(), ConfigError> {
    let known: Vec<&str> = own.iter().chain(&COMMON).copied().collect();
    table.only(&known, |key| place_of(key, "runners"))
}

fn codex(table: &Section<'_>) -> Result<CodexRunner, ConfigError> {
    only(table, &["command", "args", "profile", "skip_git_repo_check", "extra_config"])?;
    let standard = CodexRunner::default();
    Ok(CodexRunner {
        command: table.text("command")?.unwrap_or(standard.command),
        args: table.texts("args")?.unwrap_or(standard.args),
        profile: table.text("profile")?,
        skip_git_repo_check: table.truth("skip_git_repo_check")?.unwrap_or(standard.skip_git_repo_check),
        extra_config: table.texts("extra_config")?.unwrap_or_default(),
        common: common(table)?,
    })
}

fn command(table: &Section<'_>) -> Result<CommandRunner, ConfigError> {
    only(table, &["kind", "argv", "infra_exits"])?;
    table.word("kind", &[("command", ())])?;
    let expected = "the program and its arguments, such as `[\"my-agent\", \"--quiet\"]`";
    let argv = table.texts("argv")?.ok_or_else(|| table.refuse("argv", "is missing", expected))?;
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(table.refuse("argv", "names no program", expected));
    }
    Ok(CommandRunner {
        argv,
        infra_exits: table.exit_codes("infra_exits")?.unwrap_or_default(),
        common: common(table)?,
    })
}

fn scripted(table: &Section<'_>) -> Result<ScriptedRunner, ConfigError> {
    only(table, &["script"])?;
    Ok(ScriptedRunner {
        script: table.text("script")?.ok_or_else(|| {
            table.refuse("script", "is missing", "the path of a script, from the root of the work tree")
        })?,
        common: common(table)?,
    })
}

fn common(table: &Section<'_>) -> Result<RunnerCommon, ConfigError> {
    const VARIABLE: &str = "the name of a variable: letters, digits and `_`";
    let mut env = BTreeMap::new();
    if let Some(section) = table.section("env")? {
        for name in section.keys() {
            if !is_variable(name) {
                return Err(section.refuse(name, format!("{} is not valid", quoted(name)), VARIABLE));
            }
            if is_secret_name(name) {
                section.warn(
                    name,
                    "its value is frozen into plans, and commits are for ever; use `env_pass` for a secret",
                );
            }
            if let Some(value) = section.any_text(name)? {
                env.insert(name.to_owned(), value);
            }
        }
    }
    let env_pass = table.texts("env_pass")?.unwrap_or_default();
    if let Some(name) = env_pass.iter().find(|name| !is_variable(name)) {
        return Err(table.refuse("env_pass", format!("{} is not valid", quoted(name)), VARIABLE));
    }
    Ok(RunnerCommon {
        env,
        env_pass,
        silence_seconds: table.count("silence_seconds", MAX_SECONDS)?,
        permissions: permissions(table)?,
    })
}

pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn permissions(table: &Section<'_>) -> Result<Permissions, ConfigError> {
    let levels = PermissionLevel::ALL.map(|level| (level.as_str(), level));
    let mut permissions = Permissions::default();
    if let Some(level) = table.word("permission_default", &levels)? {
        permissions.default = level;
    }
    if let Some(section) = table.section("permission_by_stage")? {
        for key in section.keys() {
            let stage: StageName = section.parse_name(key, key, "the name of a stage")?;
            if let Some(level) = section.word(key, &levels)? {
                permissions.by_stage.insert(stage, level);
            }
        }
    }
    if let Some(section) = table.section("permission_by_model")? {
        for key in section.keys() {
            if let Some(level) = section.word(key, &levels)? {
                permissions.by_model.insert(key.to_owned(), level);
            }
        }
    }
    Ok(permissions)
}

/// Refuses the name of a runner that has no table where it needs one.
pub(super) fn check_name(
    section: &Section<'_>,
    key: &str,
    name: &RunnerName,
    runners: &Runners,
) -> Result<(), ConfigError> {
    if runners.tables.contains_key(name) {
        return Ok(());
    }
    let problem = format!("there is no runner {}", quoted(name.as_str()));
    match name.as_str() {
        "command" => Err(section.refuse(key, problem, "`[runners.command]` with an `argv`")),
        "scripted" => Err(section.refuse(key, problem, "`[runners.scripted]` with a `script`")),
        "codex" => Err(section.refuse(key, problem, "`codex_cli`")),
        other => {
            let known = || runners.tables.keys().map(RunnerName::as_str).chain(["command", "scripted"]);
            let expected = match nearest(other, known()) {
                Some(meant) => format!("`{meant}`"),
                None => format!(
                    "{}, or `[runners.{}]` with `kind = \"command\"`",
                    one_of(runners.tables.keys().map(RunnerName::as_str)),
                    table_of(name)
                ),
            };
            Err(section.refuse(key, problem, expected))
        }
    }
}
