//! A program's run, recorded: the disk before it, and every call of it and its children that matters to a disk.

use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::lines::{Call, calls};
use crate::project::said;
use crate::repo::TestRepo;

/// What has to be known to say what is on a disk; descriptors' offsets and working directories included.
const TRACED: &str = "open,openat,openat2,creat,read,lseek,write,writev,pwrite64,pwritev,pwritev2,rename,renameat,\
     renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync,syncfs,\
     truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,chdir,fchdir,mmap,vfork,fork,clone,clone3";

/// A recorded run.
pub(super) struct Recording {
    /// The folder that was watched.
    pub(super) root: PathBuf,
    /// What was below it before.
    pub(super) before: Disk,
    pub(super) calls: Vec<Call>,
}

/// Runs `program` in the work tree and records what it does to anything below the folder around that.
pub(super) fn record(repo: &TestRepo, program: &[&str]) -> Recording {
    let root = repo.beside().canonicalize().expect("a path");
    let before = Disk::scan(&root);
    // The recording lies outside what it records.
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("calls");
    let output = repo
        .command("strace")
        .args(["-qq", "-f", "-y", "-xx", "-s", "100000000", "-e", "signal=none", "-e"])
        .arg(format!("trace={TRACED}"))
        .arg("-o")
        .arg(&log)
        .args(program)
        .output()
        .expect("strace runs");
    assert!(output.status.success(), "{program:?}: {}", said(&output));
    let text = std::fs::read_to_string(&log).expect("a recording");
    Recording { root, before, calls: calls(&text) }
}

/// A path below the watched folder, relative to it, without `.` and `..`; `None` for all others.
pub(super) fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain.strip_prefix(root).ok().map(Path::to_owned)
}
