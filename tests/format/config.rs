//! The configuration: what is accepted, what is refused and in which words.

use millrace::domain::permission::{PermissionLevel, PermissionRule};
use millrace::format::config::{
    BOUNDARIES, Config, ConfigError, Loaded, Runner, Setting, bootstrap_text, boundary_of, changed_keys,
    effective_toml, parse, settings,
};
use proptest::prelude::*;

use super::fixtures;

fn accepted(name: &str) -> Loaded {
    let bytes = fixtures::one("config/accepted", name);
    let text = String::from_utf8(bytes).expect("UTF-8");
    parse(&text, "millrace.toml").unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn all_accepted_configurations_are_accepted_with_their_warnings() {
    let mut seen = Vec::new();
    for (name, _) in fixtures::all("config/accepted") {
        seen.push(format!("{name}\n"));
        for warning in accepted(&name).warnings {
            seen.push(format!("  {warning}\n"));
        }
    }
    insta::assert_snapshot!(seen.concat(), @"
    empty
    every-key-of-the-reference
      millrace.toml:3: runtime.run_style: has no effect; `millrace run once` and `millrace run daemon` say it
      millrace.toml:24: recovery.stale_state_recovery_enabled: has no effect; recovery reads the last commit, at every start
    own-keys
      millrace.toml:3: workspace.on_done: has no effect in this version: finished code stays in the work tree, uncommitted
      millrace.toml:35: runners.second-agent.env.API_TOKEN: its value is frozen into plans, and commits are for ever; use `env_pass` for a secret
    ");
}

#[test]
fn all_refused_configurations_are_refused_in_one_line_that_says_what_is_expected() {
    let mut seen = Vec::new();
    for (name, bytes) in fixtures::all("config/refused") {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let error: ConfigError = parse(&text, "millrace.toml").expect_err(&name);
        let line = error.to_string();
        assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        assert!((1..=text.lines().count()).contains(&error.line), "{name}: line {}", error.line);
        seen.push(format!("{name}\n  {line}\n"));
    }
    insta::assert_snapshot!(seen.concat(), @r#"
    bad-mode
      millrace.toml:2: runtime.default_mode: `../x` is not valid; expected the id of a mode, such as `standard_plain`
    bad-pattern
      millrace.toml:2: snapshot.exclude: item 2 is no pattern: `a[b`; expected patterns such as `*.key` or `build/**`
    between-items
      millrace.toml:2: workspace.between_items: found `keep`; expected `restore`, `wait` or `carry`
    codex-as-default
      millrace.toml:2: runners.default_runner: there is no runner `codex`; expected `codex_cli`
    codex-by-its-runner-name
      millrace.toml:1: runners.codex_cli: this section is not known; expected `[runners.codex]`, the table of the runner `codex_cli`
    command-empty-argv
      millrace.toml:2: runners.command.argv: names no program; expected the program and its arguments, such as `["my-agent", "--quiet"]`
    command-kind
      millrace.toml:2: runners.command.kind: found `shell`; expected `command`
    command-without-argv
      millrace.toml:1: runners.command.argv: is missing; expected the program and its arguments, such as `["my-agent", "--quiet"]`
    command-without-table
      millrace.toml:2: runners.default_runner: there is no runner `command`; expected `[runners.command]` with an `argv`
    control-character
      millrace.toml:2: runners.codex.command: holds the control character U+0007; expected printable text
    duplicate-key
      millrace.toml:3: not TOML: duplicate key; expected `key = value` or `[section]`
    empty-text
      millrace.toml:2: runners.codex.command: the text is empty; expected some text, or no such key
    env-name
      millrace.toml:2: runners.codex.env.A=B: `A=B` is not valid; expected the name of a variable: letters, digits and `_`
    env-number
      millrace.toml:2: runners.codex.env.LEVEL: found a whole number; expected text in quotes
    env-pass-name
      millrace.toml:2: runners.codex.env_pass: `NOT OK` is not valid; expected the name of a variable: letters, digits and `_`
    fraction
      millrace.toml:2: limits.max_interruptions: found a number with a fraction; expected a whole number from 1 to 4294967295
    idle-sleep-nan
      millrace.toml:2: runtime.idle_sleep_seconds: found `nan`; expected a number over 0, at most 31536000
    idle-sleep-zero
      millrace.toml:2: runtime.idle_sleep_seconds: found `0.0`; expected a number over 0, at most 31536000
    infra-exit-zero
      millrace.toml:3: runners.command.infra_exits: item 2 is no exit code; expected a list of exit codes from 1 to 255, such as `[69, 75]`
    key-of-another-section
      millrace.toml:2: limits.max_consultant_invocations: this key is not known; expected it under `[recovery]`
    key-outside-its-section
      millrace.toml:1: default_mode: this key is not known; expected it under `[runtime]`
    list-as-text
      millrace.toml:2: runners.codex.args: found text; expected a list of texts, such as `["one", "two"]`
    list-of-numbers
      millrace.toml:4: runners.codex.args: item 2 is a whole number; expected a list of texts, such as `["one", "two"]`
    near-default-runner
      millrace.toml:2: runners.defaultrunner: this key is not known; expected `runners.default_runner`
    near-key
      millrace.toml:3: runtime.default-mode: this key is not known; expected `runtime.default_mode`
    near-key-in-runner
      millrace.toml:2: runners.codex.envpass: this key is not known; expected `runners.codex.env_pass`
    near-runner-name
      millrace.toml:2: runners.default_runner: there is no runner `codex-cli`; expected `codex_cli`
    near-runner-table
      millrace.toml:1: runners.codx: this section is not known; expected `[runners.codex]`, or `kind = "command"` for a runner of your own
    near-section
      millrace.toml:1: runner: this section is not known; expected `[runners]`
    negative
      millrace.toml:2: stages.builder.timeout_seconds: found `-1`; expected a whole number from 1 to 31536000
    not-toml
      millrace.toml:2: not TOML: string values must be quoted, expected literal string; expected `key = value` or `[section]`
    number-for-text
      millrace.toml:2: runtime.default_mode: found a whole number; expected text in quotes
    own-runner-bad-name
      millrace.toml:1: runners.Mine: `Mine` is not valid; expected the name of a runner: lower-case letters, digits, `.`, `_` or `-`
    own-runner-without-kind
      millrace.toml:1: runners.mine.kind: is missing; expected `kind = "command"`, for a runner of your own with an `argv`
    permission-as-text
      millrace.toml:2: runners.codex.permission_by_model: found text; expected a table, written `[runners.codex.permission_by_model]`
    permission-level
      millrace.toml:2: runners.codex.permission_default: found `max`; expected `basic`, `elevated` or `maximum`
    permission-level-near
      millrace.toml:2: runners.codex.permission_by_stage.builder: found `maximun`; expected `basic`, `elevated` or `maximum` (did you mean `maximum`?)
    redaction-bad-pattern
      millrace.toml:2: redaction.patterns: item 2 is no pattern: `acme-(x`: unclosed group; expected regular expressions such as `acme-[0-9a-f]{24}`
    redaction-empty-match
      millrace.toml:3: redaction.patterns: item 1 is no pattern: `x*`: it matches the empty text; expected regular expressions such as `acme-[0-9a-f]{24}`
    redaction-near-key
      millrace.toml:2: redaction.pattern: this key is not known; expected `redaction.patterns`
    redaction-too-big
      millrace.toml:2: redaction.patterns: item 1 is no pattern: `(\\w{100}){100}`: it is too big when compiled; expected regular expressions such as `acme-[0-9a-f]{24}`
    redaction-variable
      millrace.toml:2: redaction.extra_variables: `MY-NAME` is not valid; expected the name of a variable: letters, digits and `_`
    run-style
      millrace.toml:2: runtime.run_style: found `deamon`; expected `once` or `daemon` (did you mean `daemon`?)
    scripted-without-script
      millrace.toml:1: runners.scripted.script: is missing; expected the path of a script, from the root of the work tree
    scripted-without-table
      millrace.toml:2: stages.builder.runner: there is no runner `scripted`; expected `[runners.scripted]` with a `script`
    section-as-value
      millrace.toml:1: runtime: found text; expected a table, written `[runtime]`
    stage-bad-name
      millrace.toml:1: stages.Big Stage: `Big Stage` is not valid; expected the name of a stage, such as `[stages.builder]`
    stage-is-no-table
      millrace.toml:2: stages.builder: found a whole number; expected a table, written `[stages.builder]`
    stage-near-key
      millrace.toml:2: stages.builder.timeout: this key is not known; expected `runner`, `model` or `timeout_seconds`
    stage-runner-without-runners
      millrace.toml:2: stages.builder.runner: there is no runner `elsewhere`; expected `codex_cli`, or `[runners.elsewhere]` with `kind = "command"`
    text-for-number
      millrace.toml:2: limits.max_launches_per_item: found text; expected a whole number from 1 to 4294967295
    tier-bad-name
      millrace.toml:2: model_tiers.Strong one: `Strong one` is not valid; expected the name of a tier: lower-case letters, digits, `.`, `_` or `-`
    tier-is-tier
      millrace.toml:2: model_tiers.strong: found `tier:cheap`; expected a model, not another tier
    tier-number
      millrace.toml:2: model_tiers.strong: found a whole number; expected text in quotes
    tier-of-no-runner
      millrace.toml:2: model_tiers.strong.codex: there is no runner `codex`; expected `codex_cli`
    tier-without-model
      millrace.toml:1: model_tiers.strong: names no model; expected `<runner> = "<model>"` below it
    timeout-in-runtime
      millrace.toml:2: runtime.timeout_seconds: this key is not known; expected it under `[stages.<stage>]`
    too-many-seconds
      millrace.toml:2: stages.builder.timeout_seconds: found `999999999999`; expected a whole number from 1 to 31536000
    truth-as-text
      millrace.toml:2: watchers.enabled: found text; expected `true` or `false`
    unclosed
      millrace.toml:1: not TOML: unclosed table, expected `]`; expected `key = value` or `[section]`
    unknown-key
      millrace.toml:2: workspace.colour: this key is not known; expected `between_items` or `on_done`
    unknown-runner-name
      millrace.toml:3: stages.builder.runner: there is no runner `elsewhere`; expected `codex_cli`, or `[runners.elsewhere]` with `kind = "command"`
    unknown-section
      millrace.toml:1: queue: this section is not known; expected `runtime`, `workspace`, `snapshot`, `redaction`, `limits`, `recovery`, `watchers`, `runners`, `model_tiers` or `stages`
    zero
      millrace.toml:2: recovery.max_fix_cycles: found `0`; expected a whole number from 1 to 4294967295
    "#);
}

#[test]
fn an_empty_file_is_all_defaults() {
    let loaded = accepted("empty");
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.lines.is_empty());
    insta::assert_snapshot!(effective_toml(&loaded.config), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "daemon"
    idle_sleep_seconds = 1.0

    [workspace]
    between_items = "restore"
    on_done = "leave"

    [snapshot]
    exclude = []
    max_file_bytes = 10485760

    [redaction]
    patterns = []
    extra_variables = []

    [limits]
    max_launches_per_item = 40
    max_interruptions = 5
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 2
    max_troubleshoot_attempts_before_consult = 2
    max_mechanic_attempts = 2
    max_consultant_invocations = 2
    stale_state_recovery_enabled = true

    [watchers]
    enabled = false
    debounce_ms = 250
    watch_ideas_inbox = true
    watch_specs_queue = true

    [runners]
    default_runner = "codex_cli"

    [runners.codex]
    command = "codex"
    args = ["exec"]
    skip_git_repo_check = true
    extra_config = []
    env_pass = []
    permission_default = "maximum"

    [runners.codex.permission_by_stage]

    [runners.codex.permission_by_model]

    [runners.codex.env]

    [stages]
    "#);
}

#[test]
fn the_effective_configuration_reads_as_itself() {
    for (name, _) in fixtures::all("config/accepted") {
        let config = accepted(&name).config;
        let text = effective_toml(&config);
        let again = parse(&text, "plan").unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(again.config, config, "{name}\n{text}");
        assert_eq!(effective_toml(&again.config), text, "{name}");
    }
}

#[test]
fn the_order_of_keys_in_the_file_changes_nothing() {
    let one = "[stages.fixer]\nmodel = \"b\"\n[stages.builder]\ntimeout_seconds = 5\nmodel = \"a\"\n";
    let two = "[stages.builder]\nmodel = \"a\"\ntimeout_seconds = 5\n[stages.fixer]\nmodel = \"b\"\n";
    let text = |text| effective_toml(&parse(text, "x").expect("accepted").config);
    assert_eq!(text(one), text(two));
}

#[test]
fn the_reference_keys_arrive() {
    insta::assert_snapshot!(effective_toml(&accepted("every-key-of-the-reference").config), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "once"
    idle_sleep_seconds = 2.0

    [workspace]
    between_items = "restore"
    on_done = "leave"

    [snapshot]
    exclude = []
    max_file_bytes = 10485760

    [redaction]
    patterns = []
    extra_variables = []

    [limits]
    max_launches_per_item = 40
    max_interruptions = 5
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 3
    max_troubleshoot_attempts_before_consult = 4
    max_mechanic_attempts = 5
    max_consultant_invocations = 2
    stale_state_recovery_enabled = false

    [watchers]
    enabled = true
    debounce_ms = 100
    watch_ideas_inbox = false
    watch_specs_queue = false

    [runners]
    default_runner = "codex_cli"

    [runners.codex]
    command = "/opt/codex"
    args = ["exec", "--color=never"]
    profile = "work"
    skip_git_repo_check = false
    extra_config = ['model_reasoning_effort="high"']
    env_pass = []
    permission_default = "elevated"

    [runners.codex.permission_by_stage]
    checker = "basic"

    [runners.codex.permission_by_model]
    "model.one" = "maximum"

    [runners.codex.env]
    EMPTY = ""
    RUST_LOG = "info"

    [stages.builder]
    runner = "codex_cli"
    model = "model.one"
    timeout_seconds = 60

    [stages.checker]
    timeout_seconds = 60
    "#);
}

#[test]
fn our_own_keys_arrive() {
    insta::assert_snapshot!(effective_toml(&accepted("own-keys").config), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "daemon"
    idle_sleep_seconds = 1.0

    [workspace]
    between_items = "carry"
    on_done = "commit"

    [snapshot]
    exclude = ["*.key", "build/**"]
    max_file_bytes = 1000000

    [redaction]
    patterns = ["acme-[0-9a-f]{24}", 'token=\w+']
    extra_variables = ["HOUSE_NAME"]

    [limits]
    max_launches_per_item = 7
    max_interruptions = 3
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 2
    max_troubleshoot_attempts_before_consult = 2
    max_mechanic_attempts = 2
    max_consultant_invocations = 1
    stale_state_recovery_enabled = true

    [watchers]
    enabled = false
    debounce_ms = 250
    watch_ideas_inbox = true
    watch_specs_queue = true

    [runners]
    default_runner = "command"

    [runners.codex]
    command = "codex"
    args = ["exec"]
    skip_git_repo_check = true
    extra_config = []
    env_pass = ["HOME", "OPENAI_API_KEY"]
    silence_seconds = 300
    permission_default = "maximum"

    [runners.codex.permission_by_stage]

    [runners.codex.permission_by_model]

    [runners.codex.env]

    [runners.command]
    kind = "command"
    argv = ["my-agent", "--quiet", ""]
    infra_exits = [69, 75]
    env_pass = []
    silence_seconds = 60
    permission_default = "basic"

    [runners.command.permission_by_stage]

    [runners.command.permission_by_model]

    [runners.command.env]

    [runners.scripted]
    script = "checks/stages.yaml"
    env_pass = []
    permission_default = "maximum"

    [runners.scripted.permission_by_stage]

    [runners.scripted.permission_by_model]

    [runners.scripted.env]

    [runners.second-agent]
    kind = "command"
    argv = ["second"]
    infra_exits = []
    env_pass = []
    permission_default = "maximum"

    [runners.second-agent.permission_by_stage]

    [runners.second-agent.permission_by_model]

    [runners.second-agent.env]
    API_TOKEN = "abc"

    [model_tiers]
    strong = "big-model"

    [model_tiers.cheap]
    codex_cli = "small-model"
    second-agent = "tiny"

    [stages.fixer]
    runner = "scripted"

    [stages.updater]
    runner = "second-agent"
    "#);
}

#[test]
fn the_bootstrap_file_is_all_defaults_without_a_warning_and_states_its_posture() {
    let loaded = parse(bootstrap_text(), "millrace.toml").expect("accepted");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.lines.contains_key("runners.codex.permission_default"));
    assert!(bootstrap_text().contains("\n[runners.codex]\n"));
    assert!(bootstrap_text().contains("\npermission_default = \"maximum\"\n"));
}

#[test]
fn permission_is_decided_by_stage_then_model_then_default() {
    let text = "[runners.codex]\npermission_default = \"basic\"\n\
                permission_by_stage = { builder = \"maximum\" }\n\
                permission_by_model = { big = \"elevated\" }\n";
    let config = parse(text, "x").expect("accepted").config;
    let codex = &config.runners.tables[&"codex_cli".parse().expect("a name")];
    let level =
        |stage: &str, model| codex.common().permissions.resolve(&stage.parse().expect("a stage"), model);
    assert_eq!(level("builder", Some("big")), (PermissionLevel::Maximum, PermissionRule::Stage));
    assert_eq!(level("checker", Some("big")), (PermissionLevel::Elevated, PermissionRule::Model));
    assert_eq!(level("checker", Some("BIG")), (PermissionLevel::Basic, PermissionRule::Default));
    assert_eq!(level("checker", None), (PermissionLevel::Basic, PermissionRule::Default));
    let Runner::Codex(standard) = &Config::default().runners.tables[&"codex_cli".parse().expect("a name")]
    else {
        panic!("codex_cli is the Codex CLI")
    };
    assert_eq!(
        standard.common.permissions.resolve(&"builder".parse().expect("a stage"), None),
        (PermissionLevel::Maximum, PermissionRule::Default)
    );
}

#[test]
fn stages_have_their_runner_and_their_time() {
    let config = accepted("own-keys").config;
    let stage = |name: &str| name.parse().expect("a stage");
    assert_eq!(config.runner_of(&stage("updater")).as_str(), "second-agent");
    assert_eq!(config.runner_of(&stage("builder")).as_str(), "command");
    assert_eq!(config.timeout_of(&stage("builder")), 3600);
    assert_eq!(accepted("every-key-of-the-reference").config.timeout_of(&stage("checker")), 60);
}

/// Named after the failure that it keeps away: stage names judged by a list in code.
#[test]
fn f18_stages_are_judged_by_the_names_of_the_plan() {
    let text = "[stages.reviewer]\nmodel = \"m\"\n\n[runners.codex]\n\
                permission_by_stage = { bulider = \"basic\" }\n";
    let loaded = parse(text, "millrace.toml").expect("accepted");
    loaded.check_stages(&["reviewer", "bulider"]).expect("the plan has both");
    insta::assert_snapshot!(loaded.check_stages(&["reviewer", "builder"]).expect_err("near"), @"millrace.toml:5: runners.codex.permission_by_stage.bulider: the plan has no stage `bulider`; expected `builder`");
    insta::assert_snapshot!(loaded.check_stages(&["one", "two"]).expect_err("unknown"), @"millrace.toml:1: stages.reviewer: the plan has no stage `reviewer`; expected `one` or `two`");
}

#[test]
fn a_secret_in_the_configuration_is_refused_without_showing_it() {
    // Put together here, so that no scanner takes this file for a leak.
    let token = format!("gh{}_{}", "p", "a1B2".repeat(9));
    let text = format!("[runners.codex.env]\n# never do this\nWORD = \"{token}\"\n");
    insta::assert_snapshot!(parse(&text, "millrace.toml").expect_err("a secret"), @"millrace.toml:3: this line holds a GitHub token, and commits are for ever; expected the name of a variable in `env_pass`");
}

#[test]
fn lines_say_where_a_key_was_set() {
    let loaded = accepted("own-keys");
    assert_eq!(loaded.lines["workspace.on_done"], 3);
    assert_eq!(loaded.lines["stages.updater"], 37);
    assert!(!loaded.lines.contains_key("runtime.default_mode"));
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let text = "#".repeat(256 * 1024 + 1);
    insta::assert_snapshot!(parse(&text, "millrace.toml").expect_err("too long"), @"millrace.toml:1: the file has 262145 bytes; expected at most 262144");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = parse(&text, "x");
    }

    #[test]
    fn no_toml_makes_it_panic(
        text in "(\\[(runtime|runners|runners\\.codex|stages|stages\\.builder|x)\\]\n|(default_mode|env|args|runner|timeout_seconds|permission_by_stage|y) = (1|\"a\"|\\[\\]|\\[1\\]|\\{\\}|\\{a = 1\\}|true|nan|1979-05-27)\n){0,12}"
    ) {
        if let Err(error) = parse(&text, "x") {
            let line = error.to_string();
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }
}

/// Every key that a file may have has one boundary, and the table has no other row.
#[test]
fn every_key_has_a_boundary() {
    let mut used = std::collections::BTreeSet::new();
    for name in ["every-key-of-the-reference", "own-keys", "empty"] {
        for setting in settings(&accepted(name)) {
            let Setting { section, key, .. } = &setting;
            let rows = BOUNDARIES.iter().filter(|(pattern, name, _)| {
                let before = pattern.split('<').next().expect("a part");
                (pattern == section || before != *pattern && section.starts_with(before))
                    && (*name == "*" || name == key)
            });
            let rows: Vec<_> = rows.collect();
            assert_eq!(rows.len(), 1, "{section}.{key}: {rows:?}");
            assert_eq!(boundary_of(section, key), Some(rows[0].2));
            used.insert((rows[0].0, rows[0].1));
        }
    }
    let unused = BOUNDARIES.iter().filter(|row| !used.contains(&(row.0, row.1))).collect::<Vec<_>>();
    assert!(unused.is_empty(), "no file has these: {unused:?}");
    assert_eq!(boundary_of("runtime", "no_such"), None);
    assert_eq!(boundary_of("runners", "codex"), None);
}

#[test]
fn changed_keys_are_told_with_their_boundary() {
    let of = |text: &str| parse(text, "millrace.toml").expect("a configuration").config;
    let old = of(
        "[runners.codex]\nargs = [\"exec\"]\n[stages.builder]\nmodel = \"one\"\n[model_tiers]\nstrong = \"a\"\n",
    );
    let new = of(
        "[runtime]\nrun_style = \"once\"\nidle_sleep_seconds = 2\n[runners.codex.env]\nLANG = \"C\"\n[stages.checker]\n\
         model = \"one\"\n[model_tiers.strong]\ncodex_cli = \"a\"\n[watchers]\nenabled = true\n",
    );
    let changed: Vec<String> = changed_keys(&old, &new)
        .iter()
        .map(|(key, boundary)| format!("{} {key}", boundary.as_str()))
        .collect();
    assert_eq!(
        changed,
        [
            "compile model_tiers.strong",
            "compile model_tiers.strong.codex_cli",
            "compile runners.codex.env.LANG",
            "at_once runtime.idle_sleep_seconds",
            "no_effect runtime.run_style",
            "compile stages.builder.model",
            "compile stages.checker.model",
            "at_once watchers.enabled",
        ]
    );
    assert_eq!(changed_keys(&new, &new), []);
}

#[test]
fn redaction_is_bounded() {
    let list = |count: usize| vec!["\"x\""; count].join(", ");
    for (key, most) in [("patterns", 64), ("extra_variables", 64)] {
        let text = |count: usize| format!("[redaction]\n{key} = [{}]\n", list(count));
        assert!(parse(&text(most), "millrace.toml").is_ok(), "{key}");
        let error = parse(&text(most + 1), "millrace.toml").expect_err(key).to_string();
        assert_eq!(error, format!("millrace.toml:2: redaction.{key}: there are 65; expected at most 64"));
    }
}
