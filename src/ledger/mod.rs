//! The ledger: the commit chain on `refs/millrace/state`, and every other ref below `refs/millrace/`.

pub mod faulty;
pub mod git;
pub mod memory;
pub mod object;
pub mod store;
