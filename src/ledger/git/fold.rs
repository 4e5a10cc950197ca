//! Folding: many small packs of ours become one, so that opening the repository stays cheap, the user's git
//! included.
//!
//! An old pack goes only when every object its index names is proved to be in the new one, and the new one is
//! whole and durable. A crash leaves both: the next writer lists the new pack, the next fold takes all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::disk::{self, fault};
use super::packs::{self, Ours};
use super::publish::{GitWriter, Incoming};
use super::{midx, pack};
use crate::domain::oid::Oid;
use crate::ledger::store::StoreError;

/// Packs of more bytes than this together are folded without a search for deltas: it would hold the writers' lock for
/// seconds, and the user's own gc finds the deltas later. Twenty-four common transitions have a third of it.
const DELTA_BYTES: u64 = 1024 * 1024;

type Index = gix::odb::pack::index::File;

impl GitWriter<'_> {
    /// Folds what is due, if anything is.
    pub(super) fn fold(&self) -> Result<(), StoreError> {
        let private = self.store.private_dir();
        let pack_dir = self.store.pack_dir();
        let mut ours = packs::load(&private, &pack_dir)?;
        // A pack that somebody keeps is theirs from now on.
        let kept = |one: &Ours| packs::file(&pack_dir, one.checksum, "keep").exists();
        if packs::due(&ours).is_some() && ours.iter().any(kept) {
            ours.retain(|one| !kept(one));
            packs::save(&self.store.disk, &private, &ours)?;
        }
        let Some((chosen, level)) = packs::due(&ours) else { return Ok(()) };

        let mut oids = BTreeSet::new();
        for one in &chosen {
            oids.extend(self.names(&pack_dir, one.checksum)?);
        }
        let mut input = String::with_capacity(oids.len() * (self.store.format.bytes() * 2 + 1));
        for oid in &oids {
            let _ = writeln!(input, "{oid}");
        }
        let scratch = private.join("fold");
        self.store.disk.create_dirs(&scratch)?;
        let bytes: u64 = chosen
            .iter()
            .filter_map(|one| packs::file(&pack_dir, one.checksum, "pack").metadata().ok())
            .map(|metadata| metadata.len())
            .sum();
        let deltas: &[&str] = if bytes > DELTA_BYTES { &["--window=0"] } else { &[] };
        let Some(checksum) = self.pack_objects(&scratch, deltas, input.as_bytes())? else { return Ok(()) };
        self.install(&Incoming::Made { directory: scratch, checksum }, false, None)?;

        // Proved on what lies in the pack folder now, not on what was meant to.
        if !pack::is_whole(self.store.format, &packs::file(&pack_dir, checksum, "pack"))? {
            return Err(unproved("its content does not match its checksum"));
        }
        let new = self.open_index(&pack_dir, checksum)?;
        for oid in &oids {
            let known = gix::ObjectId::try_from(oid.as_bytes()).ok().and_then(|id| new.lookup(id));
            if known.is_none() {
                return Err(unproved(&format!("{oid} is not in it")));
            }
        }

        // What was folded can be byte for byte one of the packs it was folded from.
        let gone: Vec<Oid> = chosen.iter().map(|one| one.checksum).filter(|old| *old != checksum).collect();
        let indexes: Vec<_> = gone.iter().map(|old| packs::file(&pack_dir, *old, "idx")).collect();
        midx::remove_if_naming(&pack_dir, &indexes)?;
        for old in gone {
            // The index first, as git does: whoever looks from now on does not find half a pack.
            for ending in ["idx", "rev", "bitmap", "pack"] {
                disk::remove(&packs::file(&pack_dir, old, ending))?;
            }
        }
        ours.retain(|one| !chosen.contains(one));
        ours.push(Ours { level, checksum });
        packs::save(&self.store.disk, &private, &ours)?;
        self.inflight.unmark_pack(checksum)?;
        self.remove_scratch()
    }

    /// Removes what `git pack-objects` left where it was killed.
    pub(super) fn remove_scratch(&self) -> Result<(), StoreError> {
        let scratch = self.store.private_dir().join("fold");
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(fault("remove", &scratch)(error))
            }
            _ => Ok(()),
        }
    }

    fn open_index(&self, pack_dir: &Path, checksum: Oid) -> Result<Index, StoreError> {
        let path = packs::file(pack_dir, checksum, "idx");
        Index::at(&path, self.store.format.into()).map_err(|error| StoreError::Git {
            action: format!("read {}", path.display()),
            detail: error.to_string(),
        })
    }

    fn names(&self, pack_dir: &Path, checksum: Oid) -> Result<Vec<Oid>, StoreError> {
        let index = self.open_index(pack_dir, checksum)?;
        let names: Option<Vec<Oid>> =
            index.iter().map(|entry| Oid::from_bytes(entry.oid.as_bytes())).collect();
        names.ok_or_else(|| unproved("an old index names ids of an unknown length"))
    }
}

fn unproved(detail: &str) -> StoreError {
    StoreError::Git {
        action: "fold packs".to_owned(),
        detail: format!("the new pack is not proved: {detail}"),
    }
}
