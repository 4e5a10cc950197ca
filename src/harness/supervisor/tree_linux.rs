//! Finding and signalling the processes of a stage on Linux: descendants by parent, strays by their mark, what a killed
//! supervisor left by its session, and all of it by its control group where it has one.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getppid, kill_process, pidfd_open, pidfd_send_signal,
    set_child_subreaper, set_parent_process_death_signal, waitpid,
};

use super::cgroup::Cgroup;
use super::trace::Trace;
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

impl Member {
    /// By what a record names it; none where that is no process.
    pub(super) fn of_numbers(pid: i32, start: u64) -> Option<Self> {
        Some(Self { pid: Pid::from_raw(pid)?, start })
    }

    /// What a record names it by.
    pub(super) fn numbers(self) -> (i32, u64) {
        (self.pid.as_raw_nonzero().get(), self.start)
    }
}

struct Stat {
    parent: i32,
    session: i32,
    start: u64,
    dead: bool,
}

/// Makes this process the one that orphans of its descendants become children of.
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// The children that this process had when it began to receive what supervisors leave: those are nobody's stage.
static OWN_CHILDREN: OnceLock<HashSet<Member>> = OnceLock::new();

/// Makes this process, a runtime, the one that the orphans of a killed supervisor become children of, whatever they did
/// to their environment and session. Once is enough.
pub(super) fn receive_orphans() -> io::Result<()> {
    let us = rustix::process::getpid().as_raw_nonzero().get();
    let children = || table().into_iter().filter(|(_, stat)| stat.parent == us);
    OWN_CHILDREN
        .get_or_init(|| children().filter_map(|(pid, stat)| Member::of_numbers(pid, stat.start)).collect());
    adopt_orphans()
}

/// Takes note of the end of a process that became our child, so that it does not stay in the table.
pub(super) fn reap(member: Member) {
    let us = rustix::process::getpid().as_raw_nonzero().get();
    // A child that is not ours to wait for is another's; one that still lives is none to reap.
    if stat(member.pid.as_raw_nonzero().get())
        .is_some_and(|stat| stat.parent == us && stat.start == member.start)
    {
        let _ = waitpid(Some(member.pid), WaitOptions::NOHANG);
    }
}

/// This process.
pub(super) fn own() -> Member {
    let pid = rustix::process::getpid();
    Member { pid, start: stat(pid.as_raw_nonzero().get()).map_or(0, |stat| stat.start) }
}

/// Which start of the machine this is: the ticks of two of them are not to be compared.
pub(super) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim_end().to_owned()
}

/// Whether this process, told by its start where that is known, is still there. What cannot be seen counts as there as
/// long as the kernel knows the number.
pub(super) fn is_there(pid: i32, start: Option<u64>) -> bool {
    match stat(pid) {
        Some(stat) => !stat.dead && start.is_none_or(|start| start == stat.start),
        None => Pid::from_raw(pid)
            .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)),
    }
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

/// Every living process that [`Trace`] says is of the stage. The table is not read in one moment, so one that forks and
/// ends meanwhile can be missed; a second look after one that saw nothing makes that unlikely, and for descendants the
/// caller asks the kernel whether it has children at all.
pub(super) fn members(trace: &Trace<'_>) -> HashSet<Member> {
    let found = look(trace);
    if found.is_empty() { look(trace) } else { found }
}

fn look(trace: &Trace<'_>) -> HashSet<Member> {
    let table = table();
    let us = rustix::process::getpid();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, stat) in &table {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let is_own = |pid: i32, stat: &Stat| {
        let own = Member::of_numbers(pid, stat.start);
        OWN_CHILDREN.get().zip(own).is_some_and(|(known, own)| known.contains(&own))
    };
    let mut descendants = HashSet::new();
    let mut open: Vec<i32> = Vec::new();
    if trace.descend {
        open.push(us.as_raw_nonzero().get());
    } else if OWN_CHILDREN.get().is_some() {
        // Of our children only what began after the supervisor can have come from it.
        let since = trace.supervisor.map_or(0, |supervisor| supervisor.start);
        let received = children.get(&us.as_raw_nonzero().get()).into_iter().flatten().copied();
        open = received
            .filter(|child| table.get(child).is_some_and(|stat| stat.start >= since && !is_own(*child, stat)))
            .collect();
        descendants.extend(open.iter().copied());
    }
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if descendants.insert(*child) {
                open.push(*child);
            }
        }
    }
    let session = trace.supervisor.filter(|leader| is_left(*leader, &table)).map(Member::numbers);
    let grouped: HashSet<Pid> = trace.cgroup.map(Cgroup::processes).into_iter().flatten().collect();
    let mut found = HashSet::new();
    for (raw, stat) in &table {
        let Some(pid) = Pid::from_raw(*raw) else { continue };
        let member = Member { pid, start: stat.start };
        if stat.dead || pid == us || trace.supervisor == Some(member) {
            continue;
        }
        if descendants.contains(raw)
            || grouped.contains(&pid)
            || session.is_some_and(|(leader, start)| stat.session == leader && stat.start >= start)
            || is_marked(*raw, trace.nonce)
        {
            found.insert(member);
        }
    }
    found
}

/// Whether this session has lost its leader, and its number is not another's by now: the kernel gives a number away
/// again only when nothing of the session is left, and then its new bearer is there, or was.
fn is_left(leader: Member, table: &HashMap<i32, Stat>) -> bool {
    let (pid, start) = leader.numbers();
    start != 0 && table.get(&pid).is_none_or(|stat| stat.dead && stat.start == start)
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
    let shown =
        |text: &str| text.chars().take(COMMAND_CHARS).flat_map(char::escape_debug).collect::<String>();
    // Another user's is not for us to see.
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
    Survivor {
        pid,
        start: Some(member.start),
        command: shown(text.trim_end()),
        cwd: cwd.map(|cwd| shown(&cwd.to_string_lossy())),
    }
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
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
        dead: matches!(state, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let line = "4242 (evil) Z 1 (x)) S 17 4242 4241 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        let stat = parse(line).unwrap();
        assert_eq!((stat.parent, stat.session, stat.start, stat.dead), (17, 4241, 987_654, false));
        assert!(parse("4242 (x) S 17").is_none());
    }

    /// Lesson F-55: a session whose leader's number is another's by now is not that session.
    #[test]
    fn f55_a_session_counts_only_while_its_number_is_its_own() {
        let stat = |start, dead| Stat { parent: 1, session: 70, start, dead };
        let leader = Member::of_numbers(70, 500).unwrap();
        for (there, left) in [
            (None, true),
            (Some(stat(500, true)), true),
            (Some(stat(500, false)), false),
            (Some(stat(900, false)), false),
            (Some(stat(900, true)), false),
        ] {
            let table = there.into_iter().map(|stat| (70, stat)).collect();
            assert_eq!(is_left(leader, &table), left);
        }
        assert!(!is_left(Member::of_numbers(70, 0).unwrap(), &HashMap::new()), "nothing is known of it");
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
