//! git as it talks to a remote: with what the user has set up for that, without questions at a terminal, and with an
//! end.
//!
//! The rest of the `GIT_*` environment stays scrubbed. Let through is what says how to reach a server and how to be
//! known there: the helpers that give credentials, ssh, certificates, proxies, the protocols that are allowed, and
//! configuration that the environment carries (machines that build things pass credentials so).

use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{GitCommand, StoreError};

/// What of the caller's environment says how to reach a server and how to be known there.
const CONNECTION: [&str; 20] = [
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_CERT_PASSWORD_PROTECTED",
    "GIT_SSL_CIPHER_LIST",
    "GIT_SSL_KEY",
    "GIT_SSL_NO_VERIFY",
    "GIT_SSL_VERSION",
    "GIT_HTTP_PROXY_AUTHMETHOD",
    "GIT_HTTP_USER_AGENT",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_PROXY_SSL_CERT",
    "GIT_PROXY_SSL_KEY",
    "GIT_PROXY_COMMAND",
    "GIT_ALLOW_PROTOCOL",
    "GIT_CURL_VERBOSE",
];

/// Configuration values that an environment may carry: far more than anybody sets.
const MAX_CONFIGURED: usize = 1000;

/// Bytes of a stream that are kept.
const MAX_STREAM: u64 = 64 * 1024 * 1024;

/// Time between two looks whether it has ended.
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
    /// `git <subcommand>` on the repository whose git directory this is, talking to a remote.
    ///
    /// No password is asked for at the terminal: ssh runs in batch mode, whichever command the user configured for it
    /// as long as that is an `ssh`; an option that the user gave himself wins.
    pub fn to_a_remote(git_dir: &Path, subcommand: &str) -> Result<Self, StoreError> {
        let mut this = Self::new(git_dir, subcommand);
        for name in CONNECTION {
            if let Some(value) = std::env::var_os(name) {
                this.command.env(name, value);
            }
        }
        let count = std::env::var("GIT_CONFIG_COUNT").ok().and_then(|count| count.parse::<usize>().ok());
        for n in 0..count.unwrap_or(0).min(MAX_CONFIGURED) {
            let (key, value) = (format!("GIT_CONFIG_KEY_{n}"), format!("GIT_CONFIG_VALUE_{n}"));
            let (Ok(key), Ok(value)) = (std::env::var(key), std::env::var(value)) else { break };
            this = this.config(&key, &value);
        }
        if std::env::var_os("GIT_SSH").is_none() || std::env::var_os("GIT_SSH_COMMAND").is_some() {
            let configured = match std::env::var("GIT_SSH_COMMAND") {
                Ok(command) => command,
                Err(_) => Self::new(git_dir, "config")
                    .args(["--get", "core.sshCommand"])
                    .output(&[])
                    .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())?,
            };
            this.command.env("GIT_SSH_COMMAND", in_batch_mode(&configured));
        }
        Ok(this)
    }

    /// Runs it to its end, or to the end of `limit`, or until `unwanted`: then it goes with everything that it started.
    pub fn answer(mut self, limit: Duration, unwanted: &dyn Fn() -> bool) -> Result<Answer, StoreError> {
        let fault = |source| StoreError::Io { action: "run", path: "git".into(), source };
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = self.command.spawn().map_err(fault)?;
        let stdout = child.stdout.take().map(read);
        let stderr = child.stderr.take().map(read);
        let group = Pid::from_child(&child);
        let until = Instant::now() + limit;
        let mut ended_by = None;
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
                let status = child.wait().map_err(fault)?;
                ended_by = Some(reason);
                break status;
            }
            std::thread::sleep(LOOK);
        };
        if let Some(reason) = ended_by {
            return Ok(reason);
        }
        // A helper that goes on in the background (an ssh master) may hold the streams for ever.
        let text = |stream: Option<Receiver<Vec<u8>>>| {
            stream.and_then(|stream| stream.recv_timeout(GRACE).ok()).unwrap_or_default()
        };
        Ok(Answer::Ended(Output { status, stdout: text(stdout), stderr: text(stderr) }))
    }
}

/// An ssh command that asks nothing. What is no `ssh` knows no such option, and stays as it is.
fn in_batch_mode(configured: &str) -> String {
    let command = if configured.is_empty() { "ssh" } else { configured };
    let program = command.split_whitespace().next().unwrap_or_default().trim_matches(['\'', '"']);
    if program.rsplit('/').next() == Some("ssh") {
        format!("{command} -o BatchMode=yes")
    } else {
        command.to_owned()
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
    fn ssh_asks_nothing_and_other_programs_are_left_as_they_are() {
        assert_eq!(in_batch_mode(""), "ssh -o BatchMode=yes");
        assert_eq!(in_batch_mode("ssh -i key"), "ssh -i key -o BatchMode=yes");
        assert_eq!(in_batch_mode("'/usr/bin/ssh' -4"), "'/usr/bin/ssh' -4 -o BatchMode=yes");
        assert_eq!(in_batch_mode("plink -batch"), "plink -batch");
    }

    #[test]
    fn a_call_has_an_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let hanging = |limit: u64, unwanted: bool| {
            let started = Instant::now();
            let answer = GitCommand::new(folder.path(), "hangs")
                .config("alias.hangs", "!sleep 60")
                .answer(Duration::from_millis(limit), &|| unwanted)
                .expect("it runs");
            assert!(started.elapsed() < Duration::from_secs(20));
            answer
        };
        assert!(matches!(hanging(200, false), Answer::TimeUp));
        assert!(matches!(hanging(60_000, true), Answer::Unwanted));
    }
}
