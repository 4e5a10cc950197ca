//! Replacement refs and grafts: what git shows in place of what was written. Millrace reads past them; whoever reviews
//! with git alone does not, so they are named.

use std::io::ErrorKind;

use super::command::GitCommand;
use super::disk::fault;
use super::open::GitStore;
use crate::domain::oid::Oid;
use crate::ledger::store::{RefName, StoreError};

/// By what another object is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Veil {
    /// `refs/replace/<oid>`
    Replacement,
    /// A line of `info/grafts`, which gives a commit other parents.
    Graft,
}

/// An object that git shows otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Veiled {
    /// By what.
    pub by: Veil,
    /// The object that was written.
    pub object: Oid,
}

impl Veiled {
    /// What is wrong with that, in a sentence.
    #[must_use]
    pub fn detail(&self) -> String {
        let object = self.object;
        match self.by {
            Veil::Replacement => {
                format!(
                    "refs/replace/{object} makes git show something else; what was written is checked here"
                )
            }
            Veil::Graft => {
                format!(
                    "info/grafts makes git show other parents of {object}; what was written is checked here"
                )
            }
        }
    }
}

impl GitStore {
    /// Every replacement and graft of the repository, of whatever object.
    pub fn veils(&self) -> Result<Vec<Veiled>, StoreError> {
        let mut found = Vec::new();
        let listed = GitCommand::new(&self.common_dir, "for-each-ref")
            .args(["--format=%(refname:lstrip=2)", "refs/replace"])
            .output(&[])?;
        // A damaged ref makes git fail after it has listed the others.
        for line in String::from_utf8_lossy(&listed.stdout).lines() {
            let name = line.rsplit('/').next().unwrap_or(line);
            found.extend(name.parse().ok().map(|object| Veiled { by: Veil::Replacement, object }));
        }
        let path = self.common_dir.join("info").join("grafts");
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                String::new()
            }
            Err(error) => return Err(fault("read", &path)(error)),
        };
        for line in text.lines() {
            let commit = line.split_whitespace().next().and_then(|word| word.parse().ok());
            found.extend(commit.map(|object| Veiled { by: Veil::Graft, object }));
        }
        Ok(found)
    }

    /// Every object that a commit of ours reaches.
    pub fn objects_of(&self, tip: Oid) -> Result<Vec<Oid>, StoreError> {
        let listed = GitCommand::new(&self.common_dir, "rev-list")
            .args(["--objects", "--no-object-names"])
            .arg(tip.to_string())
            .output(&[])?;
        Ok(String::from_utf8_lossy(&listed.stdout).lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// The last fetched ledgers, by remote.
    pub fn fetched_ledgers(&self) -> Result<Vec<(String, Oid)>, StoreError> {
        let listed = GitCommand::new(&self.common_dir, "for-each-ref")
            .args(["--format=%(objectname) %(refname)", "refs/millrace/remotes"])
            .output(&[])?;
        let ledger = |line: &str| {
            let (oid, name) = line.split_once(' ')?;
            let remote = name.strip_prefix("refs/millrace/remotes/")?.strip_suffix("/state")?;
            let full = RefName::Remote(remote.to_owned()).full();
            (full == name).then(|| Some((remote.to_owned(), oid.parse().ok()?)))?
        };
        Ok(String::from_utf8_lossy(&listed.stdout).lines().filter_map(ledger).collect())
    }
}
