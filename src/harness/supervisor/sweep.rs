//! The sweep: signalling what is left of a stage again and again until nothing is.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::cgroup::Cgroup;
use super::trace::Trace;
use super::tree::{self, Member};
use crate::harness::exit::Survivor;

/// Time that a leftover gets between TERM and KILL. The stage has ended, so nothing of value is under way.
pub(super) const SWEEP_GRACE: Duration = Duration::from_secs(2);

/// How long KILL is repeated before what is left is recorded as not endable. A process that is stuck in the kernel
/// or runs as another user would otherwise keep the stage for ever.
pub(super) const SWEEP_LIMIT: Duration = Duration::from_secs(60);

/// Time between two looks. A leftover that is not our child (found by its mark) ends without telling us.
pub(super) const SWEEP_TICK: Duration = Duration::from_millis(20);

/// The state of one sweep.
pub(super) struct Sweep<'a> {
    trace: Trace<'a>,
    kill_at: Instant,
    give_up_at: Instant,
    seen: HashSet<Member>,
}

/// What one look found.
pub(super) enum Look {
    /// Nothing: the stage is gone.
    Empty,
    /// Something, which got its signal; look again after [`SWEEP_TICK`].
    Signalled,
    /// Something that does not end.
    Stuck(Vec<Survivor>),
}

impl<'a> Sweep<'a> {
    /// A sweep of what this trace leads to, with TERM first and KILL after `grace`.
    pub(super) fn new(trace: Trace<'a>, grace: Duration) -> Self {
        let now = Instant::now();
        Self { trace, kill_at: now + grace, give_up_at: now + grace + SWEEP_LIMIT, seen: HashSet::new() }
    }

    /// Looks once. `children` says that the caller still has children, whether the look sees them or not.
    pub(super) fn look(&mut self, children: bool) -> Look {
        let members = tree::members(&self.trace);
        let populated = self.trace.cgroup.is_some_and(Cgroup::is_populated);
        if members.is_empty() && !children && !populated {
            return Look::Empty;
        }
        let now = Instant::now();
        if let Some(group) = self.trace.cgroup.filter(|_| now >= self.kill_at) {
            group.kill();
        }
        for member in &members {
            let new = self.seen.insert(*member);
            if now >= self.kill_at {
                tree::signal(*member, Signal::KILL);
            } else if new {
                tree::signal(*member, Signal::TERM);
            }
        }
        if now >= self.give_up_at {
            return Look::Stuck(members.into_iter().map(tree::describe).collect());
        }
        Look::Signalled
    }

    /// Takes note of the ends of those that became children of this process.
    pub(super) fn reap(&self) {
        self.seen.iter().copied().for_each(tree::reap);
    }

    /// How many processes were found, from the first look on.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.seen.len()).unwrap_or(u32::MAX)
    }
}
