//! Bytes to domain and back: documents, configuration, records, trailers. Pure, like the domain below it.

pub mod config;
pub mod document;
pub mod front_matter;
pub mod quote;
pub mod secrets;
pub mod suggest;
pub mod task;
pub mod warning;
pub mod yaml;
