//! The configuration: `millrace-agents/millrace.toml`, read strictly.
//!
//! Every key of the reference runtime is accepted, also those that mean nothing here (a warning says so); a key that
//! nobody knows is refused with the name that was probably meant. Stage names are not judged against a list in code:
//! the plan knows them, so [`Loaded::check_stages`] takes its names.

mod boundary;
mod budget;
mod contract;
mod contract_check;
mod contract_keys;
mod hooks;
mod model;
mod prices;
mod read;
mod reading;
mod redaction;
mod render;
mod render_runner;
mod runners;
mod section;
mod settings;
mod template;

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

pub use boundary::{BOUNDARIES, Boundary, boundary_of, changed_keys};
pub use contract::{
    DEFAULT_OUTPUT_BYTES, MIN_GRACE_SECONDS, NOBODY, PromptBy, RefusesRoot, Runner, RunnerKind, in_words,
};
pub use hooks::{HookRules, RULE_KEYS, parse_rules, rules_of_git};
pub use model::{
    BetweenItems, Config, Limits, ModelTier, ModelTiers, NoModel, OnDone, Recovery, RunStyle, Runners,
    Runtime, SnapshotRules, StageSettings, TIER, Watchers, WorkspaceRules, table_of,
};
pub use read::{parse, parse_frozen};
pub use reading::{Field, Gather, Mapping, Parser, Rule, Scope};
pub use redaction::Redaction;
pub use render::effective_toml;
pub use settings::{Setting, settings};
pub use template::{Argument, Piece, Template, TemplateError, Variable};

use super::quote::{one_line, quoted};
use super::suggest::{nearest, one_of};
use super::warning::Warning;

/// Bytes of a configuration file; one that is longer is no configuration.
pub const MAX_CONFIG_BYTES: usize = 256 * 1024;

/// Seconds of one stage where nothing else is said.
pub const DEFAULT_STAGE_TIMEOUT_SECONDS: u64 = 3600;

/// Seconds that any time limit may have at most: a year, so that no clock overflows.
pub const MAX_SECONDS: u64 = 365 * 24 * 3600;

/// Why a configuration is refused: `file:line: key: what is wrong; expected ...`, one line.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key with its section (`runtime.default_mode`), where it is about one.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl ConfigError {
    /// The configuration is committed with the code, and frozen into plans.
    #[must_use]
    pub fn holds_secret(file: &str, line: usize, key: Option<String>, what: &str) -> Self {
        let place = if key.is_some() { "it" } else { "this line" };
        Self {
            file: file.to_owned(),
            line,
            key,
            problem: format!("{place} holds {what}, and commits are for ever"),
            expected: "the name of a variable in `env_pass`".to_owned(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", one_line(&self.file), self.line)?;
        if let Some(key) = &self.key {
            write!(f, "{}: ", one_line(key))?;
        }
        write!(f, "{}; expected {}", self.problem, self.expected)
    }
}

/// A configuration that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The file as the caller named it.
    pub file: String,
    /// The whole configuration, defaults filled in.
    pub config: Config,
    /// The keys and sections that the file itself sets (`runtime.default_mode`), each with its line; all others
    /// are defaults.
    pub lines: BTreeMap<String, usize>,
    /// What its writer should know; the file is accepted all the same.
    pub warnings: Vec<Warning>,
}

impl Loaded {
    /// Refuses stages that the plan does not have, in `[stages]` and in every `permission_by_stage`.
    pub fn check_stages(&self, known: &[&str]) -> Result<(), ConfigError> {
        self.unknown_stages(known).into_iter().next().map_or(Ok(()), Err)
    }

    /// The refusal of every stage that the plan does not have, in the order of the file.
    #[must_use]
    pub fn unknown_stages(&self, known: &[&str]) -> Vec<ConfigError> {
        let of_settings = self.config.stages.keys().map(|stage| (format!("stages.{stage}"), stage));
        let of_permissions = self.config.runners.tables.iter().flat_map(|(name, runner)| {
            let table = model::table_of(name);
            runner
                .permissions
                .by_stage
                .keys()
                .map(move |stage| (format!("runners.{table}.permission_by_stage.{stage}"), stage))
        });
        let mut unknown: Vec<(usize, String, &str)> = of_settings
            .chain(of_permissions)
            .filter(|(_, stage)| !known.contains(&stage.as_str()))
            .map(|(key, stage)| (self.lines.get(&key).copied().unwrap_or(1), key, stage.as_str()))
            .collect();
        unknown.sort();
        let refusal = |(line, key, stage): (usize, String, &str)| ConfigError {
            file: self.file.clone(),
            line,
            key: Some(key),
            problem: format!("the plan has no stage {}", quoted(stage)),
            expected: match nearest(stage, known.iter().copied()) {
                Some(meant) => format!("`{meant}`"),
                None => one_of(known.iter().copied()),
            },
        };
        unknown.into_iter().map(refusal).collect()
    }
}

/// The `millrace.toml` of a new workspace.
#[must_use]
pub fn bootstrap_text() -> &'static str {
    include_str!("config/bootstrap.toml")
}
