//! Tests of `src/ledger`.

mod cost;
mod faulty;
mod forge;
mod git_store;
mod git_store_crash;
mod golden;
mod history;
mod object;
mod old_rules;
mod onto;
mod reftable;
mod store_contract;
mod support;
mod tampered;
mod tree;
mod verify;
