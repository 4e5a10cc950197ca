//! The pure core: what things are, and what may happen to them. No clock, randomness, environment or IO.

pub mod ids;
pub mod limits;
pub mod oid;
pub mod permission;
pub mod result;
