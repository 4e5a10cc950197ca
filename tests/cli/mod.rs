//! Tests of `src/cli`: the program as its users call it.

mod answers;
mod commands;
mod completions;
mod demo;
mod docs;
mod docs_format;
mod exit_codes;
mod failures;
mod first_minute;
mod following;
mod inside_a_stage;
mod interrupted;
mod log;
mod read_only;
mod scripted;
mod status;
mod tail;
mod wait;
