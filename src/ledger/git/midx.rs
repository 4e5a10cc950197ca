//! The user's `multi-pack-index`: it must never name a pack that we take away. git reads on when it does, but its
//! fsck fails, and gix loses what the pack held.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::disk::{self, fault};
use crate::ledger::store::StoreError;

fn layers(pack_dir: &Path) -> Vec<PathBuf> {
    let mut files = vec![pack_dir.join("multi-pack-index")];
    if let Ok(entries) = std::fs::read_dir(pack_dir.join("multi-pack-index.d")) {
        files.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "midx")),
        );
    }
    files.retain(|path| path.is_file());
    files
}

/// The names `pack-<hex>.idx` in a layer; `None` where it cannot be read.
fn names(layer: &Path) -> Option<Vec<PathBuf>> {
    let file = gix::odb::pack::multi_index::File::at(layer, None).ok()?;
    Some(file.index_names().to_vec())
}

/// Removes it when it names one of these index files, or cannot be read: as git's own repack does.
pub(super) fn remove_if_naming(pack_dir: &Path, indexes: &[PathBuf]) -> Result<(), StoreError> {
    let concerned = layers(pack_dir).iter().any(|layer| {
        names(layer)
            .is_none_or(|names| names.iter().any(|name| indexes.iter().any(|index| index.ends_with(name))))
    });
    if concerned { remove(pack_dir) } else { Ok(()) }
}

/// Packs that it names and that are gone: a `git maintenance` that ran beside a fold had listed them before.
pub(super) fn missing_packs(pack_dir: &Path) -> Vec<PathBuf> {
    layers(pack_dir)
        .iter()
        .filter_map(|layer| names(layer))
        .flatten()
        .map(|name| pack_dir.join(name))
        .filter(|index| !index.with_extension("pack").exists())
        .collect()
}

/// Removes one that names packs which are gone.
pub(super) fn remove_if_stale(pack_dir: &Path) -> Result<(), StoreError> {
    if missing_packs(pack_dir).is_empty() { Ok(()) } else { remove(pack_dir) }
}

fn remove(pack_dir: &Path) -> Result<(), StoreError> {
    disk::remove(&pack_dir.join("multi-pack-index"))?;
    for entry in std::fs::read_dir(pack_dir).map_err(fault("read", pack_dir))? {
        let entry = entry.map_err(fault("read", pack_dir))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Its bitmap and reverse index; the folder holds a chain of layers.
        if name.starts_with("multi-pack-index-") && !name.ends_with(".lock") {
            disk::remove(&entry.path())?;
        }
    }
    let chain = pack_dir.join("multi-pack-index.d");
    match std::fs::remove_dir_all(&chain) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", &chain)(error)),
        _ => Ok(()),
    }
}
