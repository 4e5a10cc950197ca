//! `<common-dir>/millrace/believed`: the tip of the ledger that this machine wrote or verified last.
//!
//! Always the same length, written in place by the holder of the writers' lock and not waited for: after a power cut it
//! is behind, or nothing, and then what came since is verified once more.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use super::disk::{self, PLAIN, fault};
use super::open::GitStore;
use crate::domain::oid::Oid;
use crate::ledger::store::{Belief, StoreError};

impl GitStore {
    fn belief_path(&self) -> PathBuf {
        self.private_dir().join("believed")
    }

    pub(super) fn belief(&self) -> Result<Belief, StoreError> {
        let path = self.belief_path();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let tip = text.trim_end().parse().ok().filter(|oid| self.format.names(*oid));
                Ok(tip.map_or(Belief::Nothing, Belief::Tip))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
                Ok(Belief::Nothing)
            }
            Err(error) => Err(fault("read", &path)(error)),
        }
    }

    /// Only for the holder of the writers' lock.
    pub(super) fn set_belief(&self, tip: Option<Oid>) -> Result<(), StoreError> {
        let path = self.belief_path();
        let Some(tip) = tip else { return disk::remove(&path) };
        if self.belief()? == Belief::Tip(tip) {
            return Ok(());
        }
        let open = OpenOptions::new().write(true).open(&path);
        let mut file = match open {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => self.disk.create_new(&path, PLAIN)?,
            Err(error) => return Err(fault("open", &path)(error)),
        };
        let line = format!("{tip}\n");
        file.write_all(line.as_bytes()).map_err(fault("write", &path))?;
        // Something else was there: nothing of ours is longer.
        let length = file.metadata().map_err(fault("read", &path))?.len();
        if length > line.len() as u64 {
            file.set_len(line.len() as u64).map_err(fault("truncate", &path))?;
        }
        Ok(())
    }
}
