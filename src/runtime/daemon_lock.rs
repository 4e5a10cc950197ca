//! One daemon per repository: a kernel lock, which dies with its holder. Whether a daemon lives is this lock and
//! nothing else; nothing in the ledger says it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;

/// How long a starting daemon tries: a reader's probe holds the lock for an instant, and must not make it fail.
const PATIENCE: Duration = Duration::from_millis(500);

/// The lock, held until this is dropped.
#[derive(Debug)]
pub struct DaemonLock {
    _file: File,
}

/// Why the lock is not ours.
#[derive(Debug, Error)]
pub enum DaemonLockError {
    /// Another daemon, or a `run once`, works here.
    #[error("another runtime works in this repository ({holder}); one at a time")]
    Held {
        /// What it says of itself.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn path(private_dir: &Path) -> PathBuf {
    private_dir.join("daemon.lock")
}

impl DaemonLock {
    /// Takes the lock; `program` is what others will be told of its holder.
    pub fn take(private_dir: &Path, program: &str) -> Result<Self, DaemonLockError> {
        let path = path(private_dir);
        let io = |source| DaemonLockError::Io { path: path.clone(), source };
        std::fs::create_dir_all(private_dir).map_err(io)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(Errno::WOULDBLOCK) => return Err(DaemonLockError::Held { holder: said(&mut file) }),
                Err(fault) => return Err(io(fault.into())),
            }
        }
        // For people only; the lock is what counts.
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{program}")
        };
        write(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn said(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.seek(SeekFrom::Start(0));
    let _ = file.take(400).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() { "it does not say who".to_owned() } else { line.to_owned() }
}

/// The daemon that lives, in its own words; `None` where none does. Creates nothing, and holds a shared lock for an
/// instant only, which a starting daemon outwaits.
pub fn probe(private_dir: &Path) -> Result<Option<String>, DaemonLockError> {
    let path = path(private_dir);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DaemonLockError::Io { path, source }),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => Ok(Some(said(&mut file))),
        Err(fault) => Err(DaemonLockError::Io { path, source: fault.into() }),
    }
}
