//! The chain of commits, read from the tip backwards.

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
