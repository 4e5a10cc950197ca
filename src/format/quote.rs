//! Text from outside, made fit for one line of a message.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a foreign text that a message shows.
const SHOWN: usize = 60;

/// A foreign text in backticks: control and direction characters escaped, cut where it is long.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    // `escape_debug` also escapes quotes, which are harmless here and read badly.
    shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// A foreign text as it is, unless it holds something that would break a line or a terminal.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(|c| c.is_control() || is_direction_control(c)) {
        Cow::Owned(text.chars().flat_map(char::escape_debug).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A foreign text of several lines as it is: line breaks and tabs stay (`\r\n` is a line break), and everything else
/// that could move a cursor, colour a terminal or turn a line round is escaped.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_direction_control(c));
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        if harmless(c) {
            clean.push(c);
        } else {
            clean.extend(c.escape_debug());
        }
    }
    Cow::Owned(clean)
}

/// Whether a character changes the direction of what follows it: it can make a line read as something else.
#[must_use]
pub fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A text as a YAML scalar in quotes that is read back as it is, whatever it holds.
#[must_use]
pub fn in_quotes(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_odd(c) => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What stands in no YAML text as itself, or shows as something else.
fn is_odd(c: char) -> bool {
    c.is_control()
        || is_direction_control(c)
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
