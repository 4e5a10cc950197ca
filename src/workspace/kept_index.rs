//! The index that one snapshot of a work tree keeps for the next, and what it is known to hold.
//!
//! Both are caches: what they say is believed only of the very file that it was said of, and a snapshot that fails with
//! them is taken again without.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::discover::Repository;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// What the kept index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// The snapshot that it was kept by.
    pub(super) commit: Oid,
    /// That one's tree, entry for entry.
    pub(super) tree: Oid,
}

impl Held {
    /// What this file is known to hold: nothing, unless it is the one that was kept last.
    pub(super) fn of(repository: &Repository, file: &Path) -> Option<Self> {
        let stamp = stamp(file)?;
        let text = std::fs::read_to_string(noted_at(repository)).ok()?;
        let rest = text.strip_prefix(&stamp)?.strip_prefix('\n')?.strip_suffix('\n')?;
        let (commit, tree) = rest.split_once(' ')?;
        Some(Self { commit: commit.parse().ok()?, tree: tree.parse().ok()? })
    }
}

/// Gives the kept index a second name, where there is one.
pub(super) fn lend(repository: &Repository, file: &Path) {
    // A link has the file's time as well: git distrusts entries that are as new as the index itself.
    let kept = kept_at(repository);
    if std::fs::hard_link(&kept, file).is_ok() {
        return;
    }
    let copy = || -> std::io::Result<()> {
        let modified = std::fs::metadata(&kept)?.modified()?;
        std::fs::copy(&kept, file)?;
        std::fs::File::options().write(true).open(file)?.set_modified(modified)
    };
    if copy().is_err() {
        let _ = std::fs::remove_file(file);
    }
}

/// Keeps this index, and what it holds. What fails on the way costs the next snapshot time.
pub(super) fn keep(repository: &Repository, file: &Path, commit: Oid, tree: Oid) {
    let (kept, noted) = (kept_at(repository), noted_at(repository));
    let Some(stamp) = stamp(file) else { return };
    for folder in [&kept, &noted].into_iter().filter_map(|path| path.parent()) {
        let _ = std::fs::create_dir_all(folder);
    }
    // Where nothing was written, both are names of one file, and this does nothing.
    if std::fs::rename(file, &kept).is_err() {
        return;
    }
    let aside = noted.with_extension(format!("{}.new", std::process::id()));
    if std::fs::write(&aside, format!("{stamp}\n{commit} {tree}\n")).is_ok() {
        let _ = std::fs::rename(&aside, &noted);
    }
}

/// Forgets what the kept index is known to hold; whether anything was known. The next use asks git.
pub(super) fn forget(repository: &Repository) -> bool {
    std::fs::remove_file(noted_at(repository)).is_ok()
}

/// Whether the kept index of this work tree can be read, where there is one; an unreadable one is removed, unless this
/// is only to look. It is a cache: the next snapshot makes another.
pub fn mend_kept(repository: &Repository, only_look: bool) -> Result<bool, StoreError> {
    let kept = kept_at(repository);
    if !kept.exists() {
        return Ok(true);
    }
    let git = GitCommand::new(&repository.git_dir, "ls-files").env("GIT_INDEX_FILE", &kept);
    if git.args(["-z", "--stage"]).output(&[])?.status.success() {
        return Ok(true);
    }
    if !only_look {
        std::fs::remove_file(&kept).map_err(|source| StoreError::Io {
            action: "remove",
            path: kept,
            source,
        })?;
    }
    Ok(false)
}

fn kept_at(repository: &Repository) -> PathBuf {
    repository.millrace_dir().join("index").join(repository.work_tree_key())
}

fn noted_at(repository: &Repository) -> PathBuf {
    repository.millrace_dir().join("seen").join(format!("{}.kept", repository.work_tree_key()))
}

/// What tells one index file from the next. Not the time of its last change of any kind: a second name is one.
fn stamp(file: &Path) -> Option<String> {
    let meta = std::fs::symlink_metadata(file).ok()?;
    Some(format!("{} {} {} {}.{}", meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}
