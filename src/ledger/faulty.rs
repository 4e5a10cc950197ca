//! A store that fails where a test or a simulation wants it to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::store::{Belief, ObjectFormat, ObjectKind, Publication, RefName, Store, StoreError, Writer};
use crate::domain::oid::Oid;

/// The calls that can be made to fail; each kind is counted by itself, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// [`Store::resolve`], [`Store::refs`] and [`Store::runs`].
    Resolve,
    /// [`Store::read`].
    Read,
    /// [`Store::writer`].
    Writer,
    /// [`Writer::publish`].
    Publish,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing happened.
    Before,
    /// It happened, and the caller is told that it failed.
    After,
    /// Of a publication, the objects were stored and the ref did not move; as [`Failure::Before`] elsewhere.
    Torn,
}

/// One planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// At which kind of call.
    pub call: Call,
    /// At the how many-th call of that kind, from 1.
    pub nth: u64,
    /// How.
    pub failure: Failure,
}

/// Passes every call on, except those that were planned to fail.
#[derive(Debug, Clone)]
pub struct Faulty<S> {
    inner: S,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug)]
struct Plan {
    faults: Vec<Fault>,
    counts: [u64; 4],
    torn: u64,
}

impl<S> Faulty<S> {
    /// A store that fails as planned; clones share the counts.
    #[must_use]
    pub fn new(inner: S, faults: Vec<Fault>) -> Self {
        Self { inner, plan: Arc::new(Mutex::new(Plan { faults, counts: [0; 4], torn: 0 })) }
    }

    /// The store behind.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How many calls of this kind there were.
    #[must_use]
    pub fn calls(&self, call: Call) -> u64 {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).counts[call as usize]
    }

    fn next(&self, call: Call) -> Option<Failure> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.counts[call as usize] += 1;
        let nth = plan.counts[call as usize];
        plan.faults.iter().find(|fault| fault.call == call && fault.nth == nth).map(|fault| fault.failure)
    }

    fn around<T>(&self, call: Call, run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.next(call) {
            None => run(),
            Some(Failure::Before | Failure::Torn) => Err(injected(call)),
            Some(Failure::After) => run().and_then(|_| Err(injected(call))),
        }
    }
}

fn injected(call: Call) -> StoreError {
    let action = match call {
        Call::Resolve => "resolve",
        Call::Read => "read",
        Call::Writer => "lock",
        Call::Publish => "publish",
    };
    StoreError::Io {
        action,
        path: PathBuf::from("(injected fault)"),
        source: std::io::Error::other("a test asked for this"),
    }
}

impl<S: Store> Store for Faulty<S> {
    fn object_format(&self) -> ObjectFormat {
        self.inner.object_format()
    }

    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        self.around(Call::Resolve, || self.inner.resolve(name))
    }

    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        self.around(Call::Resolve, || self.inner.refs())
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        self.around(Call::Read, || self.inner.read(oid))
    }

    fn signs(&self) -> bool {
        self.inner.signs()
    }

    fn signed(&self, commit: &[u8], tree: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.signed(commit, tree)
    }

    fn believed(&self) -> Result<Belief, StoreError> {
        self.inner.believed()
    }

    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        self.around(Call::Writer, || {
            let inner = self.inner.writer(wait)?;
            Ok(Box::new(FaultyWriter { store: self, inner }) as Box<dyn Writer + '_>)
        })
    }
}

struct FaultyWriter<'a, S> {
    store: &'a Faulty<S>,
    inner: Box<dyn Writer + 'a>,
}

impl<S: Store> FaultyWriter<'_, S> {
    /// Stores the objects by way of a ref that is gone again at once.
    fn store_only(&mut self, mut publication: Publication) -> Result<(), StoreError> {
        let (Some(new), current) = (publication.new, self.store.inner.resolve(&publication.name)?) else {
            return Ok(());
        };
        if current != publication.old {
            return Ok(());
        }
        let n = {
            let mut plan = self.store.plan.lock().unwrap_or_else(PoisonError::into_inner);
            plan.torn += 1;
            plan.torn
        };
        publication.name = RefName::Backup(format!("torn-{n}"));
        publication.old = None;
        let back = Publication {
            old: Some(new),
            new: None,
            objects: super::store::NewObjects::None,
            ..publication.clone()
        };
        self.inner.publish(publication)?;
        self.inner.publish(back)
    }
}

impl<S: Store> Writer for FaultyWriter<'_, S> {
    fn believe(&mut self, tip: Option<Oid>) -> Result<(), StoreError> {
        self.inner.believe(tip)
    }

    fn publish(&mut self, publication: Publication) -> Result<(), StoreError> {
        match self.store.next(Call::Publish) {
            None => self.inner.publish(publication),
            Some(Failure::Before) => Err(injected(Call::Publish)),
            Some(Failure::After) => {
                self.inner.publish(publication)?;
                Err(injected(Call::Publish))
            }
            Some(Failure::Torn) => {
                self.store_only(publication)?;
                Err(injected(Call::Publish))
            }
        }
    }
}
