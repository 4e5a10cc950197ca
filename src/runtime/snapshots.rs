//! Code snapshots on the run branch: taken by the workspace floor, published by the ledger's write path.

use thiserror::Error;

use super::backups::{self, Backup};
use super::evidence::Secrets;
use super::moves::{Began, Moves};
use super::project::Project;
use crate::domain::ids::RunId;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::plan::SnapshotPolicy;
use crate::domain::run::Run;
use crate::format::message::one_line;
use crate::ledger::commit::Person;
use crate::ledger::store::{NewObjects, Publication, RefName, Signature, Store as _, StoreError};
use crate::workspace::snapshot::{Drawn, Skipped, SnapshotError, Snapshots};
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

/// What was left out that a message names one by one.
const NAMED: usize = 50;

/// Characters of a trailer's value.
const VALUE_CHARS: usize = 400;

/// A published snapshot.
#[derive(Debug)]
pub struct Taken {
    /// Its commit.
    pub commit: Oid,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// What became of the user's `HEAD`, branch and index since the one before, in words.
    pub moves: Vec<String>,
}

/// What the commit of a snapshot says.
#[derive(Debug, Clone)]
pub struct Says {
    /// The subject.
    pub subject: String,
    /// A paragraph between subject and trailers, where the code is not the parent's.
    pub changed: Option<String>,
    /// The same where it is.
    pub unchanged: Option<String>,
    /// The trailers, each with its key but for the `Millrace-`.
    pub trailers: Vec<(&'static str, String)>,
}

impl Says {
    /// The message of a snapshot in which this was left out and moved. Names of files and branches are whatever a stage
    /// made them.
    fn message(&self, drawn: &Drawn<'_>, moves: &[(&'static str, String)], secrets: &Secrets) -> String {
        use std::fmt::Write as _;
        let mut message = format!("{}\n", self.subject);
        let body = if drawn.unchanged { &self.unchanged } else { &self.changed };
        // Writing to a string cannot fail.
        if let Some(body) = body {
            let _ = write!(message, "\n{body}\n");
        }
        message.push('\n');
        let mut skipped: Vec<String> = drawn
            .skipped
            .iter()
            .take(NAMED)
            .map(|skipped| format!("{} ({})", skipped.path, skipped.why))
            .collect();
        if drawn.skipped.len() > NAMED {
            skipped.push(format!("and {} more", drawn.skipped.len() - NAMED));
        }
        let skipped = skipped.into_iter().map(|skipped| ("Skipped", skipped));
        let found = moves.iter().cloned().chain(skipped);
        let found = found.map(|(key, value)| (key, secrets.redacted(&value).0));
        for (key, value) in self.trailers.iter().cloned().chain(found) {
            let _ = writeln!(message, "Millrace-{key}: {}", one_line(&value, VALUE_CHARS));
        }
        message
    }
}

/// Where a snapshot goes.
pub struct Place<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The run branch's tip; none before snapshot 0.
    pub tip: Option<Oid>,
    /// What the snapshot stands on: the tip, or for snapshot 0 the commit the user stands on.
    pub parent: Option<Oid>,
    /// Where the user stood when the run began; none for snapshot 0, with which it begins. What is tracked is what was
    /// tracked there: `HEAD` may have moved since.
    pub began: Option<Began>,
    /// Whether a commit is wanted even where the code is the parent's.
    pub even_unchanged: bool,
}

impl<'a> Place<'a> {
    /// On top of what the branch of this run holds.
    #[must_use]
    pub fn next(run: &'a Run, even_unchanged: bool) -> Self {
        let began = Began { base: run.base, branch: run.branch.clone() };
        Self { run: &run.run, tip: Some(run.tip), parent: Some(run.tip), began: Some(began), even_unchanged }
    }
}

/// Takes a snapshot of the work tree and makes it the tip of the run branch; `None` where nothing had changed and no
/// commit was wanted then.
pub fn take(
    project: &Project,
    policy: &SnapshotPolicy,
    place: &Place<'_>,
    author: &Person,
    says: &Says,
    secrets: &Secrets,
) -> Result<Option<Taken>, SnapError> {
    let rules = SnapshotRules::new(policy.max_file_bytes, &policy.exclude)?;
    let committer = project.signature()?;
    let author = Signature { name: author.name.clone(), email: author.email.clone(), at: committer.at };
    let moves = Moves::look(project, place.run, place.tip, place.began.as_ref())?;
    let trailers = moves.trailers();
    let tracked = place.began.as_ref().map_or(place.parent, |began| began.base);
    let snapshot = Snapshots::new(&project.repository, rules).draw(
        place.parent,
        tracked,
        &|drawn| says.message(drawn, &trailers, secrets),
        &author,
        &committer,
    )?;
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
        message: says.subject.clone(),
    })?;
    moves.remember(project, snapshot.commit);
    Ok(Some(Taken { commit: snapshot.commit, skipped: snapshot.skipped, moves: moves.findings() }))
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
