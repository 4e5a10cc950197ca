//! What stands against stage kinds and texts of the operator's own.

use super::support::{changed, config, errors, errors_of_change, overrides, shipped};

const CHECKER: &str = "stages/execution/checker.yaml";
const LOOP: &str = "loops/execution.standard.yaml";
const MODE: &str = "modes/standard_plain.yaml";

/// One change to the checker's kind.
fn checker(from: &str, to: &str) -> String {
    errors_of_change(CHECKER, from, to)
}

#[test]
fn a_kind_that_says_other_than_where_it_lies() {
    insta::assert_snapshot!(checker("stage: checker", "stage: reviewer"), @"millrace-agents/stages/execution/checker.yaml:2: stage: found `reviewer`; expected `checker`, as the file is called");
    insta::assert_snapshot!(checker("plane: execution", "plane: planning"), @"millrace-agents/stages/execution/checker.yaml:3: plane: found `planning`; expected the plane whose folder it lies in");
    insta::assert_snapshot!(checker("plane: execution\n", ""), @"millrace-agents/stages/execution/checker.yaml:1: `plane` is missing; expected `execution` or `planning`");
    insta::assert_snapshot!(checker("plane: execution", "plane: [execution]"), @"millrace-agents/stages/execution/checker.yaml:3: plane: found a list; expected `execution` or `planning`");
}

#[test]
fn wrong_results() {
    insta::assert_snapshot!(checker("  BLOCKED: blocked\n", ""), @"millrace-agents/stages/execution/checker.yaml:4: results: a failure has no result; expected `BLOCKED: blocked` among the results");
    insta::assert_snapshot!(checker("  BLOCKED: blocked\n", "  BLOCKED: success\n"), @"millrace-agents/stages/execution/checker.yaml:4: results: a failure has no result; expected `BLOCKED: blocked` among the results");
    insta::assert_snapshot!(checker("  CHECKER_PASS: success", "  CHECKER_PASS: good"), @"millrace-agents/stages/execution/checker.yaml:5: results.CHECKER_PASS: found `good`; expected `success`, `followup_needed`, `recoverable_failure`, `escalate_planning` or `blocked`");
    insta::assert_snapshot!(checker("  CHECKER_PASS: success", "  checker-pass: success"), @"millrace-agents/stages/execution/checker.yaml:5: results.checker-pass: `checker-pass` is not valid; expected a result: upper-case letters, digits or `_`");
    let (before, after) = shipped(CHECKER).split_once("results:").expect("its results");
    let (_, after) = after.split_once("entrypoint:").expect("its entrypoint");
    let without = format!("{before}entrypoint:{after}");
    insta::assert_snapshot!(errors(&config(""), &overrides([(CHECKER, without)])), @"millrace-agents/stages/execution/checker.yaml:1: `results` is missing; expected results with their classes");
    let listed = format!("{before}results: [CHECKER_PASS]\nentrypoint:{after}");
    insta::assert_snapshot!(errors(&config(""), &overrides([(CHECKER, listed)])), @"
millrace-agents/stages/execution/checker.yaml:4: results: found a list; expected results with their classes, such as `BLOCKED: blocked`
millrace-agents/stages/execution/checker.yaml:4: results: a failure has no result; expected `BLOCKED: blocked` among the results
");
}

#[test]
fn wrong_keys_and_truths() {
    insta::assert_snapshot!(checker("plane: execution", "plane: execution\nrepairs: true"), @"millrace-agents/stages/execution/checker.yaml:4: repairs: this key is not known; expected `repair`");
    insta::assert_snapshot!(checker("plane: execution", "plane: execution\nrepair: 1"), @"millrace-agents/stages/execution/checker.yaml:4: repair: found `1`; expected `true` or `false`");
    insta::assert_snapshot!(checker("plane: execution", "plane: execution\nrepair: [true]"), @"millrace-agents/stages/execution/checker.yaml:4: repair: found a list; expected `true` or `false`");
}

#[test]
fn wrong_texts() {
    let (entrypoint, skill) = (
        "entrypoint: entrypoints/execution/checker.md",
        "skill: skills/stage/execution/checker-core/SKILL.md",
    );
    insta::assert_snapshot!(checker(entrypoint, ""), @"millrace-agents/stages/execution/checker.yaml:1: `entrypoint` is missing; expected the path of its instructions, `entrypoints/...md`");
    insta::assert_snapshot!(checker(skill, ""), @"millrace-agents/stages/execution/checker.yaml:1: `skill` is missing; expected the path of its skill, `skills/.../SKILL.md`");
    insta::assert_snapshot!(checker(entrypoint, "entrypoint: /etc/passwd"), @"millrace-agents/stages/execution/checker.yaml: entrypoint: `/etc/passwd` is no path of such a text; expected a path such as `entrypoints/execution/builder.md`");
    insta::assert_snapshot!(checker(entrypoint, "entrypoint: entrypoints/../millrace.toml"), @"millrace-agents/stages/execution/checker.yaml: entrypoint: `entrypoints/../millrace.toml` is no path of such a text; expected a path such as `entrypoints/execution/builder.md`");
    insta::assert_snapshot!(checker(entrypoint, "entrypoint: ' '"), @"millrace-agents/stages/execution/checker.yaml:12: entrypoint: the text is empty; expected the path of its instructions, `entrypoints/...md`");
    insta::assert_snapshot!(checker(skill, "skill: skills/mine/SKILL.md"), @"millrace-agents/stages/execution/checker.yaml: skill: there is no file `skills/mine/SKILL.md`; expected that file below `millrace-agents/skills/`");
}

/// A stage without a kind, where no known one is near.
#[test]
fn a_stage_without_a_kind() {
    let text = changed(LOOP, "  - builder\n", "  - builder\n  - cartographer\n");
    insta::assert_snapshot!(errors(&config(""), &overrides([(LOOP, text)])), @"millrace-agents/loops/execution.standard.yaml:11: stages[2]: there is no stage `cartographer`; expected a kind of its own, `millrace-agents/stages/execution/cartographer.yaml`");
}

#[test]
fn a_rung_of_a_kind_that_does_not_repair() {
    insta::assert_snapshot!(errors_of_change("stages/execution/troubleshooter.yaml", "repair: true\n", ""), @"
shipped loops/execution.standard.yaml:48: edges[8].resume: `troubleshooter` is no repair stage, so there is nothing to resume; expected `to: <stage>`
shipped loops/execution.standard.yaml:61: repair[1]: `troubleshooter` is no repair stage; expected a stage whose kind says `repair: true`, since it is told of the failure
");
}

/// The parts of a mode and a loop, each of another shape than it should have.
#[test]
fn parts_of_the_wrong_shape() {
    let mode = |from: &str, to: &str| errors_of_change(MODE, from, to);
    insta::assert_snapshot!(mode("entrypoint_overrides: {}", "entrypoint_overrides: {builder: {}}"), @"millrace-agents/modes/standard_plain.yaml:6: stage_entrypoint_overrides.builder: found a mapping; expected the path of a file, such as `entrypoints/execution/builder.md`");
    insta::assert_snapshot!(mode("entrypoint_overrides: {}", "entrypoint_overrides: {builder: builder.md}"), @"millrace-agents/modes/standard_plain.yaml:6: stage_entrypoint_overrides.builder: `builder.md` is no path of such a text; expected a path such as `entrypoints/execution/builder.md`");
    insta::assert_snapshot!(mode("skill_additions: {}", "skill_additions: {builder: mine, checker: [{}]}"), @"
millrace-agents/modes/standard_plain.yaml:8: stage_skill_additions.builder: found text; expected a list of paths, such as `[skills/house-style/SKILL.md]`
millrace-agents/modes/standard_plain.yaml:8: stage_skill_additions.checker[1]: found a mapping; expected the path of a `SKILL.md`
");
    insta::assert_snapshot!(mode("runner_bindings: {}", "runner_bindings: {builder: Codex, checker: scripted}"), @"
millrace-agents/modes/standard_plain.yaml:12: stage_runner_bindings.builder: `Codex` is not valid; expected the name of a runner, such as `codex_cli`
millrace-agents/modes/standard_plain.yaml:12: stage_runner_bindings.checker: there is no runner `scripted`; expected `[runners.scripted]` with a `script`
");
    insta::assert_snapshot!(mode("runner_bindings: {}", "runner_bindings: [builder]"), @"millrace-agents/modes/standard_plain.yaml:12: stage_runner_bindings: found a list; expected a mapping from stages, or `{}`");
    insta::assert_snapshot!(mode("runner_bindings: {}", "runner_bindings: {The Builder: codex_cli}"), @"millrace-agents/modes/standard_plain.yaml:12: stage_runner_bindings.The Builder: `The Builder` is not valid; expected the name of a stage");
    let of = |from: &str, to: &str| errors_of_change(LOOP, from, to);
    insta::assert_snapshot!(of("  - builder\n", "  - builder\n  - {}\n"), @"millrace-agents/loops/execution.standard.yaml:11: stages[2]: found a mapping; expected the name of a stage");
    insta::assert_snapshot!(of("  - from: builder\n", "  - from: []\n"), @"millrace-agents/loops/execution.standard.yaml:20: edges[1].from: the list is empty; expected the stage that reports, or a list of such");
    insta::assert_snapshot!(of("  - from: builder\n", "  - from: {}\n"), @"millrace-agents/loops/execution.standard.yaml:20: edges[1].from: found a mapping; expected the stage that reports, or a list of such");
    insta::assert_snapshot!(of("  - from: builder\n    on: BUILDER_COMPLETE\n", "  - from: builder\n"), @"millrace-agents/loops/execution.standard.yaml:20: edges[1]: `on` is missing; expected the result that it reports");
    insta::assert_snapshot!(of("  - from: builder\n    on", "  - on"), @"millrace-agents/loops/execution.standard.yaml:20: edges[1]: `from` is missing; expected the stage that reports, or a list of such");
    insta::assert_snapshot!(of("      counter: fix_cycle\n      at_most", "      counter: Fix Cycle\n      at_most"), @"millrace-agents/loops/execution.standard.yaml:27: edges[2].bound.counter: `Fix Cycle` is not valid; expected a name: lower-case letters, digits, `.`, `_` or `-`");
    insta::assert_snapshot!(of("      at_most: recovery.max_fix_cycles\n", ""), @"millrace-agents/loops/execution.standard.yaml:26: edges[2].bound: `at_most` is missing; expected how often");
    insta::assert_snapshot!(of("    at_most: recovery.max_consultant_invocations\n", ""), @"millrace-agents/loops/execution.standard.yaml:65: repair[2]: `at_most` is missing; expected how often");
    let whole = |part: &str| {
        let (before, _) = shipped(LOOP).split_once("\nedges:").expect("edges");
        errors(&config(""), &overrides([(LOOP, format!("{before}\n{part}\n"))]))
    };
    insta::assert_snapshot!(whole("edges: 3\nrepair: x"), @"
millrace-agents/loops/execution.standard.yaml:19: edges: found a number; expected a list of edges
millrace-agents/loops/execution.standard.yaml:20: repair: found text; expected a list of rungs
");
}
