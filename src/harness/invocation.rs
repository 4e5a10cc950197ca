//! What the runtime asks of a supervisor: the files of `<common-dir>/millrace/inv/<nonce>/`.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::durable;
use crate::domain::ids::Nonce;
use crate::domain::limits::MIN_GRACE;

/// The request, as [`Invocation`] in TOML.
pub const INVOCATION_FILE: &str = "invocation.toml";
/// How it ended, as [`super::exit::Exit`] in TOML; written last.
pub const EXIT_FILE: &str = "exit.toml";
/// Locked exclusively (`flock`) for as long as a supervisor of this invocation lives.
pub const LOCK_FILE: &str = "lock";
/// The prompt, which the harness reads as its stdin.
pub const PROMPT_FILE: &str = "prompt.md";
/// What the harness wrote to stdout: all of it, or head and tail.
pub const STDOUT_FILE: &str = "stdout";
/// What the harness wrote to stderr: all of it, or head and tail.
pub const STDERR_FILE: &str = "stderr";
/// What the supervisor itself had to say; empty unless something went wrong.
pub const SUPERVISOR_LOG: &str = "supervisor.log";

/// Bytes kept of each output stream when nothing else is asked for.
pub const DEFAULT_KEEP_BYTES: u64 = crate::format::config::DEFAULT_OUTPUT_BYTES;

/// One run of a harness, complete: nothing else of the runtime's environment reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invocation {
    /// The launch that this is; also its mark in the environment of everything that it starts.
    pub nonce: Nonce,
    /// Program and arguments. The program is looked up in the `PATH` of [`Self::environment`].
    pub argv: Vec<String>,
    /// The directory that the harness starts in.
    pub cwd: PathBuf,
    /// The file that is the harness's stdin. A file, not a pipe: a harness that never reads cannot hang anything,
    /// and one that reads comes to an end.
    pub prompt: PathBuf,
    /// Whether the harness gets its prompt some other way: then its stdin is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_stdin: bool,
    /// The stage's result file. The supervisor notes what it holds when it has to send its first signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_file: Option<PathBuf>,
    /// Milliseconds of wall clock after which the harness is ended.
    pub wall_limit_ms: u64,
    /// Milliseconds without any output after which the harness is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_limit_ms: Option<u64>,
    /// Milliseconds between TERM and KILL; [`MIN_GRACE`] where less is asked for.
    pub grace_ms: u64,
    /// For tests only: takes the place of every grace period, the sweep's included, and may be shorter than
    /// [`MIN_GRACE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_grace_ms: Option<u64>,
    /// Bytes kept of each output stream; of a longer one, head and tail.
    pub keep_bytes: u64,
    /// The complete environment of the harness.
    pub environment: BTreeMap<String, String>,
}

/// An invocation that cannot be written or read.
#[derive(Debug, Error)]
pub enum InvocationError {
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
    /// It has no TOML form (a path that is not UTF-8).
    #[error("cannot write {}: {source}", .path.display())]
    Encode {
        /// Where it was to be written.
        path: PathBuf,
        /// Why.
        source: toml::ser::Error,
    },
    /// It is not an invocation.
    #[error("{}: {source}", .path.display())]
    Decode {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: toml::de::Error,
    },
}

impl Invocation {
    /// An invocation with prompt file, limits and bounds as they usually are: no silence limit, least grace,
    /// [`DEFAULT_KEEP_BYTES`].
    #[must_use]
    pub fn new(
        inv_dir: &Path,
        nonce: Nonce,
        argv: Vec<String>,
        cwd: PathBuf,
        environment: BTreeMap<String, String>,
        wall_limit: Duration,
    ) -> Self {
        Self {
            nonce,
            argv,
            cwd,
            prompt: inv_dir.join(PROMPT_FILE),
            empty_stdin: false,
            result_file: None,
            wall_limit_ms: millis(wall_limit),
            silence_limit_ms: None,
            grace_ms: millis(MIN_GRACE),
            test_grace_ms: None,
            keep_bytes: DEFAULT_KEEP_BYTES,
            environment,
        }
    }

    /// The time between TERM and KILL: at least [`MIN_GRACE`], unless a test says otherwise.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.test_grace_ms
            .map_or_else(|| Duration::from_millis(self.grace_ms).max(MIN_GRACE), Duration::from_millis)
    }

    /// Makes the invocation directory, for its owner alone, and writes prompt and invocation into it, in this
    /// order and durably: a directory with an invocation is complete.
    pub fn write(&self, inv_dir: &Path, prompt: &[u8]) -> Result<(), InvocationError> {
        let io = |action, path: &Path| {
            let path = path.to_path_buf();
            move |source| InvocationError::Io { action, path, source }
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(inv_dir)
            .map_err(io("make", inv_dir))?;
        durable::write(&self.prompt, prompt).map_err(io("write", &self.prompt))?;
        let path = inv_dir.join(INVOCATION_FILE);
        let text =
            toml::to_string(self).map_err(|source| InvocationError::Encode { path: path.clone(), source })?;
        durable::write(&path, text.as_bytes()).map_err(io("write", &path))
    }

    /// Reads the invocation of a directory.
    pub fn read(inv_dir: &Path) -> Result<Self, InvocationError> {
        let path = inv_dir.join(INVOCATION_FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| InvocationError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        toml::from_str(&text).map_err(|source| InvocationError::Decode { path, source })
    }
}

/// A duration in whole milliseconds, the unit of all records.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
