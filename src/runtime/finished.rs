//! Where the code of a run lies, once it has ended: committed, uncommitted in the work tree, or only on its branch.
//! Looking writes nothing.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::project::Project;
use super::tree::TreeError;
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::plan::Ending;
use crate::domain::run::{Landing, RunRecord};
use crate::domain::view::View as _;
use crate::ledger::git::command::GitCommand;
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectKind, Store as _, StoreError};
use crate::ledger::view::TreeView;
use crate::workspace::changes::{Change, Version, diff, probe};
use crate::workspace::path::RepoPath;

/// Paths that are compared with the work tree; of more, these many stand for all.
const COMPARED: usize = 500;

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
            Self::Committed { commit, branch } => {
                let branch = branch
                    .as_deref()
                    .map_or("a detached HEAD", |name| name.trim_start_matches("refs/heads/"));
                write!(f, "committed as {} on {branch}", commit.short())
            }
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

/// Where the code of this run lies; none where the ledger has no such run.
pub fn finished_code(project: &Project, run: &RunId) -> Result<Option<WhereCode>, TreeError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    match view.run_record(run)? {
        Some(record) => where_code(project, &record).map(Some),
        None => Ok(None),
    }
}

/// The last run that is done, and where its code lies; none where none is among the last ones.
pub fn last_done(
    project: &Project,
    view: &TreeView<'_, '_>,
) -> Result<Option<(RunRecord, WhereCode)>, TreeError> {
    let days = view.list(&place::runs_folder())?;
    let mut looked = 0;
    for day in days.iter().rev().filter(|entry| entry.folder) {
        let Ok(folder) = place::TreePath::new(format!("{}/{}", place::runs_folder(), day.name)) else {
            continue;
        };
        for entry in view.list(&folder)?.iter().rev().filter(|entry| entry.folder) {
            looked += 1;
            if looked > LOOKED_AT {
                return Ok(None);
            }
            let Ok(run) = entry.name.parse::<RunId>() else { continue };
            let Some(record) = view.run_record(&run)? else { continue };
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
    }
    Ok(None)
}

fn where_code(project: &Project, record: &RunRecord) -> Result<WhereCode, TreeError> {
    let Some(end) = &record.end else { return Ok(WhereCode::UnderWay) };
    if let Some(Landing::Committed { commit, branch }) = &record.landing {
        return Ok(WhereCode::Committed { commit: *commit, branch: Some(branch.clone()) });
    }
    let repository = &project.repository;
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
    if let Some(commit) = head.as_ref().and_then(|head| head.oid) {
        let differs = diff(repository, commit, end.snapshot)?;
        if !differs.iter().any(|change| paths.contains(&change.path)) {
            let branch = head.and_then(|head| head.branch);
            return Ok(WhereCode::Committed { commit, branch });
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
    // What a later run or a person went on with is in the work tree, in part: only what is undone is on the branch alone.
    Ok(if undone == of {
        WhereCode::RunBranch { branch }
    } else {
        WhereCode::Superseded { branch, held, of }
    })
}

/// How many of the changed paths the work tree has as the run left them, and how many as they were before it.
#[derive(Default)]
struct Compared {
    held: usize,
    undone: usize,
}

impl Compared {
    fn add(&mut self, change: &Change, found: Option<Oid>) {
        let is = |version: Option<Version>| version.map(|version| version.oid) == found;
        self.held += usize::from(is(change.to));
        self.undone += usize::from(is(change.from) && !is(change.to));
    }
}

fn compared(project: &Project, changes: &[Change]) -> Result<Compared, StoreError> {
    let mut compared = Compared::default();
    let Some(work_tree) = project.repository.work_tree.as_deref() else { return Ok(compared) };
    let format = project.store.object_format();
    let (mut asked, mut input) = (Vec::new(), Vec::new());
    for change in changes.iter().take(COMPARED) {
        let meta = probe(work_tree, &change.path).ok().flatten();
        match meta {
            None => compared.add(change, None),
            Some(meta) if meta.is_symlink() => {
                use std::os::unix::ffi::OsStrExt as _;
                let target = std::fs::read_link(change.path.under(work_tree)).unwrap_or_default();
                let oid = object_id(format, ObjectKind::Blob, target.as_os_str().as_bytes())?;
                compared.add(change, Some(oid));
            }
            Some(meta) if meta.is_file() && !change.path.as_bytes().contains(&b'\n') => {
                asked.push(change);
                input.extend_from_slice(change.path.as_bytes());
                input.push(b'\n');
            }
            Some(_) => {}
        }
    }
    if asked.is_empty() {
        return Ok(compared);
    }
    let output = GitCommand::new(&project.repository.git_dir, "hash-object")
        .work_tree(work_tree)
        .args(["--stdin-paths"])
        .output(&input)?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    for (found, change) in found.lines().zip(asked) {
        if let Ok(found) = found.parse() {
            compared.add(change, Some(found));
        }
    }
    Ok(compared)
}
