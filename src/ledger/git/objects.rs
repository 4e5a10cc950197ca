//! Reading objects through gix, with the answers that gix gets wrong asked again of git.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gix::objs::Find;
use gix::odb::store::init::{Options, Slots};

use super::command::GitCommand;
use super::disk::fault;
use crate::domain::oid::Oid;
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectFormat, ObjectKind, StoreError};

/// Room for packs that arrive after opening: gix cannot grow, and ends with "too few index slots".
const MIN_SLOTS: usize = 256;

/// The objects of one repository.
pub(super) struct Objects {
    common_dir: PathBuf,
    format: ObjectFormat,
    handle: Mutex<gix::odb::Handle>,
}

enum Found {
    Object(ObjectKind, Vec<u8>),
    Tag,
    Nothing,
    Fault(String),
}

impl Objects {
    pub(super) fn open(common_dir: &Path, format: ObjectFormat) -> Result<Self, StoreError> {
        let handle = handle(common_dir, format).map_err(fault("open", &common_dir.join("objects")))?;
        Ok(Self { common_dir: common_dir.to_owned(), format, handle: Mutex::new(handle) })
    }

    /// Kind and content, proved to hash to the id.
    pub(super) fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        if !self.format.names(oid) {
            return Err(StoreError::Missing(oid));
        }
        let found = match self.find(oid) {
            Found::Nothing | Found::Fault(_) => {
                // A fold or gc of another process took away packs that this handle knew, or there are more
                // packs now than it has slots for: look with fresh eyes before asking git.
                self.reopen()?;
                self.find(oid)
            }
            found => found,
        };
        let (kind, bytes) = match found {
            Found::Object(kind, bytes) => (kind, bytes),
            Found::Tag => return Err(damaged(oid, "it is a tag, which nothing of ours refers to")),
            Found::Nothing => self.ask_git(oid, None)?,
            Found::Fault(detail) => self.ask_git(oid, Some(detail))?,
        };
        let is = object_id(self.format, kind, &bytes)?;
        if is == oid { Ok((kind, bytes)) } else { Err(damaged(oid, &format!("its content hashes to {is}"))) }
    }

    fn find(&self, oid: Oid) -> Found {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(id) = gix::ObjectId::try_from(oid.as_bytes()) else { return Found::Nothing };
        let mut buffer = Vec::new();
        match handle.try_find(&id, &mut buffer) {
            Ok(None) => Found::Nothing,
            Ok(Some(data)) => {
                let kind = data.kind;
                match kind {
                    gix::objs::Kind::Blob => Found::Object(ObjectKind::Blob, buffer),
                    gix::objs::Kind::Tree => Found::Object(ObjectKind::Tree, buffer),
                    gix::objs::Kind::Commit => Found::Object(ObjectKind::Commit, buffer),
                    gix::objs::Kind::Tag => Found::Tag,
                }
            }
            Err(error) => Found::Fault(error.to_string()),
        }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let fresh =
            handle(&self.common_dir, self.format).map_err(fault("open", &self.common_dir.join("objects")))?;
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// A fresh git process has the last word on what is missing and what is damaged.
    fn ask_git(&self, oid: Oid, gix_said: Option<String>) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        tracing::debug!(%oid, gix_said, "gix does not find it; git is asked");
        let output = GitCommand::new(&self.common_dir, "cat-file")
            .config("core.multiPackIndex", "false")
            .arg("--batch")
            .output(format!("{oid}\n").as_bytes())?;
        let split = output.stdout.iter().position(|byte| *byte == b'\n');
        let (header, body) =
            split.map_or((&[][..], &[][..]), |at| (&output.stdout[..at], &output.stdout[at + 1..]));
        let words: Vec<&[u8]> = header.split(|byte| *byte == b' ').collect();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = stderr.lines().rev().find(|line| !line.trim().is_empty());
        if let [_, kind, size] = words.as_slice()
            && let Some(size) = std::str::from_utf8(size).ok().and_then(|size| size.parse::<usize>().ok())
            && let Some(bytes) = body.get(..size)
        {
            let Some(kind) = ObjectKind::named(kind) else {
                return Err(damaged(oid, &format!("it is a {}", String::from_utf8_lossy(kind))));
            };
            return Ok((kind, bytes.to_vec()));
        }
        // git says `missing` of a corrupt loose object as well, and complains on stderr.
        match said.map(str::to_owned).or(gix_said) {
            None if header.ends_with(b" missing") => Err(StoreError::Missing(oid)),
            Some(detail) => Err(damaged(oid, &detail)),
            None => Err(damaged(oid, &format!("git cannot read it ({})", output.status))),
        }
    }
}

fn damaged(oid: Oid, detail: &str) -> StoreError {
    StoreError::Damaged { oid, detail: detail.to_owned() }
}

/// Replacement refs are left out on purpose: a ledger is what was written, not what somebody put over it.
fn handle(common_dir: &Path, format: ObjectFormat) -> io::Result<gix::odb::Handle> {
    gix::odb::at_opts(
        common_dir.join("objects"),
        format.into(),
        None,
        Options {
            slots: Slots::AsNeededByDiskState { multiplier: 2.0, minimum: MIN_SLOTS },
            // After a fold, a multi-pack-index may name packs that are gone; git copes, gix does not.
            use_multi_pack_index: false,
            ..Options::default()
        },
    )
}
