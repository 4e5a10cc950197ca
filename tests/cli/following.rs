//! A call of the program that goes on until it is told to end, read line by line while it does.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::commands::{filtered, millrace};
use crate::support::repo::TestRepo;

/// How long something may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call that goes on. What it says on stderr comes with `! ` before it, in the order in which it is read.
pub(super) struct Following<'r> {
    repo: &'r TestRepo,
    child: Child,
    lines: Receiver<String>,
}

impl<'r> Following<'r> {
    pub(super) fn start(repo: &'r TestRepo, arguments: &[&str]) -> Self {
        let mut child = millrace(repo, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("millrace starts");
        let (send, lines) = channel();
        let streams: [(&str, Box<dyn std::io::Read + Send>); 2] = [
            ("", Box::new(child.stdout.take().expect("a pipe"))),
            ("! ", Box::new(child.stderr.take().expect("a pipe"))),
        ];
        for (mark, stream) in streams {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = send.send(format!("{mark}{line}"));
                }
            });
        }
        Self { repo, child, lines }
    }

    /// The next line, as it came.
    #[track_caller]
    pub(super) fn raw(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// The next line, with what changes named.
    #[track_caller]
    pub(super) fn line(&self) -> String {
        filtered(self.repo, &self.raw())
    }

    /// So many lines.
    #[track_caller]
    pub(super) fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// That nothing comes for a while: a few looks.
    #[track_caller]
    pub(super) fn is_silent(&self) {
        let heard = self.lines.recv_timeout(Duration::from_millis(700));
        assert_eq!(heard, Err(RecvTimeoutError::Timeout));
    }

    /// Lets it end by itself; exit code and the lines that were left.
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
        (code, self.lines.iter().map(|line| filtered(self.repo, &line)).collect())
    }

    /// Asks for the end, as a terminal does; exit code (none: the signal itself was it) and the lines that were left.
    #[track_caller]
    pub(super) fn interrupt(self) -> (Option<i32>, Vec<String>) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("a signal");
        self.ended()
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
