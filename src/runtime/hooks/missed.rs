//! Pushes of which nothing, or not all, was taken in: they are kept in our own folder until somebody catches up. The
//! hook's script writes the same where the program could not run at all (`hooks/post-receive`).

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::MAX_STDIN_BYTES;
use crate::format::hooks::{BadLine, Update, received};
use crate::workspace::discover::Repository;
use crate::workspace::hooks::shared_bits;

/// How the names of kept pushes begin.
const KEPT: &str = "missed-pushes.";

/// Pushes that are read at once.
const MAX_KEPT: usize = 10_000;

/// Why a kept push is of no use.
#[derive(Debug, Error)]
pub enum MissedError {
    /// It cannot be read or removed.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what git writes.
    #[error("{}: {source}; take it away, and nothing of it is taken in", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BadLine,
    },
}

/// Keeps the lines of a push. Nothing is begun for it in a repository that has no folder of ours, unless that can be
/// made so that whoever else writes here can use it.
pub fn keep(repository: &Repository, lines: &[u8]) -> io::Result<()> {
    let folder = repository.millrace_dir();
    if !folder.is_dir() {
        let bits = shared_bits(repository).map_err(io::Error::other)?;
        std::fs::create_dir(&folder)?;
        let mode = folder.metadata()?.permissions().mode();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode | bits))?;
    }
    // The script's own names begin so as well.
    let mut file = tempfile::Builder::new().prefix(".missed-").tempfile_in(&folder)?;
    file.write_all(lines)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    let own =
        file.path().file_name().unwrap_or_default().to_string_lossy().trim_start_matches('.').to_owned();
    file.persist_noclobber(folder.join(format!("{KEPT}{own}"))).map_err(|error| error.error)?;
    Ok(())
}

/// A push that was kept.
#[derive(Debug)]
pub struct Missed {
    /// Where.
    pub path: PathBuf,
    /// What it moved.
    pub updates: Vec<Update>,
}

/// The pushes that were kept, the oldest first.
pub fn missed(folder: &Path) -> Result<Vec<Missed>, MissedError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(KEPT) {
            let path = entry.path();
            let time = entry.metadata().and_then(|found| found.modified());
            files.push((time.map_err(failed("look at", &path))?, path));
        }
    }
    files.sort();
    files.truncate(MAX_KEPT);
    let mut found = Vec::new();
    for (_, path) in files {
        let mut lines = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(MAX_STDIN_BYTES).read_to_end(&mut lines))
            .map_err(failed("read", &path))?;
        let updates = received(&lines).map_err(|source| MissedError::Line { path: path.clone(), source })?;
        found.push(Missed { path, updates });
    }
    Ok(found)
}

/// How many pushes were kept, whatever is in them.
#[must_use]
pub fn missed_pushes(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(KEPT)).count()
}

/// Forgets pushes that were taken in.
pub fn forget(missed: &[Missed]) -> Result<(), MissedError> {
    for one in missed {
        match std::fs::remove_file(&one.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &one.path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MissedError {
    let path = path.to_owned();
    move |source| MissedError::Io { action, path, source }
}
