//! What every command starts from: the options that all of them have, and the environment.

use std::path::PathBuf;

use super::exit::Exit;
use super::failure::Failure;
use crate::harness::environment::MARK;
use crate::runtime::project::Project;

/// The variable that names a stage's outbox.
const OUTBOX: &str = "MILLRACE_OUTBOX";

/// The options that all commands have, and where this process stands.
#[derive(Debug)]
pub(crate) struct Context {
    /// Where to work; the current directory where nothing is said.
    pub(crate) workspace: PathBuf,
    /// Whether answers are JSON.
    pub(crate) json: bool,
    /// Whether this process belongs to a stage.
    inside_a_stage: bool,
    /// Whether the command line says where to work.
    said: bool,
}

impl Context {
    /// From the options and the environment.
    pub(crate) fn new(workspace: Option<PathBuf>, json: bool) -> Self {
        Self {
            said: workspace.is_some(),
            workspace: workspace.unwrap_or_else(|| PathBuf::from(".")),
            json,
            inside_a_stage: std::env::var_os(MARK).is_some(),
        }
    }

    /// The project, for commands that only read.
    pub(crate) fn open(&self) -> Result<Project, Failure> {
        Ok(Project::open(&self.workspace)?)
    }

    /// The project, for commands that change something. An agent cannot edit what governs it.
    pub(crate) fn open_to_change(&self) -> Result<Project, Failure> {
        self.refuse_inside_a_stage()?;
        self.open()
    }

    /// Whether the command line says where to work.
    pub(crate) fn is_workspace_said(&self) -> bool {
        self.said
    }

    /// Whether this process belongs to a stage.
    pub(crate) fn is_inside_a_stage(&self) -> bool {
        self.inside_a_stage
    }

    /// Refuses where this process belongs to a stage.
    pub(crate) fn refuse_inside_a_stage(&self) -> Result<(), Failure> {
        if !self.inside_a_stage {
            return Ok(());
        }
        let outbox = match std::env::var_os(OUTBOX) {
            Some(path) => {
                format!("write a document into the outbox instead: {}", PathBuf::from(path).display())
            }
            None => format!("write a document into the outbox (${OUTBOX}) instead"),
        };
        Err(Failure::new(Exit::Refused, format!("a stage cannot change what governs it ({MARK} is set)"))
            .hint(outbox))
    }
}
