//! The writers' lock: `flock` on `<common-dir>/millrace/lock`. It dies with its holder, so whoever has it knows
//! that no other writer of ours is at work, and may clean up after one that was killed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::disk::{Disk, PLAIN, fault};
use crate::ledger::store::StoreError;

/// First and longest pause between two tries. A transition holds the lock for a few milliseconds.
const PAUSE: (Duration, Duration) = (Duration::from_micros(300), Duration::from_millis(8));

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(super) struct LockGuard {
    _file: File,
}

/// Takes the lock at `path`, waiting at most `wait`; makes it and its folder where they are missing.
pub(super) fn take(disk: &Disk, path: &Path, wait: Duration) -> Result<LockGuard, StoreError> {
    let started = Instant::now();
    let mut pause = PAUSE.0;
    loop {
        let mut file = open(disk, path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if is_at(&file, path) => {
                name_ourselves(&mut file).map_err(fault("write", path))?;
                return Ok(LockGuard { _file: file });
            }
            // Somebody removed the file between open and flock: ours guards nothing.
            Ok(()) => continue,
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(fault("lock", path)(error.into())),
        }
        let waited = started.elapsed();
        if waited >= wait {
            return Err(StoreError::Locked { lock: path.to_owned(), holder: holder(&mut file), waited });
        }
        std::thread::sleep(pause.min(wait.saturating_sub(waited)));
        pause = (pause * 2).min(PAUSE.1);
    }
}

fn open(disk: &Disk, path: &Path) -> Result<File, StoreError> {
    let options = || {
        let mut options = OpenOptions::new();
        // The standard library opens everything close-on-exec.
        options.read(true).write(true).mode(PLAIN);
        options
    };
    loop {
        match options().open(path) {
            Ok(file) => return Ok(file),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(fault("open", path)(error)),
        }
        if let Some(folder) = path.parent() {
            disk.create_dirs(folder)?;
        }
        match options().create_new(true).open(path) {
            Ok(file) => {
                disk.share(&file).map_err(fault("chmod", path))?;
                return Ok(file);
            }
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
            Err(error) => return Err(fault("create", path)(error)),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.dev() == there.dev() && ours.ino() == there.ino(),
        _ => false,
    }
}

fn name_ourselves(file: &mut File) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    // Always the same length, so that nothing has to be cut off: a truncation takes ext4 4 ms.
    file.write_all(format!("{:<20}\n", std::process::id()).as_bytes())
}

/// Who wrote its process id into the lock, with its program's name where the system tells.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(32).read_to_string(&mut text));
    let Some(pid) = read.ok().and_then(|_| text.trim().parse::<u32>().ok()) else {
        return "its process id is not known".to_owned();
    };
    let comm = PathBuf::from(format!("/proc/{pid}/comm"));
    match std::fs::read_to_string(comm) {
        Ok(name) => format!("process {pid}, {}", name.trim().escape_default()),
        Err(_) => format!("process {pid}"),
    }
}
