//! What became of an invocation, seen from outside: by the kernel's lock, the exit record and the mark.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;

use super::sweep::{Look, Sweep};
use super::tree;
use crate::domain::ids::Nonce;
use crate::harness::exit::{Exit, ExitError, Survivor};
use crate::harness::invocation::LOCK_FILE;

/// Time between two looks at a lock: the kernel has no wait for a lock with an end to it.
const PROBE_TICK: Duration = Duration::from_millis(50);

/// The state of an invocation directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// No supervisor ever held its lock: nothing was started.
    Absent,
    /// The lock is held: a supervisor lives, and with it perhaps its stage.
    Running,
    /// The lock is free and the exit record is there.
    Ended(Box<Exit>),
    /// The lock is free and there is no exit record: the supervisor was killed. [`survivors`] tells what is left.
    Vanished,
}

/// What [`await_end`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was ever started.
    Absent,
    /// The stage ended, with its record, and nothing of it is left.
    Ended(Box<Exit>),
    /// The supervisor vanished, and nothing of the stage is left.
    Vanished,
    /// The lock is still held.
    StillRunning,
    /// The supervisor is gone and these processes carry the stage's mark.
    Survived(Vec<Survivor>),
}

/// An invocation directory that cannot be examined.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The lock file cannot be opened or asked about.
    #[error("cannot probe {}: {source}", .path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The exit record cannot be read.
    #[error(transparent)]
    Record(#[from] ExitError),
}

/// Looks at an invocation without disturbing it.
pub fn probe(inv_dir: &Path) -> Result<Probe, ProbeError> {
    let path = inv_dir.join(LOCK_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Probe::Absent),
        Err(source) => return Err(ProbeError::Lock { path, source }),
    };
    // The lock first, the record second: a supervisor writes the record before it lets go.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => drop(file),
        Err(Errno::WOULDBLOCK) => return Ok(Probe::Running),
        Err(fault) => return Err(ProbeError::Lock { path, source: fault.into() }),
    }
    Ok(Exit::read(inv_dir)?.map_or(Probe::Vanished, |exit| Probe::Ended(Box::new(exit))))
}

/// The living processes that carry the invocation's mark. One that cleared its environment is not among them.
#[must_use]
pub fn survivors(nonce: &Nonce) -> Vec<Survivor> {
    tree::members(None, nonce).into_iter().map(tree::describe).collect()
}

/// Ends what [`survivors`] finds: TERM, KILL after `grace`, until nothing is left or `limit` is over. Gives what
/// could not be ended. Only for invocations whose supervisor has vanished.
#[must_use]
pub fn end_survivors(nonce: &Nonce, grace: Duration, limit: Duration) -> Vec<Survivor> {
    let until = Instant::now() + limit;
    let mut sweep = Sweep::new(None, nonce, grace);
    loop {
        match sweep.look(false) {
            Look::Empty => return Vec::new(),
            Look::Stuck(left) => return left,
            Look::Signalled if Instant::now() >= until => return survivors(nonce),
            Look::Signalled => std::thread::sleep(super::sweep::SWEEP_TICK),
        }
    }
}

/// Waits at most this long until the supervisor of an invocation is gone and nothing with its mark lives.
pub fn await_end(inv_dir: &Path, nonce: &Nonce, timeout: Duration) -> Result<Ending, ProbeError> {
    let until = Instant::now() + timeout;
    loop {
        let seen = match probe(inv_dir)? {
            Probe::Absent => return Ok(Ending::Absent),
            Probe::Running => Ending::StillRunning,
            Probe::Ended(exit) => match survivors(nonce) {
                left if left.is_empty() => return Ok(Ending::Ended(exit)),
                left => Ending::Survived(left),
            },
            Probe::Vanished => match survivors(nonce) {
                left if left.is_empty() => return Ok(Ending::Vanished),
                left => Ending::Survived(left),
            },
        };
        let now = Instant::now();
        if now >= until {
            return Ok(seen);
        }
        std::thread::sleep(PROBE_TICK.min(until - now));
    }
}
