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
      default_mode        "standard_plain"  compile    millrace-agents/millrace.toml:4
      run_style           "daemon"          no_effect  default
      idle_sleep_seconds  1.0               at_once    default

    [workspace]
      between_items  "restore"  compile    default
      on_done        "leave"    no_effect  default

    [snapshot]
      exclude         []        compile  default
      max_file_bytes  10485760  compile  default

    [redaction]
      patterns         []  compile  default
      extra_variables  []  compile  default

    [limits]
      max_launches_per_item   40  compile  default
      max_interruptions       3   compile  millrace-agents/millrace.toml:22
      max_rejected_handoffs   2   compile  default
      max_remediation_rounds  3   compile  default
      max_open_roots          1   compile  default

    [recovery]
      max_fix_cycles                            2     compile    default
      max_troubleshoot_attempts_before_consult  2     compile    default
      max_mechanic_attempts                     2     compile    default
      max_consultant_invocations                2     compile    default
      stale_state_recovery_enabled              true  no_effect  default

    [watchers]
      enabled            false  at_once  default
      debounce_ms        250    at_once  default
      watch_ideas_inbox  true   at_once  default
      watch_specs_queue  true   at_once  default

    [runners]
      default_runner  "codex_cli"  compile  default

    [runners.codex]
      command                        "codex"                                                            compile  default
      args                           ["exec", "--token", "[hidden]", "--auth-token=[hidden]", "plain"]  compile  millrace-agents/millrace.toml:8
      skip_git_repo_check            true                                                               compile  default
      extra_config                   ["model_reasoning_effort=high", "api_key=[hidden]"]                compile  millrace-agents/millrace.toml:7
      env_pass                       []                                                                 compile  default
      permission_default             "maximum"                                                          compile  default
      permission_by_stage.checker    "basic"                                                            compile  millrace-agents/millrace.toml:9
      permission_by_model."gpt-5.1"  "elevated"                                                         compile  millrace-agents/millrace.toml:12
      env.LANG                       "C"                                                                compile  millrace-agents/millrace.toml:15
      env.SERVICE_TOKEN              "[hidden]"                                                         compile  millrace-agents/millrace.toml:16
      profile                        -                                                                  compile  default
      silence_seconds                -                                                                  compile  default

    [stages.builder]
      model            "gpt-5.1"    compile  millrace-agents/millrace.toml:19
      runner           "codex_cli"  compile  default
      timeout_seconds  3600         compile  default

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
        text.lines().filter(|line| line.starts_with("  ")).all(|line| line.ends_with("  default")),
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
    assert!(text.contains("  max_interruptions       3   compile  other.toml:2\n"), "{text}");
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
