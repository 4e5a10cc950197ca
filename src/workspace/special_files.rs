//! What git passes over in silence: FIFOs, sockets, devices, and folders that cannot be opened. A snapshot names
//! them.

use std::collections::BTreeSet;
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

struct Search<'a> {
    work_tree: &'a Path,
    found: Vec<(RepoPath, SkipReason)>,
    /// Folders that hold nothing git knows: ignored, empty, or full of what git passes over.
    unknown: Vec<RepoPath>,
    left: usize,
}

/// The special files and closed folders of the work tree that are not ignored. `folders` are those that hold
/// tracked or untracked files, `gitlinks` the nested repositories, which are not entered.
pub(super) fn search(
    work_tree: &Path,
    index: &PrivateIndex<'_>,
    folders: &BTreeSet<RepoPath>,
    gitlinks: &BTreeSet<RepoPath>,
) -> Result<Vec<(RepoPath, SkipReason)>, StoreError> {
    let mut search = Search { work_tree, found: Vec::new(), unknown: Vec::new(), left: MAX_FOLDERS };
    search.walk(vec![RepoPath::new("")], &|path| folders.contains(path), gitlinks);
    // An ignored folder can be huge (`target`, `node_modules`), so the ignore rules are asked before the disk.
    let unknown = index.not_ignored(std::mem::take(&mut search.unknown))?;
    search.walk(unknown, &|_| true, gitlinks);
    let kept = index.not_ignored(search.found.iter().map(|(path, _)| path.clone()).collect())?;
    let kept: BTreeSet<RepoPath> = kept.into_iter().collect();
    search.found.retain(|(path, _)| kept.contains(path));
    Ok(search.found)
}

impl Search<'_> {
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
                let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
                if name.as_bytes() == b".git" {
                    continue;
                }
                let path = folder.child(name.as_bytes());
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
