//! One stage, from its launch to its handoff.

mod context;
mod escalate;
mod finish;
mod history;
mod launch;

pub use context::{Stage, StageError};
pub use finish::{Ended, Finished, finish};
pub use launch::{Start, Started, start};
