//! Finding and signalling the processes of a stage on Linux: descendants by parent, strays by their mark.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, kill_process, pidfd_open, pidfd_send_signal, set_child_subreaper,
    set_parent_process_death_signal,
};

use crate::domain::ids::Nonce;
use crate::harness::environment::MARK;
use crate::harness::exit::Survivor;

/// Bytes of a process's environment that are searched for the mark. The kernel bounds arguments and environment
/// together at about 6 MiB with the usual stack limit.
const MAX_ENVIRONMENT: u64 = 8 * 1024 * 1024;

/// Characters of a command line that are shown.
const COMMAND_CHARS: usize = 200;

/// One process, told apart from a later one with the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pid: Pid,
    start: u64,
}

struct Stat {
    parent: i32,
    start: u64,
    dead: bool,
}

/// Makes this process the one that orphans of its descendants become children of.
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Lets the kernel kill the program that `command` starts when the calling thread dies.
pub(super) fn die_with_us(command: &mut Command) {
    let us = rustix::process::getpid();
    let arm = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // If we died before the line above, the child has another parent by now and nobody would kill it.
        if getppid() == Some(us) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
    };
    #[expect(unsafe_code, reason = "the death signal has to be set between fork and exec")]
    // SAFETY: the closure makes two system calls and touches no memory but its own stack: no allocation, no lock, nothing that a thread of the parent could have left half done.
    unsafe {
        command.pre_exec(arm);
    }
}

/// Every living process that descends from `root` or carries the mark, `root` and this process excepted. The table
/// is not read in one moment, so one that forks and ends meanwhile can be missed; a second look after one that saw
/// nothing makes that unlikely, and for descendants the caller asks the kernel whether it has children at all.
pub(super) fn members(root: Option<Pid>, nonce: &Nonce) -> HashSet<Member> {
    let found = look(root, nonce);
    if found.is_empty() { look(root, nonce) } else { found }
}

fn look(root: Option<Pid>, nonce: &Nonce) -> HashSet<Member> {
    let table = table();
    let us = rustix::process::getpid();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, stat) in &table {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let mut found = HashSet::new();
    let mut descendants = HashSet::new();
    let mut open: Vec<i32> = root.into_iter().map(|root| root.as_raw_nonzero().get()).collect();
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if descendants.insert(*child) {
                open.push(*child);
            }
        }
    }
    for (raw, stat) in &table {
        let Some(pid) = Pid::from_raw(*raw) else { continue };
        if stat.dead || pid == us || Some(pid) == root {
            continue;
        }
        if descendants.contains(raw) || is_marked(*raw, nonce) {
            found.insert(Member { pid, start: stat.start });
        }
    }
    found
}

/// Whether this member is in the process group of `leader`.
pub(super) fn in_group(member: Member, leader: Pid) -> bool {
    rustix::process::getpgid(Some(member.pid)).is_ok_and(|group| group == leader)
}

/// Sends a signal to exactly this process, never to another that got its id meanwhile.
pub(super) fn signal(member: Member, signal: Signal) {
    let same = |member: Member| {
        stat(member.pid.as_raw_nonzero().get()).is_some_and(|stat| stat.start == member.start)
    };
    // A failure means that it is gone, or not ours to end: the next look tells which.
    match pidfd_open(member.pid, PidfdFlags::empty()) {
        Ok(process) => {
            if same(member) {
                let _ = pidfd_send_signal(&process, signal);
            }
        }
        Err(rustix::io::Errno::NOSYS) => {
            if same(member) {
                let _ = kill_process(member.pid, signal);
            }
        }
        Err(_) => {}
    }
}

/// Signals a process group whose leader may be gone. Nothing to do here: its members are found as descendants, and
/// the group's number may already be another's.
pub(super) fn signal_group(_leader: Pid, _signal: Signal) {}

/// The process as people see it.
pub(super) fn describe(member: Member) -> Survivor {
    let pid = member.pid.as_raw_nonzero().get();
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{pid}/cmdline")) {
        let _ = file.take(4096).read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let command = text.trim_end().chars().take(COMMAND_CHARS).flat_map(char::escape_debug).collect();
    Survivor { pid, command }
}

fn is_marked(pid: i32, nonce: &Nonce) -> bool {
    let Ok(file) = File::open(format!("/proc/{pid}/environ")) else { return false };
    let mut bytes = Vec::new();
    if file.take(MAX_ENVIRONMENT).read_to_end(&mut bytes).is_err() {
        return false;
    }
    bytes.split(|byte| *byte == 0).any(|entry| {
        entry.strip_prefix(MARK.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
            == Some(nonce.as_str().as_bytes())
    })
}

fn table() -> HashMap<i32, Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect()
}

fn stat(pid: i32) -> Option<Stat> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&String::from_utf8_lossy(&bytes))
}

/// Reads a line of `/proc/PID/stat`. The name in parentheses may hold anything, parentheses included.
fn parse(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let state = *fields.first()?;
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
        dead: matches!(state, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let line = "4242 (evil) Z 1 (x)) S 17 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        let stat = parse(line).unwrap();
        assert_eq!((stat.parent, stat.start, stat.dead), (17, 987_654, false));
        assert!(parse("4242 (x) S 17").is_none());
    }

    /// Lesson F-55: a number is no identity. What got the number of a process that is gone is left alone.
    #[test]
    fn f55_a_process_that_got_anothers_number_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("300").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let start = super::stat(pid.as_raw_nonzero().get()).unwrap().start;
        signal(Member { pid, start: start - 1 }, Signal::KILL);
        std::thread::sleep(std::time::Duration::from_millis(200));
        let untouched = child.try_wait().unwrap().is_none();
        // The right one ends, whatever was found above.
        signal(Member { pid, start }, Signal::KILL);
        child.wait().unwrap();
        assert!(untouched);
    }
}
