//! The script of the embedded harness: what each stage does at each attempt.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::format::yaml::{self, YamlError};

/// A script: for every stage a list of attempts, each a list of steps. The last attempt stands for all later ones.
/// Items may have stages of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    stages: Stages,
    /// By an item's name, or a beginning of names with `*` behind it.
    items: BTreeMap<String, Stages>,
}

type Stages = BTreeMap<String, Vec<Vec<Step>>>;

/// One thing that the harness does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Writes a file of the work tree.
    Write {
        /// Relative to the work tree.
        path: PathBuf,
        /// All of it.
        content: String,
    },
    /// Adds to the end of a file of the work tree.
    Append {
        /// Relative to the work tree.
        path: PathBuf,
        /// What is added.
        content: String,
    },
    /// Replaces a text that occurs in a file of the work tree, everywhere.
    Replace {
        /// Relative to the work tree.
        path: PathBuf,
        /// What has to be there.
        from: String,
        /// What takes its place.
        to: String,
    },
    /// Removes a file of the work tree.
    Delete {
        /// Relative to the work tree.
        path: PathBuf,
    },
    /// Runs a program in the work tree.
    Run {
        /// Program and arguments.
        argv: Vec<String>,
        /// The exit code that it must have, if that matters.
        expect: Option<i32>,
    },
    /// Prints a line.
    Say(String),
    /// Waits this many seconds.
    Sleep(f64),
    /// Puts a document into the outbox.
    Outbox {
        /// Its file name.
        name: String,
        /// All of it.
        content: String,
    },
    /// Writes a file into the stage's folder.
    Evidence {
        /// Its file name.
        name: String,
        /// All of it.
        content: String,
    },
    /// Writes the result file. The nonce is added where the script gives none.
    Result(Map<String, Value>),
    /// Prints the marker of this result.
    Marker(String),
    /// Ends with this exit code.
    Exit(u8),
}

/// A script that is none. One line: which file, where in it, what is expected.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read the script {}: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not YAML of the right shape.
    #[error("{}: {source}", .path.display())]
    Yaml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with key and line.
        source: YamlError,
    },
    /// A step or a stage that makes no sense.
    #[error("{}: {place}: {reason}", .path.display())]
    Step {
        /// Which file.
        path: PathBuf,
        /// The key, from the top.
        place: String,
        /// What is expected.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    stages: RawStages,
    #[serde(default)]
    items: BTreeMap<String, RawStages>,
}

type RawStages = BTreeMap<String, Vec<Vec<RawStep>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    write: Option<RawFile>,
    append: Option<RawFile>,
    replace: Option<RawReplace>,
    delete: Option<PathBuf>,
    run: Option<RawRun>,
    say: Option<String>,
    sleep: Option<f64>,
    outbox: Option<RawDocument>,
    evidence: Option<RawDocument>,
    result: Option<Map<String, Value>>,
    marker: Option<String>,
    exit: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: PathBuf,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReplace {
    path: PathBuf,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRun {
    argv: Vec<String>,
    expect: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocument {
    name: String,
    content: String,
}

impl Script {
    /// Reads the script of a file.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScriptError::Unreadable { path: path.to_path_buf(), source })?;
        Self::parse(path, &text)
    }

    /// Reads a script; `path` is what errors name.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ScriptError> {
        let raw: RawScript =
            yaml::from_str(text).map_err(|source| ScriptError::Yaml { path: path.to_path_buf(), source })?;
        let wrong = |place: String, reason: &str| ScriptError::Step {
            path: path.to_path_buf(),
            place,
            reason: reason.to_owned(),
        };
        let read = |key: &str, raw: RawStages| -> Result<Stages, ScriptError> {
            let mut stages = BTreeMap::new();
            for (stage, attempts) in raw {
                if attempts.is_empty() {
                    return Err(wrong(format!("{key}.{stage}"), "expected at least one attempt"));
                }
                let mut read = Vec::with_capacity(attempts.len());
                for (nth, steps) in attempts.into_iter().enumerate() {
                    let place = |at: usize| format!("{key}.{stage}[{nth}][{at}]");
                    let steps = steps
                        .into_iter()
                        .enumerate()
                        .map(|(at, step)| step.read().map_err(|reason| wrong(place(at), reason)))
                        .collect::<Result<Vec<Step>, _>>()?;
                    read.push(steps);
                }
                stages.insert(stage, read);
            }
            Ok(stages)
        };
        let stages = read("stages", raw.stages)?;
        let mut items = BTreeMap::new();
        for (item, raw) in raw.items {
            let stages = read(&format!("items.{item}"), raw)?;
            items.insert(item, stages);
        }
        Ok(Self { stages, items })
    }

    /// The steps of a stage for an item at its n-th attempt, from 1; `None` where the script does not know the stage.
    /// What is said of the item by its name comes before what is said of names that begin so, the longest first, and
    /// that before what is said of all.
    #[must_use]
    pub fn steps(&self, item: &str, stage: &str, attempt: u32) -> Option<&[Step]> {
        let begins = |(name, _): &(&String, &Stages)| {
            name.strip_suffix('*').map_or(*name == item, |beginning| item.starts_with(beginning))
        };
        let own = self
            .items
            .iter()
            .filter(begins)
            .filter(|(_, stages)| stages.contains_key(stage))
            .max_by_key(|(name, _)| (!name.ends_with('*'), name.len()));
        let attempts = own.map_or(&self.stages, |(_, stages)| stages).get(stage)?;
        let nth = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        attempts.get(nth).or_else(|| attempts.last()).map(Vec::as_slice)
    }
}

/// What a step may be; also the text of the error when it is not.
const ONE_OF: &str = "expected exactly one of write, append, replace, delete, run, say, sleep, outbox, evidence, \
                      result, marker, exit";

impl RawStep {
    fn read(self) -> Result<Step, &'static str> {
        let mut steps = Vec::new();
        if let Some(RawFile { path, content }) = self.write {
            steps.push(Step::Write { path: inside(path)?, content });
        }
        if let Some(RawFile { path, content }) = self.append {
            steps.push(Step::Append { path: inside(path)?, content });
        }
        if let Some(RawReplace { path, from, to }) = self.replace {
            if from.is_empty() {
                return Err("`from` is empty");
            }
            steps.push(Step::Replace { path: inside(path)?, from, to });
        }
        if let Some(path) = self.delete {
            steps.push(Step::Delete { path: inside(path)? });
        }
        if let Some(RawRun { argv, expect }) = self.run {
            if argv.is_empty() {
                return Err("`argv` is empty");
            }
            steps.push(Step::Run { argv, expect });
        }
        if let Some(text) = self.say {
            steps.push(Step::Say(text));
        }
        if let Some(seconds) = self.sleep {
            if !(0.0..=86_400.0).contains(&seconds) {
                return Err("`sleep` takes seconds from 0 to 86400");
            }
            steps.push(Step::Sleep(seconds));
        }
        if let Some(RawDocument { name, content }) = self.outbox {
            steps.push(Step::Outbox { name: file_name(name)?, content });
        }
        if let Some(RawDocument { name, content }) = self.evidence {
            steps.push(Step::Evidence { name: file_name(name)?, content });
        }
        if let Some(report) = self.result {
            steps.push(Step::Result(report));
        }
        if let Some(result) = self.marker {
            steps.push(Step::Marker(result));
        }
        if let Some(code) = self.exit {
            steps.push(Step::Exit(code));
        }
        match (steps.pop(), steps.is_empty()) {
            (Some(step), true) => Ok(step),
            _ => Err(ONE_OF),
        }
    }
}

/// The name of one file.
fn file_name(name: String) -> Result<String, &'static str> {
    if Path::new(&name).components().count() == 1 && inside(PathBuf::from(&name)).is_ok() {
        Ok(name)
    } else {
        Err("`name` must be a file name")
    }
}

/// A path that stays in the work tree.
fn inside(path: PathBuf) -> Result<PathBuf, &'static str> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if plain && path.components().next().is_some() {
        Ok(path)
    } else {
        Err("the path must be relative and stay in the work tree")
    }
}
