//! `millrace hooks`

mod catch_up;
mod install;
mod site;
mod status;
mod test;
mod uninstall;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

pub(super) use site::program;

/// Put Millrace's git hooks beside the user's own, look at them, take them out.
///
/// With post-receive, a push puts work into the queue of the repository that it comes to; with pre-push, post-commit and
/// post-merge, what is done in a work tree does. What becomes work is said by rules, and without a rule nothing does.
/// reference-transaction guards Millrace's own refs, and is put in only where it is named.
#[derive(Debug, Subcommand)]
pub(crate) enum HooksCommand {
    Install(install::InstallArguments),
    Uninstall(uninstall::UninstallArguments),
    Status(status::StatusArguments),
    Test(test::TestArguments),
    CatchUp(catch_up::CatchUpArguments),
}

impl HooksCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Install(arguments) => arguments.run(context),
            Self::Uninstall(arguments) => arguments.run(context),
            Self::Status(_) => status::StatusArguments::run(context),
            Self::Test(arguments) => arguments.run(context),
            Self::CatchUp(arguments) => arguments.run(context),
        }
    }
}
