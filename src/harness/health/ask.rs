//! Asking a program for its version or its help: outside of the repository, with nothing to read, for a bounded time
//! and a bounded answer, and with an end for whatever it started.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Bytes of an answer that are read; what comes behind them is not looked at.
const MAX_ANSWER: u64 = 256 * 1024;

/// Time between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    /// It ended.
    Said {
        /// Whether well.
        ok: bool,
        /// What it said: stdout, then stderr.
        text: String,
    },
    /// It did not end in time, and was ended.
    Hung,
    /// A signal ended it.
    Killed(i32),
    /// It could not be started.
    NotStarted(std::io::Error),
}

impl Answer {
    /// Why this is no answer, in words that follow a program's name.
    pub(super) fn why_not(&self, limit: Duration) -> String {
        match self {
            Self::Said { ok: false, .. } => "fails".to_owned(),
            Self::Said { ok: true, .. } => "says nothing".to_owned(),
            Self::Hung => format!("does not answer within {} s", limit.as_secs()),
            Self::Killed(signal) => format!("was ended by signal {signal}"),
            Self::NotStarted(error) => format!("cannot be started: {error}"),
        }
    }
}

/// Asks.
pub(super) fn ask(
    program: &Path,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
    limit: Duration,
) -> Answer {
    let folder = match tempfile::Builder::new().prefix("millrace-doctor-").tempdir() {
        Ok(folder) => folder,
        Err(error) => return Answer::NotStarted(error),
    };
    let started = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(folder.path())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Answer::NotStarted(error),
    };
    let streams = [child.stdout.take().map(bounded), child.stderr.take().map(bounded)];
    let group = Pid::from_child(&child);
    let in_time = ends(group, limit);
    // Whatever it started goes with it. It was not waited for yet, so the group is still its own.
    let _ = kill_process_group(group, Signal::KILL);
    let status = match child.wait() {
        Ok(status) if in_time => status,
        Ok(_) => return Answer::Hung,
        Err(error) => return Answer::NotStarted(error),
    };
    if let Some(signal) = status.signal() {
        return Answer::Killed(signal);
    }
    let texts = streams.into_iter().flatten().filter_map(|stream| stream.recv_timeout(LOOK * 100).ok());
    Answer::Said { ok: status.success(), text: texts.collect::<Vec<_>>().join("\n") }
}

/// Reads the beginning of a stream, on a thread of its own: who left the group may hold the stream for ever.
fn bounded(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.take(MAX_ANSWER).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Whether it ends by itself in time.
fn ends(program: Pid, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(program), options) {
            Ok(Some(_)) => return true,
            Ok(None) | Err(Errno::INTR) if Instant::now() < until => std::thread::sleep(LOOK),
            Ok(None) | Err(_) => return false,
        }
    }
}
