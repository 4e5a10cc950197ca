//! The documents of the project, and the parts of Markdown that tests look at.

use std::path::Path;

use super::project::files_ending;

/// README and everything below docs: what a user reads.
pub(crate) fn documents() -> Vec<String> {
    let mut found = files_ending("docs", "md");
    found.insert(0, "README.md".to_owned());
    found
}

/// What a piece of Markdown is, as far as tests care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line of prose, outside of fenced blocks.
    Prose(&'a str),
    /// A line of a fenced block, with the block's language.
    Code {
        /// `console`, `toml`; empty where none is named.
        language: &'a str,
        /// The line.
        line: &'a str,
    },
}

/// A document's lines, with their numbers from 1. The fences themselves are left out.
pub(crate) fn pieces(text: &str) -> Vec<(usize, Piece<'_>)> {
    let mut found = Vec::new();
    let mut block: Option<&str> = None;
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (block, fence) {
            (None, Some(language)) => block = Some(language.trim()),
            (Some(_), Some("")) => block = None,
            (Some(language), _) => found.push((number + 1, Piece::Code { language, line })),
            (None, None) => found.push((number + 1, Piece::Prose(line))),
        }
    }
    found
}

/// A document's paragraphs as one line each, with the number of their first line. Blocks are left out.
pub(crate) fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut last = 0;
    for (number, piece) in pieces(text) {
        let Piece::Prose(line) = piece else { continue };
        if line.trim().is_empty() {
            continue;
        }
        match found.last_mut() {
            Some((_, paragraph)) if last + 1 == number => {
                paragraph.push(' ');
                paragraph.push_str(line.trim());
            }
            _ => found.push((number, line.trim().to_owned())),
        }
        last = number;
    }
    found
}

/// The code spans of a paragraph.
pub(crate) fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The targets of the links in a paragraph: `[text](target)`.
pub(crate) fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("](") {
        let Some((target, tail)) = after.split_once(')') else { break };
        found.push(target);
        rest = tail;
    }
    found
}

/// The anchors of a document's headings, as GitHub makes them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, piece) in pieces(text) {
        let Piece::Prose(line) = piece else { continue };
        let Some(title) = line.starts_with('#').then(|| line.trim_start_matches('#')) else { continue };
        let Some(title) = title.strip_prefix(' ') else { continue };
        let plain: String = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let same = found.iter().filter(|anchor| **anchor == plain).count();
        found.push(if same == 0 { plain } else { format!("{plain}-{same}") });
    }
    found
}

/// A path of a document's link, relative to the project; `None` where it leads out of it.
pub(crate) fn resolve(document: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> =
        Path::new(document).parent()?.iter().filter_map(|part| part.to_str()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
