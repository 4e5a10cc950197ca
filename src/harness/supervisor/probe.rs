//! What became of an invocation, seen from outside: by the kernel's lock, the exit record, and what leads to processes
//! of the stage.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;

use super::post::Post;
use super::sweep::{Look, SWEEP_TICK, Sweep};
use super::trace::Trace;
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
    /// The supervisor is gone and these processes are of its stage.
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

/// The living processes of an invocation whose supervisor is gone: those with its mark, of its session, in its control
/// group, and those that became this runtime's children.
#[must_use]
pub fn survivors(inv_dir: &Path, nonce: &Nonce) -> Vec<Survivor> {
    let post = Post::read(inv_dir);
    let cgroup = post.as_ref().and_then(|post| post.cgroup(nonce));
    let trace = Trace::of_post(nonce, post.as_ref(), cgroup.as_ref());
    tree::members(&trace).into_iter().map(tree::describe).collect()
}

/// Those of these processes that are still there.
#[must_use]
pub fn still_there(survivors: &[Survivor]) -> Vec<Survivor> {
    let there = survivors.iter().filter(|survivor| tree::is_there(survivor.pid, survivor.start));
    there.cloned().collect()
}

/// Ends what [`survivors`] finds: TERM, KILL after `grace`, until nothing is left or `limit` is over. Gives what
/// could not be ended. Only for invocations whose supervisor is gone.
#[must_use]
pub fn end_survivors(inv_dir: &Path, nonce: &Nonce, grace: Duration, limit: Duration) -> Vec<Survivor> {
    let until = Instant::now() + limit;
    let post = Post::read(inv_dir);
    let cgroup = post.as_ref().and_then(|post| post.cgroup(nonce));
    let mut sweep = Sweep::new(Trace::of_post(nonce, post.as_ref(), cgroup.as_ref()), grace);
    loop {
        let look = sweep.look(false);
        sweep.reap();
        match look {
            Look::Empty => {
                if let Some(group) = &cgroup {
                    group.remove();
                }
                return Vec::new();
            }
            Look::Stuck(left) => return left,
            Look::Signalled if Instant::now() >= until => return survivors(inv_dir, nonce),
            Look::Signalled => std::thread::sleep(SWEEP_TICK),
        }
    }
}

/// Waits at most this long until the supervisor of an invocation is gone, and looks what is left of its stage then.
pub fn await_end(inv_dir: &Path, nonce: &Nonce, timeout: Duration) -> Result<Ending, ProbeError> {
    let until = Instant::now() + timeout;
    loop {
        let ending = match probe(inv_dir)? {
            Probe::Absent => return Ok(Ending::Absent),
            Probe::Running => None,
            Probe::Ended(exit) => Some(Ending::Ended(exit)),
            Probe::Vanished => Some(Ending::Vanished),
        };
        if let Some(ending) = ending {
            let left = survivors(inv_dir, nonce);
            if !left.is_empty() {
                return Ok(Ending::Survived(left));
            }
            // A killed supervisor could not remove it.
            if let Some(group) = Post::read(inv_dir).and_then(|post| post.cgroup(nonce)) {
                group.remove();
            }
            return Ok(ending);
        }
        let now = Instant::now();
        if now >= until {
            return Ok(Ending::StillRunning);
        }
        std::thread::sleep(PROBE_TICK.min(until - now));
    }
}
