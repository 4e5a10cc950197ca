//! A store whose reads are believed only when the content hashes to its id.
//!
//! Git's libraries check the pack's checksum or zlib's, not the object's own hash; verification must.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use super::object::object_id;
use super::store::{ObjectFormat, ObjectKind, RefName, Store, StoreError, Writer};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;

/// Reads of another store, checked.
pub struct Checked<'s> {
    store: &'s dyn Store,
    /// Objects that were found sound: hashing each once is enough.
    sound: RefCell<HashSet<Oid>>,
}

impl<'s> Checked<'s> {
    /// Checks the reads of `store`.
    #[must_use]
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store, sound: RefCell::new(HashSet::new()) }
    }
}

impl Store for Checked<'_> {
    fn object_format(&self) -> ObjectFormat {
        self.store.object_format()
    }

    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        self.store.resolve(name)
    }

    fn runs(&self) -> Result<Vec<(RunId, Oid)>, StoreError> {
        self.store.runs()
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        let (kind, bytes) = self.store.read(oid)?;
        if !self.sound.borrow().contains(&oid) {
            if object_id(self.object_format(), kind, &bytes)? != oid {
                return Err(StoreError::Damaged { oid, detail: "its content is something else".to_owned() });
            }
            self.sound.borrow_mut().insert(oid);
        }
        Ok((kind, bytes))
    }

    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        self.store.writer(wait)
    }
}
