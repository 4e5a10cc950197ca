//! `millrace compile show`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::plan_page::PlanPage;
use crate::cli::plan_source::PlanSource;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::PlanId;
use crate::runtime::plans;

/// Show the plan that the files give now, and where each part of it comes from. Changes nothing.
///
/// `millrace compile validate` selects it; `millrace plan show` shows a plan that is frozen already.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    source: PlanSource,
}

/// The plan that the files give.
#[derive(Debug, Serialize)]
struct Compiles {
    #[serde(flatten)]
    page: PlanPage,
    /// The plan that is selected; none before the first compile.
    selected: Option<PlanId>,
    warnings: Vec<String>,
}

impl ShowArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let (mode, config) = (self.source.mode()?, self.source.config());
        let compiled = plans::dry_compile(&project, mode.as_ref(), config)?;
        let warnings = compiled.diagnostics.warnings.iter().map(ToString::to_string).collect();
        let page = PlanPage::compiled(compiled);
        answer(context, &Compiles { page, selected: plans::selected(&project)?, warnings })
    }
}

impl Answer for Compiles {
    const KIND: &'static str = "compile_show";

    fn text(&self, page: &mut Page) {
        let standing = match &self.selected {
            Some(selected) if selected == self.page.plan() => "selected".to_owned(),
            Some(selected) => format!("not selected; {selected} is"),
            None => "not selected; no plan is".to_owned(),
        };
        self.page.text(page, &standing);
        for warning in &self.warnings {
            page.gap();
            page.line(format!("warning: {warning}"));
        }
    }
}
