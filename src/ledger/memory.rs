//! The store as a map in memory: for tests and simulation. Handles are cheap to clone and share one store.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::object::object_id;
use super::store::{NewObjects, ObjectFormat, ObjectKind, Publication, RefName, Store, StoreError, Writer};
use crate::domain::oid::Oid;

/// A store in memory.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    format: ObjectFormat,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    content: Mutex<Content>,
    writing: Mutex<bool>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Content {
    objects: HashMap<Oid, (ObjectKind, Vec<u8>)>,
    refs: BTreeMap<RefName, Oid>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(format: ObjectFormat) -> Self {
        Self { format, shared: Arc::default() }
    }

    /// How many objects it holds.
    #[must_use]
    pub fn object_count(&self) -> usize {
        self.content().objects.len()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.shared.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn object_format(&self) -> ObjectFormat {
        self.format
    }

    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        name.check()?;
        Ok(self.content().refs.get(name).copied())
    }

    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        let mut refs: Vec<_> = self.content().refs.iter().map(|(name, oid)| (name.clone(), *oid)).collect();
        refs.sort_by_key(|(name, _)| name.full());
        Ok(refs)
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        self.content().objects.get(&oid).cloned().ok_or(StoreError::Missing(oid))
    }

    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        let started = Instant::now();
        let mut writing = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        while *writing {
            let waited = started.elapsed();
            let Some(left) = wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
                let holder = "another handle of this store".to_owned();
                return Err(StoreError::Locked { lock: PathBuf::from("(memory)"), holder, waited });
            };
            let woken = self.shared.released.wait_timeout(writing, left);
            writing = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        *writing = true;
        Ok(Box::new(MemoryWriter { store: self }))
    }
}

struct MemoryWriter<'a> {
    store: &'a MemoryStore,
}

impl Drop for MemoryWriter<'_> {
    fn drop(&mut self) {
        *self.store.shared.writing.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.store.shared.released.notify_one();
    }
}

impl Writer for MemoryWriter<'_> {
    fn publish(&mut self, publication: Publication) -> Result<(), StoreError> {
        let Publication { name, old: expected, new, objects, by: _, message: _ } = publication;
        name.check()?;
        let found = self.store.resolve(&name)?;
        if found != expected {
            return Err(StoreError::Moved { name: name.full(), expected, found });
        }
        let given = match objects {
            NewObjects::None => Vec::new(),
            NewObjects::Given(objects) => objects,
            NewObjects::Quarantine { directory, .. } => {
                return Err(StoreError::Unsupported(format!(
                    "a store in memory takes no objects from {}; give them one by one",
                    directory.display()
                )));
            }
        };
        for object in &given {
            let is = object_id(self.store.format, object.kind, &object.bytes)?;
            if is != object.oid {
                let detail = format!("its content hashes to {is}");
                return Err(StoreError::Damaged { oid: object.oid, detail });
            }
        }
        let mut content = self.store.content();
        if let Some(new) = new {
            let given = given.iter().find(|object| object.oid == new).map(|object| object.kind);
            let known = content.objects.get(&new).map(|(kind, _)| *kind);
            match given.or(known) {
                Some(ObjectKind::Commit) => {}
                None => return Err(StoreError::Missing(new)),
                Some(other) => {
                    let detail = format!("a ref needs a commit, and it is a {}", other.word());
                    return Err(StoreError::Damaged { oid: new, detail });
                }
            }
        }
        // As in git, objects of a deletion are not stored: nothing would refer to them.
        match new {
            Some(new) => {
                content
                    .objects
                    .extend(given.into_iter().map(|object| (object.oid, (object.kind, object.bytes))));
                content.refs.insert(name, new);
            }
            None => {
                content.refs.remove(&name);
            }
        }
        Ok(())
    }
}
