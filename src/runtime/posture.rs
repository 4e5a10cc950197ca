//! Levels that a harness does not do for root: found before anything is launched, by the rules of the frozen contracts,
//! so that it is a wait with something to do, not a stage that failed.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::runner::{self, RunnerError};
use super::tree;
use crate::domain::ids::{PlanId, RunnerName, StageName};
use crate::domain::permission::PermissionLevel;
use crate::domain::plan::Plan;
use crate::domain::schedule::Wait;
use crate::domain::view::View as _;
use crate::format::config::{Config, table_of};
use crate::format::suggest::all_of;
use crate::harness::adapter::RunnerSpec;
use crate::harness::environment::inherited;
use crate::ledger::view::TreeView;

/// Who runs the harnesses here, and what they get of the environment.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Whether it is root.
    pub root: bool,
    /// The runtime's own environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Machine {
    /// This process.
    #[must_use]
    pub fn this() -> Self {
        Self { root: rustix::process::geteuid().is_root(), environment: std::env::vars_os().collect() }
    }
}

/// A level of a runner that it does not do here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The runner.
    pub runner: RunnerName,
    /// The level.
    pub level: PermissionLevel,
    /// The stages that have it.
    pub stages: Vec<StageName>,
    /// What in its environment would let it (`NAME=value`).
    pub unless: Vec<String>,
}

impl Refused {
    /// What is wrong and what to do, in a line.
    #[must_use]
    pub fn detail(&self) -> String {
        let Self { runner, level, stages, unless } = self;
        let table = table_of(runner);
        let stages = match stages.len() {
            ..=3 => all_of(stages.iter().map(StageName::as_str)),
            many => format!("{many} stages of the plan"),
        };
        let unless = unless.first().map_or_else(String::new, |variable| {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            format!(
                ", or `{name} = \"{value}\"` under `[runners.{table}.env]` if this machine is a sandbox that may be lost (a \
                 run that has begun keeps its plan: for that, set {name} where the runtime starts)"
            )
        });
        format!(
            "the harness of runner {runner} refuses level {level} to root, which {stages} would run at; run millrace as \
             another user, or choose a lower level for `permission_default` or `permission_by_stage` of \
             `[runners.{table}]`{unless}; then `millrace compile validate`"
        )
    }
}

/// What stands against the stages of a plan (one, or all of them) on this machine.
#[must_use]
pub fn refused(plan: &Plan, config: &Config, only: Option<&StageName>, machine: &Machine) -> Vec<Refused> {
    let mut found: BTreeMap<(&RunnerName, PermissionLevel), Refused> = BTreeMap::new();
    if !machine.root {
        return Vec::new();
    }
    for (name, stage) in plan.stages.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let Some(runner) = config.runners.tables.get(&stage.runner) else { continue };
        let spec = RunnerSpec::from(runner.clone());
        let environment =
            inherited(machine.environment.iter().cloned(), &spec.passed_variables(), spec.set_variables());
        let Some(refuses) = spec.refuses_root(stage.permission, &environment) else { continue };
        let refused = found.entry((&stage.runner, stage.permission)).or_insert_with(|| Refused {
            runner: stage.runner.clone(),
            level: stage.permission,
            stages: Vec::new(),
            unless: refuses.unless.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        });
        refused.stages.push(name.clone());
    }
    found.into_values().collect()
}

/// The wait of a run whose next stage its harness would refuse, or of every new one where that is so of any stage of the
/// plan: a run is not begun that cannot be finished.
pub fn obstacle(
    view: &TreeView<'_, '_>,
    plan: &PlanId,
    only: Option<&StageName>,
) -> Result<Option<Wait>, RunnerError> {
    let machine = Machine::this();
    if !machine.root {
        return Ok(None);
    }
    let Some(planned) = view.plan(plan)? else { return Ok(None) };
    let config = runner::frozen_config(view, plan)?;
    let first = refused(&planned, &config, only, &machine).into_iter().next();
    Ok(first.map(|refused| tree::wait("posture", refused.detail())))
}
