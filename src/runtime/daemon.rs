//! The two ways to run: one stage, or on and on.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::adopt::settle_branches;
use super::bell::Learns;
use super::daemon_lock::{DaemonLock, DaemonLockError};
use super::outside::{Outer, Outside};
use super::plans;
use super::project::Project;
use super::repair::{self, Damage};
use super::source;
use super::stage::StageError;
use super::stop::Stop;
use super::tick::{Driver, INTEGRITY, StageReport, Tick, TickError};
use super::unsigned::{self, SIGNING};
use crate::domain::ids::SessionId;
use crate::domain::oid::Oid;
use crate::domain::schedule::Wait;
use crate::domain::transition::input::Input;
use crate::harness::supervisor::receive_orphans;
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::transact::TransactError;

/// Steps that are no stage, in a row, after which `run once` says what it did and ends.
const MAX_SETTLING: u32 = 50;

/// How long a daemon rests after a step that failed.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Another runtime works here.
    #[error(transparent)]
    Lock(#[from] DaemonLockError),
    /// The ledger cannot be worked on.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A step failed.
    #[error(transparent)]
    Tick(#[from] TickError),
    /// There is no work tree.
    #[error("{0} is a bare repository: it takes intake and review; run in a work tree of it")]
    Bare(String),
    /// Signals or chance.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}

impl From<TransactError> for RunError {
    fn from(error: TransactError) -> Self {
        Self::Tick(error.into())
    }
}

impl From<StageError> for RunError {
    fn from(error: StageError) -> Self {
        Self::Tick(error.into())
    }
}

/// How `run once` ended.
#[derive(Debug)]
pub enum Once {
    /// A stage ran.
    Stage(Box<StageReport>),
    /// Work waits.
    Waits(Wait),
    /// There is no work.
    NoWork,
    /// Somebody asked for the end before a stage began.
    Stopped,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct DaemonEnd {
    /// Why: `idle`, `max_ticks`, `signal`, `stop`, `waiting`.
    pub reason: &'static str,
    /// Stages that ran.
    pub stages: u64,
    /// What work waited for at the end, if any did.
    pub waits: Option<Wait>,
}

/// What bounds a daemon, and what it goes by.
#[derive(Debug, Clone, Copy, Default)]
pub struct DaemonLimits<'a> {
    /// Stages after which it ends.
    pub max_ticks: Option<u64>,
    /// Whether it ends when nothing is ready.
    pub until_idle: bool,
    /// The configuration's file, whose changes it takes over; none for the work tree's own.
    pub config: Option<&'a Path>,
}

/// Things a daemon says while it runs.
#[derive(Debug)]
pub enum Said<'a> {
    /// A stage ran.
    Stage(&'a StageReport),
    /// Something else was settled.
    Settled(&'a str),
    /// Something came from outside the ledger.
    Outer(&'a Outer),
    /// It waits, and why; said once for each reason.
    Waits(&'a Wait),
    /// It is idle; said once.
    Idle,
    /// Somebody asked for its end, with this reason; it begins nothing new.
    Stops(&'a str),
    /// A step failed; it will try again.
    Trouble(&'a TickError),
}

/// This process, in words.
#[must_use]
pub fn program() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("millrace {} on {host}, process {}", env!("CARGO_PKG_VERSION"), std::process::id())
}

fn begin(project: &Project) -> Result<(DaemonLock, SessionId, Stop), RunError> {
    if project.repository.is_bare() {
        return Err(RunError::Bare(project.repository.git_dir.display().to_string()));
    }
    repair::examine(project)?;
    let lock = DaemonLock::take(&project.store.private_dir(), &program())?;
    receive_orphans().map_err(RunError::Start)?;
    let stop = Stop::on_signals().map_err(RunError::Start)?;
    let session = source::random_id().map_err(RunError::Start)?;
    plans::ensure_selected(project).map_err(TickError::from)?;
    settle_branches(project)?;
    Ok((lock, session, stop))
}

/// Runs one stage, after whatever has to be settled before it. `say` is told what comes from outside the ledger.
pub fn once(project: &Project, config: Option<&Path>, mut say: impl FnMut(&Outer)) -> Result<Once, RunError> {
    let (_lock, session, stop) = begin(project)?;
    let mut outside = Outside::open(project, config, Learns::ByLooking);
    outside.settle(&stop).iter().for_each(&mut say);
    let driver = Driver::new(project, session, stop.clone());
    for _ in 0..MAX_SETTLING {
        if stop.drains() {
            return Ok(Once::Stopped);
        }
        match driver.tick()? {
            Tick::Stage(report) => {
                outside.stage_ran();
                outside.settle(&stop).iter().for_each(&mut say);
                return Ok(Once::Stage(report));
            }
            Tick::Waits(wait) => return Ok(Once::Waits(wait)),
            Tick::Idle => return Ok(Once::NoWork),
            Tick::Settled(what) => tracing::info!(what, "settled"),
        }
    }
    Ok(Once::Stopped)
}

/// Runs stages until it is told to end, or until nothing is ready.
pub fn daemon(
    project: &Project,
    limits: DaemonLimits<'_>,
    mut say: impl FnMut(Said<'_>),
) -> Result<DaemonEnd, RunError> {
    let (_lock, session, stop) = begin(project)?;
    project.note(&Input::BeginSession { session: session.clone(), program: program() })?;
    let driver = Driver::new(project, session.clone(), stop.clone());
    let ended = drive(project, &driver, &stop, limits, &mut say);
    let reason = match &ended {
        Ok(end) => end.reason.to_owned(),
        Err(error) => format!("error: {error}"),
    };
    // Its last word, also after an error.
    let noted = project.note(&Input::EndSession { session, reason });
    unsigned::forget(project);
    let end = ended?;
    // What it waited for keeps this word from being written as well.
    if end.waits.as_ref().is_none_or(|wait| wait.cause != SIGNING) {
        noted?;
    }
    Ok(end)
}

fn drive(
    project: &Project,
    driver: &Driver<'_>,
    stop: &Stop,
    limits: DaemonLimits<'_>,
    say: &mut impl FnMut(Said<'_>),
) -> Result<DaemonEnd, RunError> {
    let mut stages = 0;
    let mut last_word: Option<String> = None;
    let mut outside = Outside::open(project, limits.config, Learns::ByEvents);
    loop {
        if let Err(error) = driver.heed() {
            // The step that follows says so.
            tracing::warn!(%error, "whether somebody wants the end is not known");
        }
        // Before an end that somebody set, what was just written counts as well.
        let at_the_end = limits.max_ticks.is_some_and(|max| stages >= max);
        let came = if at_the_end { outside.settle(stop) } else { outside.look() };
        for outer in &came {
            say(Said::Outer(outer));
        }
        if stop.drains() {
            let reason = stop.wish().map_or("signal", |wish| {
                say(Said::Stops(wish));
                "stop"
            });
            return Ok(DaemonEnd { reason, stages, waits: None });
        }
        if at_the_end {
            return Ok(DaemonEnd { reason: "max_ticks", stages, waits: None });
        }
        let before = project.store.resolve(&RefName::State).map_err(TransactError::from)?;
        let tick = match driver.tick() {
            Ok(tick) => tick,
            Err(error) if limits.until_idle || limits.max_ticks.is_some() => return Err(error.into()),
            // Nothing is written on it, run branches included, until somebody has looked or it is as it was.
            Err(error) if error.distrust().is_some() => {
                outside.stage_ran();
                let rest = super::tree::wait(INTEGRITY, error.to_string());
                let word = format!("{}: {}", rest.cause, rest.detail);
                if last_word.as_ref() != Some(&word) {
                    say(Said::Waits(&rest));
                    last_word = Some(word);
                }
                sleep(project, stop, before, Some(&rest), &outside);
                continue;
            }
            // What a stage has left stays where it is, and is handed off then.
            Err(error) if error.unsigned().is_some() => {
                outside.stage_ran();
                let rest = unsigned::cannot(project, error.unsigned().unwrap_or_default());
                let word = format!("{}: {}", rest.cause, rest.detail);
                if last_word.as_ref() != Some(&word) {
                    say(Said::Waits(&rest));
                    last_word = Some(word);
                }
                sleep(project, stop, before, Some(&rest), &outside);
                // A claim that failed half-way has its first snapshot, and no run.
                if let Err(error) = settle_branches(project) {
                    tracing::warn!(%error, "run branches are not settled yet");
                }
                continue;
            }
            Err(error) => {
                outside.stage_ran();
                // What it is about may pass (a full disk, a lock that is held); nothing is launched meanwhile that
                // the ledger does not know.
                let word = error.to_string();
                if last_word.as_ref() != Some(&word) {
                    say(Said::Trouble(&error));
                    last_word = Some(word);
                }
                // A command may be the remedy; what the step itself left in the ledger is none.
                let left = project.store.resolve(&RefName::State).ok().flatten();
                stop.sleep(AFTER_TROUBLE, || moved(project, left));
                // A claim that failed half-way has its first snapshot, and no run.
                if let Err(error) = settle_branches(project) {
                    tracing::warn!(%error, "run branches are not settled yet");
                }
                continue;
            }
        };
        let (wait, word) = match tick {
            Tick::Stage(report) => {
                stages += 1;
                outside.stage_ran();
                say(Said::Stage(&report));
                last_word = None;
                continue;
            }
            Tick::Settled(what) => {
                outside.stage_ran();
                say(Said::Settled(&what));
                last_word = None;
                continue;
            }
            Tick::Waits(wait) => {
                if limits.until_idle {
                    return Ok(DaemonEnd { reason: "waiting", stages, waits: Some(wait) });
                }
                let word = format!("{}: {}", wait.cause, wait.detail);
                (Some(wait), word)
            }
            Tick::Idle if limits.until_idle => {
                // A file that was just written is work as well.
                let came = outside.settle(stop);
                for outer in &came {
                    say(Said::Outer(outer));
                }
                if came.iter().any(|outer| matches!(outer, Outer::Took(_))) {
                    continue;
                }
                return Ok(DaemonEnd { reason: "idle", stages, waits: None });
            }
            Tick::Idle => (None, "idle".to_owned()),
        };
        // Said when it begins, not again while it lasts.
        if last_word.as_ref() != Some(&word) {
            match &wait {
                Some(wait) => say(Said::Waits(wait)),
                None => say(Said::Idle),
            }
            last_word = Some(word);
        }
        sleep(project, stop, before, wait.as_ref(), &outside);
    }
}

/// Sleeps until the ledger moves, something changes outside of it, a wait's time has come, somebody asks for the end, or
/// it is worth looking again at what nothing tells (a merge that was finished, a file that was put back).
fn sleep(project: &Project, stop: &Stop, before: Option<Oid>, wait: Option<&Wait>, outside: &Outside<'_>) {
    const LOOK_AGAIN: Duration = Duration::from_secs(2);
    const SHORTEST: Duration = Duration::from_millis(50);
    let bound = match wait {
        None => outside.idle_sleep(),
        Some(Wait { until: None, .. }) => LOOK_AGAIN,
        Some(Wait { until: Some(until), .. }) => {
            let left = until.duration_since(Timestamp::now());
            Duration::try_from(left).unwrap_or(Duration::ZERO).clamp(SHORTEST, LOOK_AGAIN)
        }
    };
    let bound = outside.soon().map_or(bound, |soon| bound.min(soon.max(SHORTEST)));
    stop.sleep(bound, || outside.rang() || moved(project, before));
}

/// Whether the ledger has moved on.
fn moved(project: &Project, before: Option<Oid>) -> bool {
    project.store.resolve(&RefName::State).is_ok_and(|tip| tip != before)
}
