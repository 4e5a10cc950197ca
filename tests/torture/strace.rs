//! Watching the system calls of a program, and killing it at one of them.

use std::path::Path;
use std::process::Command;

use crate::repo::TestRepo;

/// Every call that changes what is on disk, or says something to somebody.
pub(crate) const WRITING: &str = "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,rename,renameat,renameat2,link,\
     linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,truncate,ftruncate,\
     fallocate,chmod,fchmod,fchmodat,copy_file_range,sendfile,splice";

/// A call at which to kill: the n-th of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) name: String,
    pub(crate) nth: usize,
    /// As strace shows it.
    pub(crate) shown: String,
}

impl At {
    pub(crate) fn inject(&self) -> String {
        format!("{}:signal=KILL:when={}", self.name, self.nth)
    }
}

/// Fails the test where strace is missing or may not trace.
#[track_caller]
pub(crate) fn needed() {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    assert!(
        works.is_ok_and(|output| output.status.success()),
        "the durability proofs need strace, allowed to trace: install the Debian package `strace` (and in a container, \
         allow ptrace)"
    );
}

/// The program and its arguments under strace, main thread only: threads and children are not followed, so the
/// counted calls are the program's own.
pub(crate) fn traced(repo: &TestRepo, options: &[&str], log: &Path, program: &[&str]) -> Command {
    let mut command = repo.command("strace");
    command.args(["-qq", "-s", "256", "-e", "signal=none", "-o"]).arg(log).args(options).args(program);
    command
}

/// The writing calls of a recording, in order.
pub(crate) fn writing_calls(log: &str) -> Vec<At> {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            continue;
        }
        let count = counts.entry(name).or_default();
        *count += 1;
        let only_reads = matches!(name, "open" | "openat")
            && !["O_CREAT", "O_WRONLY", "O_RDWR"].iter().any(|flag| rest.contains(flag));
        if !only_reads {
            calls.push(At { name: name.to_owned(), nth: *count, shown: line.to_owned() });
        }
    }
    calls
}

#[test]
fn calls_are_counted_by_name_and_readers_are_passed_over() {
    let log = "openat(AT_FDCWD, \"/etc/x\", O_RDONLY|O_CLOEXEC) = 3\n\
               openat(AT_FDCWD, \"a\", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3\n\
               write(3, \"x\", 1) = 1\n+++ exited with 0 +++\nwrite(1, \"done\", 4) = 4\n";
    let calls: Vec<(String, usize)> = writing_calls(log).into_iter().map(|at| (at.name, at.nth)).collect();
    assert_eq!(calls, [("openat".to_owned(), 2), ("write".to_owned(), 1), ("write".to_owned(), 2)]);
}
