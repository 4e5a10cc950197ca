//! What shipped entrypoints and skills say beyond what the lint asks of every text: the report's example, the files of
//! the stage directory, what the runtime owns, documents for the outbox. `lint.rs` has the rest.

use std::collections::BTreeSet;

use millrace::domain::plan::Plane;
use millrace::domain::result::ResultClass;
use millrace::domain::stage_file;

use super::support::{shipped, standard};

/// A stage with what its texts must agree with, from the plan.
struct Stage {
    name: String,
    plane: Plane,
    /// The good end.
    success: String,
    /// A stage that answers a failure: it reads `failure.md` and may name a `resume_stage`.
    repair: bool,
}

fn stages() -> Vec<Stage> {
    let plan = standard().plan;
    assert_eq!(plan.stages.len(), 12);
    let stage = |(name, stage): (&_, &millrace::domain::plan::Stage)| {
        let name: &millrace::domain::ids::StageName = name;
        let mut results = stage.results.iter();
        let success = results.find(|(_, class)| **class == ResultClass::Success).expect("a good end").0;
        Stage {
            name: name.to_string(),
            plane: stage.plane,
            success: success.to_string(),
            repair: stage.repair,
        }
    };
    plan.stages.iter().map(stage).collect()
}

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

fn entrypoint(stage: &Stage) -> &'static str {
    shipped(&format!("entrypoints/{}/{}.md", stage.plane, stage.name))
}

fn skill(stage: &Stage) -> &'static str {
    shipped(&format!("skills/stage/{}/{}-core/SKILL.md", stage.plane, stage.name))
}

/// The text between one heading of level two and the next.
#[track_caller]
fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let heading = format!("\n## {name}\n");
    let start = text.find(&heading).unwrap_or_else(|| panic!("no section `{name}`")) + heading.len();
    let rest = &text[start..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// The contents of the fenced blocks of one language.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(opening.as_str())
        .skip(1)
        .map(|rest| rest.split_once("\n```").expect("the fence is closed").0)
        .collect()
}

#[test]
fn the_result_example_has_the_keys_of_the_result_file() {
    for stage in &stages() {
        let text = entrypoint(stage);
        let reporting = section(text, "Reporting");
        let blocks = fenced(reporting, "json");
        assert_eq!(blocks.len(), 1, "{}", stage.name);
        let value: serde_json::Value = serde_json::from_str(blocks[0]).expect("JSON");
        let keys: BTreeSet<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut expected = BTreeSet::from(["nonce", "summary", "terminal_result"]);
        if stage.repair {
            expected.insert("resume_stage");
            let resume = value["resume_stage"].as_str().expect("a stage");
            assert!(
                stages().iter().any(|other| other.name == resume
                    && other.plane == stage.plane
                    && other.name != stage.name),
                "{}: resumes at {resume}",
                stage.name
            );
        }
        assert_eq!(keys, expected, "{}", stage.name);
        assert_eq!(value["terminal_result"], stage.success, "{}", stage.name);
        assert!(reporting.contains(&format!("`### {}`", stage.success)), "{}: no marker", stage.name);
        assert!(reporting.contains("`MILLRACE_RESULT_FILE`"), "{}", stage.name);
        for key in expected {
            assert!(reporting.contains(&format!("- `{key}`: ")), "{}: `{key}`", stage.name);
        }
    }
}

/// What a repair stage may name is what `decide` takes from it.
#[test]
fn repair_stages_know_where_a_run_may_go_on() {
    let plan = standard().plan;
    for stage in stages().iter().filter(|stage| stage.repair) {
        let graph = plan.graph(stage.plane);
        let rung = |name: &str| graph.repair.iter().position(|rung| rung.stage.as_str() == name);
        let own = rung(&stage.name);
        let judge = plan.completion.as_ref().map(|completion| completion.stage.as_str());
        let allowed: BTreeSet<String> = stages()
            .into_iter()
            .filter(|other| other.plane == stage.plane && other.name != stage.name)
            .filter(|other| rung(&other.name).is_none_or(|other| own.is_some_and(|own| other < own)))
            .filter(|other| Some(other.name.as_str()) != judge)
            .map(|other| other.name)
            .collect();
        let text = entrypoint(stage);
        let (_, said) = section(text, "Reporting").split_once("where the run goes on:").expect("the stages");
        let (said, rest) = said.split_once('.').expect("a sentence");
        let said: BTreeSet<String> = said.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(said, allowed, "{}", stage.name);
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            rest.starts_with("With another name, or left out, it goes on at the stage that failed."),
            "{}",
            stage.name
        );
    }
}

#[test]
fn entrypoints_name_the_files_of_the_stage_directory() {
    for stage in &stages() {
        let text = entrypoint(stage);
        let inputs = section(text, "Inputs");
        let documents: &[&str] = match stage.name.as_str() {
            "arbiter" => &["target.toml", "idea.md", "spec.md", "rubric.md"],
            _ => &[stage_file::ITEM],
        };
        let skill = format!("{}/{}-core/SKILL.md", stage_file::SKILLS, stage.name);
        let evidence = format!("{}/<nn>-<stage>/", stage_file::EVIDENCE);
        for name in [
            stage_file::PROMPT,
            stage_file::REQUEST,
            stage_file::ENTRYPOINT,
            stage_file::RESULT,
            &evidence,
            &skill,
        ]
        .iter()
        .chain(documents)
        {
            assert!(inputs.contains(&format!("`{name}`")), "{}: no {name}", stage.name);
        }
        assert!(inputs.contains("untrusted text"), "{}: the document is not called untrusted", stage.name);
        let failure = format!("`{}`", stage_file::FAILURE);
        assert_eq!(inputs.contains(&failure), stage.repair, "{}: failure.md", stage.name);
        assert_eq!(text.contains("`resume_stage`"), stage.repair, "{}: resume_stage", stage.name);
    }
}

#[test]
fn entrypoints_say_what_the_runtime_owns() {
    for stage in &stages() {
        let text = entrypoint(stage);
        let boundaries = section(text, "Boundaries").split_whitespace().collect::<Vec<_>>().join(" ");
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
    let required: [(&str, &[&str]); 3] = [
        ("consultant", &["incident_id", "title"]),
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
    for stage in &stages() {
        let text = entrypoint(stage);
        let blocks = fenced(text, "markdown");
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
    for stage in &stages() {
        let text = skill(stage);
        let description = description(text);
        // A plain YAML scalar; these would end it or start something else.
        assert!(!description.contains(": ") && !description.contains(" #"), "{}: {description}", stage.name);
        assert!(description.starts_with(|c: char| c.is_ascii_uppercase()), "{}: {description}", stage.name);
        let expected = skill_front_matter(stage, description);
        assert_eq!(text.get(..expected.len()), Some(expected.as_str()), "{}", stage.name);
    }
}

#[test]
fn skills_call_themselves_advice() {
    for stage in &stages() {
        let constraints =
            section(skill(stage), "Operating Constraints").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(constraints.contains("Advice only."), "{}", stage.name);
    }
}
