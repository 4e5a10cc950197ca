//! What a compile has to say: every reason against a plan, and what its writer should know.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::domain::ids::ModeId;
use crate::format::config::ConfigError;
use crate::format::quote::one_line;
use crate::format::records::{RecordError, encode};
use crate::format::warning::Warning;

/// Problems that one compile reports; whoever has more begins with these.
pub const MAX_PROBLEMS: usize = 50;

/// One reason why there is no plan: `file:line: key: what is wrong; expected ...`, one line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Problem {
    /// The file as a person finds it, or `--mode`.
    pub file: String,
    /// The line, from 1, where it is about one.
    pub line: Option<usize>,
    /// The key with those above it (`edges[3].to`, list items from 1), where it is about one.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(key) = &self.key {
            write!(f, "{}: ", one_line(key))?;
        }
        write!(f, "{}; expected {}", one_line(&self.problem), one_line(&self.expected))
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self {
            file: error.file,
            line: Some(error.line),
            key: error.key,
            problem: error.problem,
            expected: error.expected,
        }
    }
}

/// Where problems are gathered: the first [`MAX_PROBLEMS`], each once, and how many more there were.
#[derive(Default)]
pub(super) struct Problems {
    list: RefCell<Vec<Problem>>,
    more: Cell<usize>,
}

impl Problems {
    pub(super) fn add(&self, problem: Problem) {
        let mut list = self.list.borrow_mut();
        if list.contains(&problem) {
            return;
        }
        if list.len() < MAX_PROBLEMS {
            list.push(problem);
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    /// Problems so far; what comes next can ask whether there were new ones.
    pub(super) fn count(&self) -> usize {
        self.list.borrow().len() + self.more.get()
    }

    /// Whether further ones would only be counted.
    pub(super) fn full(&self) -> bool {
        self.list.borrow().len() >= MAX_PROBLEMS
    }

    pub(super) fn into_parts(self) -> (Vec<Problem>, usize) {
        (self.list.into_inner(), self.more.get())
    }
}

/// The outcome of one compile, as `plans/diagnostics.toml` keeps it. It holds no time: the commit has one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Diagnostics {
    /// The mode; none where it was not asked for and the configuration that says it cannot be read.
    pub mode: Option<ModeId>,
    /// Why there is no plan; none: there is one.
    pub errors: Vec<Problem>,
    /// Errors beyond [`MAX_PROBLEMS`], which are not listed.
    pub more_errors: usize,
    /// What the writers of the files should know all the same.
    pub warnings: Vec<Warning>,
}

impl Diagnostics {
    /// Of a compile that ended with its configuration.
    #[must_use]
    pub fn of_config(mode: Option<&ModeId>, error: ConfigError) -> Self {
        let errors = vec![error.into()];
        Self { mode: mode.cloned(), errors, more_errors: 0, warnings: Vec::new() }
    }

    /// Whether there is a plan.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.errors.is_empty()
    }

    /// The record `plans/diagnostics.toml`.
    pub fn to_toml(&self) -> Result<Vec<u8>, RecordError> {
        encode(&Record {
            ok: self.ok(),
            mode_id: self.mode.as_ref().map(ModeId::as_str),
            more_errors: self.more_errors,
            errors: self.errors.iter().map(ToString::to_string).collect(),
            warnings: self.warnings.iter().map(ToString::to_string).collect(),
        })
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        if self.more_errors > 0 {
            write!(f, "\nand {} more", self.more_errors)?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Record<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode_id: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    more_errors: usize,
    errors: Vec<String>,
    warnings: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
