//! The texts that stages here work by, and whether the files as they are now make a plan.

use super::{Checked, Level};
use crate::compile::lint::{self, Linted, lint};
use crate::compile::{Assets, Problem};
use crate::format::count::counted;
use crate::format::warning::Warning;
use crate::runtime::plans::{self, PlanError};
use crate::runtime::project::Project;

/// Lints what a compile would freeze now: the shipped texts, with the operator's in their place and beside them.
pub(super) fn texts(assets: &Assets, checked: &mut Checked) -> Linted {
    let linted = lint(assets);
    for finding in &linted.findings {
        let (level, check) = match finding.level {
            lint::Level::Structural => (Level::Error, "text structure"),
            lint::Level::Compatibility => (Level::Error, "text compatibility"),
            lint::Level::Policy => (Level::Warning, "text policy"),
        };
        checked.add(level, check, &finding.problem);
    }
    if linted.more > 0 {
        checked.add(Level::Warning, "texts", format!("and {}", counted(linted.more, "more finding")));
    }
    if linted.findings.is_empty() {
        checked.add(Level::Ok, "texts", format!("{} texts linted", linted.texts));
    }
    linted
}

/// Compiles the files as they are, and keeps nothing of it. What was said of the texts and of the configuration is not
/// said again.
pub(super) fn plan_of_files(project: &Project, linted: &Linted, warned: &[Warning], checked: &mut Checked) {
    let compiled = match plans::dry_compile(project, None, None) {
        Ok(compiled) => compiled,
        Err(PlanError::Rejected { diagnostics, .. }) => {
            let said = |error: &&Problem| linted.findings.iter().any(|finding| finding.problem == **error);
            for error in diagnostics.errors.iter().filter(|error| !said(error)) {
                checked.add(Level::Error, "compile", error);
            }
            if diagnostics.more_errors > 0 {
                checked.add(
                    Level::Error,
                    "compile",
                    format!("and {}", counted(diagnostics.more_errors, "more error")),
                );
            }
            return;
        }
        Err(error) => return checked.add(Level::Error, "compile", error),
    };
    for warning in compiled.diagnostics.warnings.iter().filter(|warning| !warned.contains(warning)) {
        checked.add(Level::Warning, "compile", warning);
    }
    let id = &compiled.id;
    match plans::selected(project) {
        Ok(Some(selected)) if selected == *id => {
            checked.add(Level::Ok, "compile", "the files give the selected plan");
        }
        Ok(Some(selected)) => {
            let detail = format!(
                "the files give {id}, and {selected} is selected; `millrace plan diff` shows what differs, `millrace \
                 compile validate` selects the files' plan"
            );
            checked.add(Level::Warning, "compile", detail);
        }
        Ok(None) => checked.add(Level::Ok, "compile", format!("the files give {id}")),
        // Said with the ledger.
        Err(_) => {}
    }
}
