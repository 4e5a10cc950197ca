//! Tests of `src/cli`: the program as its users call it.

mod answers;
mod bootstrap;
mod commands;
mod completions;
mod config;
mod demo;
mod docs;
mod docs_format;
mod doctor;
mod error_texts;
mod errors;
mod exit_codes;
mod failures;
mod first_minute;
mod following;
mod inside_a_stage;
mod interrupted;
mod log;
mod plan_choice;
mod plans;
mod queue;
mod read_only;
mod scripted;
mod status;
mod tail;
mod wait;
