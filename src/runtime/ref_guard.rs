//! The guard of our refs: nobody rewinds or deletes the ledger or a run branch in passing, whatever git command does it
//! (a mirroring push, a fetch that prunes, a slip of the hand). Ours run without hooks, so the guard never meets them.
//!
//! To go on from where a ref stands is allowed to everybody: whether what came is right is for `verify` to say.

use std::path::Path;

use crate::domain::oid::Oid;
use crate::format::hooks::{Guarded, Wanted, guarded};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// Why a transaction of refs is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} {why}, and is guarded; whoever wants it all the same takes the guard out first: `millrace hooks uninstall \
     reference-transaction`"
)]
pub struct Guards {
    /// The ref.
    pub name: String,
    /// What would become of it.
    pub why: String,
}

/// The first change of these lines that is refused. They are git's, of a transaction in the state `prepared`: the refs
/// still have their values.
pub fn refused(git_dir: &Path, lines: &[u8]) -> Result<Option<Guards>, StoreError> {
    for one in guarded(lines) {
        let Some(now) = value(git_dir, &one.name)? else { continue };
        if let Some(why) = why(git_dir, &one, now)? {
            return Ok(Some(Guards { name: one.name, why }));
        }
    }
    Ok(None)
}

fn why(git_dir: &Path, one: &Guarded, now: Oid) -> Result<Option<String>, StoreError> {
    let new = match one.wanted {
        Wanted::Is(new) if new == now => return Ok(None),
        Wanted::Is(new) => new,
        Wanted::Gone => return Ok(Some("would be deleted".to_owned())),
        Wanted::Symbolic => return Ok(Some("would become the name of another ref".to_owned())),
    };
    let goes_on = GitCommand::new(git_dir, "merge-base")
        .args(["--is-ancestor", &now.to_string(), &new.to_string()])
        .output(&[])?;
    // What cannot be told is refused: something is wrong with the objects.
    Ok((!goes_on.status.success()).then(|| {
        format!("would be rewound or replaced: {} does not go on from {}", new.short(), now.short())
    }))
}

/// git is asked, so that it is right for every way in which refs are stored.
fn value(git_dir: &Path, name: &str) -> Result<Option<Oid>, StoreError> {
    let output = GitCommand::new(git_dir, "rev-parse")
        .args(["--verify", "--quiet", "--end-of-options", name])
        .output(&[])?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}
