//! A remote of the user's, and what it says that it has.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use super::super::project::Project;
use super::super::stop::Stop;
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::format::secrets;
use crate::format::suggest::nearest;
use crate::ledger::git::command::{Answer, GitCommand};
use crate::ledger::store::{RefName, StoreError};
use crate::ledger::transact::TransactError;

/// The ledger's ref, here and on every remote.
pub const STATE: &str = "refs/millrace/state";

/// What the refs of run branches begin with.
pub const RUNS: &str = "refs/millrace/runs/";

/// How long a remote may take to say what it has.
const ASK: Duration = Duration::from_secs(60);

/// Lines of git's that a failure shows.
const SHOWN_LINES: usize = 3;

/// Why nothing was shared or fetched.
#[derive(Debug, Error)]
pub enum SharingError {
    /// The repository has no remote of this name.
    #[error("there is no remote {name}")]
    NoSuchRemote {
        /// What was asked for, as text for people.
        name: String,
        /// The remote that may have been meant.
        meant: Option<String>,
    },
    /// git, or the remote, refused.
    #[error("{remote} cannot be {what}: {detail}")]
    Failed {
        /// The remote.
        remote: String,
        /// `asked`, `pushed to`, `fetched from`.
        what: &'static str,
        /// What was said.
        detail: String,
    },
    /// It took too long.
    #[error("{remote} did not answer within {} s", .limit.as_secs())]
    TimeUp {
        /// The remote.
        remote: String,
        /// The time it had.
        limit: Duration,
    },
    /// Somebody asked for the end.
    #[error("interrupted while {remote} was {what}; nothing was changed here")]
    Interrupted {
        /// The remote.
        remote: String,
        /// `asked`, `pushed to`, `fetched from`.
        what: &'static str,
    },
    /// The URLs that it is pushed to do not agree.
    #[error("the push URLs of {remote} hold different ledgers: {one} and {other}")]
    UrlsDiffer {
        /// The remote.
        remote: String,
        /// What the first one holds.
        one: String,
        /// What another one holds.
        other: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot be read, or refused.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

impl From<crate::domain::view::Fault> for SharingError {
    fn from(fault: crate::domain::view::Fault) -> Self {
        Self::Transact(fault.into())
    }
}

/// A remote that the user's git configuration has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// Where it is fetched from.
    fetched_from: Vec<String>,
    /// Where it is pushed to.
    pushed_to: Vec<String>,
    /// How long a transfer may take.
    limit: Duration,
}

/// What a remote says that it has, of what is ours, and its branches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertised {
    /// The ledger's tip.
    pub state: Option<Oid>,
    /// Run branches.
    pub runs: BTreeMap<RunId, Oid>,
    /// The tips of its ordinary branches.
    pub heads: Vec<Oid>,
}

impl Remote {
    /// The remote of this name, and how long a transfer may take.
    pub fn named(project: &Project, name: &str, limit: Duration) -> Result<Self, SharingError> {
        let output = GitCommand::new(&project.repository.git_dir, "remote").output(&[])?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !text.lines().any(|line| line == name) {
            let meant = nearest(name, text.lines()).map(str::to_owned);
            return Err(SharingError::NoSuchRemote { name: name.escape_debug().to_string(), meant });
        }
        RefName::Remote(name.to_owned()).check()?;
        let urls = |push: &[&str]| -> Result<Vec<String>, StoreError> {
            let text = GitCommand::new(&project.repository.git_dir, "remote")
                .args(["get-url", "--all"])
                .args(push)
                .arg(name)
                .text()?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self { name: name.to_owned(), fetched_from: urls(&[])?, pushed_to: urls(&["--push"])?, limit })
    }

    /// Where it is fetched from, for people: without passwords.
    #[must_use]
    pub fn source(&self) -> String {
        self.fetched_from.first().map(|url| shown(url)).unwrap_or_default()
    }

    /// Where it is pushed to, for people: without passwords.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.pushed_to.iter().map(|url| shown(url)).collect()
    }

    /// What it has, where it is fetched from.
    pub fn advertised(&self, project: &Project, stop: &Stop) -> Result<Advertised, SharingError> {
        self.ask(project, stop, &self.name)
    }

    /// What it has, where it is pushed to. With several URLs each is asked, and all have to say the same: one lease
    /// cannot stand for two states.
    pub fn advertised_for_push(&self, project: &Project, stop: &Stop) -> Result<Advertised, SharingError> {
        if self.pushed_to == self.fetched_from[..self.fetched_from.len().min(1)] {
            return self.ask(project, stop, &self.name);
        }
        let mut first: Option<Advertised> = None;
        for url in &self.pushed_to {
            let found = self.ask(project, stop, url)?;
            if let Some(first) = &first
                && (first.state != found.state || first.runs != found.runs)
            {
                let say =
                    |said: &Advertised| said.state.map_or_else(|| "none".to_owned(), |tip| tip.to_string());
                let (one, other) = (say(first), say(&found));
                return Err(SharingError::UrlsDiffer { remote: self.name.clone(), one, other });
            }
            first.get_or_insert(found);
        }
        Ok(first.unwrap_or_default())
    }

    fn ask(&self, project: &Project, stop: &Stop, place: &str) -> Result<Advertised, SharingError> {
        let git = GitCommand::to_a_remote(&project.repository.git_dir, "ls-remote")?
            .args(["--refs", "--end-of-options", place, "refs/heads/*", STATE])
            .arg(format!("{RUNS}*"));
        let stdout = self.talk(git, ASK.min(self.limit), stop, "asked")?;
        let mut found = Advertised::default();
        for line in String::from_utf8_lossy(&stdout).lines() {
            let Some((oid, name)) = line.split_once('\t') else { continue };
            let Ok(oid) = oid.parse::<Oid>() else { continue };
            if name == STATE {
                found.state = Some(oid);
            } else if let Some(run) = name.strip_prefix(RUNS) {
                // A name that is no run's is nobody's business.
                found.runs.extend(run.parse().ok().map(|run: RunId| (run, oid)));
            } else if name.starts_with("refs/heads/") {
                found.heads.push(oid);
            }
        }
        Ok(found)
    }

    /// Lets git bring something there or from there.
    pub(super) fn transfer(
        &self,
        git: GitCommand,
        stop: &Stop,
        what: &'static str,
    ) -> Result<(), SharingError> {
        self.talk(git, self.limit, stop, what).map(drop)
    }

    /// Runs git against the remote; gives its stdout where it ended well.
    fn talk(
        &self,
        git: GitCommand,
        limit: Duration,
        stop: &Stop,
        what: &'static str,
    ) -> Result<Vec<u8>, SharingError> {
        let remote = || self.name.clone();
        match git.answer(&[], limit, &|| stop.drains())? {
            Answer::TimeUp => Err(SharingError::TimeUp { remote: remote(), limit }),
            Answer::Unwanted => Err(SharingError::Interrupted { remote: remote(), what }),
            Answer::Ended(output) if output.status.success() => Ok(output.stdout),
            Answer::Ended(output) => {
                let said =
                    [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                Err(SharingError::Failed { remote: remote(), what, detail: self.told(&said) })
            }
        }
    }

    /// What git and the remote said about a failure: the lines that tell most, without passwords.
    fn told(&self, said: &[String; 2]) -> String {
        let lines =
            || said.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty());
        let rejected = lines().filter(|line| line.starts_with("!\t")).map(|line| {
            // `!	<from>:<to>	[remote rejected] (<reason>)`
            let mut fields = line.split('\t').skip(1);
            let to = fields.next().and_then(|refs| refs.rsplit_once(':')).map_or("a ref", |(_, to)| to);
            format!("{to}: {}", fields.next().unwrap_or("rejected"))
        });
        let remarks = lines().filter(|line| line.starts_with("remote: ")).map(str::to_owned);
        let fatal = lines().filter(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
        let fatal = fatal.map(|line| line.split_once(": ").map_or(line, |(_, rest)| rest).to_owned());
        let mut told: Vec<String> = rejected.chain(remarks).collect();
        if told.is_empty() {
            // Before git's own words, those of the program that it reached the remote with.
            let plain = lines().find(|line| !line.contains(": ") || line.contains("ermission denied"));
            told.extend(plain.map(str::to_owned));
            told.extend(fatal);
        }
        told.dedup();
        told.truncate(SHOWN_LINES);
        if told.is_empty() {
            told.extend(lines().next_back().map(str::to_owned));
        }
        let mut text = told.join("; ");
        for url in self.fetched_from.iter().chain(&self.pushed_to) {
            text = text.replace(url, &shown(url));
        }
        secrets::redact(&text, &[]).0
    }
}

/// A URL without the password that may stand in it; over http without the user as well, where a token may stand.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let user = user.split(':').next().unwrap_or_default();
    if scheme.starts_with("ssh") || scheme == "git" || scheme.ends_with("+ssh") {
        format!("{scheme}://{user}@{host}{path}")
    } else {
        format!("{scheme}://{host}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_opens_it() {
        let cases = [
            ("https://somebody:word@example.org/a.git", "https://example.org/a.git"),
            ("https://dummy-token@example.org/a@b", "https://example.org/a@b"),
            ("ssh://git:word@example.org:22/a", "ssh://git@example.org:22/a"),
            ("git@example.org:a.git", "git@example.org:a.git"),
            ("/srv/a.git", "/srv/a.git"),
            ("file:///srv/a@b.git", "file:///srv/a@b.git"),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(url), expected);
        }
    }
}
