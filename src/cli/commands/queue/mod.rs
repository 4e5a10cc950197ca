//! `millrace queue`

pub(crate) mod add_idea;
pub(crate) mod add_spec;
pub(crate) mod add_task;
mod closed;
mod intake;
mod ls;
pub(in crate::cli::commands) mod show;
mod template;

use clap::Subcommand;

use super::control::cancel::CancelArguments;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Bring work in, look at it, take it back.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    AddTask(add_task::AddTaskArguments),
    AddSpec(add_spec::AddSpecArguments),
    AddIdea(add_idea::AddIdeaArguments),
    Ls(ls::LsArguments),
    Show(show::ShowArguments),
    Template(template::TemplateArguments),
    Cancel(CancelArguments),
}

impl QueueCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::AddTask(arguments) => arguments.run(context),
            Self::AddSpec(arguments) => arguments.run(context),
            Self::AddIdea(arguments) => arguments.run(context),
            Self::Ls(arguments) => arguments.run(context),
            Self::Show(arguments) => arguments.run(context),
            Self::Template(arguments) => arguments.run(context),
            Self::Cancel(arguments) => arguments.run(context),
        }
    }
}
