//! Names of objects: the hash of kind, length and content, as git computes it.

use gix::objs::Kind;

use super::store::{ObjectFormat, ObjectKind, StoreError};
use crate::domain::oid::Oid;

/// The id of an object with this content.
///
/// Fails only where the content is a known collision attack on SHA-1, which git refuses as well.
pub fn object_id(format: ObjectFormat, kind: ObjectKind, bytes: &[u8]) -> Result<Oid, StoreError> {
    let fault = |detail: String| StoreError::Git { action: "hash an object".to_owned(), detail };
    let id = gix::objs::compute_hash(format.into(), kind.into(), bytes)
        .map_err(|error| fault(error.to_string()))?;
    Oid::from_bytes(id.as_bytes()).ok_or_else(|| fault(format!("{id} has an unknown length")))
}

impl ObjectFormat {
    /// Bytes of a hash.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether an id can name an object here.
    #[must_use]
    pub fn names(self, oid: Oid) -> bool {
        oid.as_bytes().len() == self.bytes()
    }
}

impl From<ObjectFormat> for gix::hash::Kind {
    fn from(format: ObjectFormat) -> Self {
        match format {
            ObjectFormat::Sha1 => Self::Sha1,
            ObjectFormat::Sha256 => Self::Sha256,
        }
    }
}

impl From<ObjectKind> for Kind {
    fn from(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Blob => Self::Blob,
            ObjectKind::Tree => Self::Tree,
            ObjectKind::Commit => Self::Commit,
        }
    }
}

impl ObjectKind {
    /// The kind by git's word for it; `None` for tags and anything unknown.
    #[must_use]
    pub fn named(word: &[u8]) -> Option<Self> {
        match word {
            b"blob" => Some(Self::Blob),
            b"tree" => Some(Self::Tree),
            b"commit" => Some(Self::Commit),
            _ => None,
        }
    }

    /// git's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
        }
    }
}
