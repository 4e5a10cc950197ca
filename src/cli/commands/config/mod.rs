//! `millrace config`

mod show;
mod validate;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Look at the configuration. Nothing is written.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    Show(show::ShowArguments),
    Validate(validate::ValidateArguments),
}

impl ConfigCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Show(arguments) => arguments.run(context),
            Self::Validate(arguments) => arguments.run(context),
        }
    }
}
