//! `millrace plan show`

use clap::Args;
use serde::Serialize;

use super::{named, unreadable};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::plan_page::PlanPage;
use crate::cli::stdout::{Answer, answer, print};
use crate::domain::ids::PlanId;
use crate::domain::view::View as _;
use crate::format::suggest::nearest;
use crate::ledger::view::TreeView;
use crate::runtime::approval;
use crate::runtime::plans;
use crate::runtime::project::Project;
use crate::runtime::runner::frozen_config;

/// Show a frozen plan: its stages, where each report leads, what is executed. The selected one where none is named.
///
/// `git show refs/millrace/state:plans/<plan>/plan.toml` shows its record.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The plan: its id, a beginning of it, or of the twelve digits at its end.
    #[arg(value_name = "PLAN")]
    plan: Option<String>,

    /// Print one of its files, byte for byte as it was frozen, and nothing else: `plan.toml`, or a path that
    /// `--files` lists.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["json", "files"])]
    file: Option<String>,

    /// List its files instead.
    #[arg(long)]
    files: bool,
}

/// A frozen plan.
#[derive(Debug, Serialize)]
pub(in crate::cli::commands) struct Shown {
    #[serde(flatten)]
    page: PlanPage,
    selected: bool,
    approved: bool,
}

/// The files of a frozen plan.
#[derive(Debug, Serialize)]
struct Files {
    files: Vec<String>,
}

impl ShowArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let id = named(&view, self.plan.as_deref())?;
        if self.files || self.file.is_some() {
            let mut files = plans::files(&view, &id)?;
            let Some(path) = &self.file else {
                return answer(context, &Files { files: files.into_keys().collect() });
            };
            let Some(bytes) = files.remove(path) else {
                let failure = Failure::failed(format!("{id} has no file `{}`", path.escape_debug()));
                return Err(failure.hint(match nearest(path, files.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("`millrace plan show {id} --files` lists them"),
                }));
            };
            print(&bytes)?;
            return Ok(Exit::Done);
        }
        answer(context, &shown(&project, &view, id)?)
    }
}

/// What there is to show of a plan.
pub(in crate::cli::commands) fn shown(
    project: &Project,
    view: &TreeView<'_, '_>,
    id: PlanId,
) -> Result<Shown, Failure> {
    let plan = view.plan(&id)?.ok_or_else(|| unreadable(&id))?;
    let config = frozen_config(view, &id).map_err(|error| Failure::new(Exit::Damaged, error))?;
    Ok(Shown {
        selected: view.control()?.plan.as_ref() == Some(&id),
        approved: approval::is_approved(project, view, &id)?,
        page: PlanPage::frozen(id, &plan, &config),
    })
}

impl Answer for Shown {
    const KIND: &'static str = "plan_show";

    fn text(&self, page: &mut Page) {
        let selected = if self.selected { "selected" } else { "not selected" };
        let approved = if self.approved { "may run here" } else { "not approved here, and not run" };
        self.page.text(page, &format!("{selected}, {approved}"));
    }
}

impl Answer for Files {
    const KIND: &'static str = "plan_files";

    fn text(&self, page: &mut Page) {
        for file in &self.files {
            page.line(file);
        }
    }
}
