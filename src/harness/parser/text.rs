//! Text for people: the final message is the end of stdout.

use super::{Scope, Spoken};
use crate::domain::limits::MAX_EVIDENCE_BYTES;
use crate::domain::usage::Usage;
use crate::harness::judge::TerminalRecord;

/// The end of a text, as much as the ledger keeps of a piece of evidence. A line whose start is not known is dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// Whether what came before is not there any more.
    cut: bool,
}

impl Text {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Not at every byte more: what is dropped is at least as long as what is kept.
        if self.bytes.len() > 2 * MAX_EVIDENCE_BYTES {
            self.bytes.drain(..self.bytes.len() - MAX_EVIDENCE_BYTES);
            self.cut = true;
        }
    }

    /// What lies before a gap is no part of a text that ends behind it.
    pub(super) fn gap(&mut self) {
        self.bytes.clear();
        self.cut = true;
    }

    pub(super) fn spoken(&self) -> Spoken {
        let start = self.bytes.len().saturating_sub(MAX_EVIDENCE_BYTES);
        let text = String::from_utf8_lossy(&self.bytes[start..]);
        let cut = self.cut || start > 0;
        let text = if cut { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
        Spoken {
            session: None,
            final_message: (!text.trim().is_empty()).then(|| text.to_owned()),
            terminal: TerminalRecord::NotExpected,
            usage: Usage::default(),
            tokens_are: Scope::Run,
            cost_is: Scope::Run,
            denials: Vec::new(),
        }
    }
}
