//! Text answers: aligned fields and tables. Everything passes through here, so that nothing from outside can break a
//! line or a terminal.

use std::fmt::Display;

use crate::format::quote::{lines, one_line};

/// Spaces between two columns.
const GAP: usize = 2;

/// A text answer that is being written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.text.push_str(&one_line(&line.to_string()));
        self.text.push('\n');
    }

    /// An empty line, unless the page begins here.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Text that was made by git or by us and keeps its lines.
    pub(crate) fn verbatim(&mut self, text: &str) {
        self.text.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Text from outside that keeps its lines.
    pub(crate) fn foreign(&mut self, text: &str) {
        self.verbatim(&lines(text));
    }

    /// Names and values in two columns.
    pub(crate) fn fields(&mut self, fields: &[(&str, String)]) {
        let rows: Vec<Vec<String>> =
            fields.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
        self.table(&rows);
    }

    /// Columns, each as wide as its widest cell.
    pub(crate) fn table(&mut self, rows: &[Vec<String>]) {
        self.indented("", rows);
    }

    /// The same, every line with something before it.
    pub(crate) fn indented(&mut self, before: &str, rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| one_line(cell).into_owned()).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let mut line = before.to_owned();
            for (column, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if column + 1 < row.len() {
                    line.push_str(&" ".repeat(widths[column] - cell.chars().count() + GAP));
                }
            }
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    /// What was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
