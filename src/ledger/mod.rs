//! The ledger: the commit chain on `refs/millrace/state`, and every other ref below `refs/millrace/`.

pub mod git;
pub mod store;
