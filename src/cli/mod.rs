//! The command line: one file per command, rendering, exit codes.
//!
//! A command's arguments are a struct whose doc comments are its help; what it answers is a struct that is rendered
//! as text or as JSON. Data goes to stdout, everything else to stderr.

mod arguments;
mod coming;
mod commands;
mod context;
mod diffstat;
pub mod exit;
mod failure;
mod handoffs;
mod look;
mod lookup;
mod moments;
mod page;
mod plain_text;
mod plan_page;
mod plan_source;
mod program;
mod reasons;
mod roots;
mod spending;
mod stdout;
mod trailers;
mod watch;

pub use program::{command, main};
