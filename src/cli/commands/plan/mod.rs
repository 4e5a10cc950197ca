//! `millrace plan`

mod approve;
mod diff;
mod ls;
pub(in crate::cli::commands) mod show;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::domain::ids::PlanId;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;

/// Look at frozen plans, and let one run here.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    Ls(ls::LsArguments),
    Show(show::ShowArguments),
    Diff(diff::DiffArguments),
    Approve(approve::ApproveArguments),
}

impl PlanCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Ls(_) => ls::LsArguments::run(context),
            Self::Show(arguments) => arguments.run(context),
            Self::Diff(arguments) => arguments.run(context),
            Self::Approve(arguments) => arguments.run(context),
        }
    }
}

/// The plan that a text names, or the selected one where nothing is said.
fn named(view: &TreeView<'_, '_>, text: Option<&str>) -> Result<PlanId, Failure> {
    if let Some(text) = text {
        return lookup::plan(view, text);
    }
    let selected = if view.exists()? { view.control()?.plan } else { None };
    selected.ok_or_else(|| {
        Failure::failed("no plan is selected").hint("`millrace compile validate` compiles one and selects it")
    })
}

/// A plan that is in the ledger by its folder and cannot be read there.
fn unreadable(plan: &PlanId) -> Fault {
    Fault { at: format!("plans/{plan}"), detail: "its record is missing".to_owned() }
}
