//! Going back: what it takes for the work tree to hold a snapshot's code, and what stands against it.
//!
//! The code as it is now is taken as a snapshot first. What differs between the two is put back or removed, and
//! nothing else is touched: so everything that changes or goes is in the snapshot of now, which is the way back once
//! it is published. What that snapshot could not take, or may not, is left alone and named.
//!
//! The user's index, `HEAD` and branches stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::changes::{Change, GITLINK, Pathspec, diff_within};
use super::discover::Repository;
use super::head::HeadError;
use super::path::{RepoPath, split_nul};
use super::restore::{RestoreError, RestorePlan, Unclear, plan_of};
use super::snapshot::{SkipReason, Snapshot, SnapshotError, Snapshots};
use super::snapshot_rules::{SnapshotRules, is_scratch};
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{Signature, StoreError};

/// Why it is not known what stands between the work tree and a snapshot.
#[derive(Debug, Error)]
pub enum DistanceError {
    /// The code as it is now cannot be taken.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// `HEAD` cannot be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The work tree cannot be compared.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] StoreError),
}

/// What the work tree is to hold.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// A commit whose code is wanted.
    pub target: Oid,
    /// What snapshots leave out, that one and the one of now.
    pub rules: SnapshotRules,
    /// The paths that are meant, where not all are.
    pub only: Option<&'a Pathspec>,
    /// The message of the snapshot of now.
    pub message: &'a str,
    /// Who takes it.
    pub by: &'a Signature,
}

/// What stands between the work tree and what it is to hold.
#[derive(Debug)]
pub struct Distance {
    /// The code as it is now, on the commit that the user stands on; not published yet.
    pub now: Snapshot,
    /// What has to be done. Nothing in it is unclear.
    pub plan: RestorePlan,
    /// What stays as it is although the snapshot may have it otherwise, and why.
    pub left_alone: Vec<Unclear>,
    /// What should go back and cannot: something that is in no snapshot stands there, and would be lost.
    pub in_the_way: Vec<Unclear>,
    /// The paths of the plan that the user has otherwise than in `HEAD`: what would be lost if nothing kept it.
    pub uncommitted: Vec<RepoPath>,
}

/// Finds out. Changes nothing.
pub fn distance(repository: &Repository, wanted: Wanted<'_>) -> Result<Distance, DistanceError> {
    let head = repository.head()?.oid;
    let rules = wanted.rules.clone();
    let now = Snapshots::new(repository, wanted.rules).take(head, wanted.message, wanted.by, wanted.by)?;
    let within = Some(&now.quarantine);
    let skipped: BTreeMap<&RepoPath, &SkipReason> =
        now.skipped.iter().map(|skipped| (&skipped.path, &skipped.why)).collect();
    let not_there = not_checked_out(repository)?;

    let mut left_alone: BTreeMap<RepoPath, String> = BTreeMap::new();
    let mut in_the_way: BTreeMap<RepoPath, String> = BTreeMap::new();
    let mut changes = Vec::new();
    for change in diff_within(repository, within, wanted.target, now.commit, wanted.only)? {
        if is_scratch(&change.path) {
            continue;
        }
        let path = &change.path;
        let why = if let Some(why) = skipped.get(path) {
            // Not taken now, so not to be overwritten, and the snapshot has another one.
            if change.from.is_some_and(|version| version.mode != GITLINK)
                && !matches!(why, SkipReason::Excluded | SkipReason::NestedRepository)
            {
                in_the_way.insert(path.clone(), why.to_string());
                continue;
            }
            Some(why.to_string())
        } else if rules.excludes(path) {
            Some(SkipReason::Excluded.to_string())
        } else if [change.from, change.to].into_iter().flatten().any(|version| version.mode == GITLINK)
            || is_in_another(repository, path)
        {
            Some(SkipReason::NestedRepository.to_string())
        } else if not_there.contains(path) {
            Some("is outside of the sparse checkout".to_owned())
        } else {
            None
        };
        match why {
            Some(why) => drop(left_alone.insert(path.clone(), why)),
            None => changes.push(change),
        }
    }
    if wanted.only.is_none() {
        for (path, why) in skipped {
            if !in_the_way.contains_key(path) {
                left_alone.entry(path.clone()).or_insert_with(|| why.to_string());
            }
        }
    }

    let sides: BTreeMap<RepoPath, Change> =
        changes.iter().map(|change| (change.path.clone(), change.clone())).collect();
    let mut plan = plan_of(repository, within, wanted.target, now.commit, changes)?;
    for Unclear { path, why } in std::mem::take(&mut plan.unclear) {
        // The snapshot of now has nothing there, and something is there all the same.
        let unknown = why == "changed since" && sides.get(&path).is_some_and(|change| change.to.is_none());
        let why = if unknown { "is there, and git ignores it".to_owned() } else { why };
        in_the_way.insert(path, why);
    }
    for list in [&mut plan.put_back, &mut plan.remove] {
        list.retain(|path| !in_the_way.contains_key(path));
    }

    let own: Option<BTreeSet<RepoPath>> = match head {
        None => None,
        Some(head) => {
            let changed = diff_within(repository, within, head, now.commit, None)?;
            Some(changed.into_iter().map(|change| change.path).collect())
        }
    };
    let uncommitted = |path: &&RepoPath| match &own {
        Some(changed) => changed.contains(*path),
        None => sides.get(*path).is_some_and(|change| change.to.is_some()),
    };
    let mut uncommitted: Vec<RepoPath> =
        plan.put_back.iter().chain(&plan.remove).filter(uncommitted).cloned().collect();
    uncommitted.sort();
    let listed = |paths: BTreeMap<RepoPath, String>| {
        paths.into_iter().map(|(path, why)| Unclear { path, why }).collect::<Vec<_>>()
    };
    Ok(Distance { now, plan, left_alone: listed(left_alone), in_the_way: listed(in_the_way), uncommitted })
}

/// Whether a folder above this path is a repository of its own now.
fn is_in_another(repository: &Repository, path: &RepoPath) -> bool {
    let Some(work_tree) = &repository.work_tree else { return false };
    path.folders().any(|folder| folder.child(b".git").under(work_tree).symlink_metadata().is_ok())
}

/// The paths of the user's index that the work tree is not to have: a sparse checkout. An index that is damaged is the
/// user's to mend, and names nothing.
fn not_checked_out(repository: &Repository) -> Result<BTreeSet<RepoPath>, StoreError> {
    let Some(work_tree) = &repository.work_tree else { return Ok(BTreeSet::new()) };
    let output = GitCommand::new(&repository.git_dir, "ls-files")
        .work_tree(work_tree)
        .args(["-z", "-t", "--cached"])
        .output(&[])?;
    if !output.status.success() {
        return Ok(BTreeSet::new());
    }
    let marked = split_nul(&output.stdout).filter_map(|record| record.strip_prefix(b"S "));
    let marked = marked.map(RepoPath::new);
    // What is there in spite of the mark is checked out, and compared like any other file.
    Ok(marked.filter(|path| path.under(work_tree).symlink_metadata().is_err()).collect())
}
