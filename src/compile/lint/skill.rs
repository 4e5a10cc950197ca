//! A skill: what its front matter says of it, and that it advises and decides nothing.

use std::collections::BTreeMap;

use super::super::assets::Assets;
use super::super::diagnostics::{Problem, Problems};
use super::super::sheet::{Field, Sheet, meant};
use super::super::stage_kind::StageKind;
use super::finding::{Level, Notes, WHOLE, at};
use super::house;
use super::markdown::Markdown;
use super::survey::{Standing, Survey};
use crate::domain::ids::StageName;
use crate::format::front_matter::split;
use crate::format::quote::quoted;

/// What no skill may claim.
const FORBIDDEN_CLAIMS: [&str; 7] = [
    "queue_selection",
    "routing",
    "retry_thresholds",
    "escalation_policy",
    "status_persistence",
    "terminal_results",
    "required_artifacts",
];

/// What the front matter of a skill has.
const KEYS: [&str; 7] = [
    "asset_type",
    "asset_id",
    "version",
    "description",
    "advisory_only",
    "capability_type",
    "forbidden_claims",
];

/// What only an entrypoint's stage has: a contract.
const CONTRACTS: [&str; 3] = ["required_result_set", "contract_id", "contract_compatibility"];

/// The kind of a stage's own skill.
const CORE: &str = "stage_core";

/// What a skill's front matter says, as far as it could be read.
#[derive(Default)]
struct Said {
    id: Option<String>,
    kind: Option<String>,
    stages: Vec<String>,
}

/// Lints a skill; `core_of` are the stages whose own it is. Gives its id.
pub(super) fn skill(
    text: &Markdown<'_>,
    path: &str,
    core_of: &[(&StageName, &StageKind)],
    standing: Standing,
    survey: &Survey<'_>,
    notes: &mut Notes,
) -> Option<String> {
    let shown = survey.assets.shown(path);
    if standing == Standing::Shipped {
        house::sections(text, &house::SKILL, notes);
        house::lines(text, &house::SKILL_LINES, notes);
    }
    for (line, word) in text.words().filter(|(_, word)| survey.results.contains(*word)) {
        notes.add(
            Level::Policy,
            at(line),
            format!("`{word}` is a result, and which are legal is the plan's to say"),
            "advice that names no result",
        );
    }
    let fenced = text.lines().next().is_some_and(|(_, line)| line.trim_end() == "---");
    if !fenced && standing == Standing::Added {
        let expected = "front matter with `asset_type: skill` and `advisory_only: true`";
        notes.add(Level::Policy, at(1), "the skill does not say that it is advice", expected);
        return None;
    }
    let split = match split(text.text.as_bytes(), &shown) {
        Ok(split) => split,
        Err(error) => {
            notes.add(Level::Structural, at(error.line), error.problem, error.expected);
            return None;
        }
    };
    if split.body.trim().is_empty() {
        notes.add(Level::Structural, WHOLE, "there is nothing below the front matter", "advice");
    }
    // A blank line stands for the fence, so that lines are those of the file.
    let yaml = format!("\n{}", split.yaml);
    let problems = Problems::default();
    let said = Sheet::of(shown, &yaml, &problems).map(|sheet| front_matter(&sheet, standing, survey, notes));
    for problem in problems.into_parts().0 {
        notes.take(Level::Structural, problem);
    }
    let said = said?;
    if standing != Standing::Added {
        core(path, core_of, &said, notes);
    }
    said.id
}

fn front_matter(sheet: &Sheet<'_>, standing: Standing, survey: &Survey<'_>, notes: &mut Notes) -> Said {
    let root = sheet.root();
    let mut said = Said::default();
    let missing: Vec<&str> = KEYS.into_iter().filter(|key| root.get(key).is_none()).collect();
    if !missing.is_empty() {
        let level = if standing == Standing::Added { Level::Policy } else { Level::Structural };
        let problem = format!("the front matter lacks {}", house::listed(&missing));
        notes.add(level, at(1), problem, "what the shipped skills have");
    }
    if let Some(field) = root.get("asset_type") {
        let _ = field.word(&[("skill", ())]);
    }
    if let Some(field) = root.get("version")
        && let Some(text) = field.text("a whole number from 1")
        && text.parse::<u32>().map_or(true, |version| version == 0)
    {
        field.refuse(format!("found {}", quoted(text)), "a whole number from 1");
    }
    if let Some(field) = root.get("advisory_only")
        && field.truth() == Some(false)
    {
        field.refuse("a skill that is more than advice is none", "`true`");
    }
    if let Some(field) = root.get("description") {
        let _ = field.text("what the skill is for, in one sentence");
    }
    said.id = root.get("asset_id").and_then(|field| field.text("the skill's name").map(str::to_owned));
    said.kind = root
        .get("capability_type")
        .and_then(|field| field.text("`stage_core` or `documentation`").map(str::to_owned));
    if let Some(field) = root.get("forbidden_claims") {
        forbidden(&field, notes);
    }
    if let Some(field) = root.get("recommended_for_stages") {
        for item in field.items("a list of stages") {
            let Some(stage) = item.text("the name of a stage") else { continue };
            if survey.kinds.keys().any(|known| known.as_str() == stage) {
                said.stages.push(stage.to_owned());
            } else {
                let known: Vec<&str> = survey.kinds.keys().map(StageName::as_str).collect();
                item.refuse(format!("there is no stage {}", quoted(stage)), meant(stage, &known));
            }
        }
    }
    for key in CONTRACTS {
        if let Some(field) = root.get(key) {
            notes.add(
                Level::Policy,
                (Some(field.line()), Some(key)),
                "a skill has no contract: what a stage may report is the plan's to say",
                "the key left out",
            );
        }
    }
    said
}

/// The seven claims that no skill makes.
fn forbidden(field: &Field<'_>, notes: &mut Notes) {
    let items = field.one_or_more("what the skill does not claim");
    if items.is_empty() {
        return;
    }
    let claims: Vec<&str> = items.iter().filter_map(|item| item.text("a claim")).collect();
    let missing: Vec<&str> = FORBIDDEN_CLAIMS.into_iter().filter(|claim| !claims.contains(claim)).collect();
    if !missing.is_empty() {
        notes.add(
            Level::Policy,
            (Some(field.line()), Some("forbidden_claims")),
            format!("the list lacks {}", house::listed(&missing)),
            "all seven: a skill claims nothing of the runtime's",
        );
    }
}

/// What a stage's own skill says of itself is true.
fn core(path: &str, core_of: &[(&StageName, &StageKind)], said: &Said, notes: &mut Notes) {
    if core_of.is_empty() {
        return;
    }
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    let mut wrong = |key: &str, problem: String, expected: String| {
        notes.add(Level::Compatibility, (None, Some(key)), problem, expected);
    };
    if let Some(id) = said.id.as_deref().filter(|id| *id != folder) {
        wrong("asset_id", format!("found {}", quoted(id)), format!("`{folder}`, as its folder is called"));
    }
    if let Some(kind) = said.kind.as_deref().filter(|kind| *kind != CORE) {
        wrong("capability_type", format!("found {}", quoted(kind)), format!("`{CORE}`: a stage's own skill"));
    }
    for (stage, _) in core_of {
        if !said.stages.iter().any(|said| said == stage.as_str()) {
            wrong(
                "recommended_for_stages",
                format!("`{stage}`, whose own skill it is, is not among them"),
                format!("`{stage}`"),
            );
        }
    }
}

/// Ids that more than one skill has. A shipped one keeps it, else the first in the order of the paths.
pub(super) fn duplicates(ids: BTreeMap<String, Vec<String>>, assets: &Assets) -> Vec<Problem> {
    let file = |path: &str| assets.shown(path);
    let mut found = Vec::new();
    for (id, mut paths) in ids {
        paths.sort_by_key(|path| assets.is_overridden(path));
        let Some((first, others)) = paths.split_first() else { continue };
        found.extend(others.iter().map(|path| Problem {
            file: file(path),
            line: None,
            key: Some("asset_id".to_owned()),
            problem: format!("{} is the id of {} too", quoted(&id), file(first)),
            expected: "an id of its own".to_owned(),
        }));
    }
    found
}
