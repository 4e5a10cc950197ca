//! `millrace runs`

mod ls;
pub(in crate::cli::commands) mod show;
mod tail;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Look at runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    Ls(ls::LsArguments),
    Show(show::ShowArguments),
    Tail(tail::TailArguments),
}

impl RunsCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Ls(arguments) => arguments.run(context),
            Self::Show(arguments) => arguments.run(context),
            Self::Tail(arguments) => arguments.run(context),
        }
    }
}
