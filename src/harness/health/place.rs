//! Finding a program as a harness's supervisor would.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Why there is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// The runtime's environment has no `PATH`, and neither has the runner's.
    NoPath,
    /// No folder of the `PATH` has it.
    Nowhere,
    /// It is a path, and nothing is there.
    Missing,
    /// What is there cannot be executed.
    NotExecutable(PathBuf),
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPath => f.write_str("cannot be looked for: the harness gets no PATH"),
            Self::Nowhere => f.write_str("is in no folder of the PATH that the harness gets"),
            Self::Missing => f.write_str("is not there"),
            Self::NotExecutable(path) => write!(f, "cannot be executed: {}", path.display()),
        }
    }
}

/// The file of a program: a path as it is, from the work tree; a name by the `PATH`.
pub(super) fn find(program: &str, path: Option<&String>, work_tree: &Path) -> Result<PathBuf, NotFound> {
    if program.contains('/') {
        let file = work_tree.join(program);
        return match executable(&file) {
            Some(true) => Ok(file),
            Some(false) => Err(NotFound::NotExecutable(file)),
            None => Err(NotFound::Missing),
        };
    }
    let path = path.ok_or(NotFound::NoPath)?;
    let mut other = None;
    for folder in std::env::split_paths(path) {
        let file = work_tree.join(folder).join(program);
        match executable(&file) {
            Some(true) => return Ok(file),
            Some(false) => other = other.or(Some(file)),
            None => {}
        }
    }
    Err(other.map_or(NotFound::Nowhere, NotFound::NotExecutable))
}

/// Whether a plain file can be executed; none where there is no such file.
fn executable(file: &Path) -> Option<bool> {
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(metadata.permissions().mode() & 0o111 != 0)
}
