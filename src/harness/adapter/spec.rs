//! A runner as its configuration describes it, and the one place that tells the kinds of runners apart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::{ArgvError, Call};
use super::codex::{self, CodexSpec};
use super::command::CommandSpec;
use super::scripted::ScriptedSpec;
use crate::domain::permission::PermissionLevel;

/// How a harness is started and read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "adapter", rename_all = "snake_case")]
pub enum RunnerSpec {
    /// Codex CLI.
    Codex(CodexSpec),
    /// Any program.
    Command(CommandSpec),
    /// The embedded harness.
    Scripted(ScriptedSpec),
}

/// How the output of a harness is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Codex's JSON lines, which end with a terminal record.
    CodexJsonl,
    /// Text for people.
    Text,
}

impl RunnerSpec {
    /// The command line of one call; the prompt comes by stdin.
    pub fn argv(&self, call: &Call) -> Result<Vec<String>, ArgvError> {
        match self {
            Self::Codex(spec) => spec.argv(call),
            Self::Command(spec) => spec.argv(call),
            Self::Scripted(spec) => spec.argv(),
        }
    }

    /// The variables that the runner needs of the runtime's environment, beyond those that every harness gets.
    #[must_use]
    pub fn passed_variables(&self) -> Vec<&str> {
        match self {
            Self::Codex(_) => codex::PASS.to_vec(),
            Self::Command(spec) => spec.pass_env.iter().map(String::as_str).collect(),
            Self::Scripted(_) => Vec::new(),
        }
    }

    /// The variables that its configuration sets.
    #[must_use]
    pub fn set_variables(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Codex(spec) => &spec.env,
            Self::Command(spec) => &spec.env,
            Self::Scripted(spec) => &spec.env,
        }
    }

    /// How its output is read.
    #[must_use]
    pub fn output(&self) -> Output {
        match self {
            Self::Codex(_) => Output::CodexJsonl,
            Self::Command(_) | Self::Scripted(_) => Output::Text,
        }
    }

    /// Who holds a stage to this permission level, in words for people; `None` where nobody does.
    #[must_use]
    pub fn enforcer(&self, level: PermissionLevel) -> Option<&'static str> {
        match (self, level) {
            (Self::Codex(_), PermissionLevel::Basic | PermissionLevel::Elevated) => Some("the Codex sandbox"),
            (Self::Codex(_), PermissionLevel::Maximum) | (Self::Command(_) | Self::Scripted(_), _) => None,
        }
    }

    /// Whether this exit code means that the harness could not work, by the runner's configuration.
    #[must_use]
    pub fn is_declared_infrastructure(&self, code: i32) -> bool {
        matches!(self, Self::Command(spec) if spec.infra_exits.contains(&code))
    }
}
