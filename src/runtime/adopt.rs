//! After a crash: what became of a launch that has no end in the ledger, and run branches that say more than it.

use std::time::Duration;

use super::project::Project;
use super::snapshots;
use super::stage::{Ended, Finished, Seen, Stage, StageError, finish};
use crate::domain::limits::MIN_GRACE;
use crate::domain::run::{Launch, Run};
use crate::domain::view::View as _;
use crate::harness::supervisor::{Ending, await_end, end_survivors};
use crate::ledger::store::Store as _;

/// How long a supervisor may take to end its stage after its runtime died: its grace, and as much again.
const PATIENCE: Duration = Duration::from_secs(2 * MIN_GRACE.as_secs() + 10);

/// What became of the launch.
pub enum Adopted {
    /// It is settled, by its own result or as an interruption.
    Settled(Finished),
    /// Something of it still lives, or may: nothing may start beside it.
    Unproved(String),
}

/// Finds out what became of an outstanding launch, and settles it. The proof comes first: nothing of it lives.
pub fn adopt(project: &Project, run: &Run, launch: &Launch) -> Result<Adopted, StageError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let stage = Stage::of_launch(project, &view, run, launch)?;
    let inv_dir = &stage.call.inv_dir;
    let mut ending = await_end(inv_dir, &launch.nonce, PATIENCE)?;
    if let Ending::Survived(_) = ending {
        let left = end_survivors(&launch.nonce, MIN_GRACE, PATIENCE);
        if !left.is_empty() {
            return Ok(Adopted::Unproved(named(&left)));
        }
        ending = await_end(inv_dir, &launch.nonce, Duration::ZERO)?;
    }
    let ended = match ending {
        Ending::Ended(exit) if !exit.survivors.is_empty() && still_lives(&exit.survivors) => {
            return Ok(Adopted::Unproved(named(&exit.survivors)));
        }
        Ending::Ended(exit) => Ended::Record(exit),
        Ending::Absent | Ending::Vanished => Ended::Unrecorded,
        Ending::StillRunning => {
            return Ok(Adopted::Unproved(format!(
                "the supervisor of launch {} of run {} still holds its lock",
                launch.number, run.run
            )));
        }
        Ending::Survived(left) => return Ok(Adopted::Unproved(named(&left))),
    };
    settle_branch(project, run)?;
    // Somebody had wanted this launch ended, and again: it does not count.
    let saw = Seen { asked: run.again.is_some(), ..Seen::default() };
    Ok(Adopted::Settled(finish(project, &stage, run, ended, &saw)?))
}

fn still_lives(survivors: &[crate::harness::exit::Survivor]) -> bool {
    survivors.iter().any(|survivor| {
        rustix::process::Pid::from_raw(survivor.pid)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    })
}

fn named(survivors: &[crate::harness::exit::Survivor]) -> String {
    let names: Vec<String> =
        survivors.iter().map(|survivor| format!("process {} ({})", survivor.pid, survivor.command)).collect();
    format!("still there after its stage: {}", names.join(", "))
}

/// Brings a run branch back to the tip that the ledger names: a crash between the two leaves a snapshot too many.
fn settle_branch(project: &Project, run: &Run) -> Result<(), StageError> {
    let found = project.store.resolve(&crate::ledger::store::RefName::Run(run.run.clone()))?;
    match found {
        Some(tip) if tip != run.tip => snapshots::reset(project, &run.run, tip, Some(run.tip))?,
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
    for (run, tip) in project.store.runs()? {
        if view.run_record(&run)?.is_none() {
            snapshots::reset(project, &run, tip, None)?;
        }
    }
    for run in view.runs()? {
        settle_branch(project, &run)?;
    }
    Ok(())
}
