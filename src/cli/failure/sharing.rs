//! What keeps a ledger from being shared or fetched, and a run from being published, as exit codes and hints.

use super::Failure;
use crate::cli::exit::Exit;
use crate::runtime::published::NotPublished;
use crate::runtime::sharing::SharingError;
use crate::runtime::sharing::adoption::NotAdopted;
use crate::runtime::sharing::push::NotPushed;

/// What to do about ledgers that have both gone on.
fn parted(remote: &str) -> String {
    format!(
        "nothing was changed; `millrace log` and `millrace log --remote {remote}` show both, and one of them has to give \
         way: this version does not merge; `millrace fetch {remote} --replace --dry-run` tells what the one here would \
         lose by that"
    )
}

impl From<SharingError> for Failure {
    fn from(error: SharingError) -> Self {
        match &error {
            SharingError::NoSuchRemote { meant, .. } => {
                let hint = meant.as_ref().map_or_else(
                    || "`git remote` lists the remotes, `git remote add` adds one".to_owned(),
                    |meant| format!("did you mean `{}`?", meant.escape_debug()),
                );
                Self::input(&error).hint(hint)
            }
            SharingError::Failed { detail, remote, .. } if detail.contains("stale info") => {
                let hint = format!(
                    "it holds something else than it said: it moved meanwhile, or it hides its ledger; `millrace fetch \
                     {remote}` tells"
                );
                Self::failed(&error).hint(hint)
            }
            SharingError::Failed { .. } => {
                let hint = "no password is asked for: use a credential helper, an ssh agent or a token";
                let refused = error.to_string().contains("terminal prompts disabled")
                    || error.to_string().contains("ermission denied");
                if refused { Self::failed(&error).hint(hint) } else { Self::failed(&error) }
            }
            SharingError::UrlsDiffer { .. } => {
                let hint = "give each URL a remote of its own, and share with the one that is behind first";
                Self::failed(&error).hint(hint)
            }
            SharingError::TimeUp { .. } => Self::failed(&error).hint("`--timeout 1h` gives it more time"),
            SharingError::Interrupted { .. } => Self::failed(&error),
            SharingError::Store(_) | SharingError::Transact(_) => match error {
                SharingError::Store(error) => error.into(),
                SharingError::Transact(error) => error.into(),
                other => Self::failed(other),
            },
        }
    }
}

impl From<NotPushed> for Failure {
    fn from(error: NotPushed) -> Self {
        match &error {
            NotPushed::Unknown { remote, .. } | NotPushed::Behind { remote, .. } => {
                let hint = format!("`millrace fetch {remote}` goes on from there");
                Self::failed(&error).hint(hint)
            }
            NotPushed::Diverged { remote, .. } => Self::failed(&error).hint(parted(remote)),
            NotPushed::Other { .. } => {
                Self::failed(&error).hint("a repository holds one ledger: share it somewhere else")
            }
            NotPushed::Run { .. } => Self::failed(&error).hint("without --runs the ledger alone is shared"),
            NotPushed::NoLedger => Self::failed(&error).hint("`millrace init` begins one"),
            NotPushed::Sharing(_) => match error {
                NotPushed::Sharing(error) => error.into(),
                other => Self::failed(other),
            },
        }
    }
}

impl From<NotAdopted> for Failure {
    fn from(error: NotAdopted) -> Self {
        match &error {
            NotAdopted::Diverged { remote, .. } => Self::failed(&error).hint(parted(remote)),
            NotAdopted::Other { remote, .. } => {
                let hint = format!(
                    "nothing was changed; `millrace log --remote {remote}` shows what it is, and `millrace fetch {remote} \
                     --replace --dry-run` what the ledger here would lose by giving way"
                );
                Self::failed(&error).hint(hint)
            }
            NotAdopted::False { remote, .. } => {
                let hint = format!("nothing was adopted; `millrace log --remote {remote}` shows it");
                Self::new(Exit::Damaged, &error).hint(hint)
            }
            NotAdopted::UnderWayThere { .. } => Self::new(Exit::Busy, &error).hint("nothing was adopted"),
            NotAdopted::UnderWayHere { .. } => {
                let hint = "nothing was adopted; two machines worked on one ledger: let one of them give way";
                Self::new(Exit::Busy, &error).hint(hint)
            }
            NotAdopted::NotAtRest { run } => Self::new(Exit::Busy, &error).hint(format!(
                "nothing was changed; let run {run} end, or cancel it, and run the runtime until it is idle"
            )),
            NotAdopted::Lock(_) => match error {
                NotAdopted::Lock(error) => error.into(),
                other => Self::failed(other),
            },
            NotAdopted::Lost { .. } => {
                let hint = "`millrace doctor` tells what is wrong; nothing was adopted";
                Self::new(Exit::Damaged, &error).hint(hint)
            }
            NotAdopted::Sharing(_) => match error {
                NotAdopted::Sharing(error) => error.into(),
                other => Self::failed(other),
            },
        }
    }
}

impl From<NotPublished> for Failure {
    fn from(error: NotPublished) -> Self {
        match &error {
            NotPublished::Active { run, .. } => {
                Self::failed(&error).hint(format!("`millrace runs tail {run} -f` follows it to its end"))
            }
            NotPublished::Gone { .. } => {
                Self::failed(&error).hint("a remote may have its branch: `millrace fetch REMOTE --runs`")
            }
            NotPublished::Nothing { .. } | NotPublished::Io { .. } => Self::failed(&error),
            NotPublished::BadName { .. } => Self::input(&error).hint("name it as `git branch` would take it"),
            NotPublished::CheckedOut { .. } | NotPublished::Exists { .. } => {
                Self::failed(&error).hint("name another branch")
            }
            NotPublished::Entangled { .. } => {
                Self::failed(&error).hint("`--with-uncommitted` publishes that work as well")
            }
            NotPublished::Store(_) | NotPublished::Transact(_) => match error {
                NotPublished::Store(error) => error.into(),
                NotPublished::Transact(error) => error.into(),
                other => Self::failed(other),
            },
        }
    }
}
