//! Mode, loops, stage kinds, instructions and configuration into one frozen plan.
//!
//! [`compile`] is pure: the caller brings the configuration and the operator's overrides as bytes, and gets a plan
//! with everything that it rests on, or every reason why there is none. The plan's id comes from that content alone.

mod assets;
mod diagnostics;
mod freeze;
mod graph;
mod identity;
mod instructions;
mod loops;
mod mode;
mod origin;
mod sheet;
mod staffing;
mod stage_kind;
mod thresholds;

pub use assets::{Assets, OVERRIDE_FOLDERS, SHIPPED};
pub use diagnostics::{Diagnostics, MAX_PROBLEMS, Problem};
pub use freeze::{CONFIG_FILE, Compiled, FrozenConfigError, Request, compile, frozen_config};
pub use mode::{ModeText, Said, StageChanges, mode_ids, read_mode};
pub use origin::{Origin, Origins, StageOrigins, TextOrigin};
