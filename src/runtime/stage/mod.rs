//! One stage, from its launch to its handoff.

mod cleaning;
mod context;
mod delivery;
mod escalate;
mod finish;
pub(in crate::runtime) mod history;
mod judgement;
mod judging;
mod launch;
mod meter;
mod opening;
mod told;
mod wordless;

pub use context::{Stage, StageError, invocation_dir};
pub use finish::{Ended, Finished, finish};
pub use launch::{Start, Started, start};
pub use meter::{Meter, Seen};
pub(super) use opening::Opening;
