//! `compile show` and `modes`: what the files give, and who said so.

use super::commands::{call, data, everything, said, well};
use crate::support::repo::TestRepo;

/// A configuration and files that say something about every column of `compile show`.
pub(super) fn customised() -> TestRepo {
    let repo = TestRepo::with_commit();
    repo.write(
        "millrace-agents/millrace.toml",
        "[runners.codex]\npermission_default = \"elevated\"\npermission_by_stage = { updater = \"basic\" }\n\
         permission_by_model = { \"big-model\" = \"maximum\" }\nsilence_seconds = 90\n\n\
         [runners.command]\nargv = [\"my agent\", \"--quiet\"]\nenv = { LEVEL = \"3\" }\nenv_pass = [\"HOME\"]\n\n\
         [model_tiers]\nstrong = \"big-model\"\n\n\
         [stages.builder]\nmodel = \"tier:strong\"\ntimeout_seconds = 60\n\n\
         [stages.fixer]\nrunner = \"command\"\n",
    );
    repo.write(
        "millrace-agents/modes/careful.yaml",
        "mode_id: careful\nexecution_loop_id: execution.standard\nplanning_loop_id: planning.standard\n\
         stage_entrypoint_overrides: {checker: entrypoints/careful.md}\n\
         stage_skill_additions: {builder: [skills/house/SKILL.md]}\n\
         stage_model_bindings: {checker: small-model}\n\
         stage_runner_bindings: {updater: command}\n",
    );
    repo.write("millrace-agents/entrypoints/careful.md", "# Careful\n");
    repo.write("millrace-agents/skills/house/SKILL.md", "# House\n");
    repo
}

/// The lines of one stage's part of a page.
pub(super) fn part<'t>(text: &'t str, title: &str) -> Vec<&'t str> {
    text.lines().skip_while(|line| *line != title).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn compile_show_says_who_said_what() {
    let repo = customised();
    let before = everything(repo.beside());
    let text = said(&repo, &call(&repo, &["compile", "show", "--mode", "careful"]));
    assert!(everything(repo.beside()) == before, "it wrote something");
    insta::assert_snapshot!(part(&text, "exit 0").join("\n"), @"
    exit 0
    plan                    plan-careful-[id]  not selected; no plan is
    mode                    careful                    millrace-agents/modes/careful.yaml, chosen by --mode
    execution loop          execution.standard         shipped loops/execution.standard.yaml
    planning loop           planning.standard          shipped loops/planning.standard.yaml
    max_launches_per_item   40
    max_interruptions       5
    max_rejected_handoffs   2
    max_remediation_rounds  3
    max_open_roots          1
    ");
    insta::assert_snapshot!(part(&text, "completion").join("\n"), @"
    completion
      trigger                  backlog_drained
      readiness_rule           no_open_lineage_work
      stage                    arbiter
      request_kind             closure_target
      target_selector          active_closure_target
      rubric_policy            reuse_or_create
      blocked_work_policy      suppress
      skip_if_already_closed   true
      on_pass_terminal_result  ARBITER_COMPLETE
      on_gap_terminal_result   REMEDIATION_NEEDED
      create_incident_on_gap   true
    ");
    insta::assert_snapshot!(part(&text, "execution: execution.standard").join("\n"), @"
    execution: execution.standard
      task starts at  builder
      repair 1        troubleshooter  troubleshoot_attempts at most 2 for each failure class
      repair 2        consultant      consultant_invocations at most 2 for each item
    ");
    insta::assert_snapshot!(part(&text, "runner codex_cli").join("\n"), @"
    runner codex_cli
      kind       codex_cli
      command    codex exec --json --skip-git-repo-check [-o {final_file}] --cd {workdir} [-m {model}] {level} -
      passes on  CODEX_*, OPENAI_*
      elevated   -s workspace-write --add-dir {git_common_dir} --add-dir {result_dir}; enforced by the Codex sandbox: checker, doublechecker, troubleshooter, consultant, planner, manager, auditor, mechanic, arbiter
      maximum    --dangerously-bypass-approvals-and-sandbox; enforced by nobody: builder
    ");
    insta::assert_snapshot!(part(&text, "runner command").join("\n"), @"
    runner command
      kind       command
      command    my agent --quiet
      sets       LEVEL
      passes on  HOME
      maximum    no flags; enforced by nobody: fixer, updater
    ");
    insta::assert_snapshot!(part(&text, "execution/builder").join("\n"), @"
    execution/builder
      BUILDER_COMPLETE  -> stage checker
      BLOCKED           -> repair
      evidence          builder_summary.md                            shipped stages/execution/builder.yaml
      entrypoint        entrypoints/execution/builder.md              shipped entrypoints/execution/builder.md
      required skill    skills/stage/execution/builder-core/SKILL.md  shipped skills/stage/execution/builder-core/SKILL.md
      added skill       skills/house/SKILL.md                         millrace-agents/skills/house/SKILL.md, named by millrace-agents/modes/careful.yaml:5: stage_skill_additions.builder[1]
      runner            codex_cli                                     default of runners.default_runner
      model             big-model                                     tier strong, millrace-agents/millrace.toml:16: stages.builder.model
      timeout           60 s                                          millrace-agents/millrace.toml:17: stages.builder.timeout_seconds
      silence           90 s                                          millrace-agents/millrace.toml:5: runners.codex.silence_seconds
      permission        maximum, enforced by nobody                   millrace-agents/millrace.toml:4: runners.codex.permission_by_model.big-model
    ");
    insta::assert_snapshot!(part(&text, "execution/checker").join("\n"), @"
    execution/checker
      CHECKER_PASS    -> stage updater
      FIX_NEEDED      -> stage fixer (fix_cycle at most 2, then fix_cycle_exhausted)
      BLOCKED         -> repair
      evidence        checker_expectations.md, checker_summary.md, fix_contract.md (FIX_NEEDED)  shipped stages/execution/checker.yaml
      entrypoint      entrypoints/careful.md                                                     millrace-agents/entrypoints/careful.md, named by millrace-agents/modes/careful.yaml:4: stage_entrypoint_overrides.checker
      required skill  skills/stage/execution/checker-core/SKILL.md                               shipped skills/stage/execution/checker-core/SKILL.md
      runner          codex_cli                                                                  default of runners.default_runner
      model           small-model                                                                millrace-agents/modes/careful.yaml:6: stage_model_bindings.checker
      timeout         3600 s                                                                     default of stages.checker.timeout_seconds
      silence         90 s                                                                       millrace-agents/millrace.toml:5: runners.codex.silence_seconds
      permission      elevated, enforced by the Codex sandbox                                    millrace-agents/millrace.toml:2: runners.codex.permission_default
    ");
    insta::assert_snapshot!(part(&text, "execution/fixer").join("\n"), @"
    execution/fixer
      FIXER_COMPLETE  -> stage doublechecker
      BLOCKED         -> repair
      evidence        fixer_summary.md                            shipped stages/execution/fixer.yaml
      entrypoint      entrypoints/execution/fixer.md              shipped entrypoints/execution/fixer.md
      required skill  skills/stage/execution/fixer-core/SKILL.md  shipped skills/stage/execution/fixer-core/SKILL.md
      runner          command                                     millrace-agents/millrace.toml:20: stages.fixer.runner
      model           the runner's own choice
      timeout         3600 s                                      default of stages.fixer.timeout_seconds
      silence         no limit                                    default of runners.command.silence_seconds
      permission      maximum, enforced by nobody                 default of runners.command.permission_default
    ");
    insta::assert_snapshot!(part(&text, "execution/updater").join("\n"), @"
    execution/updater
      UPDATE_COMPLETE  -> end done
      BLOCKED          -> repair
      evidence         updater_summary.md                            shipped stages/execution/updater.yaml
      entrypoint       entrypoints/execution/updater.md              shipped entrypoints/execution/updater.md
      required skill   skills/stage/execution/updater-core/SKILL.md  shipped skills/stage/execution/updater-core/SKILL.md
      runner           command                                       millrace-agents/modes/careful.yaml:7: stage_runner_bindings.updater
      model            the runner's own choice
      timeout          3600 s                                        default of stages.updater.timeout_seconds
      silence          no limit                                      default of runners.command.silence_seconds
      permission       maximum, enforced by nobody                   default of runners.command.permission_default
    ");
    // A run meets them in this order.
    let stages: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("execution/").or_else(|| line.strip_prefix("planning/")))
        .collect();
    insta::assert_snapshot!(stages.join("\n"), @"
    builder
    checker
    fixer
    doublechecker
    updater
    troubleshooter  repair stage
    consultant  repair stage
    planner
    manager
    auditor
    mechanic  repair stage
    arbiter
    ");
}

#[test]
fn compile_show_without_a_configuration_shows_what_would_be() {
    let repo = TestRepo::with_commit();
    let text = said(&repo, &call(&repo, &["compile", "show"]));
    assert!(text.contains("chosen by default of runtime.default_mode"), "{text}");
    let page = data(&repo, "compile_show", &["compile", "show"]);
    assert_eq!(page["selected"], serde_json::Value::Null);
    let made = data(&repo, "init", &["init"]);
    assert_eq!(made["plan"], page["plan"], "what is shown is what is selected then");
    let page = data(&repo, "compile_show", &["compile", "show"]);
    assert_eq!(page["selected"], page["plan"]);
    assert_eq!(page["completion"].as_object().expect("fields").len(), 11);
}

#[test]
fn what_does_not_compile_is_shown_as_by_validate_and_nothing_is_written() {
    let repo = customised();
    well(&repo, &["compile", "validate"]);
    repo.write("millrace-agents/millrace.toml", "[stages.builder]\nmodel = \"tier:strongest\"\n");
    let before = everything(repo.beside());
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "show"])), @r#"
    exit 2
    ! millrace: millrace-agents/millrace.toml:2: stages.builder.model: there is no model tier `strongest`; expected `strongest = "<model>"` under `[model_tiers]`
    ! hint: plan-standard_plain-[id] stays selected
    "#);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "show", "--mode", "carefull"])), @"
    exit 2
    ! millrace: --mode: there is no mode `carefull`; expected `careful` or `standard_plain` (did you mean `careful`?)
    ! hint: plan-standard_plain-[id] stays selected
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "show", "--config", "none.toml"])), @"
    exit 2
    ! millrace: cannot read none.toml: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["plan", "diff"])), @r#"
    exit 2
    ! millrace: millrace-agents/millrace.toml:2: stages.builder.model: there is no model tier `strongest`; expected `strongest = "<model>"` under `[model_tiers]`
    ! hint: plan-standard_plain-[id] stays selected
    "#);
    assert!(everything(repo.beside()) == before, "it wrote something");
}

#[test]
fn modes_are_listed_and_shown() {
    let repo = customised();
    well(&repo, &["compile", "validate", "--mode", "careful"]);
    repo.write(
        "millrace-agents/modes/broken.yaml",
        "mode_id: other\nexecution_loop_id: x\nplannning_loop_id: y\n",
    );
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "list"])), @"
    exit 0
    broken          -                   -                  millrace-agents/modes/broken.yaml
    careful         execution.standard  planning.standard  millrace-agents/modes/careful.yaml  selected
    standard_plain  execution.standard  planning.standard  shipped modes/standard_plain.yaml
    error: millrace-agents/modes/broken.yaml:3: plannning_loop_id: this key is not known; expected `planning_loop_id`
    error: millrace-agents/modes/broken.yaml:1: mode_id: found `other`; expected `broken`, as the file is called
    error: millrace-agents/modes/broken.yaml:1: `planning_loop_id` is missing; expected the id of a loop, such as `planning.standard`
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "show", "careful"])), @"
    exit 0
    mode            careful             millrace-agents/modes/careful.yaml
    execution loop  execution.standard  millrace-agents/modes/careful.yaml:2: execution_loop_id
    planning loop   planning.standard   millrace-agents/modes/careful.yaml:3: planning_loop_id

    builder
      added skill  skills/house/SKILL.md  millrace-agents/modes/careful.yaml:5: stage_skill_additions.builder[1]

    checker
      entrypoint  entrypoints/careful.md  millrace-agents/modes/careful.yaml:4: stage_entrypoint_overrides.checker
      model       small-model             millrace-agents/modes/careful.yaml:6: stage_model_bindings.checker

    updater
      runner  command  millrace-agents/modes/careful.yaml:7: stage_runner_bindings.updater
    ");
    assert_eq!(
        well(&repo, &["modes", "show", "--mode", "careful"]),
        well(&repo, &["modes", "show", "careful"])
    );
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "show", "standard_plain"])), @"
    exit 0
    mode            standard_plain      shipped modes/standard_plain.yaml
    execution loop  execution.standard  shipped modes/standard_plain.yaml:3: execution_loop_id
    planning loop   planning.standard   shipped modes/standard_plain.yaml:4: planning_loop_id
    it changes nothing about their stages
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "show", "standard-plain"])), @"
    exit 2
    ! millrace: modes: there is no mode `standard-plain`; expected `broken`, `careful` or `standard_plain` (did you mean `standard_plain`?)
    ! hint: `millrace modes list` shows the modes
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "show", "broken"])), @"
    exit 2
    ! millrace: millrace-agents/modes/broken.yaml:3: plannning_loop_id: this key is not known; expected `planning_loop_id`
    ! millrace: millrace-agents/modes/broken.yaml:1: mode_id: found `other`; expected `broken`, as the file is called
    ! millrace: millrace-agents/modes/broken.yaml:1: `planning_loop_id` is missing; expected the id of a loop, such as `planning.standard`
    ! hint: `millrace modes list` shows the modes
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "show"])), @"
    exit 2
    ! millrace: the following required arguments were not provided: <MODE>
    ! hint: `millrace modes show --help` shows what there is
    ");
}

#[test]
fn modes_of_a_bare_repository_are_the_shipped_ones() {
    let repo = TestRepo::init_with(&["--bare"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["modes", "list"])), @"
    exit 0
    standard_plain  execution.standard  planning.standard  shipped modes/standard_plain.yaml
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "show"])), @"
    exit 3
    ! millrace: [repo] is a bare repository: a plan is compiled in a work tree of it
    ");
}
