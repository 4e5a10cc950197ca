//! Who does a stage: runner, model, permission, clocks, instructions; and where each of these was said.

use std::collections::BTreeMap;

use super::diagnostics::{Problem, Problems};
use super::graph::Kinds;
use super::instructions::{Freezer, Text};
use super::mode::Mode;
use super::origin::{Origin, StageOrigins, TextOrigin};
use super::sheet::Field;
use super::stage_kind::StageKind;
use crate::domain::ids::{RunnerName, StageName};
use crate::domain::permission::PermissionRule;
use crate::domain::plan::Stage;
use crate::format::config::{Config, Loaded, NoModel, TIER, table_of};
use crate::format::quote::quoted;
use crate::format::suggest::{nearest, one_of};

/// What stages are made from.
pub(super) struct Staffing<'a, 's> {
    /// The kinds of the plan's stages ...
    pub(super) kinds: &'a Kinds,
    /// ... and the paths of their files.
    pub(super) paths: &'a BTreeMap<StageName, String>,
    pub(super) mode: &'a Mode<'s>,
    pub(super) config: &'a Loaded,
    pub(super) problems: &'a Problems,
}

/// Stages, and where what they say comes from.
type Staffed = (BTreeMap<StageName, Stage>, BTreeMap<StageName, StageOrigins>);

/// Who says something about a stage: a field of the mode, or a key of the configuration.
enum Said<'a, 's> {
    Mode(&'a Field<'s>),
    Config(String),
}

impl Staffing<'_, '_> {
    /// Makes the plan's stages; what is wrong is noted, and its stage left out.
    pub(super) fn stages(&self, freezer: &mut Freezer<'_>) -> Staffed {
        let mut staffed = Staffed::default();
        for (name, kind) in self.kinds {
            let Some(path) = self.paths.get(name) else { continue };
            if let Some((stage, origins)) = self.stage(name, kind, path, freezer) {
                staffed.0.insert(name.clone(), stage);
                staffed.1.insert(name.clone(), origins);
            }
        }
        staffed
    }

    fn stage(
        &self,
        name: &StageName,
        kind: &StageKind,
        path: &str,
        freezer: &mut Freezer<'_>,
    ) -> Option<(Stage, StageOrigins)> {
        let Self { mode, config, .. } = *self;
        freezer.keep(path);
        let entrypoint = match mode.entrypoints.get(name) {
            Some(said) => freezer.text(Text::Entrypoint, said.value, path, Some(&said.field)),
            None => freezer.text(Text::Entrypoint, &kind.entrypoint, path, None),
        };
        let required_skill = freezer.text(Text::Skill, &kind.skill, path, None);
        let mut added_skills: Vec<TextOrigin> = Vec::new();
        for said in mode.skills.get(name).into_iter().flatten() {
            let Some(skill) = freezer.text(Text::Skill, said.value, path, Some(&said.field)) else {
                continue;
            };
            let known = || required_skill.iter().chain(&added_skills);
            if known().any(|known| known.path == skill.path) {
                continue;
            }
            // A stage finds them by the name of their folder.
            if let Some(other) = known().find(|known| folder(&known.path) == folder(&skill.path)) {
                said.field.refuse(
                    format!("the folder of `{}` is called like that of `{}`", skill.path, other.path),
                    "a folder with a name of its own",
                );
                continue;
            }
            added_skills.push(skill);
        }
        let (runner, runner_said) = self.runner(name);
        let Some(settings) = config.config.runners.tables.get(runner) else {
            let (problem, expected) = no_runner(runner, &config.config);
            self.refuse(&runner_said, problem, expected);
            return None;
        };
        let model = self.model(name, runner).ok()?;
        let model_name = model.as_ref().map(|model| model.name.to_owned());
        let (permission, rule) = settings.permissions.resolve(name, model_name.as_deref());
        let key_of_runner = |key: &str| format!("runners.{}.{key}", table_of(runner));
        let key_of_permission = key_of_runner(&match (rule, &model_name) {
            (PermissionRule::Stage, _) => format!("permission_by_stage.{name}"),
            (PermissionRule::Model, Some(model)) => format!("permission_by_model.{model}"),
            (PermissionRule::Model, None) | (PermissionRule::Default, _) => "permission_default".to_owned(),
        });
        if !settings.has_level(permission) {
            let known = settings.levels.keys().map(|level| level.as_str());
            self.refuse(
                &Said::Config(key_of_permission),
                format!("the runner `{runner}` has no level `{permission}`, which stage `{name}` is to have"),
                format!(
                    "{}, or its flags in `{}`",
                    one_of(known),
                    key_of_runner(&format!("levels.{permission}"))
                ),
            );
            return None;
        }
        let own_timeout = format!("stages.{name}.timeout_seconds");
        let timeout_key = if settings.timeout_seconds.is_some() && !config.lines.contains_key(&own_timeout) {
            key_of_runner("timeout_seconds")
        } else {
            own_timeout
        };
        let (entrypoint, required_skill) = (entrypoint?, required_skill?);
        let origins = StageOrigins {
            kind: freezer.origin(path),
            entrypoint: entrypoint.clone(),
            required_skill: required_skill.clone(),
            added_skills: added_skills.clone(),
            runner: self.origin(&runner_said),
            model: model.as_ref().map(|model| self.origin(&model.said)),
            tier: model.and_then(|model| model.tier),
            timeout_seconds: Origin::config(config, &timeout_key),
            silence_seconds: Origin::config(config, &key_of_runner("silence_seconds")),
            permission: Origin::config(config, &key_of_permission),
        };
        let skills = std::iter::once(required_skill).chain(added_skills).map(|skill| skill.path).collect();
        let stage = Stage {
            metered: settings.metered,
            plane: kind.plane,
            results: kind.results.clone(),
            evidence: kind.evidence.clone(),
            creates: kind.creates.clone(),
            repair: kind.repair,
            runner: runner.clone(),
            permission,
            model: model_name,
            timeout_seconds: config.config.timeout_of(name, runner),
            silence_seconds: settings.silence_seconds,
            entrypoint: entrypoint.path,
            skills,
        };
        Some((stage, origins))
    }

    /// The runner: the mode's word, the stage's own, or the default one.
    fn runner(&self, name: &StageName) -> (&RunnerName, Said<'_, '_>) {
        if let Some(said) = self.mode.runners.get(name) {
            return (&said.value, Said::Mode(&said.field));
        }
        let own = self.config.config.stages.get(name).and_then(|stage| stage.runner.as_ref());
        let key = match own {
            Some(_) => format!("stages.{name}.runner"),
            None => "runners.default_runner".to_owned(),
        };
        (own.unwrap_or(&self.config.config.runners.default_runner), Said::Config(key))
    }

    /// The model: the mode's word or the stage's own, and what it stands for where it is a tier.
    fn model(&self, name: &StageName, runner: &RunnerName) -> Result<Option<Model<'_>>, Noted> {
        let (text, said) = if let Some(said) = self.mode.models.get(name) {
            (said.value, Said::Mode(&said.field))
        } else if let Some(model) =
            self.config.config.stages.get(name).and_then(|stage| stage.model.as_deref())
        {
            (model, Said::Config(format!("stages.{name}.model")))
        } else {
            return Ok(None);
        };
        let tiers = &self.config.config.model_tiers;
        let (problem, expected) = match tiers.resolve(text, runner) {
            Ok(name) => {
                let tier = text.strip_prefix(TIER).map(str::to_owned);
                return Ok(Some(Model { name, tier, said }));
            }
            Err(NoModel::Unknown(tier)) => {
                let known: Vec<&str> = tiers.0.keys().map(String::as_str).collect();
                let expected = match nearest(tier, known.iter().copied()) {
                    Some(meant) => format!("`{TIER}{meant}`"),
                    None if known.is_empty() => format!("`{tier} = \"<model>\"` under `[model_tiers]`"),
                    None => format!("a tier of `[model_tiers]`: {}", one_of(known)),
                };
                (format!("there is no model tier {}", quoted(tier)), expected)
            }
            Err(NoModel::Runner(tier)) => (
                format!("the model tier {} has no model for the runner `{runner}`", quoted(tier)),
                format!("`{runner} = \"<model>\"` under `[model_tiers.{tier}]`"),
            ),
        };
        self.refuse(&said, problem, expected);
        Err(Noted)
    }

    fn origin(&self, said: &Said<'_, '_>) -> Origin {
        match said {
            Said::Mode(field) => field.origin(),
            Said::Config(key) => Origin::config(self.config, key),
        }
    }

    /// The line of a key, or of the table that it would stand in.
    fn line_of(&self, key: &str) -> Option<usize> {
        let table = || self.config.lines.get(key.rsplit_once('.')?.0);
        self.config.lines.get(key).or_else(table).copied()
    }

    fn refuse(&self, said: &Said<'_, '_>, problem: String, expected: String) {
        match said {
            Said::Mode(field) => field.refuse(problem, expected),
            Said::Config(key) => self.problems.add(Problem {
                file: self.config.file.clone(),
                line: self.line_of(key),
                key: Some(key.clone()),
                problem,
                expected,
            }),
        }
    }
}

/// A stage's model.
struct Model<'a> {
    name: &'a str,
    tier: Option<String>,
    said: Said<'a, 'a>,
}

/// What is wrong was noted.
struct Noted;

/// The name of the folder that a skill lies in.
fn folder(path: &str) -> Option<&str> {
    path.rsplit('/').nth(1)
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
