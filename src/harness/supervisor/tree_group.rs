//! Finding and signalling the processes of a stage where there is no `/proc`: its process group is all there is.
//! `doctor` says so.

use std::collections::HashSet;
use std::io;
use std::process::Command;

use rustix::process::{Pid, Signal};

use super::trace::Trace;
use crate::harness::exit::Survivor;

/// One process, by its number: there is nothing here to tell it from a later one by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pid: Pid,
}

impl Member {
    /// By what a record names it; none where that is no process.
    pub(super) fn of_numbers(pid: i32, _start: u64) -> Option<Self> {
        Pid::from_raw(pid).map(|pid| Self { pid })
    }

    /// What a record names it by.
    pub(super) fn numbers(self) -> (i32, u64) {
        (self.pid.as_raw_nonzero().get(), 0)
    }
}

/// There are no subreapers here; orphans go to the system's first process.
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// There are none to receive.
pub(super) fn receive_orphans() -> io::Result<()> {
    Ok(())
}

/// There are none that became our children.
pub(super) fn reap(_member: Member) {}

/// This process.
pub(super) fn own() -> Member {
    Member { pid: rustix::process::getpid() }
}

/// Nothing here tells one start of the machine from another.
pub(super) fn boot() -> String {
    String::new()
}

/// Whether the kernel knows this number.
pub(super) fn is_there(pid: i32, _start: Option<u64>) -> bool {
    Pid::from_raw(pid)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// There is no death signal here: the supervisor's own end is the only one that ends the harness.
pub(super) fn die_with_us(_command: &mut Command) {}

/// Nothing can be found beyond the process group.
pub(super) fn members(_trace: &Trace<'_>) -> HashSet<Member> {
    HashSet::new()
}

/// Whether this member is in the process group of `leader`.
pub(super) fn in_group(member: Member, leader: Pid) -> bool {
    rustix::process::getpgid(Some(member.pid)).is_ok_and(|group| group == leader)
}

/// Sends a signal to a process.
pub(super) fn signal(member: Member, signal: Signal) {
    // A failure means that it is gone, or not ours to end.
    let _ = rustix::process::kill_process(member.pid, signal);
}

/// Signals a process group whose leader may be gone.
pub(super) fn signal_group(leader: Pid, signal: Signal) {
    // A group without members is no fault.
    let _ = rustix::process::kill_process_group(leader, signal);
}

/// The process, of which only the number is known.
pub(super) fn describe(member: Member) -> Survivor {
    Survivor { pid: member.pid.as_raw_nonzero().get(), start: None, command: String::new(), cwd: None }
}
