//! `config show` and `config validate`.

use super::commands::{call, data, everything, filtered, said, well};
use crate::support::repo::TestRepo;

const SECRETIVE: &str = "\
# Ours.

[runtime]
default_mode   =   \"standard_plain\"   # the usual one

[runners.codex]
extra_config = [\"model_reasoning_effort=high\", \"api_key=abcdefgh\"]
args = [\"exec\", \"--token\", \"hush-hush\", \"--auth-token=hush-hush\", \"plain\"]
permission_by_stage = { checker = \"basic\" }

[runners.codex.permission_by_model]
\"gpt-5.1\" = \"elevated\"

[runners.codex.env]
LANG = \"C\"
SERVICE_TOKEN = \"hush-hush\"

[stages.builder]
model = \"gpt-5.1\"

[limits]
max_interruptions = 3
";

#[test]
fn every_key_is_shown_with_its_value_and_its_source() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/millrace.toml", SECRETIVE);
    let before = everything(repo.beside());
    let text = filtered(&repo, &well(&repo, &["config", "show"]));
    assert!(!text.contains("hush-hush") && !text.contains("abcdefgh"), "{text}");
    insta::assert_snapshot!(text, @r#"
    [runtime]
      default_mode        compile    millrace-agents/millrace.toml:4  "standard_plain"
      run_style           no_effect  default                          "daemon"
      idle_sleep_seconds  at_once    default                          1.0

    [workspace]
      between_items  compile  default  "restore"
      on_done        compile  default  "leave"

    [snapshot]
      exclude         compile  default  []
      max_file_bytes  compile  default  10485760

    [ledger]
      sign  compile  default  "auto"

    [redaction]
      patterns         compile  default  []
      extra_variables  compile  default  []

    [limits]
      max_launches_per_item   compile  default                           40
      max_interruptions       compile  millrace-agents/millrace.toml:22  3
      max_rejected_handoffs   compile  default                           2
      max_remediation_rounds  compile  default                           3
      max_open_roots          compile  default                           1

    [recovery]
      max_fix_cycles                            compile    default  2
      max_troubleshoot_attempts_before_consult  compile    default  2
      max_mechanic_attempts                     compile    default  2
      max_consultant_invocations                compile    default  2
      stale_state_recovery_enabled              no_effect  default  true

    [watchers]
      enabled            at_once  default  false
      debounce_ms        at_once  default  250
      watch_ideas_inbox  at_once  default  true
      watch_specs_queue  at_once  default  true

    [runners]
      default_runner  compile  default  "codex_cli"

    [runners.codex]
      kind                           compile  default                           "codex_cli"
      argv                           compile  default                           ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "-"]
      resume_argv                    compile  default                           ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "resume", "{session}", "-"]
      command                        compile  default                           "codex"
      args                           compile  millrace-agents/millrace.toml:8   ["exec", "--token", "[hidden]", "--auth-token=[hidden]", "plain"]
      skip_git_repo_check            compile  default                           true
      extra_config                   compile  millrace-agents/millrace.toml:7   ["model_reasoning_effort=high", "api_key=[hidden]"]
      prompt                         compile  default                           "stdin"
      env_needs                      compile  default                           ["CODEX_*", "OPENAI_*"]
      env_pass                       compile  default                           []
      ok_exits                       compile  default                           [0]
      infra_exits                    compile  default                           []
      grace_seconds                  compile  default                           10
      output_bytes                   compile  default                           67108864
      parser                         compile  default                           "codex_jsonl"
      final_file                     compile  default                           "{inv_dir}/last.txt"
      metered                        compile  default                           true
      permission_default             compile  default                           "maximum"
      permission_by_stage.checker    compile  millrace-agents/millrace.toml:9   "basic"
      permission_by_model."gpt-5.1"  compile  millrace-agents/millrace.toml:12  "elevated"
      env.LANG                       compile  millrace-agents/millrace.toml:15  "C"
      env.SERVICE_TOKEN              compile  millrace-agents/millrace.toml:16  "[hidden]"
      levels.basic                   compile  default                           ["-s", "read-only"]
      levels.elevated                compile  default                           ["-s", "workspace-write", "--add-dir", "{git_common_dir}", "--add-dir", "{result_dir}"]
      levels.maximum                 compile  default                           ["--dangerously-bypass-approvals-and-sandbox"]
      enforced_by.basic              compile  default                           "the Codex sandbox"
      enforced_by.elevated           compile  default                           "the Codex sandbox"
      profile                        compile  default                           -
      timeout_seconds                compile  default                           -
      silence_seconds                compile  default                           -

    [stages.builder]
      model            compile  millrace-agents/millrace.toml:19  "gpt-5.1"
      runner           compile  default                           "codex_cli"
      timeout_seconds  compile  default                           3600

    warning: millrace-agents/millrace.toml:16: runners.codex.env.SERVICE_TOKEN: its value is frozen into plans, and commits are for ever; use `env_pass` for a secret
    "#);
    let shown = data(&repo, "config_show", &["config", "show"]);
    assert!(everything(repo.beside()) == before, "it wrote something");
    assert!(!shown.to_string().contains("hush-hush") && !shown.to_string().contains("abcdefgh"), "{shown}");
    let of = |section: &str, key: &str| {
        let mut settings = shown["settings"].as_array().expect("settings").iter();
        settings.find(|one| one["section"] == section && one["key"] == key).expect("a setting").clone()
    };
    insta::assert_snapshot!(of("limits", "max_interruptions"), @r#"{"section":"limits","key":"max_interruptions","value":3,"source":"file","line":22,"boundary":"compile"}"#);
    insta::assert_snapshot!(of("limits", "max_launches_per_item"), @r#"{"section":"limits","key":"max_launches_per_item","value":40,"source":"default","line":null,"boundary":"compile"}"#);
    insta::assert_snapshot!(of("runners.codex", "profile"), @r#"{"section":"runners.codex","key":"profile","value":null,"source":"default","line":null,"boundary":"compile"}"#);
    assert_eq!(shown["exists"], true);
}

#[test]
fn without_a_file_the_defaults_are_shown_and_it_is_said() {
    let repo = TestRepo::with_commit();
    let text = well(&repo, &["config", "show"]);
    assert!(
        text.starts_with("there is no millrace-agents/millrace.toml: these are the defaults\n\n[runtime]\n"),
        "{text}"
    );
    assert!(
        text.lines().filter(|line| line.starts_with("  ")).all(|line| line.contains("  default  ")),
        "{text}"
    );
    assert_eq!(data(&repo, "config_show", &["config", "show"])["exists"], false);
    // What `init` writes changes no value.
    let values = |shown: &serde_json::Value| {
        let settings = shown["settings"].as_array().expect("settings").clone();
        settings
            .iter()
            .map(|one| format!("{} {} {}", one["section"], one["key"], one["value"]))
            .collect::<Vec<_>>()
    };
    let defaults = values(&data(&repo, "config_show", &["config", "show"]));
    well(&repo, &["init"]);
    assert_eq!(values(&data(&repo, "config_show", &["config", "show"])), defaults);
}

#[test]
fn another_file_is_shown_under_its_own_name() {
    let repo = TestRepo::with_commit();
    repo.write("other.toml", "[limits]\nmax_interruptions = 3\n");
    let text = well(&repo, &["config", "show", "--config", "other.toml"]);
    assert!(text.contains("  max_interruptions       compile  other.toml:2  3\n"), "{text}");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["config", "show", "--config", "none.toml"])), @"
    exit 2
    ! millrace: cannot read none.toml: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["config", "show", "--config", "."])), @"
    exit 2
    ! millrace: cannot read .: Is a directory (os error 21)
    ");
    repo.write("binary.toml", [0xFF, 0xFE, 0x00]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["config", "show", "--config", "binary.toml"])), @"
    exit 2
    ! millrace: cannot read binary.toml: stream did not contain valid UTF-8
    ");
    repo.write("long.toml", "#".repeat(300 * 1024));
    insta::assert_snapshot!(said(&repo, &call(&repo, &["config", "show", "--config", "long.toml"])), @"
    exit 2
    ! millrace: long.toml:1: the file has 262145 bytes; expected at most 262144
    ");
    let bare = TestRepo::init_with(&["--bare"]);
    insta::assert_snapshot!(said(&bare, &call(&bare, &["config", "show"])), @"
    exit 3
    ! millrace: [repo] is a bare repository: a plan is compiled in a work tree of it
    ");
}

#[test]
fn a_link_that_leads_nowhere_is_no_default() {
    let repo = TestRepo::with_commit();
    std::fs::create_dir(repo.path().join("millrace-agents")).expect("a folder");
    std::os::unix::fs::symlink("nowhere", repo.path().join("millrace-agents/millrace.toml")).expect("a link");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["config", "show"])), @"
    exit 2
    ! millrace: cannot read [repo]/millrace-agents/millrace.toml: No such file or directory (os error 2)
    ");
}

#[test]
fn validate_says_what_a_compile_would_do_and_does_not_do_it() {
    let repo = TestRepo::with_commit();
    let validate = |more: &[&str]| {
        let mut all = vec!["config", "validate"];
        all.extend_from_slice(more);
        let before = everything(repo.beside());
        let output = call(&repo, &all);
        assert!(everything(repo.beside()) == before, "{more:?} wrote something");
        said(&repo, &output)
    };
    insta::assert_snapshot!(validate(&[]), @"
    exit 0
    ok
    there is no configuration file: these are the defaults
    a compile would select plan-standard_plain-[id]; none is selected now
    ");
    well(&repo, &["init"]);
    insta::assert_snapshot!(validate(&[]), @"
    exit 0
    ok
    a compile would change nothing: plan-standard_plain-[id] is selected
    ");
    repo.write(
        "millrace-agents/millrace.toml",
        "[runtime]\nrun_style = \"once\"\n[limits]\nmax_interruptions = 3\n",
    );
    insta::assert_snapshot!(validate(&[]), @"
    exit 0
    ok
    warning: millrace-agents/millrace.toml:2: runtime.run_style: has no effect; `millrace run once` and `millrace run daemon` say it
    a compile would select plan-standard_plain-[id] in place of plan-standard_plain-[id]
    ");
    let validated = data(&repo, "config_validate", &["config", "validate"]);
    assert_ne!(validated["plan"], validated["selected"]);
    // What it said is what happens.
    well(&repo, &["compile", "validate"]);
    assert_eq!(data(&repo, "status", &["status"])["plan"], validated["plan"]);
    // What cannot be read, and what cannot be compiled.
    repo.write("millrace-agents/millrace.toml", "[runtime]\ndefault_mod = \"x\"\n");
    insta::assert_snapshot!(validate(&[]), @"
    exit 2
    not ok
    error: millrace-agents/millrace.toml:2: runtime.default_mod: this key is not known; expected `runtime.default_mode`
    a compile would fail: plan-standard_plain-[id] stays selected
    ");
    repo.write(
        "millrace-agents/millrace.toml",
        "[stages.bilder]\nmodel = \"x\"\n[stages.builder]\nrunner = \"codex_cli\"\n",
    );
    insta::assert_snapshot!(validate(&[]), @"
    exit 2
    not ok
    error: millrace-agents/millrace.toml:1: stages.bilder: the plan has no stage `bilder`; expected `builder`
    a compile would fail: plan-standard_plain-[id] stays selected
    ");
    let json = call(&repo, &["config", "validate", "--json"]);
    assert_eq!(json.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["data"]["ok"], &json["data"]["plan"]), (&false.into(), &serde_json::Value::Null));
    repo.write("millrace-agents/millrace.toml", "");
    insta::assert_snapshot!(validate(&["--mode", "nope"]), @"
    exit 2
    not ok
    error: --mode: there is no mode `nope`; expected `standard_plain`
    a compile would fail: plan-standard_plain-[id] stays selected
    ");
    insta::assert_snapshot!(validate(&["--mode", "../x"]), @"
    exit 2
    ! millrace: the mode id `../x` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ");
    insta::assert_snapshot!(validate(&["--config", "none.toml"]), @"
    exit 2
    ! millrace: cannot read none.toml: No such file or directory (os error 2)
    ");
}
