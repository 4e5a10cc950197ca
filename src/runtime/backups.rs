//! Backups: refs that keep what would be reachable from nowhere else. Nothing of the user's, and no commit of a run, is
//! overwritten, removed or cut off before a ref of ours has it.
//!
//! They are for people to look at and to delete: the runtime never removes one.

use std::collections::BTreeSet;

use super::project::Project;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{NewObjects, Publication, RefName, Store as _, StoreError};

/// Backups of one second that are told apart.
const MOST_OF_A_SECOND: u32 = 1000;

/// A backup that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// What comes after `refs/millrace/backup/`.
    pub name: String,
    /// What it keeps.
    pub commit: Oid,
}

impl Backup {
    /// The ref.
    #[must_use]
    pub fn full(&self) -> String {
        RefName::Backup(self.name.clone()).full()
    }
}

/// Keeps a commit under the time and a word, durably; where a backup has it already, that one is the answer.
pub fn keep(
    project: &Project,
    commit: Oid,
    objects: &NewObjects,
    word: &str,
    why: &str,
) -> Result<Backup, StoreError> {
    if let Some(known) = list(project)?.into_iter().find(|known| known.commit == commit) {
        return Ok(known);
    }
    let by = project.signature()?;
    let stem = format!("{}-{word}", by.at.strftime("%Y%m%d-%H%M%S"));
    let mut writer = project.store.writer(LOCK_WAIT)?;
    let mut nth = 1;
    loop {
        let name = if nth == 1 { stem.clone() } else { format!("{stem}-{nth}") };
        let publication = Publication {
            name: RefName::Backup(name.clone()),
            old: None,
            new: Some(commit),
            objects: objects.clone(),
            by: by.clone(),
            message: why.to_owned(),
        };
        match writer.publish(publication) {
            Ok(()) => return Ok(Backup { name, commit }),
            Err(StoreError::Moved { .. }) if nth < MOST_OF_A_SECOND => nth += 1,
            Err(error) => return Err(error),
        }
    }
}

/// All of them, the oldest first.
pub fn list(project: &Project) -> Result<Vec<Backup>, StoreError> {
    let output = GitCommand::new(&project.repository.common_dir, "for-each-ref")
        .args(["--format=%(objectname) %(refname:lstrip=3)", "refs/millrace/backup/"])
        // A damaged ref makes git fail after it has listed the others.
        .output(&[])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |line: &str| {
        let (commit, name) = line.split_once(' ')?;
        Some(Backup { name: name.to_owned(), commit: commit.parse().ok()? })
    };
    Ok(text.lines().filter_map(parse).collect())
}

/// Keeps a commit that the work tree holds, unless a ref leads to it already: before files that are as it has them go.
pub fn keep_unless_held(
    project: &Project,
    commit: Oid,
    word: &str,
    why: &str,
) -> Result<Option<Backup>, StoreError> {
    keep_cut_off(project, None, commit, word, why)
}

/// Keeps what leads to `tip` and to no other ref than `name`, before that ref moves away or goes. Where a backup has
/// the same files already, another would keep nothing more: so a claim that fails again and again leaves one.
pub fn keep_cut_off(
    project: &Project,
    name: Option<&RefName>,
    tip: Oid,
    word: &str,
    why: &str,
) -> Result<Option<Backup>, StoreError> {
    let mut git = GitCommand::new(&project.repository.common_dir, "rev-list")
        .args(["--no-commit-header", "--format=%T"])
        .arg(tip.to_string())
        .arg("--not");
    if let Some(name) = name {
        git = git.arg(format!("--exclude={}", name.full()));
    }
    let cut_off = git.arg("--all").output(&[])?;
    // What cannot be told is kept.
    if cut_off.status.success() {
        let kept = GitCommand::new(&project.repository.common_dir, "for-each-ref")
            .args(["--format=%(tree)", "refs/millrace/backup/"])
            .output(&[])?;
        let kept = String::from_utf8_lossy(&kept.stdout);
        let kept: BTreeSet<&str> = kept.lines().collect();
        if String::from_utf8_lossy(&cut_off.stdout).lines().all(|tree| kept.contains(tree)) {
            return Ok(None);
        }
    }
    match keep(project, tip, &NewObjects::None, word, why) {
        Ok(backup) => Ok(Some(backup)),
        // There is nothing left to keep, and a ref to it would break the user's own git.
        Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
