//! Where the user stands: `HEAD`, an operation in progress, the identity that commits are made with.

use std::path::Path;

use thiserror::Error;

use super::discover::Repository;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// What `HEAD` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The commit; `None` on a branch that has none yet.
    pub oid: Option<Oid>,
    /// The branch's full ref name (`refs/heads/main`); `None` where `HEAD` is detached.
    pub branch: Option<String>,
}

/// `HEAD` cannot be read.
#[derive(Debug, Error)]
#[error("cannot read HEAD of {repository}: {detail}; `git status` there tells more")]
pub struct HeadError {
    /// The git directory.
    pub repository: String,
    /// What is wrong, one line.
    pub detail: String,
}

/// An operation of the user's that is not finished. Nothing of ours starts meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InProgress {
    /// `git merge` with conflicts, or before its commit.
    Merge,
    /// `git rebase`.
    Rebase,
    /// `git am`.
    Am,
    /// `git cherry-pick`.
    CherryPick,
    /// `git revert`.
    Revert,
    /// `git bisect`.
    Bisect,
}

impl InProgress {
    /// The git command, as in `git <command> --abort` (or `git bisect reset`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Rebase => "rebase",
            Self::Am => "am",
            Self::CherryPick => "cherry-pick",
            Self::Revert => "revert",
            Self::Bisect => "bisect",
        }
    }
}

impl std::fmt::Display for InProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name and a mail address, as the user's git configuration has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `committer.name`, else `user.name`.
    pub name: String,
    /// `committer.email`, else `user.email`.
    pub email: String,
}

impl Repository {
    /// Where `HEAD` stands now. Starts no process, except where refs are kept in a reftable: git alone reads that.
    pub fn head(&self) -> Result<Head, HeadError> {
        let fault = |detail: String| HeadError { repository: self.git_dir.display().to_string(), detail };
        let options = gix::open::Options::isolated().open_path_as_is(true).with(gix::sec::Trust::Full);
        let opened = gix::open_opts(&self.git_dir, options).map_err(|error| fault(error.to_string()))?;
        let kept_as = opened.config_snapshot().string("extensions.refStorage");
        if kept_as.is_some_and(|kind| !kind.eq_ignore_ascii_case(b"files")) {
            return self.ask_git_for_head().map_err(|error| fault(error.to_string()));
        }
        let head = opened.head().map_err(|error| fault(error.to_string()))?;
        let branch = head.referent_name().map(|name| name.as_bstr().to_string());
        let oid = match head.id() {
            Some(id) => Some(
                Oid::from_bytes(id.as_bytes()).ok_or_else(|| fault(format!("{id} is not an object id")))?,
            ),
            None => None,
        };
        Ok(Head { oid, branch })
    }

    /// gix would say that `HEAD` is on the branch `.invalid`: the file there is a stub for programs like it.
    fn ask_git_for_head(&self) -> Result<Head, StoreError> {
        // Exit code 1 says: no symbolic ref, no commit.
        let ask = |subcommand: &str, args: &[&str]| {
            let output = GitCommand::new(&self.git_dir, subcommand).args(args).output(&[])?;
            let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
            match output.status.code() {
                Some(0) if !text.is_empty() => Ok(Some(text)),
                Some(0 | 1) => Ok(None),
                _ => Err(no_answer(subcommand, &output.stderr)),
            }
        };
        let branch = ask("symbolic-ref", &["--quiet", "HEAD"])?;
        let oid = match ask("rev-parse", &["--quiet", "--verify", "HEAD"])? {
            Some(hex) => Some(hex.parse().map_err(|_| no_answer("rev-parse", hex.as_bytes()))?),
            None if branch.is_none() => return Err(no_answer("rev-parse", b"HEAD names nothing")),
            None => None,
        };
        Ok(Head { oid, branch })
    }

    /// The operation of the user's that is not finished, if any. Starts no process.
    #[must_use]
    pub fn in_progress(&self) -> Option<InProgress> {
        let has = |name: &str| self.git_dir.join(name).symlink_metadata().is_ok();
        if has("rebase-merge") {
            // While a rebase stops at a conflict there is a CHERRY_PICK_HEAD too; the rebase is the answer.
            Some(InProgress::Rebase)
        } else if has("rebase-apply") {
            Some(if has("rebase-apply/applying") { InProgress::Am } else { InProgress::Rebase })
        } else if has("MERGE_HEAD") {
            Some(InProgress::Merge)
        } else if has("CHERRY_PICK_HEAD") {
            Some(InProgress::CherryPick)
        } else if has("REVERT_HEAD") {
            Some(InProgress::Revert)
        } else if let Some(sequence) = sequencer(&self.git_dir) {
            Some(sequence)
        } else if has("BISECT_LOG") {
            Some(InProgress::Bisect)
        } else {
            None
        }
    }

    /// The user's identity from git's configuration (all of its files, and their includes), or `None` unless
    /// both name and address are set.
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        Ok(self.identity_and_signing()?.0)
    }

    /// The same, and whether git is told to sign commits (`commit.gpgSign`): asked together, since asking costs a process.
    pub fn identity_and_signing(&self) -> Result<(Option<Identity>, bool), StoreError> {
        let output = GitCommand::new(&self.git_dir, "config")
            .args(["--null", "--get-regexp", r"^((user|committer)\.(name|email)|commit\.gpgsign)$"])
            .output(&[])?;
        // Exit code 1 says that no key matched.
        if !output.status.success() && output.status.code() != Some(1) {
            return Err(no_answer("config", &output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        // The last value of a key is the one that holds; an empty one counts as not set.
        let value = |key: &str| {
            text.split('\0')
                .filter_map(|record| record.split_once('\n'))
                .rfind(|(name, _)| *name == key)
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        let either =
            |part: &str| value(&format!("committer.{part}")).or_else(|| value(&format!("user.{part}")));
        // A key without a value stands for true, and has no line break behind it.
        let signs = text.split('\0').rfind(|record| record.split('\n').next() == Some("commit.gpgsign"));
        let signs = signs.is_some_and(|record| match record.split_once('\n') {
            None => true,
            Some((_, value)) => {
                let value = value.to_ascii_lowercase();
                matches!(&*value, "true" | "yes" | "on")
                    || value.parse::<i64>().is_ok_and(|number| number != 0)
            }
        });
        Ok((either("name").zip(either("email")).map(|(name, email)| Identity { name, email }), signs))
    }
}

fn no_answer(subcommand: &str, said: &[u8]) -> StoreError {
    let said = String::from_utf8_lossy(said);
    StoreError::Git {
        action: format!("git {subcommand}"),
        detail: said.lines().next().unwrap_or("no message").to_owned(),
    }
}

/// Between two picks of a series there is no `CHERRY_PICK_HEAD`; the list of what is left tells.
fn sequencer(git_dir: &Path) -> Option<InProgress> {
    let todo = std::fs::read_to_string(git_dir.join("sequencer/todo")).ok()?;
    let word = todo.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    Some(if word.starts_with("revert") { InProgress::Revert } else { InProgress::CherryPick })
}
