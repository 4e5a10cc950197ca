//! `millrace control`: what an operator asks of the runtime. Each command is a transition of the ledger, with or without
//! a daemon; one that lives sees it there.

mod answer;
mod archive;
pub(crate) mod cancel;
mod clear_stale_state;
mod desk;
mod pause;
mod planning;
mod release;
pub(crate) mod reload_config;
mod resume;
mod retarget;
mod retry;
mod retry_active;
mod set_priority;
mod stop;
mod supersede;
mod words;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

// Each of them is a command of `millrace control` and one of `millrace` itself; what the group is called stands there.
#[derive(Debug, Subcommand)]
pub(crate) enum ControlCommand {
    Pause(pause::PauseArguments),
    Resume(resume::ResumeArguments),
    Stop(stop::StopArguments),
    Cancel(cancel::CancelArguments),
    Archive(archive::ArchiveArguments),
    Retry(retry::RetryArguments),
    RetryActive(retry_active::RetryActiveArguments),
    /// Steer what the planning loop is at.
    #[command(subcommand)]
    Planning(planning::PlanningCommand),
    Supersede(supersede::SupersedeArguments),
    Retarget(retarget::RetargetArguments),
    SetPriority(set_priority::SetPriorityArguments),
    Release(release::ReleaseArguments),
    ClearStaleState(clear_stale_state::ClearStaleStateArguments),
    ReloadConfig(reload_config::ReloadConfigArguments),
}

impl ControlCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Pause(arguments) => arguments.run(context),
            Self::Resume(arguments) => arguments.run(context),
            Self::Stop(arguments) => arguments.run(context),
            Self::Cancel(arguments) => arguments.run(context),
            Self::Archive(arguments) => arguments.run(context),
            Self::Retry(arguments) => arguments.run(context),
            Self::RetryActive(arguments) => arguments.run(context),
            Self::Planning(command) => command.run(context),
            Self::Supersede(arguments) => arguments.run(context),
            Self::Retarget(arguments) => arguments.run(context),
            Self::SetPriority(arguments) => arguments.run(context),
            Self::Release(arguments) => arguments.run(context),
            Self::ClearStaleState(arguments) => arguments.run(context),
            Self::ReloadConfig(arguments) => arguments.run(context),
        }
    }
}
