//! Secrets in text: found at intake, cut out of what is written. Commits are for ever.
//!
//! Three kinds are known: values that the caller names (of environment variables that look secret), tokens whose shape
//! says what they are, and what the patterns of an operator match.

mod escaped;
mod pattern;
mod shapes;

use std::collections::BTreeSet;

pub use pattern::{MAX_PATTERN_BYTES, MAX_PATTERNS, Pattern};

use super::document::DocumentError;

/// Bytes below which a value is too common a word to be looked for.
pub const MIN_VALUE_BYTES: usize = 8;

/// A value that must not be written, and what to call it.
#[derive(Debug, Clone, Copy)]
pub struct KnownValue<'a> {
    /// The name that messages show, such as that of the environment variable.
    pub name: &'a str,
    /// The value itself. Values under [`MIN_VALUE_BYTES`] are not looked for.
    pub value: &'a str,
}

/// Whether a variable of this name is taken to hold a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "TOKEN",
        "SECRET",
        "SECRETS",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "CREDENTIALS",
        "APIKEY",
        "KEY",
        "PAT",
    ];
    let name = name.to_ascii_uppercase();
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| WORDS.contains(&part))
}

/// The first line, from 1, that holds a secret, and what it is.
#[must_use]
pub fn secret_line(text: &str, known_values: &[KnownValue<'_>]) -> Option<(usize, String)> {
    Search::of_values(known_values).line(text)
}

/// Refuses a document that holds a secret. The secret itself is in no message.
pub fn refuse_secret(text: &str, file: &str, known_values: &[KnownValue<'_>]) -> Result<(), DocumentError> {
    Search::of_values(known_values).refuse(text, file)
}

/// The text with every secret replaced by `[redacted: <what>]`, and how many there were.
#[must_use]
pub fn redact(text: &str, known_values: &[KnownValue<'_>]) -> (String, usize) {
    Search::of_values(known_values).redact(text)
}

/// What is looked for, made ready once and used for many texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    values: Vec<Value>,
    patterns: Vec<Pattern>,
    spared: BTreeSet<String>,
}

/// A value, in the forms in which it may stand in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    what: String,
    forms: Vec<String>,
}

impl Search {
    /// For the token shapes and these values; values under [`MIN_VALUE_BYTES`] are not looked for.
    #[must_use]
    pub fn of_values(known_values: &[KnownValue<'_>]) -> Self {
        let values = known_values.iter().filter(|known| known.value.len() >= MIN_VALUE_BYTES);
        let value = |known: &KnownValue<'_>| {
            let mut forms = escaped::forms(known.value);
            // Whoever prints a value often ends its last line anew.
            let trimmed = known.value.trim_end();
            if trimmed.len() >= MIN_VALUE_BYTES && trimmed.len() < known.value.len() {
                forms.extend(escaped::forms(trimmed));
            }
            Value { what: format!("the value of {}", plain(known.name)), forms }
        };
        Self { values: values.map(value).collect(), ..Self::default() }
    }

    /// The same, and what these patterns match.
    #[must_use]
    pub fn with_patterns(self, patterns: &[Pattern]) -> Self {
        Self { patterns: patterns.to_vec(), ..self }
    }

    /// The same, but for these words: names that the runtime itself gave are no secrets, whatever they look like.
    #[must_use]
    pub fn sparing(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.spared.extend(words);
        self
    }

    /// The first line, from 1, that holds a secret, and what it is.
    #[must_use]
    pub fn line(&self, text: &str) -> Option<(usize, String)> {
        let first = self.find(text).into_iter().next()?;
        Some((text[..first.start].split('\n').count(), first.what))
    }

    /// Refuses a document that holds a secret. The secret itself is in no message.
    pub fn refuse(&self, text: &str, file: &str) -> Result<(), DocumentError> {
        match self.line(text) {
            None => Ok(()),
            Some((line, what)) => Err(DocumentError {
                file: file.to_owned(),
                line,
                field: None,
                problem: format!("this line holds {what}, and commits are for ever"),
                expected: "a document without secrets; name the variable or the file that holds it"
                    .to_owned(),
            }),
        }
    }

    /// The text with every secret replaced by `[redacted: <what>]`, and how many there were.
    #[must_use]
    pub fn redact(&self, text: &str) -> (String, usize) {
        let found = self.find(text);
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for secret in &found {
            clean.push_str(&text[at..secret.start]);
            clean.push_str("[redacted: ");
            clean.push_str(&secret.what);
            clean.push(']');
            at = secret.end;
        }
        clean.push_str(&text[at..]);
        (clean, found.len())
    }

    /// Where a secret begins that may go on behind this text, which ends with a whole line: a private key without its
    /// end, or the first lines of a value that has several. What stands before it can be written.
    #[must_use]
    pub fn unfinished(&self, text: &str) -> Option<usize> {
        let value = self
            .values
            .iter()
            .flat_map(|value| &value.forms)
            .flat_map(|form| {
                let ends = form.match_indices('\n').map(|(at, _)| at + 1);
                ends.filter(|end| *end < form.len()).map(|end| &form[..end])
            })
            .filter(|beginning| text.ends_with(beginning))
            .map(|beginning| text.len() - beginning.len());
        shapes::unfinished_key(text).into_iter().chain(value).min()
    }

    /// Bytes of the longest value that is looked for: what is cut further away from a text's end than this is whole.
    #[must_use]
    pub fn longest_value(&self) -> usize {
        self.values.iter().flat_map(|value| &value.forms).map(String::len).max().unwrap_or_default()
    }

    /// All secrets in order; where some overlap they are one, called by the first.
    fn find(&self, text: &str) -> Vec<Found> {
        let mut all = shapes::find_shapes(text);
        for value in &self.values {
            for form in &value.forms {
                all.extend(text.match_indices(form).map(|(start, form)| Found {
                    start,
                    end: start + form.len(),
                    what: value.what.clone(),
                }));
            }
        }
        for (number, pattern) in (1..).zip(&self.patterns) {
            let what = format!("a match of redaction pattern {number}");
            all.extend(pattern.matches(text).map(|(start, end)| Found { start, end, what: what.clone() }));
        }
        if !self.spared.is_empty() {
            all.retain(|found| !self.spared.contains(&text[found.start..found.end]));
        }
        all.sort_by_key(|found| (found.start, usize::MAX - found.end));
        let mut merged: Vec<Found> = Vec::new();
        for found in all {
            match merged.last_mut() {
                Some(last) if found.start < last.end => last.end = last.end.max(found.end),
                _ => merged.push(found),
            }
        }
        merged
    }
}

/// The name of a variable, fit to stand inside any other text.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '?' })
        .collect()
}

/// One secret in a text, as byte offsets.
struct Found {
    start: usize,
    end: usize,
    what: String,
}
