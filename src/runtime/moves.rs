//! Moves: what became of the user's `HEAD`, branch and index since the last snapshot of a run. A harness that commits, or
//! a user that works, is recorded and changes nothing: the next snapshot goes on from the tree, never from where `HEAD`
//! has moved.

use std::path::PathBuf;

use super::left_behind::branch_with;
use super::project::Project;
use super::sharing::push::is_ancestor;
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::ledger::store::StoreError;
use crate::ledger::transact::read_commit;
use crate::workspace::head::Head;
use crate::workspace::head_log;
use crate::workspace::user_index::UserIndex;

/// Commits of a run branch that are looked through for the last place that `HEAD` is known to have had.
const LOOKED_THROUGH: usize = 10_000;

/// Commits that were left behind and are named.
const LEFT_NAMED: usize = 10;

/// What trailers call no commit, and no branch.
const NONE: &str = "none";
const DETACHED: &str = "(detached)";

/// Where the user stood when a run began.
#[derive(Debug, Clone)]
pub struct Began {
    /// The commit.
    pub base: Option<Oid>,
    /// The branch, as a full ref name.
    pub branch: Option<String>,
}

/// Where the user stands, and stood.
#[derive(Debug)]
pub struct Moves {
    run: RunId,
    was: Head,
    now: Head,
    /// The index's digest now; none where it cannot be read.
    index: Option<String>,
    index_changed: bool,
    /// How long the log of `HEAD` is now.
    log: Option<u64>,
    /// Commits that `HEAD` has been at and came back without, and a branch that leads to each.
    left: Vec<(Oid, Option<String>)>,
}

impl Moves {
    /// Looks, before a snapshot on top of `tip` is taken. `began`: none for the first one, which is where all of it
    /// begins.
    pub(super) fn look(
        project: &Project,
        run: &RunId,
        tip: Option<Oid>,
        began: Option<&Began>,
    ) -> Result<Self, StoreError> {
        let now = project.repository.head().map_err(|error| StoreError::Unsupported(error.to_string()))?;
        let index = UserIndex::read(&project.repository)?.map(|index| index.digest);
        let was = match (began, tip) {
            (Some(began), Some(tip)) => last_known(project, began, tip),
            _ => now.clone(),
        };
        // Of the index only this machine knows what it was; where it does not, nothing is said.
        let before = tip.and_then(|tip| remembered(project, run, tip));
        let index_changed = matches!((&before, &index), (Some(before), Some(now)) if before.index != *now);
        // Before it is looked at: what comes after is for the next one.
        let log = head_log::length(&project.repository);
        let since = before.and_then(|before| before.log);
        let left = since.map_or_else(Vec::new, |since| left(project, since, &was, &now));
        Ok(Self { run: run.clone(), was, now, index, index_changed, log, left })
    }

    /// Remembers what the index held and how long the log of `HEAD` was, with the snapshot that was published.
    pub(super) fn remember(&self, project: &Project, tip: Oid) {
        let Some(index) = &self.index else { return };
        let file = file(project);
        // Only a memory: without it the next snapshot says nothing of the index.
        if let Some(folder) = file.parent()
            && std::fs::create_dir_all(folder).is_ok()
        {
            let log = self.log.map_or_else(|| NONE.to_owned(), |log| log.to_string());
            let _ = std::fs::write(&file, format!("{} {tip} {index} {log}\n", self.run));
        }
    }

    /// The trailers of the snapshot's commit, without the prefix of ours.
    #[must_use]
    pub fn trailers(&self) -> Vec<(&'static str, String)> {
        let mut trailers = Vec::new();
        if self.was.oid != self.now.oid {
            let oid = |oid: Option<Oid>| oid.map_or_else(|| NONE.to_owned(), |oid| oid.to_string());
            trailers.push(("Head", format!("{} {}", oid(self.was.oid), oid(self.now.oid))));
        }
        if self.was.branch != self.now.branch {
            let branch = |head: &Head| short(head.branch.as_deref()).to_owned();
            trailers.push(("Branch", format!("{} -> {}", branch(&self.was), branch(&self.now))));
        }
        if self.index_changed {
            trailers.push(("Index", "changed".to_owned()));
        }
        for (commit, branch) in &self.left {
            let branch = branch.as_deref().map_or(NONE, |name| short(Some(name)));
            trailers.push(("Left", format!("{commit} {branch}")));
        }
        trailers
    }

    /// The same in words, for the findings of the stage.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if self.was.branch != self.now.branch {
            let branch = |head: &Head| match &head.branch {
                Some(name) => short(Some(name)).to_owned(),
                None => "a detached HEAD".to_owned(),
            };
            findings.push(format!("the branch changed from {} to {}", branch(&self.was), branch(&self.now)));
        }
        if self.was.oid != self.now.oid {
            let oid = |oid: Option<Oid>| oid.map_or_else(|| "no commit".to_owned(), |oid| oid.short());
            findings.push(format!(
                "HEAD moved from {} to {}; the run goes on from the work tree",
                oid(self.was.oid),
                oid(self.now.oid)
            ));
        }
        if self.index_changed {
            findings.push("the index changed".to_owned());
        }
        for (commit, branch) in &self.left {
            let on = branch.as_deref().map_or("no branch", |name| short(Some(name)));
            findings.push(format!(
                "HEAD was at commit {} (on {on}) and came back without it; what it has counts as far as the work tree \
                 holds it",
                commit.short()
            ));
        }
        findings
    }
}

fn short(branch: Option<&str>) -> &str {
    branch.map_or(DETACHED, |name| name.strip_prefix("refs/heads/").unwrap_or(name))
}

/// Where `HEAD` was at the snapshot `tip`, by the trailers of the branch, and where they say nothing by its beginning.
pub(super) fn last_known(project: &Project, began: &Began, tip: Oid) -> Head {
    let (mut oid, mut branch) = (None, None);
    let mut next = Some(tip);
    for _ in 0..LOOKED_THROUGH {
        let Some(at) = next.filter(|at| Some(*at) != began.base && (oid.is_none() || branch.is_none()))
        else {
            break;
        };
        let Ok(commit) = read_commit(&project.store, at) else { break };
        let block = commit.message.trim_end().rsplit("\n\n").next().unwrap_or_default();
        for line in block.lines() {
            if let Some(moved) = line.strip_prefix("Millrace-Head: ") {
                let to = moved.rsplit(' ').next().unwrap_or_default();
                oid.get_or_insert_with(|| to.parse::<Oid>().ok());
            }
            if let Some(moved) = line.strip_prefix("Millrace-Branch: ") {
                let to = moved.rsplit(" -> ").next().unwrap_or_default();
                branch.get_or_insert_with(|| match to {
                    DETACHED => None,
                    full if full.starts_with("refs/") => Some(full.to_owned()),
                    short => Some(format!("refs/heads/{short}")),
                });
            }
        }
        next = commit.parents.first().copied();
    }
    Head { oid: oid.unwrap_or(began.base), branch: branch.unwrap_or_else(|| began.branch.clone()) }
}

fn file(project: &Project) -> PathBuf {
    let key = project.repository.work_tree_key();
    project.repository.millrace_dir().join("seen").join(format!("{key}.stood"))
}

/// What this machine remembers of a snapshot.
struct Remembered {
    /// The index's digest.
    index: String,
    /// How long the log of `HEAD` was.
    log: Option<u64>,
}

/// What is remembered of this snapshot of this run, where that was the last one here.
fn remembered(project: &Project, run: &RunId, tip: Oid) -> Option<Remembered> {
    let text = std::fs::read_to_string(file(project)).ok()?;
    let rest = text.strip_prefix(&format!("{run} {tip} "))?.trim_end();
    let (index, log) = rest.split_once(' ').unwrap_or((rest, NONE));
    Some(Remembered { index: index.to_owned(), log: log.parse().ok() })
}

/// The commits that `HEAD` has been at since, and that it came back without.
fn left(project: &Project, since: u64, was: &Head, now: &Head) -> Vec<(Oid, Option<String>)> {
    head_log::left_since(&project.repository, since)
        .into_iter()
        .filter(|commit| Some(*commit) != was.oid && Some(*commit) != now.oid)
        .filter(|commit| !now.oid.is_some_and(|now| is_ancestor(project, *commit, now).unwrap_or(false)))
        .take(LEFT_NAMED)
        .map(|commit| (commit, branch_with(project, commit)))
        .collect()
}
