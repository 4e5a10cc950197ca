//! The skills index: every shipped skill as it describes itself, and nothing else.

use std::collections::BTreeMap;

use super::super::assets::SHIPPED;
use super::finding::{Level, Notes, at};
use super::markdown::Markdown;
use super::survey::Survey;
use crate::format::quote::quoted;

/// The heading of the table.
const HEAD: &str = "| Skill | Description | Tags | Path | Status |";

/// Lints the index.
pub(super) fn index(text: &Markdown<'_>, survey: &Survey<'_>, notes: &mut Notes) {
    let wanted: BTreeMap<&str, String> = survey
        .kinds
        .values()
        .filter_map(|kind| {
            let (_, skill) = SHIPPED.iter().find(|(path, _)| *path == kind.skill)?;
            let name = kind.skill.rsplit('/').nth(1)?;
            let description = skill.lines().find_map(|line| line.strip_prefix("description: "))?;
            let path = kind.skill.strip_prefix("skills/")?;
            Some((name, format!("| `{name}` | {description} | {} | `{path}` | shipped |", kind.plane)))
        })
        .collect();
    if !text.lines().any(|(_, line)| line == HEAD) {
        notes.add(Level::Structural, at(1), "the table has another heading, or none", format!("`{HEAD}`"));
    }
    let mut listed: Vec<&str> = Vec::new();
    for (number, line) in text.lines() {
        let Some((name, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once('`')) else {
            continue;
        };
        let mut wrong = |problem: String, expected: String| {
            notes.add(Level::Structural, at(number), problem, expected);
        };
        match wanted.get(name) {
            None => wrong(format!("{} does not ship", quoted(name)), "shipped skills only".to_owned()),
            Some(_) if listed.contains(&name) => {
                wrong(format!("`{name}` is listed twice"), "each skill once".to_owned());
            }
            Some(row) if row != line => {
                wrong(format!("the row of `{name}` is not what the skill says of itself"), row.clone());
            }
            Some(_) => {}
        }
        listed.push(name);
    }
    for (name, row) in wanted.iter().filter(|(name, _)| !listed.contains(name)) {
        notes.add(Level::Structural, at(1), format!("`{name}` is not listed"), row.clone());
    }
}
