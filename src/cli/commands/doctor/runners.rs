//! The harnesses: whether they are there, and what keeps them from working.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Checked, Level};
use crate::cli::failure::Failure;
use crate::domain::ids::RunnerName;
use crate::domain::permission::PermissionLevel;
use crate::domain::view::View as _;
use crate::format::config::{Config, Runner};
use crate::harness::environment::inherited;
use crate::harness::health::{
    ANSWER_LIMIT, CODEX_CLI, Finding, Knowledge, Patient, SHIPPED, Severity, examine, of_adapter,
};
use crate::runtime::project::Project;
use crate::runtime::{plans, runner};

const CHECK: &str = "runner";

/// The runners that are in use, each with the levels that its stages have.
type InUse = BTreeMap<RunnerName, BTreeSet<PermissionLevel>>;

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
        for name in config.runners.tables.keys() {
            used.entry(name.clone()).or_default();
        }
    }
    let mut seen = BTreeSet::new();
    for (name, levels) in &used {
        match config.runners.tables.get(name) {
            Some(runner) => {
                seen.extend(configured(name, runner, levels, work_tree, checked));
            }
            None => checked.add(Level::Error, CHECK, format!("{name}: the configuration has no such runner")),
        }
    }
    if all {
        for knowledge in SHIPPED.into_iter().filter(|knowledge| !seen.contains(knowledge.adapter)) {
            shipped(knowledge, work_tree, checked);
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
    let mut used = InUse::new();
    for stage in plan.stages.values() {
        used.entry(stage.runner.clone()).or_default().insert(stage.permission);
    }
    Ok(Some((config, used)))
}

/// The runners that a configuration names for its stages, with every level that it says for them.
fn of_config(config: &Config) -> InUse {
    let named = config.stages.values().filter_map(|stage| stage.runner.as_ref());
    let mut used = InUse::new();
    for name in named.chain([&config.runners.default_runner]) {
        let levels = used.entry(name.clone()).or_default();
        if let Some(runner) = config.runners.tables.get(name) {
            let permissions = &runner.common().permissions;
            levels.insert(permissions.default);
            levels.extend(permissions.by_stage.values().chain(permissions.by_model.values()));
        }
    }
    used
}

/// Examines a runner that is configured; which adapter it has, where something is known of that.
fn configured(
    name: &RunnerName,
    runner: &Runner,
    levels: &BTreeSet<PermissionLevel>,
    work_tree: &Path,
    checked: &mut Checked,
) -> Option<&'static str> {
    let (knowledge, program, arguments, keys): (_, &str, &[String], Vec<String>) = match runner {
        Runner::Codex(codex) => (
            of_adapter(CODEX_CLI.adapter),
            &codex.command,
            &codex.args,
            codex.extra_config.iter().filter_map(|setting| key_of_provider(setting)).collect(),
        ),
        Runner::Command(command) => (None, command.argv.first().map_or("", String::as_str), &[], Vec::new()),
        Runner::Scripted(scripted) => {
            let script = work_tree.join(&scripted.script);
            let (level, what) =
                if script.is_file() { (Level::Ok, "the script is") } else { (Level::Error, "no script is") };
            checked.add(level, CHECK, format!("{name}: {what} at {}", script.display()));
            return None;
        }
    };
    let spec = runner::spec(runner, work_tree);
    let mut pass: Vec<&str> = spec.passed_variables();
    pass.extend(runner.common().env_pass.iter().map(String::as_str));
    let environment = inherited(std::env::vars_os(), &pass, spec.set_variables());
    let levels: Vec<PermissionLevel> = levels.iter().copied().collect();
    let patient = Patient {
        knowledge,
        program,
        arguments,
        environment: &environment,
        work_tree,
        levels: &levels,
        keys: &keys,
        root: rustix::process::geteuid().is_root(),
        limit: ANSWER_LIMIT,
    };
    say(name.as_str(), examine(&patient), checked);
    knowledge.map(|knowledge| knowledge.adapter)
}

/// Examines a harness that nothing here uses. What is wrong with it is no error here.
fn shipped(knowledge: &'static Knowledge, work_tree: &Path, checked: &mut Checked) {
    let arguments: Vec<String> = knowledge.arguments.iter().map(|text| (*text).to_owned()).collect();
    let environment = inherited(std::env::vars_os(), knowledge.passes, &BTreeMap::new());
    let patient = Patient {
        knowledge: Some(knowledge),
        program: knowledge.program,
        arguments: &arguments,
        environment: &environment,
        work_tree,
        levels: &[],
        keys: &[],
        root: rustix::process::geteuid().is_root(),
        limit: ANSWER_LIMIT,
    };
    let found = examine(&patient).into_iter().map(|finding| Finding {
        severity: match finding.severity {
            Severity::Bad => Severity::Doubt,
            other => other,
        },
        detail: format!("not in use: {}", finding.detail),
    });
    say(knowledge.adapter, found.collect(), checked);
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
