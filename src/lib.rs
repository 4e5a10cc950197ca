//! Millrace governs long-running agent work, and its whole memory is commits on one git ref.
//!
//! The crate is built in floors; a module uses its own floor and those below, never one above
//! (`tests/guard/floors.rs` holds that):
//!
//! | floor | what it is |
//! |---|---|
//! | [`cli`] | one file per command, rendering, exit codes |
//! | [`runtime`] | the driver: tick, daemon, recovery |
//! | [`harness`] | adapters, the supervisor, the judge |
//! | [`workspace`] | the user's repository: discovery, code snapshots, run directories |
//! | [`ledger`] | the commit chain: its port, the git store and a memory twin, view, history, verify |
//! | [`compile`] | mode, loops, config and assets into a frozen plan |
//! | [`mod@format`] | bytes to domain and back: documents, records, trailers, configuration |
//! | [`domain`] | pure: ids, items, plan, run, results; `decide`, `apply`, `schedule` |
//!
//! Two pure functions are the heart: `decide` holds the rules, `apply` turns a decision into edits of the
//! ledger's tree. The live path, recovery, verification and simulation run the same two.

pub mod cli;
pub mod compile;
pub mod domain;
pub mod format;
pub mod harness;
pub mod ledger;
pub mod runtime;
pub mod workspace;
