//! Backups: refs that keep what would be reachable from nowhere else. Nothing of the user's, and no commit of a run, is
//! overwritten, removed or cut off before a ref of ours has it.
//!
//! They are for people to look at and to delete: the runtime never removes one.

use super::project::Project;
use super::source;
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

/// Whether a ref of ours, or of the user's, leads to this commit.
pub fn is_held(project: &Project, commit: Oid) -> Result<bool, StoreError> {
    let output = GitCommand::new(&project.repository.common_dir, "for-each-ref")
        .args(["--count=1", "--format=%(refname)", "--contains"])
        .arg(commit.to_string())
        .output(&[])?;
    Ok(output.status.success() && !output.stdout.is_empty())
}

/// Keeps a commit unless a ref leads to it.
pub fn keep_unless_held(
    project: &Project,
    commit: Oid,
    word: &str,
    why: &str,
) -> Result<Option<Backup>, StoreError> {
    if is_held(project, commit)? {
        return Ok(None);
    }
    keep(project, commit, &NewObjects::None, word, why).map(Some)
}

/// The moment, as names of backups begin.
#[must_use]
pub fn now() -> String {
    source::now().strftime("%Y%m%d-%H%M%S").to_string()
}
