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
    /// The prompt itself. Only a runner that takes it as an argument looks at it; of a launch that has ended it is empty.
    pub prompt: String,
    /// The session to go on with, by the harness's own id.
    pub resume: Option<String>,
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
    /// A command line without a program.
    #[error("the command line of the runner is empty")]
    Empty,
    /// An argument that no program could be started with: in practice, the prompt.
    #[error(
        "an argument of the runner's command line has {bytes} bytes, and {most} is the most; `prompt = \"stdin\"` or \
         `prompt = \"file\"` in its table has no such limit"
    )]
    TooLong {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// A session, and a runner that has no way to go on with one.
    #[error("the runner has no `resume_argv`")]
    NoResume,
}

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
}
