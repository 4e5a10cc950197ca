//! `millrace-agents/` in the work tree: the operator's folder. What is missing is created; nothing is overwritten.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::no_follow::{Folder, NoFollowError};

/// The operator's folder in the work tree.
pub const AGENTS: &str = "millrace-agents";

/// The configuration file in it.
pub const CONFIG: &str = "millrace.toml";

/// The line of `.gitignore` that keeps our scratch out of the user's commits.
pub const IGNORE_LINE: &str = "runs/";

/// Bytes of a `.gitignore` that are looked at.
const MAX_IGNORE_BYTES: u64 = 1024 * 1024;

/// Folders that the reference runtime keeps its state in, and we never make.
const REFERENCE_FOLDERS: [&str; 2] = ["state", "tasks"];

/// Whether git ignores our scratch by `millrace-agents/.gitignore`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoreRule {
    /// The file was missing and was created.
    Created,
    /// It has the line.
    Present,
    /// It is there without the line `runs/`. It is the operator's, so it stays as it is; say so. Snapshots leave
    /// the scratch out all the same.
    Missing,
}

/// What bootstrapping found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bootstrapped {
    /// The folder is complete.
    Ready {
        /// What was created, outermost first.
        created: Vec<PathBuf>,
        /// Whether git ignores our scratch.
        ignore: IgnoreRule,
    },
    /// The folder belongs to a runtime that keeps its state in files. Nothing was touched.
    ReferenceStyle(ReferenceStyle),
}

/// A `millrace-agents/` that belongs to a runtime that keeps its state in files. Whoever meets one says this.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{} belongs to a runtime that keeps its state in files (it has {found}/), and is left as it is; move or rename it \
     to use Millrace here",
    .folder.display()
)]
pub struct ReferenceStyle {
    /// The `millrace-agents` folder.
    pub folder: PathBuf,
    /// The entry that gives it away.
    pub found: &'static str,
}

/// Why `millrace-agents/` was not completed.
#[derive(Debug, Error)]
pub enum BootstrapError {
    /// The folder or a file in it cannot be used.
    #[error(transparent)]
    Folder(#[from] NoFollowError),
    /// The configuration cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Creates `millrace-agents/` with `millrace.toml` (this text) and `.gitignore`, each where it is missing.
pub fn ensure_millrace_dir(work_tree: &Path, config_text: &str) -> Result<Bootstrapped, BootstrapError> {
    let root = Folder::root(work_tree)?;
    let mut created = Vec::new();
    let agents = if let Some(agents) = root.enter(OsStr::new(AGENTS))? {
        agents
    } else {
        let agents = root.enter_or_create(OsStr::new(AGENTS))?;
        created.push(agents.path().to_owned());
        agents
    };
    if let Some(other) = reference_style(work_tree) {
        return Ok(Bootstrapped::ReferenceStyle(other));
    }
    let config = agents.path().join(CONFIG);
    if create_once(&config, config_text.as_bytes())
        .map_err(|source| BootstrapError::Write { path: config.clone(), source })?
    {
        created.push(config);
    }
    let ignore = ensure_ignore_rule(&agents)?;
    if ignore == IgnoreRule::Created {
        created.push(agents.path().join(".gitignore"));
    }
    Ok(Bootstrapped::Ready { created, ignore })
}

/// What makes `millrace-agents/` the folder of a runtime that keeps its state in files; `None` where it is ours, or
/// missing. Only looks.
#[must_use]
pub fn reference_style(work_tree: &Path) -> Option<ReferenceStyle> {
    let folder = work_tree.join(AGENTS);
    // A link of that name is none of ours either.
    let found = REFERENCE_FOLDERS.into_iter().find(|found| folder.join(found).symlink_metadata().is_ok())?;
    Some(ReferenceStyle { folder, found })
}

/// Writes a file that must not exist, whole and durable before its name appears; `false` where it exists, in
/// whatever form.
fn create_once(path: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)?;
    aside.write_all(bytes)?;
    aside.as_file().sync_all()?;
    match aside.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Makes `.gitignore` in the operator's folder, unless there is one.
pub(super) fn ensure_ignore_rule(agents: &Folder) -> Result<IgnoreRule, NoFollowError> {
    let name = OsStr::new(".gitignore");
    match agents.read(name, MAX_IGNORE_BYTES) {
        Ok(None) => {
            agents.write(name, format!("{IGNORE_LINE}\n").as_bytes())?;
            Ok(IgnoreRule::Created)
        }
        Ok(Some(text)) => {
            let text = String::from_utf8_lossy(&text);
            let named = text.lines().any(|line| {
                matches!(
                    line.trim_end(),
                    "runs/" | "/runs/" | "runs" | "/runs" | "*" | "/*" | "runs/*" | "/runs/*"
                )
            });
            Ok(if named { IgnoreRule::Present } else { IgnoreRule::Missing })
        }
        // A link, or something enormous: the operator's business.
        Err(NoFollowError::NotAFile(_) | NoFollowError::TooLarge { .. }) => Ok(IgnoreRule::Missing),
        Err(other) => Err(other),
    }
}
