//! Where each thing that a plan says comes from, for whoever asks "who set this?". It is no part of the plan: two files
//! that say the same give the same plan.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::domain::ids::StageName;
use crate::format::config::Loaded;
use crate::format::quote::one_line;

/// The place that says something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The file as a person finds it, `shipped <path>` for a text of the program's, or `--mode`; none: it is a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key with those above it, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Origin {
    /// A whole file.
    pub(super) fn file(file: String) -> Self {
        Self { file: Some(file), line: None, key: None }
    }

    /// A key of the configuration: its line where the file sets it, else its default.
    pub(super) fn config(config: &Loaded, key: &str) -> Self {
        match config.lines.get(key) {
            Some(line) => {
                Self { file: Some(config.file.clone()), line: Some(*line), key: Some(key.to_owned()) }
            }
            None => Self { file: None, line: None, key: Some(key.to_owned()) },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            None => f.write_str("default")?,
            Some(file) => f.write_str(&one_line(file))?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.key {
            Some(key) if self.file.is_none() => write!(f, " of {}", one_line(key)),
            Some(key) => write!(f, ": {}", one_line(key)),
            None => Ok(()),
        }
    }
}

/// Where a text comes from: who names it, and which file it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextOrigin {
    /// Its path below the plan's `files/`.
    pub path: String,
    /// Who names it: the stage's kind, or the mode.
    pub named_by: Origin,
    /// The file that was frozen.
    pub text: Origin,
}

/// Where a stage's settings come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageOrigins {
    /// Its kind.
    pub kind: Origin,
    /// Its instructions.
    pub entrypoint: TextOrigin,
    /// The skill that its kind requires.
    pub required_skill: TextOrigin,
    /// The skills that the mode adds.
    pub added_skills: Vec<TextOrigin>,
    /// Its runner.
    pub runner: Origin,
    /// Its model, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Origin>,
    /// The tier that its model stands for, where it was said as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Its wall-clock limit.
    pub timeout_seconds: Origin,
    /// Its limit on silence.
    pub silence_seconds: Origin,
    /// Its permission level.
    pub permission: Origin,
}

/// Where everything comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origins {
    /// Who chose the mode.
    pub chosen: Origin,
    /// The mode's file.
    pub mode: Origin,
    /// The file of the execution loop.
    pub execution: Origin,
    /// The file of the planning loop.
    pub planning: Origin,
    /// By stage.
    pub stages: BTreeMap<StageName, StageOrigins>,
}
