//! The seeded simulation: the whole runtime under a scheduler that a seed decides, on a ledger in memory. A driver that
//! may die at any step, a harness that returns anything, an operator who asks for anything, a clock that jumps and a
//! store that fails; after every commit the tree is held to `invariants`, which know paths and TOML and none of our
//! types.
//!
//! `MILLRACE_SIM_SECONDS` says how long it goes on, `MILLRACE_SIM_SEED` repeats one run.

#[path = "../torture/chance.rs"]
mod chance;
#[path = "../support/consistent.rs"]
mod consistent;

mod bites;
mod code;
mod crowd;
mod dice;
mod documents;
mod driver;
mod episode;
mod harness;
mod invariants;
mod operator;
mod plans;
mod tally;
mod tree;
mod world;
