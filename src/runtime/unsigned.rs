//! A ledger whose commits are all to be signed, and a git that cannot sign: nothing is started that could not be written
//! down. The ledger cannot tell of it either; so the runtime leaves a note beside it for those who ask.

use std::path::PathBuf;

use super::project::Project;
use super::tree::wait;
use crate::domain::schedule::Wait;
use crate::format::message::one_line;
use crate::ledger::git::Signing;
use crate::ledger::transact::TransactError;

/// The cause of a wait for a signature.
pub const SIGNING: &str = "signing";

/// Characters of what git said.
const WHY_CHARS: usize = 400;

/// What keeps anything from being written: that commits of the ledger are to be signed, and cannot be. A signature is
/// made, and thrown away.
pub(super) fn obstacle(project: &Project) -> Result<Option<Wait>, TransactError> {
    if project.signing()? != Signing::Must {
        forget(project);
        return Ok(None);
    }
    let Some((tip, _)) = project.tip()? else { return Ok(None) };
    match project.store.can_sign(tip) {
        Ok(()) => {
            forget(project);
            Ok(None)
        }
        Err(why) => Ok(Some(cannot(project, &why))),
    }
}

/// The wait, of which a note is left.
pub(super) fn cannot(project: &Project, why: &str) -> Wait {
    let why = one_line(why, WHY_CHARS);
    // Only for those who ask: without it the runtime waits all the same.
    let _ = std::fs::write(file(project), &why);
    waits(&why)
}

/// The wait of the runtime that works here, by its note; for those who have asked whether one does.
#[must_use]
pub fn noted(project: &Project) -> Option<Wait> {
    std::fs::read_to_string(file(project)).ok().map(|why| waits(&why))
}

/// There is nothing to wait for any more, or nobody who waits.
pub(super) fn forget(project: &Project) {
    let _ = std::fs::remove_file(file(project));
}

fn waits(why: &str) -> Wait {
    wait(
        SIGNING,
        format!(
            "commits of the ledger are all to be signed, and one cannot be: {why}; make the key usable without a \
             passphrase being asked for, and the work goes on by itself"
        ),
    )
}

fn file(project: &Project) -> PathBuf {
    project.store.private_dir().join("unsigned")
}
