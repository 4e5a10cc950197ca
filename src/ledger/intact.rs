//! Whether a ledger can be worked on from a commit: everything that the next transition may read is there and is what
//! its place says. History is not looked at; that is [`super::verify`].

use std::cell::RefCell;
use std::time::Duration;

use super::store::{Belief, ObjectFormat, ObjectKind, RefName, Store, StoreError, Writer};
use super::transact::{TransactError, read_commit};
use super::tree::Trees;
use super::view::TreeView;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place::{self, OpenState};
use crate::domain::view::{Fault, View as _};

/// Reads the commit, its records, the selected and the used plans, the active runs and every open item.
///
/// A machine that fails to read ([`StoreError::Io`] and its like) is told apart from an object that is missing or
/// damaged: only the latter is damage, and the former may be gone a moment later.
pub fn intact(store: &dyn Store, tip: Oid) -> Result<(), TransactError> {
    let watched = Watched { store, trouble: RefCell::new(None) };
    let found = readable(&watched, tip);
    match watched.trouble.into_inner() {
        Some(trouble) if found.is_err() => Err(trouble.into()),
        _ => found,
    }
}

/// Remembers a failure to read that says nothing about what is there.
struct Watched<'s> {
    store: &'s dyn Store,
    trouble: RefCell<Option<StoreError>>,
}

impl Store for Watched<'_> {
    fn object_format(&self) -> ObjectFormat {
        self.store.object_format()
    }

    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        self.store.resolve(name)
    }

    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        self.store.refs()
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        self.store.read(oid).inspect_err(|error| {
            let trouble = match error {
                StoreError::Missing(_) | StoreError::Damaged { .. } => return,
                other => StoreError::Git { action: format!("read {oid}"), detail: other.to_string() },
            };
            *self.trouble.borrow_mut() = Some(trouble);
        })
    }

    fn signs(&self) -> bool {
        self.store.signs()
    }

    fn signed(&self, commit: &[u8], tree: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.signed(commit, tree)
    }

    fn believed(&self) -> Result<Belief, StoreError> {
        self.store.believed()
    }

    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        self.store.writer(wait)
    }
}

fn readable(store: &dyn Store, tip: Oid) -> Result<(), TransactError> {
    let commit = read_commit(store, tip)?;
    let trees = Trees::new(store);
    let view = TreeView::new(&trees, Some(commit.tree));
    let missing = |at: &str| Fault { at: at.to_owned(), detail: "missing".to_owned() };
    view.transition()?.ok_or_else(|| missing("transition.toml"))?;
    view.ledger()?.ok_or_else(|| missing("ledger.toml"))?;
    let control = view.control()?;
    let mut plans: Vec<_> = control.plan.into_iter().collect();
    plans.extend(view.runs()?.into_iter().map(|run| run.plan));
    for plan in plans {
        view.plan(&plan)?.ok_or_else(|| missing(plan.as_str()))?;
    }
    for kind in ItemKind::ALL {
        for state in OpenState::ALL {
            for (id, slot) in view.items(kind, state)? {
                let item = ItemRef::new(kind, id);
                view.known(&item)?.ok_or_else(|| missing(place::intake(&item).as_str()))?;
                let document = place::document(&item, &slot);
                view.file(&document)?.ok_or_else(|| missing(document.as_str()))?;
                view.recovery(&item)?;
            }
        }
    }
    Ok(())
}
