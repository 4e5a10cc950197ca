//! `millrace control planning`, also `millrace planning`

use clap::{Args, Subcommand};

use super::desk::{Desk, Once, Why};
use super::retry_active::again;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stdout::answer;
use crate::domain::plan::Plane;

// What the group is called stands where it is named.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanningCommand {
    RetryActive(RetryActiveArguments),
}

/// End the planning stage that is under way, and start it again. A run of the execution loop stays as it is.
#[derive(Debug, Args)]
pub(crate) struct RetryActiveArguments {
    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl PlanningCommand {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::RetryActive(arguments) => arguments.run(context),
        }
    }
}

impl RetryActiveArguments {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let desk = Desk::new(&project, "planning retry-active", &self.once);
        answer(context, &again(&desk, &self.why, Some(Plane::Planning))?)
    }
}
