//! The page about stages says what the stage kinds say.

use std::collections::BTreeSet;

use millrace::compile::lint::Level;
use millrace::domain::ids::{EvidenceName, ResultName, StageName};
use millrace::domain::plan::{Plan, Plane, Stage};
use millrace::domain::stage_file;

use super::support::standard;

const PAGE: &str = "docs/runtime/millrace-stages.md";

fn page() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    std::fs::read_to_string(path).expect("the page")
}

/// The stages of a plane in the order of their loop.
fn in_order(plan: &Plan, plane: Plane) -> Vec<(&StageName, &Stage)> {
    let mut seen = BTreeSet::new();
    let names = plan.graph(plane).edges.iter().map(|edge| &edge.from).filter(|name| seen.insert(*name));
    names.map(|name| (name, &plan.stages[name])).collect()
}

fn row(name: &StageName, stage: &Stage) -> String {
    let mut results: Vec<_> = stage.results.iter().collect();
    results.sort_by_key(|(_, class)| **class);
    let results: Vec<String> = results
        .into_iter()
        .map(|(result, class)| {
            let class = serde_json::to_value(class).expect("a word");
            format!("`{result}` ({})", class.as_str().expect("a word"))
        })
        .collect();
    let file = |(name, with): (&EvidenceName, &BTreeSet<ResultName>)| {
        if with.len() == stage.results.len() {
            return format!("`{name}`");
        }
        let with: Vec<String> = with.iter().map(|result| format!("`{result}`")).collect();
        format!("`{name}` only with {}", with.join(", "))
    };
    let files: Vec<String> = stage.evidence.iter().map(file).collect();
    format!("| `{name}` | {} | {} | {} |", stage.plane, results.join(", "), files.join(", "))
}

#[test]
fn the_table_is_what_the_kinds_say() {
    let plan = standard().plan;
    let wanted: Vec<String> = [Plane::Execution, Plane::Planning]
        .into_iter()
        .flat_map(|plane| in_order(&plan, plane))
        .map(|(name, stage)| row(name, stage))
        .collect();
    assert_eq!(wanted.len(), plan.stages.len());
    let page = page();
    let (_, rest) = page.split_once("\n## The stages\n").expect("the section");
    let rows: Vec<&str> = rest
        .split("\n## ")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert!(rows == wanted, "{PAGE} should have these rows:\n{}", wanted.join("\n"));
}

#[test]
fn every_name_of_the_stage_directory_and_every_level_is_explained() {
    let page = page();
    let folders =
        [stage_file::SKILLS, stage_file::EVIDENCE, stage_file::OUTBOX].map(|name| format!("`{name}/"));
    let files = stage_file::GIVEN.iter().chain(&stage_file::WITNESSED).chain(&[stage_file::REPORT]);
    for name in files.map(|name| format!("`{name}`")).chain(folders) {
        assert!(page.contains(&name), "{name}");
    }
    for level in [Level::Structural, Level::Compatibility, Level::Policy] {
        assert!(page.contains(&format!("| {level} |")), "{level}");
    }
}
