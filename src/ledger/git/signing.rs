//! Signatures on commits of the ledger, made by git itself: its formats, its keys, its programs.
//!
//! `git commit-tree -S` writes the signed commit into an object directory of its own, which holds the new tree besides and
//! is gone again afterwards. What it wrote has to be what was to be written, and a signature: nothing else.
//!
//! Nobody is asked for a passphrase: there is no terminal to ask on, nor a display, and after [`PATIENCE`] the program is
//! ended. A key has to be usable without (an agent that holds it, or a key without one).

use std::io::{Read, Write};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use super::command::{Answer, GitCommand};
use super::open::GitStore;
use crate::domain::oid::Oid;
use crate::ledger::commit::Commit;
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectKind, StoreError};

/// How long a signature may take. It is made before the lock is taken, and in the worst case under it: a fraction of what
/// others wait for the lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Whether commits of the ledger are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// None are.
    #[default]
    Off,
    /// As far as it can be done; what cannot be signed is written without.
    Try,
    /// All are; what cannot be signed is not written.
    Must,
}

impl GitStore {
    /// Says whether commits of the ledger are signed from now on.
    pub fn sign(&self, signing: Signing) {
        *self.signing.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = signing;
    }

    pub(super) fn signing(&self) -> Signing {
        *self.signing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn try_signed(&self, commit: &[u8], tree: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match (self.signing(), self.with_signature(commit, tree)) {
            (Signing::Off, _) => Ok(None),
            (_, Ok(signed)) => Ok(Some(signed)),
            (Signing::Must, Err(detail)) => Err(StoreError::Unsigned(detail)),
            (Signing::Try, Err(detail)) => {
                // Said once, and not tried again by this process: each attempt may take its time.
                tracing::warn!(
                    "commits of the ledger are not signed, though git is told to sign commits: {detail}; with \
                     `sign = \"always\"` under `[ledger]` none is written without"
                );
                self.sign(Signing::Off);
                Ok(None)
            }
        }
    }

    /// Whether git can sign here, and why not. Makes a signature and throws it away.
    pub fn can_sign(&self, like: Oid) -> Result<(), String> {
        let read = |oid| self.objects.read(oid).map_err(|error| error.to_string());
        let (_, commit) = read(like)?;
        let (unsigned, _) = Commit::without_signature(&commit);
        let parsed = Commit::parse(like, &unsigned).map_err(|fault| fault.to_string())?;
        let (_, tree) = read(parsed.tree)?;
        self.with_signature(&unsigned, &tree).map(drop)
    }

    fn with_signature(&self, commit: &[u8], tree: &[u8]) -> Result<Vec<u8>, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let oid = object_id(self.format, ObjectKind::Commit, commit).map_err(|error| text(&error))?;
        let parsed = Commit::parse(oid, commit).map_err(|fault| text(&fault))?;
        let scratch = tempfile::tempdir().map_err(|error| format!("no scratch directory: {error}"))?;
        write_loose(scratch.path(), parsed.tree, ObjectKind::Tree, tree).map_err(|error| text(&error))?;
        let date = format!("@{} +0000", parsed.second);
        let mut git = GitCommand::new(&self.common_dir, "commit-tree")
            .config("i18n.commitEncoding", "UTF-8")
            .env("GIT_OBJECT_DIRECTORY", scratch.path())
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", super::publish::quoted(&self.common_dir.join("objects")))
            .env("GIT_AUTHOR_NAME", &parsed.author.name)
            .env("GIT_AUTHOR_EMAIL", &parsed.author.email)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", &parsed.committer.name)
            .env("GIT_COMMITTER_EMAIL", &parsed.committer.email)
            .env("GIT_COMMITTER_DATE", &date)
            // Where a passphrase would be asked for.
            .without(&["GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY"])
            .env("SSH_ASKPASS_REQUIRE", "never")
            .args(["-S", &parsed.tree.to_string()]);
        for parent in &parsed.parents {
            git = git.args(["-p", &parent.to_string()]);
        }
        let message = parsed.message.as_bytes();
        let git = git.args(["-F", "-"]);
        let made = match git.answer(message, PATIENCE, &|| false).map_err(|error| text(&error))? {
            Answer::Ended(output) if output.status.success() => output.stdout,
            Answer::Ended(output) => return Err(said_no(&output)),
            Answer::TimeUp | Answer::Unwanted => {
                return Err(format!("git commit-tree did not end within {} s", PATIENCE.as_secs()));
            }
        };
        let made = String::from_utf8_lossy(&made);
        let made: Oid = made.trim().parse().map_err(|_| "git names no commit".to_owned())?;
        let signed = match read_loose(scratch.path(), made) {
            Ok(signed) => signed,
            // A key that signs the same the same way makes a commit that is there already: git writes it no second time.
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                self.objects.read(made).map_err(|error| text(&error))?.1
            }
            Err(error) => return Err(text(&error)),
        };
        let (rest, is_signed) = Commit::without_signature(&signed);
        if !is_signed {
            return Err("git made a commit without a signature".to_owned());
        }
        if rest != commit {
            return Err("git made another commit than it was given".to_owned());
        }
        Ok(signed)
    }
}

/// All that a git which made no signature has said: the programs behind it say what is wrong in several lines.
fn said_no(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = if said.is_empty() { "no message".to_owned() } else { said.join("; ") };
    format!("git commit-tree: {said} ({})", output.status)
}

fn loose(directory: &Path, oid: Oid) -> std::path::PathBuf {
    let hex = oid.to_string();
    directory.join(&hex[..2]).join(&hex[2..])
}

fn write_loose(directory: &Path, oid: Oid, kind: ObjectKind, bytes: &[u8]) -> std::io::Result<()> {
    let path = loose(directory, oid);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = std::fs::File::create(&path)?;
    let mut zlib = flate2::write::ZlibEncoder::new(file, flate2::Compression::fast());
    write!(zlib, "{} {}\0", kind.word(), bytes.len())?;
    zlib.write_all(bytes)?;
    zlib.finish().map(drop)
}

/// The content of a commit that git has just written.
fn read_loose(directory: &Path, oid: Oid) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(loose(directory, oid))?;
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(file).read_to_end(&mut bytes)?;
    let header = bytes.iter().position(|byte| *byte == 0).map_or(0, |at| at + 1);
    Ok(bytes.split_off(header))
}
