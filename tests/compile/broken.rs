//! What stands against a plan: one line each, with file, line and key.

use millrace::compile::{Assets, MAX_PROBLEMS};

use super::support::{
    changed, compiled, config, errors, errors_of_change, errors_of_mode, overrides, refused, shipped,
    standard,
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
    insta::assert_snapshot!(errors_of_mode("nope", &Assets::shipped()), @"--mode: there is no mode `nope`; expected `standard_plain`");
    let assets = overrides([("modes/careful.yaml", shipped(MODE))]);
    insta::assert_snapshot!(errors_of_mode("standard-plain", &assets), @"--mode: there is no mode `standard-plain`; expected `careful` or `standard_plain` (did you mean `standard_plain`?)");
    let configured = config("[runtime]\n\ndefault_mode = \"nope\"\n");
    insta::assert_snapshot!(errors(&configured, &Assets::shipped()), @"millrace-agents/millrace.toml:3: runtime.default_mode: there is no mode `nope`; expected `standard_plain`");
}

#[test]
fn a_mode_too_long_for_an_id() {
    let name = "m".repeat(120);
    let path: &'static str = Box::leak(format!("modes/{name}.yaml").into_boxed_str());
    let text = changed(MODE, "mode_id: standard_plain", &format!("mode_id: {name}"));
    let said = errors_of_mode(&name, &overrides([(path, text)])).replace(&name, "<120 m>");
    insta::assert_snapshot!(said, @"millrace-agents/modes/<120 m>.yaml: the plan id has 138 bytes; at most 128 are allowed; expected a shorter mode id");
}

#[test]
fn a_mode_with_wrong_names() {
    let text = changed(MODE, "mode_id: standard_plain", "mode_id: other")
        .replace("execution.standard", "execution.standrad")
        .replace("planning_loop_id", "planing_loop_id");
    insta::assert_snapshot!(errors(&config(""), &overrides([(MODE, text)])), @"
millrace-agents/modes/standard_plain.yaml:1: `planning_loop_id` is missing; expected the id of a loop, such as `planning.standard`
millrace-agents/modes/standard_plain.yaml:2: mode_id: found `other`; expected `standard_plain`, as the file is called
millrace-agents/modes/standard_plain.yaml:3: execution_loop_id: there is no loop `execution.standrad`; expected `execution.standard` or `planning.standard` (did you mean `execution.standard`?)
millrace-agents/modes/standard_plain.yaml:4: planing_loop_id: this key is not known; expected `planning_loop_id`
");
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
    insta::assert_snapshot!(errors(&config(""), &overrides([(MODE, text)])), @"
millrace-agents/modes/standard_plain.yaml:6: stage_entrypoint_overrides.bulder: the plan has no stage `bulder`; expected `builder`
millrace-agents/modes/standard_plain.yaml:9: stage_skill_additions.builder[1]: there is no file `skills/stage/execution/bulder-core/SKILL.md`; expected `skills/stage/execution/builder-core/SKILL.md`
millrace-agents/modes/standard_plain.yaml:9: stage_skill_additions.builder[2]: `../x/SKILL.md` is no path of such a text; expected a path such as `skills/house-style/SKILL.md`
millrace-agents/modes/standard_plain.yaml:12: stage_model_bindings.checker: found a list; expected the name of a model
millrace-agents/modes/standard_plain.yaml:14: stage_runner_bindings.checker: there is no runner `codex_clli`; expected `codex_cli`
millrace-agents/modes/standard_plain.yaml:14: stage_runner_bindings.updater: there is no runner `command`; expected `[runners.command]` with an `argv`
millrace-agents/modes/standard_plain.yaml:15: stage_role_overlays: this key is not known; expected `mode_id`, `execution_loop_id`, `planning_loop_id`, `stage_entrypoint_overrides`, `stage_skill_additions`, `stage_model_bindings` or `stage_runner_bindings`
");
}

#[test]
fn a_mode_with_loops_of_the_wrong_plane() {
    let text = shipped(MODE)
        .replace("execution.standard", "x")
        .replace("planning.standard", "execution.standard")
        .replace("execution_loop_id: x", "execution_loop_id: planning.standard");
    insta::assert_snapshot!(errors(&config(""), &overrides([(MODE, text)])), @"
shipped loops/execution.standard.yaml:3: plane: found `execution`; expected `planning`, the plane that the mode takes it for
shipped loops/planning.standard.yaml:3: plane: found `planning`; expected `execution`, the plane that the mode takes it for
");
}

#[test]
fn an_unknown_stage() {
    insta::assert_snapshot!(execution("  - builder\n", "  - builder\n  - bulder\n"), @"millrace-agents/loops/execution.standard.yaml:11: stages[2]: there is no stage `bulder`; expected `builder`");
}

#[test]
fn a_stage_of_the_other_plane_or_listed_twice() {
    insta::assert_snapshot!(execution("  - builder\n", "  - builder\n  - planner\n  - builder\n"), @"
millrace-agents/loops/execution.standard.yaml:11: stages[2]: `planner` is a stage of the planning plane; expected a stage of the execution plane
millrace-agents/loops/execution.standard.yaml:12: stages[3]: `builder` is listed twice; expected each stage once
");
}

#[test]
fn an_unreachable_stage() {
    let from = "  - from: checker\n    on: CHECKER_PASS\n    to: updater\n  - from: fixer\n    on: FIXER_COMPLETE\n    to: doublechecker\n";
    let to = "  - from: checker\n    on: CHECKER_PASS\n    to: updater\n  - from: fixer\n    on: FIXER_COMPLETE\n    to: checker\n";
    insta::assert_snapshot!(execution(from, to), @"millrace-agents/loops/execution.standard.yaml:13: stages[4]: nothing leads to `doublechecker`; expected an edge, an entry or a rung that does, or the stage left out");
}

#[test]
fn f06_a_report_without_an_edge() {
    insta::assert_snapshot!(execution("  - from: checker\n    on: CHECKER_PASS\n    to: updater\n", ""), @"millrace-agents/loops/execution.standard.yaml:11: stages[2]: `checker` may report `CHECKER_PASS`, and no edge takes it; expected an edge `from: checker`, `on: CHECKER_PASS`");
}

#[test]
fn f34_two_edges_for_one_report() {
    insta::assert_snapshot!(
        execution("  - from: consultant\n    on: BLOCKED", "  - from: [consultant, builder]\n    on: BLOCKED"),
        @"millrace-agents/loops/execution.standard.yaml:55: edges[11].from[2]: `builder` has an edge on `BLOCKED` already, at line 44; expected one edge for each report"
    );
}

/// Lesson F-34: whatever a mode, a loop or a kind refers to has to be there. Every single reference is misspelt once.
#[test]
fn f34_every_reference_is_resolved() {
    let plan = standard().plan;
    let stages = plan.stages.keys().map(ToString::to_string);
    let results = plan.stages.values().flat_map(|stage| stage.results.keys()).map(ToString::to_string);
    let loops = ["execution.standard", "planning.standard"].map(str::to_owned);
    let mut names: Vec<String> = stages.chain(results).chain(loops).collect();
    names.sort();
    names.dedup();
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let mut tried = 0;
    for path in [MODE, EXECUTION, PLANNING] {
        let text = shipped(path);
        // Comments refer to nothing, and neither does what a loop calls itself: its file's name is what it is found by.
        let lines = text.split_inclusive('\n').scan(0, |at, line| {
            *at += line.len();
            Some((*at - line.len(), line))
        });
        for (start, line) in lines.filter(|(_, line)| !line.trim_start().starts_with('#')) {
            for name in &names {
                for (at, _) in line.match_indices(name.as_str()) {
                    let (before, after) = (&line[..at], &line[at + name.len()..]);
                    let whole = !before.ends_with(of_a_name) && !after.starts_with(of_a_name);
                    if !whole || after.starts_with(':') {
                        continue;
                    }
                    let end = start + at + name.len();
                    let wrong = format!("{}x{}", &text[..end], &text[end..]);
                    let said = errors(&config(""), &overrides([(path, wrong)]));
                    assert!(said.contains(&format!("{name}x")), "{path}: {line:?}: {said}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 60, "{tried} references");
}

#[test]
fn an_edge_to_nowhere() {
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: chekcer"), @"millrace-agents/loops/execution.standard.yaml:22: edges[1].to: the loop has no stage `chekcer`; expected `checker`");
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: planner"), @"millrace-agents/loops/execution.standard.yaml:22: edges[1].to: the loop has no stage `planner`; expected `builder`, `checker`, `fixer`, `doublechecker`, `updater`, `troubleshooter` or `consultant`");
    insta::assert_snapshot!(execution("  - from: updater\n", "  - from: updatr\n"), @"millrace-agents/loops/execution.standard.yaml:39: edges[6].from: the loop has no stage `updatr`; expected `updater`");
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE"), @"millrace-agents/loops/execution.standard.yaml:20: edges[1]: it leads nowhere; expected exactly one of `to: <stage>`, `resume: true`, `repair: true` or `end: <ending>`");
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: checker\n    end: done"), @"millrace-agents/loops/execution.standard.yaml:20: edges[1]: it leads to 2 places; expected exactly one of `to: <stage>`, `resume: true`, `repair: true` or `end: <ending>`");
    insta::assert_snapshot!(execution("    end: done", "    end: cancelled"), @"millrace-agents/loops/execution.standard.yaml:41: edges[6].end: found `cancelled`; expected `done`, `blocked` or `needs_planning`");
    insta::assert_snapshot!(execution("    on: CONSULT_COMPLETE\n    resume: true", "    on: CONSULT_COMPLETE\n    resume: false"), @"millrace-agents/loops/execution.standard.yaml:51: edges[9].resume: found `false`; expected exactly one of `to: <stage>`, `resume: true`, `repair: true` or `end: <ending>`");
}

#[test]
fn an_illegal_result() {
    insta::assert_snapshot!(execution("on: BUILDER_COMPLETE", "on: BUILDER_COMPLET"), @"millrace-agents/loops/execution.standard.yaml:21: edges[1].on: `builder` never reports `BUILDER_COMPLET`; expected `BLOCKED` or `BUILDER_COMPLETE` (did you mean `BUILDER_COMPLETE`?)");
    insta::assert_snapshot!(execution("on: BUILDER_COMPLETE", "on: builder done"), @"millrace-agents/loops/execution.standard.yaml:21: edges[1].on: `builder done` is not valid; expected a result, such as `BLOCKED`");
}

#[test]
fn a_resumption_of_what_is_no_repair() {
    insta::assert_snapshot!(execution("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    resume: true"), @"millrace-agents/loops/execution.standard.yaml:22: edges[1].resume: `builder` is no repair stage, so there is nothing to resume; expected `to: <stage>`");
}

#[test]
fn wrong_rungs() {
    insta::assert_snapshot!(execution("  - stage: consultant\n", "  - stage: updater\n"), @"millrace-agents/loops/execution.standard.yaml:65: repair[2]: `updater` is no repair stage; expected a stage whose kind says `repair: true`, since it is told of the failure");
    insta::assert_snapshot!(execution("  - stage: consultant\n", "  - stage: planner\n"), @"millrace-agents/loops/execution.standard.yaml:65: repair[2]: the loop has no stage `planner`; expected `builder`, `checker`, `fixer`, `doublechecker`, `updater`, `troubleshooter` or `consultant`");
    insta::assert_snapshot!(execution("counter: consultant_invocations", "counter: fix_cycle"), @"millrace-agents/loops/execution.standard.yaml:65: repair[2]: the counter `fix_cycle` counts something else already; expected a counter of its own");
    insta::assert_snapshot!(execution("    per: item", "    per: plan"), @"millrace-agents/loops/execution.standard.yaml:68: repair[2].per: found `plan`; expected `class` or `item`");
    let (before, _) = shipped(EXECUTION).split_once("\n# Who repairs").expect("the ladder");
    insta::assert_snapshot!(errors(&config(""), &overrides([(EXECUTION, before)])), @"
millrace-agents/loops/execution.standard.yaml:26: edges[2].bound: the loop has no repair rungs for what exhausts the bound; expected rungs under `repair`
millrace-agents/loops/execution.standard.yaml:45: edges[7].repair: the loop has no repair rungs; expected `end: blocked`, or rungs under `repair`
");
}

#[test]
fn wrong_bounds() {
    insta::assert_snapshot!(execution("recovery.max_fix_cycles", "recovery.max_fix_cycle"), @"millrace-agents/loops/execution.standard.yaml:28: edges[2].bound.at_most: the configuration has no bound `recovery.max_fix_cycle`; expected `recovery.max_fix_cycles`, `recovery.max_troubleshoot_attempts_before_consult`, `recovery.max_mechanic_attempts` or `recovery.max_consultant_invocations` (did you mean `recovery.max_fix_cycles`?), or a whole number from 1");
    insta::assert_snapshot!(execution("recovery.max_fix_cycles", "0"), @"millrace-agents/loops/execution.standard.yaml:28: edges[2].bound.at_most: found 0; expected a whole number from 1, or a key such as `recovery.max_fix_cycles`");
    insta::assert_snapshot!(execution("recovery.max_fix_cycles", "-1"), @"millrace-agents/loops/execution.standard.yaml:28: edges[2].bound.at_most: found `-1`; expected a whole number from 1, or a key such as `recovery.max_fix_cycles`");
    insta::assert_snapshot!(execution("      exhausted: fix_cycle_exhausted\n", ""), @"millrace-agents/loops/execution.standard.yaml:26: edges[2].bound: `exhausted` is missing; expected a failure class");
    insta::assert_snapshot!(
        execution("    end: done", "    end: done\n    bound: {counter: ends, at_most: 1, exhausted: x}"),
        @"millrace-agents/loops/execution.standard.yaml:42: edges[6].bound: only an edge `to` a stage can be bounded; expected no `bound` here"
    );
    insta::assert_snapshot!(
        execution(
            "    to: doublechecker",
            "    to: doublechecker\n    bound: {counter: fix_cycle, at_most: 9, exhausted: x}"
        ),
        @"millrace-agents/loops/execution.standard.yaml:36: edges[4].bound: the counter `fix_cycle` has another bound elsewhere; expected the same `at_most` and `exhausted`, or another counter"
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
    insta::assert_snapshot!(errors(&config(""), &overrides([(EXECUTION, text)])), @"
millrace-agents/loops/execution.standard.yaml:12: stages[3]: no way leads from `fixer` to an end; expected an edge with `end` that it can come to
millrace-agents/loops/execution.standard.yaml:13: stages[4]: no way leads from `doublechecker` to an end; expected an edge with `end` that it can come to
");
}

#[test]
fn no_way_to_done() {
    insta::assert_snapshot!(execution("    end: done", "    end: blocked"), @"millrace-agents/loops/execution.standard.yaml:7: entry.task: no way leads from `builder` to `end: done`, so no task is ever finished; expected an edge with `end: done` that it can come to");
}

#[test]
fn a_wrong_completion() {
    insta::assert_snapshot!(errors_of_change(PLANNING, "  stage: arbiter", "  stage: arbitr"), @"millrace-agents/loops/planning.standard.yaml:54: completion.stage: the loop has no stage `arbitr`; expected `arbiter`");
    insta::assert_snapshot!(errors_of_change(PLANNING, "  on_gap: REMEDIATION_NEEDED", "  on_gap: FIX_NEEDED"), @"millrace-agents/loops/planning.standard.yaml:56: completion.on_gap: `arbiter` never reports `FIX_NEEDED`; expected `ARBITER_COMPLETE`, `BLOCKED` or `REMEDIATION_NEEDED`");
    insta::assert_snapshot!(errors_of_change(PLANNING, "  on_gap: REMEDIATION_NEEDED", "  on_gap: ARBITER_COMPLETE"), @"
    millrace-agents/loops/planning.standard.yaml:37: edges[6].end: `ARBITER_COMPLETE` of `arbiter` does not end `needs_planning`; expected `end: needs_planning`
    millrace-agents/loops/planning.standard.yaml:56: completion.on_gap: `ARBITER_COMPLETE` is `on_pass` too; expected two different results
    ");
    insta::assert_snapshot!(errors_of_change(PLANNING, "  on_pass: ARBITER_COMPLETE\n", ""), @"millrace-agents/loops/planning.standard.yaml:53: completion: `on_pass` is missing; expected a result of its stage");
    let text = format!(
        "{}\ncompletion: {{stage: checker, on_pass: CHECKER_PASS, on_gap: FIX_NEEDED}}\n",
        shipped(EXECUTION)
    );
    insta::assert_snapshot!(errors(&config(""), &overrides([(EXECUTION, text)])), @"millrace-agents/loops/execution.standard.yaml:70: completion: a root is judged in planning; expected `completion` in the planning loop");
}

#[test]
fn f26_a_judge_without_completion_is_not_reachable() {
    let (before, _) = shipped(PLANNING).split_once("\n# Who judges").expect("the completion");
    insta::assert_snapshot!(errors(&config(""), &overrides([(PLANNING, before)])), @"millrace-agents/loops/planning.standard.yaml:15: stages[5]: nothing leads to `arbiter`; expected an edge, an entry or a rung that does, or the stage left out");
}

#[test]
fn f28_a_wrong_entry() {
    insta::assert_snapshot!(execution("  task: builder", "  task: bilder"), @"millrace-agents/loops/execution.standard.yaml:7: entry.task: the loop has no stage `bilder`; expected `builder`");
    insta::assert_snapshot!(execution("  task: builder", "  spec: builder"), @"
millrace-agents/loops/execution.standard.yaml:6: entry: `task` is missing; expected the stage where it starts
millrace-agents/loops/execution.standard.yaml:7: entry.spec: this key is not known; expected `task`
");
}

#[test]
fn a_file_that_is_no_loop() {
    let of = |text: &str| errors(&config(""), &overrides([(EXECUTION, text)]));
    insta::assert_snapshot!(of(""), @"millrace-agents/loops/execution.standard.yaml:1: found nothing; expected a mapping with the keys `loop_id`, `plane`, `entry`, `stages`, `edges`, `repair` or `completion`");
    insta::assert_snapshot!(of("- a\n"), @"millrace-agents/loops/execution.standard.yaml:1: found a list; expected a mapping with the keys `loop_id`, `plane`, `entry`, `stages`, `edges`, `repair` or `completion`");
    insta::assert_snapshot!(of("loop_id: a\nplane: execution\nplane: planning\n"), @"millrace-agents/loops/execution.standard.yaml:3: the key `plane` occurs twice; expected each key once");
    insta::assert_snapshot!(of("loop_id: a\nplane: execution\n"), @"
millrace-agents/loops/execution.standard.yaml:1: loop_id: found `a`; expected `execution.standard`, as the file is called
millrace-agents/loops/execution.standard.yaml:1: `entry` is missing; expected where an item of each kind starts
millrace-agents/loops/execution.standard.yaml:1: `stages` is missing; expected the list of its stages
millrace-agents/loops/execution.standard.yaml:1: `edges` is missing; expected the list of its edges
");
}

#[test]
fn stages_that_the_configuration_invents() {
    let loaded = config(
        "[stages.bulder]\nmodel = \"m\"\n[runners.codex.permission_by_stage]\nplaner = \"basic\"\nnobody = \"basic\"\n",
    );
    insta::assert_snapshot!(errors(&loaded, &Assets::shipped()), @"
millrace-agents/millrace.toml:1: stages.bulder: the plan has no stage `bulder`; expected `builder`
millrace-agents/millrace.toml:4: runners.codex.permission_by_stage.planer: the plan has no stage `planer`; expected `planner`
millrace-agents/millrace.toml:5: runners.codex.permission_by_stage.nobody: the plan has no stage `nobody`; expected `builder`, `checker`, `fixer`, `doublechecker`, `updater`, `troubleshooter`, `consultant`, `planner`, `manager`, `mechanic`, `auditor` or `arbiter`
");
}

#[test]
fn a_runner_that_is_not_configured() {
    let mut loaded =
        config("[runners]\ndefault_runner = \"codex_cli\"\n[stages.builder]\nrunner = \"codex_cli\"\n");
    loaded.config.runners.default_runner = "codexcli".parse().expect("a name");
    insta::assert_snapshot!(errors(&loaded, &Assets::shipped()), @"millrace-agents/millrace.toml:2: runners.default_runner: there is no runner `codexcli`; expected `codex_cli`");
    let builder = "builder".parse().expect("a stage");
    loaded.config.runners.default_runner = "codex_cli".parse().expect("a name");
    loaded.config.stages.get_mut(&builder).expect("set").runner = Some("second".parse().expect("a name"));
    insta::assert_snapshot!(errors(&loaded, &Assets::shipped()), @r#"millrace-agents/millrace.toml:4: stages.builder.runner: there is no runner `second`; expected `aider`, `claude_code` or `codex_cli`, or `[runners.second]` with `kind = "command"`"#);
}

/// A stage finds its skills by the names of their folders: two of one name would be one.
#[test]
fn two_skills_in_folders_of_one_name() {
    let skill = shipped("skills/stage/execution/checker-core/SKILL.md").to_owned();
    let text = changed(
        MODE,
        "skill_additions: {}",
        "skill_additions:\n  builder: [skills/a/style/SKILL.md, skills/b/style/SKILL.md]",
    );
    let assets = overrides([
        (MODE, text),
        ("skills/a/style/SKILL.md", skill.clone()),
        ("skills/b/style/SKILL.md", skill),
    ]);
    insta::assert_snapshot!(errors(&config(""), &assets), @"millrace-agents/modes/standard_plain.yaml:9: stage_skill_additions.builder[2]: the folder of `skills/b/style/SKILL.md` is called like that of `skills/a/style/SKILL.md`; expected a folder with a name of its own");
}

/// A level that a harness does not have is no level that a stage can be held to.
#[test]
fn a_level_that_the_runner_does_not_have() {
    let aider = "[stages.checker]\nrunner = \"aider\"\n[runners.aider]\n";
    let by_stage = config(&format!("{aider}permission_by_stage = {{ checker = \"basic\" }}\n"));
    insta::assert_snapshot!(errors(&by_stage, &Assets::shipped()), @"millrace-agents/millrace.toml:4: runners.aider.permission_by_stage.checker: the runner `aider` has no level `basic`, which stage `checker` is to have; expected `elevated` or `maximum`, or its flags in `runners.aider.levels.basic`");
    let by_model = config(&format!(
        "{aider}permission_by_model = {{ big = \"basic\" }}\n[stages.builder]\nrunner = \"aider\"\nmodel = \"big\"\n"
    ));
    insta::assert_snapshot!(errors(&by_model, &Assets::shipped()), @"millrace-agents/millrace.toml:4: runners.aider.permission_by_model.big: the runner `aider` has no level `basic`, which stage `builder` is to have; expected `elevated` or `maximum`, or its flags in `runners.aider.levels.basic`");
    let own = "[runners]\ndefault_runner = \"own\"\n[runners.own]\nkind = \"command\"\nargv = [\"x\", \"{level}\"]\nlevels = { elevated = [] }\n";
    let said = errors(&config(own), &Assets::shipped());
    assert_eq!(said.lines().count(), 12, "one for each stage: {said}");
    insta::assert_snapshot!(said.lines().next().unwrap_or_default(), @"millrace-agents/millrace.toml:3: runners.own.permission_default: the runner `own` has no level `maximum`, which stage `arbiter` is to have; expected `elevated`, or its flags in `runners.own.levels.maximum`");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let assets = overrides([
        (EXECUTION, changed(EXECUTION, "on: BUILDER_COMPLETE", "on: BUILDER_DONE")),
        (PLANNING, changed(PLANNING, "    end: needs_planning", "    end: nothing")),
        (MODE, changed(MODE, "runner_bindings: {}", "runner_bindings: {builder: nobody}")),
    ]);
    let said = errors(&config("[stages.x]\nmodel = \"m\"\n"), &assets);
    insta::assert_snapshot!(said, @r#"
    millrace-agents/loops/execution.standard.yaml:21: edges[1].on: `builder` never reports `BUILDER_DONE`; expected `BLOCKED` or `BUILDER_COMPLETE`
    millrace-agents/loops/planning.standard.yaml:40: edges[7].end: found `nothing`; expected `done`, `blocked` or `needs_planning`
    millrace-agents/millrace.toml:1: stages.x: the plan has no stage `x`; expected `builder`, `checker`, `fixer`, `doublechecker`, `updater`, `troubleshooter`, `consultant`, `planner`, `manager`, `mechanic`, `auditor` or `arbiter`
    millrace-agents/modes/standard_plain.yaml:12: stage_runner_bindings.builder: there is no runner `nobody`; expected `aider`, `claude_code` or `codex_cli`, or `[runners.nobody]` with `kind = "command"`
    "#);
}

#[test]
fn the_list_of_errors_has_an_end() {
    let stages: String = (0..200).fold(String::new(), |list, number| list + &format!("  - stage{number}\n"));
    let text = changed(EXECUTION, "  - builder\n", &format!("  - builder\n{stages}"));
    let diagnostics = refused(compiled(&config(""), &overrides([(EXECUTION, text)])));
    assert_eq!(diagnostics.errors.len(), MAX_PROBLEMS);
    assert_eq!(diagnostics.more_errors, 150);
    assert!(diagnostics.to_string().ends_with("\nand 150 more"));
}

#[test]
fn a_judge_ends_its_run_as_its_completion_says() {
    let said =
        |from: &str, to: &str| errors(&config(""), &overrides([(PLANNING, changed(PLANNING, from, to))]));
    insta::assert_snapshot!(said("    on: BLOCKED\n    end: blocked", "    on: BLOCKED\n    repair: true"), @"millrace-agents/loops/planning.standard.yaml:43: edges[8].repair: `arbiter` judges roots, and its report does not end the run; expected `end: done`, `end: needs_planning` or `end: blocked`");
    insta::assert_snapshot!(said("    on: ARBITER_COMPLETE\n    end: done", "    on: ARBITER_COMPLETE\n    end: blocked"), @"millrace-agents/loops/planning.standard.yaml:37: edges[6].end: `ARBITER_COMPLETE` of `arbiter` does not end `done`; expected `end: done`");
    insta::assert_snapshot!(said("skip_if_already_closed: true", "skip_if_already_closed: false"), @"millrace-agents/loops/planning.standard.yaml:58: completion.skip_if_already_closed: found `false`; expected `true`: an accepted root is judged again when something is added to it, and only then");
}
