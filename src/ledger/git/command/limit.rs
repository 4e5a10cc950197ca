//! A git that has an end: one that talks to a remote, and one that starts a program of the user's which may ask for
//! something and wait for ever.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{GitCommand, StoreError};

/// Bytes of a stream that are kept.
const MAX_STREAM: u64 = 64 * 1024 * 1024;

/// Time between two looks whether it has ended, at first: a signature takes some milliseconds.
const FIRST_LOOK: Duration = Duration::from_millis(2);

/// And later.
const LOOK: Duration = Duration::from_millis(20);

/// How long one that is to end has for it.
const GRACE: Duration = Duration::from_secs(2);

/// What came of a call that has an end.
#[derive(Debug)]
pub enum Answer {
    /// It ended by itself.
    Ended(Output),
    /// Its time was up, and it was ended.
    TimeUp,
    /// Nobody wanted it any more, and it was ended.
    Unwanted,
}

impl GitCommand {
    /// Runs it, with `input` on its stdin, to its end, or to the end of `limit`, or until `unwanted`: then it goes with
    /// everything that it started. It has no terminal: a program that reads from one behind our back is stopped by the
    /// system, not answered.
    pub fn answer(
        mut self,
        input: &[u8],
        limit: Duration,
        unwanted: &dyn Fn() -> bool,
    ) -> Result<Answer, StoreError> {
        let fault = |source| StoreError::Io { action: "run", path: "git".into(), source };
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if !input.is_empty() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().map_err(fault)?;
        if let Some(mut pipe) = child.stdin.take() {
            let input = input.to_vec();
            std::thread::spawn(move || {
                // A git that ends early closes the pipe; its exit code tells why.
                let _ = pipe.write_all(&input);
            });
        }
        let stdout = child.stdout.take().map(read);
        let stderr = child.stderr.take().map(read);
        let group = Pid::from_child(&child);
        let until = Instant::now() + limit;
        let mut pause = FIRST_LOOK;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(fault)? {
                break status;
            }
            let reason = if unwanted() {
                Some(Answer::Unwanted)
            } else {
                (Instant::now() >= until).then_some(Answer::TimeUp)
            };
            if let Some(reason) = reason {
                let _ = kill_process_group(group, Signal::TERM);
                let last = Instant::now() + GRACE;
                while Instant::now() < last && child.try_wait().map_err(fault)?.is_none() {
                    std::thread::sleep(LOOK);
                }
                // What git started may outlive it.
                let _ = kill_process_group(group, Signal::KILL);
                child.wait().map_err(fault)?;
                return Ok(reason);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        };
        // A helper that goes on in the background (an ssh master) may hold the streams for ever.
        let text = |stream: Option<Receiver<Vec<u8>>>| {
            stream.and_then(|stream| stream.recv_timeout(GRACE).ok()).unwrap_or_default()
        };
        Ok(Answer::Ended(Output { status, stdout: text(stdout), stderr: text(stderr) }))
    }
}

/// Reads a stream on a thread of its own.
fn read(stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut stream = stream;
        let _ = stream.by_ref().take(MAX_STREAM).read_to_end(&mut bytes);
        // What is past the bound is read all the same, so that nobody waits for a reader.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        let _ = sender.send(bytes);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_an_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let hanging = |limit: u64, unwanted: bool| {
            let started = Instant::now();
            let answer = GitCommand::new(folder.path(), "hangs")
                .config("alias.hangs", "!sleep 60")
                .answer(b"", Duration::from_millis(limit), &|| unwanted)
                .expect("it runs");
            assert!(started.elapsed() < Duration::from_secs(20));
            answer
        };
        assert!(matches!(hanging(200, false), Answer::TimeUp));
        assert!(matches!(hanging(60_000, true), Answer::Unwanted));
    }

    #[test]
    fn a_call_is_given_its_input_whether_it_reads_it_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let input = vec![b'x'; 1024 * 1024];
        for (alias, said) in [("!cat", input.len()), ("!true", 0)] {
            let answer = GitCommand::new(folder.path(), "takes")
                .config("alias.takes", alias)
                .answer(&input, Duration::from_secs(60), &|| false)
                .expect("it runs");
            let Answer::Ended(output) = answer else { panic!("{answer:?}") };
            assert!(output.status.success(), "{alias}");
            assert_eq!(output.stdout.len(), said, "{alias}");
        }
    }
}
