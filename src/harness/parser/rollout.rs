//! Codex's own record of a session, its rollout: `$CODEX_HOME/sessions/YYYY/MM/DD/rollout-<time>-<thread>.jsonl`.
//!
//! Its stream says of a failed turn only a sentence for people, and of a killed one nothing. The rollout has a machine's
//! word for the error and the usage of every answer. It is a help: where it is missing, what the stream says stands.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::Heard;
use super::codex::RawUsage;
use super::lines::Lines;
use super::listener::pieces;
use super::trouble::{Complaint, Signs};
use super::words::{Exact, Words};
use crate::domain::usage::Usage;

/// Day folders that are looked into, the newest first: who resumes a session that is older goes without.
const MAX_DAYS: usize = 100;

/// Names of a folder that are looked at. A day has as many rollouts as there were sessions.
const MAX_NAMES: usize = 20_000;

/// Bytes at the end of a rollout that are read; a run's own part is at the end, and its last lines are what counts.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of a thread id; it becomes the end of a file name, with which those that are there are compared.
const MAX_THREAD: usize = 64;

/// What a rollout says of one run of its session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The error with which the last turn ended, if it did.
    pub error: Option<Complaint>,
    /// What this run used.
    pub run: Usage,
    /// What the whole session used.
    pub session: Usage,
}

/// The rollout of a thread below Codex's home. Only real folders and files count, so that it is never one that lies
/// somewhere else.
#[must_use]
pub fn find(home: &Path, thread: &str) -> Option<PathBuf> {
    if thread.is_empty() || thread.len() > MAX_THREAD {
        return None;
    }
    let mut days = 0;
    for year in folders(&home.join("sessions")) {
        for month in folders(&year) {
            for day in folders(&month) {
                if days == MAX_DAYS {
                    return None;
                }
                days += 1;
                let end = format!("-{thread}.jsonl");
                let mut names: Vec<PathBuf> = entries(&day)
                    .filter(|entry| {
                        let name = entry.file_name();
                        let name = name.to_string_lossy();
                        name.starts_with("rollout-") && name.ends_with(&end)
                    })
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
                    .map(|entry| entry.path())
                    .collect();
                names.sort();
                if let Some(found) = names.pop() {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// The folders in one, the last by name first: their names are numbers of one length.
fn folders(of: &Path) -> Vec<PathBuf> {
    if !fs::symlink_metadata(of).is_ok_and(|found| found.is_dir()) {
        return Vec::new();
    }
    let mut folders: Vec<PathBuf> = entries(of)
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders.reverse();
    folders
}

fn entries(of: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(of).into_iter().flatten().take(MAX_NAMES).flatten()
}

/// Reads what a rollout says since `from`: it holds the earlier runs of its session too.
pub fn read(path: &Path, from: Timestamp) -> io::Result<Rollout> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut reading = Reading { from, turns: Vec::new(), rollout: Rollout::default() };
    let mut lines = Lines::default();
    if length > MAX_BYTES {
        file.seek(SeekFrom::Start(length - MAX_BYTES))?;
        lines.gap();
    }
    pieces(file, |piece| lines.take(piece, &mut reading))?;
    lines.rest(&mut reading);
    Ok(reading.rollout())
}

struct Reading {
    from: Timestamp,
    /// The turns of this run, and what each of them used; there is one, as a rule.
    turns: Vec<(String, Usage)>,
    rollout: Rollout,
}

#[derive(Deserialize)]
struct Head {
    timestamp: Timestamp,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Line<T> {
    payload: T,
}

#[derive(Deserialize)]
struct Used {
    #[serde(default)]
    turn_id: Exact,
    turn_token_usage: Option<RawUsage>,
    thread_token_usage: Option<RawUsage>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: Exact,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    message: Words,
    codex_error_info: Option<Info>,
}

/// The machine's word: a name, or a name with a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Info {
    Name(String),
    Table(std::collections::BTreeMap<String, Option<Status>>),
}

#[derive(Deserialize)]
struct Status {
    http_status_code: Option<u64>,
}

impl Heard for Reading {
    fn line(&mut self, text: &str) {
        let Ok(head) = serde_json::from_str::<Head>(text) else { return };
        // A rollout's times have milliseconds.
        if head.timestamp.as_millisecond() < self.from.as_millisecond() {
            return;
        }
        match head.kind.as_str() {
            "token_usage_record" => {
                if let Ok(line) = serde_json::from_str::<Line<Used>>(text) {
                    self.used(line.payload);
                }
            }
            "event_msg" => {
                let Ok(line) = serde_json::from_str::<Line<Event>>(text) else { return };
                match line.payload.kind.0.as_deref() {
                    Some("task_started") => self.rollout.error = None,
                    Some("task_complete") => self.rollout.error = line.payload.error.map(Failure::complaint),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Reading {
    fn used(&mut self, used: Used) {
        if let Some(thread) = used.thread_token_usage {
            self.rollout.session = thread.normal();
        }
        let Some(usage) = used.turn_token_usage.map(|turn| turn.normal()) else { return };
        let turn = used.turn_id.0.unwrap_or_default();
        match self.turns.last_mut() {
            Some((last, known)) if *last == turn => *known = usage,
            _ => self.turns.push((turn, usage)),
        }
    }

    fn rollout(self) -> Rollout {
        let run = self.turns.iter().fold(Usage::default(), |sum, (_, usage)| sum.plus(usage));
        Rollout { run, ..self.rollout }
    }
}

impl Failure {
    fn complaint(self) -> Complaint {
        let (name, status) = match self.codex_error_info {
            Some(Info::Name(name)) => (name, None),
            Some(Info::Table(table)) => table
                .into_iter()
                .next()
                .map(|(name, status)| (name, status.and_then(|status| status.http_status_code)))
                .unwrap_or_default(),
            None => (String::new(), None),
        };
        let names = [name.as_str()];
        let message = self.message.0.unwrap_or_else(|| name.clone());
        Complaint::with_signs(message, &Signs { status, names: &names })
    }
}
