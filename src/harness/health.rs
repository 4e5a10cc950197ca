//! Whether a harness can work here: its program, its version, the options that we use, a login. Nothing of a login is
//! ever read: only that it is there.

mod ask;
mod knowledge;
mod place;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ask::{Answer, ask};
use knowledge::Login;
pub use knowledge::{AIDER, CLAUDE_CODE, CODEX_CLI, Knowledge, SHIPPED, of_kind};
pub use place::NotFound;
use place::find;

/// How long a program may take to say its version or what options it has.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A harness, as a stage would call it.
#[derive(Debug)]
pub struct Patient<'a> {
    /// What is known of it; none of a program that is only a command.
    pub knowledge: Option<&'a Knowledge>,
    /// The program, as the runner names it.
    pub program: &'a str,
    /// The arguments that stand before everything else (`exec`).
    pub arguments: &'a [String],
    /// What it would be given.
    pub environment: &'a BTreeMap<String, String>,
    /// The folder that it would work in.
    pub work_tree: &'a Path,
    /// Variables that hold a key by the runner's own settings, beside those that every harness of its kind knows.
    pub keys: &'a [String],
    /// How long it may take for each answer.
    pub limit: Duration,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it has to be.
    Fine,
    /// A stage may fail for it.
    Doubt,
    /// A stage cannot work.
    Bad,
}

/// One thing that was found, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What, and what to do about it.
    pub detail: String,
}

fn finding(severity: Severity, detail: impl Into<String>) -> Finding {
    Finding { severity, detail: detail.into() }
}

/// Examines a harness. It is started, in an empty folder, to say its version and its options, and for nothing else.
#[must_use]
pub fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let program = match find(patient.program, patient.environment.get("PATH"), patient.work_tree) {
        Ok(program) => program,
        Err(error) => {
            found.push(finding(
                Severity::Bad,
                format!(
                    "`{}` {error}; install it, or name it with its path in the runner's table",
                    patient.program
                ),
            ));
            return found;
        }
    };
    let shown = program.display();
    let Some(knowledge) = patient.knowledge else {
        found.push(finding(Severity::Fine, format!("{shown}, of which nothing more is known")));
        return found;
    };
    match ask(&program, &["--version"], patient.environment, patient.limit) {
        Answer::Said { ok: true, text } if first_line(&text).is_some() => {
            let version = first_line(&text).unwrap_or_default();
            found.push(finding(Severity::Fine, format!("{shown}, {version}")));
            options(&program, knowledge, patient, &mut found);
        }
        other => found.push(finding(
            Severity::Bad,
            format!("{shown} {}; run `{} --version` by hand", other.why_not(patient.limit), patient.program),
        )),
    }
    found.push(login(knowledge, patient));
    found
}

/// The first line that says something, bounded and fit for a terminal.
fn first_line(text: &str) -> Option<String> {
    const SHOWN: usize = 80;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(SHOWN).collect())
}

/// Whether the options that the adapter uses are among those that the program lists.
fn options(program: &Path, knowledge: &Knowledge, patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let mut fine = true;
    for help in knowledge.helps {
        let arguments: Vec<&str> = patient
            .arguments
            .iter()
            .map(String::as_str)
            .chain(help.arguments.iter().copied())
            .chain(["--help"])
            .collect();
        let called = format!("`{} {}`", patient.program, arguments.join(" "));
        match ask(program, &arguments, patient.environment, patient.limit) {
            Answer::Said { ok: true, text } => {
                let missing: Vec<&str> =
                    help.options.iter().copied().filter(|option| !lists(&text, option)).collect();
                if !missing.is_empty() {
                    fine = false;
                    found.push(finding(
                        Severity::Bad,
                        format!(
                            "{called} does not list {}, which a stage is started with; install another version",
                            missing.join(", ")
                        ),
                    ));
                }
            }
            other => {
                fine = false;
                found.push(finding(
                    Severity::Bad,
                    format!("{called} {}; install another version", other.why_not(patient.limit)),
                ));
            }
        }
    }
    if fine && !knowledge.helps.is_empty() {
        found.push(finding(Severity::Fine, "every option that a stage is started with is there"));
    }
}

/// Whether a help text defines this option: on a line that begins with options, before what is said of them.
fn lists(help: &str, option: &str) -> bool {
    help.lines().map(str::trim_start).filter(|line| line.starts_with('-')).any(|line| {
        let head = line.split("  ").next().unwrap_or(line);
        head.split([',', ' ', '=', '[', '<']).any(|word| word == option)
    })
}

/// Whether a login or a key is there.
fn login(knowledge: &Knowledge, patient: &Patient<'_>) -> Finding {
    let given = |name: &str| patient.environment.get(name).is_some_and(|value| !value.is_empty());
    if let Some(name) = patient.keys.iter().find(|name| given(name)) {
        return finding(Severity::Fine, format!("a key is there: {name} is in what it is given"));
    }
    if !patient.keys.is_empty() {
        return finding(
            Severity::Doubt,
            format!(
                "no key: {} is not in what it is given; set it where the runtime starts, and name it in `env_pass`",
                patient.keys.join(", ")
            ),
        );
    }
    let mut places = Vec::new();
    for login in knowledge.logins {
        match login {
            Login::Variable(name) if given(name) => {
                return finding(Severity::Fine, format!("a key is there: {name} is in what it is given"));
            }
            Login::Variable(name) => places.push((*name).to_owned()),
            Login::AnyVariable(ending) => {
                let name = patient.environment.keys().find(|name| name.ends_with(ending) && given(name));
                if let Some(name) = name {
                    return finding(Severity::Fine, format!("a key is there: {name} is in what it is given"));
                }
                places.push(format!("a variable that ends in {ending}"));
            }
            Login::File { home, default, name } => {
                let folder = match patient.environment.get(*home).filter(|value| !value.is_empty()) {
                    Some(folder) => Path::new(folder).to_owned(),
                    None => match patient.environment.get("HOME") {
                        Some(user) => Path::new(user).join(default),
                        None => continue,
                    },
                };
                let path = folder.join(name);
                if path.is_file() {
                    return finding(Severity::Fine, format!("a login is there: {}", path.display()));
                }
                places.push(path.display().to_string());
            }
        }
    }
    finding(Severity::Doubt, format!("no login is seen in {}; {}", places.join(", "), knowledge.log_in))
}
