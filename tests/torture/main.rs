//! The durability proofs: what is killed, packed away, crowded or powered off at every moment, and still whole.
//!
//! By default each proof runs a bounded part, chosen by a seed. `MILLRACE_TORTURE=full` runs all of it, and
//! `scripts/torture` prints a table of that. `MILLRACE_TORTURE_SEED` repeats a choice.

#[path = "../support/repo.rs"]
mod repo;

mod beside_gc;
mod chance;
mod forked;
mod git_calls;
mod kill_anywhere;
mod kill_at_call;
mod many_writers;
mod power_loss;
mod project;
mod size;
mod soundness;
mod strace;
