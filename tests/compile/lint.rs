//! What ships passes the lint; every rule, broken once; and what is asked of an operator's texts.

use millrace::compile::lint::{Level, Linted, lint, lint_as_shipped};
use millrace::compile::{Assets, MAX_PROBLEMS, SHIPPED};

use super::support::{changed, overrides, shipped};

const BUILDER: &str = "entrypoints/execution/builder.md";
const CHECKER: &str = "entrypoints/execution/checker.md";
const CORE: &str = "skills/stage/execution/builder-core/SKILL.md";
const INDEX: &str = "skills/skills_index.md";
const MODE: &str = "modes/standard_plain.yaml";

fn said(linted: &Linted) -> String {
    let lines: Vec<String> = linted.findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// What is wrong with a shipped text when one passage is changed.
#[track_caller]
fn broken(path: &'static str, from: &str, to: &str) -> String {
    said(&lint_as_shipped(&overrides([(path, changed(path, from, to))])))
}

/// What is wrong with an operator's files.
fn own<T: AsRef<[u8]>>(files: impl IntoIterator<Item = (&'static str, T)>) -> String {
    said(&lint(&overrides(files)))
}

/// What is wrong with a shipped text that an operator has changed in one passage.
#[track_caller]
fn adapted(path: &'static str, from: &str, to: &str) -> String {
    own([(path, changed(path, from, to))])
}

/// An entrypoint as short as one may be without a finding that is an error.
const SHORT: &str = "\
# Mine

Read `skills/builder-core/SKILL.md`. Do the work, write `builder_summary.md`, and report `BUILDER_COMPLETE` or `BLOCKED`.
";

#[test]
fn what_ships_has_no_findings() {
    for linted in [lint(&Assets::shipped()), lint_as_shipped(&Assets::shipped())] {
        assert_eq!((said(&linted).as_str(), linted.more), ("", 0));
        let texts =
            SHIPPED.iter().filter(|(path, _)| std::path::Path::new(path).extension() == Some("md".as_ref()));
        assert_eq!(linted.texts, texts.count());
    }
}

#[test]
fn the_sections_of_the_house() {
    insta::assert_snapshot!(broken(BUILDER, "## Escalation\n", ""), @"structural: millrace-agents/entrypoints/execution/builder.md: without the sections `Escalation`; expected `Purpose`, `Boundaries`, `Inputs`, `Procedure`, `Evidence`, `Reporting`, `Legal results`, `Escalation` and `Stop conditions`, in this order");
    insta::assert_snapshot!(broken(BUILDER, "## Escalation\n", "## Escalation\n\n## Notes\n"), @"
structural: millrace-agents/entrypoints/execution/builder.md: with the sections `Notes` beside them; expected `Purpose`, `Boundaries`, `Inputs`, `Procedure`, `Evidence`, `Reporting`, `Legal results`, `Escalation` and `Stop conditions`, in this order
structural: millrace-agents/entrypoints/execution/builder.md:87: Escalation: the section is empty; expected what it is there for
");
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", "# The builder\n"), @"structural: millrace-agents/entrypoints/execution/builder.md:1: the title is not the stage's name; expected `# Builder` as the first line");
    let text = shipped(BUILDER)
        .replace("## Purpose", "## X")
        .replace("## Inputs", "## Purpose")
        .replace("## X", "## Inputs");
    insta::assert_snapshot!(said(&lint_as_shipped(&overrides([(BUILDER, text)]))), @"structural: millrace-agents/entrypoints/execution/builder.md: the sections are in another order, or stand twice; expected `Purpose`, `Boundaries`, `Inputs`, `Procedure`, `Evidence`, `Reporting`, `Legal results`, `Escalation` and `Stop conditions`, in this order");
    insta::assert_snapshot!(broken(CORE, "## Quick Start\n", "## Fast Start\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md: without the sections `Quick Start`, and with the sections `Fast Start` beside them; expected `Purpose`, `Quick Start`, `Operating Constraints`, `Inputs This Skill Expects`, `Output Contract`, `Procedure`, `Pitfalls And Gotchas`, `Progressive Disclosure` and `Verification Pattern`, in this order");
    // A heading in a block is none.
    let fenced = "## Escalation\n\n```text\n## Not a section\n```\n";
    insta::assert_snapshot!(broken(BUILDER, "## Escalation\n", fenced), @"");
}

#[test]
fn the_form_of_the_house() {
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", "# Builder\n### Deep\n"), @"structural: millrace-agents/entrypoints/execution/builder.md:2: a heading below level two; expected `## ` at most");
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", "# Builder\n\nA trailing blank \n"), @"structural: millrace-agents/entrypoints/execution/builder.md:3: a blank at the line's end, a tab or a character beyond ASCII; expected none of them");
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", "# Builder\n\nSee `/etc/passwd`, `~/notes` or `C:\\notes`.\n"), @"structural: millrace-agents/entrypoints/execution/builder.md:3: `/etc/passwd` is an absolute path; expected a path of the repository or of the stage directory");
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", &format!("# Builder\n\n{}\n", "x".repeat(161))), @"structural: millrace-agents/entrypoints/execution/builder.md:3: the line has 161 columns; expected at most 160");
    let end = shipped(BUILDER).trim_end().to_owned();
    insta::assert_snapshot!(said(&lint_as_shipped(&overrides([(BUILDER, end)]))), @"structural: millrace-agents/entrypoints/execution/builder.md: the file's end is not one line break; expected exactly one");
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", &format!("# Builder\n{}", "\nMore.\n".repeat(20))), @"structural: millrace-agents/entrypoints/execution/builder.md: the text has 140 lines; expected 50 to 125");
    insta::assert_snapshot!(broken(CORE, "# Builder core\n", &format!("# Builder core\n{}", "\nMore.\n".repeat(20))), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md: the text has 125 lines; expected 40 to 90");
    // `and/or`, fractions and URLs are no paths.
    assert_eq!(
        broken(
            BUILDER,
            "# Builder\n",
            "# Builder\n\nRead `src/lib.rs` and/or 1/2 of https://example.org/x.\n"
        ),
        ""
    );
}

#[test]
fn f06_the_results_of_the_stage() {
    let results = "- `BLOCKED`: the work cannot";
    insta::assert_snapshot!(broken(BUILDER, results, "- The work cannot"), @"compatibility: millrace-agents/entrypoints/execution/builder.md:78: Legal results: `BLOCKED`, which `builder` may report, is not named; expected when to report `BLOCKED`");
    insta::assert_snapshot!(broken(BUILDER, results, "- `BLOCKD`: the work cannot"), @"
compatibility: millrace-agents/entrypoints/execution/builder.md:78: Legal results: `BLOCKED`, which `builder` may report, is not named; expected when to report `BLOCKED`
compatibility: millrace-agents/entrypoints/execution/builder.md:83: Legal results: `BLOCKD` is no result of this stage; expected `BLOCKED` or `BUILDER_COMPLETE`
");
    insta::assert_snapshot!(broken(BUILDER, results, "- `FIX_NEEDED`: no.\n- `BLOCKED`: the work cannot"), @"compatibility: millrace-agents/entrypoints/execution/builder.md:83: Legal results: `FIX_NEEDED` is no result of this stage; expected `BLOCKED` or `BUILDER_COMPLETE`");
    insta::assert_snapshot!(broken(BUILDER, "`### BUILDER_COMPLETE`", "`### CHECKER_PASS`"), @"compatibility: millrace-agents/entrypoints/execution/builder.md:75: `### CHECKER_PASS` is no marker of this stage; expected `BLOCKED` or `BUILDER_COMPLETE`");
    insta::assert_snapshot!(broken(BUILDER, "# Builder\n", "# Builder\n\nThe fixer reports `FIXER_COMPLETE`.\n"), @"policy: millrace-agents/entrypoints/execution/builder.md:3: `FIXER_COMPLETE` is a result of another stage, and could be taken for a legal one; expected `BLOCKED` or `BUILDER_COMPLETE`");
}

#[test]
fn the_evidence_of_the_stage() {
    insta::assert_snapshot!(broken(BUILDER, "- `builder_summary.md`: what", "- `summary.md`: what"), @"
policy: millrace-agents/entrypoints/execution/builder.md:54: Evidence: `builder_summary.md`, which `builder` is asked for, is not named; expected what belongs into `builder_summary.md`
policy: millrace-agents/entrypoints/execution/builder.md:58: Evidence: `summary.md` is no evidence file of `builder`; expected `builder_summary.md`
");
    insta::assert_snapshot!(broken(CHECKER, "- `fix_contract.md`: only with `FIX_NEEDED`: numbered", "- `fix_contract.md`: numbered"), @"policy: millrace-agents/entrypoints/execution/checker.md:64: Evidence: `fix_contract.md` is not said to be wanted with `FIX_NEEDED` only; expected the results that want it");
    insta::assert_snapshot!(broken(CHECKER, "- `checker_summary.md`: always", "- `checker_sumary.md`: always"), @"
policy: millrace-agents/entrypoints/execution/checker.md:57: Evidence: `checker_summary.md`, which `checker` is asked for, is not named; expected what belongs into `checker_summary.md`
policy: millrace-agents/entrypoints/execution/checker.md:62: Evidence: `checker_sumary.md` is no evidence file of `checker`; expected `checker_expectations.md`, `checker_summary.md` or `fix_contract.md`
");
}

#[test]
fn the_skill_of_the_stage() {
    insta::assert_snapshot!(broken(BUILDER, "`skills/builder-core/SKILL.md`", "`skills/builder/SKILL.md`"), @"structural: millrace-agents/entrypoints/execution/builder.md: the skill of `builder` is not referred to; expected `skills/builder-core/SKILL.md`, as it lies in the stage directory");
}

#[test]
fn the_front_matter_of_a_skill() {
    insta::assert_snapshot!(broken(CORE, "asset_type: skill\n", "asset_type: entrypoint\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:2: asset_type: found `entrypoint`; expected `skill`");
    insta::assert_snapshot!(broken(CORE, "asset_id: builder-core\n", "asset_id: builder\n"), @"compatibility: millrace-agents/skills/stage/execution/builder-core/SKILL.md: asset_id: found `builder`; expected `builder-core`, as its folder is called");
    insta::assert_snapshot!(broken(CORE, "asset_id: builder-core\n", "asset_id: checker-core\n"), @"
structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md: asset_id: `checker-core` is the id of shipped skills/stage/execution/checker-core/SKILL.md too; expected an id of its own
compatibility: millrace-agents/skills/stage/execution/builder-core/SKILL.md: asset_id: found `checker-core`; expected `builder-core`, as its folder is called
");
    insta::assert_snapshot!(broken(CORE, "version: 1\n", "version: one\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:4: version: found `one`; expected a whole number from 1");
    insta::assert_snapshot!(broken(CORE, "version: 1\ndescription: How to make a minimal, proven change that others can judge\n", ""), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:1: the front matter lacks `version` and `description`; expected what the shipped skills have");
    insta::assert_snapshot!(broken(CORE, "advisory_only: true\n", "advisory_only: false\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:6: advisory_only: a skill that is more than advice is none; expected `true`");
    insta::assert_snapshot!(broken(CORE, "advisory_only: true\n", "advisory_only: maybe\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:6: advisory_only: found `maybe`; expected `true` or `false`");
    insta::assert_snapshot!(broken(CORE, "capability_type: stage_core\n", "capability_type: documentation\n"), @"compatibility: millrace-agents/skills/stage/execution/builder-core/SKILL.md: capability_type: found `documentation`; expected `stage_core`: a stage's own skill");
    insta::assert_snapshot!(broken(CORE, "stages:\n  - builder\n", "stages:\n  - checker\n"), @"compatibility: millrace-agents/skills/stage/execution/builder-core/SKILL.md: recommended_for_stages: `builder`, whose own skill it is, is not among them; expected `builder`");
    insta::assert_snapshot!(broken(CORE, "stages:\n  - builder\n", "stages:\n  - builder\n  - bilder\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:10: recommended_for_stages[2]: there is no stage `bilder`; expected `builder`");
    insta::assert_snapshot!(broken(CORE, "  - queue_selection\n  - routing\n", ""), @"policy: millrace-agents/skills/stage/execution/builder-core/SKILL.md:10: forbidden_claims: the list lacks `queue_selection` and `routing`; expected all seven: a skill claims nothing of the runtime's");
    insta::assert_snapshot!(broken(CORE, "version: 1\n", "version: 1\nrequired_result_set: [BLOCKED]\n"), @"
policy: millrace-agents/skills/stage/execution/builder-core/SKILL.md:5: `BLOCKED` is a result, and which are legal is the plan's to say; expected advice that names no result
policy: millrace-agents/skills/stage/execution/builder-core/SKILL.md:5: required_result_set: a skill has no contract: what a stage may report is the plan's to say; expected the key left out
");
    insta::assert_snapshot!(broken(CORE, "version: 1\n", "version: 1\nversion: 2\n"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:5: the key `version` occurs twice; expected each key once");
    insta::assert_snapshot!(broken(CORE, "---\nasset_type", "asset_type"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:1: the document has no front matter; expected a first line `---`, then YAML, then another `---`");
    insta::assert_snapshot!(broken(CORE, "\n---\n\n# Builder core", "\n\n# Builder core"), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:1: the front matter is never closed; expected a second line `---` below it");
    let (claims, rest) = shipped(CORE).split_once("forbidden_claims:\n").expect("the claims");
    let rest = &rest[rest.find("---").expect("the end")..];
    let text = format!("{claims}forbidden_claims: []\n{rest}");
    insta::assert_snapshot!(said(&lint_as_shipped(&overrides([(CORE, text)]))), @"structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md:10: forbidden_claims: the list is empty; expected what the skill does not claim");
}

#[test]
fn a_skill_advises() {
    insta::assert_snapshot!(broken(CORE, "# Builder core\n", "# Builder core\n\nThen report `BUILDER_COMPLETE`.\n"), @"policy: millrace-agents/skills/stage/execution/builder-core/SKILL.md:22: `BUILDER_COMPLETE` is a result, and which are legal is the plan's to say; expected advice that names no result");
}

#[test]
fn what_the_runtime_owns() {
    let claim = |text: &str| adapted(BUILDER, "# Builder\n", &format!("# Builder\n\n{text}\n"));
    insta::assert_snapshot!(claim("Then update the\nstatus of the item."), @"policy: millrace-agents/entrypoints/execution/builder.md:3: `update the status` takes what the runtime owns: the status; expected the stage's own work, and its result");
    for (text, owned) in [
        ("Claim the next task.", "the queue"),
        ("Enqueue a follow-up.", "the queue"),
        ("Move the item to done.", "the queue"),
        ("Run `millrace queue cancel x`.", "the queue"),
        ("Run `millrace run once`.", "dispatch"),
        ("Mark the task as done.", "the status"),
        ("Route to the fixer.", "routing"),
        ("Escalate to the consultant.", "escalation"),
        ("Raise the retry limit.", "the retry limits"),
        ("Commit to `refs/millrace/state`.", "the ledger"),
        ("Use `git update-ref`.", "the refs"),
    ] {
        let said = claim(text);
        assert!(
            said.ends_with(&format!(
                "takes what the runtime owns: {owned}; expected the stage's own work, and its result"
            )),
            "{text}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{text}: {said}");
    }
    for text in [
        "Never update the status of the item.",
        "You do not decide the next stage.",
        "Do none of this:\n\nNot yours:\n\n- Update the status.\n- Route to another stage.",
        "`millrace runs show` and `millrace queue ls` may be read.",
        "The state is marked; the items are moved.",
    ] {
        assert_eq!(claim(text), "", "{text}");
    }
    // What was negated before is over with its sentence.
    insta::assert_snapshot!(claim("This is not much. Mark the item as done."), @"policy: millrace-agents/entrypoints/execution/builder.md:3: `mark the item` takes what the runtime owns: the status; expected the stage's own work, and its result");
}

#[test]
fn names_of_another_runtime_and_of_nobody() {
    let text = "# Builder\n\nAdd a line to `historylog.md` and a file to `millrace-agents/tasks/queue`.\nRead `chekcer_summary.md`.\n";
    insta::assert_snapshot!(adapted(BUILDER, "# Builder\n", text), @"
compatibility: millrace-agents/entrypoints/execution/builder.md:3: `historylog.md` is there in a runtime that keeps its state in files, not in this one; expected what the stage directory holds: the prompt names it
policy: millrace-agents/entrypoints/execution/builder.md:4: no stage writes `chekcer_summary.md`; expected `checker_summary.md`
");
}

#[test]
fn the_index_lists_what_ships() {
    let row = "| `fixer-core` | How to remedy named faults at their cause, and only those | execution | `stage/execution/fixer-core/SKILL.md` | shipped |\n";
    insta::assert_snapshot!(broken(INDEX, row, ""), @"structural: millrace-agents/skills/skills_index.md:1: `fixer-core` is not listed; expected | `fixer-core` | How to remedy named faults at their cause, and only those | execution | `stage/execution/fixer-core/SKILL.md` | shipped |");
    insta::assert_snapshot!(broken(INDEX, row, &format!("{row}{row}")), @"structural: millrace-agents/skills/skills_index.md:11: `fixer-core` is listed twice; expected each skill once");
    insta::assert_snapshot!(broken(INDEX, row, &format!("{row}| `house-style` | Ours | all | `house-style/SKILL.md` | shipped |\n")), @"structural: millrace-agents/skills/skills_index.md:11: `house-style` does not ship; expected shipped skills only");
    insta::assert_snapshot!(broken(INDEX, "named faults", "faults"), @"structural: millrace-agents/skills/skills_index.md:10: the row of `fixer-core` is not what the skill says of itself; expected | `fixer-core` | How to remedy named faults at their cause, and only those | execution | `stage/execution/fixer-core/SKILL.md` | shipped |");
    insta::assert_snapshot!(broken(INDEX, "| Skill | Description", "| Name | Description"), @"structural: millrace-agents/skills/skills_index.md:1: the table has another heading, or none; expected `| Skill | Description | Tags | Path | Status |`");
}

#[test]
fn an_operators_entrypoint_may_look_as_it_likes() {
    insta::assert_snapshot!(own([(BUILDER, SHORT)]), @"policy: millrace-agents/entrypoints/execution/builder.md: without the sections `Purpose`, `Boundaries`, `Inputs`, `Procedure`, `Evidence`, `Reporting`, `Legal results`, `Escalation` and `Stop conditions`; expected all that a shipped entrypoint has, or a reason to leave them out");
    insta::assert_snapshot!(own([(BUILDER, "# Mine\n")]), @"
structural: millrace-agents/entrypoints/execution/builder.md: the skill of `builder` is not referred to; expected `skills/builder-core/SKILL.md`, as it lies in the stage directory
compatibility: millrace-agents/entrypoints/execution/builder.md: `BLOCKED`, which `builder` may report, is not named; expected when to report `BLOCKED`
compatibility: millrace-agents/entrypoints/execution/builder.md: `BUILDER_COMPLETE`, which `builder` may report, is not named; expected when to report `BUILDER_COMPLETE`
policy: millrace-agents/entrypoints/execution/builder.md: without the sections `Purpose`, `Boundaries`, `Inputs`, `Procedure`, `Evidence`, `Reporting`, `Legal results`, `Escalation` and `Stop conditions`; expected all that a shipped entrypoint has, or a reason to leave them out
policy: millrace-agents/entrypoints/execution/builder.md: `builder_summary.md`, which `builder` is asked for, is not named; expected what belongs into `builder_summary.md`
");
    // Its own form is its writer's business.
    let text = changed(BUILDER, "# Builder\n", "# My builder\n\n### Über all\n\nSee `/usr/share/doc`. \n");
    assert_eq!(own([(BUILDER, text)]), "");
    let long = format!("{SHORT}{}", "More.\n".repeat(6000));
    let said = own([(BUILDER, long.clone())]);
    let wanted = format!(
        "the text has {} bytes, and every launch of its stage reads it anew; expected at most 32768",
        long.len()
    );
    assert!(said.contains(&wanted), "{said}");
}

#[test]
fn an_operators_own_texts_are_known_by_what_modes_say_of_them() {
    let mode = changed(
        MODE,
        "stage_entrypoint_overrides: {}",
        "stage_entrypoint_overrides: {builder: ./entrypoints/mine.md}",
    )
    .replace("stage_skill_additions: {}", "stage_skill_additions: {builder: [skills/house-style/SKILL.md]}");
    let files = |entrypoint: &str, skill: &str| {
        own([
            (MODE, mode.clone()),
            ("entrypoints/mine.md", entrypoint.to_owned()),
            ("skills/house-style/SKILL.md", skill.to_owned()),
            ("skills/house-style/words.md", "Enqueue it.\n".to_owned()),
        ])
    };
    let skill = shipped(CORE)
        .replace("asset_id: builder-core", "asset_id: house-style")
        .replace("stage_core", "documentation");
    let (front_matter, _) = skill.split_once("\n# ").expect("a heading");
    let skill = format!("{front_matter}\n# House style\n\nShort words.\n");
    let entrypoint = changed(BUILDER, "# Builder\n", "# Mine\n");
    assert_eq!(files(&entrypoint, &skill), "");
    insta::assert_snapshot!(files("# Mine\n", "# House style\n"), @"
structural: millrace-agents/entrypoints/mine.md: the skill of `builder` is not referred to; expected `skills/builder-core/SKILL.md`, as it lies in the stage directory
compatibility: millrace-agents/entrypoints/mine.md: `BLOCKED`, which `builder` may report, is not named; expected when to report `BLOCKED`
compatibility: millrace-agents/entrypoints/mine.md: `BUILDER_COMPLETE`, which `builder` may report, is not named; expected when to report `BUILDER_COMPLETE`
policy: millrace-agents/entrypoints/mine.md: without the sections `Purpose`, `Boundaries`, `Inputs`, `Procedure`, `Evidence`, `Reporting`, `Legal results`, `Escalation` and `Stop conditions`; expected all that a shipped entrypoint has, or a reason to leave them out
policy: millrace-agents/entrypoints/mine.md: `builder_summary.md`, which `builder` is asked for, is not named; expected what belongs into `builder_summary.md`
policy: millrace-agents/skills/house-style/SKILL.md:1: the skill does not say that it is advice; expected front matter with `asset_type: skill` and `advisory_only: true`
");
    insta::assert_snapshot!(files(&entrypoint, "---\nname: house-style\n---\n\nShort words.\n"), @"policy: millrace-agents/skills/house-style/SKILL.md:1: the front matter lacks `asset_type`, `asset_id`, `version`, `description`, `advisory_only`, `capability_type` and `forbidden_claims`; expected what the shipped skills have");
    insta::assert_snapshot!(files(&entrypoint, &skill.replace("advisory_only: true", "advisory_only: false")), @"structural: millrace-agents/skills/house-style/SKILL.md:6: advisory_only: a skill that is more than advice is none; expected `true`");
    insta::assert_snapshot!(files(&entrypoint, &skill.replace("asset_id: house-style", "asset_id: builder-core")), @"structural: millrace-agents/skills/house-style/SKILL.md: asset_id: `builder-core` is the id of shipped skills/stage/execution/builder-core/SKILL.md too; expected an id of its own");
    insta::assert_snapshot!(own([("entrypoints/mine.md", entrypoint), ("skills/house-style/SKILL.md", skill)]), @"
policy: millrace-agents/entrypoints/mine.md: no stage of any mode works by this text; expected a mode or a stage that names it
policy: millrace-agents/skills/house-style/SKILL.md: no stage of any mode works by this text; expected a mode or a stage that names it
");
}

#[test]
fn a_text_that_cannot_be_read() {
    let token = format!("ghp_{}", "a1B2".repeat(10));
    insta::assert_snapshot!(own([
        (BUILDER, b"# Builder\n\xff\n".to_vec()),
        (CHECKER, format!("# Checker\n\ntoken {token}\n").into_bytes()),
        ("entrypoints/execution/fixer.md", b" \n".to_vec()),
        (CORE, shipped(CORE).split_once("\n# ").expect("a heading").0.as_bytes().to_vec()),
    ]), @"
structural: millrace-agents/entrypoints/execution/builder.md:2: the file is not UTF-8; expected text
structural: millrace-agents/entrypoints/execution/checker.md:3: this line holds a GitHub token, and commits are for ever; expected no secret in a text that is frozen into plans
structural: millrace-agents/entrypoints/execution/fixer.md: the file is empty; expected instructions
structural: millrace-agents/skills/stage/execution/builder-core/SKILL.md: there is nothing below the front matter; expected advice
");
}

#[test]
fn findings_have_an_end() {
    let linted = lint(&overrides([(BUILDER, format!("{SHORT}{}", "Enqueue it.\n\n".repeat(200)))]));
    assert_eq!((linted.findings.len(), linted.more), (MAX_PROBLEMS, 151));
    assert!(linted.findings.iter().all(|finding| finding.level == Level::Policy));
}

#[test]
fn any_bytes_are_linted() {
    use proptest::prelude::*;
    proptest!(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() }, |(
        cuts in proptest::collection::vec((0..6000usize, 0..60usize, "[-a-zA-Z:`#.{}\\[\\] \n|é]{0,12}"), 1..8),
        which in 0..4usize,
    )| {
        let path = [BUILDER, CHECKER, CORE, INDEX][which];
        let mut text: Vec<char> = shipped(path).chars().collect();
        for (start, length, new) in cuts {
            let start = start.min(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        for linted in [lint(&overrides([(path, &text)])), lint_as_shipped(&overrides([(path, &text)]))] {
            for finding in linted.findings {
                prop_assert!(!finding.to_string().contains('\n'));
            }
        }
    });
}
