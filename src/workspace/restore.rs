//! The way back: what a run changed returns to an earlier snapshot, where nobody touched it since.
//!
//! For each path that differs between the two snapshots the work tree is asked what it holds. The run's version
//! goes back; what is back already stays; anything else was touched by somebody, and then *nothing* is changed:
//! the caller waits and names the files. Each file changes in one step, so that after a crash in the middle every
//! path holds one of the two versions, and planning again finds what is left to do.
//!
//! Ignored and excluded files are in no snapshot, so they are never touched; nor are the user's index and `HEAD`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use super::changes::{
    Change, ChangesError, GITLINK, OnDisk, Version, diff, probe, work_tree_versions,
    work_tree_versions_within,
};
use super::discover::Repository;
use super::head::HeadError;
use super::no_follow::{Folder, NoFollowError};
use super::path::{RepoPath, nul_terminated};
use super::private_index::PrivateIndex;
use super::quarantine::Quarantine;
use super::snapshot::Fingerprint;
use super::snapshot_rules::is_scratch;
use crate::domain::oid::Oid;
use crate::ledger::store::StoreError;

/// Files that an error names one by one; the plan has them all.
const NAMED: usize = 5;

/// Why the work tree did not go back.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// Somebody touched files that the run had changed. Nothing was changed.
    #[error("{} changed since the run and cannot go back by themselves: {}", .0.len(), named(.0))]
    Unclear(Vec<Unclear>),
    /// A file changed between plan and deed. Plan again: what was done so far is found done.
    #[error("{0} changed while the work tree was being restored")]
    Moved(RepoPath),
    /// The work tree cannot be compared.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// `HEAD` cannot be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] StoreError),
    /// A folder of the work tree cannot be used.
    #[error(transparent)]
    Folder(#[from] NoFollowError),
    /// The machine refused. Plan again when it is mended.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A path that cannot go back by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// Where.
    pub path: RepoPath,
    /// What stands against it, in a few words.
    pub why: String,
}

fn named(unclear: &[Unclear]) -> String {
    let mut names: Vec<String> =
        unclear.iter().take(NAMED).map(|one| format!("{} ({})", one.path, one.why)).collect();
    if unclear.len() > NAMED {
        names.push(format!("and {} more", unclear.len() - NAMED));
    }
    names.join(", ")
}

/// What has to be done for the work tree to go back, as it was when the plan was made.
#[derive(Debug)]
pub struct RestorePlan {
    /// Files that get the earlier snapshot's content again.
    pub put_back: Vec<RepoPath>,
    /// Files that the run created, and that go.
    pub remove: Vec<RepoPath>,
    /// Paths that somebody touched since. Unless this is empty, nothing may be done.
    pub unclear: Vec<Unclear>,
    target: Oid,
    seen: BTreeMap<RepoPath, Option<Fingerprint>>,
}

impl RestorePlan {
    /// Whether the work tree is back already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.put_back.is_empty() && self.remove.is_empty() && self.unclear.is_empty()
    }

    /// Leaves alone what was touched after `ended_at`, when nothing of the run lived any more: it is unclear. A file
    /// that is gone has no time; it counts as the run's.
    pub fn spare_touched_after(&mut self, ended_at: Timestamp) {
        let ended = (ended_at.as_second(), i64::from(ended_at.subsec_nanosecond()));
        let seen = &self.seen;
        let later = |path: &RepoPath| {
            seen.get(path).and_then(Option::as_ref).is_some_and(|print| print.changed > ended)
        };
        let mut touched: Vec<RepoPath> = Vec::new();
        for list in [&mut self.put_back, &mut self.remove] {
            touched.extend(list.iter().filter(|path| later(path)).cloned());
            list.retain(|path| !later(path));
        }
        let why = "it was changed after the stage had ended";
        self.unclear.extend(touched.into_iter().map(|path| Unclear { path, why: why.to_owned() }));
    }
}

/// What it takes to bring what changed between `target` and `last` back to `target`. Changes nothing.
pub fn plan_restore(repository: &Repository, target: Oid, last: Oid) -> Result<RestorePlan, RestoreError> {
    plan_of(repository, None, target, last, diff(repository, target, last)?)
}

/// The same for these changes from `target` to `last`, which may lie in a quarantine.
pub(crate) fn plan_of(
    repository: &Repository,
    within: Option<&Quarantine>,
    target: Oid,
    last: Oid,
    changes: Vec<Change>,
) -> Result<RestorePlan, RestoreError> {
    let work_tree = work_tree_of(repository)?;
    let changes: Vec<Change> = changes.into_iter().filter(|change| !is_scratch(&change.path)).collect();
    let paths: Vec<RepoPath> = changes.iter().map(|change| change.path.clone()).collect();
    // Before the comparison, so that a later change is noticed whenever it comes.
    let seen = paths.iter().map(|path| (path.clone(), fingerprint(work_tree, path))).collect();
    let on_disk = work_tree_versions_within(repository, within, Some(last), &paths)?;
    // Line endings are judged against what was stored before: of what is not the run's, the earlier snapshot may
    // still be the judge that recognises its own.
    let others: Vec<RepoPath> = changes
        .iter()
        .filter(|change| matches!(on_disk.get(&change.path), Some(OnDisk::Present(found)) if Some(*found) != change.to))
        .map(|change| change.path.clone())
        .collect();
    let before = work_tree_versions_within(repository, within, Some(target), &others)?;

    let mut plan =
        RestorePlan { put_back: Vec::new(), remove: Vec::new(), unclear: Vec::new(), target, seen };
    let mut folders_in_place = Vec::new();
    for change in &changes {
        let found = on_disk.get(&change.path).unwrap_or(&OnDisk::Absent);
        let path = change.path.clone();
        let gitlink = |side: Option<Version>| side.is_some_and(|version| version.mode == GITLINK);
        let back = before.get(&path).is_some_and(|found| holds(found, change.from));
        // A folder where the run had made a file: as good as no file.
        if back || holds(found, change.from) || (change.from.is_none() && *found == OnDisk::Folder) {
            continue;
        }
        if gitlink(change.from) || gitlink(change.to) {
            plan.unclear.push(Unclear { path, why: "it is a repository of its own".to_owned() });
        } else if holds(found, change.to) {
            if change.from.is_some() { plan.put_back.push(path) } else { plan.remove.push(path) }
        } else if *found == OnDisk::Folder && change.to.is_none() {
            folders_in_place.push(path);
        } else {
            plan.unclear.push(Unclear { path, why: found.to_string() });
        }
    }
    let remove: BTreeSet<RepoPath> = plan.remove.iter().cloned().collect();
    for path in folders_in_place {
        // The run made a folder of a file. It gives way if it holds nothing but what the run put there.
        match holds_only(work_tree, &path, &remove) {
            Ok(true) => plan.put_back.push(path),
            Ok(false) => {
                plan.unclear.push(Unclear { path, why: "a folder with other files is there".to_owned() });
            }
            Err(error) => plan.unclear.push(Unclear { path, why: error.to_string() }),
        }
    }
    for path in &plan.put_back {
        if let Some(why) = blocked_above(work_tree, path, &remove) {
            plan.unclear.push(Unclear { path: path.clone(), why });
        }
    }
    plan.put_back.sort();
    Ok(plan)
}

/// Does what the plan says; all of its paths, or none where any is unclear.
pub fn restore(repository: &Repository, plan: &RestorePlan) -> Result<(), RestoreError> {
    if !plan.unclear.is_empty() {
        return Err(RestoreError::Unclear(plan.unclear.clone()));
    }
    let work_tree = work_tree_of(repository)?;
    // Attributes say how the other files are written, so they go back first.
    let attributes =
        |path: &&RepoPath| path.as_path().file_name().is_some_and(|name| name == ".gitattributes");
    let (first, then): (Vec<_>, Vec<_>) = plan.put_back.iter().partition(attributes);
    let (remove_first, remove_then): (Vec<_>, Vec<_>) = plan.remove.iter().partition(attributes);
    for (put_back, remove) in [(first, remove_first), (then, remove_then)] {
        if !put_back.is_empty() || !remove.is_empty() {
            go_back(repository, work_tree, plan, &put_back, &remove)?;
        }
    }
    Ok(())
}

/// The paths where the work tree still holds what the run left (`last`), where that is neither what was there
/// before (`target`) nor committed by the user since.
pub fn still_held(repository: &Repository, target: Oid, last: Oid) -> Result<Vec<RepoPath>, RestoreError> {
    work_tree_of(repository)?;
    let changes = diff(repository, target, last)?;
    let uncommitted: Option<BTreeSet<RepoPath>> = match repository.head()?.oid {
        Some(head) => Some(diff(repository, last, head)?.into_iter().map(|change| change.path).collect()),
        None => None,
    };
    let changes: Vec<Change> = changes
        .into_iter()
        .filter(|change| !is_scratch(&change.path))
        .filter(|change| uncommitted.as_ref().is_none_or(|paths| paths.contains(&change.path)))
        .collect();
    let paths: Vec<RepoPath> = changes.iter().map(|change| change.path.clone()).collect();
    let on_disk = work_tree_versions(repository, Some(last), &paths)?;
    let held = |change: &Change| on_disk.get(&change.path).is_some_and(|found| holds(found, change.to));
    Ok(changes.into_iter().filter(held).map(|change| change.path).collect())
}

/// The paths that changed from `earlier` to `later` and are not in the work tree as the later one has them. Changes
/// nothing.
pub fn lacks(repository: &Repository, earlier: Oid, later: Oid) -> Result<Vec<RepoPath>, RestoreError> {
    work_tree_of(repository)?;
    let changes = diff(repository, earlier, later)?;
    let changes: Vec<Change> = changes.into_iter().filter(|change| !is_scratch(&change.path)).collect();
    let paths: Vec<RepoPath> = changes.iter().map(|change| change.path.clone()).collect();
    let found = work_tree_versions(repository, Some(later), &paths)?;
    let is_held = |change: &Change| holds(found.get(&change.path).unwrap_or(&OnDisk::Absent), change.to);
    Ok(changes.into_iter().filter(|change| !is_held(change)).map(|change| change.path).collect())
}

fn work_tree_of(repository: &Repository) -> Result<&Path, RestoreError> {
    let bare = || ChangesError::Bare(repository.git_dir.display().to_string());
    Ok(repository.work_tree.as_deref().ok_or_else(bare)?)
}

fn holds(found: &OnDisk, version: Option<Version>) -> bool {
    match (found, version) {
        (OnDisk::Absent, None) => true,
        (OnDisk::Present(found), Some(version)) => *found == version,
        _ => false,
    }
}

fn fingerprint(work_tree: &Path, path: &RepoPath) -> Option<Fingerprint> {
    // A folder's times change with what is in it, and it is looked through before it gives way.
    probe(work_tree, path).ok().flatten().filter(|meta| !meta.is_dir()).map(|meta| Fingerprint::of(&meta))
}

/// Whether everything below this folder, folders apart, is one of these.
fn holds_only(work_tree: &Path, folder: &RepoPath, allowed: &BTreeSet<RepoPath>) -> io::Result<bool> {
    use std::os::unix::ffi::OsStrExt;
    let mut todo = vec![folder.clone()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder.under(work_tree))? {
            let entry = entry?;
            let path = folder.child(entry.file_name().as_bytes());
            if entry.file_type()?.is_dir() {
                todo.push(path);
            } else if !allowed.contains(&path) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// What stands where a folder above this path has to be, unless it goes anyway.
fn blocked_above(work_tree: &Path, path: &RepoPath, remove: &BTreeSet<RepoPath>) -> Option<String> {
    path.folders().find_map(|folder| match folder.under(work_tree).symlink_metadata() {
        Ok(meta) if meta.is_dir() || remove.contains(&folder) => None,
        Ok(_) => Some(format!("{folder} is in the way")),
        Err(_) => None,
    })
}

fn go_back(
    repository: &Repository,
    work_tree: &Path,
    plan: &RestorePlan,
    put_back: &[&RepoPath],
    remove: &[&RepoPath],
) -> Result<(), RestoreError> {
    // Written aside in full, as git would check them out, before the first file of the user's changes.
    let quarantine = Quarantine::create(repository)?;
    let aside = quarantine.scratch("files");
    if !put_back.is_empty() {
        std::fs::create_dir(&aside).map_err(fault("create", &aside))?;
        let index = PrivateIndex::fresh(repository, work_tree, &quarantine, "target", Some(plan.target))?;
        let mut prefix = std::ffi::OsString::from("--prefix=");
        prefix.push(&aside);
        prefix.push("/");
        index
            .git("checkout-index")
            .args(["--force", "--quiet", "-z", "--stdin"])
            .arg(prefix)
            .run(&nul_terminated(put_back.iter().copied()))?;
    }
    for path in put_back.iter().chain(remove) {
        if plan.seen.get(*path).is_some_and(|seen| *seen != fingerprint(work_tree, path)) {
            return Err(RestoreError::Moved((*path).clone()));
        }
    }
    // Never through a symbolic link: where one stands in the place of a folder, it is not that folder.
    let root = Folder::root(work_tree)?;
    for path in remove {
        if let Some((folder, name)) = root.walk(path.as_path(), false)? {
            folder.unlink(name)?;
        }
        remove_empty_folders(work_tree, path);
    }
    for path in put_back {
        install(&root, &path.under(&aside), &path.under(work_tree), path)?;
    }
    Ok(())
}

/// git keeps no empty folders: those that a removal empties go as well.
fn remove_empty_folders(work_tree: &Path, path: &RepoPath) {
    for folder in path.folders() {
        if std::fs::remove_dir(folder.under(work_tree)).is_err() {
            return;
        }
    }
}

/// Moves a file or symbolic link to its place in one step.
fn install(root: &Folder, from: &Path, to: &Path, path: &RepoPath) -> Result<(), RestoreError> {
    let meta = from.symlink_metadata().map_err(fault("read", from))?;
    if meta.is_file() {
        // The content before the name: after a power cut the name may be all that is left.
        File::open(from).and_then(|file| file.sync_all()).map_err(fault("fsync", from))?;
    }
    let outside = || NoFollowError::Outside(path.as_path().to_owned());
    let (folder, name) = root.walk(path.as_path(), true)?.ok_or_else(outside)?;
    if to.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        remove_empty_tree(to).map_err(fault("remove", to))?;
    }
    match folder.place(from, name) {
        Err(NoFollowError::Io { source, .. }) if source.kind() == io::ErrorKind::CrossesDevices => {
            copy_across(from, to, &meta).map_err(fault("write", to))
        }
        placed => Ok(placed?),
    }
}

/// Removes a folder that holds nothing but folders.
fn remove_empty_tree(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_tree(&entry.path())?;
        }
    }
    std::fs::remove_dir(folder)
}

/// The work tree lies on another file system than the repository: a copy beside the target, then a rename.
fn copy_across(from: &Path, to: &Path, meta: &std::fs::Metadata) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("/"));
    let beside = tempfile::Builder::new().prefix(".millrace-restore-").tempdir_in(folder)?;
    let copy = beside.path().join("file");
    if meta.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, &copy)?;
    } else {
        std::fs::copy(from, &copy)?;
        File::open(&copy)?.sync_all()?;
    }
    std::fs::rename(&copy, to)
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::Io { action, path, source }
}
