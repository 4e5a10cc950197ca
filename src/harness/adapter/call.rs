//! One call of a harness for one stage: the facts that command lines and environments are made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::ids::{Nonce, RunId, StageName};
use crate::domain::item::ItemRef;
use crate::domain::permission::PermissionLevel;
use crate::harness::environment::MARK;

/// What a stage is called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The launch.
    pub nonce: Nonce,
    /// The run that it belongs to.
    pub run: RunId,
    /// What the run works on; of a run that judges, the root spec.
    pub item: ItemRef,
    /// The stage.
    pub stage: StageName,
    /// Which attempt of this stage in this run it is, from 1.
    pub attempt: u32,
    /// The work tree.
    pub workdir: PathBuf,
    /// The materialised run directory of this stage.
    pub run_dir: PathBuf,
    /// The invocation directory.
    pub inv_dir: PathBuf,
    /// Where the stage is to write its result file.
    pub result_file: PathBuf,
    /// Where the stage is to put documents that it wants to enqueue.
    pub outbox: PathBuf,
    /// The prompt, as a file.
    pub prompt_file: PathBuf,
    /// The repository's common git directory.
    pub git_common_dir: PathBuf,
    /// The model, where the plan names one.
    pub model: Option<String>,
    /// What the stage may do.
    pub permission: PermissionLevel,
}

/// A command line that cannot be built.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ArgvError {
    /// A path that has no text form.
    #[error("the path {} is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// A template without a program.
    #[error("the command line of the runner is empty")]
    Empty,
    /// A variable that does not exist.
    #[error(
        "`{{{name}}}` in `{template}` is no variable: expected one of {known} (`{{{{` stands for a brace)"
    )]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The argument that it stands in.
        template: String,
        /// The names that exist.
        known: &'static str,
    },
    /// The argument ends within a variable.
    #[error("`{0}` has a `{{` without a `}}`: write `{{{{` for a brace")]
    Unclosed(String),
}

/// The names that an argument of a `command` runner can hold in braces.
const VARIABLES: &str = "workdir, run_dir, result_file, prompt_file, model, stage, attempt";

impl Call {
    /// The stage's own environment variables. They are a contract with harnesses and their tools.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        [
            (MARK, self.nonce.to_string()),
            ("MILLRACE_RUN", self.run.to_string()),
            ("MILLRACE_ITEM", self.item.to_string()),
            ("MILLRACE_STAGE", self.stage.to_string()),
            ("MILLRACE_ATTEMPT", self.attempt.to_string()),
            ("MILLRACE_WORKDIR", path(&self.workdir)),
            ("MILLRACE_RUN_DIR", path(&self.run_dir)),
            ("MILLRACE_RESULT_FILE", path(&self.result_file)),
            ("MILLRACE_OUTBOX", path(&self.outbox)),
            ("MILLRACE_PROMPT_FILE", path(&self.prompt_file)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Fills the variables of one argument. `{{` and `}}` stand for braces. An absent model is the empty text.
    pub fn fill(&self, template: &str) -> Result<String, ArgvError> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                filled.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix('}') {
                filled.push('}');
                rest = after.strip_prefix('}').unwrap_or(after);
            } else {
                let (name, after) =
                    from[1..].split_once('}').ok_or_else(|| ArgvError::Unclosed(template.to_owned()))?;
                filled.push_str(&self.variable(name, template)?);
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn variable(&self, name: &str, template: &str) -> Result<String, ArgvError> {
        match name {
            "workdir" => text(&self.workdir),
            "run_dir" => text(&self.run_dir),
            "result_file" => text(&self.result_file),
            "prompt_file" => text(&self.prompt_file),
            "model" => Ok(self.model.clone().unwrap_or_default()),
            "stage" => Ok(self.stage.to_string()),
            "attempt" => Ok(self.attempt.to_string()),
            _ => Err(ArgvError::UnknownVariable {
                name: name.to_owned(),
                template: template.to_owned(),
                known: VARIABLES,
            }),
        }
    }
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> Result<String, ArgvError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ArgvError::NotUtf8(path.to_path_buf()))
}
