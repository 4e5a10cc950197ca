//! `command`: any program as a harness. Prompt on stdin; result by file or marker; exit codes by configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::{ArgvError, Call};

/// The table of a `command` runner, as far as it makes the command line and reads the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandSpec {
    /// Program and arguments. `{workdir}`, `{run_dir}`, `{result_file}`, `{prompt_file}`, `{model}`, `{stage}` and
    /// `{attempt}` are filled in; there is no shell unless one is named.
    pub argv: Vec<String>,
    /// Exit codes that mean "the harness could not work": the item keeps its place and the runner rests.
    pub infra_exits: Vec<i32>,
    /// Variables that are passed on from the runtime's environment; `*` at the end stands for anything.
    pub pass_env: Vec<String>,
    /// Variables that are set for it.
    pub env: BTreeMap<String, String>,
}

impl CommandSpec {
    /// The command line of one call.
    pub fn argv(&self, call: &Call) -> Result<Vec<String>, ArgvError> {
        if self.argv.first().is_none_or(|program| program.trim().is_empty()) {
            return Err(ArgvError::Empty);
        }
        self.argv.iter().map(|argument| call.fill(argument)).collect()
    }
}
