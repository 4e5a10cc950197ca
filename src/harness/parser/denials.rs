//! What a harness refused its agent, in a bounded number of short lines.

use super::words::start_of;

/// Lines that are kept; how many more there were is told.
const MAX_LINES: usize = 20;

/// Bytes of what was refused that are kept.
const MAX_LINE: usize = 400;

/// The refusals of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Denials {
    lines: Vec<String>,
    more: usize,
}

impl Denials {
    /// Adds one: the tool, and what it was to do where that is known.
    pub(super) fn add(&mut self, tool: &str, what: Option<&str>) {
        if self.lines.len() == MAX_LINES {
            self.more += 1;
            return;
        }
        let tool = if tool.is_empty() { "a tool" } else { start_of(tool, MAX_LINE) };
        self.lines.push(match what.filter(|what| !what.is_empty()) {
            Some(what) => format!("{tool}: {}", start_of(what, MAX_LINE)),
            None => tool.to_owned(),
        });
    }

    /// A line each.
    pub(super) fn into_lines(self) -> Vec<String> {
        let mut lines = self.lines;
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        lines
    }
}
