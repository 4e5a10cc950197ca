//! `millrace demo`: a whole run in a scratch repository, without any model.
use clap::Args;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Show a whole run in a scratch repository: a bug, a fix that is not good enough, and one that is.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {}

impl DemoArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.refuse_inside_a_stage()?;
        Err(Failure::failed("not yet"))
    }
}
