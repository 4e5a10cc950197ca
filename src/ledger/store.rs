//! The port: what the ledger needs of a place that keeps objects and refs.
//!
//! Three things implement it: the git repository ([`crate::ledger::git`]), a map in memory for tests and
//! simulation, and a decorator that fails at a chosen call. One contract suite runs on all of them.
//!
//! Reading needs no lock and writes nothing. Writing goes through a [`Writer`], which holds the writers' lock
//! until it is dropped, so that what was read through it is still true when it is published.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use crate::domain::ids::RunId;
use crate::domain::limits::MAX_ID_BYTES;
use crate::domain::oid::Oid;

/// The refs we write. Nothing else below `refs/` is ever touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefName {
    /// `refs/millrace/state`: the ledger.
    State,
    /// `refs/millrace/runs/<run-id>`: the code snapshots of one run.
    Run(RunId),
    /// `refs/millrace/backup/<name>`: what stood somewhere before a repair.
    Backup(String),
    /// `refs/millrace/remotes/<remote>/state`: the last fetched ledger of a remote.
    Remote(String),
    /// `refs/millrace/remotes/<remote>/runs/<run-id>`: a run branch as it was last fetched.
    RemoteRun(String, RunId),
}

/// What every ref of ours begins with.
pub const NAMESPACE: &str = "refs/millrace/";

impl RefName {
    /// What git calls a path of the tree that it points at: `refs/millrace/state:control.toml`.
    #[must_use]
    pub fn at(&self, path: impl fmt::Display) -> String {
        format!("{}:{path}", self.full())
    }

    /// The full name, `refs/millrace/...`.
    #[must_use]
    pub fn full(&self) -> String {
        match self {
            Self::State => "refs/millrace/state".to_owned(),
            Self::Run(run) => format!("refs/millrace/runs/{run}"),
            Self::Backup(name) => format!("refs/millrace/backup/{name}"),
            Self::Remote(remote) => format!("refs/millrace/remotes/{remote}/state"),
            Self::RemoteRun(remote, run) => format!("refs/millrace/remotes/{remote}/runs/{run}"),
        }
    }

    /// The ref that has this full name; `None` where it is none of ours.
    #[must_use]
    pub fn parse(full: &str) -> Option<Self> {
        let rest = full.strip_prefix(NAMESPACE)?;
        let name = if rest == "state" {
            Self::State
        } else if let Some(run) = rest.strip_prefix("runs/") {
            Self::Run(run.parse().ok()?)
        } else if let Some(name) = rest.strip_prefix("backup/") {
            Self::Backup(name.to_owned())
        } else if let Some(rest) = rest.strip_prefix("remotes/") {
            if let Some(remote) = rest.strip_suffix("/state") {
                Self::Remote(remote.to_owned())
            } else {
                let (remote, run) = rest.rsplit_once("/runs/")?;
                Self::RemoteRun(remote.to_owned(), run.parse().ok()?)
            }
        } else {
            return None;
        };
        name.check().is_ok().then_some(name)
    }

    /// Refuses a name that git would not take, or that would lead out of `refs/millrace/`.
    pub fn check(&self) -> Result<(), StoreError> {
        let text = match self {
            Self::State | Self::Run(_) => return Ok(()),
            Self::Backup(text) | Self::Remote(text) | Self::RemoteRun(text, _) => text,
        };
        let fine = text.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.contains("..")
                && !part.to_ascii_lowercase().ends_with(".lock")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+'))
        });
        if fine && text.len() <= MAX_ID_BYTES {
            return Ok(());
        }
        Err(StoreError::Unsupported(format!(
            "`{}` cannot be part of a ref name: expected ASCII letters, digits, `.`, `_`, `-` or `+`",
            text.escape_default()
        )))
    }
}

/// The hash that names objects in this repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

/// The kinds of object that we write; we never write tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A file.
    Blob,
    /// A folder.
    Tree,
    /// A commit.
    Commit,
}

/// An object with its id, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its id, which is the hash of kind and bytes.
    pub oid: Oid,
    /// Its content, without git's header.
    pub bytes: Vec<u8>,
}

/// The objects a publication makes durable before its ref moves.
#[derive(Debug, Clone)]
pub enum NewObjects {
    /// None: the ref goes to an object that is durable already (a ref that is reset or deleted).
    None,
    /// These, all of them, whether or not the object database already has one: an object that lies unsynced
    /// elsewhere is not durable.
    Given(Vec<Object>),
    /// Everything reachable from `want` and not from any of `have`, read from an object directory of its own
    /// (with the repository's as alternate). This is how code snapshots come in.
    Quarantine {
        /// The object directory that holds what is new.
        directory: PathBuf,
        /// The commit that will be published.
        want: Oid,
        /// Commits whose objects are durable already.
        have: Vec<Oid>,
    },
}

/// Who moved a ref, for its reflog.
#[derive(Debug, Clone)]
pub struct Signature {
    /// Name, without `<`, `>` or line breaks.
    pub name: String,
    /// Mail address, likewise.
    pub email: String,
    /// When.
    pub at: Timestamp,
}

/// One ref move, with what must be durable before it.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The ref.
    pub name: RefName,
    /// The value it must have now; `None`: it must not exist.
    pub old: Option<Oid>,
    /// The value it gets; `None`: it is deleted.
    pub new: Option<Oid>,
    /// What the new value needs.
    pub objects: NewObjects,
    /// For the reflog.
    pub by: Signature,
    /// One line for the reflog.
    pub message: String,
}

/// What can go wrong in a store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The ref did not have the value that the publication expects; nothing was changed. Load again and decide again.
    #[error("{name} moved: expected {expected}, found {found}", expected = shown(*.expected), found = shown(*.found))]
    Moved {
        /// The ref's full name.
        name: String,
        /// What it should have been.
        expected: Option<Oid>,
        /// What it was.
        found: Option<Oid>,
    },
    /// The object is not there.
    #[error("object {0} is missing from the repository")]
    Missing(Oid),
    /// The object is there and cannot be what it should be.
    #[error("object {oid} is damaged: {detail}")]
    Damaged {
        /// Which one.
        oid: Oid,
        /// What is wrong.
        detail: String,
    },
    /// The ref's file holds something that is not an object id.
    #[error("{name} is damaged: {detail}")]
    DamagedRef {
        /// The ref's full name.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// Another process holds the lock.
    #[error("another process is writing the ledger ({holder}); waited {} s for {}", .waited.as_secs(), .lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// Who holds it, as far as that can be told.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// A commit has to be signed, and cannot be.
    #[error("a commit of the ledger cannot be signed: {0}")]
    Unsigned(String),
    /// This kind of repository cannot hold a ledger.
    #[error("{0}")]
    Unsupported(String),
    /// The machine refused.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried (`write`, `fsync`, `rename`, ...).
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// git refused, or a git library did.
    #[error("{action}: {detail}")]
    Git {
        /// What was tried.
        action: String,
        /// What was said, one line.
        detail: String,
    },
}

fn shown(oid: Option<Oid>) -> String {
    oid.map_or_else(|| "nothing".to_owned(), |oid| oid.to_string())
}

/// What a store remembers of the ledger, beside its ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// It keeps no memory: nobody but this process can get at it.
    Unkept,
    /// Nothing: what is there is to be verified before it is believed.
    Nothing,
    /// This tip was written here, or verified.
    Tip(Oid),
}

/// A place that keeps objects and refs.
pub trait Store {
    /// How objects are named here.
    fn object_format(&self) -> ObjectFormat;

    /// The value of a ref, or `None` where it does not exist.
    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError>;

    /// Every ref of ours with its value, in the order of their names. Others that lie below [`NAMESPACE`] are not listed.
    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError>;

    /// The runs that have a run branch, with its tip.
    fn runs(&self) -> Result<Vec<(RunId, Oid)>, StoreError> {
        let run = |(name, oid)| match name {
            RefName::Run(run) => Some((run, oid)),
            _ => None,
        };
        Ok(self.refs()?.into_iter().filter_map(run).collect())
    }

    /// An object's kind and content; [`StoreError::Missing`] where there is none, [`StoreError::Damaged`] where the
    /// content does not hash to the id: what is read is what was written.
    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError>;

    /// The tip of the ledger that this machine wrote or verified last.
    fn believed(&self) -> Result<Belief, StoreError> {
        Ok(Belief::Unkept)
    }

    /// Whether commits of the ledger are signed here, as far as that can be done.
    fn signs(&self) -> bool {
        false
    }

    /// A commit of the ledger with a signature in it; `tree` is its tree, which need not be stored yet. `None`: it stays
    /// as it is. Takes as long as a program that signs takes, and has an end; needs no lock.
    fn signed(&self, _commit: &[u8], _tree: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    /// Takes the writers' lock, waiting at most `wait`.
    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError>;
}

/// The right to write: holds the lock until it is dropped.
pub trait Writer {
    /// Makes the objects durable and then moves the ref. When this returns `Ok`, both survive a power cut; when
    /// it returns an error, the ref is as it was, except after [`StoreError::Io`], where it may have moved:
    /// resolve it again to know.
    fn publish(&mut self, publication: Publication) -> Result<(), StoreError>;

    /// Remembers a tip of the ledger as written here or verified; `None`: that there is none. A memory that is lost
    /// costs a replay, so this is not waited for.
    fn believe(&mut self, _tip: Option<Oid>) -> Result<(), StoreError> {
        Ok(())
    }
}
