//! Sharing a ledger: pushing it to a remote, fetching one from there, and going on with what was fetched.
//!
//! A remote is never trusted: what it holds goes into the tracking namespace only, is replayed before it is believed,
//! and what it says is shown as text. Nothing here overwrites: a ledger that went on elsewhere is a reason to stop.

pub mod adoption;
pub mod fetch;
pub mod push;
pub mod relation;
pub mod remote;

pub use remote::SharingError;
