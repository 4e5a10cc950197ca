//! The log that git keeps of a work tree's `HEAD`: whether it went anywhere and came back, which no two looks at `HEAD`
//! itself can tell. Where git keeps none, or not as a file (a reftable), nothing is known.

use super::discover::Repository;
use crate::domain::oid::Oid;

/// Bytes of the log that are read; of more, the newest.
const READ: u64 = 256 * 1024;

/// How long the log is now.
#[must_use]
pub fn length(repository: &Repository) -> Option<u64> {
    std::fs::metadata(repository.git_dir.join("logs/HEAD")).ok().map(|meta| meta.len())
}

/// The commits that `HEAD` left for another branch or commit since the log had this length, each once. Steps on the way
/// (an amended commit, a rebase) are none.
#[must_use]
pub fn left_since(repository: &Repository, length: u64) -> Vec<Oid> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(repository.git_dir.join("logs/HEAD"))?;
        let now = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.max(now.saturating_sub(READ))))?;
        let mut bytes = Vec::new();
        file.take(READ).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut left: Vec<Oid> = Vec::new();
    // <old> <new> <who> <when>\t<what>
    for line in read().unwrap_or_default().lines() {
        let Some((ids, what)) = line.split_once('\t') else { continue };
        if !what.starts_with("checkout: moving from ") {
            continue;
        }
        if let Some(Ok(old)) = ids.split(' ').next().map(str::parse)
            && !left.contains(&old)
        {
            left.push(old);
        }
    }
    left
}
