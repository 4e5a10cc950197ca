//! Evidence that a stage is asked for: what it is told, and what is said where it left none.

use millrace::runtime::evidence::{Kept, Secrets, tail_of};

use super::site::{STRAIGHT, Site};
use crate::support::repo::TestRepo;

/// A checker that finds fault, and leaves some of what it is asked for.
fn fault(evidence: &str) -> String {
    STRAIGHT.replace(
        "[[{result: {terminal_result: CHECKER_PASS, summary: Fine.}}]]",
        &format!("[[{evidence}{{marker: FIX_NEEDED}}]]"),
    ) + "  fixer: [[{marker: FIXER_COMPLETE}]]\n"
}

#[track_caller]
fn once(site: &Site, stages: usize) {
    for _ in 0..stages {
        site.ok(&["run", "once"]);
    }
}

fn given(site: &Site, path: &str) -> String {
    let runs = site.repo.path().join("millrace-agents/runs");
    let run = std::fs::read_dir(runs).expect("a folder").next().expect("a run").expect("an entry").path();
    std::fs::read_to_string(run.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn what_is_missing_is_a_finding_and_fails_nothing() {
    let site = Site::scripted(&fault("{evidence: {name: checker_summary.md, content: \"1. not met\\n\"}}, "));
    site.add("one");
    once(&site, 2);
    let result = site.result("02-checker");
    let findings: Vec<&str> =
        result["findings"].as_array().expect("findings").iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(
        findings,
        ["missing evidence: checker_expectations.md, fix_contract.md, wanted with FIX_NEEDED"]
    );
    assert_eq!(result["next"].as_str(), Some("execution/fixer"), "it fails nothing: {result}");
    let run = site.json(&["runs", "ls"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    let shown = site.ok(&["runs", "show", &run]);
    assert!(
        shown.contains(
            "  finding   missing evidence: checker_expectations.md, fix_contract.md, wanted with FIX_NEEDED\n"
        ),
        "{shown}"
    );
    // Who comes next reads it.
    once(&site, 1);
    let seen = given(&site, "03-fixer/evidence/02-checker/result.toml");
    assert!(seen.contains("missing evidence: checker_expectations.md, fix_contract.md"), "{seen}");
    let prompt = given(&site, "03-fixer/prompt.md");
    assert!(prompt.contains("03-fixer/evidence/02-checker/result.toml`\n"), "{prompt}");
    site.sound();
}

#[test]
fn what_is_there_or_not_wanted_with_the_result_is_no_finding() {
    let all = ["checker_expectations.md", "checker_summary.md", "fix_contract.md"];
    let step = |name: &&str| format!("{{evidence: {{name: {name}, content: x}}}}, ");
    let site = Site::scripted(&fault(&all.iter().map(step).collect::<String>()));
    site.add("one");
    once(&site, 2);
    assert!(!site.result("02-checker").contains_key("findings"));

    // A pass needs no contract.
    let pass = STRAIGHT
        .replace("checker: [[", &format!("checker: [[{}", all[..2].iter().map(step).collect::<String>()));
    let site = Site::scripted(&pass);
    site.add("one");
    once(&site, 2);
    assert!(!site.result("02-checker").contains_key("findings"));
}

#[test]
fn a_link_or_a_folder_is_no_evidence() {
    let site = Site::scripted(&STRAIGHT.replace(
        "      - result: {terminal_result: BUILDER",
        "      - run: {argv: [sh, -c, 'ln -s \"$PWD/made.txt\" \"$MILLRACE_RUN_DIR/builder_summary.md\"']}\n      - result: {terminal_result: BUILDER",
    ));
    site.add("one");
    once(&site, 1);
    let result = site.result("01-builder");
    assert_eq!(
        result["findings"].as_array().and_then(|all| all[0].as_str()),
        Some("missing evidence: builder_summary.md, wanted with BUILDER_COMPLETE"),
        "{result}"
    );
}

#[test]
fn the_prompt_and_the_request_say_which_result_wants_which_file() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    once(&site, 2);
    let prompt = given(&site, "02-checker/prompt.md");
    let (_, rest) = prompt.split_once("\n## Evidence\n").expect("the section");
    let (section, _) = rest.split_once("\n## ").expect("the next section");
    let run = site.repo.path().canonicalize().expect("a path").join("millrace-agents/runs");
    let folder = section
        .split('`')
        .nth(1)
        .and_then(|path| path.strip_suffix("/checker_expectations.md"))
        .expect("the folder");
    assert!(folder.starts_with(&run.display().to_string()) && folder.ends_with("/02-checker"), "{folder}");
    insta::assert_snapshot!(section.trim().replace(folder, "[folder]"), @"
Write these files into your stage folder, with exactly these names:

- `[folder]/checker_expectations.md`
- `[folder]/checker_summary.md`
- `[folder]/fix_contract.md`: only with `FIX_NEEDED`

One that is missing is noted in the record of this stage, for whoever comes next.
");
    let request: toml::Table = toml::from_str(&given(&site, "02-checker/request.toml")).expect("a record");
    insta::assert_snapshot!(toml::to_string(&request["evidence"]).expect("TOML"), @r#"
"checker_expectations.md" = ["BLOCKED", "CHECKER_PASS", "FIX_NEEDED"]
"checker_summary.md" = ["BLOCKED", "CHECKER_PASS", "FIX_NEEDED"]
"fix_contract.md" = ["FIX_NEEDED"]
"#);
}

#[test]
fn a_stage_that_cannot_write_is_asked_for_nothing() {
    let config = "permission_default = \"basic\"\n";
    let site = Site::commanded(config, "echo '### BUILDER_COMPLETE'");
    site.add("one");
    once(&site, 1);
    assert!(!given(&site, "01-builder/prompt.md").contains("## Evidence"));
    assert!(!given(&site, "01-builder/request.toml").contains("evidence"));
    let result = site.result("01-builder");
    assert_eq!(result["judgement"]["result"].as_str(), Some("BUILDER_COMPLETE"));
    assert!(!result.contains_key("findings"), "{result}");
}

/// What a harness says that a stage cost is in the stage's record, from its stream to the ledger.
#[test]
fn what_a_stage_cost_is_in_its_record() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site { repo: TestRepo::with_commit() };
    let stream = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/harness/codex/basic.jsonl");
    let program = site.repo.beside().join("codex");
    std::fs::write(&program, format!("#!/bin/sh\ncat '{}'\n", stream.display())).expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    site.configure(&format!("[runners.codex]\ncommand = \"{}\"\n", program.display()));
    site.add("one");
    site.ok(&["run", "once"]);
    let usage = site.result("01-builder")["usage"].clone();
    let of = |key: &str| usage[key].as_integer();
    assert_eq!(
        ["input_uncached", "cache_read", "output", "reasoning"].map(of),
        [472, 8128, 136, 32].map(Some),
        "{usage}"
    );
}

#[test]
fn of_many_files_some_are_kept_and_the_others_named() {
    let mut kept = Kept::default();
    for n in 0..42 {
        kept.keep(&Secrets::default(), &format!("{n}.md"), "x");
    }
    let (files, findings) = kept.into_parts();
    assert_eq!(files.len(), 40);
    let left = |n: u32| format!("{n}.md was left out of the record: the handoff is full");
    assert_eq!(findings, [left(40), left(41)]);
}

/// What stands on both sides of a gap does not belong together.
#[test]
fn a_stream_with_a_gap_is_shown_up_to_it_and_from_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stdout");
    let (gap, behind) = (12_000, 200_000);
    std::fs::write(&path, format!("{}{}", "h".repeat(gap), "t".repeat(behind))).expect("a file");
    let (text, count) = tail_of(&path, Some(gap as u64), &Secrets::default()).expect("a text");
    let (head, tail) = text.split_once("\n[... ").expect("a line about the gap");
    let (_, tail) = tail.split_once(" bytes left out ...]\n").expect("a line about the gap");
    assert!(!head.is_empty() && head.chars().all(|c| c == 'h'), "{}", head.len());
    assert!(!tail.is_empty() && tail.chars().all(|c| c == 't'), "{}", tail.len());
    assert_eq!(count, 0);
}

/// It used nothing, and that is known: unknown would count as something.
#[test]
fn a_harness_that_never_started_has_used_nothing() {
    let site = Site { repo: TestRepo::with_commit() };
    site.configure(
        "[runners]\ndefault_runner = \"gone\"\n[runners.gone]\nkind = \"command\"\nargv = [\"/no/such/program\"]\n",
    );
    site.add("one");
    site.json(&["run", "once"]);
    let run = site.json(&["status"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    let result = &site.json(&["runs", "show", &run])["launches"][0]["result"];
    let usage = &result["usage"];
    assert_eq!((&usage["input_uncached"], &usage["output"]), (&0.into(), &0.into()), "{result:#}");
    assert_eq!(usage["cost"], "0.00", "{result:#}");
}
