//! A plan's id, from its content alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::domain::ids::{BadId, ModeId, PlanId};

/// What is hashed begins with this, so that no other hash of ours can be taken for a plan's.
const DOMAIN: &[u8] = b"millrace plan 1\n";

/// Bytes of the digest that the id shows, two hex digits each.
const SHOWN: usize = 6;

/// The id of a plan: its record and its files in the order of their paths, every part with its length before it, so
/// that no two contents read alike. Fails where the mode's id leaves no room for the rest.
pub(super) fn plan_id(
    mode: &ModeId,
    record: &[u8],
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<PlanId, BadId> {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(b"plan.toml");
    part(record);
    for (path, bytes) in files {
        part(path.as_bytes());
        part(bytes);
    }
    let mut id = format!("plan-{mode}-");
    for byte in hash.finalize().iter().take(SHOWN) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.parse()
}
