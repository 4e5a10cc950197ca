//! A ledger that cannot be read: found at the start, mended only when asked.

use std::path::PathBuf;

use thiserror::Error;

use super::continuity;
use super::project::Project;
use crate::domain::oid::Oid;
use crate::ledger::git::Memory;
use crate::ledger::history::step;
use crate::ledger::intact::intact;
use crate::ledger::store::{RefName, Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::ledger::trust::Distrust;

/// What is wrong with the ledger's tip.
#[derive(Debug, Error)]
pub enum Damage {
    /// It cannot be read, or something that work needs cannot.
    #[error("the ledger is damaged: {0}")]
    Tip(String),
    /// It is not what this machine left, and what the rules made of it since.
    #[error("the ledger cannot be trusted: {0}")]
    Distrusted(Distrust),
    /// It could not even be looked at.
    #[error(transparent)]
    Store(StoreError),
}

/// What a repair did.
#[derive(Debug)]
pub struct Mended {
    /// The tip from now on.
    pub tip: Oid,
    /// Its number.
    pub seq: u64,
    /// Where it was found.
    pub found_in: Memory,
    /// Where what the ref held is kept.
    pub kept: PathBuf,
    /// Tips that were newer and are not intact.
    pub lost: Vec<Oid>,
}

/// Why a repair was not made.
#[derive(Debug, Error)]
pub enum RepairError {
    /// There is nothing to repair.
    #[error("the ledger is intact: there is nothing to repair")]
    Sound,
    /// Nothing that is remembered is intact.
    #[error("no intact tip is known: neither the reflog, nor a remote's ledger, nor the objects hold one")]
    NothingIntact,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A tip could not be read.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

/// Looks at everything that work needs, and whether what was launched last is still in it; `Ok` also where there is no
/// ledger yet.
pub fn examine(project: &Project) -> Result<(), Damage> {
    let tip = match project.store.resolve(&RefName::State) {
        Ok(None) => return followed(project),
        Ok(Some(tip)) => tip,
        Err(error @ StoreError::DamagedRef { .. }) => return Err(Damage::Tip(error.to_string())),
        Err(error) => return Err(Damage::Store(error)),
    };
    match intact(&project.store, tip) {
        Ok(()) => followed(project),
        Err(TransactError::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => {
            Err(Damage::Store(error))
        }
        Err(error) => Err(Damage::Tip(error.to_string())),
    }
}

/// That the ledger follows what this machine left, and every launch that no handoff has settled.
pub fn followed(project: &Project) -> Result<(), Damage> {
    match continuity::look(project) {
        Ok(_) => Ok(()),
        Err(Distrust::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => {
            Err(Damage::Store(error))
        }
        Err(Distrust::Store(error)) => Err(Damage::Tip(error.to_string())),
        Err(distrust) => Err(Damage::Distrusted(distrust)),
    }
}

/// Points the ledger at its newest intact tip, and says what was lost. Moves nothing where nothing is damaged.
pub fn repair(project: &Project) -> Result<Mended, RepairError> {
    match examine(project) {
        Ok(()) => return Err(RepairError::Sound),
        Err(Damage::Store(error)) => return Err(error.into()),
        Err(Damage::Tip(_) | Damage::Distrusted(_)) => {}
    }
    let mut lost = Vec::new();
    let known = continuity::known(project)?;
    for (tip, found_in) in project.store.remembered_tips()? {
        match intact(&project.store, tip) {
            Ok(()) => {}
            Err(TransactError::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => {
                return Err(error.into());
            }
            Err(_) => {
                lost.push(tip);
                continue;
            }
        }
        // Intact as it may be: a stage set the ledger back to it, or wrote it.
        let mut goes_on = true;
        for known in &known {
            goes_on &= continuity::would_go_on(&project.store, tip, *known)?;
        }
        if !goes_on {
            continue;
        }
        let trees = project.trees();
        let seq = step(&project.store, &trees, tip)?.transition.seq;
        let kept = project.store.replace_damaged(tip, &project.signature()?)?;
        return Ok(Mended { tip, seq, found_in, kept, lost });
    }
    Err(RepairError::NothingIntact)
}
