//! Evidence: what a stage leaves behind, bounded and redacted before it becomes an object. Commits are for ever.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::project::Project;
use super::runner::{self, RunnerError};
use crate::domain::limits::{MAX_EVIDENCE_BYTES, MAX_HANDOFF_BYTES};
use crate::domain::place::TreePath;
use crate::domain::stage_file;
use crate::domain::view::{Fault, View as _};
use crate::format::config::Redaction;
use crate::format::document::DocumentError;
use crate::format::secrets::{KnownValue, Search, is_secret_name};
use crate::ledger::transact::TransactError;
use crate::workspace::run_dir::OutboxDocument;

/// Bytes that the line about a gap takes.
const GAP_BYTES: usize = 80;

/// Files of one launch that are kept at most.
const MAX_FILES: usize = 40;

/// What must not get into the record: the values of variables whose names say so, tokens of known shapes, and what a
/// configuration adds.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    search: Search,
}

impl Secrets {
    /// The secret-looking variables among these.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::under(&Redaction::default(), variables)
    }

    /// Those, the variables that a configuration names, and what its patterns match.
    pub fn under(rules: &Redaction, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let secret =
            |name: &String| is_secret_name(name) || rules.extra_variables.iter().any(|extra| extra == name);
        let mut values: Vec<(String, String)> =
            variables.into_iter().filter(|(name, _)| secret(name)).collect();
        values.sort();
        values.dedup();
        let known: Vec<KnownValue<'_>> =
            values.iter().map(|(name, value)| KnownValue { name, value }).collect();
        Self { search: Search::of_values(&known).with_patterns(&rules.patterns) }
    }

    /// What must not get into the record from here: by the selected plan's configuration, and the variables of this
    /// process. Without a plan nobody has added anything yet.
    pub fn here(project: &Project) -> Result<Self, TransactError> {
        let trees = project.trees();
        let view = project.view(&trees)?;
        let plan = if view.exists()? { view.control()?.plan } else { None };
        let rules = match plan {
            None => Redaction::default(),
            Some(plan) => runner::redaction(&view, &plan).map_err(|error| match error {
                RunnerError::Fault(fault) => fault,
                error => Fault { at: plan.to_string(), detail: error.to_string() },
            })?,
        };
        Ok(Self::of_this_process(&rules))
    }

    /// Those among the variables of this process.
    #[must_use]
    pub fn of_this_process(rules: &Redaction) -> Self {
        Self::of_given(rules, BTreeMap::new())
    }

    /// Those among what the harness of an invocation was given, and those of this process.
    #[must_use]
    pub fn of_given(rules: &Redaction, given: BTreeMap<String, String>) -> Self {
        let own = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::under(rules, given.into_iter().chain(own))
    }

    /// The same, but for these words, which the runtime itself gave.
    #[must_use]
    pub fn sparing(self, words: impl IntoIterator<Item = String>) -> Self {
        Self { search: self.search.sparing(words) }
    }

    /// The text without them, and how many there were.
    #[must_use]
    pub fn redacted(&self, text: &str) -> (String, usize) {
        self.search.redact(text)
    }

    /// Refuses a document that holds one; `file` is what the refusal calls it.
    pub fn refuse(&self, text: &str, file: &str) -> Result<(), DocumentError> {
        self.search.refuse(text, file)
    }

    /// Where a secret begins in whole lines that may go on behind them.
    #[must_use]
    pub fn unfinished(&self, lines: &str) -> Option<usize> {
        self.search.unfinished(lines)
    }

    /// What is looked for.
    #[must_use]
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// Bytes around a cut that are read and redacted as well, and left away: what is cut through is found whole.
    #[must_use]
    pub fn margin(&self) -> usize {
        self.search.longest_value().max(MARGIN)
    }
}

/// Whether a kept file of this name is a stage's own writing for people, and neither what it was given nor what the
/// runtime saw.
#[must_use]
pub fn is_report(name: &str) -> bool {
    let markdown = Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"));
    markdown && !stage_file::is_the_runtimes(name)
}

/// The evidence of one launch, within the bound of a handoff.
#[derive(Debug, Default, Clone)]
pub struct Kept {
    /// File names and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// What was left out, and how much was redacted.
    pub findings: Vec<String>,
    bytes: usize,
    redacted: usize,
}

impl Kept {
    /// Keeps a text: redacted, and where it is too long its head and tail.
    pub fn keep(&mut self, secrets: &Secrets, name: &str, text: &str) {
        let (text, count) = secrets.redacted(text);
        self.keep_redacted(name, &text, count);
    }

    /// Counts secrets that were cut out of something else than a kept file.
    pub fn count(&mut self, secrets: usize) {
        self.redacted += secrets;
    }

    /// Keeps a text that is redacted already, of `count` secrets.
    pub fn keep_redacted(&mut self, name: &str, text: &str, count: usize) {
        self.redacted += count;
        let text = head_and_tail(text, MAX_EVIDENCE_BYTES);
        if self.files.len() >= MAX_FILES || self.bytes + text.len() > MAX_HANDOFF_BYTES {
            self.findings.push(format!("{name} was left out of the record: the handoff is full"));
            return;
        }
        self.bytes += text.len();
        self.files.push((name.to_owned(), text.into_bytes()));
    }

    /// Keeps the files that a stage wrote into its folder (not into folders of it). Links are not followed.
    pub fn keep_folder(&mut self, secrets: &Secrets, folder: &Path, read: impl Fn(&Path) -> Option<Vec<u8>>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !stage_file::GIVEN.contains(&name.as_str()) && !name.starts_with('.'))
            .collect();
        names.sort();
        for name in names {
            let free = !stage_file::WITNESSED.contains(&name.as_str()) && !stage_file::is_of_outbox(&name);
            if !self.may_name(secrets, &name, free) {
                continue;
            }
            match read(Path::new(&name)) {
                Some(bytes) => self.keep(secrets, &name, &String::from_utf8_lossy(&bytes)),
                None => {
                    self.findings.push(format!("{name} could not be kept: no plain file within the bound"));
                }
            }
        }
    }

    /// Keeps the documents of an outbox that was not taken in, each under a name of the runtime's.
    pub fn keep_outbox(&mut self, secrets: &Secrets, documents: &[OutboxDocument]) {
        for OutboxDocument { name, bytes } in documents {
            let name = format!("{}{name}", stage_file::OF_OUTBOX);
            if self.may_name(secrets, &name, true) {
                self.keep(secrets, &name, &String::from_utf8_lossy(bytes));
            }
        }
    }

    /// Whether the record may have a file of this name; where not, that is a finding. A name that the ledger's tree
    /// cannot hold must not keep the handoff from happening.
    fn may_name(&mut self, secrets: &Secrets, name: &str, free: bool) -> bool {
        if secrets.redacted(name).1 > 0 {
            self.redacted += 1;
            self.findings.push("a file whose name holds a secret was left out of the record".to_owned());
            return false;
        }
        if free && TreePath::new(name).is_ok() {
            return true;
        }
        let name = name.escape_debug();
        self.findings.push(format!("{name} was left out of the record: no stage's file may bear that name"));
        false
    }

    /// What to say about it all.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
        if self.redacted > 0 {
            self.findings.push(format!("{} secrets were redacted", self.redacted));
        }
        (self.files, self.findings)
    }
}

/// A text of at most `limit` bytes: itself, or its head and its longer tail with a line that tells of the gap.
#[must_use]
pub fn head_and_tail(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let keep = limit.saturating_sub(GAP_BYTES);
    let head = floor(text, keep / 4);
    let tail = ceiling(text, text.len() - (keep - keep / 4));
    format!("{}\n[... {} bytes left out ...]\n{}", &text[..head], tail - head, &text[tail..])
}

pub(super) fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceiling(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// Bytes that are left away at a cut at least. Longer than any private key.
const MARGIN: usize = 8 * 1024;

/// Head and tail of a file, lossily decoded and redacted, and how many secrets there were; reads no more than it needs.
/// `gap`: where bytes are missing in it, if any are.
pub fn tail_of(path: &Path, gap: Option<u64>, secrets: &Secrets) -> io::Result<(String, usize)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let margin = secrets.margin();
    let margin_bytes = margin as u64;
    let bound = MAX_EVIDENCE_BYTES as u64;
    let quarter = bound / 4;
    let tail_length = bound - quarter - 200;
    if gap.is_none() && length <= bound + 2 * margin_bytes {
        let mut bytes = Vec::new();
        file.take(bound + 2 * margin_bytes).read_to_end(&mut bytes)?;
        return Ok(secrets.redacted(&String::from_utf8_lossy(&bytes)));
    }
    let mut piece = |from: u64, to: u64| -> io::Result<(String, usize)> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        Read::by_ref(&mut file).take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
        Ok(secrets.redacted(&String::from_utf8_lossy(&bytes)))
    };
    let gap = gap.unwrap_or(length / 2).min(length);
    let (head, in_head) = piece(0, gap.min(quarter + margin_bytes))?;
    let (tail, in_tail) = piece(gap.max(length.saturating_sub(tail_length + margin_bytes)), length)?;
    // The margins go whatever redacting made of the lengths: in their last bytes lies what was read by halves.
    let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let head = &head[..floor(&head, head.len().saturating_sub(margin).min(bytes(quarter)))];
    let from = tail.len().saturating_sub(bytes(tail_length)).max(margin).min(tail.len());
    let tail = &tail[ceiling(&tail, from)..];
    let left_out = length.saturating_sub((head.len() + tail.len()) as u64);
    Ok((format!("{head}\n[... {left_out} bytes left out ...]\n{tail}"), in_head + in_tail))
}
