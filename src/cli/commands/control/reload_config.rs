//! `millrace control reload-config`, also `millrace reload-config` and `millrace config reload`

use clap::Args;

use super::answer::Controlled;
use crate::cli::commands::init::say_created;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::plan_source::PlanSource;
use crate::cli::stdout::{answer, say};

/// Compile the configuration as it is now and select the plan, as `compile validate` does.
///
/// A plan that does not compile leaves the selected one as it is. Work that runs keeps its plan.
#[derive(Debug, Args)]
pub(crate) struct ReloadConfigArguments {
    #[command(flatten)]
    source: PlanSource,
}

impl ReloadConfigArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let selected = self.source.select(&project)?;
        say_created(&selected.created);
        for warning in &selected.warnings {
            say(&format!("warning: {warning}"));
        }
        let already = if selected.changed { "" } else { " already" };
        answer(
            context,
            &Controlled {
                action: "reload-config",
                applied: selected.changed,
                detail: format!("{} is selected{already}; what runs keeps its plan", selected.plan),
                commit: selected.commit,
                request: None,
            },
        )
    }
}
