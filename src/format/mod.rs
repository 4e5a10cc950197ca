//! Bytes to domain and back: documents, records, commit messages, configuration.

pub mod message;
pub mod records;
