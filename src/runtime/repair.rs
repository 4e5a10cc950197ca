//! A ledger that cannot be read: found at the start, mended only when asked.

use std::path::PathBuf;

use thiserror::Error;

use super::continuity;
use super::project::Project;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::ledger::git::Memory;
use crate::ledger::history::step;
use crate::ledger::intact::intact;
use crate::ledger::store::{Belief, NewObjects, Publication, RefName, Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::ledger::trust::Distrust;
use crate::ledger::verify::verify;

/// What is wrong with the ledger's tip.
#[derive(Debug, Error)]
pub enum Damage {
    /// It cannot be read, or something that work needs cannot.
    #[error("the ledger is damaged: {0}")]
    Tip(String),
    /// It is not what this machine left, and what the rules made of it since.
    #[error("the ledger cannot be trusted: {0}")]
    Distrusted(Box<Distrust>),
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
        Err(Distrust::Store(error)) => Err(Damage::Store(error)),
        Err(distrust) => Err(Damage::Distrusted(Box::new(distrust))),
    }
}

/// Points the ledger at its newest intact tip, and says what was lost. Moves nothing where nothing is damaged.
pub fn repair(project: &Project) -> Result<Mended, RepairError> {
    match examine(project) {
        Ok(()) => return Err(RepairError::Sound),
        Err(Damage::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => {
            return Err(error.into());
        }
        Err(Damage::Store(_) | Damage::Tip(_) | Damage::Distrusted(_)) => {}
    }
    let mut lost = Vec::new();
    let known = continuity::known(project)?;
    for (tip, found_in) in project.store.remembered_tips(&known)? {
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

/// Why the ledger is not believed as it stands.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// It is believed.
    #[error("this machine believes the ledger as it stands: there is nothing to accept")]
    Believed,
    /// Somebody looked at something else.
    #[error("refs/millrace/state holds {found}, not {meant}: look at that first, with `millrace verify`")]
    Another {
        /// What it holds, in words.
        found: String,
        /// What was meant.
        meant: String,
    },
    /// It does not follow from itself: nothing can be built on it.
    #[error("the ledger is not sound, and cannot be believed: commit {commit}: {detail}")]
    Unsound {
        /// The first commit that is wrong.
        commit: Oid,
        /// What is wrong.
        detail: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Believes the ledger as it stands: at `meant`, the id of its tip or a beginning of it, or `none` where it is gone.
/// Gives the tip, and the ref that keeps what was believed before, where that can be kept.
pub fn accept(project: &Project, meant: &str) -> Result<(Option<Oid>, Option<String>), AcceptError> {
    let tip = project.store.resolve(&RefName::State)?;
    let fits = match tip {
        None => meant == NONE,
        Some(tip) => meant.len() >= SHORTEST && tip.to_string().starts_with(meant),
    };
    if !fits {
        let found = tip.map_or_else(|| "nothing (`none`)".to_owned(), |tip| tip.to_string());
        return Err(AcceptError::Another { found, meant: meant.escape_debug().to_string() });
    }
    if continuity::look(project).is_ok() {
        return Err(AcceptError::Believed);
    }
    if let Some(tip) = tip
        && let Some(finding) = verify(&project.store, tip)?.findings.into_iter().next()
    {
        return Err(AcceptError::Unsound { commit: finding.commit, detail: finding.detail });
    }
    let by = project.signature()?;
    let mut kept = None;
    // Nothing goes out of reach: what was believed is kept by a ref.
    if let Belief::Tip(known) = project.store.believed()?
        && Some(known) != tip
        && project.store.check_tip(known).is_ok()
    {
        let name = RefName::Backup(format!("{}-believed", by.at.strftime("%Y%m%d-%H%M%S")));
        let publication = Publication {
            name: name.clone(),
            old: project.store.resolve(&name)?,
            new: Some(known),
            objects: NewObjects::None,
            by: by.clone(),
            message: "accept: what was believed before".to_owned(),
        };
        project.store.writer(LOCK_WAIT)?.publish(publication)?;
        kept = Some(name.full());
    }
    project.store.accept(tip, &by)?;
    continuity::forget_launches(project, tip)?;
    Ok((tip, kept))
}

/// What stands for a ledger that is gone.
const NONE: &str = "none";

/// Digits that name a tip at least.
const SHORTEST: usize = 7;
