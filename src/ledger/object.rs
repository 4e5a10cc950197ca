//! (stand-in) hashing
use super::store::{ObjectFormat, ObjectKind};
use crate::domain::oid::Oid;
/// id
#[must_use]
pub fn object_id(format: ObjectFormat, kind: ObjectKind, bytes: &[u8]) -> Oid {
    let hash = match format {
        ObjectFormat::Sha1 => gix::hash::Kind::Sha1,
        ObjectFormat::Sha256 => gix::hash::Kind::Sha256,
    };
    let kind = match kind {
        ObjectKind::Blob => gix::object::Kind::Blob,
        ObjectKind::Tree => gix::object::Kind::Tree,
        ObjectKind::Commit => gix::object::Kind::Commit,
    };
    let id = gix::objs::compute_hash(hash, kind, bytes).expect("x");
    Oid::from_bytes(id.as_slice()).expect("y")
}
