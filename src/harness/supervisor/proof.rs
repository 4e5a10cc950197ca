//! What this machine lets a runtime and its supervisors prove.

use std::io;

use super::{cgroup, tree};
use crate::harness::exit::StopProof;

/// What a supervisor that is started from this process proves the end of its stage by, as far as that can be told
/// beforehand; a stage's exit record says what it was.
#[must_use]
pub fn proof_here() -> StopProof {
    if cgroup::is_possible() { StopProof::Cgroup } else { without_cgroup() }
}

/// What there is where no control group can be made.
pub(super) const fn without_cgroup() -> StopProof {
    if cfg!(target_os = "linux") { StopProof::SubreaperAndMark } else { StopProof::ProcessGroup }
}

/// Makes this process, a runtime, the parent of what a killed supervisor leaves, so that it is found without mark and
/// control group as well. To be called before the runtime starts anything; has no effect where there is no such thing.
pub fn receive_orphans() -> io::Result<()> {
    tree::receive_orphans()
}
