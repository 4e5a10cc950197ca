//! Fetching: what a remote holds comes into the tracking namespace, and nowhere else.
//!
//! The objects arrive in a quarantine, where git has checked each of them, and go from there into the repository by the
//! ledger's own write path: a fetch that is broken off leaves nothing behind, and what a tracking ref names is durable.

use std::collections::BTreeMap;

use super::super::project::Project;
use super::super::stop::Stop;
use super::push::{is_here, track};
use super::remote::{Advertised, Remote, SharingError};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{NewObjects, RefName, Store as _, StoreError};
use crate::workspace::quarantine::Quarantine;

/// How often a remote is asked anew because it moved on between its answer and the fetch.
const ATTEMPTS: u32 = 3;

/// Which run branches are fetched beside the ledger.
#[derive(Debug, Clone, Copy)]
pub enum Runs<'a> {
    /// None.
    None,
    /// All that the remote has.
    All,
    /// These, as far as the remote has them.
    These(&'a [RunId]),
}

/// What is known of a remote after a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The tip of its ledger; none where it has none.
    pub state: Option<Oid>,
    /// What it was when it was last looked at.
    pub before: Option<Oid>,
    /// The run branches that came or changed.
    pub runs: Vec<RunId>,
}

/// Brings the tracking refs of a remote up to date.
pub fn fetch(
    project: &Project,
    remote: &Remote,
    runs: Runs<'_>,
    stop: &Stop,
) -> Result<Fetched, SharingError> {
    let before = project.store.resolve(&RefName::Remote(remote.name.clone()))?;
    let mut attempt = 1;
    loop {
        let there = remote.advertised(project, stop)?;
        let wanted = wanted(project, remote, &there, runs)?;
        if wanted.is_empty() {
            return Ok(Fetched { state: there.state, before, runs: Vec::new() });
        }
        let quarantine = Quarantine::create(&project.repository)?;
        match transfer(project, remote, &quarantine, &wanted, stop) {
            // The remote may have moved on, and give away only what it has now.
            Err(SharingError::Failed { .. })
                if attempt < ATTEMPTS && remote.advertised(project, stop)? != there =>
            {
                attempt += 1;
            }
            Err(error) => return Err(error),
            Ok(()) => {
                let fetched =
                    keep(project, remote, &quarantine, &wanted).map_err(|error| cut_off(remote, error))?;
                return Ok(Fetched { state: there.state, before, runs: fetched });
            }
        }
    }
}

/// The tracking refs that differ from what the remote has, with what they get.
fn wanted(
    project: &Project,
    remote: &Remote,
    there: &Advertised,
    runs: Runs<'_>,
) -> Result<BTreeMap<RefName, Oid>, SharingError> {
    let mut all: Vec<(RefName, Oid)> =
        there.state.iter().map(|tip| (RefName::Remote(remote.name.clone()), *tip)).collect();
    for (run, tip) in &there.runs {
        let asked = match runs {
            Runs::None => false,
            Runs::All => true,
            Runs::These(these) => these.contains(run),
        };
        if asked {
            all.push((RefName::RemoteRun(remote.name.clone(), run.clone()), *tip));
        }
    }
    let mut wanted = BTreeMap::new();
    for (name, tip) in all {
        if project.store.resolve(&name)? != Some(tip) || !is_here(project, tip)? {
            wanted.insert(name, tip);
        }
    }
    Ok(wanted)
}

/// Lets git bring the objects into the quarantine. It writes no ref, no `FETCH_HEAD`, and nothing else.
fn transfer(
    project: &Project,
    remote: &Remote,
    quarantine: &Quarantine,
    wanted: &BTreeMap<RefName, Oid>,
    stop: &Stop,
) -> Result<(), SharingError> {
    // Where objects are promised, git takes what an object names and is not here for a fault of the one that came. What
    // comes there is checked by the replay alone.
    let promised = GitCommand::new(&project.repository.git_dir, "config")
        .args(["--get-regexp", "^(remote\\..*\\.promisor|extensions\\.partialclone)$"])
        .output(&[])?;
    let checked = if promised.status.success() { "false" } else { "true" };
    let mut git = GitCommand::to_a_remote(&project.repository.git_dir, "fetch")?
        .config("fetch.fsckObjects", checked)
        .config("fetch.unpackLimit", "1")
        .args(["--no-write-fetch-head", "--no-tags", "--no-prune", "--refmap="])
        .args(["--no-recurse-submodules", "--no-write-commit-graph", "--no-auto-maintenance"])
        .args(["--no-filter", "--quiet", "--no-progress", "--end-of-options"])
        .arg(&remote.name);
    for oid in wanted.values() {
        git = git.arg(oid.to_string());
    }
    remote.transfer(quarantine.over(git), stop, "fetched from")
}

/// Takes what came out of the quarantine and sets the tracking refs; the ledger's comes last, so that who sees it sees
/// the branches, too.
fn keep(
    project: &Project,
    remote: &Remote,
    quarantine: &Quarantine,
    wanted: &BTreeMap<RefName, Oid>,
) -> Result<Vec<RunId>, SharingError> {
    let message = format!("fetch: {}", remote.name);
    let mut runs = Vec::new();
    for tip in wanted.values() {
        let git = GitCommand::new(&project.repository.git_dir, "cat-file").arg("-t").arg(tip.to_string());
        let kind = quarantine.over(git).text()?;
        if kind != "commit" {
            return Err(SharingError::Failed {
                remote: remote.name.clone(),
                what: "fetched from",
                detail: format!("{tip} is a {kind} there, not a commit"),
            });
        }
    }
    let have = tips(project)?;
    for (name, tip) in wanted {
        let RefName::RemoteRun(_, run) = name else { continue };
        track(project, name.clone(), *tip, from(quarantine, *tip, &have), &message)?;
        runs.push(run.clone());
    }
    for (name, tip) in wanted.iter().filter(|(name, _)| matches!(name, RefName::Remote(_))) {
        track(project, name.clone(), *tip, from(quarantine, *tip, &have), &message)?;
    }
    Ok(runs)
}

/// A remote that is itself a shallow clone gives commits whose parents nobody has.
fn cut_off(remote: &Remote, error: SharingError) -> SharingError {
    match &error {
        SharingError::Store(StoreError::Git { action, detail }) if action == "git pack-objects" => {
            SharingError::Failed {
                remote: remote.name.clone(),
                what: "fetched from",
                detail: format!(
                    "commits that came before are missing there, as in a shallow clone ({detail})"
                ),
            }
        }
        _ => error,
    }
}

fn from(quarantine: &Quarantine, want: Oid, have: &[Oid]) -> NewObjects {
    NewObjects::Quarantine { directory: quarantine.path().to_owned(), want, have: have.to_vec() }
}

/// The commits that refs of this repository name: what is reachable from them is here already.
fn tips(project: &Project) -> Result<Vec<Oid>, StoreError> {
    let text = GitCommand::new(&project.repository.git_dir, "for-each-ref")
        .arg("--format=%(objecttype) %(objectname)%0a%(*objecttype) %(*objectname)")
        .text()?;
    let mut tips = Vec::new();
    for line in text.lines() {
        if let Some(oid) = line.strip_prefix("commit ").and_then(|oid| oid.parse().ok()) {
            tips.push(oid);
        }
    }
    tips.sort_unstable();
    tips.dedup();
    Ok(tips)
}
