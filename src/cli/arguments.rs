//! The command line as a whole. Doc comments are the help.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

use super::commands::{
    compile::CompileCommand, completions::CompletionsArguments, config::ConfigCommand,
    control::ControlCommand, demo::DemoArguments, diff::DiffArguments, doctor::DoctorArguments,
    export::ExportArguments, fetch::FetchArguments, hook::HookArguments, hooks::HooksCommand,
    init::InitArguments, log::LogArguments, modes::ModesCommand, plan::PlanCommand, queue::QueueCommand,
    queue::add_idea::AddIdeaArguments, queue::add_spec::AddSpecArguments, queue::add_task::AddTaskArguments,
    recover::RecoverArguments, restore::RestoreArguments, review::ReviewArguments, run::RunCommand,
    run_branch::RunBranchCommand, runs::RunsCommand, share::ShareArguments, show::ShowArguments,
    status::StatusArguments, uninstall::UninstallArguments, usage::UsageArguments, verify::VerifyArguments,
    wait::WaitArguments,
};

/// Governs long-running agent work in a git repository; its whole memory is commits on refs/millrace/state.
#[derive(Debug, Parser)]
#[command(version, propagate_version = false, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// The repository, or a folder in it [default: the current directory].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,

    /// Answer in JSON: one envelope {"format", "kind", "data"} to a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say more on stderr; twice for everything. The variable `MILLRACE_LOG` takes a filter instead.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(InitArguments),
    #[command(subcommand)]
    Queue(QueueCommand),
    AddTask(AddTaskArguments),
    AddSpec(AddSpecArguments),
    AddIdea(AddIdeaArguments),
    #[command(subcommand)]
    Run(RunCommand),
    Status(StatusArguments),
    #[command(subcommand)]
    Runs(RunsCommand),
    Usage(UsageArguments),
    Log(LogArguments),
    Show(ShowArguments),
    Diff(DiffArguments),
    Review(ReviewArguments),
    Wait(WaitArguments),
    /// Steer the runtime and the queue. Each of these commands is one of `millrace` itself as well.
    #[command(subcommand)]
    Control(ControlCommand),
    #[command(flatten)]
    Controls(ControlCommand),
    Restore(RestoreArguments),
    Recover(RecoverArguments),
    Verify(VerifyArguments),
    Share(ShareArguments),
    Fetch(FetchArguments),
    #[command(subcommand)]
    RunBranch(RunBranchCommand),
    Export(ExportArguments),
    Doctor(DoctorArguments),
    #[command(subcommand)]
    Compile(CompileCommand),
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(subcommand)]
    Modes(ModesCommand),
    #[command(subcommand)]
    Plan(PlanCommand),
    Hook(HookArguments),
    #[command(subcommand)]
    Hooks(HooksCommand),
    Uninstall(UninstallArguments),
    Demo(DemoArguments),
    Completions(CompletionsArguments),
}
