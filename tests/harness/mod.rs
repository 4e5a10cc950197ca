//! Tests of `src/harness`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod codex;
mod command;
mod ending;
mod evidence;
mod health;
mod judge;
mod output;
mod parser;
mod proof;
mod reading;
mod result_file;
mod running;
mod scripted;
