//! Documents that are generated from the code: the file in the repository is what the code gives.

use crate::support::project::root;

/// Set, the documents are written anew instead of compared.
const REFRESH: &str = "MILLRACE_REFRESH_DOCS";

/// The first line in which two texts differ, with its number; `None` where they are equal.
fn first_difference<'a>(one: &'a str, other: &'a str) -> Option<(usize, &'a str, &'a str)> {
    if one == other {
        return None;
    }
    let end = "(the end of the file)";
    let mut lines = (one.lines().chain([end]), other.lines().chain([end]));
    for number in 1.. {
        match (lines.0.next(), lines.1.next()) {
            (Some(one), Some(other)) if one == other => {}
            (None, None) => break,
            (one, other) => return Some((number, one.unwrap_or(end), other.unwrap_or(end))),
        }
    }
    // They differ in the end of a line only.
    Some((0, "", ""))
}

/// Fails where the document is not the generated text, and says how to refresh it.
#[track_caller]
pub(super) fn is_up_to_date(path: &str, text: &str) {
    if std::env::var_os(REFRESH).is_some() {
        std::fs::write(root().join(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    if let Some((line, found, expected)) = first_difference(&found, text) {
        panic!(
            "{path} is not what the code gives. First in line {line}:\n  found     {found}\n  expected  {expected}\n\
             To write it anew: {REFRESH}=1 cargo test --test suite documents"
        );
    }
}

/// A paragraph broken into lines of at most 120 columns.
pub(super) fn wrapped(text: &str) -> String {
    const COLUMNS: usize = 120;
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
    out
}

/// A row of a Markdown table; what would break it is escaped.
pub(super) fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|"))
        .collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a Markdown table.
pub(super) fn head(cells: &[&str]) -> String {
    row(cells) + &"|---".repeat(cells.len()) + "|\n"
}

#[test]
fn a_difference_is_found_wherever_it_is() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, "b", "c")));
    assert_eq!(first_difference("a\n", "a\nc\n"), Some((2, "(the end of the file)", "c")));
    assert_eq!(first_difference("", "a\n"), Some((1, "(the end of the file)", "a")));
    assert!(first_difference("a\n", "a").is_some());
}
