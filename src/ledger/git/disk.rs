//! Steps on the file system that the write path is made of: modes as the repository shares them, and an fsync
//! wherever one is due.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::ledger::store::StoreError;

/// How much a publication survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Everything acknowledged survives a power cut.
    Strict,
    /// No fsync: for tests. Survives a killed process, not a power cut.
    Off,
}

/// Who else may use the repository (`core.sharedRepository`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Whatever the umask says.
    Umask,
    /// These bits are added.
    Add(u32),
    /// Exactly these bits.
    Exactly(u32),
}

impl Sharing {
    /// The setting by its value; `None` where git does not know the value either.
    pub(super) fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "umask" | "false" | "no" | "off" | "0" => Some(Self::Umask),
            "group" | "true" | "yes" | "on" | "" | "1" => Some(Self::Add(0o660)),
            "all" | "world" | "everybody" | "2" => Some(Self::Add(0o664)),
            octal => match u32::from_str_radix(octal, 8) {
                Ok(mode) if mode & 0o600 == 0o600 => Some(Self::Exactly(mode & 0o666)),
                _ => None,
            },
        }
    }

    /// The mode of a file or folder that the umask left with `mode`: as git's own objects and refs get it.
    fn adjust(self, mode: u32, folder: bool) -> u32 {
        let (mut bits, exact) = match self {
            Self::Umask => return mode,
            Self::Add(bits) => (bits, false),
            Self::Exactly(bits) => (bits, true),
        };
        if mode & 0o200 == 0 {
            bits &= !0o222;
        }
        if mode & 0o100 != 0 {
            bits |= (bits & 0o444) >> 2;
        }
        let new = if exact { (mode & !0o777) | bits } else { mode | bits };
        // New files in a shared folder belong to the folder's group.
        if folder && new & 0o060 != 0 { new | 0o2000 } else { new }
    }
}

/// Writes files as this repository wants them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk {
    pub(super) durability: Durability,
    pub(super) sharing: Sharing,
}

/// Mode of files that are written again.
pub(super) const PLAIN: u32 = 0o666;
/// Mode of packs and their indexes, which never change.
pub(super) const READ_ONLY: u32 = 0o444;

impl Disk {
    /// A new file; fails where there is one.
    pub(super) fn create_new(&self, path: &Path, mode: u32) -> Result<File, StoreError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(fault("create", path))?;
        self.share(&file).map_err(fault("chmod", path))?;
        Ok(file)
    }

    /// A new file with this content in place of what a crash may have left there. Not synced.
    pub(super) fn write_fresh(&self, path: &Path, mode: u32, content: &[u8]) -> Result<File, StoreError> {
        remove(path)?;
        let mut file = self.create_new(path, mode)?;
        file.write_all(content).map_err(fault("write", path))?;
        Ok(file)
    }

    /// Gives an open file the bits that the repository asks for.
    pub(super) fn share(&self, file: &File) -> io::Result<()> {
        if self.sharing == Sharing::Umask {
            return Ok(());
        }
        let metadata = file.metadata()?;
        let mode = metadata.permissions().mode() & 0o7777;
        let wanted = self.sharing.adjust(mode, metadata.is_dir());
        if wanted == mode { Ok(()) } else { file.set_permissions(Permissions::from_mode(wanted)) }
    }

    /// Makes the folder and every missing one above it; each folder that got a new entry is synced.
    pub(super) fn create_dirs(&self, folder: &Path) -> Result<(), StoreError> {
        // A `git pack-refs` or gc beside us removes empty folders at any moment.
        for _ in 0..100 {
            match DirBuilder::new().mode(0o777).create(folder) {
                Ok(()) => {
                    let opened = File::open(folder).and_then(|opened| self.share(&opened));
                    match opened {
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        other => other.map_err(fault("chmod", folder))?,
                    }
                    return match folder.parent() {
                        Some(parent) => self.fsync_dir(parent),
                        None => Ok(()),
                    };
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => match folder.parent() {
                    Some(parent) => self.create_dirs(parent)?,
                    None => return Err(fault("create the folder", folder)(error)),
                },
                // It was there and is gone again: once more.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !folder.exists() => {}
                Err(error) => return Err(fault("create the folder", folder)(error)),
            }
        }
        Err(fault("create the folder", folder)(io::Error::other("it is removed again and again")))
    }

    /// Makes a file's content durable.
    pub(super) fn fsync(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        match self.durability {
            Durability::Strict => file.sync_all().map_err(fault("fsync", path)),
            Durability::Off => Ok(()),
        }
    }

    /// Makes several files durable at once: the flushes of one file system merge.
    pub(super) fn fsync_all(&self, files: &[(&File, &Path)]) -> Result<(), StoreError> {
        if self.durability == Durability::Off {
            return Ok(());
        }
        let Some((last, rest)) = files.split_last() else { return Ok(()) };
        std::thread::scope(|scope| {
            let running: Vec<_> =
                rest.iter().map(|(file, path)| scope.spawn(move || self.fsync(file, path))).collect();
            let mut result = self.fsync(last.0, last.1);
            for thread in running {
                let one = thread.join().unwrap_or_else(|_| {
                    Err(fault("fsync", last.1)(io::Error::other("the thread that did it ended early")))
                });
                result = result.and(one);
            }
            result
        })
    }

    /// Makes a folder's entries durable.
    pub(super) fn fsync_dir(&self, folder: &Path) -> Result<(), StoreError> {
        match self.durability {
            Durability::Strict => {
                File::open(folder).and_then(|opened| opened.sync_all()).map_err(fault("fsync", folder))
            }
            Durability::Off => Ok(()),
        }
    }
}

/// Moves a file over another one.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(fault("rename to", to))
}

/// Removes a file; one that is gone already is fine.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", path)(error)),
        _ => Ok(()),
    }
}

/// An error of the system as ours.
pub(super) fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}
