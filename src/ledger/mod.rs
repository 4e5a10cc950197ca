//! The ledger: the commit chain on `refs/millrace/state`, and every other ref below `refs/millrace/`.

pub mod commit;
pub mod faulty;
pub mod git;
pub mod history;
pub mod intact;
pub mod memory;
pub mod object;
pub mod store;
pub mod transact;
pub mod tree;
pub mod trust;
pub mod verify;
pub mod view;
