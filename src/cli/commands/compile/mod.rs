//! `millrace compile`

mod show;
mod validate;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Make the plan that work is done by.
#[derive(Debug, Subcommand)]
pub(crate) enum CompileCommand {
    Validate(validate::ValidateArguments),
    Show(show::ShowArguments),
}

impl CompileCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Validate(arguments) => arguments.run(context),
            Self::Show(arguments) => arguments.run(context),
        }
    }
}
