//! Text answers: aligned fields and tables. Everything passes through here, so that nothing from outside can break a
//! line or a terminal.

use std::fmt::{Display, Write as _};

use crate::format::message::one_line as cut;
use crate::format::quote::{lines, one_line};

/// Spaces between two columns.
const GAP: usize = 2;

/// Columns of a line where there is no terminal that says it.
const WIDTH: usize = 100;

/// Characters that a cell keeps at least when it is cut.
const LEAST_CUT: usize = 24;

/// Characters of the last column that the cut makes room for; what is longer goes on past the edge.
const LAST_ROOM: usize = 40;

/// The colours of git: of headings, and of what names a commit.
const BOLD: &str = "\u{1b}[1m";
const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[m";

/// A text answer that is being written.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    /// Characters of a line.
    width: usize,
    colour: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self::of_width(None)
    }
}

impl Page {
    /// An empty page for a terminal of so many columns, or for none.
    pub(crate) fn of_width(width: Option<usize>) -> Self {
        Self { text: String::new(), width: width.unwrap_or(WIDTH), colour: false }
    }

    /// The same page, with colour or without.
    pub(crate) fn coloured(self, colour: bool) -> Self {
        Self { colour, ..self }
    }

    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.text.push_str(&one_line(&line.to_string()));
        self.text.push('\n');
    }

    /// One line above others. In colour it looks like those above the files of a diff.
    pub(crate) fn heading(&mut self, line: impl Display) {
        let line = one_line(&line.to_string()).into_owned();
        // Writing to a string cannot fail.
        let _ = if self.colour {
            writeln!(self.text, "{BOLD}{line}{PLAIN}")
        } else {
            writeln!(self.text, "{line}")
        };
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

    /// The same, where the first column names commits: it has their colour.
    pub(crate) fn commits(&mut self, rows: &[Vec<String>]) {
        let begin = self.text.len();
        self.table(rows);
        if self.colour {
            let lines = self.text.split_off(begin);
            for (line, row) in lines.lines().zip(rows) {
                let name = one_line(row.first().map_or("", String::as_str));
                let rest = &line[name.len().min(line.len())..];
                let _ = writeln!(self.text, "{YELLOW}{name}{PLAIN}{rest}");
            }
        }
    }

    /// The same, with one column cut so that lines fit the page.
    pub(crate) fn table_fitted(&mut self, mut rows: Vec<Vec<String>>, column: usize) {
        let taken: usize = (0..rows.iter().map(Vec::len).max().unwrap_or(0))
            .filter(|other| *other != column)
            .map(|other| {
                let widest =
                    rows.iter().filter_map(|row| row.get(other)).map(|cell| cell.chars().count()).max();
                let last = rows.iter().all(|row| row.len() <= other + 1);
                GAP + widest.map_or(0, |widest| if last { widest.min(LAST_ROOM) } else { widest })
            })
            .sum();
        let room = self.width.saturating_sub(taken).max(LEAST_CUT);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            *cell = cut(cell, room);
        }
        self.table(&rows);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(width: usize, title: &str, why: &str) -> String {
        let mut page = Page::of_width(Some(width));
        page.table_fitted(vec![vec!["queued".to_owned(), title.to_owned(), why.to_owned()]], 1);
        page.into_text()
    }

    #[test]
    fn a_long_cell_is_cut_to_the_width_of_the_page() {
        let title = "a title that goes on and on, far past what anybody reads";
        assert_eq!(fitted(100, title, "next"), format!("queued  {title}  next\n"));
        let line = fitted(50, title, "next");
        assert_eq!(line, "queued  a title that goes on and on, far ...  next\n");
        assert_eq!(line.trim_end().chars().count(), 50);
        // Something stays of it, whatever the width; the reason is never cut.
        let why = "y".repeat(90);
        assert_eq!(fitted(10, title, &why), format!("queued  a title that goes on ...  {why}\n"));
    }
}
