//! The harnesses: whether they are there, and what keeps them from working.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Checked, Level};
use crate::cli::failure::Failure;
use crate::domain::ids::RunnerName;
use crate::domain::view::View as _;
use crate::format::config::{Config, Runner, RunnerKind};
use crate::harness::adapter::RunnerSpec;
use crate::harness::environment::inherited;
use crate::harness::health::{ANSWER_LIMIT, Finding, Patient, Severity, examine, of_kind};
use crate::runtime::project::Project;
use crate::runtime::{plans, runner};

const CHECK: &str = "runner";

/// The runners that are in use.
type InUse = BTreeSet<RunnerName>;

/// Examines the runners that the selected plan uses, or without one the configuration; with `all` also every other one
/// that is configured or shipped.
pub(super) fn runners(project: &Project, all: bool, checked: &mut Checked) -> Result<(), Failure> {
    let Some(work_tree) = &project.repository.work_tree else {
        checked.add(Level::Ok, CHECK, "no stage runs in a bare repository");
        return Ok(());
    };
    let (config, mut used) = match of_plan(project)? {
        Some(found) => found,
        None => match plans::load_or_defaults(project, None) {
            Ok((loaded, _)) => {
                let used = of_config(&loaded.config);
                (loaded.config, used)
            }
            // Said with the configuration.
            Err(_) => return Ok(()),
        },
    };
    if all {
        used.extend(config.runners.tables.keys().cloned());
    }
    for name in &used {
        match config.runners.tables.get(name) {
            Some(runner) => say(name.as_str(), examined(name, runner, work_tree, checked), checked),
            None => checked.add(Level::Error, CHECK, format!("{name}: the configuration has no such runner")),
        }
    }
    if all {
        for kind in RunnerKind::ALL.into_iter().filter(|kind| of_kind(*kind).is_some()) {
            if used
                .iter()
                .any(|name| config.runners.tables.get(name).is_some_and(|runner| runner.kind == kind))
            {
                continue;
            }
            shipped(kind, work_tree, checked);
        }
    }
    Ok(())
}

/// The selected plan's configuration, and the runners of its stages.
fn of_plan(project: &Project) -> Result<Option<(Config, InUse)>, Failure> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let selected = if view.exists()? { view.control()?.plan } else { None };
    let Some(id) = selected else { return Ok(None) };
    // What is wrong with a plan is said with the ledger.
    let (Some(plan), Ok(config)) = (view.plan(&id)?, runner::frozen_config(&view, &id)) else {
        return Ok(None);
    };
    let used = plan.stages.values().map(|stage| stage.runner.clone()).collect();
    Ok(Some((config, used)))
}

/// The runners that a configuration names for its stages.
fn of_config(config: &Config) -> InUse {
    let named = config.stages.values().filter_map(|stage| stage.runner.as_ref());
    named.chain([&config.runners.default_runner]).cloned().collect()
}

/// Examines a runner as it is configured.
fn examined(name: &RunnerName, runner: &Runner, work_tree: &Path, checked: &mut Checked) -> Vec<Finding> {
    if let Some(script) = runner.script.as_ref().filter(|_| runner.kind == RunnerKind::Scripted) {
        let script = work_tree.join(script);
        let (level, what) =
            if script.is_file() { (Level::Ok, "the script is") } else { (Level::Error, "no script is") };
        checked.add(level, CHECK, format!("{name}: {what} at {}", script.display()));
        return Vec::new();
    }
    let spec = RunnerSpec::from(runner.clone());
    let environment = inherited(std::env::vars_os(), &spec.passed_variables(), spec.set_variables());
    let keys: Vec<String> =
        runner.extra_config.iter().filter_map(|setting| key_of_provider(setting)).collect();
    examine(&Patient {
        knowledge: of_kind(runner.kind),
        program: spec.program().unwrap_or_default(),
        arguments: &runner.args,
        environment: &environment,
        work_tree,
        keys: &keys,
        limit: ANSWER_LIMIT,
    })
}

/// Examines a harness that nothing here uses. What is wrong with it is no error here.
fn shipped(kind: RunnerKind, work_tree: &Path, checked: &mut Checked) {
    let name: Result<RunnerName, _> = kind.as_str().parse();
    let Ok(name) = name else { return };
    let found =
        examined(&name, &Runner::shipped(kind), work_tree, checked).into_iter().map(|finding| Finding {
            severity: match finding.severity {
                Severity::Bad => Severity::Doubt,
                other => other,
            },
            detail: format!("not in use: {}", finding.detail),
        });
    say(kind.as_str(), found.collect(), checked);
}

fn say(name: &str, findings: Vec<Finding>, checked: &mut Checked) {
    for finding in findings {
        let level = match finding.severity {
            Severity::Fine => Level::Ok,
            Severity::Doubt => Level::Warning,
            Severity::Bad => Level::Error,
        };
        checked.add(level, CHECK, format!("{name}: {}", finding.detail));
    }
}

/// The variable that holds the key of a provider of the operator's own: `model_providers.x.env_key="NAME"`.
fn key_of_provider(setting: &str) -> Option<String> {
    let (key, value) = setting.split_once('=')?;
    if !key.trim().ends_with(".env_key") {
        return None;
    }
    let name = value.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}
