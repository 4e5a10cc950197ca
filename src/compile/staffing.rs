//! Who does a stage: runner, model, permission, clocks, instructions.

use std::collections::BTreeMap;

use super::diagnostics::{Problem, Problems};
use super::graph::Kinds;
use super::instructions::{Freezer, Text};
use super::mode::Mode;
use super::stage_kind::StageKind;
use crate::domain::ids::{RunnerName, StageName};
use crate::domain::plan::Stage;
use crate::format::config::{Config, Loaded};
use crate::format::suggest::{nearest, one_of};

/// Makes the plan's stages; what is wrong is noted, and its stage left out.
pub(super) fn stages(
    kinds: &Kinds,
    paths: &BTreeMap<StageName, String>,
    mode: &Mode<'_>,
    config: &Loaded,
    freezer: &mut Freezer<'_>,
    problems: &Problems,
) -> BTreeMap<StageName, Stage> {
    kinds
        .iter()
        .filter_map(|(name, kind)| {
            let path = paths.get(name)?;
            Some((name.clone(), stage(name, kind, path, mode, config, freezer, problems)?))
        })
        .collect()
}

fn stage(
    name: &StageName,
    kind: &StageKind,
    path: &str,
    mode: &Mode<'_>,
    config: &Loaded,
    freezer: &mut Freezer<'_>,
    problems: &Problems,
) -> Option<Stage> {
    freezer.keep(path);
    let entrypoint = match mode.entrypoints.get(name) {
        Some(said) => freezer.text(Text::Entrypoint, said.value, path, Some(&said.field)),
        None => freezer.text(Text::Entrypoint, &kind.entrypoint, path, None),
    };
    let mut skills: Vec<String> = freezer.text(Text::Skill, &kind.skill, path, None).into_iter().collect();
    for said in mode.skills.get(name).into_iter().flatten() {
        if let Some(skill) = freezer.text(Text::Skill, said.value, path, Some(&said.field))
            && !skills.contains(&skill)
        {
            skills.push(skill);
        }
    }
    let runner = match mode.runners.get(name) {
        Some(said) => &said.value,
        None => config.config.runner_of(name),
    };
    let Some(settings) = config.config.runners.tables.get(runner) else {
        let (problem, expected) = no_runner(runner, &config.config);
        if let Some(said) = mode.runners.get(name) {
            said.field.refuse(problem, expected);
        } else {
            let own = format!("stages.{name}.runner");
            let key = if config.lines.contains_key(&own) { own } else { "runners.default_runner".to_owned() };
            let line = config.lines.get(&key).copied();
            problems.add(Problem { file: config.file.clone(), line, key: Some(key), problem, expected });
        }
        return None;
    };
    let settings = settings.common();
    let model = mode
        .models
        .get(name)
        .map(|said| said.value.to_owned())
        .or_else(|| config.config.stages.get(name).and_then(|stage| stage.model.clone()));
    Some(Stage {
        plane: kind.plane,
        results: kind.results.clone(),
        evidence: kind.evidence.clone(),
        repair: kind.repair,
        runner: runner.clone(),
        permission: settings.permissions.resolve(name, model.as_deref()),
        model,
        timeout_seconds: config.config.timeout_of(name),
        silence_seconds: settings.silence_seconds,
        entrypoint: entrypoint?,
        skills,
    })
}

fn no_runner(name: &RunnerName, config: &Config) -> (String, String) {
    let known = || config.runners.tables.keys().map(RunnerName::as_str);
    let expected = match (name.as_str(), nearest(name.as_str(), known())) {
        ("codex", _) => "`codex_cli`".to_owned(),
        ("command", _) => "`[runners.command]` with an `argv`".to_owned(),
        ("scripted", _) => "`[runners.scripted]` with a `script`".to_owned(),
        (_, Some(meant)) => format!("`{meant}`"),
        (other, None) => {
            format!("{}, or `[runners.{other}]` with `kind = \"command\"`", one_of(known()))
        }
    };
    (format!("there is no runner `{name}`"), expected)
}
