//! `millrace config`

mod show;
mod validate;

use clap::Subcommand;

use super::control::reload_config::ReloadConfigArguments;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Look at the configuration, or take it over.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    Show(show::ShowArguments),
    Validate(validate::ValidateArguments),
    Reload(ReloadConfigArguments),
}

impl ConfigCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Show(arguments) => arguments.run(context),
            Self::Validate(arguments) => arguments.run(context),
            Self::Reload(arguments) => arguments.run(context),
        }
    }
}
