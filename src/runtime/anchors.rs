//! What this machine remembers of the ledger, held against what the ledger's ref holds now: the memory of what it wrote
//! or verified last, launches without an end, the reflog, the ledgers that were fetched; and what would show a reader of
//! git another history than the one that was written.

use std::collections::{HashMap, HashSet};

use super::continuity;
use super::project::Project;
use crate::domain::oid::Oid;
use crate::ledger::git::{Veil, Veiled};
use crate::ledger::history::commits;
use crate::ledger::store::{Belief, Store, StoreError};
use crate::ledger::trust::{Distrust, follows};

/// Where a tip is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// As what this machine wrote or verified last.
    Memory,
    /// Beside a launch that no handoff has settled.
    Launch,
    /// As a value that the ref had before another one, by the reflog.
    Reflog,
    /// As the last fetched ledger of this remote.
    Remote(String),
}

impl Place {
    /// The place in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Memory => "what this machine wrote or verified last".to_owned(),
            Self::Launch => "a launch that has no end yet".to_owned(),
            Self::Reflog => "the reflog".to_owned(),
            Self::Remote(remote) => format!("the ledger fetched from {remote}"),
        }
    }
}

/// How a remembered tip stands to what the ref holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The ledger is there, or goes on from it.
    Follows,
    /// It goes on from the ledger: it is ahead.
    Ahead,
    /// Neither: they parted.
    Apart,
    /// It is of another ledger.
    Other,
    /// There is no ledger.
    Gone,
}

impl Standing {
    /// The standing's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Follows => "follows",
            Self::Ahead => "ahead",
            Self::Apart => "apart",
            Self::Other => "other",
            Self::Gone => "gone",
        }
    }
}

/// A remembered tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Where it is remembered.
    pub place: Place,
    /// The tip.
    pub tip: Oid,
    /// How it stands to the ledger.
    pub standing: Standing,
}

impl Anchor {
    /// What is wrong with the ledger if this is true: a word and a sentence. None where nothing is, or where a remote is
    /// ahead: what it has and was not adopted here is no fault of this one.
    #[must_use]
    pub fn accusation(&self) -> Option<(&'static str, String)> {
        let (place, tip) = (self.place.in_words(), self.tip);
        let remote = matches!(self.place, Place::Remote(_));
        Some(match self.standing {
            Standing::Follows => return None,
            Standing::Ahead | Standing::Gone if remote => return None,
            Standing::Ahead => ("rewound", format!("{place} names {tip}, which goes on from here")),
            Standing::Apart if remote => {
                ("diverged", format!("{place} stands at {tip}, which neither follows nor came before"))
            }
            Standing::Apart => ("rewritten", format!("{place} names {tip}, which is no part of it")),
            Standing::Other => ("replaced", format!("{place} names {tip}, which is of another ledger")),
            Standing::Gone => ("gone", format!("{place} names {tip}, and there is no ledger")),
        })
    }
}

/// Everything that remembers the ledger, each with how it stands. Of the reflog the newest value that does not follow,
/// else the newest.
pub fn anchors(project: &Project, tip: Option<Oid>) -> Result<Vec<Anchor>, StoreError> {
    let store = &project.store;
    let chain: HashSet<Oid> = commits(store, tip).map_while(Result::ok).map(|(oid, _)| oid).collect();
    let mut known = HashMap::new();
    let mut stands = |remembered: Oid| -> Result<Standing, StoreError> {
        if let Some(standing) = known.get(&remembered) {
            return Ok(*standing);
        }
        let standing = match tip {
            None => Standing::Gone,
            Some(_) if chain.contains(&remembered) => Standing::Follows,
            Some(tip) => match follows(store, tip, remembered) {
                Ok(()) => Standing::Follows,
                Err(Distrust::Rewound { .. }) => Standing::Ahead,
                Err(Distrust::Replaced { .. }) => Standing::Other,
                Err(Distrust::Store(error @ (StoreError::Io { .. } | StoreError::Git { .. }))) => {
                    return Err(error);
                }
                Err(_) => Standing::Apart,
            },
        };
        known.insert(remembered, standing);
        Ok(standing)
    };
    let mut anchors = Vec::new();
    let mut add = |place: Place, tip: Oid, standing: Standing| anchors.push(Anchor { place, tip, standing });
    if let Belief::Tip(tip) = store.believed()? {
        add(Place::Memory, tip, stands(tip)?);
    }
    for tip in continuity::remembered(project) {
        add(Place::Launch, tip, stands(tip)?);
    }
    let mut newest = None;
    for tip in store.former_tips()? {
        let standing = stands(tip)?;
        if newest.is_none() || standing != Standing::Follows {
            newest = Some((tip, standing));
        }
        if standing != Standing::Follows {
            break;
        }
    }
    if let Some((tip, standing)) = newest {
        add(Place::Reflog, tip, standing);
    }
    for (remote, tip) in store.fetched_ledgers()? {
        add(Place::Remote(remote), tip, stands(tip)?);
    }
    Ok(anchors)
}

/// Replacement refs and grafts that lie over objects of the ledger: git's own commands show something else there.
pub fn veils(project: &Project, tip: Option<Oid>) -> Result<Vec<Veiled>, StoreError> {
    let all = project.store.veils()?;
    let Some(tip) = tip.filter(|_| !all.is_empty()) else { return Ok(Vec::new()) };
    let mut ours: HashSet<Oid> = HashSet::new();
    for one in commits(&project.store, Some(tip)) {
        let Ok((oid, commit)) = one else { break };
        ours.extend([oid, commit.tree]);
    }
    if all.iter().any(|veil| veil.by == Veil::Replacement && !ours.contains(&veil.object)) {
        ours.extend(project.store.objects_of(tip)?);
    }
    Ok(all.into_iter().filter(|veil| ours.contains(&veil.object)).collect())
}
