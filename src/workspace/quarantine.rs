//! A quarantine: an object directory of its own, where a snapshot's objects lie until they are published.
//!
//! The user's object database never holds an object of a snapshot that was not published, and what a crash
//! leaves behind is found by its lock: every live quarantine holds a kernel lock on its own folder.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::discover::Repository;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// An object directory that vanishes with this value. Publish its content before that.
#[derive(Debug)]
pub struct Quarantine {
    folder: TempDir,
    objects: PathBuf,
    alternate: OsString,
    _lock: File,
}

impl Quarantine {
    /// A new, empty one, in our folder of the repository (the same file system as the repository's objects).
    /// What dead processes left behind is removed on the way.
    pub(crate) fn create(repository: &Repository) -> Result<Self, StoreError> {
        let all = repository.millrace_dir().join("quarantine");
        let io = |action: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { action, path, source }
        };
        std::fs::create_dir_all(&all).map_err(io("create", &all))?;
        // Held while one is made, so that nobody sweeps a folder between its making and its locking.
        let front_door = File::open(&all).map_err(io("open", &all))?;
        flock(&front_door, FlockOperation::LockExclusive).map_err(|e| io("lock", &all)(e.into()))?;
        sweep(&all);
        let folder = tempfile::Builder::new().prefix("q-").tempdir_in(&all).map_err(io("create", &all))?;
        let lock = File::open(folder.path()).map_err(io("open", folder.path()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|e| io("lock", folder.path())(e.into()))?;
        let objects = folder.path().join("objects");
        for path in [objects.clone(), objects.join("info"), objects.join("pack")] {
            std::fs::create_dir(&path).map_err(io("create", &path))?;
        }
        let alternate = alternate_value(&repository.common_dir.join("objects"));
        Ok(Self { folder, objects, alternate, _lock: lock })
    }

    /// The object directory, for `NewObjects::Quarantine`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.objects
    }

    /// A file of this name beside the objects; it goes with them.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// git writes objects here and reads the repository's as well.
    pub(crate) fn over(&self, git: GitCommand) -> GitCommand {
        git.env("GIT_OBJECT_DIRECTORY", &self.objects)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &self.alternate)
    }
}

/// How many of them no process holds: what a crash left. Changes nothing.
#[must_use]
pub fn abandoned(repository: &Repository) -> usize {
    let Ok(entries) = std::fs::read_dir(repository.millrace_dir().join("quarantine")) else { return 0 };
    let free = |entry: &std::fs::DirEntry| {
        File::open(entry.path())
            .is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockShared).is_ok())
    };
    entries.flatten().filter(free).count()
}

/// Removes what crashes left; how many there were.
pub fn clear(repository: &Repository) -> Result<usize, StoreError> {
    let found = abandoned(repository);
    if found > 0 {
        // Making one removes the others on the way.
        Quarantine::create(repository)?;
    }
    Ok(found)
}

/// Removes the quarantines that no process holds. Whatever cannot be removed stays for the next time.
fn sweep(all: &Path) {
    let Ok(entries) = std::fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        let Ok(folder) = File::open(entry.path()) else { continue };
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A path as git reads it from a list of paths: `:` would end it, so such a path is quoted.
fn alternate_value(path: &Path) -> OsString {
    let raw = path.as_os_str().as_bytes();
    if !raw.contains(&b':') && !raw.starts_with(b"\"") {
        return path.as_os_str().to_owned();
    }
    let mut quoted = vec![b'"'];
    for &byte in raw {
        match byte {
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', byte]),
            b'\n' => quoted.extend_from_slice(b"\\n"),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::alternate_value;

    #[test]
    fn a_path_that_git_would_split_is_quoted() {
        assert_eq!(alternate_value(Path::new("/a/b c")), OsStr::new("/a/b c"));
        assert_eq!(alternate_value(Path::new("/a:b/\"c\"\\")), OsStr::new("\"/a:b/\\\"c\\\"\\\\\""));
    }
}
