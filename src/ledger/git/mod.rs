//! The store in a git repository.
//!
//! gix reads objects; everything that is written goes through `publish.rs`, because gix never syncs, takes
//! `packed-refs.lock` for every swap, and leaves out objects that lie unsynced elsewhere.

pub mod command;

mod belief;
mod disk;
mod fold;
mod health;
mod inflight;
mod keeping;
mod lock;
mod midx;
mod objects;
mod open;
mod pack;
mod packs;
mod publish;
mod reflog;
mod refs;
mod reftable;
mod refusal;
mod repair;
pub(crate) mod signing;
mod veils;

pub use disk::Durability;
pub use health::Finding;
pub use open::GitStore;
pub use repair::Memory;
pub use signing::Signing;
pub use veils::{Veil, Veiled};
