//! `millrace init`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::plan_source::PlanSource;
use crate::cli::stdout::{Answer, answer, say};
use crate::domain::ids::{ModeId, PlanId};
use crate::domain::view::{Fault, View as _};
use crate::runtime::plans;
use crate::runtime::project::Project;

/// Set a repository up: millrace-agents/, the ledger, and the first plan.
///
/// What is there already stays as it is, and so does the plan, unless --mode or --config asks for another one. No other
/// command needs this one: they make what is missing themselves.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    source: PlanSource,
}

/// What `init` came to.
#[derive(Debug, Serialize)]
struct Initialised {
    workspace: PathBuf,
    /// Files and folders that were made.
    created: Vec<PathBuf>,
    /// Whether the ledger begins with this.
    ledger_begun: bool,
    /// Whether a plan was compiled and selected.
    plan_selected: bool,
    plan: PlanId,
    mode: Option<ModeId>,
    warnings: Vec<String>,
}

impl InitArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let begun = project.tip()?.is_none();
        let mut created = Vec::new();
        let made = if self.source.is_given() {
            Some(self.source.select(&project)?)
        } else {
            created = plans::bootstrap(&project)?;
            plans::ensure_selected(&project)?.1
        };
        let plan_selected = made.as_ref().is_some_and(|made| made.changed);
        let mut warnings = Vec::new();
        if let Some(made) = made {
            created.extend(made.created);
            warnings = made.warnings.iter().map(ToString::to_string).collect();
        }
        let plan = plans::ensure_selected(&project)?.0;
        answer(
            context,
            &Initialised {
                workspace: workspace(&project),
                created,
                ledger_begun: begun,
                plan_selected,
                mode: mode(&project, &plan)?,
                plan,
                warnings,
            },
        )
    }
}

impl Answer for Initialised {
    const KIND: &'static str = "init";

    fn text(&self, page: &mut Page) {
        for path in &self.created {
            page.line(format!("created {}", path.display()));
        }
        if self.ledger_begun {
            page.line("began the ledger refs/millrace/state");
        }
        if self.plan_selected {
            page.line(format!("compiled and selected {}", self.plan));
        }
        if self.created.is_empty() && !self.ledger_begun && !self.plan_selected {
            page.line(format!("nothing to do: {} is set up, with {}", self.workspace.display(), self.plan));
        }
        for warning in &self.warnings {
            page.line(format!("warning: {warning}"));
        }
    }
}

/// The work tree, or the repository itself where it is bare.
pub(crate) fn workspace(project: &Project) -> PathBuf {
    project.repository.work_tree.clone().unwrap_or_else(|| project.repository.git_dir.clone())
}

/// The mode of a plan in the ledger.
pub(crate) fn mode(project: &Project, plan: &PlanId) -> Result<Option<ModeId>, Failure> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let plan = view.plan(plan).map_err(|fault: Fault| Failure::from(fault))?;
    Ok(plan.map(|plan| plan.mode.clone()))
}

/// Says on stderr what was made on the way.
pub(crate) fn say_created(created: &[PathBuf]) {
    for path in created {
        say(&format!("created {}", path.display()));
    }
}
