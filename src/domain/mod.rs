//! The pure core: what things are, and what may happen to them. No clock, randomness, environment or IO.

pub mod budget;
pub mod closure;
pub mod control;
pub mod hook;
pub mod ids;
pub mod item;
pub mod limits;
pub mod oid;
pub mod permission;
pub mod place;
pub mod plan;
pub mod price;
pub mod receipt;
pub mod recovery;
pub mod result;
pub mod roots;
pub mod run;
pub mod runtime_error;
pub mod schedule;
pub mod slot;
pub mod stage_file;
pub mod streak;
pub mod transition;
mod turn_text;
pub mod usage;
pub mod view;
