//! Records of the ledger as TOML: field order is the type's, so that equal records have equal bytes and diffs read
//! from top to bottom as the type does.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::domain::transition::apply::Record;

/// The bytes are not the record that their place says.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct RecordError(pub String);

/// A record's bytes.
pub fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, RecordError> {
    toml::to_string(record).map(String::into_bytes).map_err(|error| RecordError(error.to_string()))
}

/// A record from its bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    let text = std::str::from_utf8(bytes).map_err(|error| RecordError(error.to_string()))?;
    toml::from_str(text).map_err(|error| RecordError(error.message().to_owned()))
}

/// The bytes of a record of the tree.
pub fn encode_record(record: &Record) -> Result<Vec<u8>, RecordError> {
    match record {
        Record::Ledger(record) => encode(record),
        Record::Control(record) => encode(record),
        Record::Known(record) => encode(record),
        Record::Run(record) => encode(record),
        Record::RunRecord(record) => encode(record),
        Record::Recovery(record) => encode(record),
        Record::Result(record) => encode(record),
        Record::Member(record) => encode(record),
        Record::Target(record) => encode(record),
        Record::Verdict(record) => encode(record),
        Record::Receipt(record) => encode(record),
    }
}
