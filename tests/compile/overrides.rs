//! The operator's files win over shipped ones of the same path, and are judged by the same rules.

use millrace::compile::Assets;
use millrace::domain::plan::Target;
use proptest::prelude::*;

use super::support::{changed, compiled, config, errors, good, overrides, shipped};

const LOOP: &str = "loops/execution.standard.yaml";
const MODE: &str = "modes/standard_plain.yaml";

#[test]
fn a_loop_of_the_operator_wins() {
    let text = changed(LOOP, "    on: CHECKER_PASS\n    to: updater", "    on: CHECKER_PASS\n    end: done");
    let plan = good(&config(""), &overrides([(LOOP, text.clone())]));
    let edge = plan
        .plan
        .execution
        .edge(&"checker".parse().expect("a stage"), &"CHECKER_PASS".parse().expect("a result"))
        .expect("an edge");
    assert_eq!(edge.to, Target::End(millrace::domain::plan::Ending::Done));
    let frozen = plan.files.iter().find(|(path, _)| path == LOOP).expect("the loop");
    assert_eq!(frozen.1, text.as_bytes());
}

#[test]
fn an_entrypoint_of_the_operator_wins_and_a_further_one_can_be_named() {
    let assets = overrides([
        ("entrypoints/execution/builder.md", "# Mine\n".to_owned()),
        ("entrypoints/careful.md", "# Careful\n".to_owned()),
        (
            MODE,
            changed(
                MODE,
                "stage_entrypoint_overrides: {}",
                "stage_entrypoint_overrides: {checker: ./entrypoints/careful.md}",
            ),
        ),
    ]);
    let plan = good(&config(""), &assets);
    let file =
        |path: &str| plan.files.iter().find(|(found, _)| found == path).map(|(_, bytes)| bytes.as_slice());
    assert_eq!(file("entrypoints/execution/builder.md"), Some(&b"# Mine\n"[..]));
    assert_eq!(file("entrypoints/careful.md"), Some(&b"# Careful\n"[..]));
    assert_eq!(file("entrypoints/execution/checker.md"), None);
    assert_eq!(plan.plan.stages[&"checker".parse().expect("a stage")].entrypoint, "entrypoints/careful.md");
}

#[test]
fn a_further_skill_comes_with_its_folder_after_the_core_skill() {
    let assets = overrides([
        ("skills/house-style/SKILL.md", "# House style\n".to_owned()),
        ("skills/house-style/references/words.md", "Words.\n".to_owned()),
        ("skills/other/SKILL.md", "# Other\n".to_owned()),
        (
            MODE,
            changed(
                MODE,
                "stage_skill_additions: {}",
                "stage_skill_additions: {builder: [skills/house-style/SKILL.md]}",
            ),
        ),
    ]);
    let plan = good(&config(""), &assets);
    assert_eq!(
        plan.plan.stages[&"builder".parse().expect("a stage")].skills,
        ["skills/stage/execution/builder-core/SKILL.md", "skills/house-style/SKILL.md"]
    );
    let skills: Vec<&str> = plan
        .files
        .iter()
        .map(|(path, _)| path.as_str())
        .filter(|path| path.starts_with("skills/") && !path.starts_with("skills/stage/"))
        .collect();
    assert_eq!(skills, ["skills/house-style/SKILL.md", "skills/house-style/references/words.md"]);
}

#[test]
fn a_misspelt_override_is_a_warning() {
    let assets = overrides([("entrypoints/execution/bulder.md", "# Mine\n")]);
    let warnings: Vec<String> =
        good(&config(""), &assets).diagnostics.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"millrace-agents/entrypoints/execution/bulder.md:1: file: no stage uses this file; did you mean `entrypoints/execution/builder.md`?");
}

#[test]
fn an_override_is_text_of_a_sane_size_without_secrets_in_its_place() {
    let token = format!("ghp_{}", "a1B2".repeat(10));
    let assets = overrides([
        ("entrypoints/execution/builder.md", b"# Builder\n\xff\n".to_vec()),
        ("entrypoints/execution/checker.md", format!("# Checker\n\ntoken {token}\n").into_bytes()),
        ("entrypoints/execution/fixer.md", b" \n".to_vec()),
        ("entrypoints/execution/updater.md", vec![b'x'; 1024 * 1024 + 1]),
        ("entrypoints/../millrace.toml", b"x".to_vec()),
        ("hooks/execution/builder.md", b"x".to_vec()),
    ]);
    insta::assert_snapshot!(errors(&config(""), &assets), @"
millrace-agents/entrypoints/../millrace.toml: `entrypoints/../millrace.toml` is no place for an override; expected a file below `modes`, `loops`, `stages`, `entrypoints` or `skills`
millrace-agents/entrypoints/execution/builder.md:2: the file is not UTF-8; expected text
millrace-agents/entrypoints/execution/checker.md:3: this line holds a GitHub token, and commits are for ever; expected no secret in a text that is frozen into plans
millrace-agents/entrypoints/execution/fixer.md: the file is empty; expected instructions
millrace-agents/entrypoints/execution/updater.md:1: the file has 1048577 bytes; expected at most 1048576
millrace-agents/hooks/execution/builder.md: `hooks/execution/builder.md` is no place for an override; expected a file below `modes`, `loops`, `stages`, `entrypoints` or `skills`
");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), which in 0..4usize) {
        let path = [LOOP, "loops/planning.standard.yaml", MODE, "entrypoints/execution/builder.md"][which];
        let _ = compiled(&config(""), &overrides([(path, bytes)]));
    }

    #[test]
    fn random_damage_to_a_shipped_file_never_panics(
        which in 0..3usize,
        cuts in proptest::collection::vec((0..2500usize, 0..40usize, "[a-zA-Z:{}\\[\\], \n#&*!-]{0,8}"), 1..6),
    ) {
        let path = [LOOP, "loops/planning.standard.yaml", MODE][which];
        let mut text: Vec<char> = shipped(path).chars().collect();
        for (start, length, new) in cuts {
            let start = start.min(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        match compiled(&config(""), &overrides([(path, text)])) {
            Ok(compiled) => prop_assert!(compiled.diagnostics.ok()),
            Err(diagnostics) => {
                prop_assert!(!diagnostics.ok());
                for error in &diagnostics.errors {
                    prop_assert!(!error.to_string().contains('\n'));
                }
            }
        }
    }
}

#[test]
fn no_override_is_what_ships() {
    let none = overrides::<&str>([]);
    assert_eq!(none, Assets::shipped());
}
