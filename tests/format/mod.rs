//! Tests of `src/format`.

mod config;
mod documents;
mod fixtures;
mod incident;
mod intake;
mod message;
mod secrets;
mod suggest;
mod yaml;
