//! Finding and signalling the processes of a stage where there is no `/proc`: its process group is all there is.
//! `doctor` says so.

use std::collections::HashSet;
use std::io;
use std::process::Command;

use rustix::process::{Pid, Signal};

use crate::domain::ids::Nonce;
use crate::harness::exit::Survivor;

/// One process. None is ever found here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Member {}

/// There are no subreapers here; orphans go to the system's first process.
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// There is no death signal here: the supervisor's own end is the only one that ends the harness.
pub(super) fn die_with_us(_command: &mut Command) {}

/// Nothing can be found beyond the process group.
pub(super) fn members(_root: Option<Pid>, _nonce: &Nonce) -> HashSet<Member> {
    HashSet::new()
}

/// There is no member to ask about.
pub(super) fn in_group(member: Member, _leader: Pid) -> bool {
    match member {}
}

/// There is no member to signal.
pub(super) fn signal(member: Member, _signal: Signal) {
    match member {}
}

/// Signals a process group whose leader may be gone.
pub(super) fn signal_group(leader: Pid, signal: Signal) {
    // A group without members is no fault.
    let _ = rustix::process::kill_process_group(leader, signal);
}

/// There is no member to describe.
pub(super) fn describe(member: Member) -> Survivor {
    match member {}
}
