//! The chain of commits, read from the tip backwards.

use std::collections::{HashMap, HashSet};

use super::commit::Commit;
use super::store::Store;
use super::transact::{TransactError, read_commit};
use super::tree::Trees;
use super::view::TreeView;
use crate::domain::oid::Oid;
use crate::domain::transition::record::Transition;
use crate::domain::view::Fault;

/// One commit of the ledger.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id.
    pub oid: Oid,
    /// The commit.
    pub commit: Commit,
    /// What made it.
    pub transition: Transition,
}

/// The commits from `tip` back to genesis, each read when it is asked for.
pub fn history<'t, 's>(
    store: &'s dyn Store,
    trees: &'t Trees<'s>,
    tip: Option<Oid>,
) -> impl Iterator<Item = Result<Step, TransactError>> + use<'t, 's> {
    let mut next = tip;
    std::iter::from_fn(move || {
        let oid = next.take()?;
        Some(step(store, trees, oid).inspect(|step| next = step.commit.parents.first().copied()))
    })
}

/// One commit, whole.
pub fn step(store: &dyn Store, trees: &Trees<'_>, oid: Oid) -> Result<Step, TransactError> {
    let commit = read_commit(store, oid)?;
    let transition = TreeView::new(trees, Some(commit.tree))
        .transition()?
        .ok_or_else(|| Fault { at: oid.to_string(), detail: "it has no transition.toml".to_owned() })?;
    Ok(Step { oid, commit, transition })
}

/// The commits alone, from `tip` back to genesis, each read when it is asked for: their trees are not opened.
pub fn commits(
    store: &dyn Store,
    tip: Option<Oid>,
) -> impl Iterator<Item = Result<(Oid, Commit), TransactError>> {
    let mut next = tip;
    std::iter::from_fn(move || {
        let oid = next.take()?;
        Some(
            read_commit(store, oid)
                .inspect(|commit| next = commit.parents.first().copied())
                .map(|commit| (oid, commit)),
        )
    })
}

/// What became of a ledger between two looks at it.
#[derive(Debug)]
pub struct Advance {
    /// The commits that it has now and had not then, oldest first.
    pub came: Vec<(Oid, Commit)>,
    /// Whether the old tip is no longer part of it: it was repaired or rewound.
    pub set_back: bool,
}

/// How a ledger got from the tip `old` to the tip `new`. Goes back on both sides at once until they meet, so that it
/// costs as much as lies between them, whichever of them is the longer.
pub fn advance(store: &dyn Store, old: Option<Oid>, new: Oid) -> Result<Advance, TransactError> {
    let mut came = Vec::new();
    let mut places = HashMap::new();
    let mut gone = HashSet::new();
    let (mut here, mut there) = (Some(new), old);
    let mut common = None;
    while here.is_some() || there.is_some() {
        if let Some(oid) = here {
            if gone.contains(&oid) {
                common = Some(oid);
                break;
            }
            let commit = read_commit(store, oid)?;
            here = commit.parents.first().copied();
            places.insert(oid, came.len());
            came.push((oid, commit));
        }
        if let Some(oid) = there {
            if let Some(place) = places.get(&oid) {
                came.truncate(*place);
                common = Some(oid);
                break;
            }
            gone.insert(oid);
            // What was damaged and is gone need not be read to know what there is now.
            there = read_commit(store, oid).ok().and_then(|commit| commit.parents.first().copied());
        }
    }
    came.reverse();
    Ok(Advance { came, set_back: old.is_some() && common != old })
}
