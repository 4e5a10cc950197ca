//! A folder of the work tree that people drop documents into. It is only read: what lies there is the user's. No link
//! is followed, neither on the way to it nor in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

use super::no_follow::{Folder, NoFollowError};

/// Names of a folder that are looked at; more are not counted. Ten times what a person keeps in one folder, and still
/// read in milliseconds.
pub const MAX_INBOX_NAMES: usize = 10_000;

/// How a file ends that is a document.
const ENDING: &[u8] = b".md";

/// One inbox.
#[derive(Debug, Clone)]
pub struct Inbox {
    work_tree: PathBuf,
    folder: &'static str,
}

/// By what one tells that a file is still as it was: no two contents have the same, unless both are written within one
/// tick of the file system's clock and have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    inode: u64,
    size: i64,
    /// Seconds and nanoseconds; nobody can set this one.
    changed: (i64, i64),
    modified: (i64, i64),
}

/// A document that lies in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its name in the folder.
    pub name: OsString,
    /// Its print.
    pub print: Print,
}

impl Inbox {
    /// The inbox at this path of a work tree.
    #[must_use]
    pub fn new(work_tree: &Path, folder: &'static str) -> Self {
        Self { work_tree: work_tree.to_owned(), folder }
    }

    /// Its path below the work tree.
    #[must_use]
    pub fn folder(&self) -> &'static str {
        self.folder
    }

    /// What messages call a file of it.
    #[must_use]
    pub fn shown(&self, name: &OsStr) -> String {
        format!("{}/{}", self.folder, name.to_string_lossy())
    }

    /// The documents in it, by name, and whether there are more names than are looked at. A file whose name begins with
    /// a dot is some program's own, and no document.
    pub fn list(&self) -> Result<(Vec<Dropped>, bool), NoFollowError> {
        let Some(folder) = self.open()? else { return Ok((Vec::new(), false)) };
        let (names, more) = folder.names(MAX_INBOX_NAMES)?;
        let mut found = Vec::new();
        for name in names {
            let bytes = name.as_bytes();
            if bytes.starts_with(b".") || !bytes.ends_with(ENDING) {
                continue;
            }
            if let Some(stat) = folder.stat(&name)? {
                found.push(Dropped { print: Print::of(&stat), name });
            }
        }
        Ok((found, more))
    }

    /// A document, whole; `None` where it is gone, or no longer what was listed.
    pub fn read(&self, dropped: &Dropped, cap: u64) -> Result<Option<Vec<u8>>, NoFollowError> {
        let Some(folder) = self.open()? else { return Ok(None) };
        if let Some(stat) = folder.stat(&dropped.name)?
            && FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
        {
            return Err(NoFollowError::NotAFile(folder.path().join(&dropped.name)));
        }
        let bytes = folder.read(&dropped.name, cap)?;
        let after = folder.stat(&dropped.name)?.map(|stat| Print::of(&stat));
        Ok(bytes.filter(|_| after == Some(dropped.print)))
    }

    fn open(&self) -> Result<Option<Folder>, NoFollowError> {
        let mut at = Folder::root(&self.work_tree)?;
        for name in Path::new(self.folder) {
            let Some(next) = at.enter(name)? else { return Ok(None) };
            at = next;
        }
        Ok(Some(at))
    }
}

impl Print {
    /// The print of the file at a path, links followed; `None` where there is none.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        rustix::fs::stat(path).ok().map(|stat| Self::of(&stat))
    }

    fn of(stat: &Stat) -> Self {
        Self {
            inode: stat.st_ino,
            size: number(stat.st_size),
            changed: (number(stat.st_ctime), number(stat.st_ctime_nsec)),
            modified: (number(stat.st_mtime), number(stat.st_mtime_nsec)),
        }
    }

    /// Whether nobody has touched it for that long, as far as its own times tell. Times in the future tell nothing.
    #[must_use]
    pub fn rests_for(&self, duration: Duration, now: SystemTime) -> bool {
        let touched = self.changed.max(self.modified);
        let Ok(now) = now.duration_since(SystemTime::UNIX_EPOCH) else { return false };
        let since = |(seconds, nanos): (i64, i64)| {
            Some(Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?))
        };
        since(touched).and_then(|touched| now.checked_sub(touched)).is_some_and(|age| age >= duration)
    }
}

/// A number of the system, whose width differs by platform.
fn number(of_system: impl TryInto<i64>) -> i64 {
    of_system.try_into().unwrap_or_default()
}
