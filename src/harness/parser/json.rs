//! One JSON value: the whole of what a harness wrote.

use super::Mapping;
use super::lines::MAX_LINE;
use super::mapped::Mapped;
use super::{Heard, Spoken};
use crate::harness::judge::TerminalRecord;

/// The bytes of the value so far. One that is longer than a line may be, or that has a gap, is none.
#[derive(Debug, Clone)]
pub(super) struct Json {
    mapped: Mapped,
    bytes: Vec<u8>,
    broken: bool,
}

impl Json {
    pub(super) fn new(mapping: &Mapping) -> Self {
        Self { mapped: Mapped::new(mapping), bytes: Vec::new(), broken: false }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        if self.broken || self.bytes.len() + bytes.len() > MAX_LINE {
            self.gap();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    pub(super) fn gap(&mut self) {
        self.bytes = Vec::new();
        self.broken = true;
    }

    pub(super) fn spoken(&self) -> Spoken {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim();
        let whole = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let mut mapped = self.mapped.clone();
        if whole {
            mapped.line(text);
        }
        let spoken = mapped.spoken(whole);
        if whole { spoken } else { Spoken { terminal: TerminalRecord::Missing { stuck_on: None }, ..spoken } }
    }
}
