//! Running the git binary, always the same way: nothing of the caller's environment or configuration that could
//! run a program, open a pager, start a background task or point elsewhere reaches it.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

mod limit;
mod remote;

pub use limit::Answer;

use super::super::store::StoreError;

/// A call of git in one repository.
pub struct GitCommand {
    command: Command,
    what: String,
    configured: usize,
}

/// Which configuration files a user has is theirs to say; what could run a program is overridden below.
const CONFIG_FILES: [&str; 3] = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"];

/// Bytes of a git's stderr that are kept while its stdout is handed on.
const MAX_SAID: u64 = 64 * 1024;

/// How an output that was handed on ended.
#[derive(Debug)]
pub enum Streamed {
    /// All of it went to the sink.
    Whole,
    /// The sink took no more of it.
    Refused(io::Error),
}

enum Flow {
    Whole,
    Refused(io::Error),
    Broken(io::Error),
}

/// Hands a process's stdout on, and ends the process where nobody takes it.
fn flow(child: &mut Child, sink: &mut dyn Write) -> Flow {
    let Some(mut stdout) = child.stdout.take() else { return Flow::Whole };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match stdout.read(&mut buffer) {
            Ok(0) => return Flow::Whole,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Flow::Broken(error),
        };
        if let Err(error) = sink.write_all(&buffer[..read]) {
            // It has ended by itself otherwise.
            let _ = child.kill();
            return Flow::Refused(error);
        }
    }
}

/// The last line of what a git that failed has said.
fn said_no(what: &str, stderr: &[u8], status: ExitStatus) -> StoreError {
    let stderr = String::from_utf8_lossy(stderr);
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    StoreError::Git { action: what.to_owned(), detail: format!("{line} ({status})") }
}

impl GitCommand {
    /// `git <subcommand>` on the repository whose git directory this is.
    #[must_use]
    pub fn new(git_dir: &Path, subcommand: &str) -> Self {
        Self::bare(subcommand).env("GIT_DIR", git_dir)
    }

    /// `git <subcommand>` in a folder, where git finds the repository by itself and judges whether it trusts it.
    #[must_use]
    pub fn discover(folder: &Path, subcommand: &str) -> Self {
        let mut this = Self::bare(subcommand);
        this.command.current_dir(folder);
        this
    }

    fn bare(subcommand: &str) -> Self {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") && !CONFIG_FILES.iter().any(|kept| name == *kept)
            {
                command.env_remove(name);
            }
        }
        command
            .env("GIT_OPTIONAL_LOCKS", "0")
            // What was written counts, not what a replacement ref puts over it; nothing is fetched in passing.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_PAGER", "cat")
            .env("LC_ALL", "C")
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(["-c", "core.fsmonitor=false"])
            .args(["-c", "gc.auto=0"])
            .args(["-c", "maintenance.auto=false"])
            .args(["-c", "diff.external="])
            .args(["-c", "core.pager=cat"])
            .arg(subcommand)
            .stdin(Stdio::null());
        Self { command, what: format!("git {subcommand}"), configured: 0 }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Overrides one configuration value.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        let n = self.configured;
        self.configured += 1;
        self.command
            .env(format!("GIT_CONFIG_KEY_{n}"), name)
            .env(format!("GIT_CONFIG_VALUE_{n}"), value)
            .env("GIT_CONFIG_COUNT", self.configured.to_string());
        self
    }

    /// Sets a variable of git's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in a process group of its own: what ends ours (a Ctrl-C, a kill of the group) lets it come to its end, so
    /// that it leaves no lock behind.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Takes variables out of git's environment.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    /// Runs it in the work tree at `path`.
    #[must_use]
    pub fn work_tree(mut self, path: &Path) -> Self {
        self.command.env("GIT_WORK_TREE", path).current_dir(path);
        self
    }

    /// Runs it in this folder of the work tree, which is what paths on its command line are relative to.
    #[must_use]
    pub fn folder(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs it to its end, whatever its exit code, with `input` on its stdin.
    pub fn output(mut self, input: &[u8]) -> Result<Output, StoreError> {
        let fault = |source| StoreError::Io { action: "run", path: PathBuf::from("git"), source };
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if input.is_empty() {
            return self.command.output().map_err(fault);
        }
        self.command.stdin(Stdio::piped());
        let mut child = self.command.spawn().map_err(fault)?;
        let mut stdin = child.stdin.take();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some(pipe) = stdin.as_mut() {
                    // A git that ends early closes the pipe; its exit code tells why.
                    let _ = pipe.write_all(input);
                }
            });
            child.wait_with_output().map_err(fault)
        })
    }

    /// Runs it with `input` on its stdin and hands its stdout to `sink` as it comes: what it prints is never held
    /// whole. Where the sink takes no more, it is ended, and the sink's own error says so.
    pub fn stream(mut self, input: &[u8], sink: &mut dyn Write) -> Result<Streamed, StoreError> {
        let fault = |source| StoreError::Io { action: "run", path: PathBuf::from("git"), source };
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(fault)?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let (flow, said) = std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some(mut pipe) = stdin {
                    // A git that ends early closes the pipe; its exit code tells why.
                    let _ = pipe.write_all(input);
                }
            });
            let said = scope.spawn(move || {
                let mut said = Vec::new();
                if let Some(mut pipe) = stderr {
                    let _ = (&mut pipe).take(MAX_SAID).read_to_end(&mut said);
                    // The rest is read and dropped: a full pipe would hold it up.
                    let _ = io::copy(&mut pipe, &mut io::sink());
                }
                said
            });
            let flow = flow(&mut child, sink);
            (flow, said.join().unwrap_or_default())
        });
        let status = child.wait().map_err(fault)?;
        match flow {
            Flow::Whole if status.success() => Ok(Streamed::Whole),
            Flow::Whole => Err(said_no(&self.what, &said, status)),
            Flow::Refused(error) => Ok(Streamed::Refused(error)),
            Flow::Broken(error) => Err(fault(error)),
        }
    }

    /// Runs it and gives its stdout; an exit code other than 0 is an error with the last line of its stderr.
    pub fn run(self, input: &[u8]) -> Result<Vec<u8>, StoreError> {
        let what = self.what.clone();
        let output = self.output(input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(said_no(&what, &output.stderr, output.status))
    }

    /// Runs it and gives its stdout as text without the final line break.
    pub fn text(self) -> Result<String, StoreError> {
        let bytes = self.run(&[])?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }
}
