//! `docs/runtime/millrace-runtime-error-codes.md` has every code, every refusal that raises one, and what bounds them.

use std::collections::BTreeSet;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::limits::{DEFAULT_MAX_REJECTED_HANDOFFS, MAX_OUTBOX_DOCUMENTS};
use millrace::domain::plan::Plane;
use millrace::domain::runtime_error::RuntimeError;
use millrace::format::config::parse;

use crate::support::documents::spans;
use crate::support::project::read;

const PAGE: &str = "docs/runtime/millrace-runtime-error-codes.md";

/// The first code span of each row of the tables in a section.
fn rows(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split_once(&format!("\n## {heading}\n")).expect("the section").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| spans(line).first().expect("a code span").to_string()).collect()
}

#[test]
fn every_code_and_every_refusal_that_raises_one_is_in_the_catalogue() {
    let page = read(PAGE);
    let codes = [Plane::Execution, Plane::Planning]
        .into_iter()
        .flat_map(|plane| RuntimeError::ALL.map(|error| error.code(plane).to_string()));
    assert_eq!(rows(&page, "The codes"), codes.collect());

    let source = read("src/domain/runtime_error.rs");
    let (told, _) = source.split_once("Refusal::LedgerExists").expect("the first that raises none");
    let word = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let told: BTreeSet<String> = told.split(" Refusal::").skip(1).map(word).collect();
    assert!(told.len() > 10, "{told:?}");
    assert_eq!(rows(&page, "What raises them"), told);
}

#[test]
fn the_catalogue_names_the_bounds_and_the_repair_stages_of_the_shipped_plan() {
    let page = read(PAGE);
    let config = parse("", "millrace.toml").expect("an empty configuration");
    let request = Request { mode: None, config: &config, assets: &Assets::shipped() };
    let plan = compile(&request).expect("the shipped plan").plan;
    for (plane, graph) in [(Plane::Execution, &plan.execution), (Plane::Planning, &plan.planning)] {
        let stages: Vec<String> = graph.repair.iter().map(|rung| format!("`{}`", rung.stage)).collect();
        let repair = format!("| {} |", stages.join(", then "));
        for error in RuntimeError::ALL {
            let code = format!("| `{}` |", error.code(plane));
            let row = page.lines().find(|line| line.starts_with(&code)).expect("a row");
            assert!(row.ends_with(&repair), "{row} should end with {repair}");
        }
        for rung in &graph.repair {
            assert!(page.contains(&format!("`{}`", rung.counter)), "{}", rung.counter);
        }
    }
    assert!(page.contains(&format!("({DEFAULT_MAX_REJECTED_HANDOFFS} where nothing is said)")));
    assert!(page.contains(&format!("more than {MAX_OUTBOX_DOCUMENTS} documents")));
    // The labels are those that the runtime writes.
    let told = read("src/runtime/stage/told.rs");
    let quoted: Vec<&str> = told.split('"').collect();
    let is_label = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
    };
    let labels: Vec<&str> = quoted
        .windows(2)
        .filter(|pair| is_label(pair[0]) && pair[1].starts_with(','))
        .map(|pair| pair[0])
        .collect();
    assert!(labels.len() >= 12, "{labels:?}");
    for label in labels {
        assert!(page.contains(&format!("`{label}`")), "{label}");
    }
}
