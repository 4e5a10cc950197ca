//! How an invocation ended: the supervisor's last word, and the only witness of a stage whose runtime died.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::durable;
use super::invocation::EXIT_FILE;

/// How the harness itself came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum How {
    /// It exited.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal killed it, ours or another's.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// It never started.
    SpawnFailed {
        /// Whether the program is missing.
        reason: SpawnFailure,
        /// The system's words.
        message: String,
    },
    /// KILL did not end it within the sweep's limit (a process stuck in the kernel).
    Unkillable,
}

/// Why a program could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpawnFailure {
    /// There is no such program.
    MissingProgram,
    /// Anything else: not executable, no such directory, too many processes.
    Other,
}

/// Who made it end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The harness, by itself, before any signal of ours.
    Itself,
    /// The wall-clock limit.
    WallLimit,
    /// The limit on silence.
    SilenceLimit,
    /// The runtime: it asked, or its pipe closed because it died.
    Runtime,
}

/// What stood when the supervisor was about to send its first signal. It orders a result and a timeout without
/// comparing clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSignal {
    /// When, for people.
    pub at: Timestamp,
    /// Bytes of stdout read until then.
    pub stdout_bytes: u64,
    /// SHA-256 (hex) of the result file as it was then, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_file_sha256: Option<String>,
}

/// What became of one output stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// Bytes that the harness and its children wrote.
    pub total: u64,
    /// Bytes that the file holds.
    pub kept: u64,
    /// Where the gap is, in bytes from the start of the file; equal to `kept` without a gap.
    pub head: u64,
    /// Whether bytes are missing between head and tail.
    pub cut: bool,
    /// SHA-256 (hex) of everything that was written, kept or not.
    pub sha256: String,
    /// Why less than asked for could be kept (a full disk), where that happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl StreamRecord {
    /// How many bytes at the start of the kept file were written before byte `offset` of the stream. `None` where
    /// `offset` lies in the gap, so that what came right before it is not known.
    #[must_use]
    pub fn kept_before(&self, offset: u64) -> Option<u64> {
        if offset <= self.head {
            return Some(offset);
        }
        if !self.cut {
            return Some(offset.min(self.kept));
        }
        let tail_start = self.total.saturating_sub(self.kept.saturating_sub(self.head));
        (offset > tail_start).then(|| (self.head + (offset - tail_start)).min(self.kept))
    }
}

/// A process that belongs to an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// Its process id.
    pub pid: i32,
    /// When it was started, in the kernel's ticks since the machine was: it tells this process from a later one with
    /// the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Its command line, shortened, for people.
    pub command: String,
    /// The directory that it works in, for people; none where that cannot be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// What the end of a stage is proved by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopProof {
    /// Its control group is empty, says the kernel; and what the next one looks for is not there either.
    Cgroup,
    /// The supervisor, which every orphan of the stage becomes a child of, has no child, and no process carries the
    /// stage's mark.
    SubreaperAndMark,
    /// Its process group got KILL. What left the group is not known of.
    ProcessGroup,
}

impl StopProof {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::SubreaperAndMark => "subreaper and mark",
            Self::ProcessGroup => "process group",
        }
    }
}

/// The exit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Who made it end.
    pub ended_by: EndedBy,
    /// When it was started, for people.
    pub started_at: Timestamp,
    /// When the last of it was gone, for people.
    pub ended_at: Timestamp,
    /// Milliseconds from start to end, by a clock that never steps.
    pub duration_ms: u64,
    /// Processes that were still there when the harness itself had ended, and were ended.
    pub leftovers: u32,
    /// What says that nothing of it is left; none in records of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<StopProof>,
    /// How it ended.
    #[serde(flatten)]
    pub how: How,
    /// What stood before the first signal, if one was sent to a running harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_signal: Option<FirstSignal>,
    /// Its stdout.
    pub stdout: StreamRecord,
    /// Its stderr.
    pub stderr: StreamRecord,
    /// Processes that could not be ended. Not empty means: nothing may start beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<Survivor>,
}

/// An exit record that cannot be written or read.
#[derive(Debug, Error)]
pub enum ExitError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has no TOML form.
    #[error("cannot write {}: {source}", .path.display())]
    Encode {
        /// Where it was to be written.
        path: PathBuf,
        /// Why.
        source: toml::ser::Error,
    },
    /// It is not an exit record.
    #[error("{}: {source}", .path.display())]
    Decode {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: toml::de::Error,
    },
}

impl Exit {
    /// Writes the record into its invocation directory, durably: once it is there, it is there after a power cut.
    pub fn write(&self, inv_dir: &Path) -> Result<(), ExitError> {
        let path = inv_dir.join(EXIT_FILE);
        let text =
            toml::to_string(self).map_err(|source| ExitError::Encode { path: path.clone(), source })?;
        durable::write(&path, text.as_bytes()).map_err(|source| ExitError::Io {
            action: "write",
            path,
            source,
        })
    }

    /// Reads the record of an invocation directory; `None` where there is none yet.
    pub fn read(inv_dir: &Path) -> Result<Option<Self>, ExitError> {
        let path = inv_dir.join(EXIT_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ExitError::Io { action: "read", path, source }),
        };
        toml::from_str(&text).map(Some).map_err(|source| ExitError::Decode { path, source })
    }
}
