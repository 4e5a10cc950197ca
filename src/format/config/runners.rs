//! The tables of `[runners]`: which runners there are, and what each starts from.

use super::super::quote::quoted;
use super::super::suggest::{nearest, one_of};
use super::ConfigError;
use super::contract::{Runner, RunnerKind};
use super::contract_keys;
use super::model::{CODEX, Runners, table_of};
use super::section::Section;
use crate::domain::ids::RunnerName;

/// Who wrote a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// An operator: what a table leaves out is as it ships.
    Operator,
    /// A compile: a table is complete, and what ships now changes nothing about it. One without an `argv` was frozen
    /// before tables were complete.
    Compile,
}

/// The tables that need no `kind`.
const NAMED: [&str; 5] = ["codex", "claude_code", "aider", "command", "scripted"];

pub(super) fn read(section: &Section<'_>, writer: Writer, runners: &mut Runners) -> Result<(), ConfigError> {
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
                let (name, runner) = table(section, writer, key)?;
                runners.tables.insert(name, runner);
            }
        }
    }
    Ok(())
}

fn table(section: &Section<'_>, writer: Writer, key: &str) -> Result<(RunnerName, Runner), ConfigError> {
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
    let own = RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    let name: RunnerName =
        section.parse_name(key, name, "the name of a runner: lower-case letters, digits, `.`, `_` or `-`")?;
    let kinds: Vec<(&str, RunnerKind)> = match own {
        Some(own) => vec![(own.as_str(), own)],
        None => RunnerKind::ALL.map(|kind| (kind.as_str(), kind)).to_vec(),
    };
    let Some(kind) = table.word("kind", &kinds)?.or(own) else {
        return Err(match near {
            Some(near) => section.refuse(
                key,
                "this section is not known",
                format!("`[runners.{near}]`, or `kind = \"command\"` for a runner of your own"),
            ),
            None => table.refuse(
                "kind",
                "is missing",
                format!(
                    "`kind = \"command\"`, for a runner of your own with an `argv`, or another contract to start from: {}",
                    one_of(RunnerKind::ALL.iter().map(|kind| kind.as_str()))
                ),
            ),
        });
    };
    let base = match writer {
        Writer::Compile if table.has("argv") => Runner::blank(kind),
        Writer::Compile | Writer::Operator => Runner::shipped(kind),
    };
    Ok((name, contract_keys::read(&table, base)?))
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
