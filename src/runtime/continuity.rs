//! That the ledger goes on from where this machine left it, and from where it stood when a stage began. A stage that may
//! do anything may move the ledger's ref as well: back, away, or to something of its own. Nothing is built on that.
//!
//! There are two memories: the tip that the store remembers ([`crate::ledger::trust`]), and beside each invocation the
//! commit of its launch, which stays where the other one was lost.

use std::io;
use std::path::{Path, PathBuf};

use super::project::Project;
use crate::domain::oid::Oid;
use crate::harness::durable;
use crate::ledger::intact::intact;
use crate::ledger::store::{Belief, RefName, Store, StoreError};
use crate::ledger::transact::{TransactError, read_commit};
use crate::ledger::trust::{self, Distrust, Standing};

/// The file of an invocation directory that holds the commit of its launch.
const TIP_FILE: &str = "ledger-tip";

/// Writes down, beside what a stage is given, in which commit it was launched.
pub fn remember(inv_dir: &Path, launched: Oid) -> io::Result<()> {
    durable::write(&inv_dir.join(TIP_FILE), launched.to_string().as_bytes())
}

/// The launches that no handoff has settled, by what was written down beside them. What cannot be read is none: the
/// folder is no part of the record.
pub fn remembered(project: &Project) -> Vec<Oid> {
    launches(project).into_iter().map(|(tip, _)| tip).collect()
}

fn launches(project: &Project) -> Vec<(Oid, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(project.store.private_dir().join("inv")) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path().join(TIP_FILE);
            Some((std::fs::read_to_string(&path).ok()?.parse().ok()?, path))
        })
        // One that is no readable commit cannot tell anything; nor can the ledger be brought back to it.
        .filter(|(tip, _)| read_commit(&project.store, *tip).is_ok())
        .collect()
}

/// Forgets the launches that a ledger which is believed from now on does not go on from.
pub fn forget_launches(project: &Project, tip: Option<Oid>) -> Result<(), StoreError> {
    for (launched, path) in launches(project) {
        if tip.is_some_and(|tip| trust::follows(&project.store, tip, launched).is_ok()) {
            continue;
        }
        std::fs::remove_file(&path).map_err(|source| StoreError::Io { action: "remove", path, source })?;
    }
    Ok(())
}

/// Every commit that the ledger has to follow: what this machine left, if it can be worked on, and the launches.
pub fn known(project: &Project) -> Result<Vec<Oid>, StoreError> {
    let mut known = remembered(project);
    if let Belief::Tip(tip) = project.store.believed()? {
        // It need not be there any more, or not whole: then nothing can go on from it.
        match intact(&project.store, tip) {
            Ok(()) => known.push(tip),
            Err(TransactError::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    Ok(known)
}

/// That the ledger follows what this machine left and every launch that no handoff has settled, by the rules.
pub fn look(project: &Project) -> Result<Standing, Distrust> {
    let standing = trust::look(&project.store)?;
    for known in remembered(project) {
        let found = standing.tip.ok_or(Distrust::Gone { known })?;
        trust::goes_on(&project.store, found, known)?;
    }
    Ok(standing)
}

/// That the ledger still follows this commit, by the rules.
pub fn goes_on(store: &dyn Store, known: Oid) -> Result<(), Distrust> {
    let found = store.resolve(&RefName::State)?.ok_or(Distrust::Gone { known })?;
    trust::goes_on(store, found, known).map(drop)
}

/// Whether the ledger could be set to this tip: it follows the commit, by the rules.
pub fn would_go_on(store: &dyn Store, tip: Oid, known: Oid) -> Result<bool, StoreError> {
    match trust::goes_on(store, tip, known) {
        Ok(_) => Ok(true),
        Err(Distrust::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => Err(error),
        Err(_) => Ok(false),
    }
}
