//! The configuration: what is accepted, what is refused and in which words.

use millrace::domain::permission::PermissionLevel;
use millrace::format::config::{Config, ConfigError, Loaded, Runner, bootstrap_text, effective_toml, parse};
use proptest::prelude::*;

use super::fixtures;

fn accepted(name: &str) -> Loaded {
    let bytes = fixtures::one("config/accepted", name);
    let text = String::from_utf8(bytes).expect("UTF-8");
    parse(&text, "millrace.toml").unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn all_accepted_configurations_are_accepted_with_their_warnings() {
    let mut seen = String::new();
    for (name, _) in fixtures::all("config/accepted") {
        seen += &format!("{name}\n");
        for warning in accepted(&name).warnings {
            seen += &format!("  {warning}\n");
        }
    }
    insta::assert_snapshot!(seen, @"");
}

#[test]
fn all_refused_configurations_are_refused_in_one_line_that_says_what_is_expected() {
    let mut seen = String::new();
    for (name, bytes) in fixtures::all("config/refused") {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let error: ConfigError = parse(&text, "millrace.toml").expect_err(&name);
        let line = error.to_string();
        assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        assert!((1..=text.lines().count()).contains(&error.line), "{name}: line {}", error.line);
        seen += &format!("{name}\n  {line}\n");
    }
    insta::assert_snapshot!(seen, @"");
}

#[test]
fn an_empty_file_is_all_defaults() {
    let loaded = accepted("empty");
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.lines.is_empty());
    insta::assert_snapshot!(effective_toml(&loaded.config), @"");
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
    insta::assert_snapshot!(effective_toml(&accepted("every-key-of-the-reference").config), @"");
}

#[test]
fn our_own_keys_arrive() {
    insta::assert_snapshot!(effective_toml(&accepted("own-keys").config), @"");
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
    assert_eq!(level("builder", Some("big")), PermissionLevel::Maximum);
    assert_eq!(level("checker", Some("big")), PermissionLevel::Elevated);
    assert_eq!(level("checker", Some("BIG")), PermissionLevel::Basic);
    assert_eq!(level("checker", None), PermissionLevel::Basic);
    let Runner::Codex(standard) = &Config::default().runners.tables[&"codex_cli".parse().expect("a name")]
    else {
        panic!("codex_cli is the Codex CLI")
    };
    assert_eq!(
        standard.common.permissions.resolve(&"builder".parse().expect("a stage"), None),
        PermissionLevel::Maximum
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
    insta::assert_snapshot!(loaded.check_stages(&["reviewer", "builder"]).expect_err("near"), @"");
    insta::assert_snapshot!(loaded.check_stages(&["one", "two"]).expect_err("unknown"), @"");
}

#[test]
fn lines_say_where_a_key_was_set() {
    let loaded = accepted("own-keys");
    assert_eq!(loaded.lines["workspace.on_done"], 3);
    assert_eq!(loaded.lines["stages.updater"], 38);
    assert!(!loaded.lines.contains_key("runtime.default_mode"));
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let text = "#".repeat(256 * 1024 + 1);
    insta::assert_snapshot!(parse(&text, "millrace.toml").expect_err("too long"), @"");
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
