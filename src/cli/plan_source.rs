//! What a plan is compiled from, where the command line says it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::{Failure, stands_text};
use crate::domain::ids::ModeId;
use crate::runtime::plans::{self, Selected};
use crate::runtime::project::Project;

// Flattened into the arguments of commands, whose own comments are their help.
#[derive(Debug, Args)]
pub(crate) struct PlanSource {
    /// The mode, in place of the configuration's `default_mode`.
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,

    /// Another configuration file than millrace-agents/millrace.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl PlanSource {
    /// Whether the command line says anything.
    pub(crate) fn is_given(&self) -> bool {
        self.mode.is_some() || self.config.is_some()
    }

    /// The mode that it says.
    pub(crate) fn mode(&self) -> Result<Option<ModeId>, Failure> {
        self.mode.as_deref().map(str::parse).transpose().map_err(Failure::input)
    }

    /// The file that it says.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Compiles a plan from it and selects that. Where that fails, whatever was selected stays so, and is named.
    pub(crate) fn select(&self, project: &Project) -> Result<Selected, Failure> {
        let select = || Ok(plans::compile_and_select(project, self.mode()?.as_ref(), self.config())?);
        select().map_err(|failure: Failure| match (&failure.hint, plans::selected(project)) {
            (None, Ok(plan)) => failure.hint(stands_text(plan.as_ref())),
            _ => failure,
        })
    }
}
