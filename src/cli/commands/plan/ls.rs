//! `millrace plan ls`

use clap::Args;
use serde::Serialize;

use super::unreadable;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::{LoopId, ModeId, PlanId, RunId};
use crate::domain::view::View as _;
use crate::runtime::approval;
use crate::runtime::plans;

/// List the frozen plans: which one is selected, which may run here, which runs go by them.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {}

/// The plans of the ledger.
#[derive(Debug, Serialize)]
struct Listed {
    plans: Vec<ListedPlan>,
}

#[derive(Debug, Serialize)]
struct ListedPlan {
    plan: PlanId,
    mode: ModeId,
    execution_loop: LoopId,
    planning_loop: LoopId,
    /// New runs get it.
    selected: bool,
    /// It may run on this machine.
    approved: bool,
    /// Active runs that go by it.
    runs: Vec<RunId>,
}

impl LsArguments {
    pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let mut plans = Vec::new();
        if view.exists()? {
            let selected = view.control()?.plan;
            let runs = view.runs()?;
            for id in plans::frozen(&view)? {
                let plan = view.plan(&id)?.ok_or_else(|| unreadable(&id))?;
                plans.push(ListedPlan {
                    mode: plan.mode.clone(),
                    execution_loop: plan.execution.id.clone(),
                    planning_loop: plan.planning.id.clone(),
                    selected: selected.as_ref() == Some(&id),
                    approved: approval::is_approved(&project, &view, &id)?,
                    runs: runs.iter().filter(|run| run.plan == id).map(|run| run.run.clone()).collect(),
                    plan: id,
                });
            }
        }
        answer(context, &Listed { plans })
    }
}

impl Answer for Listed {
    const KIND: &'static str = "plan_ls";

    fn text(&self, page: &mut Page) {
        if self.plans.is_empty() {
            page.line("no plans yet");
        }
        let rows: Vec<Vec<String>> = self
            .plans
            .iter()
            .map(|plan| {
                let runs: Vec<String> = plan.runs.iter().map(|run| format!("run {run}")).collect();
                vec![
                    plan.plan.to_string(),
                    if plan.selected { "selected" } else { "-" }.to_owned(),
                    if plan.approved { "may run here" } else { "not approved here" }.to_owned(),
                    plan.execution_loop.to_string(),
                    plan.planning_loop.to_string(),
                    runs.join(", "),
                ]
            })
            .collect();
        page.table(&rows);
    }
}
