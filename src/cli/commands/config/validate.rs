//! `millrace config validate`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, stands_text};
use crate::cli::page::Page;
use crate::cli::plan_source::PlanSource;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::PlanId;
use crate::format::count::counted;
use crate::runtime::plans::{self, PlanError};
use crate::workspace::bootstrap::reference_style;

/// Check the configuration, and say what a compile would make of it. Nothing is written and nothing selected.
#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    #[command(flatten)]
    source: PlanSource,
}

/// What is to be said of a configuration.
#[derive(Debug, Serialize)]
struct Validated {
    ok: bool,
    /// The plan that a compile would select.
    plan: Option<PlanId>,
    /// The plan that is selected.
    selected: Option<PlanId>,
    /// Whether the configuration's file is there; where it is not, these are the defaults.
    exists: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl ValidateArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let mode = self.source.mode()?;
        let mut validated = Validated {
            ok: false,
            plan: None,
            selected: plans::selected(&project)?,
            exists: true,
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        if let Some(other) = project.repository.work_tree.as_deref().and_then(reference_style) {
            validated.errors.push(other.to_string());
        }
        match plans::load_or_defaults(&project, self.source.config()) {
            Err(PlanError::Config(error)) => validated.errors.push(error.to_string()),
            Err(error) => return Err(error.into()),
            Ok((loaded, exists)) => {
                validated.exists = exists;
                let diagnostics = match plans::compile_only(&project, mode.as_ref(), &loaded)? {
                    Ok(compiled) => {
                        validated.plan = Some(compiled.id);
                        compiled.diagnostics
                    }
                    Err(diagnostics) => diagnostics,
                };
                validated.errors.extend(diagnostics.errors.iter().map(ToString::to_string));
                if diagnostics.more_errors > 0 {
                    validated.errors.push(format!("and {}", counted(diagnostics.more_errors, "more error")));
                }
                validated.warnings = diagnostics.warnings.iter().map(ToString::to_string).collect();
            }
        }
        validated.ok = validated.errors.is_empty();
        answer(context, &validated)
    }
}

impl Validated {
    /// What a compile would do.
    fn outcome(&self) -> String {
        match (&self.plan, &self.selected) {
            (Some(plan), Some(selected)) if self.ok && plan == selected => {
                format!("a compile would change nothing: {plan} is selected")
            }
            (Some(plan), Some(selected)) if self.ok => {
                format!("a compile would select {plan} in place of {selected}")
            }
            (Some(plan), None) if self.ok => format!("a compile would select {plan}; none is selected now"),
            (_, selected) => format!("a compile would fail: {}", stands_text(selected.as_ref())),
        }
    }
}

impl Answer for Validated {
    const KIND: &'static str = "config_validate";

    fn text(&self, page: &mut Page) {
        page.line(if self.ok { "ok" } else { "not ok" });
        if !self.exists {
            page.line("there is no configuration file: these are the defaults");
        }
        for error in &self.errors {
            page.line(format!("error: {error}"));
        }
        for warning in &self.warnings {
            page.line(format!("warning: {warning}"));
        }
        page.line(self.outcome());
    }

    fn exit(&self) -> Exit {
        if self.ok { Exit::Done } else { Exit::Input }
    }
}
