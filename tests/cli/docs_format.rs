//! The reference of the ledger's format names what the code has.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::project::read;
use crate::support::source::variants;

const REFERENCE: &str = "docs/runtime/millrace-ledger-format.md";

/// The rows of the table below a heading: the word of the first column, and the words of the column of fields.
fn rows(text: &str, heading: &str, fields: usize) -> BTreeMap<String, BTreeSet<String>> {
    let section = text.split_once(&format!("\n## {heading}\n")).expect("the section").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut found = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        // What stands in parentheses are fields of fields.
        let mut depth = 0;
        let outer: String = cells[fields]
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '(');
                let keep = depth == 0;
                depth -= i32::from(*c == ')');
                keep
            })
            .collect();
        let words = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(|word| word.trim_end_matches(" ?").to_owned()).collect()
        };
        let name = words(cells[0]).remove(0);
        found.insert(name, words(&outer).into_iter().collect());
    }
    found
}

#[test]
fn every_effect_is_in_the_reference_with_its_fields() {
    let code = variants(&read("src/domain/transition/decision.rs"), "Effect");
    assert!(code.len() > 20 && code["move"].len() == 3, "the search finds effects: {code:?}");
    // `do` names the first column's heading, and `do` is no effect.
    let mut reference = rows(&read(REFERENCE), "Effects", 1);
    reference.remove("do");
    assert_eq!(reference, code);
}

#[test]
fn every_input_is_in_the_reference_with_its_fields() {
    let source = read("src/domain/transition/input.rs");
    let mut code = variants(&source, "Input");
    assert!(code.len() > 10 && code["genesis"].len() == 1, "the search finds inputs: {code:?}");
    // Some inputs are structures of their own.
    for (op, name) in
        [("launch", "Launching"), ("handoff", "Handoff"), ("retry", "Retrying"), ("adopt", "Adopting")]
    {
        let body = source.split_once(&format!("pub struct {name} {{\n")).expect("the structure").1;
        let body = body.split_once("\n}\n").expect("its end").0;
        let fields = body.lines().filter_map(|line| line.strip_prefix("    pub ")?.split(':').next());
        code.insert(op.to_owned(), fields.map(str::to_owned).collect());
    }
    let mut reference = rows(&read(REFERENCE), "Inputs", 2);
    reference.remove("op");
    reference.get_mut("pause").expect("the pause").clear();
    assert_eq!(reference, code);
}

#[test]
fn every_trailer_is_in_the_reference() {
    let source = read("src/format/message.rs");
    let body = source.split_once("pub fn trailers(").expect("the trailers").1;
    let body = body.split_once("\n}\n").expect("its end").0;
    let code: BTreeSet<String> = body
        .split("(\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(word, _)| word)
        .filter(|word| word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphanumeric))
        .map(|word| format!("Millrace-{word}"))
        .collect();
    assert!(code.len() > 8, "the search finds trailers: {code:?}");
    let reference: BTreeSet<String> = rows(&read(REFERENCE), "The commit", 1)
        .into_keys()
        .filter(|word| word.starts_with("Millrace-"))
        .collect();
    assert_eq!(reference, code);
}
