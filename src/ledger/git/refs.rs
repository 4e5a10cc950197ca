//! Refs as files: reading them loose and packed, and swapping one by git's own lock-file protocol.
//!
//! gix's transaction takes `packed-refs.lock` and never syncs, so it is not used here.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::disk::{self, Disk, PLAIN, fault};
use crate::domain::oid::Oid;
use crate::ledger::store::{ObjectFormat, RefName, StoreError};

/// How long another program's `<ref>.lock` is waited for: git holds one for milliseconds.
const REF_LOCK_WAIT: Duration = Duration::from_secs(1);

/// What the name of every run branch begins with.
pub(super) const RUNS: &str = "refs/millrace/runs/";

/// The refs of one repository.
pub(super) struct Refs<'a> {
    pub(super) common_dir: &'a Path,
    pub(super) format: ObjectFormat,
}

impl Refs<'_> {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.common_dir.join(name)
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.common_dir.join(format!("{name}.lock"))
    }

    /// The value of a ref: loose first, then packed, as git looks.
    pub(super) fn read(&self, name: &str) -> Result<Option<Oid>, StoreError> {
        match self.read_loose(name)? {
            Some(oid) => Ok(Some(oid)),
            None => self.read_packed(name),
        }
    }

    fn read_loose(&self, name: &str) -> Result<Option<Oid>, StoreError> {
        let path = self.path(name);
        match std::fs::read(&path) {
            Ok(bytes) => self.parse(name, &bytes).map(Some),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(fault("read", &path)(error)),
        }
    }

    fn parse(&self, name: &str, bytes: &[u8]) -> Result<Oid, StoreError> {
        let damaged = |detail: String| StoreError::DamagedRef { name: name.to_owned(), detail };
        if bytes.is_empty() {
            return Err(damaged("its file is empty".to_owned()));
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(damaged("its file holds only NUL bytes".to_owned()));
        }
        if bytes.starts_with(b"ref:") {
            return Err(damaged("it is a symbolic ref; ours never are".to_owned()));
        }
        let digits = self.format.bytes() * 2;
        let shown = || bytes.iter().take(80).copied().flat_map(std::ascii::escape_default).map(char::from);
        let oid = bytes
            .get(..digits)
            .filter(|_| bytes.get(digits).is_none_or(u8::is_ascii_whitespace))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| hex.to_ascii_lowercase().parse::<Oid>().ok());
        oid.ok_or_else(|| {
            damaged(format!("its file holds `{}`, not {digits} hex digits", shown().collect::<String>()))
        })
    }

    fn packed(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.common_dir.join("packed-refs");
        match std::fs::read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(fault("read", &path)(error)),
        }
    }

    fn read_packed(&self, name: &str) -> Result<Option<Oid>, StoreError> {
        let bytes = self.packed()?;
        packed_lines(&bytes)
            .find(|(_, found)| *found == name.as_bytes())
            .map(|(oid, _)| self.parse(name, oid))
            .transpose()
    }

    /// Every ref of ours below `prefix`, which ends in `/`, with its value; in the order of their names.
    pub(super) fn all(&self, prefix: &str) -> Result<Vec<(RefName, Oid)>, StoreError> {
        let mut found = Vec::new();
        for name in self.names(prefix)? {
            if let Some(oid) = self.read(&name.full())? {
                found.push((name, oid));
            }
        }
        Ok(found)
    }

    /// The names of our refs below `prefix`, readable or not.
    pub(super) fn names(&self, prefix: &str) -> Result<Vec<RefName>, StoreError> {
        // Loose names first: `git pack-refs` publishes the packed value before it removes the loose one.
        let mut names = BTreeSet::new();
        let mut folders = vec![prefix.to_owned()];
        while let Some(name) = folders.pop() {
            let folder = self.path(&name);
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(error) => return Err(fault("read", &folder)(error)),
            };
            for entry in entries {
                let entry = entry.map_err(fault("read", &folder))?;
                let Some(inner) = entry.file_name().to_str().map(|inner| format!("{name}{inner}")) else {
                    continue;
                };
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(format!("{inner}/"));
                } else {
                    names.insert(inner);
                }
            }
        }
        for (_, name) in packed_lines(&self.packed()?) {
            names.extend(
                std::str::from_utf8(name).ok().filter(|name| name.starts_with(prefix)).map(str::to_owned),
            );
        }
        Ok(names.iter().filter_map(|name| RefName::parse(name)).collect())
    }

    /// Takes `<name>.lock` by linking `marker` there: the lock appears whole, with the new value in it, and
    /// carries a mark that only we can have made, so a later writer knows whose it was.
    pub(super) fn lock(&self, disk: &Disk, name: &str, marker: &Path) -> Result<RefLock, StoreError> {
        let path = self.path(name);
        let lock = self.lock_path(name);
        let started = Instant::now();
        loop {
            match std::fs::hard_link(marker, &lock) {
                Ok(()) => return Ok(RefLock { path, lock, held: true }),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // The folder is new, or a gc removed it while it was empty.
                    if let Some(folder) = path.parent() {
                        disk.create_dirs(folder)?;
                    }
                    if !marker.exists() {
                        return Err(fault("link", marker)(error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(fault("lock by a hard link", &lock)(error)),
            }
            let waited = started.elapsed();
            if waited >= REF_LOCK_WAIT {
                return Err(StoreError::Locked {
                    lock,
                    holder: "a git command that still runs, or that ended without removing its lock"
                        .to_owned(),
                    waited,
                });
            }
        }
    }

    /// Removes the lock that a killed writer of ours left, told by its marker.
    pub(super) fn clean(&self, disk: &Disk, name: &str, marker: &Path) -> Result<(), StoreError> {
        let lock = self.lock_path(name);
        if let (Ok(ours), Ok(there)) = (std::fs::symlink_metadata(marker), std::fs::symlink_metadata(&lock))
            && (ours.dev(), ours.ino()) == (there.dev(), there.ino())
        {
            disk::remove(&lock)?;
        }
        // That the lock is gone, here or just before, has to be sure before its marker goes: a lock without one stays.
        if let Some(folder) = lock.parent()
            && folder.is_dir()
        {
            disk.fsync_dir(folder)?;
        }
        disk::remove(marker)
    }

    /// Refuses where git would see a file and a folder of one name.
    pub(super) fn check_no_clash(&self, name: &str) -> Result<(), StoreError> {
        let packed = self.packed()?;
        let mut above = name;
        while let Some((shorter, _)) = above.rsplit_once('/') {
            above = shorter;
            let loose = above != "refs" && self.path(above).is_file();
            if loose || packed_lines(&packed).any(|(_, found)| found == above.as_bytes()) {
                return Err(StoreError::Unsupported(format!(
                    "{above} is a ref, so {name} cannot be one; give {above} another name first"
                )));
            }
        }
        Ok(())
    }
}

/// Ids and names of a packed-refs file; header and peeled lines are passed over.
fn packed_lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#") && !line.starts_with(b"^"))
        .filter_map(|line| {
            let space = line.iter().position(|byte| *byte == b' ')?;
            Some((&line[..space], &line[space + 1..]))
        })
}

/// A ref's lock file that we hold; removed when dropped before [`RefLock::commit`].
pub(super) struct RefLock {
    path: PathBuf,
    lock: PathBuf,
    held: bool,
}

impl RefLock {
    /// Moves the lock onto the ref: from here on the ref has its new value, after the fsync for good.
    pub(super) fn commit(mut self, disk: &Disk) -> Result<(), StoreError> {
        if let Err(error) = std::fs::rename(&self.lock, &self.path) {
            // Folders that a deleted ref left behind; git removes those too.
            if !matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty) {
                return Err(fault("rename to", &self.path)(error));
            }
            remove_empty(&self.path).map_err(fault("remove the folder", &self.path))?;
            disk::rename(&self.lock, &self.path)?;
        }
        self.held = false;
        match self.path.parent() {
            Some(folder) => disk.fsync_dir(folder),
            None => Ok(()),
        }
    }
}

impl Drop for RefLock {
    fn drop(&mut self) {
        if self.held {
            let _ = std::fs::remove_file(&self.lock);
        }
    }
}

fn remove_empty(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        remove_empty(&entry?.path())?;
    }
    std::fs::remove_dir(folder)
}

/// What a ref's file holds for this value.
pub(super) fn content(oid: Oid) -> Vec<u8> {
    format!("{oid}\n").into_bytes()
}

/// The marker's mode, which becomes the ref's.
pub(super) const MODE: u32 = PLAIN;
