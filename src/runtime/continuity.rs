//! That the ledger goes on from where it stood when a stage began. A stage that may do anything may move the ledger's ref
//! as well: back, away, or to something of its own. Nothing is built on that.

use std::io;
use std::path::Path;

use thiserror::Error;

use super::project::Project;
use crate::domain::oid::Oid;
use crate::harness::durable;
use crate::ledger::history::commits;
use crate::ledger::store::{RefName, Store, StoreError};
use crate::ledger::transact::read_commit;
use crate::ledger::verify::verify_since;

/// The file of an invocation directory that holds the commit of its launch.
const TIP_FILE: &str = "ledger-tip";

/// How the ledger does not go on from where it stood.
#[derive(Debug, Error)]
pub enum Discontinuity {
    /// It holds something else.
    #[error(
        "refs/millrace/state holds {found}, which does not follow {known}, where it stood when a stage began"
    )]
    Left {
        /// Where it stood.
        known: Oid,
        /// What it holds.
        found: Oid,
    },
    /// It is gone.
    #[error("refs/millrace/state is gone; it stood at {known} when a stage began")]
    Gone {
        /// Where it stood.
        known: Oid,
    },
    /// Something came that no command of ours makes.
    #[error(
        "refs/millrace/state was given commit {commit} while a stage ran, which the rules do not make: {detail}"
    )]
    False {
        /// The commit.
        commit: Oid,
        /// What is wrong with it.
        detail: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes down, beside what a stage is given, in which commit it was launched.
pub fn remember(inv_dir: &Path, launched: Oid) -> io::Result<()> {
    durable::write(&inv_dir.join(TIP_FILE), launched.to_string().as_bytes())
}

/// The launches that no handoff has settled, by what was written down beside them. What cannot be read is none: the
/// folder is no part of the record.
pub fn remembered(project: &Project) -> Vec<Oid> {
    let Ok(entries) = std::fs::read_dir(project.store.private_dir().join("inv")) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join(TIP_FILE)).ok()?.parse().ok())
        // One that is no readable commit cannot tell anything; nor can the ledger be brought back to it.
        .filter(|tip| read_commit(&project.store, *tip).is_ok())
        .collect()
}

/// Whether `tip` is this commit or came after it.
fn follows(store: &dyn Store, tip: Oid, known: Oid) -> bool {
    let mut came = commits(store, Some(tip)).map_while(Result::ok);
    tip == known || came.any(|(_, commit)| commit.parents.first() == Some(&known))
}

/// That the ledger's ref still follows this commit.
pub fn goes_on(store: &dyn Store, known: Oid) -> Result<Oid, Discontinuity> {
    let found = store.resolve(&RefName::State)?.ok_or(Discontinuity::Gone { known })?;
    if follows(store, found, known) { Ok(found) } else { Err(Discontinuity::Left { known, found }) }
}

/// The same, and that what came since is what the rules make of it.
pub fn goes_on_by_the_rules(store: &dyn Store, known: Oid) -> Result<(), Discontinuity> {
    let tip = goes_on(store, known)?;
    match verify_since(store, tip, known)?.findings.into_iter().next() {
        None => Ok(()),
        Some(finding) => Err(Discontinuity::False { commit: finding.commit, detail: finding.detail }),
    }
}

/// Whether the ledger could be set to this tip: it follows the commit, by the rules.
pub fn would_go_on(store: &dyn Store, tip: Oid, known: Oid) -> Result<bool, StoreError> {
    Ok(follows(store, tip, known) && verify_since(store, tip, known)?.findings.is_empty())
}
