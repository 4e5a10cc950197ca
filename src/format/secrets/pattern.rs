//! Patterns of an operator's own: `[redaction] patterns`. A match is a secret.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Bytes of one pattern; it says what a token looks like, not what all of them are.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// Patterns of one configuration; everything that is written is searched for each of them.
pub const MAX_PATTERNS: usize = 64;

/// Bytes of a compiled pattern.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// One pattern. It is matched within a line, so that output can be judged line by line as it comes.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Reads a regular expression; on failure what is wrong with it, in some words.
    pub fn new(source: &str) -> Result<Self, String> {
        if source.len() > MAX_PATTERN_BYTES {
            return Err(format!("it has {} bytes; at most {MAX_PATTERN_BYTES} are read", source.len()));
        }
        let regex = RegexBuilder::new(source).size_limit(MAX_COMPILED_BYTES).build().map_err(|error| {
            match error {
                regex::Error::CompiledTooBig(_) => "it is too big when compiled".to_owned(),
                // The last line says it; those before it point into the pattern.
                other => {
                    let text = other.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    last.strip_prefix("error: ").unwrap_or(last).to_owned()
                }
            }
        })?;
        if regex.is_match("") {
            return Err("it matches the empty text".to_owned());
        }
        Ok(Self { regex })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Its matches in a text, each within a line.
    pub(super) fn matches<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        text.split_inclusive('\n')
            .scan(0, |at, line| {
                let start = *at;
                *at += line.len();
                Some((start, line.strip_suffix('\n').unwrap_or(line)))
            })
            .flat_map(|(start, line)| {
                let found = self.regex.find_iter(line).filter(|found| !found.is_empty());
                found.map(move |found| (start + found.start(), start + found.end()))
            })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}
