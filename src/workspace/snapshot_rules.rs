//! What a snapshot leaves out: the operator's patterns, what looks like a secret, and what is too large.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use thiserror::Error;

use super::path::RepoPath;

/// Bytes of a file that a snapshot takes when `[snapshot] max_file_bytes` says nothing. Commits are for ever, and
/// what people write is smaller; larger files are models, archives and dumps.
pub const DEFAULT_MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Our scratch in the work tree. No snapshot takes it, whatever `.gitignore` says, and no list names it.
pub const SCRATCH: &[u8] = b"millrace-agents/runs";

/// Untracked files that are taken for secrets, whatever the case of their letters.
pub const SECRET_PATTERNS: &[&str] = &[
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".npmrc",
    ".pypirc",
    ".htpasswd",
    ".git-credentials",
    ".vault-token",
    "*.pem",
    "*.key",
    "*.ppk",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.tfvars",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "credentials*.json",
    "client_secret*.json",
    "service-account*.json",
    "service_account*.json",
    ".aws/credentials",
    "**/.aws/credentials",
    ".ssh",
    ".gnupg",
    ".docker/config.json",
    "**/.docker/config.json",
    ".kube/config",
    "**/.kube/config",
];

/// Names that match [`SECRET_PATTERNS`] but are made to be shared.
pub const NOT_SECRET_PATTERNS: &[&str] =
    &[".env.example", ".env.sample", ".env.template", ".env.dist", "example.env", "sample.env"];

/// A pattern of `[snapshot] exclude` that cannot be read.
#[derive(Debug, Error)]
#[error("`[snapshot] exclude`: the pattern `{pattern}` cannot be read: {detail}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The rules of what a snapshot leaves out.
#[derive(Debug, Clone)]
pub struct SnapshotRules {
    max_file_bytes: u64,
    exclude: GlobSet,
    secret: GlobSet,
    not_secret: GlobSet,
}

impl SnapshotRules {
    /// Rules with a size cap in bytes and the operator's patterns.
    ///
    /// A pattern without an inner `/` matches a name in any folder; one with an inner or leading `/` is relative
    /// to the root of the work tree. What matches a folder matches everything in it. `*` and `?` stop at `/`,
    /// `**` does not.
    pub fn new(max_file_bytes: u64, exclude: &[impl AsRef<str>]) -> Result<Self, BadPattern> {
        let exclude: Vec<&str> = exclude.iter().map(AsRef::as_ref).collect();
        Ok(Self {
            max_file_bytes,
            exclude: compiled(&exclude, false)?,
            secret: compiled(SECRET_PATTERNS, true)?,
            not_secret: compiled(NOT_SECRET_PATTERNS, true)?,
        })
    }

    /// Bytes of a file that are still taken.
    #[must_use]
    pub fn max_file_bytes(&self) -> u64 {
        self.max_file_bytes
    }

    /// Whether the operator's patterns leave this path out.
    #[must_use]
    pub fn excludes(&self, path: &RepoPath) -> bool {
        self.exclude.is_match(path.as_path())
    }

    /// Whether an untracked file of this name is taken for a secret.
    #[must_use]
    pub fn looks_secret(&self, path: &RepoPath) -> bool {
        self.secret.is_match(path.as_path()) && !self.not_secret.is_match(path.as_path())
    }
}

/// Whether a path names a file of git's attributes.
pub(super) fn is_attributes(path: &RepoPath) -> bool {
    path.as_bytes().rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes")
}

/// Whether this is our scratch, which is never part of anything.
pub(crate) fn is_scratch(path: &RepoPath) -> bool {
    path.as_bytes() == SCRATCH || path.is_inside(SCRATCH)
}

fn compiled(patterns: &[&str], any_case: bool) -> Result<GlobSet, BadPattern> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let bad = |error: globset::Error| BadPattern {
            pattern: (*pattern).to_owned(),
            detail: error.kind().to_string(),
        };
        let anchored = pattern.trim_end_matches('/').contains('/');
        let core = pattern.trim_matches('/');
        if core.is_empty() {
            return Err(BadPattern { pattern: (*pattern).to_owned(), detail: "it names nothing".to_owned() });
        }
        let here = if anchored { core.to_owned() } else { format!("**/{core}") };
        for glob in [format!("{here}/**"), here] {
            let glob = GlobBuilder::new(&glob)
                .literal_separator(true)
                .case_insensitive(any_case)
                .backslash_escape(true)
                .build()
                .map_err(bad)?;
            set.add(glob);
        }
    }
    set.build().map_err(|error| BadPattern { pattern: patterns.join(", "), detail: error.kind().to_string() })
}
