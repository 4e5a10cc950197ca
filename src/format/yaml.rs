//! The one place that names the YAML crate.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// The text is not the YAML document that was expected; the message names key and line.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct YamlError(#[from] serde_yaml::Error);

/// Reads one YAML document.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    Ok(serde_yaml::from_str(text)?)
}
