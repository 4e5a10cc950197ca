//! Tests of `src/format`.

mod config;
mod documents;
mod fixtures;
mod hooks;
mod idea;
mod incident;
mod intake;
mod message;
mod secrets;
mod spec;
mod submission;
mod suggest;
mod verdict;
mod yaml;
