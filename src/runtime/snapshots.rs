//! Code snapshots on the run branch: taken by the workspace floor, published by the ledger's write path.

use thiserror::Error;

use super::backups::{self, Backup};
use super::project::Project;
use crate::domain::ids::RunId;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::plan::SnapshotPolicy;
use crate::ledger::commit::Person;
use crate::ledger::store::{NewObjects, Publication, RefName, Signature, Store as _, StoreError};
use crate::workspace::snapshot::{Skipped, SnapshotError, Snapshots};
use crate::workspace::snapshot_rules::{BadPattern, SnapshotRules};

/// Why there is no snapshot.
#[derive(Debug, Error)]
pub enum SnapError {
    /// It could not be taken.
    #[error(transparent)]
    Taken(#[from] SnapshotError),
    /// It could not be published.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan's patterns are wrong.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
}

/// A published snapshot.
#[derive(Debug)]
pub struct Taken {
    /// Its commit.
    pub commit: Oid,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Where a snapshot goes.
pub struct Place<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The run branch's tip; none before snapshot 0.
    pub tip: Option<Oid>,
    /// What the snapshot stands on: the tip, or for snapshot 0 the commit the user stands on.
    pub parent: Option<Oid>,
    /// Whether a commit is wanted even where the code is the parent's.
    pub even_unchanged: bool,
}

/// Takes a snapshot of the work tree and makes it the tip of the run branch; `None` where nothing had changed and no
/// commit was wanted then.
pub fn take(
    project: &Project,
    policy: &SnapshotPolicy,
    place: &Place<'_>,
    author: &Person,
    message: &str,
) -> Result<Option<Taken>, SnapError> {
    let rules = SnapshotRules::new(policy.max_file_bytes, &policy.exclude)?;
    let committer = project.signature()?;
    let author = Signature { name: author.name.clone(), email: author.email.clone(), at: committer.at };
    let snapshot =
        Snapshots::new(&project.repository, rules).take(place.parent, message, &author, &committer)?;
    if snapshot.unchanged && !place.even_unchanged {
        return Ok(None);
    }
    let mut writer = project.store.writer(LOCK_WAIT)?;
    writer.publish(Publication {
        name: RefName::Run(place.run.clone()),
        old: place.tip,
        new: Some(snapshot.commit),
        objects: NewObjects::Quarantine {
            directory: snapshot.quarantine.path().to_owned(),
            want: snapshot.commit,
            have: snapshot.have.clone(),
        },
        by: committer,
        message: message.lines().next().unwrap_or_default().to_owned(),
    })?;
    Ok(Some(Taken { commit: snapshot.commit, skipped: snapshot.skipped }))
}

/// Sets a run branch to what the ledger says: back to `to`, or away where the ledger does not know the run. What nothing
/// else leads to is kept first; where, is the answer.
pub fn reset(
    project: &Project,
    run: &RunId,
    from: Oid,
    to: Option<Oid>,
) -> Result<Option<Backup>, StoreError> {
    let name = RefName::Run(run.clone());
    let why = format!("recovery: what run branch {run} held beyond the ledger");
    let kept = backups::keep_cut_off(project, Some(&name), from, &format!("run-{run}"), &why)?;
    if let Some(kept) = &kept {
        tracing::info!(run = %run, backup = %kept.full(), "what the run branch held beyond the ledger is kept");
    }
    forget(project, run, from, to)?;
    Ok(kept)
}

/// The same of what the work tree holds as well, which was taken a moment ago.
pub fn forget(project: &Project, run: &RunId, from: Oid, to: Option<Oid>) -> Result<(), StoreError> {
    let mut writer = project.store.writer(LOCK_WAIT)?;
    writer.publish(Publication {
        name: RefName::Run(run.clone()),
        old: Some(from),
        new: to,
        objects: NewObjects::None,
        by: project.signature()?,
        message: "recovery: back to what the ledger names".to_owned(),
    })
}

/// Makes a run branch again that somebody deleted, at what the ledger names.
pub fn restore_branch(project: &Project, run: &RunId, to: Oid) -> Result<(), StoreError> {
    let mut writer = project.store.writer(LOCK_WAIT)?;
    writer.publish(Publication {
        name: RefName::Run(run.clone()),
        old: None,
        new: Some(to),
        objects: NewObjects::None,
        by: project.signature()?,
        message: "recovery: the branch was gone".to_owned(),
    })
}
