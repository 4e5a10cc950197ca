//! Where the repository keeps its refs, files or reftable, and the one or the other asked.
//!
//! `git refs migrate` can change it under a store that is open. A writer looks under its lock; a reader looks when a ref
//! is not where it looked first.

use std::sync::PoisonError;

use gix::config::File as Config;

use super::open::{self, GitStore};
use super::reflog;
use super::refs::Refs;
use super::reftable::Reftable;
use crate::domain::oid::Oid;
use crate::ledger::store::{RefName, StoreError};

/// Where refs are kept (`extensions.refStorage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// As files, loose and packed.
    Files,
    /// In a reftable, which git alone reads and writes.
    Reftable,
}

impl Keeping {
    /// As a configuration says that was not refused.
    pub(super) fn of(config: &Config) -> Self {
        match config.string("extensions.refStorage") {
            Some(name) if name.eq_ignore_ascii_case(b"reftable") => Self::Reftable,
            _ => Self::Files,
        }
    }
}

impl GitStore {
    pub(super) fn keeping(&self) -> Keeping {
        *self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads again where refs are kept. Whether it is elsewhere now.
    pub(super) fn look_where(&self) -> Result<bool, StoreError> {
        let config = open::config(&self.common_dir)?;
        open::refuse(&self.common_dir, &config)?;
        let now = Keeping::of(&config);
        let mut known = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(&mut *known, now) != now)
    }

    /// Refs as files. Whoever asks has looked that they are.
    pub(super) fn files(&self) -> Refs<'_> {
        Refs { common_dir: &self.common_dir, format: self.format }
    }

    /// Refs in a reftable. Whoever asks has looked that they are.
    pub(super) fn reftable(&self) -> Reftable<'_> {
        Reftable { common_dir: &self.common_dir, format: self.format, memory: &self.listing }
    }

    fn either<T>(
        &self,
        files: impl FnOnce(Refs<'_>) -> Result<T, StoreError>,
        reftable: impl FnOnce(Reftable<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.keeping() {
            Keeping::Files => files(self.files()),
            Keeping::Reftable => reftable(self.reftable()).map_err(|error| self.or_too_old(error)),
        }
    }

    /// The value of a ref of ours.
    pub(super) fn read_ref(&self, name: &str) -> Result<Option<Oid>, StoreError> {
        let read = || self.either(|files| files.read(name), |tables| tables.read(name));
        match read()? {
            None if self.look_where()? => read(),
            found => Ok(found),
        }
    }

    /// The names of our refs below `prefix`, which ends in `/`, readable or not; in their order.
    pub(super) fn ref_names(&self, prefix: &str) -> Result<Vec<RefName>, StoreError> {
        let list = || self.either(|files| files.names(prefix), |tables| tables.names(prefix));
        let names = list()?;
        if names.is_empty() && self.look_where()? { list() } else { Ok(names) }
    }

    /// Every ref of ours below `prefix` with its value, in the order of their names.
    pub(super) fn all_refs(&self, prefix: &str) -> Result<Vec<(RefName, Oid)>, StoreError> {
        let mut found = Vec::new();
        for name in self.ref_names(prefix)? {
            if let Some(oid) = self.read_ref(&name.full())? {
                found.push((name, oid));
            }
        }
        Ok(found)
    }

    /// The values that a ref has had, newest first, each once, from the reflog.
    pub(super) fn past_values(&self, name: &str) -> Result<Vec<Oid>, StoreError> {
        self.either(|_| reflog::values(&self.common_dir, name, self.format), |tables| tables.values(name))
    }

    /// Refuses where git would see a file and a folder of one name.
    pub(super) fn check_no_clash(&self, name: &str) -> Result<(), StoreError> {
        self.either(|files| files.check_no_clash(name), |tables| tables.check_no_clash(name))
    }
}
