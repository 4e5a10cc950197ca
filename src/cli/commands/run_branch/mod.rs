//! `millrace run-branch`

mod publish;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Use the branches of runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunBranchCommand {
    Publish(publish::PublishArguments),
}

impl RunBranchCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Publish(arguments) => arguments.run(context),
        }
    }
}
