//! Tests of `src/cli`: the program as its users call it.

mod answers;
mod bootstrap;
mod commands;
mod config;
mod demo;
mod docs;
mod docs_format;
mod exit_codes;
mod failures;
mod first_minute;
mod inside_a_stage;
mod interrupted;
mod plan_choice;
mod plans;
mod queue;
mod read_only;
mod scripted;
