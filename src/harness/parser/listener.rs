//! Listening to a harness: what it said until now.

use super::Parser;
use crate::domain::usage::Usage;

/// Takes the output of a harness as it comes.
#[derive(Debug, Clone)]
pub struct Listener;

impl Listener {
    /// A listener that has heard nothing.
    #[must_use]
    pub fn new(_parser: &Parser) -> Self {
        Self
    }

    /// Takes the next bytes, cut anywhere.
    pub fn take(&mut self, _bytes: &[u8]) {}

    /// What this run has used at least, by what it told until now.
    #[must_use]
    pub fn usage_so_far(&self) -> Usage {
        Usage::default()
    }
}
