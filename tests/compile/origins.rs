//! Where each thing that a plan says comes from, and models by their tiers.

use millrace::compile::{Assets, Origin, Request, compile};
use millrace::domain::ids::StageName;

use super::support::{CONFIG, changed, config, errors, good, overrides};

const MODE: &str = "modes/standard_plain.yaml";

fn stage(name: &str) -> StageName {
    name.parse().expect("a stage")
}

fn shown(origin: &Origin) -> String {
    origin.to_string()
}

#[test]
fn a_setting_comes_from_the_mode_else_from_the_configuration_else_it_is_a_default() {
    let loaded = config(
        "[runners]\ndefault_runner = \"codex_cli\"\n[runners.command]\nargv = [\"x\"]\n\
         [stages.builder]\nrunner = \"command\"\nmodel = \"a\"\n[stages.checker]\nrunner = \"command\"\n",
    );
    let assets = overrides([(
        MODE,
        changed(MODE, "stage_runner_bindings: {}", "stage_runner_bindings: {checker: codex_cli}"),
    )]);
    let compiled = good(&loaded, &assets);
    let runner = |name: &str| {
        let runner = compiled.plan.stages[&stage(name)].runner.to_string();
        (runner, shown(&compiled.origins.stages[&stage(name)].runner))
    };
    let pair = |runner: &str, from: &str| (runner.to_owned(), from.to_owned());
    assert_eq!(
        runner("checker"),
        pair("codex_cli", "millrace-agents/modes/standard_plain.yaml:12: stage_runner_bindings.checker")
    );
    assert_eq!(runner("builder"), pair("command", &format!("{CONFIG}:6: stages.builder.runner")));
    assert_eq!(runner("fixer"), pair("codex_cli", &format!("{CONFIG}:2: runners.default_runner")));
    let unsaid = good(&config(""), &Assets::shipped());
    assert_eq!(shown(&unsaid.origins.stages[&stage("fixer")].runner), "default of runners.default_runner");
    assert_eq!(shown(&unsaid.origins.chosen), "default of runtime.default_mode");
}

#[test]
fn where_something_comes_from_is_no_part_of_the_plan() {
    let by_config = good(&config("[stages.builder]\nmodel = \"a\"\n"), &Assets::shipped());
    let spaced = good(&config("\n\n# A word.\n[stages.builder]\nmodel = \"a\"\n"), &Assets::shipped());
    assert_eq!(by_config.id, spaced.id);
    assert_ne!(by_config.origins, spaced.origins);
}

#[test]
fn a_tier_is_the_model_that_it_stands_for() {
    let loaded = config(
        "[runners.codex]\npermission_by_model = { big = \"basic\" }\n[runners.command]\nargv = [\"x\"]\n\
         [model_tiers]\nstrong = \"big\"\n[model_tiers.cheap]\ncodex_cli = \"small\"\ncommand = \"tiny\"\n\
         [stages.builder]\nmodel = \"tier:strong\"\n[stages.fixer]\nmodel = \"tier:cheap\"\nrunner = \"command\"\n\
         [stages.updater]\nmodel = \"tier:cheap\"\n",
    );
    let compiled = good(&loaded, &Assets::shipped());
    let model = |name: &str| compiled.plan.stages[&stage(name)].model.clone().expect("a model");
    assert_eq!([model("builder"), model("fixer"), model("updater")], ["big", "tiny", "small"]);
    let origins = &compiled.origins.stages[&stage("builder")];
    assert_eq!(origins.tier.as_deref(), Some("strong"));
    // The level by model is that of the model, not of its tier.
    assert_eq!(shown(&origins.permission), format!("{CONFIG}:2: runners.codex.permission_by_model.big"));
    assert_eq!(compiled.plan.stages[&stage("checker")].model, None);
}

#[test]
fn an_unknown_tier_is_named_with_the_place_that_asks_for_it() {
    let none = config("[stages.builder]\nmodel = \"tier:strong\"\n");
    insta::assert_snapshot!(errors(&none, &Assets::shipped()), @r#"millrace-agents/millrace.toml:2: stages.builder.model: there is no model tier `strong`; expected `strong = "<model>"` under `[model_tiers]`"#);
    let near =
        config("[model_tiers]\nstrong = \"a\"\ncheap = \"b\"\n[stages.builder]\nmodel = \"tier:strnog\"\n");
    insta::assert_snapshot!(errors(&near, &Assets::shipped()), @"millrace-agents/millrace.toml:5: stages.builder.model: there is no model tier `strnog`; expected `tier:strong`");
    let far = config("[model_tiers]\nstrong = \"a\"\ncheap = \"b\"\n[stages.builder]\nmodel = \"tier:\"\n");
    insta::assert_snapshot!(errors(&far, &Assets::shipped()), @"millrace-agents/millrace.toml:5: stages.builder.model: there is no model tier ``; expected a tier of `[model_tiers]`: `cheap` or `strong`");
    let runner = config(
        "[runners.command]\nargv = [\"x\"]\n[model_tiers.strong]\ncodex_cli = \"a\"\n\
         [stages.builder]\nmodel = \"tier:strong\"\nrunner = \"command\"\n",
    );
    insta::assert_snapshot!(errors(&runner, &Assets::shipped()), @r#"millrace-agents/millrace.toml:6: stages.builder.model: the model tier `strong` has no model for the runner `command`; expected `command = "<model>"` under `[model_tiers.strong]`"#);
    let by_mode = overrides([(
        MODE,
        changed(MODE, "stage_model_bindings: {}", "stage_model_bindings: {fixer: \"tier:strong\"}"),
    )]);
    insta::assert_snapshot!(errors(&config(""), &by_mode), @r#"millrace-agents/modes/standard_plain.yaml:10: stage_model_bindings.fixer: there is no model tier `strong`; expected `strong = "<model>"` under `[model_tiers]`"#);
    let asked = compile(&Request { mode: None, config: &none, assets: &Assets::shipped() });
    assert!(asked.is_err());
}
