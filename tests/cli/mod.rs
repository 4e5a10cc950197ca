//! Tests of `src/cli`: the program as its users call it.

mod answers;
mod commands;
mod demo;
mod docs;
mod docs_format;
mod exit_codes;
mod failures;
mod first_minute;
mod inside_a_stage;
mod interrupted;
mod plans;
mod read_only;
mod scripted;
