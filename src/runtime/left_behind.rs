//! Code of a run that the work tree has lost: `HEAD` went to another commit and took it along, or never had it. What is
//! asked is what lies in the files now; looking writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::moves::{self, Began};
use super::project::Project;
use super::sharing::push::is_ancestor;
use super::tree::wait;
use crate::domain::oid::Oid;
use crate::domain::run::Run;
use crate::domain::schedule::Wait;
use crate::ledger::git::command::GitCommand;
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectKind, Store as _, StoreError};
use crate::workspace::changes::{Change, diff, probe};
use crate::workspace::head::Head;
use crate::workspace::path::RepoPath;

/// Paths that are compared with the work tree; of more, these many stand for all.
pub(super) const COMPARED: usize = 500;

/// Names that a wait lists.
const NAMED: usize = 10;

/// Branches that are looked at for one that has the code: those with the newest commits.
const BRANCHES: &str = "--count=6";

/// A commit that has all that a run changed, and a branch that leads to it, where one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) commit: Oid,
    pub(super) branch: Option<String>,
}

/// What keeps the next stage of a run from starting: that the work tree has lost what the stages before it changed. A
/// snapshot of that would say that the next stage took it away.
pub(super) fn lost(project: &Project, run: &Run, head: &Head) -> Result<Option<Wait>, StoreError> {
    if run.snapshot == run.start {
        return Ok(None);
    }
    let repository = &project.repository;
    let changes = diff(repository, run.start, run.snapshot)?;
    let found = contents(project, &changes)?;
    let is_held = |change: &Change| found.get(&change.path).is_none_or(|now| *now == content(change.to));
    if changes.iter().all(is_held) {
        return Ok(None);
    }
    let of_head: BTreeMap<RepoPath, Option<Oid>> = match head.oid {
        Some(commit) => {
            let differs = diff(repository, commit, run.snapshot)?.into_iter();
            differs.map(|change| (change.path, change.from.map(|version| version.oid))).collect()
        }
        None => BTreeMap::new(),
    };
    let began = Began { base: run.base, branch: run.branch.clone() };
    let was = moves::last_known(project, &began, run.tip);
    let switched = was.branch != head.branch;
    // What somebody has worked on since is theirs; what is as it was before the run, or as another branch has it, is lost.
    let is_lost = |change: &&Change| {
        !is_held(change)
            && found.get(&change.path).is_some_and(|now| {
                *now == content(change.from) || (switched && of_head.get(&change.path) == Some(now))
            })
    };
    let lost: Vec<&Change> = changes.iter().filter(is_lost).collect();
    let went = was != *head;
    // A file that somebody undid on purpose is theirs to undo, and so is what they do with their own branch meanwhile; what
    // went with another branch, or all of it, is not.
    let any_left = changes.iter().any(|change| found.get(&change.path) == Some(&content(change.to)));
    if lost.is_empty() || (any_left && !switched) {
        return Ok(None);
    }
    let names: Vec<String> = lost.iter().take(NAMED).map(|change| change.path.to_string()).collect();
    let how =
        if went { format!("; HEAD went from {} to {}", place(&was), place(head)) } else { String::new() };
    let paths: BTreeSet<&RepoPath> = changes.iter().map(|change| &change.path).collect();
    let merge = match elsewhere(project, run.base, run.snapshot, &paths, head.oid)? {
        Some(Elsewhere { commit, branch }) => {
            format!("merge {} into what is checked out, or ", at(Some(commit), branch.as_deref()))
        }
        None => String::new(),
    };
    Ok(Some(wait(
        "code_left_behind",
        format!(
            "the work tree has lost what run {run} changed ({lost} of {all} paths: {names}){how}; {merge}end the daemon \
             and bring it back with `millrace restore {run} --to end`, or cancel {item}",
            run = run.run,
            lost = lost.len(),
            all = found.len(),
            names = names.join(", "),
            item = run.item,
        ),
    )))
}

fn content(version: Option<crate::workspace::changes::Version>) -> Option<Oid> {
    version.map(|version| version.oid)
}

fn place(head: &Head) -> String {
    at(head.oid, head.branch.as_deref())
}

fn at(commit: Option<Oid>, branch: Option<&str>) -> String {
    let commit = commit.map_or_else(|| "no commit".to_owned(), |commit| commit.short());
    match branch {
        Some(branch) => format!("{} ({commit})", branch.strip_prefix("refs/heads/").unwrap_or(branch)),
        None => format!("a detached HEAD ({commit})"),
    }
}

/// What lies at the first of these paths, as git would store it; `None`: nothing. Left out is what cannot be compared.
pub(super) fn contents(
    project: &Project,
    changes: &[Change],
) -> Result<BTreeMap<RepoPath, Option<Oid>>, StoreError> {
    let mut found = BTreeMap::new();
    let Some(work_tree) = project.repository.work_tree.as_deref() else { return Ok(found) };
    let format = project.store.object_format();
    let (mut asked, mut input) = (Vec::new(), Vec::new());
    for path in changes.iter().take(COMPARED).map(|change| &change.path) {
        match probe(work_tree, path).ok().flatten() {
            None => drop(found.insert(path.clone(), None)),
            Some(meta) if meta.is_symlink() => {
                use std::os::unix::ffi::OsStrExt as _;
                let target = std::fs::read_link(path.under(work_tree)).unwrap_or_default();
                let oid = object_id(format, ObjectKind::Blob, target.as_os_str().as_bytes())?;
                found.insert(path.clone(), Some(oid));
            }
            Some(meta) if meta.is_file() && !path.as_bytes().contains(&b'\n') => {
                asked.push(path.clone());
                input.extend_from_slice(path.as_bytes());
                input.push(b'\n');
            }
            Some(_) => {}
        }
    }
    if !asked.is_empty() {
        let output = GitCommand::new(&project.repository.git_dir, "hash-object")
            .work_tree(work_tree)
            .args(["--stdin-paths"])
            .output(&input)?;
        let oids = String::from_utf8_lossy(&output.stdout).into_owned();
        let oids = oids.lines().map_while(|line| line.parse().ok().map(Some));
        found.extend(asked.into_iter().zip(oids));
    }
    Ok(found)
}

/// A commit that has these paths as the snapshot has them and that what is checked out does not go on from: where the
/// stages left `HEAD`, or a branch.
pub(super) fn elsewhere(
    project: &Project,
    base: Option<Oid>,
    snapshot: Oid,
    paths: &BTreeSet<&RepoPath>,
    head: Option<Oid>,
) -> Result<Option<Elsewhere>, StoreError> {
    let repository = &project.repository;
    let git = |subcommand: &str| GitCommand::new(&repository.git_dir, subcommand);
    let listed = git("for-each-ref")
        .args(["--sort=-committerdate", BRANCHES, "--format=%(objectname) %(refname)", "refs/heads/"])
        .output(&[])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut candidates: Vec<(Oid, Option<String>)> = listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(oid, branch)| Some((oid.parse().ok()?, Some(branch.to_owned()))))
        .collect();
    let stood = moves::last_known(project, &Began { base, branch: None }, snapshot).oid;
    candidates.extend(stood.filter(|oid| Some(*oid) != base).map(|oid| (oid, None)));
    for (commit, branch) in candidates {
        if Some(commit) == head || Some(commit) == base {
            continue;
        }
        let Ok(differs) = diff(repository, commit, snapshot) else { continue };
        if differs.iter().any(|change| paths.contains(&change.path)) {
            continue;
        }
        if let Some(head) = head
            && is_ancestor(project, commit, head)?
        {
            // What is checked out goes on from it, and has changed it since.
            continue;
        }
        let branch = match branch {
            Some(branch) => Some(branch),
            None => branch_with(project, commit),
        };
        return Ok(Some(Elsewhere { commit, branch }));
    }
    Ok(None)
}

/// A branch that leads to a commit.
pub(super) fn branch_with(project: &Project, commit: Oid) -> Option<String> {
    let output = GitCommand::new(&project.repository.git_dir, "for-each-ref")
        .args(["--count=1", "--format=%(refname)", "--contains", &commit.to_string(), "refs/heads/"])
        .output(&[])
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(str::to_owned)
}
