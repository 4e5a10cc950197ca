//! The packs that are ours, by level: `<common-dir>/millrace/packs`, one `<level> <checksum>` a line.
//!
//! The list is a hint. A pack that the user's gc took away drops out of it; one that is missing in it only
//! stays until the user's gc comes.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::disk::{self, Disk, PLAIN, fault};
use crate::domain::limits::{FOLD_AT, FOLD_LEVEL_AT, MAX_PACKS};
use crate::domain::oid::Oid;
use crate::ledger::store::StoreError;

/// One pack of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ours {
    /// 0 for one publication, n + 1 for what packs of level n were folded into.
    pub(super) level: u8,
    pub(super) checksum: Oid,
}

/// The file of a pack with this ending.
pub(super) fn file(pack_dir: &Path, checksum: Oid, ending: &str) -> PathBuf {
    pack_dir.join(format!("pack-{checksum}.{ending}"))
}

/// Our packs that are still there.
pub(super) fn load(private: &Path, pack_dir: &Path) -> Result<Vec<Ours>, StoreError> {
    let path = private.join("packs");
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(fault("read", &path)(error)),
    };
    let mut ours: Vec<Ours> = Vec::new();
    for line in text.lines() {
        // Lines that a power cut tore are passed over.
        let Some((level, checksum)) = line.split_once(' ') else { continue };
        let (Ok(level), Ok(checksum)) = (level.parse(), checksum.parse()) else { continue };
        if !ours.iter().any(|known| known.checksum == checksum) && file(pack_dir, checksum, "idx").exists() {
            ours.push(Ours { level, checksum });
        }
    }
    Ok(ours)
}

/// Adds one at the end of the list.
pub(super) fn append(disk: &Disk, private: &Path, one: Ours) -> Result<(), StoreError> {
    let path = private.join("packs");
    let mut options = OpenOptions::new();
    let mut file = match options.append(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => disk.create_new(&path, PLAIN)?,
        Err(error) => return Err(fault("open", &path)(error)),
    };
    // A line break first where a power cut tore the line before; empty lines mean nothing.
    file.write_all(format!("\n{} {}\n", one.level, one.checksum).as_bytes()).map_err(fault("write", &path))
}

/// Replaces the list.
pub(super) fn save(disk: &Disk, private: &Path, ours: &[Ours]) -> Result<(), StoreError> {
    let mut text = String::new();
    for one in ours {
        let _ = writeln!(text, "{} {}", one.level, one.checksum);
    }
    let fresh = private.join("packs.new");
    disk.write_fresh(&fresh, PLAIN, text.as_bytes())?;
    disk::rename(&fresh, &private.join("packs"))
}

/// Which packs are due to become one, and its level.
pub(super) fn due(ours: &[Ours]) -> Option<(Vec<Ours>, u8)> {
    let count = |level: u8| ours.iter().filter(|one| one.level == level).count();
    let bound = |level: u8| if level == 0 { FOLD_AT } else { FOLD_LEVEL_AT };
    let mut levels: Vec<u8> = ours.iter().map(|one| one.level).collect();
    levels.sort_unstable();
    levels.dedup();
    let full = levels.iter().copied().find(|level| count(*level) >= bound(*level));
    // The fold itself needs room for its result beside the packs it replaces.
    let crowded = || {
        (ours.len() + 1 >= MAX_PACKS)
            .then(|| levels.iter().copied().find(|level| count(*level) >= 2))
            .flatten()
    };
    let first = full.or_else(crowded)?;
    // What the result would fill in turn is folded along: one pass instead of two.
    let mut last = first;
    while let Some(next) = last.checked_add(1)
        && count(next) + 1 >= FOLD_LEVEL_AT
    {
        last = next;
    }
    let chosen = ours.iter().copied().filter(|one| (first..=last).contains(&one.level)).collect();
    Some((chosen, last.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulate(publications: u32) -> (usize, usize, Vec<Ours>) {
        let (mut ours, mut most, mut rewritten) = (Vec::new(), 0, 0);
        for n in 0..publications {
            let mut bytes = [0; 20];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            let checksum = Oid::from_bytes(&bytes).expect("20 bytes");
            ours.push(Ours { level: 0, checksum });
            most = most.max(ours.len());
            if let Some((chosen, level)) = due(&ours) {
                assert!(chosen.len() >= 2);
                most = most.max(ours.len() + 1);
                rewritten += chosen.iter().map(|one| 24 * 6usize.pow(u32::from(one.level))).sum::<usize>();
                ours.retain(|one| !chosen.contains(one));
                bytes[4] = 1;
                ours.push(Ours { level, checksum: Oid::from_bytes(&bytes).expect("20 bytes") });
            }
        }
        (most, rewritten, ours)
    }

    #[test]
    fn never_more_than_the_bound_of_ours() {
        let (most, _, ours) = simulate(200_000);
        assert!(most <= MAX_PACKS, "{most}");
        assert!(ours.iter().any(|one| one.level >= 4), "levels build up");
    }

    #[test]
    fn nothing_is_folded_before_the_bound() {
        let (most, rewritten, ours) = simulate(23);
        assert_eq!((most, rewritten, ours.len()), (23, 0, 23));
        let (_, _, ours) = simulate(24);
        assert_eq!(ours.len(), 1);
        assert_eq!(ours[0].level, 1);
    }
}
