//! After a crash: what became of a launch that has no end in the ledger, and run branches that say more than it.

use std::time::Duration;

use super::project::Project;
use super::run_branch::close_all;
use super::sharing::push::is_here;
use super::snapshots;
use super::stage::{Ended, Finished, Seen, Stage, StageError, finish, invocation_dir};
use super::tree;
use crate::domain::limits::MIN_GRACE;
use crate::domain::run::{Launch, Run};
use crate::domain::schedule::Wait;
use crate::domain::view::View as _;
use crate::harness::exit::{Exit, Survivor};
use crate::harness::supervisor::{Ending, Probe, await_end, end_survivors, probe, still_there, survivors};
use crate::ledger::store::Store as _;

/// How long a supervisor may take to end its stage after its runtime died: its grace, and as much again.
const PATIENCE: Duration = Duration::from_secs(2 * MIN_GRACE.as_secs() + 10);

/// How long what has already outlived KILL may take to end at a further look: the next look comes soon.
const SECOND_PATIENCE: Duration = Duration::from_secs(2);

/// What became of the launch.
pub enum Adopted {
    /// It is settled, by its own result or as an interruption.
    Settled(Finished),
    /// Something of it still lives, or may: nothing may start beside it.
    Unproved(Wait),
}

/// Finds out what became of an outstanding launch, and settles it. The proof comes first: nothing of it lives.
pub fn adopt(project: &Project, run: &Run, launch: &Launch) -> Result<Adopted, StageError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let stage = Stage::of_launch(project, &view, run, launch)?;
    let inv_dir = &stage.call.inv_dir;
    let mut ending = await_end(inv_dir, &launch.nonce, PATIENCE)?;
    if let Ending::Survived(_) = ending {
        // Its supervisor has given it all the time there is, unless it was killed.
        let recorded = matches!(probe(inv_dir)?, Probe::Ended(_));
        let (grace, limit) = if recorded { (Duration::ZERO, SECOND_PATIENCE) } else { (MIN_GRACE, PATIENCE) };
        let left = end_survivors(inv_dir, &launch.nonce, grace, limit);
        if !left.is_empty() {
            return Ok(Adopted::Unproved(unproved_writer(&left)));
        }
        ending = await_end(inv_dir, &launch.nonce, Duration::ZERO)?;
    }
    let ended = match ending {
        Ending::Ended(exit) => match unproved_end(&exit) {
            Some(wait) => return Ok(Adopted::Unproved(wait)),
            None => Ended::Record(exit),
        },
        Ending::Absent | Ending::Vanished => Ended::Unrecorded,
        Ending::StillRunning => {
            let detail =
                format!("the supervisor of launch {} of run {} still holds its lock", launch.number, run.run);
            return Ok(Adopted::Unproved(tree::wait("unproved_writer", detail)));
        }
        Ending::Survived(left) => return Ok(Adopted::Unproved(unproved_writer(&left))),
    };
    settle_branch(project, run)?;
    // Somebody had wanted this launch ended, and again: it does not count.
    let saw = Seen { asked: run.again.is_some(), ..Seen::default() };
    Ok(Adopted::Settled(finish(project, &stage, run, ended, &saw)?))
}

/// The wait for what a stage has left that could not be ended; none where its record names nothing, or nothing of that
/// is there any more.
#[must_use]
pub fn unproved_end(exit: &Exit) -> Option<Wait> {
    let left = still_there(&exit.survivors);
    (!left.is_empty()).then(|| unproved_writer(&left))
}

/// The same of a launch without an end, for those who only look: none while its supervisor lives.
pub fn unproved_launch(project: &Project, launch: &Launch) -> Result<Option<Wait>, StageError> {
    let inv_dir = invocation_dir(project, &launch.nonce);
    Ok(match probe(&inv_dir)? {
        Probe::Absent | Probe::Running => None,
        Probe::Ended(exit) => unproved_end(&exit),
        Probe::Vanished => {
            let left = survivors(&inv_dir, &launch.nonce);
            (!left.is_empty()).then(|| unproved_writer(&left))
        }
    })
}

/// Who it is, and where.
fn unproved_writer(survivors: &[Survivor]) -> Wait {
    let named: Vec<String> = survivors
        .iter()
        .map(|Survivor { pid, command, cwd, .. }| {
            let place = cwd.as_ref().map_or_else(String::new, |cwd| format!(" in {cwd}"));
            format!("process {pid} ({command}){place}")
        })
        .collect();
    tree::wait("unproved_writer", format!("still there after its stage: {}", named.join(", ")))
}

/// Brings a run branch back to the tip that the ledger names: a crash between the two leaves a snapshot too many.
fn settle_branch(project: &Project, run: &Run) -> Result<(), StageError> {
    // The code of a run from another machine may not have come yet.
    if !is_here(project, run.tip)? {
        return Ok(());
    }
    let found = project.store.resolve(&crate::ledger::store::RefName::Run(run.run.clone()))?;
    match found {
        Some(tip) if tip != run.tip => {
            snapshots::reset(project, &run.run, tip, Some(run.tip))?;
        }
        Some(_) => {}
        None => snapshots::restore_branch(project, &run.run, run.tip)?,
    }
    Ok(())
}

/// Run branches that the ledger does not know, or that say more than it: left by a crash between the two refs. Only
/// for the one runtime that works here.
pub fn settle_branches(project: &Project) -> Result<(), StageError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    if !view.exists()? {
        return Ok(());
    }
    let branches = project.store.runs()?;
    for (run, tip) in &branches {
        if view.run_record(run)?.is_none() {
            snapshots::reset(project, run, *tip, None)?;
        }
    }
    for run in view.runs()? {
        settle_branch(project, &run)?;
    }
    close_all(project, &branches)?;
    Ok(())
}
