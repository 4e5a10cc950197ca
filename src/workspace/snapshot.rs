//! A snapshot of the user's code: one commit of everything that is tracked or untracked, and not ignored.
//!
//! Its objects lie in a [`Quarantine`] until the caller publishes them; the user's index, `HEAD`, branches and
//! objects are not touched. A snapshot never fails because of one file: what cannot or must not be taken is left
//! out and named, and the tree keeps what the parent has at that path.
//!
//! The tree depends on the work tree, the parent, and what the user tracks; never on what an earlier snapshot
//! left in a cache. "Tracked" means tracked by the user when the run began (in the commit that it began on), or added to
//! the user's index: that an earlier snapshot took a file does not make it tracked, nor does a `HEAD` that has moved.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs::{Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

use jiff::Timestamp;
use thiserror::Error;

use super::changes::{diff, probe};
use super::discover::Repository;
use super::head::HeadError;
use super::kept_index;
use super::path::RepoPath;
use super::private_index::PrivateIndex;
use super::quarantine::Quarantine;
use super::snapshot_rules::{SnapshotRules, is_attributes, is_scratch};
use super::special_files::{self, Search};
use super::user_index::UserIndex;
use crate::domain::oid::Oid;
use crate::ledger::store::{Signature, StoreError};

/// Seconds since 1970 that git's tools still read everywhere: beyond, the commit-graph breaks `git fsck`.
const MAX_COMMIT_SECONDS: i64 = (1 << 34) - 1;

/// How often a file that changes while it is read is read before it is left out.
const READS: usize = 2;

/// Why there is no snapshot.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// A bare repository has no code to take.
    #[error("{0} is a bare repository: it has no work tree; run in a clone of it")]
    Bare(String),
    /// `HEAD` cannot be read, so it is not known what the user tracks.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// git, or the machine, failed as a whole (not because of one file).
    #[error("no snapshot of {work_tree}: {source}")]
    Git {
        /// The work tree.
        work_tree: String,
        /// What failed.
        source: StoreError,
    },
}

/// Why a path was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// It cannot be read, as the system says.
    Unreadable(String),
    /// It changed while it was read, each time.
    ChangedWhileRead,
    /// It is larger than the cap.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The cap in bytes.
        cap: u64,
    },
    /// It is untracked, and its name is one that secrets have.
    LooksSecret,
    /// `[snapshot] exclude` names it.
    Excluded,
    /// It is neither file, folder nor symbolic link, but this.
    Special(&'static str),
    /// It is a repository of its own.
    NestedRepository,
    /// git would not store it, as it says (a filter that fails, a name it forbids).
    Refused(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::ChangedWhileRead => f.write_str("changes while it is read"),
            Self::TooLarge { bytes, cap } => write!(f, "has {bytes} bytes, the cap is {cap}"),
            Self::LooksSecret => f.write_str("looks like a secret and is not tracked"),
            Self::Excluded => f.write_str("is excluded by `[snapshot] exclude`"),
            Self::Special(what) => write!(f, "is {what}"),
            Self::NestedRepository => f.write_str("is a repository of its own"),
            Self::Refused(why) => write!(f, "git does not store it: {}", why.escape_debug()),
        }
    }
}

/// A path that was left out. At a tracked path the tree holds what the parent holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where; its `Display` is safe for a terminal, its bytes are git's.
    pub path: RepoPath,
    /// Why.
    pub why: SkipReason,
}

/// A snapshot that is not published yet.
#[derive(Debug)]
pub struct Snapshot {
    /// The commit.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
    /// Where its new objects lie; gone when this is dropped.
    pub quarantine: Quarantine,
    /// Commits whose objects are in the repository already: the parent.
    pub have: Vec<Oid>,
    /// What was left out, by path.
    pub skipped: Vec<Skipped>,
    /// Whether the tree is the parent's tree (without a parent: whether it is empty).
    pub unchanged: bool,
}

/// What a snapshot came to, for the message of its commit.
#[derive(Debug)]
pub struct Drawn<'a> {
    /// What was left out, by path.
    pub skipped: &'a [Skipped],
    /// Whether the tree is the parent's tree.
    pub unchanged: bool,
}

/// Takes snapshots of one work tree.
#[derive(Debug)]
pub struct Snapshots<'a> {
    repository: &'a Repository,
    rules: SnapshotRules,
}

impl<'a> Snapshots<'a> {
    /// For this work tree, by these rules.
    #[must_use]
    pub fn new(repository: &'a Repository, rules: SnapshotRules) -> Self {
        Self { repository, rules }
    }

    /// Takes one with this message; what is tracked is what `HEAD` tracks. See [`Self::draw`].
    pub fn take(
        &self,
        parent: Option<Oid>,
        message: &str,
        author: &Signature,
        committer: &Signature,
    ) -> Result<Snapshot, SnapshotError> {
        let head = self.repository.head()?.oid;
        self.draw(parent, head, &|_| message.to_owned(), author, committer)
    }

    /// Takes one. `parent` is the previous snapshot of the run; for the first one it is the commit the user
    /// stands on, or `None` where there is none yet. It must be in the repository. `tracked` is the commit that says
    /// which files the user tracks: the one that the run began on, wherever `HEAD` has moved since. `message` is told
    /// what came of it.
    pub fn draw(
        &self,
        parent: Option<Oid>,
        tracked: Option<Oid>,
        message: &dyn Fn(&Drawn<'_>) -> String,
        author: &Signature,
        committer: &Signature,
    ) -> Result<Snapshot, SnapshotError> {
        let Some(work_tree) = self.repository.work_tree.as_deref() else {
            return Err(SnapshotError::Bare(self.repository.git_dir.display().to_string()));
        };
        let taken = || -> Result<Snapshot, StoreError> {
            let quarantine = Quarantine::create(self.repository)?;
            let index = PrivateIndex::from_kept(self.repository, work_tree, &quarantine, parent)?;
            let (tree, parent_tree, skipped) = self.fill(&index, work_tree, parent, tracked)?;
            let unchanged = tree == parent_tree;
            let message = message(&Drawn { skipped: &skipped, unchanged });
            let commit = commit(&index, tree, parent, &message, author, committer)?;
            index.keep(commit, tree);
            let have = parent.into_iter().collect();
            Ok(Snapshot { commit, tree, quarantine, have, skipped, unchanged })
        };
        // An index that was taken at our word and cannot be read after all (a power cut) must not be in the way for ever.
        let again = |error| if kept_index::forget(self.repository) { taken() } else { Err(error) };
        taken()
            .or_else(again)
            .map_err(|source| SnapshotError::Git { work_tree: work_tree.display().to_string(), source })
    }

    /// Brings the index from the parent's tree to the work tree; gives its tree, the parent's tree, and what was
    /// left out.
    fn fill(
        &self,
        index: &PrivateIndex<'_>,
        work_tree: &Path,
        parent: Option<Oid>,
        tracked: Option<Oid>,
    ) -> Result<(Oid, Oid, Vec<Skipped>), StoreError> {
        if !index.knows_times() {
            index.refresh()?;
        }
        let (mut seen, mut search) = Seen::of(self.repository, index, work_tree, parent, tracked)?;
        if seen.candidates.iter().any(is_attributes) {
            // How git stores a file may have changed with it, for files that nobody has touched as well: whether the
            // kept times are there must not decide which of them are stored anew.
            index.forget_times(parent)?;
            index.refresh()?;
            (seen, search) = Seen::of(self.repository, index, work_tree, parent, tracked)?;
        }
        let mut filling = Filling {
            rules: &self.rules,
            work_tree,
            seen: &seen,
            skipped: BTreeMap::new(),
            removed: seen.ignored.iter().cloned().collect(),
        };
        let dropped: BTreeSet<RepoPath> = filling.removed.iter().cloned().collect();
        let mut todo: Vec<RepoPath> =
            seen.candidates.iter().filter(|path| !dropped.contains(path)).cloned().collect();
        for read in 1..=READS {
            let mut record = Vec::new();
            for path in &todo {
                if let Some(taken) = filling.judge(path, seen.is_tracked(path)) {
                    record.push((path.clone(), taken));
                }
            }
            let removed = std::mem::take(&mut filling.removed);
            index.set(&removed.into_iter().map(|path| (path, None)).collect::<Vec<_>>())?;
            let paths: Vec<RepoPath> = record.iter().map(|(path, _)| path.clone()).collect();
            for refused in index.record(&paths)? {
                filling.skip(refused.path, SkipReason::Refused(refused.detail));
            }
            todo = record
                .into_iter()
                .filter(|(path, before)| !filling.skipped.contains_key(path) && before.moved(work_tree, path))
                .map(|(path, _)| path)
                .collect();
            if read == READS {
                for path in todo.drain(..) {
                    filling.skip(path, SkipReason::ChangedWhileRead);
                }
            }
        }
        let mut skipped = filling.skipped;
        // Whatever the index knew of a path that was left out: the tree has what the parent has.
        let back: Vec<RepoPath> =
            skipped.keys().filter(|path| seen.candidates.contains(*path)).cloned().collect();
        let before = index.versions(&seen.parent_tree, &back)?;
        let back: Vec<_> = back.into_iter().map(|path| (path.clone(), before.get(&path).copied())).collect();
        index.set(&back)?;
        if index.knows_times() && skipped.keys().any(|path| seen.differing.contains(path)) {
            // Nobody has looked yet whether those differ in more than their times.
            index.refresh()?;
            let still: BTreeSet<RepoPath> = index.differing()?.into_iter().collect();
            skipped.retain(|path, _| !seen.differing.contains(path) || still.contains(path));
        }
        skipped.extend(seen.nested.iter().map(|path| (path.clone(), SkipReason::NestedRepository)));
        for (path, why) in search.finish(index, &seen.new_folders(), &seen.gitlinks)? {
            skipped.entry(path).or_insert(why);
        }
        let tree = oid(&index.write_tree()?)?;
        let parent_tree = oid(&seen.parent_tree)?;
        Ok((tree, parent_tree, skipped.into_iter().map(|(path, why)| Skipped { path, why }).collect()))
    }
}

/// What git says about the work tree, beside the parent. Its cost is that of looking at every file once, and of what has
/// changed: nothing here lists all that the parent holds.
struct Seen {
    /// The parent's tree.
    parent_tree: String,
    /// The parent's nested repositories.
    gitlinks: BTreeSet<RepoPath>,
    /// Paths of the parent that the user does not track and that the ignore rules name: an earlier snapshot took them.
    ignored: BTreeSet<RepoPath>,
    /// Ignored paths that the user added to the index all the same.
    added_by_user: BTreeSet<RepoPath>,
    /// Paths that the parent holds and that the user does not track, wherever one looks.
    untracked_of_parent: BTreeSet<RepoPath>,
    /// Paths whose files need not be there.
    sparse: BTreeSet<RepoPath>,
    /// Untracked repositories inside this one.
    nested: BTreeSet<RepoPath>,
    /// Paths of the parent that the work tree may have otherwise.
    differing: BTreeSet<RepoPath>,
    /// What may have to be taken: those, and what is new.
    candidates: BTreeSet<RepoPath>,
}

impl Seen {
    fn of<'a>(
        repository: &Repository,
        index: &PrivateIndex<'_>,
        work_tree: &'a Path,
        parent: Option<Oid>,
        tracked: Option<Oid>,
    ) -> Result<(Self, Search<'a>), StoreError> {
        // Questions of which each is a process that writes nothing: side by side.
        let parent_tree = index.base_tree().to_owned();
        let (differing, untracked, known, only, added, user) = thread::scope(|scope| {
            let differing = scope.spawn(|| index.differing());
            let untracked = scope.spawn(|| index.untracked());
            let known = scope.spawn(|| -> Result<_, StoreError> {
                let (links, folders): (Vec<_>, Vec<_>) =
                    index.folders(&parent_tree)?.into_iter().partition(|(_, is_link)| *is_link);
                let gitlinks: BTreeSet<RepoPath> = links.into_iter().map(|(path, _)| path).collect();
                let folders: HashSet<RepoPath> = folders.into_iter().map(|(path, _)| path).collect();
                let search = Search::begin(work_tree, &folders, &gitlinks);
                Ok((gitlinks, search))
            });
            let only = scope.spawn(|| parent_only(repository, index, parent, tracked));
            let user = scope.spawn(|| UserIndex::read(repository));
            let added = index.added_by_user(tracked);
            (joined(differing), joined(untracked), joined(known), joined(only), added, joined(user))
        });
        let (gitlinks, search) = known?;
        let added = added?;
        let (parent_only, unfollowed) = only?;
        let shown: BTreeSet<RepoPath> = index.not_ignored_by_rule(&added)?;
        let added_by_user: BTreeSet<RepoPath> =
            added.into_iter().filter(|path| !shown.contains(path)).collect();
        let only: Vec<RepoPath> =
            parent_only.iter().filter(|path| !added_by_user.contains(*path)).cloned().collect();
        let kept = index.not_ignored_by_rule(&only)?;
        let ignored = only.into_iter().filter(|path| !kept.contains(path)).collect();
        let mut nested = BTreeSet::new();
        let mut candidates = BTreeSet::new();
        let differing: BTreeSet<RepoPath> = differing?.into_iter().filter(|path| !is_scratch(path)).collect();
        for path in untracked?.into_iter().chain(added_by_user.iter().cloned()) {
            if is_scratch(&path) {
                continue;
            }
            match path.as_bytes().strip_suffix(b"/") {
                Some(folder) => nested.insert(RepoPath::new(folder)),
                None => candidates.insert(path),
            };
        }
        candidates.extend(differing.iter().cloned());
        let mut untracked_of_parent = parent_only;
        untracked_of_parent.extend(unfollowed);
        let seen = Self {
            parent_tree,
            gitlinks,
            ignored,
            added_by_user,
            untracked_of_parent,
            sparse: user?.map(|user| user.skipped).unwrap_or_default(),
            nested,
            differing,
            candidates,
        };
        Ok((seen, search))
    }

    /// Whether the user tracks what may have to be taken.
    fn is_tracked(&self, path: &RepoPath) -> bool {
        self.added_by_user.contains(path)
            || (self.differing.contains(path) && !self.untracked_of_parent.contains(path))
    }

    /// The folders of what may have to be taken, whether the parent has them or not.
    fn new_folders(&self) -> HashSet<RepoPath> {
        self.candidates.iter().flat_map(RepoPath::folders).collect()
    }
}

/// Paths that the parent holds and the user does not track: taken by earlier snapshots. First by the commit that the run
/// began on; then those that `HEAD` does not hold any more, which counts for what looks like a secret.
fn parent_only(
    repository: &Repository,
    index: &PrivateIndex<'_>,
    parent: Option<Oid>,
    tracked: Option<Oid>,
) -> Result<(BTreeSet<RepoPath>, BTreeSet<RepoPath>), StoreError> {
    let Some(parent) = parent else { return Ok((BTreeSet::new(), BTreeSet::new())) };
    let beyond = |commit: Option<Oid>| -> Result<BTreeSet<RepoPath>, StoreError> {
        match commit {
            Some(commit) if commit == parent => Ok(BTreeSet::new()),
            Some(commit) => Ok(diff(repository, commit, parent)?
                .into_iter()
                .filter(|change| change.from.is_none())
                .map(|change| change.path)
                .collect()),
            None => index.names(),
        }
    };
    let only = beyond(tracked)?;
    let head = repository.head().ok().and_then(|head| head.oid);
    let unfollowed = if head == tracked { BTreeSet::new() } else { beyond(head)? };
    Ok((only, unfollowed))
}

fn joined<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The decisions about single paths.
struct Filling<'a> {
    rules: &'a SnapshotRules,
    work_tree: &'a Path,
    seen: &'a Seen,
    skipped: BTreeMap<RepoPath, SkipReason>,
    removed: Vec<RepoPath>,
}

impl Filling<'_> {
    fn skip(&mut self, path: RepoPath, why: SkipReason) {
        self.skipped.insert(path, why);
    }

    /// What to record of this path; `None`: nothing, it is skipped or removed.
    fn judge(&mut self, path: &RepoPath, tracked: bool) -> Option<Fingerprint> {
        if self.rules.excludes(path) {
            self.skip(path.clone(), SkipReason::Excluded);
            return None;
        }
        let meta = match probe(self.work_tree, path) {
            Ok(Some(meta)) => meta,
            // Where only a part of the tree is checked out, what is not there is no removal.
            Ok(None) if self.seen.sparse.contains(path) => return None,
            Ok(None) => {
                self.removed.push(path.clone());
                return None;
            }
            Err(error) => {
                self.skip(path.clone(), SkipReason::Unreadable(error.to_string()));
                return None;
            }
        };
        let kind = meta.file_type();
        if kind.is_dir() {
            if self.seen.gitlinks.contains(path) {
                return Some(Fingerprint::of(&meta));
            }
            // A file became a folder; what is in it comes by its own paths.
            self.removed.push(path.clone());
            return None;
        }
        let why = if let Some(why) = special_files::special(kind) {
            Some(why)
        } else if !tracked && self.rules.looks_secret(path) {
            Some(SkipReason::LooksSecret)
        } else if kind.is_symlink() {
            None
        } else if meta.len() > self.rules.max_file_bytes() {
            Some(SkipReason::TooLarge { bytes: meta.len(), cap: self.rules.max_file_bytes() })
        } else {
            unreadable(&path.under(self.work_tree)).map(SkipReason::Unreadable)
        };
        match why {
            Some(why) => {
                self.skip(path.clone(), why);
                None
            }
            None => Some(Fingerprint::of(&meta)),
        }
    }
}

fn unreadable(file: &Path) -> Option<String> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(file).err().map(|error| error.to_string())
}

/// What changes whenever a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    device: u64,
    inode: u64,
    mode: u32,
    size: u64,
    modified: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl Fingerprint {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            mode: meta.mode(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Whether the path is no longer what it was when this was taken.
    pub(super) fn moved(self, work_tree: &Path, path: &RepoPath) -> bool {
        !matches!(probe(work_tree, path), Ok(Some(meta)) if Self::of(&meta) == self)
    }
}

fn oid(text: &str) -> Result<Oid, StoreError> {
    text.parse().map_err(|error: crate::domain::oid::NotAnOid| StoreError::Git {
        action: "git".to_owned(),
        detail: error.to_string(),
    })
}

fn commit(
    index: &PrivateIndex<'_>,
    tree: Oid,
    parent: Option<Oid>,
    message: &str,
    author: &Signature,
    committer: &Signature,
) -> Result<Oid, StoreError> {
    let date = |at: Timestamp| format!("@{} +0000", at.as_second().clamp(0, MAX_COMMIT_SECONDS));
    let mut git = index
        .git("commit-tree")
        .env("GIT_AUTHOR_NAME", &author.name)
        .env("GIT_AUTHOR_EMAIL", &author.email)
        .env("GIT_AUTHOR_DATE", date(author.at))
        .env("GIT_COMMITTER_NAME", &committer.name)
        .env("GIT_COMMITTER_EMAIL", &committer.email)
        .env("GIT_COMMITTER_DATE", date(committer.at))
        .arg(tree.to_string());
    if let Some(parent) = parent {
        git = git.arg("-p").arg(parent.to_string());
    }
    let output = git.args(["--no-gpg-sign", "-F", "-"]).run(message.as_bytes())?;
    oid(String::from_utf8_lossy(&output).trim_end())
}
