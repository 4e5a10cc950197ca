//! A call of the program that goes on until it is told to end, read line by line while it does.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::commands::{filtered, millrace};
use crate::support::repo::TestRepo;

/// How long something may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call that goes on. What it says on stderr has `! ` before it.
pub(super) struct Following<'r> {
    repo: &'r TestRepo,
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl<'r> Following<'r> {
    pub(super) fn start(repo: &'r TestRepo, arguments: &[&str]) -> Self {
        Self::spawn(repo, &mut millrace(repo, arguments))
    }

    /// The same with a call that was made already.
    pub(super) fn spawn(repo: &'r TestRepo, call: &mut Command) -> Self {
        let mut child = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("millrace starts");
        let stdout = read_lines("", child.stdout.take().expect("a pipe"));
        let stderr = read_lines("! ", child.stderr.take().expect("a pipe"));
        Self { repo, child, stdout, stderr }
    }

    /// The next line of stdout, as it came.
    #[track_caller]
    pub(super) fn raw(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line")
    }

    /// The next line of stdout, with what changes named.
    #[track_caller]
    pub(super) fn line(&self) -> String {
        filtered(self.repo, &self.raw())
    }

    /// The next line of stderr, likewise.
    #[track_caller]
    pub(super) fn complaint(&self) -> String {
        filtered(self.repo, &self.stderr.recv_timeout(PATIENCE).expect("a line"))
    }

    /// So many lines of stdout.
    #[track_caller]
    pub(super) fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// That nothing comes for a while: a few looks.
    #[track_caller]
    pub(super) fn is_silent(&self) {
        let heard = self.stdout.recv_timeout(Duration::from_millis(700));
        assert_eq!(heard, Err(RecvTimeoutError::Timeout));
        assert_eq!(self.stderr.try_recv(), Err(TryRecvError::Empty));
    }

    /// Lets it end by itself; exit code and the lines that were left, those of stderr last.
    #[track_caller]
    pub(super) fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("a look") {
                break status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        // The senders are gone once both streams are read to their ends.
        (code, self.stdout.iter().chain(self.stderr.iter()).map(|line| filtered(self.repo, &line)).collect())
    }

    /// Asks for the end, as a terminal does; exit code (none: the signal itself was it) and the lines that were left.
    #[track_caller]
    pub(super) fn interrupt(self) -> (Option<i32>, Vec<String>) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("a signal");
        self.ended()
    }
}

fn read_lines(mark: &'static str, stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = send.send(format!("{mark}{line}"));
        }
    });
    lines
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
