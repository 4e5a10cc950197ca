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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Lesson F-46: a plan from before some section of policy existed is another plan, not a complete one.
    #[test]
    fn f46_a_record_that_lacks_a_line_has_another_id() {
        let record = "schema = 1\n[limits]\nmax_launches_per_item = 40\nmax_open_roots = 1\n[workspace]\n";
        let files = BTreeMap::from([("config.toml".to_owned(), b"x = 1\n".to_vec())]);
        let mode = "standard_plain".parse().unwrap();
        let id = |record: &str| plan_id(&mode, record.as_bytes(), &files).unwrap();
        let mut ids = BTreeSet::from([id(record)]);
        for line in record.split_inclusive('\n') {
            assert!(ids.insert(id(&record.replacen(line, "", 1))), "{line}");
        }
    }
}
