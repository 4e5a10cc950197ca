//! The contract with a harness: every key, variable, kind, parser and field is in its document.

use std::collections::BTreeSet;

use millrace::format::config::{Field, Gather, PromptBy, RunnerKind, Scope, Variable, effective_toml, parse};

use crate::support::project::read;

const DOCUMENT: &str = "docs/runtime/millrace-runner-architecture.md";

/// The words that have to stand there in backticks.
fn words() -> BTreeSet<String> {
    let config =
        parse(&read("fixtures/config/accepted/every-key-of-a-contract.toml"), "x").expect("accepted").config;
    let effective: toml::Table = effective_toml(&config).parse().expect("TOML");
    let runners =
        effective["runners"].as_table().expect("tables").values().filter_map(|table| table.as_table());
    let keys = runners.flat_map(|table| table.keys().cloned());
    let mut words: BTreeSet<String> =
        keys.chain(["script".to_owned(), "silence_seconds".to_owned()]).collect();
    words.extend(Variable::ALL.iter().map(|variable| format!("{{{}}}", variable.as_str())));
    words.extend(RunnerKind::ALL.iter().map(|kind| kind.as_str().to_owned()));
    words.extend(Field::ALL.iter().map(|field| field.as_str().to_owned()));
    words.extend(Gather::WORDS.iter().map(|(word, _)| (*word).to_owned()));
    words.extend(Scope::WORDS.iter().map(|(word, _)| (*word).to_owned()));
    words.extend(PromptBy::WORDS.iter().map(|(word, _)| (*word).to_owned()));
    words.extend(["codex_jsonl", "claude_stream", "jsonl", "json", "text"].map(str::to_owned));
    words
}

#[test]
fn everything_of_the_contract_is_in_its_document() {
    let text = read(DOCUMENT);
    let words = words();
    assert!(words.len() > 60, "only {} words: are they still found?", words.len());
    let missing: Vec<&String> = words.iter().filter(|word| !text.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "{DOCUMENT} does not say: {missing:?}");
}
