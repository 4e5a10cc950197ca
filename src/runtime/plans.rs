//! Compiling and selecting plans, and bootstrapping what is missing for it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::approval;
use super::project::Project;
use crate::compile::{Assets, Compiled, Diagnostics, OVERRIDE_FOLDERS, Request, compile};
use crate::domain::ids::{ModeId, PlanId};
use crate::domain::transition::input::{Files, Input};
use crate::domain::transition::record::Actor;
use crate::domain::view::View as _;
use crate::format::config::{self, ConfigError, Loaded};
use crate::format::warning::Warning;
use crate::ledger::store::StoreError;
use crate::ledger::transact::{Payloads, TransactError};
use crate::workspace::bootstrap::{BootstrapError, Bootstrapped, ensure_millrace_dir};

/// Bytes of one override file.
const MAX_OVERRIDE_BYTES: u64 = 1024 * 1024;

/// Why there is no new plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The repository has no work tree to read a configuration from.
    #[error("{} is a bare repository: a plan is compiled in a work tree of it", .0.display())]
    Bare(PathBuf),
    /// `millrace-agents/` cannot be completed.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// `millrace-agents/` is another runtime's folder. Nothing was touched.
    #[error(
        "{} belongs to a runtime that keeps its state in files (it has {found}/), and is left as it is; move it away to \
         use Millrace here",
        .folder.display()
    )]
    ReferenceStyle {
        /// The folder.
        folder: PathBuf,
        /// The entry that gives it away.
        found: &'static str,
    },
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not compile; the diagnostics are in the ledger.
    #[error("the plan does not compile:\n{diagnostics}")]
    Rejected {
        /// What is wrong, a line each.
        diagnostics: Diagnostics,
        /// The plan that stays selected.
        stands: Option<PlanId>,
    },
    /// The approval list cannot be written.
    #[error("cannot note the plan as approved here: {0}")]
    Approve(io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

/// A plan that was compiled and selected.
#[derive(Debug)]
pub struct Selected {
    /// Its id.
    pub plan: PlanId,
    /// Its mode.
    pub mode: ModeId,
    /// Whether another one (or none) was selected before.
    pub changed: bool,
    /// What bootstrapping created.
    pub created: Vec<PathBuf>,
    /// What the configuration's writer should know.
    pub warnings: Vec<Warning>,
}

/// Writes what is missing of `millrace-agents/`, and gives what it created.
pub fn bootstrap(project: &Project) -> Result<Vec<PathBuf>, PlanError> {
    match ensure_millrace_dir(work_tree(project)?, config::bootstrap_text())? {
        Bootstrapped::Ready { created, ignore: _ } => Ok(created),
        Bootstrapped::ReferenceStyle { folder, found } => Err(PlanError::ReferenceStyle { folder, found }),
    }
}

/// The configuration of the work tree, or of another file.
pub fn load(project: &Project, file: Option<&Path>) -> Result<Loaded, PlanError> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => work_tree(project)?.join("millrace-agents").join("millrace.toml"),
    };
    let text =
        std::fs::read_to_string(&path).map_err(|source| PlanError::Read { path: path.clone(), source })?;
    Ok(config::parse(&text, &path.display().to_string())?)
}

/// The shipped texts with the operator's, as they lie in the work tree now.
pub fn assets(project: &Project) -> Result<Assets, PlanError> {
    Ok(Assets::with_overrides(overrides(work_tree(project)?)?))
}

/// Bootstraps what is missing, compiles, and selects the plan. A failed compile leaves the selected plan as it is, and
/// its diagnostics in the ledger.
pub fn compile_and_select(
    project: &Project,
    mode: Option<&ModeId>,
    config_file: Option<&Path>,
) -> Result<Selected, PlanError> {
    let created = bootstrap(project)?;
    let loaded = load(project, config_file)?;
    let assets = assets(project)?;
    let act = project.act(Actor::Operator, None)?;
    let mut payloads = Payloads::default();
    let compiled = match compile(&Request { mode, config: &loaded, assets: &assets }) {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            let record = diagnostics.to_toml().map_err(TransactError::from)?;
            let content = payloads.add(&project.store, record)?;
            project.transact(&act, &Input::CompileFailed { diagnostics: content }, &payloads)?;
            return Err(PlanError::Rejected { diagnostics, stands: selected(project)? });
        }
    };
    let Compiled { id, plan, record, files: frozen, diagnostics } = compiled;
    let record = payloads.add(&project.store, record)?;
    let said = diagnostics.to_toml().map_err(TransactError::from)?;
    let said = payloads.add(&project.store, said)?;
    let mut files = Files::new();
    for (path, bytes) in frozen {
        files.insert(path, payloads.add(&project.store, bytes)?);
    }
    let input = Input::Compile { plan: id.clone(), record, files, diagnostics: said };
    // Approved first: a crash in between leaves an approval of a plan that nobody selected.
    approval::approve(&project.store.private_dir(), &id).map_err(PlanError::Approve)?;
    let outcome = project.transact(&act, &input, &payloads)?;
    Ok(Selected {
        plan: id,
        mode: plan.mode,
        changed: outcome.commit().is_some(),
        created,
        warnings: diagnostics.warnings,
    })
}

/// The selected plan, compiled first where there is none.
pub fn ensure_selected(project: &Project) -> Result<(PlanId, Option<Selected>), PlanError> {
    if let Some(plan) = selected(project)? {
        return Ok((plan, None));
    }
    let made = compile_and_select(project, None, None)?;
    Ok((made.plan.clone(), Some(made)))
}

/// The plan that is selected.
pub fn selected(project: &Project) -> Result<Option<PlanId>, TransactError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    Ok(if view.exists()? { view.control()?.plan } else { None })
}

fn work_tree(project: &Project) -> Result<&Path, PlanError> {
    project.repository.work_tree.as_deref().ok_or_else(|| PlanError::Bare(project.repository.git_dir.clone()))
}

/// The operator's own modes, loops, entrypoints and skills, by their path below `millrace-agents/`.
fn overrides(work_tree: &Path) -> Result<BTreeMap<String, Vec<u8>>, PlanError> {
    let agents = work_tree.join("millrace-agents");
    let mut found = BTreeMap::new();
    let mut todo: Vec<PathBuf> = OVERRIDE_FOLDERS.iter().map(|folder| agents.join(folder)).collect();
    while let Some(folder) = todo.pop() {
        let read = |source| PlanError::Read { path: folder.clone(), source };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
            Err(fault) => return Err(read(fault)),
        };
        for entry in entries {
            let entry = entry.map_err(read)?;
            let kind = entry.file_type().map_err(read)?;
            let path = entry.path();
            if kind.is_dir() {
                todo.push(path);
            } else if kind.is_file() {
                let source = |source| PlanError::Read { path: path.clone(), source };
                let size = entry.metadata().map_err(source)?.len();
                if size > MAX_OVERRIDE_BYTES {
                    let text = format!("it has {size} bytes; at most {MAX_OVERRIDE_BYTES} are read");
                    return Err(source(io::Error::other(text)));
                }
                let name = path.strip_prefix(&agents).unwrap_or(&path).to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).map_err(source)?);
            }
        }
    }
    Ok(found)
}
