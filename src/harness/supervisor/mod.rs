//! The supervisor: a process of this same program that starts one harness, bounds it, and stays until nothing of
//! it is left. It holds a kernel lock on the invocation directory for its whole life, so whether it lives is a
//! question to the kernel; it ends the stage when the runtime's pipe closes, so a dead runtime leaves no agent
//! behind; and it writes the exit record last.
//!
//! On Linux it is a child subreaper: every orphan of the stage becomes its own child, and what cleared neither its
//! parentage nor the environment mark is found. Where it may make a control group, the stage runs in one of its own, and
//! the kernel says when that is empty. Elsewhere there are process groups only.

mod capture;
#[cfg(target_os = "linux")]
#[path = "cgroup_linux.rs"]
mod cgroup;
#[cfg(not(target_os = "linux"))]
#[path = "cgroup_other.rs"]
mod cgroup;
mod launch;
mod post;
mod probe;
mod proof;
mod run;
mod sweep;
mod trace;
#[cfg(target_os = "linux")]
#[path = "tree_linux.rs"]
mod tree;
#[cfg(not(target_os = "linux"))]
#[path = "tree_group.rs"]
mod tree;

pub use launch::{LaunchError, SUPERVISE, Supervised, launch, own_executable};
pub use probe::{Ending, Probe, ProbeError, await_end, end_survivors, probe, still_there, survivors};
pub use proof::{proof_here, receive_orphans};
pub use run::supervise_main;
