//! Cutting a stream into lines, in bounded memory.

use super::Heard;

/// Bytes of one line that are looked at. Tool output makes lines of some megabytes, and is not what is looked for.
pub(super) const MAX_LINE: usize = 8 * 1024 * 1024;

/// The line that is being read.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// Whether the rest of this line is passed over: it is too long, or its start is missing.
    passing: bool,
}

impl Lines {
    /// Takes the next bytes, and gives every line that they complete.
    pub(super) fn take(&mut self, mut bytes: &[u8], heard: &mut impl Heard) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            if self.passing {
                self.passing = false;
            } else if self.partial.is_empty() && line.len() <= MAX_LINE {
                give(line, heard);
            } else if self.partial.len() + line.len() <= MAX_LINE {
                self.partial.extend_from_slice(line);
                give(&self.partial, heard);
            }
            // The room of one long line is not kept for short ones.
            self.partial = Vec::new();
            bytes = &rest[1..];
        }
        if self.passing {
            return;
        }
        if self.partial.len() + bytes.len() > MAX_LINE {
            self.partial = Vec::new();
            self.passing = true;
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    /// Bytes are missing here: the line that they cut is no line.
    pub(super) fn gap(&mut self) {
        self.partial = Vec::new();
        self.passing = true;
    }

    /// The line that has no end yet, as if it ended here.
    pub(super) fn rest(&self, heard: &mut impl Heard) {
        if !self.passing {
            give(&self.partial, heard);
        }
    }
}

fn give(line: &[u8], heard: &mut impl Heard) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    if !text.is_empty() {
        heard.line(text);
    }
}
