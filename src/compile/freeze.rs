//! From everything that a plan rests on to the plan, frozen.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::assets::Assets;
use super::diagnostics::{Diagnostics, Problem, Problems};
use super::graph::{Kinds, graph};
use super::identity::plan_id;
use super::instructions::Freezer;
use super::loops;
use super::mode;
use super::origin::{Origin, Origins};
use super::sheet::{Placed, Sheet, meant};
use super::staffing::Staffing;
use super::stage_kind;
use crate::domain::ids::{LoopId, ModeId, PlanId, StageName};
use crate::domain::plan::{
    Completion, Loop, PLAN_SCHEMA, Plan, PlanLimits, Plane, SnapshotPolicy, WorkspacePolicy,
};
use crate::format::config::{Config, ConfigError, Loaded, effective_toml, parse_frozen};
use crate::format::records::{RecordError, encode};
use crate::format::suggest::nearest;
use crate::format::warning::Warning;

/// The effective configuration among a plan's files.
pub const CONFIG_FILE: &str = "config.toml";

/// The key that chooses the mode where the command line does not.
const DEFAULT_MODE: &str = "runtime.default_mode";

/// What a plan is compiled from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The mode that was asked for (`--mode`); else `runtime.default_mode` counts.
    pub mode: Option<&'a ModeId>,
    /// The configuration, with the lines of its file for messages.
    pub config: &'a Loaded,
    /// The shipped texts and the operator's.
    pub assets: &'a Assets,
}

/// A plan, frozen.
#[derive(Clone, PartialEq)]
pub struct Compiled {
    /// Its id, from `record` and `files` alone.
    pub id: PlanId,
    /// The plan itself.
    pub plan: Plan,
    /// The bytes of `plan.toml`.
    pub record: Vec<u8>,
    /// The files below `files/`, sorted by their paths: entrypoints, skills, loops, mode, stage kinds and the
    /// effective configuration.
    pub files: Vec<(String, Vec<u8>)>,
    /// What there is to say about it all the same.
    pub diagnostics: Diagnostics,
    /// Where what it says comes from.
    pub origins: Origins,
    /// The effective configuration, as it is frozen.
    pub config: Config,
}

impl fmt::Debug for Compiled {
    /// The id says all of it; the bytes would fill screens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Compiles a plan, or says everything that stands against it.
///
/// Pure: the same request gives the same plan and the same id, at any time and on any machine.
pub fn compile(request: &Request<'_>) -> Result<Compiled, Diagnostics> {
    let mode = request.mode.unwrap_or(&request.config.config.runtime.default_mode);
    let problems = Problems::default();
    let frozen = freeze(request, mode, &problems);
    let (mut errors, more_errors) = problems.into_parts();
    errors.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    let mut diagnostics = Diagnostics {
        mode: Some(mode.clone()),
        errors,
        more_errors,
        warnings: request.config.warnings.clone(),
    };
    match frozen {
        Some(Frozen { id, plan, record, files, origins, config }) if diagnostics.ok() => {
            diagnostics.warnings.extend(unused(request.assets, &files));
            Ok(Compiled {
                id,
                plan,
                record,
                files: files.into_iter().collect(),
                diagnostics,
                origins,
                config,
            })
        }
        _ => Err(diagnostics),
    }
}

struct Frozen {
    id: PlanId,
    plan: Plan,
    record: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
    origins: Origins,
    config: Config,
}

fn freeze(request: &Request<'_>, id: &ModeId, problems: &Problems) -> Option<Frozen> {
    let Request { assets, config, .. } = *request;
    assets.check_places(problems);
    let mode_path = mode::path_of(id);
    if assets.bytes(&mode_path).is_none() {
        no_mode(request, id, problems);
        return None;
    }
    let sheet = mode::open(assets, id, problems)?;
    let mode = mode::read(&sheet, id);

    let execution_sheet = open_loop(assets, mode.execution.as_ref(), problems);
    let planning_sheet = open_loop(assets, mode.planning.as_ref(), problems);
    let execution = execution_sheet.as_ref().and_then(|(id, sheet)| {
        Some((id, loops::read(sheet, id, Plane::Execution, &config.config, problems)?))
    });
    let planning = planning_sheet.as_ref().and_then(|(id, sheet)| {
        Some((id, loops::read(sheet, id, Plane::Planning, &config.config, problems)?))
    });

    let mut kinds = Kinds::new();
    let mut paths = BTreeMap::new();
    for (_, written) in execution.iter().chain(&planning) {
        stage_kinds(assets, written, &mut kinds, &mut paths, problems);
    }
    let graph_of = |read: &Option<(&LoopId, loops::WrittenLoop<'_>)>| {
        let (id, written) = read.as_ref()?;
        graph(written, id, &kinds, problems)
    };
    let (execution_graph, planning_graph) = (graph_of(&execution), graph_of(&planning));

    // Only with both loops at hand are the plan's stages known.
    let mut freezer = Freezer::new(assets, problems);
    let (Some((execution_id, execution)), Some((planning_id, planning))) = (&execution, &planning) else {
        return None;
    };
    let names: Vec<&str> =
        execution.stages.iter().chain(&planning.stages).map(|stage| stage.value.as_str()).collect();
    if execution.named && planning.named {
        mode.check_stages(&names);
        for error in config.unknown_stages(&names) {
            problems.add(error.into());
        }
    }
    let staffing = Staffing { kinds: &kinds, paths: &paths, mode: &mode, config, problems };
    let (stages, stage_origins) = staffing.stages(&mut freezer);
    let origins = Origins {
        chosen: match request.mode {
            Some(_) => Origin::file("--mode".to_owned()),
            None => Origin::config(config, DEFAULT_MODE),
        },
        mode: freezer.origin(&mode_path),
        execution: freezer.origin(&loops::path_of(execution_id)),
        planning: freezer.origin(&loops::path_of(planning_id)),
        stages: stage_origins,
    };
    freezer.keep(&mode_path);
    freezer.keep(&loops::path_of(execution_id));
    freezer.keep(&loops::path_of(planning_id));
    let mut files = freezer.files;
    let used = stages.values().map(|stage| &stage.runner).collect();
    let effective = config.config.with_runners(&used);
    files.insert(CONFIG_FILE.to_owned(), effective_toml(&effective).into_bytes());

    let (execution, _): (Loop, Option<Completion>) = execution_graph?;
    let (planning, completion) = planning_graph?;
    let plan = Plan {
        schema: PLAN_SCHEMA,
        mode: id.clone(),
        limits: PlanLimits {
            budget: config.config.limits.budget,
            max_launches_per_item: config.config.limits.max_launches_per_item,
            max_interruptions: config.config.limits.max_interruptions,
            max_rejected_handoffs: config.config.limits.max_rejected_handoffs,
            max_remediation_rounds: config.config.limits.max_remediation_rounds,
            max_open_roots: config.config.limits.max_open_roots,
        },
        workspace: WorkspacePolicy {
            between_items: config.config.workspace.between_items,
            on_done: config.config.workspace.on_done,
        },
        snapshot: SnapshotPolicy {
            exclude: config.config.snapshot.exclude.clone(),
            max_file_bytes: config.config.snapshot.max_file_bytes,
        },
        stages,
        execution,
        planning,
        completion,
    };
    let refuse = |problem: String, expected: &str| {
        problems.add(Problem {
            file: assets.shown(&mode_path),
            line: None,
            key: None,
            problem,
            expected: expected.to_owned(),
        });
    };
    let record = match encode(&plan) {
        Ok(record) => record,
        Err(RecordError(error)) => {
            refuse(format!("the plan cannot be written: {error}"), "values that TOML has");
            return None;
        }
    };
    match plan_id(id, &record, &files) {
        Ok(id) => Some(Frozen { id, plan, record, files, origins, config: effective }),
        Err(error) => {
            refuse(error.to_string(), "a shorter mode id");
            None
        }
    }
}

fn no_mode(request: &Request<'_>, id: &ModeId, problems: &Problems) {
    let known = request.assets.names("modes");
    let asked = request.mode.is_some();
    problems.add(Problem {
        file: if asked { "--mode".to_owned() } else { request.config.file.clone() },
        line: if asked { None } else { request.config.lines.get(DEFAULT_MODE).copied() },
        key: (!asked).then(|| DEFAULT_MODE.to_owned()),
        problem: format!("there is no mode `{id}`"),
        expected: meant(id.as_str(), &known),
    });
}

fn open_loop<'a>(
    assets: &'a Assets,
    named: Option<&Placed<'_, LoopId>>,
    problems: &'a Problems,
) -> Option<(LoopId, Sheet<'a>)> {
    let named = named?;
    let path = loops::path_of(&named.value);
    if assets.bytes(&path).is_none() {
        let known = assets.names("loops");
        named
            .field
            .refuse(format!("there is no loop `{}`", named.value), meant(named.value.as_str(), &known));
        return None;
    }
    Some((named.value.clone(), Sheet::open(assets, &path, problems)?))
}

/// Reads the kinds of a loop's stages.
fn stage_kinds(
    assets: &Assets,
    written: &loops::WrittenLoop<'_>,
    kinds: &mut Kinds,
    paths: &mut BTreeMap<StageName, String>,
    problems: &Problems,
) {
    for stage in &written.stages {
        let name = &stage.value;
        let Some(path) = stage_kind::path_of(assets, name) else {
            let expected = match nearest(name.as_str(), stage_kind::names(assets)) {
                Some(meant) => format!("`{meant}`"),
                None => format!("a kind of its own, `millrace-agents/stages/{}/{name}.yaml`", written.plane),
            };
            stage.field.refuse(format!("there is no stage `{name}`"), expected);
            continue;
        };
        if kinds.get(name).is_some_and(|kind| kind.plane == written.plane) {
            continue;
        }
        let Some(kind) = stage_kind::read(assets, &path, name, problems) else { continue };
        if kind.plane == written.plane {
            kinds.insert(name.clone(), kind);
            paths.insert(name.clone(), path);
        } else {
            stage.field.refuse(
                format!("`{name}` is a stage of the {} plane", kind.plane),
                format!("a stage of the {} plane", written.plane),
            );
        }
    }
}

/// Overrides that were probably meant to win over a shipped file and have another name.
fn unused(assets: &Assets, files: &BTreeMap<String, Vec<u8>>) -> Vec<Warning> {
    let shipped = || super::assets::SHIPPED.iter().map(|(path, _)| *path);
    assets
        .overridden()
        .filter(|path| !files.contains_key(*path) && !shipped().any(|known| known == *path))
        .filter_map(|path| {
            let meant = nearest(path, shipped())?;
            Some(Warning {
                file: assets.shown(path),
                line: 1,
                field: "file".to_owned(),
                message: format!("no stage uses this file; did you mean `{meant}`?"),
            })
        })
        .collect()
}

/// The bytes are not a frozen configuration.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum FrozenConfigError {
    /// They are no text.
    #[error("the plan's {CONFIG_FILE} is not UTF-8")]
    NotText,
    /// They are no configuration.
    #[error("the plan's {0}")]
    Config(#[from] ConfigError),
}

/// The configuration of a frozen plan, from its [`CONFIG_FILE`]. A launch reads its runner here, never in the work
/// tree.
pub fn frozen_config(bytes: &[u8]) -> Result<Config, FrozenConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|_| FrozenConfigError::NotText)?;
    Ok(parse_frozen(text, CONFIG_FILE)?)
}
