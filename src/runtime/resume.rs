//! Resume: a blocked item goes on with what its last run had made. That work is put into the work tree where the tree
//! is as that run found it, all of it or nothing, and the new run begins from there.

use std::collections::BTreeSet;

use super::evidence::Secrets;
use super::project::Project;
use super::snapshots::{self, Place, Says};
use super::stage::{Opening, StageError};
use super::tree::{self, TreeError};
use crate::domain::control::Owed;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::run::Run;
use crate::domain::slot::Turn;
use crate::domain::transition::input::Input;
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::{Fault, View as _};
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::workspace::changes::diff;
use crate::workspace::path::RepoPath;
use crate::workspace::restore::{Unclear, plan_restore};

/// Names that a refusal lists.
const NAMED: usize = 10;

/// Opens the run in which a blocked item goes on; what is said of it.
pub fn reopen(project: &Project, item: &ItemRef, turn: Turn) -> Result<String, StageError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let Some(plan_id) = view.control()?.plan else { return Ok(Refusal::NoPlan.to_string()) };
    let Some(plan) = view.plan(&plan_id)? else {
        return Ok(Refusal::UnknownPlan { plan: plan_id }.to_string());
    };
    let opening = Opening::take(project, &plan_id, &plan, item)?;
    let claim = opening.claim(item, turn);
    match project.note(&Input::Reopen { run: opening.run.clone(), claim }) {
        Ok(_) => Ok(format!("{item} goes on in run {}", opening.run)),
        Err(TransactError::Refused(refusal)) => {
            // Something else came first: look again.
            opening.undo(project)?;
            Ok(refusal.to_string())
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts the earlier run's work into the work tree, and lets the run stand on it; or blocks its item again, with names.
/// What is said of it. After a crash at any point it is simply done again.
pub fn put_back(project: &Project, run: &Run, owed: &Owed) -> Result<String, TreeError> {
    // Of two snapshots the later one is what the tree is to hold: the way back, walked forwards.
    let plan = if let Some(gone) = missing(project, owed)? {
        Err(format!("commit {} is no longer in this repository", gone.short()))
    } else {
        let plan = plan_restore(&project.repository, owed.to, owed.from)?;
        if plan.unclear.is_empty() { Ok(plan) } else { Err(in_words(&plan.unclear)) }
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(detail) => {
            undo(project, run, owed)?;
            let said = format!("run {} cannot go on: {detail}", run.run);
            return match project.note(&Input::Unresumable { run: run.run.clone(), detail }) {
                // Cancelled meanwhile: the next look finds what that owes.
                Ok(_) | Err(TransactError::Refused(_)) => Ok(said),
                Err(error) => Err(error.into()),
            };
        }
    };
    tree::carry_out(project, &plan, owed.from)?;
    let paths = (plan.put_back.len() + plan.remove.len()) as u64;
    let snapshot = snapshot(project, run)?;
    tree::settled(project, owed, paths, Some(snapshot))?;
    let earlier = run.continues.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(format!("the work of run {earlier} is in the work tree again; run {} goes on with it", run.run))
}

/// The snapshot of an earlier run that is gone; a run branch that was deleted takes its objects along in the end.
fn missing(project: &Project, owed: &Owed) -> Result<Option<Oid>, StoreError> {
    for oid in [owed.from, owed.to] {
        match project.store.read(oid) {
            Ok(_) => {}
            Err(StoreError::Missing(_)) => return Ok(Some(oid)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn in_words(unclear: &[Unclear]) -> String {
    let mut names: Vec<String> =
        unclear.iter().take(NAMED).map(|one| format!("{} ({})", one.path, one.why)).collect();
    if unclear.len() > NAMED {
        names.push(format!("and {} more", unclear.len() - NAMED));
    }
    format!("the work tree is no longer as that run found it: {}", names.join(", "))
}

/// A crash may have left a part of the work in the tree, and somebody may have touched the rest since. That part goes
/// back to what it was when this run began; what anybody touched stays.
fn undo(project: &Project, run: &Run, owed: &Owed) -> Result<(), TreeError> {
    if missing(project, owed)?.is_some() {
        return Ok(());
    }
    let work: BTreeSet<RepoPath> =
        diff(&project.repository, owed.from, owed.to)?.into_iter().map(|change| change.path).collect();
    let mut plan = plan_restore(&project.repository, run.start, owed.to)?;
    let unclear: BTreeSet<RepoPath> = plan.unclear.drain(..).map(|one| one.path).collect();
    for list in [&mut plan.put_back, &mut plan.remove] {
        list.retain(|path| work.contains(path) && !unclear.contains(path));
    }
    tree::carry_out(project, &plan, owed.to)
}

/// The code as it is now, on the run's branch.
fn snapshot(project: &Project, run: &Run) -> Result<Oid, TreeError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let lacks = || Fault { at: place::plan(&run.plan).to_string(), detail: "the plan is missing".to_owned() };
    let plan = view.plan(&run.plan)?.ok_or_else(lacks)?;
    let earlier = run.continues.as_ref().map(ToString::to_string).unwrap_or_default();
    let body = format!("The code with the work of run {earlier}, which this run goes on with.");
    let says = Says {
        subject: format!("resume: {}", run.item.id),
        changed: Some(body.clone()),
        unchanged: Some(body),
        trailers: vec![
            ("Run", run.run.to_string()),
            ("Item", run.item.to_string()),
            ("Plan", run.plan.to_string()),
        ],
    };
    let place = Place::next(run, true);
    let secrets = Secrets::here(project)?;
    let taken = snapshots::take(project, &plan.snapshot, &place, &project.person()?, &says, &secrets)?;
    Ok(taken.map_or(run.snapshot, |taken| taken.commit))
}
