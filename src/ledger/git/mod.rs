//! The store in a git repository.

pub mod command;
