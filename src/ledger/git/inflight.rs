//! Marks of the publication that is under way, in `<common-dir>/millrace/publishing/`.
//!
//! Each mark says by its *name* what a killed writer may have left, so that nothing has to be read:
//! `pack-<hex>` a pack on its way in, `refs:millrace:state` the value on its way into a ref (a hard link of the
//! ref's lock, as long as we hold that). The next holder of the writers' lock cleans up from these alone. So the names
//! have to be durable before anything is that they stand for: their folder is synced along with the pack's files.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::disk::{self, Disk, PLAIN, fault};
use crate::domain::oid::Oid;
use crate::ledger::store::StoreError;

/// The folder of marks.
pub(super) struct Inflight {
    folder: PathBuf,
}

/// What a mark stands for.
pub(super) enum Mark {
    /// A pack with this checksum.
    Pack(Oid),
    /// A ref by its full name, and the marker file.
    Ref(String, PathBuf),
}

impl Inflight {
    pub(super) fn at(private: &Path) -> Self {
        Self { folder: private.join("publishing") }
    }

    /// Says that this pack is on its way.
    pub(super) fn mark_pack(&self, disk: &Disk, checksum: Oid) -> Result<(), StoreError> {
        disk.create_dirs(&self.folder)?;
        disk.write_fresh(&self.pack_mark(checksum), PLAIN, b"").map(drop)
    }

    /// The folder, to be synced before a pack takes its place and before a ref is locked: without their marks, a `.keep`
    /// or a lock that a power cut left would stay for ever.
    pub(super) fn open_folder(&self) -> Result<(File, &Path), StoreError> {
        File::open(&self.folder)
            .map(|folder| (folder, self.folder.as_path()))
            .map_err(fault("open", &self.folder))
    }

    pub(super) fn unmark_pack(&self, checksum: Oid) -> Result<(), StoreError> {
        disk::remove(&self.pack_mark(checksum))
    }

    fn pack_mark(&self, checksum: Oid) -> PathBuf {
        self.folder.join(format!("pack-{checksum}"))
    }

    /// Writes the new value of a ref into the file that will be linked as its lock. Not synced yet.
    pub(super) fn mark_ref(
        &self,
        disk: &Disk,
        name: &str,
        mode: u32,
        content: &[u8],
    ) -> Result<(File, PathBuf), StoreError> {
        disk.create_dirs(&self.folder)?;
        let marker = self.folder.join(name.replace('/', ":"));
        // A new file every time: the old one may still be the ref's own file by another name.
        let file = disk.write_fresh(&marker, mode, content)?;
        Ok((file, marker))
    }

    /// What a killed writer left; empty nearly always.
    pub(super) fn leftovers(&self) -> Result<Vec<Mark>, StoreError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault("read", &self.folder)(error)),
        };
        let mut marks = Vec::new();
        for entry in entries {
            let entry = entry.map_err(fault("read", &self.folder))?;
            marks.extend(mark(&entry.file_name(), entry.path()));
        }
        Ok(marks)
    }
}

fn mark(name: &OsStr, path: PathBuf) -> Option<Mark> {
    let name = name.to_str()?;
    if let Some(hex) = name.strip_prefix("pack-") {
        return hex.parse().ok().map(Mark::Pack);
    }
    name.starts_with("refs:millrace:").then(|| Mark::Ref(name.replace(':', "/"), path))
}
