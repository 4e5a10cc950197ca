//! Refs in a reftable: git alone reads and writes them, and what it says is remembered for as long as it is true.
//!
//! gix opens such a repository and sees stubs (`HEAD` names `refs/heads/.invalid`), so none of its refs are asked. Every
//! change of a reftable replaces `tables.list`, whose names hold the range of changes and a random number: while that
//! file is the same, so is every ref. A daemon that looks many times a second therefore reads one small file, and starts
//! a process only after something changed (two milliseconds).
//!
//! What git is killed over (the machine's end, not ours: git does not die with us) is `tables.list.lock`. It cannot be
//! told from one that the user's git holds, so it stays; whoever wants to write then names it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::command::GitCommand;
use super::disk::{Disk, Durability, fault};
use super::reflog::{self, Line};
use super::refs;
use crate::domain::oid::Oid;
use crate::ledger::store::{ObjectFormat, RefName, StoreError};

/// How long another program's lock on the tables is waited for: git holds one for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Reflog entries that one process is asked for, where git cannot list them.
const ENTRIES: usize = 200;

/// What git said of our refs, and the state of the tables that it said it of.
#[derive(Default)]
pub(super) struct Memory(Mutex<Option<Listing>>);

struct Listing {
    tables: Vec<u8>,
    refs: BTreeMap<String, Value>,
}

#[derive(Clone)]
enum Value {
    Oid(Oid),
    Damaged(String),
}

impl Value {
    fn of(&self, name: &str) -> Result<Oid, StoreError> {
        match self {
            Self::Oid(oid) => Ok(*oid),
            Self::Damaged(detail) => {
                Err(StoreError::DamagedRef { name: name.to_owned(), detail: detail.clone() })
            }
        }
    }
}

/// What a ref has to be for it to be moved.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// This; none: it must not exist.
    Value(Option<Oid>),
    /// Whatever it is: only a ref that is damaged is moved so.
    Anything,
}

/// The refs of one repository that keeps them so.
pub(super) struct Reftable<'a> {
    pub(super) common_dir: &'a Path,
    pub(super) format: ObjectFormat,
    pub(super) memory: &'a Memory,
}

impl Reftable<'_> {
    /// The value of a ref of ours.
    pub(super) fn read(&self, name: &str) -> Result<Option<Oid>, StoreError> {
        self.with_listing(|refs| refs.get(name).map(|value| value.of(name)).transpose())
    }

    /// The names of our refs below `prefix`, readable or not.
    pub(super) fn names(&self, prefix: &str) -> Result<Vec<RefName>, StoreError> {
        self.with_listing(|refs| {
            let below = refs.keys().filter(|name| name.starts_with(prefix));
            Ok(below.filter_map(|name| RefName::parse(name)).collect())
        })
    }

    /// Refuses where a ref is above this name, as git would with words of its own.
    pub(super) fn check_no_clash(&self, name: &str) -> Result<(), StoreError> {
        let above = self.with_listing(|refs| {
            let above =
                |found: &&String| name.strip_prefix(found.as_str()).is_some_and(|rest| rest.starts_with('/'));
            Ok(refs.keys().find(above).cloned())
        })?;
        above.map_or(Ok(()), |above| Err(refs::clash(&above, name)))
    }

    fn with_listing<T>(
        &self,
        ask: impl Fn(&BTreeMap<String, Value>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut known = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = self.tables()?;
        if let Some(listing) = known.as_ref().filter(|listing| listing.tables == tables) {
            return ask(&listing.refs);
        }
        let refs = self.list()?;
        let answer = ask(&refs);
        // What changed meanwhile may be in the answer or not: it is good once, and not remembered.
        *known = (self.tables()? == tables).then_some(Listing { tables, refs });
        answer
    }

    fn folder(&self) -> PathBuf {
        self.common_dir.join("reftable")
    }

    /// The list of tables.
    fn tables(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.folder().join("tables.list");
        match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(fault("read", &path)),
        }
    }

    fn list(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        let listed = GitCommand::new(self.common_dir, "for-each-ref")
            .args(["--format=%(objectname) %(refname) %(symref)", "refs/millrace"])
            .run(&[])?;
        let text = String::from_utf8_lossy(&listed);
        let mut refs = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(hex), Some(name)) = (words.next(), words.next()) else { continue };
            let value = match (words.next().filter(|target| !target.is_empty()), hex.parse::<Oid>()) {
                (None, Ok(oid)) if self.format.names(oid) => Value::Oid(oid),
                (Some(_), _) => Value::Damaged("it is a symbolic ref; ours never are".to_owned()),
                _ => Value::Damaged(format!("git says it holds `{}`", hex.escape_default())),
            };
            refs.insert(name.to_owned(), value);
        }
        Ok(refs)
    }

    /// Moves a ref in one transaction of git's, which looks at the old value once more with the tables locked.
    pub(super) fn swap(
        &self,
        disk: &Disk,
        name: &str,
        expected: Expected,
        line: &Line<'_>,
    ) -> Result<(), StoreError> {
        let zero = || "0".repeat(self.format.bytes() * 2);
        let old = match expected {
            Expected::Anything => String::new(),
            Expected::Value(None) => format!(" {}", zero()),
            Expected::Value(Some(oid)) => format!(" {oid}"),
        };
        let input = format!("start\nupdate {name} {}{old}\nprepare\ncommit\n", line.new);
        let message = reflog::plain(line.message, reflog::MAX_MESSAGE);
        // git refuses a message without a word.
        let message = if message.is_empty() { "update" } else { &message };
        let started = Instant::now();
        loop {
            let output = self
                .writing(disk)
                .env("GIT_COMMITTER_NAME", reflog::plain(&line.by.name, reflog::MAX_IDENTITY))
                .env("GIT_COMMITTER_EMAIL", reflog::plain(&line.by.email, reflog::MAX_IDENTITY))
                .env("GIT_COMMITTER_DATE", format!("@{} +0000", line.by.at.as_second().max(0)))
                .args(["--create-reflog", "--no-deref", "-m", message, "--stdin"])
                .output(input.as_bytes())?;
            if output.status.success() {
                return self.fsync(disk);
            }
            self.refused(name, expected, &String::from_utf8_lossy(&output.stderr), started)?;
        }
    }

    /// Deletes a ref that has this value, and its reflog with it, as git does.
    pub(super) fn delete(&self, disk: &Disk, name: &str, old: Oid) -> Result<(), StoreError> {
        let started = Instant::now();
        loop {
            let output =
                self.writing(disk).args(["--no-deref", "-d", name]).arg(old.to_string()).output(&[])?;
            if output.status.success() {
                return self.fsync(disk);
            }
            self.refused(
                name,
                Expected::Value(Some(old)),
                &String::from_utf8_lossy(&output.stderr),
                started,
            )?;
        }
    }

    fn writing(&self, disk: &Disk) -> GitCommand {
        let fsync = if disk.durability == Durability::Strict { "all" } else { "none" };
        GitCommand::new(self.common_dir, "update-ref").config("core.fsync", fsync).apart()
    }

    /// git syncs its tables and their list; that the list took its place has to last as well.
    fn fsync(&self, disk: &Disk) -> Result<(), StoreError> {
        disk.fsync_dir(&self.folder())
    }

    /// Why git moved nothing; `Ok` where it is worth another try.
    fn refused(
        &self,
        name: &str,
        expected: Expected,
        stderr: &str,
        started: Instant,
    ) -> Result<(), StoreError> {
        let found = self.read(name)?;
        if let Expected::Value(expected) = expected
            && found != expected
        {
            return Err(StoreError::Moved { name: name.to_owned(), expected, found });
        }
        let lock = self.folder().join("tables.list.lock");
        let waited = started.elapsed();
        let line = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        // Held by whoever writes any ref at all; it may be gone again already.
        let locked = line.ends_with("cannot lock references") || lock.exists();
        if locked && waited < LOCK_WAIT {
            std::thread::sleep(Duration::from_millis(5));
            return Ok(());
        }
        if locked {
            let holder = "a git command that still runs, or that ended without removing its lock".to_owned();
            return Err(StoreError::Locked { lock, holder, waited });
        }
        Err(StoreError::Git { action: "git update-ref".to_owned(), detail: line.to_owned() })
    }

    /// The values that a ref has had, newest first, each once.
    pub(super) fn values(&self, name: &str) -> Result<Vec<Oid>, StoreError> {
        if self.read(name).is_ok_and(|value| value.is_none()) {
            return Ok(Vec::new());
        }
        // One process, where the commits are there; it says nothing of those that are not.
        let walked = GitCommand::new(self.common_dir, "log")
            .args(["-g", "--no-patch", "--no-show-signature", "--no-notes", "--format=%H", name, "--"])
            .output(&[])?;
        let whole = walked.status.success() && walked.stderr.is_empty();
        let mut values = if whole { lines(&walked.stdout) } else { self.values_one_by_one(name)? };
        let mut seen = std::collections::HashSet::new();
        values.retain(|oid| oid.as_bytes().iter().any(|byte| *byte != 0) && seen.insert(*oid));
        Ok(values)
    }

    /// Asks for each entry by its number, which needs no commit to be there.
    fn values_one_by_one(&self, name: &str) -> Result<Vec<Oid>, StoreError> {
        let mut values = Vec::new();
        loop {
            let from = values.len();
            let asked = (from..from + ENTRIES).map(|n| format!("{name}@{{{n}}}"));
            // It says what it finds and ends with an error at the first number that is too high.
            let output = GitCommand::new(self.common_dir, "rev-parse").args(asked).output(&[])?;
            let found = lines(&output.stdout);
            let last = found.len() < ENTRIES;
            values.extend(found);
            if last {
                return Ok(values);
            }
        }
    }
}

fn lines(stdout: &[u8]) -> Vec<Oid> {
    String::from_utf8_lossy(stdout).lines().filter_map(|line| line.parse().ok()).collect()
}
