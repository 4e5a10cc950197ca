//! Tests of `src/format`.

mod config;
mod documents;
mod fixtures;
mod intake;
mod secrets;
mod suggest;
mod yaml;
