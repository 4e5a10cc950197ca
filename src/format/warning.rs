//! Warnings of readers: something was accepted, but the writer should know.

use std::fmt;

use super::quote::one_line;

/// One warning about one place of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The field or key.
    pub field: String,
    /// What its writer should know.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", one_line(&self.file), self.line, one_line(&self.field), self.message)
    }
}
