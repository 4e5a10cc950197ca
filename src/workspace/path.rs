//! Paths as git stores them: bytes relative to the root of the work tree, with `/` between the parts.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path of the repository. Any bytes but NUL; not necessarily UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// The path with these bytes, relative to the root of the work tree.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, as git stores them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path relative to the root of the work tree, for the file system.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Where it lies in this work tree.
    #[must_use]
    pub fn under(&self, work_tree: &Path) -> PathBuf {
        work_tree.join(self.as_path())
    }

    /// The folders above it, innermost first, without the root.
    pub fn folders(&self) -> impl Iterator<Item = Self> + '_ {
        (0..self.0.len()).rev().filter(|&at| self.0[at] == b'/').map(|at| Self(self.0[..at].to_vec()))
    }

    /// Whether this path lies inside `folder` (and is not `folder` itself).
    #[must_use]
    pub fn is_inside(&self, folder: &[u8]) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
    }

    /// The entry `name` of this folder; the empty path is the root.
    #[must_use]
    pub fn child(&self, name: &[u8]) -> Self {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }
}

impl fmt::Display for RepoPath {
    /// One line, safe for a terminal: control characters and bytes that are not UTF-8 come out escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || c == '\\' {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// NUL-terminated paths, as git's `-z --stdin` reads them.
pub(crate) fn nul_terminated<'a>(paths: impl IntoIterator<Item = &'a RepoPath>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for path in paths {
        bytes.extend_from_slice(path.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// The records of git's `-z` output.
pub(crate) fn split_nul(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}
