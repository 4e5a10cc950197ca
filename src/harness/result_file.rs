//! The JSON file by which a stage reports its result, and the reading of it: untrusted, bounded, typed.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::ids::{BadId, Nonce, ResultName, StageName};
use crate::domain::result::ResultClass;

/// Bytes of a result file. It carries a token, a summary and names; a longer one is not a report.
pub const MAX_RESULT_BYTES: u64 = 1024 * 1024;

/// Bytes of a summary that are used; it becomes a commit's prose. The rest is dropped, with a note.
pub const MAX_SUMMARY_BYTES: usize = 16 * 1024;

/// What lies at the path of a result file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundFile {
    /// Nothing.
    Absent,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Something that cannot be taken, and why.
    Unusable(String),
}

impl FoundFile {
    /// SHA-256 (hex) of the bytes, if there are any.
    #[must_use]
    pub fn sha256(&self) -> Option<String> {
        match self {
            Self::Bytes(bytes) => Some(hex(&Sha256::digest(bytes))),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

/// Lower-case hex of a digest.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads at most `limit` bytes of a file that a stage wrote. Links are not followed, and what is not a plain file
/// is not opened for long: a stage may have left a pipe there that nobody ever writes to. A file of blanks alone is
/// one that nobody has written yet: some harnesses make the files that they are to edit before they begin.
#[must_use]
pub fn find(path: &Path, limit: u64) -> FoundFile {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return FoundFile::Absent,
        Err(fault) => return FoundFile::Unusable(format!("it cannot be opened: {fault}")),
    };
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => {
            return FoundFile::Unusable("it is not a plain file".to_owned());
        }
        Ok(metadata) if metadata.len() > limit => {
            return FoundFile::Unusable(format!("it has {} bytes; at most {limit} are read", metadata.len()));
        }
        Ok(_) => {}
        Err(fault) => return FoundFile::Unusable(format!("it cannot be examined: {fault}")),
    }
    let mut bytes = Vec::new();
    match file.take(limit + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > limit => FoundFile::Unusable(format!("it has more than {limit} bytes")),
        Ok(_) if bytes.trim_ascii().is_empty() => FoundFile::Absent,
        Ok(_) => FoundFile::Bytes(bytes),
        Err(fault) => FoundFile::Unusable(format!("it cannot be read: {fault}")),
    }
}

/// A result as a stage reports it in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The nonce that the stage was given; `None` only where [`NonceRule::Optional`] allows it.
    pub nonce: Option<Nonce>,
    /// The result.
    pub terminal_result: ResultName,
    /// Its class, where the stage says one.
    pub result_class: Option<ResultClass>,
    /// What it says about the result.
    pub summary: Option<String>,
    /// Where the run should go on.
    pub resume_stage: Option<StageName>,
    /// The stage that the result is aimed at.
    pub target_stage: Option<StageName>,
    /// Artifacts, relative to the run directory.
    pub artifacts: Vec<String>,
    /// Why no document comes with the result.
    pub nothing_to_create: Option<String>,
    /// What was tolerated: keys without meaning, a summary that was shortened.
    pub notes: Vec<String>,
}

/// Whether a report must carry the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceRule {
    /// It must: a file may be left from another invocation.
    Required,
    /// It may: the report is part of this invocation's own output. If it is there, it must be the right one.
    Optional,
}

/// Why bytes are not a report.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadReport {
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Not JSON, or not of the types that the keys have.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A key that has to be there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A key whose value is of another type.
    #[error("`{key}` must be {expected}")]
    Type {
        /// The key.
        key: &'static str,
        /// What it must be, in words.
        expected: &'static str,
    },
    /// A value that is not a name of its kind.
    #[error("`{key}`: {source}")]
    Name {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        source: BadId,
    },
    /// A class that does not exist.
    #[error(
        "`result_class` `{0}` does not exist: expected success, followup_needed, recoverable_failure, escalate_planning or blocked"
    )]
    Class(String),
    /// The report of another invocation.
    #[error("it carries the nonce `{found}`, and this invocation is `{expected}`")]
    Nonce {
        /// What it says.
        found: String,
        /// What it would have to say.
        expected: Nonce,
    },
}

/// Reads a report and binds it to the invocation that it must belong to.
pub fn parse(bytes: &[u8], expected: &Nonce, rule: NonceRule) -> Result<Report, BadReport> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadReport::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|fault| BadReport::NotJson(fault.to_string()))?;
    let Value::Object(mut object) = value else { return Err(BadReport::NotAnObject) };

    let nonce = match text_of(&mut object, "nonce")? {
        None if rule == NonceRule::Required => return Err(BadReport::Missing("nonce")),
        None => None,
        Some(found) if found == expected.as_str() => Some(expected.clone()),
        Some(found) => {
            let found = found.chars().take(64).flat_map(char::escape_default).collect();
            return Err(BadReport::Nonce { found, expected: expected.clone() });
        }
    };
    let terminal_result =
        named(&mut object, "terminal_result")?.ok_or(BadReport::Missing("terminal_result"))?;
    let result_class = match text_of(&mut object, "result_class")? {
        None => None,
        Some(name) => Some(
            ResultClass::deserialize(Value::String(name.clone()))
                .map_err(|_| BadReport::Class(name.escape_default().to_string()))?,
        ),
    };
    let mut notes = Vec::new();
    let mut summary = text_of(&mut object, "summary")?;
    if let Some(text) = &mut summary
        && text.len() > MAX_SUMMARY_BYTES
    {
        let end = (0..=MAX_SUMMARY_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        notes.push(format!("the summary was cut to {MAX_SUMMARY_BYTES} bytes"));
    }
    let resume_stage = named(&mut object, "resume_stage")?;
    let target_stage = named(&mut object, "target_stage")?;
    let artifacts = match object.shift_remove("artifacts") {
        None | Some(Value::Null) => Vec::new(),
        Some(value) => Vec::<String>::deserialize(value)
            .map_err(|_| BadReport::Type { key: "artifacts", expected: "a list of texts" })?,
    };
    let nothing_to_create = text_of(&mut object, "nothing_to_create")?;
    if !object.is_empty() {
        let keys: Vec<String> =
            object.keys().take(8).map(|key| format!("`{}`", key.escape_default())).collect();
        notes.push(format!("keys without meaning were ignored: {}", keys.join(", ")));
    }
    Ok(Report {
        nonce,
        terminal_result,
        result_class,
        summary: summary.filter(|text| !text.trim().is_empty()),
        resume_stage,
        target_stage,
        artifacts,
        nothing_to_create: nothing_to_create.filter(|text| !text.trim().is_empty()),
        notes,
    })
}

fn text_of(object: &mut Map<String, Value>, key: &'static str) -> Result<Option<String>, BadReport> {
    match object.shift_remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadReport::Type { key, expected: "a text" }),
    }
}

fn named<T: std::str::FromStr<Err = BadId>>(
    object: &mut Map<String, Value>,
    key: &'static str,
) -> Result<Option<T>, BadReport> {
    text_of(object, key)?
        .map(|text| text.parse().map_err(|source| BadReport::Name { key, source }))
        .transpose()
}
