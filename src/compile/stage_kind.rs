//! A stage kind: what a stage of this name may report, and which texts it works by.

use std::collections::BTreeMap;

use super::assets::Assets;
use super::diagnostics::Problems;
use super::sheet::{Field, Sheet};
use crate::domain::ids::{ResultName, StageName};
use crate::domain::plan::Plane;
use crate::domain::result::ResultClass;
use crate::format::quote::quoted;

/// The result that stands for every failure of a stage; a stage that could not report it could fail nowhere to.
pub(super) const BLOCKED: &str = "BLOCKED";

/// The classes of results.
const CLASSES: [(&str, ResultClass); 5] = [
    ("success", ResultClass::Success),
    ("followup_needed", ResultClass::FollowupNeeded),
    ("recoverable_failure", ResultClass::RecoverableFailure),
    ("escalate_planning", ResultClass::EscalatePlanning),
    ("blocked", ResultClass::Blocked),
];

/// A stage kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StageKind {
    pub(super) plane: Plane,
    pub(super) repair: bool,
    pub(super) results: BTreeMap<ResultName, ResultClass>,
    /// Its instructions, a path of the assets.
    pub(super) entrypoint: String,
    /// Its own skill, a path of the assets.
    pub(super) skill: String,
}

/// The two planes by name.
pub(super) const PLANES: [(&str, Plane); 2] =
    [("execution", Plane::Execution), ("planning", Plane::Planning)];

/// The path of a stage kind, if there is one of this name in either plane.
pub(super) fn path_of(assets: &Assets, stage: &StageName) -> Option<String> {
    PLANES
        .iter()
        .map(|(plane, _)| format!("stages/{plane}/{stage}.yaml"))
        .find(|path| assets.bytes(path).is_some())
}

/// The names of all stage kinds.
pub(super) fn names(assets: &Assets) -> Vec<&str> {
    PLANES
        .iter()
        .flat_map(|(plane, _)| match plane {
            &"execution" => assets.names("stages/execution"),
            _ => assets.names("stages/planning"),
        })
        .collect()
}

/// Reads a stage kind; `None` where something that it needs is missing or wrong, which is noted.
pub(super) fn read(assets: &Assets, path: &str, stage: &StageName, problems: &Problems) -> Option<StageKind> {
    let before = problems.count();
    let sheet = Sheet::open(assets, path, problems)?;
    let root = sheet.root();
    if !root.only(&["stage", "plane", "repair", "results", "entrypoint", "skill"]) {
        return None;
    }
    let as_file = format!("`{stage}`, as the file is called");
    if let Some(field) = root.need("stage", &as_file)
        && let Some(text) = field.text(&as_file)
        && text != stage.as_str()
    {
        field.refuse(format!("found {}", quoted(text)), as_file);
    }
    let plane = root.need("plane", "`execution` or `planning`").and_then(|field| {
        let plane = field.word(&PLANES)?;
        let fits = path.starts_with(&format!("stages/{plane}/"));
        if !fits {
            field.refuse(format!("found `{plane}`"), "the plane whose folder it lies in");
        }
        fits.then_some(plane)
    });
    let repair = root.get("repair").is_some_and(|field| field.truth() == Some(true));
    let results =
        root.need("results", "results with their classes").map(|field| results(&field)).unwrap_or_default();
    let path = |key: &str, expected: &str| {
        root.need(key, expected).and_then(|field| field.text(expected)).map(str::to_owned)
    };
    let entrypoint = path("entrypoint", "the path of its instructions, `entrypoints/...md`");
    let skill = path("skill", "the path of its skill, `skills/.../SKILL.md`");
    if problems.count() > before {
        return None;
    }
    Some(StageKind { plane: plane?, repair, results, entrypoint: entrypoint?, skill: skill? })
}

fn results(field: &Field<'_>) -> BTreeMap<ResultName, ResultClass> {
    let mut results = BTreeMap::new();
    for (name, class) in field.entries("results with their classes, such as `BLOCKED: blocked`") {
        let Ok(result) = name.parse::<ResultName>() else {
            class.refuse(
                format!("{} is not valid", quoted(name)),
                "a result: upper-case letters, digits or `_`",
            );
            continue;
        };
        if let Some(class) = class.word(&CLASSES) {
            results.insert(result, class);
        }
    }
    let blocked = results.iter().find(|(result, _)| result.as_str() == BLOCKED);
    if blocked.is_none_or(|(_, class)| *class != ResultClass::Blocked) {
        field.refuse("a failure has no result", "`BLOCKED: blocked` among the results");
    }
    results
}
