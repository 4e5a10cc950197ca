//! A mode: the pair of loops, and what it changes about their stages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::assets::Assets;
use super::diagnostics::{Problem, Problems};
use super::origin::Origin;
use super::sheet::{Field, Placed, Sheet, meant};
use crate::domain::ids::{LoopId, ModeId, RunnerName, StageName};
use crate::format::quote::quoted;

/// By stage, what a mode says.
pub(super) type ByStage<'s, T> = BTreeMap<StageName, Placed<'s, T>>;

/// A mode as it is written.
pub(super) struct Mode<'s> {
    /// The loops, each with the place that names it.
    pub(super) execution: Option<Placed<'s, LoopId>>,
    pub(super) planning: Option<Placed<'s, LoopId>>,
    pub(super) entrypoints: ByStage<'s, &'s str>,
    pub(super) skills: BTreeMap<StageName, Vec<Placed<'s, &'s str>>>,
    pub(super) models: ByStage<'s, &'s str>,
    pub(super) runners: ByStage<'s, RunnerName>,
    /// Every place that names a stage; the plan must have it.
    pub(super) stages: Vec<(StageName, Field<'s>)>,
}

/// The path of a mode.
pub(super) fn path_of(mode: &ModeId) -> String {
    format!("modes/{mode}.yaml")
}

/// Opens a mode's file; `None` where that cannot be.
pub(super) fn open<'a>(assets: &'a Assets, mode: &ModeId, problems: &'a Problems) -> Option<Sheet<'a>> {
    Sheet::open(assets, &path_of(mode), problems)
}

/// Reads a mode.
pub(super) fn read<'s>(sheet: &'s Sheet<'s>, id: &ModeId) -> Mode<'s> {
    const KEYS: [&str; 7] = [
        "mode_id",
        "execution_loop_id",
        "planning_loop_id",
        "stage_entrypoint_overrides",
        "stage_skill_additions",
        "stage_model_bindings",
        "stage_runner_bindings",
    ];
    let root = sheet.root();
    let mut mode = Mode {
        execution: None,
        planning: None,
        entrypoints: BTreeMap::new(),
        skills: BTreeMap::new(),
        models: BTreeMap::new(),
        runners: BTreeMap::new(),
        stages: Vec::new(),
    };
    if !root.only(&KEYS) {
        return mode;
    }
    let as_file = format!("`{id}`, as the file is called");
    if let Some(field) = root.need("mode_id", &as_file)
        && let Some(text) = field.text(&as_file)
        && text != id.as_str()
    {
        field.refuse(format!("found {}", quoted(text)), as_file);
    }
    mode.execution = loop_id(&root, "execution_loop_id", "execution.standard");
    mode.planning = loop_id(&root, "planning_loop_id", "planning.standard");

    let paths = "the path of a file, such as `entrypoints/execution/builder.md`";
    mode.entrypoints =
        by_stage(&root, "stage_entrypoint_overrides", &mut mode.stages, |field| field.text(paths));
    mode.models =
        by_stage(&root, "stage_model_bindings", &mut mode.stages, |field| field.text("the name of a model"));
    mode.runners = by_stage(&root, "stage_runner_bindings", &mut mode.stages, |field| {
        field.name("the name of a runner, such as `codex_cli`")
    });
    let additions = by_stage(&root, "stage_skill_additions", &mut mode.stages, |field| {
        let expected = "a list of paths, such as `[skills/house-style/SKILL.md]`";
        let items = field.items(expected).into_iter();
        Some(
            items
                .filter_map(|field| Some(Placed { value: field.text("the path of a `SKILL.md`")?, field }))
                .collect::<Vec<_>>(),
        )
    });
    mode.skills = additions.into_iter().map(|(stage, said)| (stage, said.value)).collect();
    mode
}

fn loop_id<'s>(root: &Field<'s>, key: &str, example: &str) -> Option<Placed<'s, LoopId>> {
    let expected = format!("the id of a loop, such as `{example}`");
    let field = root.need(key, &expected)?;
    Some(Placed { value: field.name(&expected)?, field })
}

fn by_stage<'s, T>(
    root: &Field<'s>,
    key: &str,
    stages: &mut Vec<(StageName, Field<'s>)>,
    read: impl Fn(&Field<'s>) -> Option<T>,
) -> ByStage<'s, T> {
    let mut said = BTreeMap::new();
    let Some(map) = root.get(key) else { return said };
    for (name, field) in map.entries("a mapping from stages, or `{}`") {
        let Ok(stage) = name.parse::<StageName>() else {
            field.refuse(format!("{} is not valid", quoted(name)), "the name of a stage");
            continue;
        };
        stages.push((stage.clone(), field.clone()));
        if let Some(value) = read(&field) {
            said.insert(stage, Placed { value, field });
        }
    }
    said
}

impl Mode<'_> {
    /// Refuses stages that the plan does not have.
    pub(super) fn check_stages(&self, known: &[&str]) {
        for (stage, field) in &self.stages {
            if !known.contains(&stage.as_str()) {
                let expected = meant(stage.as_str(), known);
                field.refuse(format!("the plan has no stage {}", quoted(stage.as_str())), expected);
            }
        }
    }
}

/// Something that a mode says, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said<T> {
    /// What it says.
    pub value: T,
    /// Where.
    pub from: Origin,
}

/// What a mode changes about one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StageChanges {
    /// Other instructions.
    pub entrypoint: Option<Said<String>>,
    /// Skills besides the required one.
    pub added_skills: Vec<Said<String>>,
    /// The model, or a tier.
    pub model: Option<Said<String>>,
    /// The runner.
    pub runner: Option<Said<String>>,
}

/// A mode as it is written, for people: nothing of it has been held against loops, texts or runners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModeText {
    /// Its id.
    pub mode: ModeId,
    /// Its file.
    pub file: Origin,
    /// The loop of the execution plane.
    pub execution: Said<LoopId>,
    /// The loop of the planning plane.
    pub planning: Said<LoopId>,
    /// What it changes, by stage.
    pub stages: BTreeMap<StageName, StageChanges>,
}

/// The modes that there are, by name, each with its file.
#[must_use]
pub fn mode_ids(assets: &Assets) -> Vec<(String, Origin)> {
    let names = assets.names("modes").into_iter();
    names.map(|name| (name.to_owned(), Origin::file(assets.shown(&format!("modes/{name}.yaml"))))).collect()
}

/// Reads one mode, or says everything that is wrong with its file.
pub fn read_mode(assets: &Assets, name: &str) -> Result<ModeText, Vec<Problem>> {
    let problems = Problems::default();
    match text_of(assets, name, &problems) {
        Some(mode) if problems.count() == 0 => Ok(mode),
        _ => Err(problems.into_parts().0),
    }
}

fn text_of(assets: &Assets, name: &str, problems: &Problems) -> Option<ModeText> {
    let known = assets.names("modes");
    let id: Option<ModeId> = name.parse().ok().filter(|_| known.contains(&name));
    let Some(id) = id else {
        problems.add(Problem {
            file: "modes".to_owned(),
            line: None,
            key: None,
            problem: format!("there is no mode {}", quoted(name)),
            expected: meant(name, &known),
        });
        return None;
    };
    let sheet = open(assets, &id, problems)?;
    let mode = read(&sheet, &id);
    let mut stages: BTreeMap<StageName, StageChanges> = BTreeMap::new();
    let texts = |map: ByStage<'_, &str>| -> Vec<(StageName, Said<String>)> {
        map.into_iter().map(|(stage, said)| (stage, said.map(str::to_owned))).collect()
    };
    for (stage, said) in texts(mode.entrypoints) {
        stages.entry(stage).or_default().entrypoint = Some(said);
    }
    for (stage, said) in texts(mode.models) {
        stages.entry(stage).or_default().model = Some(said);
    }
    for (stage, said) in mode.runners {
        stages.entry(stage).or_default().runner = Some(said.map(|runner| runner.to_string()));
    }
    for (stage, skills) in mode.skills {
        let skills = skills.into_iter().map(|said| said.map(str::to_owned));
        stages.entry(stage).or_default().added_skills.extend(skills);
    }
    Some(ModeText {
        file: Origin::file(assets.shown(&path_of(&id))),
        mode: id,
        execution: mode.execution?.map(std::convert::identity),
        planning: mode.planning?.map(std::convert::identity),
        stages,
    })
}

impl<T> Placed<'_, T> {
    /// What was said, with its place in words.
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Said<U> {
        Said { from: self.field.origin(), value: change(self.value) }
    }
}
