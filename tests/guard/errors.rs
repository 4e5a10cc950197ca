//! No error is printed that no test has shown: every text of an error in `src`, and every failure that a command makes
//! itself, has its words in some test.
//!
//! For a new one that fails here: bring it about in `tests/cli/errors.rs`; where nothing from outside can, add its text
//! to `tests/cli/error_texts.rs` with the reason; where even that is not possible, name it in [`NOT_SHOWN`].

use super::house::rust_files;
use crate::support::project::read;

/// Texts that no test shows, each with the reason.
const NOT_SHOWN: [(&str, &str); 4] = [
    ("cannot render the answer: {error}", "every answer is a struct that JSON can hold"),
    ("cannot read what {launch} prints: {error}", "a file that was just opened cannot be read"),
    ("cannot wait for signals: {error}", "the system has no room for two signal handlers"),
    ("the demo went wrong: {what}", "its script and its embedded harness are part of the program"),
];

/// Characters below which a piece of a text is no words of its own.
const LEAST: usize = 4;

/// A text with placeholders, and where it stands.
#[derive(Debug)]
struct Template {
    at: String,
    text: String,
}

/// The string literal that begins `source`, without its escapes; none where something else stands there.
fn literal(source: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = source.trim_start().strip_prefix('"')?.chars().peekable();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                '\n' => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                c => text.push(c),
            },
            c => text.push(c),
        }
    }
}

/// The texts of errors in a source file, and of the failures that a command makes itself.
fn templates(path: &str, source: &str) -> Vec<Template> {
    let mut found = Vec::new();
    let mut add = |offset: usize, rest: &str| {
        if let Some(text) = literal(rest) {
            let line = source[..offset].matches('\n').count() + 1;
            found.push(Template { at: format!("{path}:{line}"), text });
        }
    };
    for (offset, start) in source.match_indices("#[error(") {
        add(offset, &source[offset + start.len()..]);
    }
    for call in ["Failure::new(", "Failure::input(", "Failure::failed("] {
        for (offset, start) in source.match_indices(call) {
            let mut rest = source[offset + start.len()..].trim_start();
            if rest.starts_with("Exit::") {
                rest = rest.split_once(',').map_or("", |(_, rest)| rest.trim_start());
            }
            add(offset, rest.strip_prefix("format!(").unwrap_or(rest));
        }
    }
    found
}

/// The words of a text between its placeholders.
fn words(template: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.next_if_eq(&c).is_some() => pieces.last_mut().expect("one").push(c),
            '{' => {
                while chars.next().is_some_and(|c| c != '}') {}
                pieces.push(String::new());
            }
            c => pieces.last_mut().expect("one").push(c),
        }
    }
    pieces.iter().map(|piece| plain(piece)).filter(|piece| piece.len() >= LEAST).collect()
}

/// A text on one line, with single spaces and plain quotes: the same words, however a test writes them down.
fn plain(text: &str) -> String {
    let joined: Vec<&str> = text
        .split("\\\n")
        .enumerate()
        .map(|(n, part)| if n == 0 { part } else { part.trim_start() })
        .collect();
    joined.concat().replace("\\\"", "\"").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tests, without this file, and those that stand beside the source.
fn tests() -> String {
    let paths = rust_files("tests").into_iter().filter(|path| path != "tests/guard/errors.rs");
    let beside = rust_files("src").into_iter().map(|path| read(&path));
    let beside = beside.filter_map(|text| Some(text.split_once("#[cfg(test)]")?.1.to_owned()));
    paths.map(|path| read(&path)).chain(beside).map(|text| plain(&text) + "\n").collect()
}

#[test]
fn every_error_is_shown_by_a_test() {
    let tests = tests();
    let all: Vec<Template> = rust_files("src").iter().flat_map(|path| templates(path, &read(path))).collect();
    assert!(all.len() > 130, "the search finds them at all ({})", all.len());
    let shown = |template: &Template| words(&template.text).iter().all(|words| tests.contains(words));
    let excused = |template: &Template| NOT_SHOWN.iter().any(|(text, _)| *text == template.text);
    let missing: Vec<String> = all
        .iter()
        .filter(|template| !shown(template) && !excused(template))
        .map(|template| format!("{}: {}", template.at, template.text))
        .collect();
    assert!(
        missing.is_empty(),
        "no test shows these; the top of this file says what to do:\n{}",
        missing.join("\n")
    );
    for (text, reason) in NOT_SHOWN {
        assert!(
            all.iter().any(|template| template.text == text && !shown(template)),
            "{text} ({reason}) is not needed"
        );
    }
}

#[test]
fn the_search_bites() {
    let source = "#[error(transparent)]\n#[error(\n    \"cannot {action} \\\n     {}: {{odd}} \\\"{source}\\\"\"\n)]\n\
                  Failure::new(Exit::Busy, format!(\"no {thing} here\"))\nFailure::input(error)\nFailure::failed(\"plain\")";
    let found: Vec<(String, Vec<String>)> =
        templates("x", source).into_iter().map(|one| (one.at, words(&one.text))).collect();
    let expected = [("x:2", vec!["cannot", ": {odd} \""]), ("x:6", vec!["here"]), ("x:8", vec!["plain"])];
    let expected: Vec<(String, Vec<String>)> = expected
        .into_iter()
        .map(|(at, words)| (at.to_owned(), words.into_iter().map(str::to_owned).collect()))
        .collect();
    assert_eq!(found, expected);
    assert!(!tests().contains(&["words that", "no test holds"].join(" ")));
    assert!(tests().contains("there is nothing to repair"));
}
