//! The prose that ships in the binary: entrypoints and skills. A stage acts on these words, so they are linted like
//! code: exact results, exact file names, sections in order, and no word that takes what the runtime owns.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the texts of one stage must agree with: the legal results and evidence files of the stage contract.
struct Stage {
    name: &'static str,
    plane: &'static str,
    results: &'static [&'static str],
    evidence: &'static [&'static str],
    /// A stage that answers a failure: it reads `failure.md` and may name a `resume_stage`.
    repair: bool,
}

const fn stage(
    plane: &'static str,
    name: &'static str,
    results: &'static [&'static str],
    evidence: &'static [&'static str],
) -> Stage {
    Stage { name, plane, results, evidence, repair: false }
}

const fn repair(
    plane: &'static str,
    name: &'static str,
    results: &'static [&'static str],
    evidence: &'static [&'static str],
) -> Stage {
    Stage { name, plane, results, evidence, repair: true }
}

const STAGES: [Stage; 12] = [
    stage("execution", "builder", &["BUILDER_COMPLETE", "BLOCKED"], &["builder_summary.md"]),
    stage(
        "execution",
        "checker",
        &["CHECKER_PASS", "FIX_NEEDED", "BLOCKED"],
        &["checker_expectations.md", "checker_summary.md", "fix_contract.md"],
    ),
    stage("execution", "fixer", &["FIXER_COMPLETE", "BLOCKED"], &["fixer_summary.md"]),
    stage(
        "execution",
        "doublechecker",
        &["DOUBLECHECK_PASS", "FIX_NEEDED", "BLOCKED"],
        &["doublecheck_expectations.md", "doublecheck_summary.md", "fix_contract.md"],
    ),
    stage("execution", "updater", &["UPDATE_COMPLETE", "BLOCKED"], &["updater_summary.md"]),
    repair(
        "execution",
        "troubleshooter",
        &["TROUBLESHOOT_COMPLETE", "BLOCKED"],
        &["troubleshoot_report.md", "troubleshoot.log"],
    ),
    repair(
        "execution",
        "consultant",
        &["CONSULT_COMPLETE", "NEEDS_PLANNING", "BLOCKED"],
        &["consultant_decision.json", "consultant_summary.md"],
    ),
    stage("planning", "planner", &["PLANNER_COMPLETE", "BLOCKED"], &["planner_summary.md"]),
    stage("planning", "manager", &["MANAGER_COMPLETE", "BLOCKED"], &["manager_summary.md"]),
    repair("planning", "mechanic", &["MECHANIC_COMPLETE", "BLOCKED"], &["mechanic_report.md"]),
    stage("planning", "auditor", &["AUDITOR_COMPLETE", "BLOCKED"], &["auditor_summary.md"]),
    stage(
        "planning",
        "arbiter",
        &["ARBITER_COMPLETE", "REMEDIATION_NEEDED", "BLOCKED"],
        &["arbiter_report.md"],
    ),
];

const ENTRYPOINT_SECTIONS: [&str; 9] = [
    "Purpose",
    "Boundaries",
    "Inputs",
    "Procedure",
    "Evidence",
    "Reporting",
    "Legal results",
    "Escalation",
    "Stop conditions",
];

const SKILL_SECTIONS: [&str; 9] = [
    "Purpose",
    "Quick Start",
    "Operating Constraints",
    "Inputs This Skill Expects",
    "Output Contract",
    "Procedure",
    "Pitfalls And Gotchas",
    "Progressive Disclosure",
    "Verification Pattern",
];

/// What no skill may claim; the same seven, in this order, for every stage.
const FORBIDDEN_CLAIMS: [&str; 7] = [
    "queue_selection",
    "routing",
    "retry_thresholds",
    "escalation_policy",
    "status_persistence",
    "terminal_results",
    "required_artifacts",
];

/// Orders that would hand a stage what the runtime owns.
const USURPING_PHRASES: [&str; 20] = [
    "claim the next",
    "commit to refs/millrace",
    "commit to `refs/millrace",
    "create the run branch",
    "decide the next stage",
    "enqueue",
    "escalate to",
    "force-push",
    "git update-ref",
    "increment the",
    "mark the item",
    "mark the task",
    "millrace queue",
    "millrace run",
    "move the item",
    "move the task",
    "raise the retry limit",
    "route to",
    "select the next",
    "update the status",
];

/// Columns of the longest line. Agents quote these texts in terminals and diffs.
const MAX_LINE: usize = 160;

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/assets")
}

#[track_caller]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entrypoint(stage: &Stage) -> String {
    read(&assets().join(format!("entrypoints/{}/{}.md", stage.plane, stage.name)))
}

fn skill(stage: &Stage) -> String {
    read(&assets().join(skill_path(stage)))
}

fn skill_path(stage: &Stage) -> String {
    format!("skills/stage/{}/{}-core/SKILL.md", stage.plane, stage.name)
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Headings of level two, in order. Fenced blocks are no prose.
fn sections(text: &str) -> Vec<&str> {
    prose(text).into_iter().filter_map(|line| line.strip_prefix("## ")).collect()
}

/// The lines outside fenced blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut fenced = false;
    text.lines()
        .filter(|line| {
            let fence = line.starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
        .collect()
}

/// The text between one heading of level two and the next.
#[track_caller]
fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let heading = format!("\n## {name}\n");
    let start = text.find(&heading).unwrap_or_else(|| panic!("no section `{name}`")) + heading.len();
    let rest = &text[start..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// The backticked name that each list entry of a section begins with.
fn entry_names(section: &str) -> Vec<&str> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

/// Every result token of any stage that occurs in the text as a whole word.
fn result_tokens(text: &str) -> BTreeSet<&str> {
    let known: BTreeSet<&str> = STAGES.iter().flat_map(|stage| stage.results).copied().collect();
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| known.contains(word))
        .collect()
}

/// The contents of the fenced blocks of one language.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(opening.as_str())
        .skip(1)
        .map(|rest| rest.split_once("\n```").expect("the fence is closed").0)
        .collect()
}

/// What is wrong with a text of any kind, one finding a line.
fn lint(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.ends_with('\n') || text.ends_with("\n\n") {
        findings.push("does not end with exactly one line break".to_owned());
    }
    for (index, line) in text.lines().enumerate() {
        let mut found = |what: &str| findings.push(format!("line {}: {what}: {line}", index + 1));
        if line.chars().count() > MAX_LINE {
            found("too long");
        }
        if line.ends_with(' ') || line.contains('\t') || !line.is_ascii() {
            found("trailing blank, tab or non-ASCII character");
        }
        // A heading of level three in capitals would be a marker.
        if line.trim_start().starts_with("###") {
            found("a heading below level two");
        }
        if has_absolute_path(line) {
            found("an absolute path");
        }
        let lower = line.to_lowercase();
        for phrase in USURPING_PHRASES {
            if lower.contains(phrase) {
                found(phrase);
            }
        }
    }
    // A phrase that a line break divides is still that phrase.
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    for phrase in USURPING_PHRASES {
        if flowing.contains(phrase) && !findings.iter().any(|finding| finding.contains(phrase)) {
            findings.push(format!("over a line break: {phrase}"));
        }
    }
    findings
}

/// Whether a word of the line is a path from the root, from a home, or from a drive.
fn has_absolute_path(line: &str) -> bool {
    line.split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | '[' | '=' | ',')).any(
        |word| {
            let mut chars = word.chars();
            match (chars.next(), chars.next(), chars.next()) {
                (Some('/'), Some(c), _) => c.is_ascii_alphanumeric(),
                (Some('~'), Some('/'), _) => true,
                (Some(c), Some(':'), Some('\\')) => c.is_ascii_alphabetic(),
                _ => false,
            }
        },
    )
}

#[test]
fn the_lint_bites() {
    for bad in [
        "No line break at the end",
        "Two line breaks at the end\n\n",
        "A trailing blank \n",
        "A\ttab\n",
        "### BLOCKED\n",
        "See `/etc/passwd`.\n",
        "See ~/notes.\n",
        "See C:\\notes.\n",
        "Then update the\nstatus of the item.\n",
        "Move the task to done.\n",
        &format!("{}\n", "x".repeat(MAX_LINE + 1)),
    ] {
        assert_ne!(lint(bad), Vec::<String>::new(), "{bad:?}");
    }
    let good = "Read `src/lib.rs` and/or `docs/` before 1/2 past; report `### BLOCKED`.\n";
    assert_eq!(lint(good), Vec::<String>::new());
}

#[test]
fn every_stage_has_its_two_files_and_nothing_lies_beside_them() {
    for plane in ["execution", "planning"] {
        let of_plane = STAGES.iter().filter(|stage| stage.plane == plane);
        let mut entrypoints: Vec<String> =
            of_plane.clone().map(|stage| format!("{}.md", stage.name)).collect();
        let mut skills: Vec<String> = of_plane.map(|stage| format!("{}-core", stage.name)).collect();
        entrypoints.sort();
        skills.sort();
        assert_eq!(names(&assets().join("entrypoints").join(plane)), entrypoints);
        assert_eq!(names(&assets().join("skills/stage").join(plane)), skills);
        for skill in skills {
            assert_eq!(names(&assets().join("skills/stage").join(plane).join(skill)), ["SKILL.md"]);
        }
    }
}

#[test]
fn every_text_passes_the_lint() {
    let mut findings = Vec::new();
    for stage in &STAGES {
        for (what, text) in [("entrypoint", entrypoint(stage)), ("skill", skill(stage))] {
            findings
                .extend(lint(&text).into_iter().map(|finding| format!("{} {what}: {finding}", stage.name)));
        }
    }
    let index = read(&assets().join("skills/skills_index.md"));
    findings.extend(lint(&index).into_iter().map(|finding| format!("index: {finding}")));
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn entrypoints_have_their_sections_in_order_and_a_readable_length() {
    for stage in &STAGES {
        let text = entrypoint(stage);
        let mut title = stage.name.to_owned();
        title[..1].make_ascii_uppercase();
        assert_eq!(text.lines().next(), Some(format!("# {title}").as_str()), "{}", stage.name);
        assert_eq!(sections(&text), ENTRYPOINT_SECTIONS, "{}", stage.name);
        for name in ENTRYPOINT_SECTIONS {
            assert!(!section(&text, name).trim().is_empty(), "{}: `{name}` is empty", stage.name);
        }
        let lines = text.lines().count();
        assert!((50..=115).contains(&lines), "{}: {lines} lines", stage.name);
    }
}

#[test]
fn entrypoints_name_exactly_their_legal_results() {
    for stage in &STAGES {
        let text = entrypoint(stage);
        assert_eq!(entry_names(section(&text, "Legal results")), stage.results, "{}", stage.name);
        // Not only there: a result of another stage anywhere in the text could be taken for a legal one.
        let legal: BTreeSet<&str> = stage.results.iter().copied().collect();
        assert_eq!(result_tokens(&text), legal, "{}", stage.name);
        let marker = format!("`### {}`", stage.results[0]);
        assert!(section(&text, "Reporting").contains(&marker), "{}: no {marker}", stage.name);
    }
}

#[test]
fn entrypoints_name_exactly_their_evidence_files() {
    for stage in &STAGES {
        let text = entrypoint(stage);
        assert_eq!(entry_names(section(&text, "Evidence")), stage.evidence, "{}", stage.name);
    }
}

#[test]
fn evidence_that_is_read_is_written_by_some_stage() {
    let written: BTreeSet<&str> = STAGES.iter().flat_map(|stage| stage.evidence).copied().collect();
    for stage in &STAGES {
        let text = entrypoint(stage);
        for word in text.split('`').skip(1).step_by(2) {
            let report = ["_summary.md", "_report.md", "_contract.md", "_expectations.md"];
            if report.iter().any(|ending| word.ends_with(ending)) {
                assert!(written.contains(word), "{}: nobody writes `{word}`", stage.name);
            }
        }
    }
}

#[test]
fn the_result_example_has_the_keys_of_the_result_file() {
    for stage in &STAGES {
        let text = entrypoint(stage);
        let reporting = section(&text, "Reporting");
        let blocks = fenced(reporting, "json");
        assert_eq!(blocks.len(), 1, "{}", stage.name);
        let value: serde_json::Value = serde_json::from_str(blocks[0]).expect("JSON");
        let keys: BTreeSet<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut expected = BTreeSet::from(["nonce", "summary", "terminal_result"]);
        if stage.repair {
            expected.insert("resume_stage");
            let resume = value["resume_stage"].as_str().expect("a stage");
            assert!(
                STAGES.iter().any(|other| other.name == resume
                    && other.plane == stage.plane
                    && other.name != stage.name),
                "{}: resumes at {resume}",
                stage.name
            );
        }
        assert_eq!(keys, expected, "{}", stage.name);
        assert_eq!(value["terminal_result"], stage.results[0], "{}", stage.name);
        assert!(reporting.contains("`MILLRACE_RESULT_FILE`"), "{}", stage.name);
        for key in expected {
            assert!(reporting.contains(&format!("- `{key}`: ")), "{}: `{key}`", stage.name);
        }
    }
}

#[test]
fn entrypoints_name_the_files_of_the_stage_directory() {
    for stage in &STAGES {
        let text = entrypoint(stage);
        let inputs = section(&text, "Inputs");
        let documents: &[&str] = match stage.name {
            "arbiter" => &["`target.toml`", "`idea.md`", "`spec.md`", "`rubric.md`"],
            _ => &["`item.md`"],
        };
        let skill = format!("`skills/{}-core/SKILL.md`", stage.name);
        for name in ["`prompt.md`", "`request.toml`", "`entrypoint.md`", "`evidence/`", &skill]
            .iter()
            .chain(documents)
        {
            assert!(inputs.contains(name), "{}: no {name}", stage.name);
        }
        assert!(inputs.contains("untrusted text"), "{}: the document is not called untrusted", stage.name);
        assert_eq!(inputs.contains("`failure.md`"), stage.repair, "{}: failure.md", stage.name);
        assert_eq!(text.contains("`resume_stage`"), stage.repair, "{}: resume_stage", stage.name);
    }
}

#[test]
fn entrypoints_say_what_the_runtime_owns() {
    for stage in &STAGES {
        let text = entrypoint(stage);
        let boundaries = section(&text, "Boundaries").split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in [
            "The runtime owns the queue, routing, retry limits, status, run branches and every commit below",
            "Never edit `.git`, any ref below `refs/millrace`, or `millrace-agents/`",
            "Never run a `millrace` command that changes state",
            "You need not commit",
            "End every process that you started",
        ] {
            assert!(boundaries.contains(sentence), "{}: no `{sentence}`", stage.name);
        }
    }
}

#[test]
fn outbox_examples_carry_the_required_fields_and_no_lineage() {
    let required: [(&str, &[&str]); 2] = [
        (
            "planner",
            &[
                "spec_id",
                "title",
                "summary",
                "source_type",
                "goals",
                "constraints",
                "acceptance",
                "references",
            ],
        ),
        (
            "manager",
            &["task_id", "title", "target_paths", "acceptance", "required_checks", "references", "risk"],
        ),
    ];
    for stage in &STAGES {
        let text = entrypoint(stage);
        let blocks = fenced(&text, "markdown");
        let Some((_, required)) = required.iter().find(|(name, _)| *name == stage.name) else {
            assert!(blocks.is_empty(), "{} shows a document", stage.name);
            continue;
        };
        assert_eq!(blocks.len(), 1, "{}", stage.name);
        let lines: Vec<&str> = blocks[0].lines().collect();
        assert_eq!((lines.first(), lines.last()), (Some(&"---"), Some(&"---")), "{}", stage.name);
        let keys: Vec<&str> = lines
            .iter()
            .filter(|line| **line != "---")
            .map(|line| line.split_once(": ").expect("a field").0)
            .collect();
        for key in *required {
            assert!(keys.contains(key), "{}: no {key}", stage.name);
        }
        for key in
            ["root_idea_id", "root_spec_id", "parent_task_id", "parent_spec_id", "created_at", "created_by"]
        {
            assert!(!keys.contains(&key), "{}: {key} is stamped by the runtime", stage.name);
        }
    }
}

/// The front matter that a skill must have, given its description.
fn skill_front_matter(stage: &Stage, description: &str) -> String {
    let claims = FORBIDDEN_CLAIMS.join("\n  - ");
    format!(
        "---\nasset_type: skill\nasset_id: {0}-core\nversion: 1\ndescription: {description}\n\
         advisory_only: true\ncapability_type: stage_core\nrecommended_for_stages:\n  - {0}\n\
         forbidden_claims:\n  - {claims}\n---\n",
        stage.name
    )
}

/// The description in a skill's front matter.
#[track_caller]
fn description(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("description: ")).expect("a description")
}

#[test]
fn skills_have_the_front_matter_of_their_stage() {
    for stage in &STAGES {
        let text = skill(stage);
        let description = description(&text);
        // A plain YAML scalar; these would end it or start something else.
        assert!(!description.contains(": ") && !description.contains(" #"), "{}: {description}", stage.name);
        assert!(description.starts_with(|c: char| c.is_ascii_uppercase()), "{}: {description}", stage.name);
        let expected = skill_front_matter(stage, description);
        assert_eq!(text.get(..expected.len()), Some(expected.as_str()), "{}", stage.name);
    }
}

#[test]
fn skills_have_the_nine_sections_in_order_and_a_readable_length() {
    for stage in &STAGES {
        let text = skill(stage);
        assert_eq!(sections(&text), SKILL_SECTIONS, "{}", stage.name);
        for name in SKILL_SECTIONS {
            assert!(!section(&text, name).trim().is_empty(), "{}: `{name}` is empty", stage.name);
        }
        let lines = text.lines().count();
        assert!((40..=90).contains(&lines), "{}: {lines} lines", stage.name);
    }
}

#[test]
fn skills_advise_and_name_no_result() {
    for stage in &STAGES {
        let text = skill(stage);
        assert_eq!(result_tokens(&text), BTreeSet::new(), "{}", stage.name);
        let constraints =
            section(&text, "Operating Constraints").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(constraints.contains("Advice only."), "{}", stage.name);
    }
}

#[test]
fn the_index_lists_every_skill_as_it_describes_itself() {
    let index = read(&assets().join("skills/skills_index.md"));
    let rows: Vec<&str> = index.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = STAGES
        .iter()
        .map(|stage| {
            let path = skill_path(stage);
            let path = path.strip_prefix("skills/").expect("below skills/");
            let text = skill(stage);
            format!(
                "| `{}-core` | {} | {} | `{path}` | shipped |",
                stage.name,
                description(&text),
                stage.plane
            )
        })
        .collect();
    assert_eq!(rows, expected);
    assert!(index.contains("\n| Skill | Description | Tags | Path | Status |\n"));
}
