//! When a change of the configuration counts: the documents have what the code has.

use std::collections::{BTreeMap, BTreeSet};

use millrace::format::config::{BOUNDARIES, Boundary};

use crate::support::documents::spans;
use crate::support::project::read;

/// The rows of the tables of a section whose cells begin with a code span: the spans of each cell.
fn rows(document: &str, heading: &str) -> Vec<Vec<Vec<String>>> {
    let text = read(document);
    let section = text.split_once(heading).unwrap_or_else(|| panic!("{document}: no {heading}")).1;
    let section = section.split("\n## ").next().expect("a part").split("\n### ").next().expect("a part");
    let cells = |line: &str| -> Vec<Vec<String>> {
        let cells = line.trim_matches('|').split(" | ");
        cells.map(|cell| spans(cell).into_iter().map(str::to_owned).collect()).collect()
    };
    section.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

#[test]
fn the_document_has_every_key_with_its_boundary() {
    let rows = rows("docs/runtime/millrace-compiler-and-frozen-plans.md", "\n## When a change counts\n");
    let meanings: BTreeSet<&str> = Boundary::ALL.iter().map(|boundary| boundary.as_str()).collect();
    let told: BTreeSet<&str> =
        rows.iter().map(|row| row[0][0].as_str()).filter(|word| meanings.contains(word)).collect();
    assert_eq!(told, meanings);
    let text = read("docs/runtime/millrace-compiler-and-frozen-plans.md");
    for boundary in Boundary::ALL {
        let row = format!("| `{}` | {} |\n", boundary.as_str(), boundary.meaning());
        assert!(text.contains(&row), "{row}");
    }
    let found: BTreeMap<String, String> = rows
        .iter()
        .filter(|row| row[1].len() == 1 && meanings.contains(row[1][0].as_str()))
        .map(|row| (row[0][0].clone(), row[1][0].clone()))
        .collect();
    let expected: BTreeMap<String, String> = BOUNDARIES
        .iter()
        .map(|(section, key, boundary)| (format!("{section}.{key}"), boundary.as_str().to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_manual_names_the_keys_that_need_no_compile() {
    let rows = rows("docs/skills/millrace-ops-agent-manual/SKILL.md", "\n### Change the configuration\n");
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in rows {
        let of = |boundary: &Boundary| row[1][0] == boundary.as_str();
        let boundary = Boundary::ALL.into_iter().find(of).expect("a boundary");
        let expected: BTreeSet<String> = BOUNDARIES
            .iter()
            .filter(|(_, _, of)| *of == boundary)
            .map(|(section, key, _)| format!("{section}.{key}"))
            .collect();
        assert_eq!(row[0].iter().cloned().collect::<BTreeSet<_>>(), expected, "{}", boundary.as_str());
    }
}
