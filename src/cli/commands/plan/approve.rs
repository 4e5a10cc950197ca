//! `millrace plan approve`

use clap::Args;
use serde::Serialize;

use super::unreadable;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::plan_page::PlanPage;
use crate::cli::stdout::{Answer, answer};
use crate::domain::view::View as _;
use crate::runtime::approval;
use crate::runtime::runner::frozen_config;

/// Let a plan run on this machine that was not compiled here, as it stands in the ledger.
///
/// A plan says what is executed: which programs, with which rights. Read `millrace plan show` first. The approval holds
/// for this content on this machine only; it is no part of the ledger.
#[derive(Debug, Args)]
pub(crate) struct ApproveArguments {
    /// The plan: its id, a beginning of it, or of the twelve digits at its end.
    #[arg(value_name = "PLAN")]
    plan: String,
}

/// A plan that may run here.
#[derive(Debug, Serialize)]
struct Approved {
    /// Whether it was not approved before.
    changed: bool,
    selected: bool,
    #[serde(flatten)]
    page: PlanPage,
}

impl ApproveArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let id = lookup::plan(&view, &self.plan)?;
        let plan = view.plan(&id)?.ok_or_else(|| unreadable(&id))?;
        let config = frozen_config(&view, &id).map_err(|error| Failure::new(Exit::Damaged, error))?;
        let content = approval::content(&view, &id)?.ok_or_else(|| unreadable(&id))?;
        let changed = approval::approve(&project.store.private_dir(), &id, content)
            .map_err(|error| Failure::failed(format!("cannot note the plan as approved here: {error}")))?;
        let selected = view.control()?.plan.as_ref() == Some(&id);
        answer(context, &Approved { changed, selected, page: PlanPage::frozen(id, &plan, &config) })
    }
}

impl Answer for Approved {
    const KIND: &'static str = "plan_approve";

    fn text(&self, page: &mut Page) {
        page.line(if self.changed {
            format!("{} may run here from now on:", self.page.plan())
        } else {
            format!("{} might run here already:", self.page.plan())
        });
        self.page.runners_text(page);
        if !self.selected {
            page.gap();
            page.line("it is not selected: only runs that began with it go by it");
        }
    }
}
