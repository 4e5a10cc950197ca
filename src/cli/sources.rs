//! What a plan is compiled from, as a command line says it.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::domain::ids::ModeId;

/// The mode and the configuration, where they are not those of the work tree.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// The mode, in place of the configuration's `default_mode`.
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,

    /// Another configuration file than millrace-agents/millrace.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Sources {
    /// The mode, where one is named.
    pub(crate) fn mode(&self) -> Result<Option<ModeId>, Failure> {
        self.mode.as_deref().map(str::parse).transpose().map_err(Failure::input)
    }
}
