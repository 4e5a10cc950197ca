//! Mending a damaged ledger ref, when asked: what could take its place, and putting it there.
//!
//! What the ref held is kept as a file, not as a ref below `refs/millrace/backup/`: a ref to damaged objects would
//! make the user's own `git gc` and `git fetch` fail, which is the harm that is to end here.

use std::cmp::Reverse;
use std::path::PathBuf;

use super::command::GitCommand;
use super::disk::{self, PLAIN};
use super::inflight::Inflight;
use super::keeping::Keeping;
use super::open::GitStore;
use super::publish::GitWriter;
use super::reftable::Expected;
use super::{reflog, refs};
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::ledger::store::{NewObjects, ObjectKind, Publication, RefName, Signature, Store as _, StoreError};

/// Where a tip that could take the place of a damaged one was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// In the reflog of the ledger's ref.
    Reflog,
    /// As the last fetched ledger of a remote.
    Remote,
    /// Among the repository's objects, with nothing that names it.
    Objects,
}

impl Memory {
    /// The place's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reflog => "the reflog",
            Self::Remote => "a remote's last fetched ledger",
            Self::Objects => "a commit that nothing names any more",
        }
    }
}

/// What the reflog says of a repair. What stood before it was given up by somebody who was asked.
const REPAIRED: &str = "repair: back to an intact tip";

/// What the reflog says where somebody believed the ledger as it stands.
const ACCEPTED: &str = "accept: believed as it stands";

impl GitStore {
    /// The values that the ledger's ref had and that another one followed, newest first, as far back as somebody has last
    /// given up what stood before. What was on its way when a crash came is none of them.
    pub fn former_tips(&self) -> Result<Vec<Oid>, StoreError> {
        reflog::former(&self.common_dir, &RefName::State.full(), self.format, &[REPAIRED, ACCEPTED])
    }

    /// Believes that the ledger is what its ref holds, whatever it was before. `tip` has to be that; `None`: it is gone.
    /// Only when somebody asked for it.
    pub fn accept(&self, tip: Option<Oid>, by: &Signature) -> Result<(), StoreError> {
        let mut writer = self.writer(LOCK_WAIT)?;
        writer.publish(Publication {
            name: RefName::State,
            old: tip,
            new: tip,
            objects: NewObjects::None,
            by: by.clone(),
            message: ACCEPTED.to_owned(),
        })?;
        writer.believe(tip)
    }

    /// Tips that the ledger had, the most trustworthy first: the reflog from its newest line on, then what was
    /// fetched, then every commit among the objects that says it is one of a ledger, the highest number first, and of one
    /// number those that are `known` first. None of them is known to be intact.
    pub fn remembered_tips(&self, known: &[Oid]) -> Result<Vec<(Oid, Memory)>, StoreError> {
        let mut tips: Vec<(Oid, Memory)> =
            self.last_tips()?.into_iter().map(|oid| (oid, Memory::Reflog)).collect();
        tips.extend(self.fetched_ledgers()?.into_iter().map(|(_, oid)| (oid, Memory::Remote)));
        tips.extend(self.ledger_commits(known)?.into_iter().map(|oid| (oid, Memory::Objects)));
        let mut seen = std::collections::HashSet::new();
        tips.retain(|(oid, _)| seen.insert(*oid));
        Ok(tips)
    }

    fn ledger_commits(&self, known: &[Oid]) -> Result<Vec<Oid>, StoreError> {
        let listed = GitCommand::new(&self.common_dir, "cat-file")
            .args(["--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"])
            .output(&[])?;
        let mut found = Vec::new();
        for line in String::from_utf8_lossy(&listed.stdout).lines() {
            let Some(Ok(oid)) = line.strip_prefix("commit ").map(str::parse::<Oid>) else { continue };
            let Ok((ObjectKind::Commit, bytes)) = self.read(oid) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let seq = text.lines().rev().find_map(|line| line.strip_prefix("Millrace-Seq: "));
            if let Some(Ok(seq)) = seq.map(str::parse::<u64>) {
                found.push((seq, oid));
            }
        }
        found.sort_unstable_by_key(|(seq, oid)| Reverse((*seq, known.contains(oid), *oid)));
        Ok(found.into_iter().map(|(_, oid)| oid).collect())
    }

    /// Points the ledger's ref to `to`, whatever it holds now, and keeps what it held. Only for a ref that is
    /// damaged, and only when somebody asked for it: this is the one write that expects no old value.
    pub fn replace_damaged(&self, to: Oid, by: &Signature) -> Result<PathBuf, StoreError> {
        let name = RefName::State.full();
        // Holds the lock, and cleans up after whoever was killed.
        let guard = super::lock::take(&self.disk, &self.private_dir().join("lock"), LOCK_WAIT)?;
        self.look_where()?;
        let writer = GitWriter::new(self, guard)?;
        self.check_tip(to)?;
        let old = self.read_ref(&name).ok().flatten();
        let line = reflog::Line { old, new: to, by, message: REPAIRED };
        let kept = match self.keeping() {
            Keeping::Files => {
                let held = std::fs::read(self.files().path(&name)).unwrap_or_default();
                let kept = self.keep_aside(&held, by)?;
                self.replace_file(&name, &line)?;
                kept
            }
            Keeping::Reftable => {
                let held = old.map(refs::content).unwrap_or_default();
                let kept = self.keep_aside(&held, by)?;
                self.reftable().swap(&self.disk, &name, Expected::Anything, &line)?;
                kept
            }
        };
        self.set_belief(Some(to))?;
        drop(writer);
        Ok(kept)
    }

    fn replace_file(&self, name: &str, line: &reflog::Line<'_>) -> Result<(), StoreError> {
        let inflight = Inflight::at(&self.private_dir());
        let (file, marker) = inflight.mark_ref(&self.disk, name, refs::MODE, &refs::content(line.new))?;
        self.disk.fsync(&file, &marker)?;
        let lock = self.files().lock(&self.disk, name, &marker)?;
        reflog::append(&self.disk, &self.common_dir, name, self.format, line)?;
        lock.commit(&self.disk)?;
        disk::remove(&marker)
    }

    /// Writes what a ref held into `<common-dir>/millrace/damaged/`, durably.
    fn keep_aside(&self, held: &[u8], by: &Signature) -> Result<PathBuf, StoreError> {
        let folder = self.private_dir().join("damaged");
        self.disk.create_dirs(&folder)?;
        for nth in 0_u32.. {
            let path = folder.join(format!("state-{}-{nth}", by.at.as_second()));
            if path.exists() {
                continue;
            }
            let file = self.disk.write_fresh(&path, PLAIN, held)?;
            self.disk.fsync(&file, &path)?;
            self.disk.fsync_dir(&folder)?;
            return Ok(path);
        }
        Ok(folder)
    }
}
