//! What is wrong with the store, as facts. Nothing here moves a ref or removes anything.

use std::fmt;

use super::open::GitStore;
use super::{midx, reflog};
use crate::domain::oid::Oid;
use crate::ledger::store::{NAMESPACE, ObjectKind, RefName, Store, StoreError};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A ref of ours holds no object id. While it does, the user's own `git fetch` and `git gc` fail as well.
    Ref {
        /// The ref's full name.
        name: String,
        /// What it holds.
        detail: String,
    },
    /// The commit a ref points to, or its tree, cannot be read.
    Tip {
        /// The ref's full name.
        name: String,
        /// The commit.
        oid: Oid,
        /// What is wrong.
        detail: String,
    },
    /// The user's multi-pack-index names a pack that is gone: git still reads, its fsck fails. The next
    /// publication removes it.
    MultiPackIndex {
        /// One such pack's index file.
        names: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ref { name, detail } => write!(f, "{name} is damaged: {detail}"),
            Self::Tip { name, oid, detail } => {
                write!(f, "{name} points to {oid}, which is unusable: {detail}")
            }
            Self::MultiPackIndex { names } => {
                write!(f, "the multi-pack-index names {names}, which is gone; the next write removes it")
            }
        }
    }
}

impl GitStore {
    /// Looks at every ref of ours, its tip's commit and root tree, and at what gets in the way of reading.
    pub fn health(&self) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        for name in self.refs().names(NAMESPACE)? {
            match self.resolve(&name) {
                Ok(None) => {}
                Ok(Some(oid)) => match self.check_tip(oid) {
                    Ok(()) => {}
                    Err(error @ (StoreError::Missing(_) | StoreError::Damaged { .. })) => {
                        findings.push(Finding::Tip { name: name.full(), oid, detail: error.to_string() });
                    }
                    Err(error) => return Err(error),
                },
                Err(StoreError::DamagedRef { name, detail }) => findings.push(Finding::Ref { name, detail }),
                Err(error) => return Err(error),
            }
        }
        if let Some(index) = midx::missing_packs(&self.pack_dir()).first() {
            let names = index.file_name().unwrap_or_default().to_string_lossy().into_owned();
            findings.push(Finding::MultiPackIndex { names });
        }
        Ok(findings)
    }

    /// The commits that the ledger's ref has pointed to, newest first, each once, from our reflog. They need not
    /// be intact, and the newest may have been on its way when a crash came: whole, but never acknowledged.
    pub fn last_tips(&self) -> Result<Vec<Oid>, StoreError> {
        reflog::values(&self.common_dir, &RefName::State.full(), self.format)
    }

    /// The newest of [`GitStore::last_tips`] whose commit and root tree can be read.
    pub fn newest_intact_tip(&self) -> Result<Option<Oid>, StoreError> {
        for oid in self.last_tips()? {
            match self.check_tip(oid) {
                Ok(()) => return Ok(Some(oid)),
                Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads a commit and its root tree.
    pub fn check_tip(&self, oid: Oid) -> Result<(), StoreError> {
        let (kind, bytes) = self.read(oid)?;
        let tree = std::str::from_utf8(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default())
            .ok()
            .and_then(|line| line.strip_prefix("tree "))
            .and_then(|hex| hex.parse::<Oid>().ok())
            .filter(|_| kind == ObjectKind::Commit);
        let Some(tree) = tree else {
            return Err(StoreError::Damaged { oid, detail: "it is not a commit".to_owned() });
        };
        match self.read(tree)? {
            (ObjectKind::Tree, _) => Ok(()),
            (kind, _) => {
                Err(StoreError::Damaged { oid: tree, detail: format!("it is a {}, not a tree", kind.word()) })
            }
        }
    }
}
