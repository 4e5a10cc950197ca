//! The run branch as one story: it begins on the commit that the user stood on, and ends with a closing commit that says
//! how the run ended and why. What it holds beyond the snapshots is derived from the ledger, byte for byte, so that it
//! can be made again.

use std::collections::BTreeMap;

use thiserror::Error;

use super::backups;
use super::project::Project;
use crate::domain::closure::TargetState;
use crate::domain::ids::RunId;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::plan::Ending;
use crate::domain::run::{Run, RunEnd, RunRecord};
use crate::domain::transition::decision::Effect;
use crate::domain::transition::record::Transition;
use crate::domain::view::{Fault, View as _};
use crate::format::message::one_line;
use crate::ledger::commit::Commit;
use crate::ledger::git::GitStore;
use crate::ledger::git::command::GitCommand;
use crate::ledger::history::{Step, commits, step};
use crate::ledger::object::object_id;
use crate::ledger::store::{NewObjects, Object, ObjectKind, Publication, RefName, Store as _, StoreError};
use crate::ledger::transact::{TransactError, read_commit};
use crate::ledger::tree::Trees;
use crate::ledger::view::TreeView;

/// Characters of a subject: what `git log --oneline` shows on a common terminal.
const SUBJECT_CHARS: usize = 100;

/// Operations by which no run ever ends: their commits are not looked into.
const NEVER_ENDS: [&str; 7] = ["genesis", "enqueue", "compile", "session", "launch", "tree", "adopt"];

/// Why a run branch cannot be made.
#[derive(Debug, Error)]
pub enum BranchError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger's tree cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The ledger has no such run.
    #[error("run {0} is not in the ledger")]
    NoSuchRun(RunId),
}

/// The closing commit of a run that has ended: not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Its id.
    pub oid: Oid,
    /// The commit.
    pub commit: Commit,
}

/// What was found of a run's branch, and what is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The run.
    pub run: RunId,
    /// Where the branch stood; none: there was none.
    pub before: Option<Oid>,
    /// Where it stands now; none: nothing of it can be had any more.
    pub now: Option<Oid>,
    /// Where it should stand, by the ledger.
    pub due: Oid,
    /// Commits and files of the branch that are no longer in this repository, by the ids that git gives them.
    pub missing: Vec<String>,
    /// Where what stood there before was kept, where the ledger does not know it.
    pub kept: Option<String>,
}

/// The run with the last commit of its branch, as a transition leaves it; none where it does not end there.
fn ended_by<'t>(
    step: &'t Step,
    before: &TreeView<'_, '_>,
    run: &RunId,
) -> Result<Option<(Run, &'t RunEnd)>, Fault> {
    let effects = &step.transition.decision.effects;
    let Some(end) = effects.iter().find_map(|effect| match effect {
        Effect::Close { run: closed, end } if closed == run => Some(end),
        _ => None,
    }) else {
        return Ok(None);
    };
    let mut ended = before.run(run)?;
    for effect in effects {
        match (effect, &mut ended) {
            (Effect::Open { run: opened }, _) if &opened.run == run => ended = Some(Run::clone(opened)),
            (Effect::Settle { run: settled, snapshot, tip, .. }, Some(ended)) if settled == run => {
                (ended.snapshot, ended.tip) = (*snapshot, *tip);
            }
            (Effect::Stand { run: stands, snapshot }, Some(ended)) if stands == run => {
                (ended.snapshot, ended.tip) = (*snapshot, *snapshot);
            }
            _ => {}
        }
    }
    Ok(ended.map(|ended| (ended, end)))
}

/// The runs that a transition ends.
fn closes(transition: &Transition) -> impl Iterator<Item = &RunId> {
    transition.decision.effects.iter().filter_map(|effect| match effect {
        Effect::Close { run, .. } => Some(run),
        _ => None,
    })
}

/// How a run ended, in the words of its closing commit's subject.
fn subject(run: &Run, end: &RunEnd, transition: &Transition) -> String {
    let accepted = transition.decision.effects.iter().any(|effect| {
        matches!(effect, Effect::Target { target } if matches!(target.state, TargetState::Accepted { .. }))
    });
    let (word, why) = match end.ending {
        Ending::Done if run.closure && accepted => ("accepted", end.reason.clone()),
        Ending::Done => ("done", end.reason.clone()),
        Ending::Blocked => ("blocked", end.reason.clone()),
        Ending::NeedsPlanning => ("blocked", format!("needs planning: {}", end.reason)),
        Ending::Cancelled => ("cancelled", end.reason.clone()),
    };
    one_line(&format!("{word}: {} ({why})", run.item.id), SUBJECT_CHARS)
}

/// The closing commit of a run that this step of the ledger ends: the code of the branch's last commit, and how it ended,
/// with the message of the ledger's commit. None where the run does not end there.
pub fn closing(project: &Project, step: &Step, run: &RunId) -> Result<Option<Closing>, BranchError> {
    closing_in(&project.store, step, run)
}

/// The same in any store that has the ledger and the run's last snapshot.
pub(super) fn closing_in(store: &GitStore, step: &Step, run: &RunId) -> Result<Option<Closing>, BranchError> {
    let trees = Trees::new(store);
    let before = match step.commit.parents.first() {
        Some(parent) => Some(read_commit(store, *parent)?.tree),
        None => None,
    };
    let Some((ended, end)) = ended_by(step, &TreeView::new(&trees, before), run)? else { return Ok(None) };
    let tree = read_commit(store, ended.tip)?.tree;
    let told = step.commit.message.trim_end();
    let mut message = format!("{}\n\n{told}\n", subject(&ended, end, &step.transition));
    // A command about an item names no run, one about a run no item.
    for (key, value) in [("Item", ended.item.to_string()), ("Run", ended.run.to_string())] {
        let line = format!("Millrace-{key}: {value}\n");
        if !message.contains(&format!("\n{line}")) {
            message.push_str(&line);
        }
    }
    let commit = Commit {
        tree,
        parents: vec![ended.tip],
        author: step.commit.author.clone(),
        committer: step.commit.committer.clone(),
        second: step.commit.second,
        message,
    };
    let oid = object_id(store.object_format(), ObjectKind::Commit, &commit.render())?;
    Ok(Some(Closing { oid, commit }))
}

/// The step of the ledger that ended each of these runs, newest first.
fn ends(project: &Project, mut wanted: Vec<RunId>) -> Result<Vec<(RunId, Step)>, BranchError> {
    let trees = project.trees();
    let mut found = Vec::new();
    for read in commits(&project.store, project.store.resolve(&RefName::State)?) {
        if wanted.is_empty() {
            break;
        }
        let (oid, commit) = read?;
        let op = commit.message.split(':').next().unwrap_or_default();
        if NEVER_ENDS.contains(&op) {
            continue;
        }
        let step = step(&project.store, &trees, oid)?;
        let here: Vec<RunId> = closes(&step.transition).filter(|run| wanted.contains(run)).cloned().collect();
        wanted.retain(|run| !here.contains(run));
        found.extend(here.into_iter().map(|run| (run, step.clone())));
    }
    Ok(found)
}

/// Whether a commit of a run branch is its closing commit: only that has a number in the ledger.
fn is_closing(commit: &Commit) -> bool {
    let block = commit.message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    block.lines().any(|line| line.starts_with("Millrace-Seq: "))
}

/// Ends the branches of the runs that a commit of the ledger has just ended. What does not work now is done at the next
/// start of a runtime.
pub(super) fn close(project: &Project, commit: Oid, transition: &Transition) {
    let runs: Vec<RunId> = closes(transition).cloned().collect();
    if runs.is_empty() {
        return;
    }
    let closed = || -> Result<(), BranchError> {
        let step = Step {
            oid: commit,
            commit: read_commit(&project.store, commit)?,
            transition: transition.clone(),
        };
        for run in &runs {
            if let Some(found) = project.store.resolve(&RefName::Run(run.clone()))? {
                end(project, &step, run, found)?;
            }
        }
        Ok(())
    };
    if let Err(error) = closed() {
        tracing::warn!(%error, "a run branch is not closed yet");
    }
}

/// Puts the closing commit on a branch that stands at `found`; what the ledger does not know of it is kept elsewhere first.
fn end(project: &Project, step: &Step, run: &RunId, found: Oid) -> Result<Option<String>, BranchError> {
    let Some(closing) = closing(project, step, run)? else { return Ok(None) };
    if found == closing.oid {
        return Ok(None);
    }
    let known = closing.commit.parents.contains(&found) || leads_to(project, found, closing.oid);
    let kept = if known { None } else { keep(project, run, found)? };
    publish(project, run, Some(found), &closing)?;
    Ok(kept)
}

fn publish(project: &Project, run: &RunId, old: Option<Oid>, closing: &Closing) -> Result<(), BranchError> {
    let bytes = closing.commit.render();
    let message = closing.commit.message.lines().next().unwrap_or_default().to_owned();
    let published = project.store.writer(LOCK_WAIT)?.publish(Publication {
        name: RefName::Run(run.clone()),
        old,
        new: Some(closing.oid),
        objects: NewObjects::Given(vec![Object { kind: ObjectKind::Commit, oid: closing.oid, bytes }]),
        by: project.signature()?,
        message,
    });
    match published {
        // Somebody else was faster: it is the same commit.
        Err(StoreError::Moved { found: Some(found), .. }) if found == closing.oid => Ok(()),
        other => Ok(other?),
    }
}

/// Whether one commit of the branch comes before another.
fn leads_to(project: &Project, early: Oid, late: Oid) -> bool {
    GitCommand::new(&project.repository.git_dir, "merge-base")
        .args(["--is-ancestor", &early.to_string(), &late.to_string()])
        .output(&[])
        .is_ok_and(|output| output.status.success())
}

/// Makes a commit reachable that is about to leave its branch, unless another ref leads to it; the ref's name.
fn keep(project: &Project, run: &RunId, commit: Oid) -> Result<Option<String>, BranchError> {
    let name = RefName::Run(run.clone());
    let why = format!("kept: what stood on the branch of run {run}");
    let kept = backups::keep_cut_off(project, Some(&name), commit, &format!("run-{run}"), &why)?;
    Ok(kept.map(|backup| backup.full()))
}

/// Closes the branches of all runs that have ended and whose branch does not say so: a crash came between, or an earlier
/// version ended them. A branch that somebody has deleted stays so.
pub(super) fn close_all(project: &Project, branches: &[(RunId, Oid)]) -> Result<(), BranchError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let mut open = Vec::new();
    for (run, tip) in branches {
        let ended = view.run_record(run)?.is_some_and(|record| record.end.is_some());
        // What cannot be read cannot be built upon either: it is for `recover`.
        let closed = || read_commit(&project.store, *tip).is_ok_and(|commit| is_closing(&commit));
        if ended && !closed() {
            open.push(run.clone());
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    for (run, step) in ends(project, open)? {
        if let Some((_, tip)) = branches.iter().find(|(other, _)| other == &run)
            && let Err(error) = end(project, &step, &run, *tip)
        {
            tracing::warn!(%run, %error, "this run branch cannot be closed");
        }
    }
    Ok(())
}

/// Makes the branch of a run again, wholly from the ledger: to the closing commit of a run that has ended, to its last
/// snapshot of one that has not. Where objects are missing it goes as far as whole commits go.
pub fn rebuild(project: &Project, run: &RunId) -> Result<Rebuilt, BranchError> {
    let rebuilt = rebuild_all(project, std::slice::from_ref(run), false)?.pop();
    rebuilt.ok_or_else(|| BranchError::NoSuchRun(run.clone()))
}

/// The same of several runs, with one walk over the ledger; with `only_look` nothing is changed, and what would be is
/// said.
pub fn rebuild_all(project: &Project, runs: &[RunId], only_look: bool) -> Result<Vec<Rebuilt>, BranchError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let mut records = Vec::new();
    for run in runs {
        let record = view.run_record(run)?.ok_or_else(|| BranchError::NoSuchRun(run.clone()))?;
        records.push((record, view.run(run)?));
    }
    let ended = |(record, active): &&(RunRecord, Option<Run>)| active.is_none() && record.end.is_some();
    let wanted = records.iter().filter(ended).map(|(record, _)| record.run.clone()).collect();
    let mut steps: BTreeMap<RunId, Step> = ends(project, wanted)?.into_iter().collect();
    records
        .into_iter()
        .map(|(record, active)| {
            let step = steps.remove(&record.run);
            rebuild_one(project, &record, active.as_ref(), step.as_ref(), only_look)
        })
        .collect()
}

fn rebuild_one(
    project: &Project,
    record: &RunRecord,
    active: Option<&Run>,
    step: Option<&Step>,
    only_look: bool,
) -> Result<Rebuilt, BranchError> {
    let run = &record.run;
    let name = RefName::Run(run.clone());
    let before = project.store.resolve(&name)?;
    let (tip, end) = match (active, step, &record.end) {
        (Some(active), _, _) => (active.tip, None),
        (None, Some(step), _) => match last(project, step, run)? {
            Some(tip) => (tip, Some(step)),
            None => (record.start, None),
        },
        (None, None, Some(end)) => (end.snapshot, None),
        (None, None, None) => (record.start, None),
    };
    let missing = missing(project, tip, record.base)?;
    if missing.is_empty() {
        let closing = end.map(|step| closing(project, step, run)).transpose()?.flatten();
        let due = closing.as_ref().map_or(tip, |closing| closing.oid);
        let now = Some(due);
        if before == now || only_look {
            return Ok(Rebuilt { run: run.clone(), before, now, due, missing, kept: None });
        }
        let kept = kept(project, run, before, due, tip)?;
        match &closing {
            Some(closing) => publish(project, run, before, closing)?,
            None => place(project, &name, before, due)?,
        }
        return Ok(Rebuilt { run: run.clone(), before, now, due, missing, kept });
    }
    // The newest commit of the branch that is whole; where one stands there already, it stays.
    let due = tip;
    let mut now = before;
    if now.is_none() {
        for oid in chain(project, step, run, record.end.as_ref(), tip, record.start) {
            if self::missing(project, oid, record.base).is_ok_and(|missing| missing.is_empty()) {
                if !only_look {
                    place(project, &name, None, oid)?;
                }
                now = Some(oid);
                break;
            }
        }
    }
    Ok(Rebuilt { run: run.clone(), before, now, due, missing, kept: None })
}

/// What stood on the branch and will not lead to where it is due is kept elsewhere first.
fn kept(
    project: &Project,
    run: &RunId,
    before: Option<Oid>,
    due: Oid,
    tip: Oid,
) -> Result<Option<String>, BranchError> {
    match before {
        Some(before) if before != tip && before != due && !leads_to(project, before, tip) => {
            keep(project, run, before)
        }
        _ => Ok(None),
    }
}

fn place(project: &Project, name: &RefName, old: Option<Oid>, new: Oid) -> Result<(), BranchError> {
    project.store.writer(LOCK_WAIT)?.publish(Publication {
        name: name.clone(),
        old,
        new: Some(new),
        objects: NewObjects::None,
        by: project.signature()?,
        message: "recovery: to what the ledger names".to_owned(),
    })?;
    Ok(())
}

/// The branch's last commit before the closing one, by the step that ended the run.
fn last(project: &Project, step: &Step, run: &RunId) -> Result<Option<Oid>, BranchError> {
    let trees = project.trees();
    let Some(parent) = step.commit.parents.first() else { return Ok(None) };
    let before = read_commit(&project.store, *parent)?.tree;
    Ok(ended_by(step, &TreeView::new(&trees, Some(before)), run)?.map(|(run, _)| run.tip))
}

/// The commits of the branch that the ledger names, newest first.
fn chain(
    project: &Project,
    step: Option<&Step>,
    run: &RunId,
    end: Option<&RunEnd>,
    tip: Oid,
    start: Oid,
) -> Vec<Oid> {
    let mut chain = vec![tip];
    chain.extend(end.map(|end| end.snapshot));
    // Handoffs carry the snapshots in their trailers.
    let from = step.map(|step| step.oid).or_else(|| project.store.resolve(&RefName::State).ok().flatten());
    let named = format!("Millrace-Run: {run}");
    for read in commits(&project.store, from) {
        let Ok((_, commit)) = read else { break };
        if !commit.message.lines().any(|line| line == named) {
            continue;
        }
        let snapshot = commit.message.lines().find_map(|line| line.strip_prefix("Millrace-Snapshot: "));
        chain.extend(snapshot.and_then(|oid| oid.parse::<Oid>().ok()));
        if commit.message.starts_with("launch:")
            && commit.message.lines().next().is_some_and(|line| line.contains("claimed"))
        {
            break;
        }
    }
    chain.push(start);
    chain.dedup();
    chain
}

/// The objects that a commit of a run branch needs beyond the user's own commit and that are not there, by id.
fn missing(project: &Project, commit: Oid, base: Option<Oid>) -> Result<Vec<String>, BranchError> {
    if matches!(project.store.read(commit), Err(StoreError::Missing(_) | StoreError::Damaged { .. })) {
        return Ok(vec![commit.to_string()]);
    }
    let mut git = GitCommand::new(&project.repository.git_dir, "rev-list")
        .args(["--objects", "--missing=print"])
        .arg(commit.to_string());
    if let Some(base) = base.filter(|base| project.store.read(*base).is_ok()) {
        git = git.arg("--not").arg(base.to_string());
    }
    let output = git.output(&[])?;
    if !output.status.success() {
        // A commit or tree in between is gone: git names it and ends.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Ok(vec![one_line(said.lines().next().unwrap_or("unreadable"), 200)]);
    }
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(listed.lines().filter_map(|line| line.strip_prefix('?')).map(str::to_owned).collect())
}
