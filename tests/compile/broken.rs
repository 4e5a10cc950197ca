//! What stands against a plan: one line each, with file, line and key.

use millrace::compile::{Assets, MAX_PROBLEMS};

use super::support::{
    changed, compiled, config, errors, errors_of_change, errors_of_mode, overrides, shipped,
};

const EXECUTION: &str = "loops/execution.standard.yaml";
const PLANNING: &str = "loops/planning.standard.yaml";
const MODE: &str = "modes/standard_plain.yaml";

/// One change to the execution loop.
fn execution(from: &str, to: &str) -> String {
    errors_of_change(EXECUTION, from, to)
}

#[test]
fn an_unknown_mode() {
    insta::assert_snapshot!(errors_of_mode("nope", &Assets::shipped()), @"");
    let assets = overrides([("modes/careful.yaml", shipped(MODE))]);
    insta::assert_snapshot!(errors_of_mode("standard-plain", &assets), @"");
    let configured = config("[runtime]\n\ndefault_mode = \"nope\"\n");
    insta::assert_snapshot!(errors(&configured, &Assets::shipped()), @"");
}

#[test]
fn a_mode_too_long_for_an_id() {
    let name = "m".repeat(120);
    let path: &'static str = Box::leak(format!("modes/{name}.yaml").into_boxed_str());
    let text = changed(MODE, "mode_id: standard_plain", &format!("mode_id: {name}"));
    let said = errors_of_mode(&name, &overrides([(path, text)])).replace(&name, "<120 m>");
    insta::assert_snapshot!(said, @"");
}

#[test]
fn a_mode_with_wrong_names() {
    let text = changed(MODE, "mode_id: standard_plain", "mode_id: other")
        .replace("execution.standard", "execution.standrad")
        .replace("planning_loop_id", "planing_loop_id");
    insta::assert_snapshot!(errors(&config(""), &overrides([(MODE, text)])), @"");
}

#[test]
fn a_mode_with_wrong_stages_runners_and_paths() {
    let text = changed(MODE, "entrypoint_overrides: {}", "entrypoint_overrides: {bulder: entrypoints/x.md}")
        .replace(
            "skill_additions: {}",
            "skill_additions:\n  builder: [skills/stage/execution/bulder-core/SKILL.md, ../x/SKILL.md]\n  fixer: []",
        )
        .replace("model_bindings: {}", "model_bindings: {checker: [a]}")
        .replace("runner_bindings: {}", "runner_bindings: {checker: codex_clli, updater: command}")
        + "stage_role_overlays: {}\n";
    insta::assert_snapshot!(errors(&config(""), &overrides([(MODE, text)])), @"");
}

#[test]
fn a_mode_with_loops_of_the_wrong_plane() {
    let text = shipped(MODE)
        .replace("execution.standard", "x")
        .replace("planning.standard", "execution.standard")
        .replace("execution_loop_id: x", "execution_loop_id: planning.standard");
    insta::assert_snapshot!(errors(&config(""), &overrides([(MODE, text)])), @"");
}

#[test]
fn an_unknown_stage() {
    insta::assert_snapshot!(execution("  - builder\n", "  - builder\n  - bulder\n"), @"");
}

#[test]
fn a_stage_of_the_other_plane_or_listed_twice() {
    insta::assert_snapshot!(execution("  - builder\n", "  - builder\n  - planner\n  - builder\n"), @"");
}

#[test]
fn an_unreachable_stage() {
    let from = "  - from: checker\n    on: CHECKER_PASS\n    to: updater\n  - from: fixer\n    on: FIXER_COMPLETE\n    to: doublechecker\n";
    let to = "  - from: checker\n    on: CHECKER_PASS\n    to: updater\n  - from: fixer\n    on: FIXER_COMPLETE\n    to: checker\n";
    insta::assert_snapshot!(execution(from, to), @"");
}

#[test]
fn a_report_without_an_edge() {
    insta::assert_snapshot!(execution("  - from: checker\n    on: CHECKER_PASS\n    to: updater\n", ""), @"");
}

#[test]
fn two_edges_for_one_report() {
    insta::assert_snapshot!(
        execution("  - from: consultant\n    on: BLOCKED", "  - from: [consultant, builder]\n    on: BLOCKED"),
        @""
    );
}

#[test]
fn an_edge_to_nowhere() {
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: chekcer"), @"");
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: planner"), @"");
    insta::assert_snapshot!(execution("  - from: updater\n", "  - from: updatr\n"), @"");
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE"), @"");
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: checker\n    end: done"), @"");
    insta::assert_snapshot!(execution("    end: done", "    end: cancelled"), @"");
    insta::assert_snapshot!(execution("    on: CONSULT_COMPLETE\n    resume: true", "    on: CONSULT_COMPLETE\n    resume: false"), @"");
}

#[test]
fn an_illegal_result() {
    insta::assert_snapshot!(execution("on: BUILDER_COMPLETE", "on: BUILDER_COMPLET"), @"");
    insta::assert_snapshot!(execution("on: BUILDER_COMPLETE", "on: builder done"), @"");
}

#[test]
fn a_resumption_of_what_is_no_repair() {
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    resume: true"), @"");
}

#[test]
fn wrong_rungs() {
    insta::assert_snapshot!(execution("  - stage: consultant\n", "  - stage: updater\n"), @"");
    insta::assert_snapshot!(execution("  - stage: consultant\n", "  - stage: planner\n"), @"");
    insta::assert_snapshot!(execution("counter: consultant_invocations", "counter: fix_cycle"), @"");
    insta::assert_snapshot!(execution("    per: item", "    per: plan"), @"");
    let (before, _) = shipped(EXECUTION).split_once("\n# Who repairs").expect("the ladder");
    insta::assert_snapshot!(errors(&config(""), &overrides([(EXECUTION, before)])), @"");
}

#[test]
fn wrong_bounds() {
    insta::assert_snapshot!(execution("recovery.max_fix_cycles", "recovery.max_fix_cycle"), @"");
    insta::assert_snapshot!(execution("recovery.max_fix_cycles", "0"), @"");
    insta::assert_snapshot!(execution("recovery.max_fix_cycles", "-1"), @"");
    insta::assert_snapshot!(execution("      exhausted: fix_cycle_exhausted\n", ""), @"");
    insta::assert_snapshot!(
        execution("    end: done", "    end: done\n    bound: {counter: ends, at_most: 1, exhausted: x}"),
        @""
    );
    insta::assert_snapshot!(
        execution(
            "    to: doublechecker",
            "    to: doublechecker\n    bound: {counter: fix_cycle, at_most: 9, exhausted: x}"
        ),
        @""
    );
}

#[test]
fn no_way_to_an_end() {
    // The fixer and its judge send work to each other for ever, and fail without a repair.
    let text = shipped(EXECUTION)
        .replace("    on: DOUBLECHECK_PASS\n    to: updater", "    on: DOUBLECHECK_PASS\n    to: fixer")
        .replace("[checker, doublechecker]\n    on: FIX_NEEDED\n    to: fixer\n    bound:", "checker\n    on: FIX_NEEDED\n    to: fixer\n  - from: doublechecker\n    on: FIX_NEEDED\n    to: fixer\n  - from: [fixer, doublechecker]\n    on: BLOCKED\n    to: fixer\n#")
        .replace("#\n      counter: fix_cycle\n      at_most: recovery.max_fix_cycles\n      exhausted: fix_cycle_exhausted\n", "")
        .replace("[builder, checker, fixer, doublechecker, updater, troubleshooter]", "[builder, checker, updater, troubleshooter]");
    insta::assert_snapshot!(errors(&config(""), &overrides([(EXECUTION, text)])), @"");
}

#[test]
fn no_way_to_done() {
    insta::assert_snapshot!(execution("    end: done", "    end: blocked"), @"");
}

#[test]
fn a_wrong_completion() {
    insta::assert_snapshot!(errors_of_change(PLANNING, "  stage: arbiter", "  stage: arbitr"), @"");
    insta::assert_snapshot!(errors_of_change(PLANNING, "  on_gap: REMEDIATION_NEEDED", "  on_gap: FIX_NEEDED"), @"");
    insta::assert_snapshot!(errors_of_change(PLANNING, "  on_gap: REMEDIATION_NEEDED", "  on_gap: ARBITER_COMPLETE"), @"");
    insta::assert_snapshot!(errors_of_change(PLANNING, "  on_pass: ARBITER_COMPLETE\n", ""), @"");
    let text = format!(
        "{}\ncompletion: {{stage: checker, on_pass: CHECKER_PASS, on_gap: FIX_NEEDED}}\n",
        shipped(EXECUTION)
    );
    insta::assert_snapshot!(errors(&config(""), &overrides([(EXECUTION, text)])), @"");
}

#[test]
fn a_judge_without_completion_is_not_reachable() {
    let (before, _) = shipped(PLANNING).split_once("\n# Who judges").expect("the completion");
    insta::assert_snapshot!(errors(&config(""), &overrides([(PLANNING, before)])), @"");
}

#[test]
fn a_wrong_entry() {
    insta::assert_snapshot!(execution("  task: builder", "  task: bilder"), @"");
    insta::assert_snapshot!(execution("  task: builder", "  spec: builder"), @"");
}

#[test]
fn a_file_that_is_no_loop() {
    let of = |text: &str| errors(&config(""), &overrides([(EXECUTION, text)]));
    insta::assert_snapshot!(of(""), @"");
    insta::assert_snapshot!(of("- a\n"), @"");
    insta::assert_snapshot!(of("loop_id: a\nplane: execution\nplane: planning\n"), @"");
    insta::assert_snapshot!(of("loop_id: a\nplane: execution\n"), @"");
}

#[test]
fn stages_that_the_configuration_invents() {
    let loaded = config(
        "[stages.bulder]\nmodel = \"m\"\n[runners.codex.permission_by_stage]\nplaner = \"basic\"\nnobody = \"basic\"\n",
    );
    insta::assert_snapshot!(errors(&loaded, &Assets::shipped()), @"");
}

#[test]
fn a_runner_that_is_not_configured() {
    let mut loaded =
        config("[runners]\ndefault_runner = \"codex_cli\"\n[stages.builder]\nrunner = \"codex_cli\"\n");
    loaded.config.runners.default_runner = "codexcli".parse().expect("a name");
    insta::assert_snapshot!(errors(&loaded, &Assets::shipped()), @"");
    let builder = "builder".parse().expect("a stage");
    loaded.config.runners.default_runner = "codex_cli".parse().expect("a name");
    loaded.config.stages.get_mut(&builder).expect("set").runner = Some("aider".parse().expect("a name"));
    insta::assert_snapshot!(errors(&loaded, &Assets::shipped()), @"");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let assets = overrides([
        (EXECUTION, changed(EXECUTION, "on: BUILDER_COMPLETE", "on: BUILDER_DONE")),
        (PLANNING, changed(PLANNING, "    end: needs_planning", "    end: nothing")),
        (MODE, changed(MODE, "runner_bindings: {}", "runner_bindings: {builder: nobody}")),
    ]);
    let said = errors(&config("[stages.x]\nmodel = \"m\"\n"), &assets);
    insta::assert_snapshot!(said, @"");
}

#[test]
fn the_list_of_errors_has_an_end() {
    let stages: String = (0..200).map(|number| format!("  - stage{number}\n")).collect();
    let text = changed(EXECUTION, "  - builder\n", &format!("  - builder\n{stages}"));
    let diagnostics = compiled(&config(""), &overrides([(EXECUTION, text)])).expect_err("no plan");
    assert_eq!(diagnostics.errors.len(), MAX_PROBLEMS);
    assert_eq!(diagnostics.more_errors, 150);
    assert!(diagnostics.to_string().ends_with("\nand 150 more"));
}
