//! What changed between two snapshots, and what the work tree holds now.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::discover::Repository;
use super::path::RepoPath;
use super::private_index::PrivateIndex;
use super::quarantine::Quarantine;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// The mode of a nested repository's entry, which names a commit of that repository.
pub const GITLINK: u32 = 0o160_000;

/// A file as a tree names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// git's mode: `0o100644`, `0o100755`, `0o120000` (symbolic link), [`GITLINK`].
    pub mode: u32,
    /// The blob (for a [`GITLINK`] a commit).
    pub oid: Oid,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: RepoPath,
    /// What it was; `None`: it did not exist.
    pub from: Option<Version>,
    /// What it is; `None`: it does not exist.
    pub to: Option<Version>,
}

/// What the work tree holds at a path, in git's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDisk {
    /// Nothing there (or a file or symbolic link where a folder above it should be).
    Absent,
    /// A file or symbolic link that git would store as this.
    Present(Version),
    /// A folder.
    Folder,
    /// Something that cannot be compared, with the reason: not readable, a socket, refused by a filter.
    Unclear(String),
}

impl fmt::Display for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("missing"),
            Self::Present(_) => f.write_str("changed since"),
            Self::Folder => f.write_str("a folder is there"),
            Self::Unclear(why) => f.write_str(why),
        }
    }
}

/// A comparison that was not possible.
#[derive(Debug, Error)]
pub enum ChangesError {
    /// A bare repository has no files to compare.
    #[error("{0} is a bare repository: it has no work tree to compare with")]
    Bare(String),
    /// git failed.
    #[error(transparent)]
    Git(#[from] StoreError),
}

/// The paths that differ between two commits or trees, in tree order; a rename is a removal and an addition.
pub fn diff(repository: &Repository, from: Oid, to: Oid) -> Result<Vec<Change>, StoreError> {
    diff_within(repository, None, from, to, None)
}

/// Paths as a person names them on a command line, and the folder that they are relative to.
#[derive(Debug, Clone)]
pub struct Pathspec {
    /// An absolute path in the work tree.
    pub folder: PathBuf,
    /// git's patterns, with all that git knows of them.
    pub patterns: Vec<OsString>,
}

/// The same, with the objects of a quarantine, and of the paths that are named.
pub(crate) fn diff_within(
    repository: &Repository,
    within: Option<&Quarantine>,
    from: Oid,
    to: Oid,
    only: Option<&Pathspec>,
) -> Result<Vec<Change>, StoreError> {
    let mut git = GitCommand::new(&repository.git_dir, "diff-tree");
    if let Some(quarantine) = within {
        git = quarantine.over(git);
    }
    if let (Some(only), Some(work_tree)) = (only, &repository.work_tree) {
        git = git.work_tree(work_tree).folder(&only.folder);
    }
    let patterns = only.into_iter().flat_map(|only| &only.patterns);
    let output = git
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .args(["-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none"])
        // Two options for which some repositories have other defaults configured.
        .args(["--no-ext-diff", "--no-relative"])
        .arg(from.to_string())
        .arg(to.to_string())
        .arg("--")
        .args(patterns)
        .run(&[])?;
    parse_raw(&output).ok_or_else(|| StoreError::Git {
        action: "git diff-tree".to_owned(),
        detail: "unexpected output".to_owned(),
    })
}

/// `:<mode> <mode> <oid> <oid> <status>\0<path>\0`, repeated.
fn parse_raw(output: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    let mut fields = output.split(|byte| *byte == 0);
    while let Some(head) = fields.next() {
        if head.is_empty() {
            break;
        }
        let path = RepoPath::new(fields.next()?);
        let head = std::str::from_utf8(head).ok()?.strip_prefix(':')?;
        let words: Vec<&str> = head.split(' ').collect();
        let [old_mode, new_mode, old_oid, new_oid, _status] = words.as_slice() else { return None };
        let side = |mode: &str, oid: &str| {
            if mode == "000000" { Some(None) } else { parse_version(Some(mode), Some(oid)).map(Some) }
        };
        changes.push(Change { path, from: side(old_mode, old_oid)?, to: side(new_mode, new_oid)? });
    }
    Some(changes)
}

pub(crate) fn parse_version(mode: Option<&str>, oid: Option<&str>) -> Option<Version> {
    Some(Version { mode: u32::from_str_radix(mode?, 8).ok()?, oid: oid?.parse().ok()? })
}

/// What the work tree holds at these paths: exactly what `git add` would record, filters included. `base` is the
/// commit or tree that line endings are judged against. No file is changed, and nothing is kept.
pub fn work_tree_versions(
    repository: &Repository,
    base: Option<Oid>,
    paths: &[RepoPath],
) -> Result<BTreeMap<RepoPath, OnDisk>, ChangesError> {
    work_tree_versions_within(repository, None, base, paths)
}

/// The same, where `base` may lie in a quarantine.
pub(crate) fn work_tree_versions_within(
    repository: &Repository,
    within: Option<&Quarantine>,
    base: Option<Oid>,
    paths: &[RepoPath],
) -> Result<BTreeMap<RepoPath, OnDisk>, ChangesError> {
    let work_tree = repository
        .work_tree
        .as_deref()
        .ok_or_else(|| ChangesError::Bare(repository.git_dir.display().to_string()))?;
    let mut found: BTreeMap<RepoPath, OnDisk> = BTreeMap::new();
    let mut ask = Vec::new();
    for path in paths {
        match look(work_tree, path) {
            Some(known) => drop(found.insert(path.clone(), known)),
            None => ask.push(path.clone()),
        }
    }
    if ask.is_empty() {
        return Ok(found);
    }
    let own;
    let quarantine = if let Some(quarantine) = within {
        quarantine
    } else {
        own = Quarantine::create(repository)?;
        &own
    };
    let index = PrivateIndex::fresh(repository, work_tree, quarantine, "compare", base)?;
    for refused in index.record(&ask)? {
        found.insert(refused.path, OnDisk::Unclear(refused.detail));
    }
    let entries = index.entries()?;
    for path in ask {
        // What is not in the index now was there a moment ago.
        let now = entries.get(&path).map(|version| OnDisk::Present(*version));
        found
            .entry(path)
            .or_insert(now.unwrap_or_else(|| OnDisk::Unclear("it changes right now".to_owned())));
    }
    Ok(found)
}

/// What the file system alone can say; `None` where git has to be asked.
fn look(work_tree: &Path, path: &RepoPath) -> Option<OnDisk> {
    match probe(work_tree, path) {
        Err(error) => Some(OnDisk::Unclear(error.to_string())),
        Ok(None) => Some(OnDisk::Absent),
        Ok(Some(meta)) if meta.is_dir() => {
            let nested = path.under(work_tree).join(".git").symlink_metadata().is_ok();
            (!nested).then_some(OnDisk::Folder)
        }
        Ok(Some(meta)) if meta.is_file() || meta.is_symlink() => None,
        Ok(Some(_)) => Some(OnDisk::Unclear("neither a file nor a symbolic link".to_owned())),
    }
}

/// What is at a path, without following any symbolic link: a link where a folder should be leads elsewhere, and
/// what lies there is not this path.
pub(crate) fn probe(work_tree: &Path, path: &RepoPath) -> io::Result<Option<Metadata>> {
    let at = |path: &RepoPath| match path.under(work_tree).symlink_metadata() {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    };
    for folder in path.folders() {
        // Outer folders are judged even where an inner one seems to be there: it may be there through a link.
        if !at(&folder)?.is_some_and(|meta| meta.is_dir()) {
            return Ok(None);
        }
    }
    at(path)
}
