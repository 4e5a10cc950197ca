//! Compiling and selecting plans, and bootstrapping what is missing for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::approval;
use super::evidence::Secrets;
use super::project::Project;
use crate::compile::{Assets, Compiled, Diagnostics, OVERRIDE_FOLDERS, Request, compile};
use crate::domain::ids::{ModeId, PlanId};
use crate::domain::oid::Oid;
use crate::domain::place::{self, TreePath};
use crate::domain::transition::input::{Files, Input};
use crate::domain::transition::record::Actor;
use crate::domain::view::{Fault, View as _};
use crate::format::config::{self, ConfigError, Loaded, Redaction};
use crate::format::warning::Warning;
use crate::ledger::store::StoreError;
use crate::ledger::transact::{Payloads, TransactError};
use crate::ledger::tree::{Entry, TreeEditor};
use crate::ledger::view::TreeView;
use crate::workspace::bootstrap::{
    AGENTS, BootstrapError, Bootstrapped, CONFIG, ReferenceStyle, ensure_millrace_dir, reference_style,
};

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
    #[error(transparent)]
    ReferenceStyle(#[from] ReferenceStyle),
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
    /// The commit that selected it; none where it was selected already.
    pub commit: Option<Oid>,
    /// What bootstrapping created.
    pub created: Vec<PathBuf>,
    /// What the configuration's writer should know.
    pub warnings: Vec<Warning>,
}

/// Writes what is missing of `millrace-agents/`, and gives what it created.
pub fn bootstrap(project: &Project) -> Result<Vec<PathBuf>, PlanError> {
    match ensure_millrace_dir(work_tree(project)?, config::bootstrap_text())? {
        Bootstrapped::Ready { created, ignore: _ } => Ok(created),
        Bootstrapped::ReferenceStyle(other) => Err(other.into()),
    }
}

/// The configuration of the work tree, or of another file.
pub fn load(project: &Project, file: Option<&Path>) -> Result<Loaded, PlanError> {
    let path = config_path(project, file)?;
    let read = || {
        let mut text = String::new();
        // A byte more than is accepted: what is too long is refused by what reads it.
        File::open(&path)?.take(config::MAX_CONFIG_BYTES as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|source| PlanError::Read { path: path.clone(), source })?;
    // Before anything is made of it: what is wrong with a configuration is said with pieces of it, and kept.
    if let Some((line, what)) = Secrets::of_this_process(&Redaction::default()).search().line(&text) {
        return Err(ConfigError::holds_secret(&shown(file), line, None, &what).into());
    }
    let loaded = config::parse(&text, &shown(file))?;
    loaded.refuse_secrets(Secrets::of_this_process(&loaded.config.redaction).search())?;
    Ok(loaded)
}

/// What messages call a configuration: as it was named, else as the operator knows it.
pub(super) fn shown(file: Option<&Path>) -> String {
    file.map_or_else(|| format!("{AGENTS}/{CONFIG}"), |path| path.display().to_string())
}

/// The same; the defaults, and `false`, where the work tree has no configuration yet.
pub fn load_or_defaults(project: &Project, file: Option<&Path>) -> Result<(Loaded, bool), PlanError> {
    let path = config_path(project, file)?;
    // A link that leads nowhere is a configuration that cannot be read.
    if file.is_some() || path.symlink_metadata().is_ok() {
        return Ok((load(project, file)?, true));
    }
    Ok((config::parse("", &shown(file))?, false))
}

/// Where a configuration is: the work tree's own, or another file.
pub fn config_path(project: &Project, file: Option<&Path>) -> Result<PathBuf, PlanError> {
    match file {
        Some(path) => Ok(path.to_owned()),
        None => Ok(work_tree(project)?.join(AGENTS).join(CONFIG)),
    }
}

/// Compiles a configuration with what the work tree has beside it. Writes nothing.
pub fn compile_only(
    project: &Project,
    mode: Option<&ModeId>,
    config: &Loaded,
) -> Result<Result<Compiled, Diagnostics>, PlanError> {
    let search = Secrets::of_this_process(&config.config.redaction).search().clone();
    let assets = assets(project)?.without(search);
    Ok(compile(&Request { mode, config, assets: &assets }))
}

/// Compiles what the files say now, and changes nothing. Where there is no configuration yet, the defaults count.
pub fn dry_compile(
    project: &Project,
    mode: Option<&ModeId>,
    config_file: Option<&Path>,
) -> Result<Compiled, PlanError> {
    let work_tree = work_tree(project)?;
    if let Some(found) = reference_style(work_tree) {
        return Err(PlanError::ReferenceStyle(found));
    }
    let compiled = match load_or_defaults(project, config_file) {
        Ok((loaded, _)) => compile_only(project, mode, &loaded)?,
        Err(PlanError::Config(error)) => Err(Diagnostics::of_config(mode, error)),
        Err(error) => return Err(error),
    };
    match compiled {
        Ok(compiled) => Ok(compiled),
        Err(diagnostics) => Err(PlanError::Rejected { diagnostics, stands: selected(project)? }),
    }
}

/// The shipped texts, and the operator's in place of them. A bare repository has none of the operator's.
pub fn assets(project: &Project) -> Result<Assets, PlanError> {
    Ok(match &project.repository.work_tree {
        Some(work_tree) => Assets::with_overrides(overrides(work_tree)?),
        None => Assets::shipped(),
    })
}

/// Bootstraps what is missing, compiles, and selects the plan. A failed compile leaves the selected plan as it is, and
/// its diagnostics in the ledger.
pub fn compile_and_select(
    project: &Project,
    mode: Option<&ModeId>,
    config_file: Option<&Path>,
) -> Result<Selected, PlanError> {
    let named = match config_file.map(|file| load(project, Some(file))) {
        // A file that somebody names has to be there before anything is made.
        Some(Err(error)) if !matches!(error, PlanError::Config(_)) => return Err(error),
        named => named,
    };
    let created = bootstrap(project)?;
    let mut secrets = Secrets::of_this_process(&Redaction::default());
    let compiled = match named.unwrap_or_else(|| load(project, None)) {
        Ok(loaded) => {
            secrets = Secrets::of_this_process(&loaded.config.redaction);
            compile_only(project, mode, &loaded)?
        }
        Err(PlanError::Config(error)) => Err(Diagnostics::of_config(mode, error)),
        Err(error) => return Err(error),
    };
    let act = project.act(Actor::Operator, None)?;
    let mut payloads = Payloads::default();
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            let record = diagnostics.to_toml().map_err(TransactError::from)?;
            let record = secrets.redacted(&String::from_utf8_lossy(&record)).0.into_bytes();
            let content = payloads.add(&project.store, record)?;
            project.transact(&act, &Input::CompileFailed { diagnostics: content }, &payloads)?;
            return Err(PlanError::Rejected { diagnostics, stands: selected(project)? });
        }
    };
    let Compiled { id, plan, record, files: frozen, diagnostics, .. } = compiled;
    let record = payloads.add(&project.store, record)?;
    let said = diagnostics.to_toml().map_err(TransactError::from)?;
    let said = secrets.redacted(&String::from_utf8_lossy(&said)).0.into_bytes();
    let said = payloads.add(&project.store, said)?;
    let mut files = Files::new();
    for (path, bytes) in frozen {
        files.insert(path, payloads.add(&project.store, bytes)?);
    }
    // Approved first: a crash in between leaves an approval of a plan that nobody selected.
    let content = content(project, record.oid, &files)?;
    approval::approve(&project.store.private_dir(), &id, content).map_err(PlanError::Approve)?;
    let input = Input::Compile { plan: id.clone(), record, files, diagnostics: said };
    let outcome = project.transact(&act, &input, &payloads)?;
    Ok(Selected {
        plan: id,
        mode: plan.mode,
        changed: outcome.commit().is_some(),
        commit: outcome.commit(),
        created,
        warnings: diagnostics.warnings,
    })
}

/// The tree that the plan's folder in the ledger will have.
fn content(project: &Project, record: Oid, files: &Files) -> Result<Oid, PlanError> {
    let trees = project.trees();
    let mut folder = TreeEditor::new(&trees, None).map_err(TransactError::from)?;
    let files = files.iter().map(|(name, file)| (format!("files/{name}"), file.oid));
    for (path, oid) in std::iter::once((RECORD.to_owned(), record)).chain(files) {
        let path = TreePath::new(path).map_err(|error| TransactError::Internal(error.to_string()))?;
        folder.put(&path, oid).map_err(TransactError::from)?;
    }
    Ok(folder.finish()?.0)
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

/// The name of a plan's record among its files.
pub const RECORD: &str = "plan.toml";

/// The plans of the ledger, by id.
pub fn frozen(view: &TreeView<'_, '_>) -> Result<Vec<PlanId>, Fault> {
    let entries = view.list(&place::plans_folder())?;
    let folders = entries.iter().filter(|entry| entry.folder);
    let id = |entry: &Entry| {
        entry.name.parse().map_err(|_| Fault {
            at: format!("{}/{}", place::plans_folder(), entry.name),
            detail: "no such name belongs there".to_owned(),
        })
    };
    folders.map(id).collect()
}

/// The files of a frozen plan: its record as [`RECORD`], the others by their path below the plan's `files/`.
pub fn files(view: &TreeView<'_, '_>, plan: &PlanId) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let mut files = BTreeMap::new();
    if let Some(record) = view.file(&place::plan(plan))? {
        files.insert(RECORD.to_owned(), record);
    }
    let misplaced = |error: place::NotAPath| Fault { at: format!("plans/{plan}"), detail: error.to_string() };
    let top = format!("{}/files", place::plan_folder(plan));
    let mut todo = vec![TreePath::new(top.clone()).map_err(misplaced)?];
    while let Some(folder) = todo.pop() {
        for entry in view.list(&folder)?.iter() {
            let path = TreePath::new(format!("{folder}/{}", entry.name)).map_err(misplaced)?;
            if entry.folder {
                todo.push(path);
            } else if let Some(bytes) = view.file(&path)? {
                files.insert(path.as_str()[top.len() + 1..].to_owned(), bytes);
            }
        }
    }
    Ok(files)
}

/// The files of a plan that was just compiled, likewise.
#[must_use]
pub fn files_of(compiled: Compiled) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = compiled.files.into_iter().collect();
    files.insert(RECORD.to_owned(), compiled.record);
    files
}

fn work_tree(project: &Project) -> Result<&Path, PlanError> {
    project.repository.work_tree.as_deref().ok_or_else(|| PlanError::Bare(project.repository.git_dir.clone()))
}

/// The operator's own modes, loops, stage kinds, entrypoints and skills, by their path below `millrace-agents/`.
fn overrides(work_tree: &Path) -> Result<BTreeMap<String, Vec<u8>>, PlanError> {
    let agents = work_tree.join(AGENTS);
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
