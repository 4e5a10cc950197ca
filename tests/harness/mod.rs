//! Tests of `src/harness`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod codex;
mod command;
mod ending;
mod evidence;
mod judge;
mod output;
mod proof;
mod result_file;
mod running;
mod scripted;
