//! placeholder
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use clap::Args;
/// Review.
#[derive(Debug, Args)]
pub(crate) struct ReviewArguments {}
impl ReviewArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.open()?;
        Ok(Exit::Done)
    }
}
