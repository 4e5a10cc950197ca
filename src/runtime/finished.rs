//! Where the code of a run lies, once it has ended: committed, uncommitted in the work tree, or only on its branch.
//! Looking writes nothing.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::left_behind::{COMPARED, Elsewhere, contents, elsewhere};
use super::project::Project;
use super::tree::TreeError;
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::plan::Ending;
use crate::domain::run::{Landing, RunRecord};
use crate::domain::view::{Fault, View as _};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;
use crate::ledger::transact::read_commit;
use crate::ledger::view::TreeView;
use crate::workspace::changes::{Change, Version, diff};
use crate::workspace::path::RepoPath;

/// Runs that are looked at for the last one that is done.
const LOOKED_AT: usize = 20;

/// Where the code of a run lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "where", rename_all = "snake_case")]
pub enum WhereCode {
    /// The run has not ended.
    UnderWay,
    /// It has changed nothing.
    NoChange,
    /// In a commit of the user's: the one that the runtime made, else the one that is checked out and holds all of it.
    Committed {
        /// The commit.
        commit: Oid,
        /// The branch; none where HEAD is detached.
        branch: Option<String>,
        /// Whether the runtime made the commit; one that somebody else made may hold more than the run's change.
        ours: bool,
    },
    /// In a commit that is not checked out, and not in the work tree.
    Elsewhere {
        /// The commit.
        commit: Oid,
        /// A branch that leads to it; none where none does.
        branch: Option<String>,
    },
    /// In the work tree, not committed.
    WorkTree {
        /// Why it was not committed, where the plan commits finished code.
        why: Option<String>,
    },
    /// On the run's branch alone: the work tree has gone back.
    RunBranch {
        /// The ref.
        branch: String,
    },
    /// Some of it was changed since; all of it is on the run's branch.
    Superseded {
        /// The ref.
        branch: String,
        /// Paths of the run that are as it left them.
        held: usize,
        /// All paths that it changed.
        of: usize,
    },
}

impl fmt::Display for WhereCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.write_str("under way"),
            Self::NoChange => f.write_str("no code was changed"),
            Self::Committed { commit, branch, ours } => {
                let how = if *ours { "committed as" } else { "committed, in" };
                write!(f, "{how} {} on {}", commit.short(), short(branch.as_deref(), "a detached HEAD"))
            }
            Self::Elsewhere { commit, branch } => write!(
                f,
                "not in the work tree, but committed as {} on {}",
                commit.short(),
                short(branch.as_deref(), "no branch")
            ),
            Self::WorkTree { why: None } => f.write_str("uncommitted in the work tree"),
            Self::WorkTree { why: Some(why) } => write!(f, "uncommitted in the work tree: {why}"),
            Self::RunBranch { branch } => write!(f, "only on {branch}"),
            Self::Superseded { branch, held, of } => {
                write!(
                    f,
                    "changed since ({held} of {of} paths are as the run left them); all of it is on {branch}"
                )
            }
        }
    }
}

fn short<'n>(branch: Option<&'n str>, none: &'n str) -> &'n str {
    branch.map_or(none, |name| name.strip_prefix("refs/heads/").unwrap_or(name))
}

/// Where the code of this run lies; none where the ledger has no such run.
pub fn finished_code(project: &Project, run: &RunId) -> Result<Option<WhereCode>, TreeError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    match view.run_record(run)? {
        Some(record) => where_code(project, &record).map(Some),
        None => Ok(None),
    }
}

/// The last run that is done of these, which come newest first, and where its code lies; none where none is among the
/// last ones.
pub fn last_done(
    project: &Project,
    view: &TreeView<'_, '_>,
    newest_first: impl Iterator<Item = Result<RunId, Fault>>,
) -> Result<Option<(RunRecord, WhereCode)>, TreeError> {
    for run in newest_first.take(LOOKED_AT) {
        let Some(record) = view.run_record(&run?)? else { continue };
        let done = record.end.as_ref().is_some_and(|end| end.ending == Ending::Done);
        if !done || record.closure {
            continue;
        }
        let lies = where_code(project, &record)?;
        // A run that plans changes no code; what the last one that did has made is what is asked for.
        if lies != WhereCode::NoChange {
            return Ok(Some((record, lies)));
        }
    }
    Ok(None)
}

fn where_code(project: &Project, record: &RunRecord) -> Result<WhereCode, TreeError> {
    let Some(end) = &record.end else { return Ok(WhereCode::UnderWay) };
    let repository = &project.repository;
    if let Some(Landing::Committed { commit, branch }) = &record.landing {
        // The branch may have gone back since, or been made anew.
        if on_branch(project, *commit, branch) {
            let ours = is_ours(project, *commit, &record.run);
            return Ok(WhereCode::Committed { commit: *commit, branch: Some(branch.clone()), ours });
        }
    }
    let branch = format!("refs/millrace/runs/{}", record.run);
    let Ok(changes) = diff(repository, record.start, end.snapshot) else {
        // Its objects are gone; a branch that is there says more than we do.
        return Ok(WhereCode::RunBranch { branch });
    };
    if changes.is_empty() {
        return Ok(WhereCode::NoChange);
    }
    let paths: BTreeSet<&RepoPath> = changes.iter().map(|change| &change.path).collect();
    let head = repository.head().ok();
    let commit = head.as_ref().and_then(|head| head.oid);
    if let Some(commit) = commit {
        let differs = diff(repository, commit, end.snapshot)?;
        if !differs.iter().any(|change| paths.contains(&change.path)) {
            let branch = head.and_then(|head| head.branch);
            return Ok(WhereCode::Committed { commit, branch, ours: false });
        }
    }
    if repository.is_bare() {
        return Ok(WhereCode::RunBranch { branch });
    }
    let Compared { held, undone } = compared(project, &changes)?;
    let of = changes.len().min(COMPARED);
    if held == of {
        let why = match &record.landing {
            Some(Landing::Left { why }) => Some(why.clone()),
            _ => None,
        };
        return Ok(WhereCode::WorkTree { why });
    }
    if let Some(Elsewhere { commit, branch }) = elsewhere(project, record.base, end.snapshot, &paths, commit)?
    {
        return Ok(WhereCode::Elsewhere { commit, branch });
    }
    // What a later run or a person went on with is in the work tree, in part: only what is undone is on the branch alone.
    Ok(if undone == of {
        WhereCode::RunBranch { branch }
    } else {
        WhereCode::Superseded { branch, held, of }
    })
}

fn on_branch(project: &Project, commit: Oid, branch: &str) -> bool {
    GitCommand::new(&project.repository.git_dir, "merge-base")
        .args(["--is-ancestor", &commit.to_string(), branch])
        .output(&[])
        .is_ok_and(|output| output.status.success())
}

/// Whether the runtime made this commit of the user's branch.
fn is_ours(project: &Project, commit: Oid, run: &RunId) -> bool {
    let trailer = format!("Millrace-Run: {run}");
    read_commit(&project.store, commit).is_ok_and(|commit| commit.message.lines().any(|line| line == trailer))
}

/// How many of the changed paths the work tree has as the run left them, and how many as they were before it.
#[derive(Default)]
struct Compared {
    held: usize,
    undone: usize,
}

fn compared(project: &Project, changes: &[Change]) -> Result<Compared, StoreError> {
    let found = contents(project, changes)?;
    let mut compared = Compared::default();
    for change in changes {
        let Some(found) = found.get(&change.path) else { continue };
        let is = |version: Option<Version>| version.map(|version| version.oid) == *found;
        compared.held += usize::from(is(change.to));
        compared.undone += usize::from(is(change.from) && !is(change.to));
    }
    Ok(compared)
}
