//! `millrace modes`

mod list;
mod show;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Look at the modes that a plan can be compiled from.
#[derive(Debug, Subcommand)]
pub(crate) enum ModesCommand {
    #[command(alias = "ls")]
    List(list::ListArguments),
    Show(show::ShowArguments),
}

impl ModesCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(_) => list::ListArguments::run(context),
            Self::Show(arguments) => arguments.run(context),
        }
    }
}
