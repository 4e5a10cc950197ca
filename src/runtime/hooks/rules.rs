//! Where a repository's rules come from: never from a pushed tree. The machine's own come first: the file in the git
//! directory, then git's configuration of this repository, then the plan that was selected and approved here. A name
//! that stands in several counts as the first of them has it.

use std::fs::File;
use std::io::{ErrorKind, Read as _};

use gix::bstr::ByteSlice as _;

use crate::domain::view::View as _;
use crate::format::config::{ConfigError, HookRules, MAX_CONFIG_BYTES, parse_rules, rules_of_git};
use crate::format::hooks::Rule;
use crate::runtime::approval::is_approved;
use crate::runtime::project::Project;
use crate::runtime::runner::frozen_config;

/// The file of rules below our own folder in the git directory.
pub const RULES_FILE: &str = "rules.toml";

/// A rule with where it is said.
#[derive(Debug, Clone)]
pub struct SaidRule {
    /// The rule.
    pub rule: Rule,
    /// Where it is said: the file, git's configuration, or the plan.
    pub said: String,
}

/// The rules of a repository.
#[derive(Debug, Default)]
pub struct Rules {
    /// The rules in the order in which they take, each name once.
    pub rules: Vec<SaidRule>,
    /// What could not be read: none of the rules there count.
    pub problems: Vec<String>,
}

impl Rules {
    /// Reads them. Nothing is created, and a repository without a work tree has no plan that is asked.
    #[must_use]
    pub fn here(project: &Project) -> Self {
        let mut rules = Self::default();
        let file = project.store.private_dir().join(RULES_FILE);
        match of_file(project) {
            Ok(found) => rules.add(found, &file.display().to_string()),
            Err(problem) => rules.problems.push(problem),
        }
        match of_git(project) {
            Ok(found) => rules.add(found, "git config"),
            Err(problem) => rules.problems.push(problem),
        }
        if !project.repository.is_bare() {
            match of_plan(project) {
                Ok((found, plan)) => rules.add(found, &plan),
                Err(problem) => rules.problems.push(problem),
            }
        }
        rules
    }

    fn add(&mut self, found: HookRules, said: &str) {
        for rule in found.rules {
            if !self.rules.iter().any(|other| other.rule.name == rule.name) {
                self.rules.push(SaidRule { rule, said: said.to_owned() });
            }
        }
    }
}

fn of_file(project: &Project) -> Result<HookRules, String> {
    let path = project.store.private_dir().join(RULES_FILE);
    // Whoever pushes is told of a mistake, and need not know where the server keeps its repositories.
    let shown = format!("<git-dir>/millrace/{RULES_FILE}");
    let mut text = String::new();
    let read =
        File::open(&path).and_then(|file| file.take(MAX_CONFIG_BYTES as u64 + 1).read_to_string(&mut text));
    match read {
        Ok(_) => parse_rules(&text, &shown).map_err(|error| error.to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HookRules::default()),
        Err(error) => Err(format!("cannot read {shown}: {error}")),
    }
}

/// `millrace.<rule>.<key>` of the repository's own configuration file. What it includes is not followed: it may lie where
/// a push can reach.
fn of_git(project: &Project) -> Result<HookRules, String> {
    let path = project.repository.common_dir.join("config");
    let shown = "<git-dir>/config";
    let config = match gix::config::File::from_path_no_includes(path.clone(), gix::config::Source::Local) {
        Ok(config) => config,
        Err(_) if !path.exists() => return Ok(HookRules::default()),
        Err(error) => {
            let line = error.to_string().lines().next().unwrap_or_default().to_owned();
            return Err(format!("cannot read {shown}: {line}"));
        }
    };
    let mut entries = Vec::new();
    for section in config.sections_by_name("millrace").into_iter().flatten() {
        let Some(rule) = section.header().subsection_name().map(|name| name.to_str_lossy().into_owned())
        else {
            continue;
        };
        for (key, value) in git_values(&section.body()) {
            entries.push((rule.clone(), key, value));
        }
    }
    if entries.is_empty() {
        return Ok(HookRules::default());
    }
    parse_rules(&rules_of_git(&entries), shown).map_err(|error| in_git(&error, &entries, &path, shown))
}

/// The keys of a section with their values, in order; a key alone says `true`.
fn git_values(body: &gix::config::file::section::BodyRef<'_>) -> Vec<(String, String)> {
    let mut names: Vec<String> = Vec::new();
    for name in body.value_names() {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    let mut found = Vec::new();
    for name in names {
        let values = body.values(&name);
        if values.is_empty() {
            found.push((name.clone(), "true".to_owned()));
        }
        found.extend(values.into_iter().map(|value| (name.clone(), value.to_str_lossy().into_owned())));
    }
    found
}

/// The refusal with the place in git's file.
fn in_git(
    error: &ConfigError,
    entries: &[(String, String, String)],
    path: &std::path::Path,
    shown: &str,
) -> String {
    // The key is `rules[2].max_items`.
    let key = error.key.as_deref().unwrap_or_default();
    let (number, key) = key
        .strip_prefix("rules[")
        .and_then(|rest| rest.split_once(']'))
        .map_or((1, key), |(number, key)| (number.parse().unwrap_or(1), key.trim_start_matches('.')));
    let mut names: Vec<&str> = Vec::new();
    for (name, _, _) in entries {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let name = names.get(number - 1).copied().unwrap_or_default();
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let header = format!("[millrace \"{}\"]", name.replace('\\', "\\\\").replace('"', "\\\""));
    let wanted = key.replace('_', "");
    let mut line = 1;
    let mut inside = false;
    for (number, found) in (1..).zip(text.lines()) {
        let found = found.trim();
        if found.starts_with('[') {
            inside = found.starts_with(&header);
            if inside {
                line = number;
            }
        } else if inside {
            let key =
                found.split('=').next().unwrap_or_default().trim().to_ascii_lowercase().replace('-', "");
            if key == wanted {
                line = number;
                break;
            }
        }
    }
    let error = ConfigError {
        file: shown.to_owned(),
        line,
        key: Some(format!("millrace.{name}.{}", key.replace('_', "-"))),
        ..error.clone()
    };
    error.to_string()
}

/// The rules of the selected plan, where that was compiled or approved here: a push can bring a ledger too.
fn of_plan(project: &Project) -> Result<(HookRules, String), String> {
    let trees = project.trees();
    let view = project.view(&trees).map_err(|error| error.to_string())?;
    let none = (HookRules::default(), String::new());
    if !view.exists().map_err(|fault| fault.to_string())? {
        return Ok(none);
    }
    let Some(plan) = view.control().map_err(|fault| fault.to_string())?.plan else { return Ok(none) };
    let hooks = frozen_config(&view, &plan).map_err(|error| error.to_string())?.hooks;
    if hooks.rules.is_empty() {
        return Ok(none);
    }
    if is_approved(project, &view, &plan).map_err(|error| error.to_string())? {
        Ok((hooks, plan.to_string()))
    } else {
        Err(format!("the rules of {plan} do not count: it was not compiled or approved on this machine"))
    }
}
