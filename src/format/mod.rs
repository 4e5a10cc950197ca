//! Bytes to domain and back: documents, records, commit messages, configuration.

pub mod config;
pub mod count;
pub mod document;
pub mod form;
pub mod front_matter;
pub mod hooks;
pub mod idea;
pub mod incident;
pub mod message;
pub mod quote;
pub mod records;
pub mod secrets;
pub mod spec;
pub mod submission;
pub mod suggest;
pub mod task;
pub mod verdict;
pub mod warning;
pub mod yaml;
