//! Starting a supervisor, and the runtime's end of it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use thiserror::Error;

use crate::harness::exit::{Exit, ExitError};
use crate::harness::invocation::SUPERVISOR_LOG;

/// The hidden subcommand that a supervisor runs as; its argument is the invocation directory.
pub const SUPERVISE: &str = "harness-supervise";

/// The byte by which the runtime asks for the end of a stage.
pub(super) const CANCEL: u8 = b'c';

/// What a supervisor says once it holds the lock.
pub(super) const READY: &str = "locked";

/// A supervisor that did not start, or was lost.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The file system or the process table refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor ended before it held the lock; nothing of the stage was started.
    #[error("the supervisor of {} did not start: {reason}", .inv_dir.display())]
    Refused {
        /// The invocation directory.
        inv_dir: PathBuf,
        /// Its reason.
        reason: String,
    },
    /// The supervisor ended without an exit record: it was killed, or the disk took no record.
    #[error("the supervisor of {} ended without an exit record", .inv_dir.display())]
    Vanished {
        /// The invocation directory.
        inv_dir: PathBuf,
    },
    /// Its exit record cannot be read.
    #[error(transparent)]
    Record(#[from] ExitError),
}

/// A running supervisor. Dropping it closes its pipe, and with that ends the stage.
#[derive(Debug)]
pub struct Supervised {
    inv_dir: PathBuf,
    pid: u32,
    control: Option<ChildStdin>,
    ended: Receiver<()>,
    gone: bool,
}

/// The program of this process, as a path that can be executed even when its file was replaced or removed
/// meanwhile.
pub fn own_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Starts the supervisor of a written invocation, as `exe harness-supervise <inv_dir>`. When this returns well,
/// the supervisor holds the lock of the directory and is about to start the harness.
pub fn launch(exe: &Path, inv_dir: &Path) -> Result<Supervised, LaunchError> {
    let io = |action, path: &Path| {
        let path = path.to_path_buf();
        move |source| LaunchError::Io { action, path, source }
    };
    let inv_dir = inv_dir.canonicalize().map_err(io("find", inv_dir))?;
    let log = inv_dir.join(SUPERVISOR_LOG);
    let log_file: File =
        OpenOptions::new().append(true).create(true).mode(0o600).open(&log).map_err(io("open", &log))?;
    let mut child = Command::new(exe)
        .arg(SUPERVISE)
        .arg(&inv_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log_file))
        .spawn()
        .map_err(io("start", exe))?;
    let pid = child.id();
    let control = child.stdin.take();
    let confirmed = child.stdout.take().map(confirm);
    let refuse = |reason: String| LaunchError::Refused { inv_dir: inv_dir.clone(), reason };
    match confirmed {
        Some(Ok(output)) => {
            let (sender, ended) = channel();
            // The supervisor keeps its end open for as long as it lives; this thread also reaps it when nobody
            // waits any more.
            std::thread::spawn(move || {
                outlive(output, child);
                let _ = sender.send(());
            });
            Ok(Supervised { inv_dir, pid, control, ended, gone: false })
        }
        Some(Err(reason)) => {
            drop(control);
            let _ = child.wait();
            Err(refuse(reason))
        }
        None => {
            drop(control);
            let _ = child.wait();
            Err(refuse("it has no pipe".to_owned()))
        }
    }
}

/// Waits for the supervisor's first line; its text where it is a refusal.
fn confirm(output: ChildStdout) -> Result<ChildStdout, String> {
    let mut line = String::new();
    let mut reader = BufReader::new(output);
    match reader.by_ref().take(4096).read_line(&mut line) {
        Ok(_) if line.trim_end() == READY => Ok(reader.into_inner()),
        Ok(0) => Err("it ended without a word".to_owned()),
        Ok(_) => Err(line.trim_end().to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn outlive(mut output: ChildStdout, mut child: Child) {
    let mut rest = [0; 64];
    loop {
        match output.read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = child.wait();
}

impl Supervised {
    /// Waits for the end at most this long; `None` when the stage still runs. Afterwards the lock is free.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Exit>, LaunchError> {
        if !self.gone {
            match self.ended.recv_timeout(timeout) {
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => self.gone = true,
            }
        }
        match Exit::read(&self.inv_dir)? {
            Some(exit) => Ok(Some(exit)),
            None => Err(LaunchError::Vanished { inv_dir: self.inv_dir.clone() }),
        }
    }

    /// Asks for the end of the stage; [`Self::wait`] tells when it has come. Asking twice is asking once.
    pub fn cancel(&mut self) {
        if let Some(mut control) = self.control.take() {
            // If it ended meanwhile there is nothing to ask; closing the pipe asks as well.
            let _ = control.write_all(&[CANCEL]);
        }
    }

    /// The supervisor's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }
}
