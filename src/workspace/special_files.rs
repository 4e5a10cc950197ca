//! What git passes over in silence: FIFOs, sockets, devices, and folders that cannot be opened. A snapshot names
//! them.

use std::collections::{BTreeSet, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::path::RepoPath;
use super::private_index::PrivateIndex;
use super::snapshot::SkipReason;
use super::snapshot_rules::is_scratch;
use crate::ledger::store::StoreError;

/// Folders that are walked in the search. Beyond, the search ends: it only serves to name things.
const MAX_FOLDERS: usize = 100_000;

/// A search of the work tree, which begins before it is known what is new there.
pub(super) struct Search<'a> {
    work_tree: &'a Path,
    found: Vec<(RepoPath, SkipReason)>,
    /// Folders that hold nothing git knows: ignored, empty, or full of what git passes over.
    unknown: Vec<RepoPath>,
    left: usize,
}

impl<'a> Search<'a> {
    /// Looks into the folders of the parent. `gitlinks` are its nested repositories, which are not entered.
    pub(super) fn begin(
        work_tree: &'a Path,
        folders: &HashSet<RepoPath>,
        gitlinks: &BTreeSet<RepoPath>,
    ) -> Self {
        let mut search = Self { work_tree, found: Vec::new(), unknown: Vec::new(), left: MAX_FOLDERS };
        search.walk(vec![RepoPath::new("")], &|path| folders.contains(path), gitlinks);
        search
    }

    /// Looks into the others, and gives the special files and closed folders of the work tree that are not ignored.
    /// `new` are the folders that hold what is taken now.
    pub(super) fn finish(
        mut self,
        index: &PrivateIndex<'_>,
        new: &HashSet<RepoPath>,
        gitlinks: &BTreeSet<RepoPath>,
    ) -> Result<Vec<(RepoPath, SkipReason)>, StoreError> {
        let (new_ones, unknown) =
            std::mem::take(&mut self.unknown).into_iter().partition(|path| new.contains(path));
        self.unknown = unknown;
        self.walk(new_ones, &|path| new.contains(path), gitlinks);
        // An ignored folder can be huge (`target`, `node_modules`), so the ignore rules are asked before the disk.
        let unknown = index.not_ignored(std::mem::take(&mut self.unknown))?;
        self.walk(unknown, &|_| true, gitlinks);
        let kept = index.not_ignored(self.found.iter().map(|(path, _)| path.clone()).collect())?;
        let kept: BTreeSet<RepoPath> = kept.into_iter().collect();
        self.found.retain(|(path, _)| kept.contains(path));
        Ok(self.found)
    }

    fn walk(
        &mut self,
        mut todo: Vec<RepoPath>,
        enter: &dyn Fn(&RepoPath) -> bool,
        gitlinks: &BTreeSet<RepoPath>,
    ) {
        while let Some(folder) = todo.pop() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let entries = match std::fs::read_dir(folder.under(self.work_tree)) {
                Ok(entries) => entries,
                Err(error) => {
                    self.found.push((folder, SkipReason::Unreadable(error.to_string())));
                    continue;
                }
            };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                // Nearly all that there is; names are put together only for the rest.
                if kind.is_file() || kind.is_symlink() || entry.file_name().as_bytes() == b".git" {
                    continue;
                }
                let path = folder.child(entry.file_name().as_bytes());
                if kind.is_dir() {
                    let nested = entry.path().join(".git").symlink_metadata().is_ok();
                    if nested || is_scratch(&path) || gitlinks.contains(&path) {
                        continue;
                    }
                    if enter(&path) { todo.push(path) } else { self.unknown.push(path) }
                } else if let Some(reason) = special(kind) {
                    self.found.push((path, reason));
                }
            }
        }
    }
}

/// What kind of special file this is, if it is one.
pub(super) fn special(kind: std::fs::FileType) -> Option<SkipReason> {
    let what = if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        return None;
    };
    Some(SkipReason::Special(what))
}
