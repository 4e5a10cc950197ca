//! The user's own index, which is only ever read: what it holds, in one value that changes when that does, and which of
//! its entries the work tree is not asked about.
//!
//! An index of fifty thousand entries takes a while to list, so what was read is kept beside our own index and holds as
//! long as the file is the same one. It is a cache and nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::discover::Repository;
use super::path::{RepoPath, split_nul};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// What is read of the user's index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserIndex {
    /// A digest of the entries, without the times of files; the same for the same entries.
    pub digest: String,
    /// Whether there are entries of a conflict.
    pub conflicts: bool,
    /// Entries whose files need not be there (`skip-worktree`): that one is missing is no removal.
    pub skipped: BTreeSet<RepoPath>,
}

impl UserIndex {
    /// Reads it. `None` where git cannot: a damaged index is the user's to mend.
    pub fn read(repository: &Repository) -> Result<Option<Self>, StoreError> {
        let stamp = stamp(repository);
        let kept = kept(repository);
        if let Some(stamp) = &stamp
            && let Ok(bytes) = std::fs::read(&kept)
            && let Some(found) = from_kept(&bytes, stamp)
        {
            return Ok(Some(found));
        }
        let mut git = GitCommand::new(&repository.git_dir, "ls-files").args(["-z", "-v", "--stage"]);
        if let Some(work_tree) = &repository.work_tree {
            git = git.work_tree(work_tree);
        }
        let output = git.output(&[])?;
        if !output.status.success() {
            return Ok(None);
        }
        let index = Self::of(&output.stdout);
        // What may be written within the same tick of the clock is not to be remembered.
        if let Some(stamp) =
            stamp.filter(|stamp| !stamp.is_young() && Some(stamp) == self::stamp(repository).as_ref())
        {
            let _ = kept.parent().map(std::fs::create_dir_all);
            let aside = kept.with_extension(format!("{}.new", std::process::id()));
            if std::fs::write(&aside, index.to_kept(&stamp)).is_ok() {
                let _ = std::fs::rename(&aside, &kept);
            }
        }
        Ok(Some(index))
    }

    /// From `git ls-files -z -v --stage`: `<tag> <mode> <oid> <stage>\t<path>`.
    fn of(listed: &[u8]) -> Self {
        let mut digest = Sha256::new();
        let mut index = Self::default();
        for record in split_nul(listed) {
            let (tag, entry) = record.split_at(record.len().min(2));
            digest.update(entry);
            digest.update([0]);
            let Some(tab) = entry.iter().position(|byte| *byte == b'\t') else { continue };
            if entry[..tab].last().is_some_and(|stage| *stage != b'0') {
                index.conflicts = true;
            }
            if matches!(tag.first(), Some(b'S' | b's')) {
                index.skipped.insert(RepoPath::new(&entry[tab + 1..]));
            }
        }
        for byte in digest.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(index.digest, "{byte:02x}");
        }
        index
    }

    fn to_kept(&self, stamp: &Stamp) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [stamp.text.as_str(), &self.digest, if self.conflicts { "conflicts" } else { "none" }] {
            bytes.extend_from_slice(field.as_bytes());
            bytes.push(0);
        }
        for path in &self.skipped {
            bytes.extend_from_slice(path.as_bytes());
            bytes.push(0);
        }
        // The end, so that one that was cut is none.
        bytes.push(0);
        bytes
    }
}

fn from_kept(bytes: &[u8], stamp: &Stamp) -> Option<UserIndex> {
    let whole = bytes.strip_suffix(b"\0\0")?;
    let mut fields = whole.split(|byte| *byte == 0);
    if fields.next()? != stamp.text.as_bytes() {
        return None;
    }
    let digest = String::from_utf8(fields.next()?.to_vec()).ok()?;
    let conflicts = fields.next()? == b"conflicts";
    Some(UserIndex { digest, conflicts, skipped: fields.map(RepoPath::new).collect() })
}

fn kept(repository: &Repository) -> PathBuf {
    repository.millrace_dir().join("seen").join(format!("{}.index", repository.work_tree_key()))
}

/// What tells one index file from the next.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    text: String,
    modified: i64,
}

impl Stamp {
    /// Whether the file could still be written without a change of its time.
    fn is_young(&self) -> bool {
        jiff::Timestamp::now().as_second() <= self.modified + 1
    }
}

fn stamp(repository: &Repository) -> Option<Stamp> {
    let meta = std::fs::metadata(repository.git_dir.join("index")).ok()?;
    let text = format!(
        "{} {} {} {}.{} {}.{}",
        meta.dev(),
        meta.ino(),
        meta.size(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec()
    );
    Some(Stamp { text, modified: meta.mtime().max(meta.ctime()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_only_for_the_same_file() {
        let listed = b"H 100644 1111 0\ta\0S 100644 2222 0\tb\nc\0h 100755 3333 2\td\0";
        let index = UserIndex::of(listed);
        assert!(index.conflicts);
        assert_eq!(index.skipped.iter().map(RepoPath::as_bytes).collect::<Vec<_>>(), [b"b\nc"]);
        let stamp = Stamp { text: "1 2 3".to_owned(), modified: 0 };
        let kept = index.to_kept(&stamp);
        assert_eq!(from_kept(&kept, &stamp), Some(index.clone()));
        assert_eq!(from_kept(&kept[..kept.len() - 2], &stamp), None);
        assert_eq!(from_kept(&kept, &Stamp { text: "1 2 4".to_owned(), modified: 0 }), None);
        // A tag is no entry: the user's `assume-unchanged` changes nothing that is staged.
        assert_eq!(
            UserIndex::of(b"h 100644 1111 0\ta\0").digest,
            UserIndex::of(b"H 100644 1111 0\ta\0").digest
        );
        assert_ne!(
            UserIndex::of(b"H 100644 1112 0\ta\0").digest,
            UserIndex::of(b"H 100644 1111 0\ta\0").digest
        );
        let none = UserIndex::of(b"H 100644 1111 0\ta\0");
        assert_eq!(from_kept(&none.to_kept(&stamp), &stamp), Some(none));
    }
}
