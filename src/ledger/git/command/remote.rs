//! git as it talks to a remote: with what the user has set up for that, and without questions at a terminal.
//!
//! The rest of the `GIT_*` environment stays scrubbed. Let through is what says how to reach a server and how to be
//! known there: the helpers that give credentials, ssh, certificates, proxies, the protocols that are allowed, and
//! configuration that the environment carries (machines that build things pass credentials so).

use std::path::Path;

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
}
