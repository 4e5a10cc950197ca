//! One step of the runtime: look, decide what comes next, do it.

use std::cell::Cell;
use std::time::Duration;

use thiserror::Error;

use super::adopt::{Adopted, adopt, unproved_end};
use super::approval::{ApprovalError, unapproved};
use super::continuity::{self, goes_on};
use super::landing;
use super::plans::{self, PlanError};
use super::posture;
use super::project::Project;
use super::resume;
use super::runner::RunnerError;
use super::source;
use super::stage::{Ended, Finished, Meter, Seen, Stage, StageError, Start, Started, finish, start};
use super::stop::Stop;
use super::tree::{self, TreeError};
use super::unsigned;

use crate::domain::ids::{PlanId, RunId, SessionId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::run::Run;
use crate::domain::schedule::{Next, Wait, schedule};
use crate::domain::transition::decision::StageResult;
use crate::domain::view::{Fault, View as _};
use crate::harness::supervisor::Supervised;
use crate::ledger::store::{RefName, Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::ledger::trust::{Distrust, follows};
use crate::ledger::view::TreeView;

/// How long the driver waits for a stage before it looks for a cancel or a signal. A command takes effect within a
/// second.
const LOOK: Duration = Duration::from_millis(200);

/// The cause of a wait for a ledger that is to be looked at by somebody first.
pub const INTEGRITY: &str = "integrity";

/// The cause of a wait for a ledger that a newer version wrote.
pub const UPGRADE: &str = "upgrade";

/// What is said of such a one.
const NEWER: &str = "a newer version of millrace wrote the ledger; this one reads it and leaves it untouched: upgrade millrace";

/// What one step came to.
#[derive(Debug)]
pub enum Tick {
    /// A stage ran to its handoff.
    Stage(Box<StageReport>),
    /// Something else was done that lets work go on; look again.
    Settled(String),
    /// There is work, and it waits.
    Waits(Wait),
    /// There is nothing to do.
    Idle,
}

/// A stage that has been handed off.
#[derive(Debug, Clone)]
pub struct StageReport {
    /// The run.
    pub run: RunId,
    /// The item.
    pub item: ItemRef,
    /// What it came to.
    pub result: StageResult,
    /// The commit.
    pub commit: Oid,
}

/// Why a step could not be made.
#[derive(Debug, Error)]
pub enum TickError {
    /// Around a stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Around the work tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Around the plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The ledger.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The ledger's tree.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The runners of a plan.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The approvals of this machine.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The ledger does not go on from where it stood.
    #[error(transparent)]
    Distrusted(Box<Distrust>),
}

impl From<Distrust> for TickError {
    fn from(distrust: Distrust) -> Self {
        Self::Distrusted(Box::new(distrust))
    }
}

impl TickError {
    /// The ledger is not what this machine left: nothing is written until somebody has looked.
    #[must_use]
    pub fn distrust(&self) -> Option<&Distrust> {
        fn inner(error: &TransactError) -> Option<&Distrust> {
            match error {
                TransactError::Distrusted(distrust) => Some(distrust),
                _ => None,
            }
        }
        match self {
            Self::Distrusted(distrust) => Some(&**distrust).filter(|one| !matches!(one, Distrust::Store(_))),
            _ => self.transact().and_then(inner),
        }
    }

    /// A commit of the ledger has to be signed and cannot be: why not.
    #[must_use]
    pub fn unsigned(&self) -> Option<&str> {
        match self.transact() {
            Some(TransactError::Store(StoreError::Unsigned(why))) => Some(why),
            _ => None,
        }
    }

    /// What the ledger has against it.
    fn transact(&self) -> Option<&TransactError> {
        match self {
            Self::Transact(error)
            | Self::Stage(StageError::Transact(error))
            | Self::Plan(PlanError::Transact(error))
            | Self::Tree(TreeError::Transact(error)) => Some(error),
            _ => None,
        }
    }
}

/// The driver of one session.
pub struct Driver<'p> {
    project: &'p Project,
    session: SessionId,
    stop: Stop,
    /// The commit of the last launch: what does not follow it is not gone on with.
    launched: Cell<Option<Oid>>,
}

impl<'p> Driver<'p> {
    /// A driver; its caller holds the daemon's lock.
    #[must_use]
    pub fn new(project: &'p Project, session: SessionId, stop: Stop) -> Self {
        Self { project, session, stop, launched: Cell::new(None) }
    }

    /// Makes one step.
    pub fn tick(&self) -> Result<Tick, TickError> {
        let standing = continuity::look(self.project)?;
        if let Some(launched) = self.launched.get() {
            let found = standing.tip.ok_or(Distrust::Gone { known: launched })?;
            follows(&self.project.store, found, launched)?;
        }
        if standing.newer {
            return Ok(Tick::Waits(tree::wait(UPGRADE, NEWER.to_owned())));
        }
        if let Some(wait) = unsigned::obstacle(self.project)? {
            return Ok(Tick::Waits(wait));
        }
        plans::ensure_selected(self.project)?;
        let trees = self.project.trees();
        let view = self.project.view(&trees)?;
        let next = schedule(&view, source::now())?;
        match next {
            Next::Idle => Ok(Tick::Idle),
            Next::Wait(wait) => Ok(Tick::Waits(wait)),
            Next::Adopt(run) => self.adopt(&run),
            Next::Restore(owed) => {
                let goes_on = view.run(&owed.run)?.filter(Run::is_to_stand);
                // Files that change under a merge would get into it.
                if let Some(wait) = tree::obstacle(self.project, goes_on.as_ref()) {
                    return Ok(Tick::Waits(wait));
                }
                if let Some(run) = goes_on {
                    return Ok(Tick::Settled(resume::put_back(self.project, &run, &owed)?));
                }
                Ok(match tree::settle(self.project, &owed)? {
                    Some(wait) => Tick::Waits(wait),
                    None => Tick::Settled(format!(
                        "the work tree holds nothing half done of run {} any more",
                        owed.run
                    )),
                })
            }
            Next::Land(to_land) => Ok(Tick::Settled(landing::settle(self.project, &to_land)?)),
            Next::Launch(run) => {
                if let Some(wait) = self.obstacle(&view, &run.plan, Some(&run))? {
                    return Ok(Tick::Waits(wait));
                }
                self.run(&Start::Next(Box::new(run)))
            }
            Next::Judge { root } => match self.obstacle_to_new(&view)? {
                Some(wait) => Ok(Tick::Waits(wait)),
                None => self.run(&Start::Judge { root }),
            },
            Next::Reopen { item, turn } => Ok(match self.obstacle_to_new(&view)? {
                Some(wait) => Tick::Waits(wait),
                None => Tick::Settled(resume::reopen(self.project, &item, turn)?),
            }),
            Next::Claim { item, turn } => match self.obstacle_to_new(&view)? {
                Some(wait) => Ok(Tick::Waits(wait)),
                None => self.run(&Start::Claim { item, turn }),
            },
        }
    }

    /// Takes notice of the wish that this session ends.
    pub fn heed(&self) -> Result<(), TickError> {
        let trees = self.project.trees();
        self.heed_in(&self.project.view(&trees)?)
    }

    fn heed_in(&self, view: &TreeView<'_, '_>) -> Result<(), TickError> {
        let sessions = view.control()?.sessions;
        let own = sessions.into_iter().find(|other| other.session == self.session);
        if let Some(wish) = own.and_then(|session| session.stop) {
            self.stop.ask(&wish.reason, wish.now);
        }
        Ok(())
    }

    /// What keeps a new run of the selected plan from being opened.
    fn obstacle_to_new(&self, view: &TreeView<'_, '_>) -> Result<Option<Wait>, TickError> {
        match view.control()?.plan {
            Some(plan) => self.obstacle(view, &plan, None),
            None => Ok(None),
        }
    }

    /// What the driver sees and the ledger does not.
    fn obstacle(
        &self,
        view: &TreeView<'_, '_>,
        plan: &PlanId,
        run: Option<&Run>,
    ) -> Result<Option<Wait>, TickError> {
        if let Some(wait) = unapproved(self.project, view, plan)? {
            return Ok(Some(wait));
        }
        if let Some(wait) = posture::obstacle(view, plan, run.map(|run| &run.stage.stage))? {
            return Ok(Some(wait));
        }
        Ok(tree::obstacle(self.project, run))
    }

    fn adopt(&self, run: &Run) -> Result<Tick, TickError> {
        let Some(launch) = &run.launch else { return Ok(Tick::Settled(String::new())) };
        Ok(match adopt(self.project, run, launch)? {
            Adopted::Unproved(wait) => Tick::Waits(wait),
            Adopted::Settled(Finished::Late(refusal)) => Tick::Settled(refusal.to_string()),
            Adopted::Settled(Finished::Handed { result, .. }) => Tick::Settled(format!(
                "launch {} of run {} was found ended: {}",
                launch.number, run.run, result.why
            )),
        })
    }

    fn run(&self, what: &Start) -> Result<Tick, TickError> {
        let (stage, mut supervised) = match start(self.project, &self.session, what)? {
            Started::Running(stage, supervised, launched) => {
                self.launched.set(launched);
                (stage, supervised)
            }
            Started::Overtaken(refusal) => return Ok(Tick::Settled(refusal.to_string())),
            Started::NoCommandLine(runner, error) => {
                return Ok(Tick::Waits(tree::wait("command_line", format!("runner {runner}: {error}"))));
            }
        };
        tracing::info!(run = %stage.run, item = %stage.item, stage = %stage.at, launch = stage.number, "launched");
        let mut meter = self.meter(&stage)?;
        // A stage that has done something to the ledger may be why it could not be watched.
        let watched = self.watch(&stage, &mut supervised, meter.as_mut());
        if let Some(launched) = self.launched.get() {
            goes_on(&self.project.store, launched)?;
        }
        let Some((ended, saw)) = watched? else {
            // The next look finds a launch without an end, and proves first that nothing of it lives.
            return Ok(Tick::Settled("the stage's supervisor was lost".to_owned()));
        };
        // Neither is the tree read nor goes the work on while somebody may still write: the next look proves it anew.
        if let Ended::Record(exit) = &ended
            && let Some(wait) = unproved_end(exit)
        {
            return Ok(Tick::Waits(wait));
        }
        let trees = self.project.trees();
        let view = self.project.view(&trees)?;
        let Some(run) = view.run(&stage.run)? else {
            return Ok(Tick::Settled(format!("run {} ended meanwhile", stage.run)));
        };
        Ok(match finish(self.project, &stage, &run, ended, &saw)? {
            Finished::Late(refusal) => Tick::Settled(refusal.to_string()),
            Finished::Handed { result, commit } => Tick::Stage(Box::new(StageReport {
                run: stage.run.clone(),
                item: stage.item.clone(),
                result: *result,
                commit,
            })),
        })
    }

    /// What the limits leave a stage that has just been launched; none where its run is gone already.
    fn meter(&self, stage: &Stage) -> Result<Option<Meter>, TickError> {
        let trees = self.project.trees();
        let view = self.project.view(&trees)?;
        let Some(run) = view.run(&stage.run)? else { return Ok(None) };
        Ok(Some(Meter::of(&view, stage, &run, &self.session)?))
    }

    /// Waits for a stage's end; ends it when somebody cancels its run, wants it again, or wants the runtime to end at
    /// once, and when it has exceeded a limit.
    ///
    /// `None`: its supervisor was killed, and nobody knows yet what became of it.
    fn watch(
        &self,
        stage: &Stage,
        supervised: &mut Supervised,
        mut meter: Option<&mut Meter>,
    ) -> Result<Option<(Ended, Seen)>, TickError> {
        let mut saw = Seen::default();
        let mut seen = None;
        loop {
            match supervised.wait(LOOK) {
                Ok(Some(exit)) => return Ok(Some((Ended::Record(Box::new(exit)), saw))),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "the stage's supervisor was lost");
                    return Ok(None);
                }
            }
            if saw.asked || saw.exceeded.is_some() {
                continue;
            }
            let tip = self.project.store.resolve(&RefName::State).map_err(TransactError::from)?;
            let unwanted = tip != seen && self.is_unwanted(stage, meter.as_deref_mut())?;
            seen = tip;
            if unwanted || self.stop.cancels() {
                supervised.cancel();
                saw.asked = true;
            } else if let Some(exceeded) = meter.as_mut().and_then(|meter| meter.look()) {
                supervised.cancel();
                saw = exceeded;
            }
        }
    }

    /// Whether the running stage is to end, by the ledger; a wish about the runtime, and a limit that was raised, are
    /// noticed on the way.
    fn is_unwanted(&self, stage: &Stage, meter: Option<&mut Meter>) -> Result<bool, TickError> {
        let trees = self.project.trees();
        let view = self.project.view(&trees)?;
        self.heed_in(&view)?;
        let Some(run) = view.run(&stage.run)? else { return Ok(true) };
        if let Some(meter) = meter {
            meter.hold_anew(&view, stage, &run, &self.session)?;
        }
        Ok(run.cancel.is_some() || run.again.is_some())
    }
}
