//! The guard of our refs: nobody rewinds or deletes the ledger or a run branch in passing, whatever git command does it
//! (a mirroring push, a fetch that prunes, a slip of the hand). Ours run without hooks, so the guard never meets them.
//!
//! To go on from where a ref stands is allowed to everybody: whether what came is right is for `verify` to say.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::domain::oid::Oid;
use crate::format::hooks::{Guarded, Wanted, guarded};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;
use crate::workspace::discover::Repository;

/// How long the lock of `packed-refs` may be somebody else's, who has it for an instant.
const OTHERS_LOCK: Duration = Duration::from_millis(300);

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
pub fn refused(repository: &Repository, lines: &[u8]) -> Result<Option<Guards>, StoreError> {
    let git_dir = &repository.git_dir;
    for one in guarded(lines) {
        let Some(now) = value(git_dir, &one.name)? else { continue };
        if one.wanted == Wanted::Gone && is_only_packed(&repository.common_dir, &one.name, now) {
            continue;
        }
        if let Some(why) = why(git_dir, &one, now)? {
            return Ok(Some(Guards { name: one.name, why }));
        }
    }
    Ok(None)
}

/// Whether a deletion is that of `git pack-refs`: it takes a ref's own file away once `packed-refs` has the value, and
/// says it as any deletion is said. But every other one holds the lock of `packed-refs` while it asks, and this one has
/// let go of it. A lock that stays is taken for that of a real one.
fn is_only_packed(common_dir: &Path, name: &str, now: Oid) -> bool {
    let Ok(text) = std::fs::read(common_dir.join("packed-refs")) else { return false };
    let line = format!("{now} {name}");
    if !text.split(|byte| *byte == b'\n').any(|found| found == line.as_bytes()) {
        return false;
    }
    let until = Instant::now() + OTHERS_LOCK;
    let lock = common_dir.join("packed-refs.lock");
    while lock.symlink_metadata().is_ok() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
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
