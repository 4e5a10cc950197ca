//! The integration tests, one binary: modules mirror the floors of `src/`.

mod support;

mod cli;
mod compile;
mod documents;
mod domain;
mod format;
mod guard;
mod harness;
mod ledger;
mod noninterference;
mod runtime;
mod workspace;
