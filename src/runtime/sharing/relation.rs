//! How two tips of a ledger stand to each other.

use crate::domain::ids::LedgerId;
use crate::domain::oid::Oid;
use crate::ledger::history::{Advance, advance};
use crate::ledger::store::Store;
use crate::ledger::transact::{TransactError, read_commit};
use crate::ledger::tree::Trees;
use crate::ledger::view::TreeView;

/// How theirs stands to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is ours.
    Same,
    /// Ours goes on from theirs, by so many commits.
    Behind(usize),
    /// Theirs goes on from ours, by so many commits.
    Ahead(usize),
    /// Both go on from a commit, each its own way; `None`: they have none in common.
    Diverged(Option<Oid>),
}

/// How the tip `theirs` stands to the tip `ours`. Both have to be readable here.
pub fn relation(store: &dyn Store, ours: Oid, theirs: Oid) -> Result<Relation, TransactError> {
    if ours == theirs {
        return Ok(Relation::Same);
    }
    let Advance { came, set_back } = advance(store, Some(ours), theirs)?;
    if !set_back {
        return Ok(Relation::Ahead(came.len()));
    }
    match came.first() {
        None => Ok(Relation::Behind(advance(store, Some(theirs), ours)?.came.len())),
        Some((_, first)) => Ok(Relation::Diverged(first.parents.first().copied())),
    }
}

/// Which ledger a tip belongs to; `None` where it does not say.
pub fn ledger_of(store: &dyn Store, tip: Oid) -> Result<Option<LedgerId>, TransactError> {
    let trees = Trees::new(store);
    let view = TreeView::new(&trees, Some(read_commit(store, tip)?.tree));
    Ok(view.ledger()?.map(|record| record.ledger))
}
