//! Taking Millrace out of a repository: what there is of it, a bundle of the record, and the removal.
//!
//! What people wrote stays: the configuration and the overrides in `millrace-agents/`, the rules of a server, their
//! hooks, and whatever the objects of our refs were made from. Objects stay until the user's own gc finds that nothing
//! refers to them.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::daemon_lock::{DaemonLock, DaemonLockError};
use super::project::{OpenError, Project};
use crate::domain::limits::LOCK_WAIT;
use crate::domain::view::View as _;
use crate::harness::supervisor::{Probe, ProbeError, probe};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::workspace::bootstrap::{AGENTS, IGNORE_LINE, reference_style};
use crate::workspace::discover::Repository;

/// Below which all refs of ours are.
const OURS: &str = "refs/millrace/";

/// The server's rules in our folder: people wrote them.
const RULES: &str = "rules.toml";

/// Why it is not, or not wholly, taken out.
#[derive(Debug, Error)]
pub enum UninstallError {
    /// git or the store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A runtime works here.
    #[error(transparent)]
    Lock(#[from] DaemonLockError),
    /// What supervisors left cannot be looked at.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A stage is still running.
    #[error("a stage still runs here ({}); `millrace stop --now` ends it", .0.display())]
    Running(PathBuf),
    /// The bundle's name is taken.
    #[error("{} is there already, and is not overwritten; give another name with `--bundle`", .0.display())]
    BundleThere(PathBuf),
    /// The bundle would be removed with the rest.
    #[error("{} lies in what is to be removed; give another name with `--bundle`", .0.display())]
    BundleInside(PathBuf),
    /// The bundle does not hold all that it should.
    #[error("the bundle {} holds {found} of {expected} refs; nothing was removed", .path.display())]
    BundleShort {
        /// The bundle.
        path: PathBuf,
        /// Refs in it.
        found: usize,
        /// Refs that there are.
        expected: usize,
    },
    /// The machine refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UninstallError {
    let path = path.to_owned();
    move |source| UninstallError::Io { action, path, source }
}

/// What there is of Millrace in a repository, but for its hooks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Refs with their values.
    pub refs: Vec<(String, String)>,
    /// Files and folders that are removed whole.
    pub paths: Vec<PathBuf>,
    /// What is left, and why.
    pub left: Vec<String>,
}

/// Looks for everything that is ours.
pub fn inventory(repository: &Repository) -> Result<Inventory, UninstallError> {
    let mut found = Inventory { refs: refs(repository)?, ..Inventory::default() };
    own_folder(repository, &mut found)?;
    for work_tree in work_trees(repository)? {
        agents_folder(&work_tree, &mut found)?;
    }
    let keys = GitCommand::new(&repository.git_dir, "config")
        .args(["--local", "--name-only", "--get-regexp", r"^millrace\."])
        .output(&[])?;
    for key in String::from_utf8_lossy(&keys.stdout).lines() {
        found.left.push(format!("{key} in the repository's configuration, which somebody set"));
    }
    Ok(found)
}

fn refs(repository: &Repository) -> Result<Vec<(String, String)>, UninstallError> {
    let listed = GitCommand::new(&repository.git_dir, "for-each-ref")
        .args(["--format=%(objectname) %(refname)", OURS])
        .run(&[])?;
    let text = String::from_utf8_lossy(&listed).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(value, name)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// `<common-dir>/millrace`, but for the rules that people wrote.
fn own_folder(repository: &Repository, found: &mut Inventory) -> Result<(), UninstallError> {
    let folder = repository.millrace_dir();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("look into", &folder)(source)),
    };
    let mut inside = Vec::new();
    let mut rules = false;
    for entry in entries {
        let entry = entry.map_err(failed("look into", &folder))?;
        if entry.file_name() == RULES {
            rules = true;
            found.left.push(format!("{}, the rules of this repository's hooks", entry.path().display()));
        } else {
            inside.push(entry.path());
        }
    }
    inside.sort();
    if rules {
        found.paths.extend(inside);
    } else {
        found.paths.push(folder);
    }
    Ok(())
}

/// Every work tree of the repository that is there.
fn work_trees(repository: &Repository) -> Result<Vec<PathBuf>, UninstallError> {
    let listed =
        GitCommand::new(&repository.git_dir, "worktree").args(["list", "--porcelain", "-z"]).run(&[])?;
    let mut found: Vec<PathBuf> = listed
        .split(|byte| *byte == 0)
        .filter_map(|line| line.strip_prefix(b"worktree "))
        .map(|path| {
            use std::os::unix::ffi::OsStrExt as _;
            PathBuf::from(std::ffi::OsStr::from_bytes(path))
        })
        .filter(|path| path.is_dir())
        .collect();
    // git names the main one by its git directory where `core.worktree` puts it elsewhere.
    found.extend(repository.work_tree.clone());
    found.sort();
    found.dedup();
    Ok(found)
}

/// `millrace-agents/` of a work tree: the scratch is ours, and so is the `.gitignore` as we wrote it.
fn agents_folder(work_tree: &Path, found: &mut Inventory) -> Result<(), UninstallError> {
    let agents = work_tree.join(AGENTS);
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
    // What lies behind a link is not in this work tree, and the folder of another runtime is not ours.
    if !is_folder(&agents) || reference_style(work_tree).is_some() {
        return Ok(());
    }
    let (runs, ignore) = (agents.join("runs"), agents.join(".gitignore"));
    let mut ours = Vec::new();
    if is_folder(&runs) {
        if tracked(work_tree, &runs)? {
            found.left.push(format!("{}, which is under version control", runs.display()));
        } else {
            ours.push(runs);
        }
    }
    let written = ignore.symlink_metadata().is_ok_and(|found| found.is_file())
        && std::fs::read(&ignore).is_ok_and(|text| text == format!("{IGNORE_LINE}\n").as_bytes());
    if written && !tracked(work_tree, &ignore)? {
        ours.push(ignore);
    }
    let entries = std::fs::read_dir(&agents).map_err(failed("look into", &agents))?;
    let others = entries.flatten().filter(|entry| !ours.contains(&entry.path())).count();
    if others == 0 {
        found.paths.push(agents);
    } else {
        found
            .left
            .push(format!("{}, with the configuration and what else people wrote there", agents.display()));
        found.paths.extend(ours);
    }
    Ok(())
}

fn tracked(work_tree: &Path, path: &Path) -> Result<bool, UninstallError> {
    let listed = GitCommand::discover(work_tree, "ls-files")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .args(["-z", "--"])
        .arg(path)
        .run(&[])?;
    Ok(!listed.is_empty())
}

/// The items that are being worked on; none where the ledger tells nothing.
pub fn active_items(repository: &Repository) -> Result<Vec<String>, TransactError> {
    let project = match Project::open(&repository.git_dir) {
        Ok(project) => project,
        // A repository that cannot hold a ledger has no runtime that works on one.
        Err(OpenError::Store(StoreError::Unsupported(_)) | OpenError::Discover(_)) => return Ok(Vec::new()),
        Err(OpenError::Store(error)) => return Err(error.into()),
    };
    let trees = project.trees();
    let view = project.view(&trees)?;
    if !view.exists()? {
        return Ok(Vec::new());
    }
    Ok(view.runs()?.iter().map(|run| run.item.to_string()).collect())
}

/// Keeps every runtime away while this is held.
pub fn keep_runtimes_away(repository: &Repository) -> Result<Option<DaemonLock>, UninstallError> {
    let folder = repository.millrace_dir();
    if !folder.is_dir() {
        return Ok(None);
    }
    let lock = DaemonLock::take(&folder, "millrace uninstall")?;
    let invocations = folder.join("inv");
    for entry in std::fs::read_dir(&invocations).into_iter().flatten().flatten() {
        match probe(&entry.path()) {
            Ok(Probe::Running) => return Err(UninstallError::Running(entry.path())),
            Err(error @ ProbeError::Lock { .. }) => return Err(error.into()),
            // What an ended one wrote down does not matter any more.
            Ok(_) | Err(ProbeError::Record(_)) => {}
        }
    }
    Ok(Some(lock))
}

/// Writes every ref of ours into a bundle, durably, and reads it again. What the user's branches and tags hold is not
/// in it: it is needed to take the run branches out of it again. Gives the refs that are no more than a commit of the
/// user's, and so are not in it.
pub fn bundle(
    repository: &Repository,
    path: &Path,
    refs: &[(String, String)],
) -> Result<Vec<String>, UninstallError> {
    check_bundle(repository, path)?;
    GitCommand::new(&repository.git_dir, "bundle")
        .args(["create", "--quiet"])
        .arg(path)
        .args(["--glob=refs/millrace/*", "--not", "--branches", "--tags", "--remotes"])
        .run(&[])?;
    let held = GitCommand::new(&repository.git_dir, "bundle").arg("list-heads").arg(path).run(&[])?;
    let held = String::from_utf8_lossy(&held).into_owned();
    let held: Vec<&str> =
        held.lines().filter_map(|line| line.split_once(' ')).map(|(_, name)| name).collect();
    let mut theirs = Vec::new();
    for (name, value) in refs {
        if held.contains(&name.as_str()) {
            continue;
        }
        // Left out because a branch or a tag of the user's has it: then it is not lost.
        let containing = GitCommand::new(&repository.git_dir, "for-each-ref")
            .args(["--count=1", "--contains", value, "refs/heads", "refs/tags", "refs/remotes"])
            .run(&[])?;
        if !containing.is_empty() {
            theirs.push(name.clone());
        }
    }
    let found = held.len() + theirs.len();
    if found != refs.len() {
        return Err(UninstallError::BundleShort { path: path.to_owned(), found, expected: refs.len() });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for place in [path, folder] {
        std::fs::File::open(place).and_then(|file| file.sync_all()).map_err(failed("flush", place))?;
    }
    Ok(theirs)
}

/// That a bundle can be written there.
pub fn check_bundle(repository: &Repository, path: &Path) -> Result<(), UninstallError> {
    if path.symlink_metadata().is_ok() {
        return Err(UninstallError::BundleThere(path.to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().map_err(failed("write into", folder))?;
    let mut doomed = vec![repository.millrace_dir()];
    doomed.extend(work_trees(repository)?.into_iter().map(|tree| tree.join(AGENTS)));
    if doomed.iter().any(|doomed| folder.starts_with(doomed)) {
        return Err(UninstallError::BundleInside(path.to_owned()));
    }
    Ok(())
}

/// Removes what [`inventory`] found: the refs first, in one step, then the files.
pub fn remove(repository: &Repository, found: &Inventory) -> Result<(), UninstallError> {
    // No other writer of ours meanwhile; and what an ended one left in the user's object database is settled by it.
    let project = Project::open(&repository.git_dir).ok();
    let writer = match &project {
        Some(project) if repository.millrace_dir().is_dir() => Some(project.store.writer(LOCK_WAIT)?),
        _ => None,
    };
    if !found.refs.is_empty() {
        let mut lines = String::new();
        for (name, value) in &found.refs {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "option no-deref\ndelete {name} {value}");
        }
        GitCommand::new(&repository.git_dir, "update-ref")
            .config("core.fsync", "all")
            .arg("--stdin")
            .run(lines.as_bytes())?;
    }
    // Refs that cannot be read are in no list; folders and logs that git leaves are empty.
    let mut paths = found.paths.clone();
    for rest in ["refs/millrace", "logs/refs/millrace"] {
        paths.push(repository.common_dir.join(rest));
    }
    for path in &paths {
        take_away(path)?;
    }
    drop(writer);
    // What the locks of this very call left beside rules that stay.
    let mut rest = Inventory::default();
    own_folder(repository, &mut rest)?;
    for path in rest.paths {
        take_away(&path)?;
    }
    Ok(())
}

fn take_away(path: &Path) -> Result<(), UninstallError> {
    let gone = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}
