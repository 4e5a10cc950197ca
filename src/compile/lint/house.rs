//! The form of the house: what every shipped text looks like, so that agents and reviewers find their way in all of
//! them, and how much of it an operator's text is told.

use super::finding::{Level, Notes, WHOLE, at};
use super::markdown::Markdown;

/// The sections of an entrypoint, in their order.
pub(super) const ENTRYPOINT: [&str; 9] = [
    "Purpose",
    "Boundaries",
    "Inputs",
    "Procedure",
    "Evidence",
    "Reporting",
    "Legal results",
    "Escalation",
    "Stop conditions",
];

/// The sections of a skill, in their order.
pub(super) const SKILL: [&str; 9] = [
    "Purpose",
    "Quick Start",
    "Operating Constraints",
    "Inputs This Skill Expects",
    "Output Contract",
    "Procedure",
    "Pitfalls And Gotchas",
    "Progressive Disclosure",
    "Verification Pattern",
];

/// Lines of a shipped entrypoint: shorter ones leave a stage guessing, longer ones are not read to the end. The longest
/// ones show the form of a document as well.
pub(super) const ENTRYPOINT_LINES: std::ops::RangeInclusive<usize> = 50..=125;

/// Lines of a shipped skill.
pub(super) const SKILL_LINES: std::ops::RangeInclusive<usize> = 40..=90;

/// Bytes of an operator's text: some 8,000 tokens, which every launch of its stage reads anew.
const MAX_OWN_BYTES: usize = 32 * 1024;

/// Columns of the longest line. Agents quote these texts in terminals and diffs.
const MAX_COLUMNS: usize = 160;

/// The form of one shipped text.
pub(super) fn form(text: &Markdown<'_>, notes: &mut Notes) {
    if !text.text.ends_with('\n') || text.text.ends_with("\n\n") {
        notes.add(Level::Structural, WHOLE, "the file's end is not one line break", "exactly one");
    }
    for (number, line) in text.lines() {
        let mut wrong = |problem: String, expected: &str| {
            notes.add(Level::Structural, at(number), problem, expected);
        };
        let columns = line.chars().count();
        if columns > MAX_COLUMNS {
            wrong(format!("the line has {columns} columns"), "at most 160");
        }
        if line.ends_with(' ') || line.contains('\t') || !line.is_ascii() {
            wrong("a blank at the line's end, a tab or a character beyond ASCII".to_owned(), "none of them");
        }
        // A heading of level three in capitals would be a marker.
        if line.trim_start().starts_with("###") {
            wrong("a heading below level two".to_owned(), "`## ` at most");
        }
        if let Some(path) = absolute_path(line) {
            wrong(
                format!("`{path}` is an absolute path"),
                "a path of the repository or of the stage directory",
            );
        }
    }
}

/// A word of the line that is a path from the root, from a home, or from a drive.
fn absolute_path(line: &str) -> Option<&str> {
    line.split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | '[' | '=' | ',')).find(
        |word| {
            let mut chars = word.chars();
            match (chars.next(), chars.next(), chars.next()) {
                (Some('/'), Some(c), _) => c.is_ascii_alphanumeric(),
                (Some('~'), Some('/'), _) => true,
                (Some(c), Some(':'), Some('\\')) => c.is_ascii_alphabetic(),
                _ => false,
            }
        },
    )
}

/// The sections of a shipped text: these, in this order, none of them empty.
pub(super) fn sections(text: &Markdown<'_>, wanted: &[&str], notes: &mut Notes) {
    let found = text.sections();
    let names: Vec<&str> = found.iter().map(|section| section.name).collect();
    for section in found.iter().filter(|section| section.is_empty()) {
        notes.add(
            Level::Structural,
            (Some(section.line), Some(section.name)),
            "the section is empty",
            "what it is there for",
        );
    }
    if names == wanted {
        return;
    }
    let missing = absent(&names, wanted);
    let surplus: Vec<&str> = names.iter().copied().filter(|name| !wanted.contains(name)).collect();
    let mut wrong = Vec::new();
    if !missing.is_empty() {
        wrong.push(format!("without the sections {}", listed(&missing)));
    }
    if !surplus.is_empty() {
        wrong.push(format!("with the sections {} beside them", listed(&surplus)));
    }
    if wrong.is_empty() {
        wrong.push("the sections are in another order, or stand twice".to_owned());
    }
    notes.add(Level::Structural, WHOLE, wrong.join(", and "), format!("{}, in this order", listed(wanted)));
}

/// The sections that an operator's entrypoint leaves out.
pub(super) fn left_out(text: &Markdown<'_>, wanted: &[&str], notes: &mut Notes) {
    let found = text.sections();
    let names: Vec<&str> = found.iter().map(|section| section.name).collect();
    let missing = absent(&names, wanted);
    if !missing.is_empty() {
        notes.add(
            Level::Policy,
            WHOLE,
            format!("without the sections {}", listed(&missing)),
            "all that a shipped entrypoint has, or a reason to leave them out",
        );
    }
}

/// The length of a shipped text.
pub(super) fn lines(text: &Markdown<'_>, bounds: &std::ops::RangeInclusive<usize>, notes: &mut Notes) {
    let count = text.lines().count();
    if !bounds.contains(&count) {
        let expected = format!("{} to {}", bounds.start(), bounds.end());
        notes.add(Level::Structural, WHOLE, format!("the text has {count} lines"), expected);
    }
}

/// The length of an operator's text.
pub(super) fn length(text: &Markdown<'_>, notes: &mut Notes) {
    let bytes = text.text.len();
    if bytes > MAX_OWN_BYTES {
        notes.add(
            Level::Policy,
            WHOLE,
            format!("the text has {bytes} bytes, and every launch of its stage reads it anew"),
            format!("at most {MAX_OWN_BYTES}"),
        );
    }
}

fn absent<'w>(names: &[&str], wanted: &[&'w str]) -> Vec<&'w str> {
    wanted.iter().copied().filter(|name| !names.contains(name)).collect()
}

/// Names in a row: "`a`, `b` and `c`".
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
