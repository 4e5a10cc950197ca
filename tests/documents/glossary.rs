//! `docs/glossary.md` has every value that the code and the shipped plan know, and no other.

use std::collections::{BTreeMap, BTreeSet};

use millrace::cli::exit::Exit;
use millrace::compile::{Assets, Request, compile};
use millrace::domain::item::ItemKind;
use millrace::domain::permission::PermissionLevel;
use millrace::domain::plan::{Ending, Plan, Plane};
use millrace::domain::result::ResultClass;
use millrace::domain::runtime_error::RuntimeError;
use millrace::format::config::parse;

use crate::support::documents::{Piece, paragraphs, pieces, spans};
use crate::support::project::{files_ending, read};
use crate::support::source::variants;

const GLOSSARY: &str = "docs/glossary.md";

const MANUAL: &str = "docs/skills/millrace-ops-agent-manual/SKILL.md";

/// The tables below `## Values` by their heading: the code spans of each cell, row by row.
fn tables(text: &str) -> BTreeMap<String, Vec<Vec<Vec<String>>>> {
    let values = text.split_once("\n## Values\n").expect("the values").1;
    let mut found: BTreeMap<String, Vec<Vec<Vec<String>>>> = BTreeMap::new();
    let mut heading = String::new();
    for (_, piece) in pieces(values) {
        let Piece::Prose(line) = piece else { continue };
        if let Some(title) = line.strip_prefix("### ") {
            title.clone_into(&mut heading);
            found.entry(heading.clone()).or_default();
        } else if line.starts_with("| `") {
            let cells = line.trim_matches('|').split(" | ");
            let row = cells.map(|cell| spans(cell).into_iter().map(str::to_owned).collect()).collect();
            found.entry(heading.clone()).or_default().push(row);
        }
    }
    found
}

fn plan() -> Plan {
    let config = parse("", "millrace.toml").expect("an empty configuration");
    compile(&Request { mode: None, config: &config, assets: &Assets::shipped() })
        .expect("the shipped plan")
        .plan
}

/// The text literals in a source that follow `before`, whatever white space is between; only single words.
fn words_after(source: &str, before: &str) -> BTreeSet<String> {
    source
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .map(str::to_owned)
        .collect()
}

/// The texts of all source files below a folder.
fn sources(folder: &str) -> String {
    files_ending(folder, "rs").iter().map(|path| read(path)).collect()
}

fn keys(source: &str, name: &str) -> BTreeSet<String> {
    variants(&read(source), name).into_keys().collect()
}

fn names<T: ToString>(all: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

fn failure_classes(plan: &Plan) -> BTreeSet<String> {
    let judge = read("src/harness/judge.rs");
    let body = judge.split_once("    fn class(&self)").expect("the classes").1;
    let mut found = words_after(body.split_once("\n    }\n").expect("their end").0, "=>");
    found.extend(words_after(&judge, "failed("));
    for before in ["Ending::Blocked,", "Ending::Cancelled,", "FailureClass::normalised(", "return Err(("] {
        found.extend(words_after(&sources("src/domain/transition"), before));
    }
    found.extend(words_after(&read("src/domain/budget.rs"), "FailureClass::normalised("));
    for plane in [Plane::Execution, Plane::Planning] {
        found.extend(RuntimeError::ALL.map(|error| error.code(plane).to_string()));
    }
    let bounds = [&plan.execution, &plan.planning].into_iter().flat_map(|graph| &graph.edges);
    found.extend(bounds.filter_map(|edge| edge.bound.as_ref()).map(|bound| bound.exhausted.to_string()));
    found
}

fn counters(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for graph in [&plan.execution, &plan.planning] {
        found.extend(graph.repair.iter().map(|rung| rung.counter.to_string()));
        let bounds = graph.edges.iter().filter_map(|edge| edge.bound.as_ref());
        found.extend(bounds.map(|bound| bound.counter.to_string()));
    }
    found
}

/// A signal and a command ask for the same, and the reason tells which.
fn daemon_ends() -> BTreeSet<String> {
    let daemon = read("src/runtime/daemon.rs");
    let asked = daemon.split_once("let reason = stop.wish()").expect("who asked").1;
    let mut found = words_after(&daemon, "reason:");
    found.extend(words_after(asked, "map_or("));
    found.extend(words_after(asked.split_once("Said::Stops(wish)").expect("a wish").1, ");"));
    found
}

fn waits() -> BTreeSet<String> {
    let mut found = words_after(&read("src/domain/schedule.rs"), "cause:");
    found.extend(words_after(&sources("src/runtime"), "wait("));
    found.insert(millrace::domain::budget::BUDGET.to_owned());
    found.extend(names([
        millrace::runtime::tick::INTEGRITY,
        millrace::runtime::tick::UPGRADE,
        millrace::runtime::unsigned::SIGNING,
    ]));
    found
}

/// Every list of the glossary, from where its values come from.
fn known(plan: &Plan) -> BTreeMap<&'static str, BTreeSet<String>> {
    let results = "src/domain/result.rs";
    BTreeMap::from([
        ("Kinds of item", names(ItemKind::ALL)),
        ("States of an item", keys("src/domain/slot.rs", "Slot")),
        ("Planes", keys("src/domain/plan.rs", "Plane")),
        ("Stages", names(plan.stages.keys())),
        ("Terminal results", names(plan.stages.values().flat_map(|stage| stage.results.keys()))),
        ("Result classes", keys(results, "ResultClass")),
        ("Judgements", keys(results, "Judgement")),
        ("Failure classes", failure_classes(plan)),
        ("Infrastructure classes", keys(results, "InfrastructureClass")),
        ("Result channels", keys(results, "ResultChannel")),
        ("Counters", counters(plan)),
        ("Endings of a run", names(Ending::ALL.map(Ending::as_str))),
        ("Endings of a daemon", daemon_ends()),
        ("Pause causes", keys("src/domain/control.rs", "PauseKind")),
        ("Waits", waits()),
        ("Permission levels", names(PermissionLevel::ALL.map(PermissionLevel::as_str))),
        ("Between items", keys("src/domain/plan.rs", "BetweenItems")),
        ("On done", keys("src/domain/plan.rs", "OnDone")),
        ("Signing", keys("src/format/config/model.rs", "Sign")),
        ("Actors", keys("src/domain/transition/record.rs", "Actor")),
    ])
}

#[test]
fn every_value_is_in_the_glossary_and_no_other() {
    let known = known(&plan());
    let tables = tables(&read(GLOSSARY));
    let headings = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(
        headings(tables.keys().map(String::as_str).collect()),
        headings(known.keys().copied().collect()),
        "every list of the glossary is held to the code"
    );
    let mut wrong = Vec::new();
    for (heading, expected) in known {
        assert!(expected.len() > 1, "the search finds values of {heading}: {expected:?}");
        let found: Vec<&String> = tables[heading].iter().map(|row| &row[0][0]).collect();
        let set: BTreeSet<String> = found.iter().map(|word| (*word).clone()).collect();
        let list = |words: Vec<&String>| words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if set != expected || set.len() != found.len() {
            wrong.push(format!(
                "{heading}: missing: {}; not in the code: {}; rows: {}",
                list(expected.difference(&set).collect()),
                list(set.difference(&expected).collect()),
                found.len(),
            ));
        }
    }
    assert!(wrong.is_empty(), "{GLOSSARY}:\n{}", wrong.join("\n"));
}

#[test]
fn stages_and_results_are_described_as_the_plan_has_them() {
    let plan = plan();
    let text = read(GLOSSARY);
    let tables = tables(&text);
    for row in &tables["Stages"] {
        let (name, stage) =
            plan.stages.iter().find(|(name, _)| name.as_str() == row[0][0]).expect("a stage of the plan");
        let reports: BTreeSet<String> = row[2].iter().cloned().collect();
        assert_eq!(reports, names(stage.results.keys()), "{name}");
        assert!(text.contains(&format!("\n| `{name}` | {} | ", stage.plane)), "{name} is in {}", stage.plane);
    }
    let classes: BTreeMap<String, ResultClass> = plan
        .stages
        .values()
        .flat_map(|stage| &stage.results)
        .map(|(result, class)| (result.to_string(), *class))
        .collect();
    for row in &tables["Terminal results"] {
        let class = serde_json::to_value(classes[&row[0][0]]).expect("a class");
        assert_eq!(class, row[1][0].as_str(), "{}", row[0][0]);
    }
}

#[test]
fn the_manual_knows_everything_that_an_operator_can_meet() {
    let known = known(&plan());
    let paragraphs = paragraphs(&read(MANUAL));
    let named: BTreeSet<&str> = paragraphs
        .iter()
        .flat_map(|(_, paragraph)| spans(paragraph))
        .map(|span| span.split(':').next().unwrap_or_default())
        .collect();
    let met = ["Waits", "Pause causes", "Infrastructure classes", "Failure classes", "Endings of a daemon"];
    let missing: Vec<&String> = met
        .iter()
        .flat_map(|heading| &known[heading])
        .filter(|word| !named.contains(word.as_str()))
        .collect();
    assert!(missing.is_empty(), "{MANUAL} says nothing of {missing:?}");
}

#[test]
fn the_manual_says_what_to_do_about_every_exit_code() {
    let text = read(MANUAL);
    let section = text.split_once("\n### Exit codes\n").expect("the section").1;
    let section = section.split("\n##").next().unwrap_or_default();
    let codes = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok());
    assert_eq!(codes.collect::<Vec<u8>>(), Exit::ALL.map(Exit::code));
}

#[test]
fn the_search_for_words_bites() {
    let source = "wait(\n    \"one\", wait(\"two_three\", wait(x, \"four\" wait(\"a sentence\"";
    assert_eq!(words_after(source, "wait("), names(["one", "two_three"]));
}
