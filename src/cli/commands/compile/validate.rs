//! `millrace compile validate`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::commands::init::say_created;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::plan_source::PlanSource;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::{ModeId, PlanId};

/// Compile the configuration into a frozen plan, and select it.
///
/// A plan that does not compile leaves the selected one as it is. Work that runs keeps its plan.
#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    #[command(flatten)]
    source: PlanSource,
}

/// A plan that is valid.
#[derive(Debug, Serialize)]
struct Validated {
    ok: bool,
    plan: PlanId,
    mode: ModeId,
    /// Whether another plan, or none, was selected before.
    changed: bool,
    created: Vec<PathBuf>,
    warnings: Vec<String>,
}

impl ValidateArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let selected = self.source.select(&project)?;
        say_created(&selected.created);
        answer(
            context,
            &Validated {
                ok: true,
                plan: selected.plan,
                mode: selected.mode,
                changed: selected.changed,
                created: selected.created,
                warnings: selected.warnings.iter().map(ToString::to_string).collect(),
            },
        )
    }
}

impl Answer for Validated {
    const KIND: &'static str = "compile_validate";

    fn text(&self, page: &mut Page) {
        page.fields(&[
            ("ok", self.ok.to_string()),
            ("plan", self.plan.to_string()),
            ("mode", self.mode.to_string()),
            ("selected", if self.changed { "now".to_owned() } else { "already".to_owned() }),
        ]);
        for warning in &self.warnings {
            page.line(format!("warning: {warning}"));
        }
    }
}
