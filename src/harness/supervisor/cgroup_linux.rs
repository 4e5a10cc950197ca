//! A control group (version 2) for one invocation, where the supervisor may make one: what forks stays in it whatever
//! it does to its parentage, its session and its environment, the kernel kills all of it with one word and says itself
//! when nothing is left.
//!
//! It lies below the group that the supervisor runs in and has no controllers, so that group may hold processes of its
//! own as well. A harness with our rights can still move a process of its own out again: what is found by descent and
//! by mark is looked for all the same.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::process::Pid;

use crate::domain::ids::Nonce;

/// What the name of a group of ours begins with; the nonce follows.
const PREFIX: &str = "millrace-";

/// Groups below one that are looked at: a stage may make its own.
const MAX_GROUPS: usize = 1000;

/// How often the removal of an empty group is tried: the kernel lets go of its last process a moment after it is gone.
const REMOVALS: u32 = 50;

/// Time between two of them.
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

/// The group of one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// Makes the group of this invocation below the group that this process runs in; none where the system has no such
    /// groups, or this process may not make one.
    pub(super) fn make(nonce: &Nonce) -> Option<Self> {
        Self::make_below(&own_folder()?, nonce)
    }

    /// The same below this folder.
    fn make_below(parent: &Path, nonce: &Nonce) -> Option<Self> {
        let folder = parent.join(format!("{PREFIX}{nonce}"));
        std::fs::create_dir(&folder).ok()?;
        let made = Self { folder };
        // The kernel fills a folder that is a group, and lets only those into it who may write here.
        let writable = |name: &str| OpenOptions::new().write(true).open(made.folder.join(name)).is_ok();
        if made.folder.join("cgroup.events").exists()
            && writable("cgroup.procs")
            && may_write(&parent.join("cgroup.procs"))
        {
            return Some(made);
        }
        let _ = std::fs::remove_dir(&made.folder);
        None
    }

    /// The group that a supervisor wrote down; none where that is no name of ours, which is neither read nor killed.
    pub(super) fn recorded(folder: &Path, nonce: &Nonce) -> Option<Self> {
        let name = folder.file_name()?.to_str()?;
        let ours = name.strip_prefix(PREFIX) == Some(nonce.as_str()) && folder.is_absolute();
        ours.then(|| Self { folder: folder.to_owned() })
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets the program that `command` starts begin its life in the group. Where that fails the program does not start.
    pub(super) fn enter(&self, command: &mut Command) -> io::Result<()> {
        let procs = OpenOptions::new().write(true).open(self.folder.join("cgroup.procs"))?;
        // `0` is the process that writes.
        let enter = move || Ok(rustix::io::write(&procs, b"0").map(|_| ())?);
        #[expect(unsafe_code, reason = "the group has to be entered between fork and exec")]
        // SAFETY: the closure makes one system call with a descriptor that was opened before the fork and a constant; it allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(enter);
        }
        Ok(())
    }

    /// Its living processes, those of groups below it included.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        for folder in self.groups() {
            // Of a group whose threads are spread there is no such list: the kernel's word below still counts.
            let Ok(text) = std::fs::read_to_string(folder.join("cgroup.procs")) else { continue };
            found.extend(text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)));
        }
        found
    }

    /// Whether the kernel says that something lives in it or below it. A group that is gone holds nothing.
    pub(super) fn is_populated(&self) -> bool {
        match std::fs::read_to_string(self.folder.join("cgroup.events")) {
            Ok(text) => !text.lines().any(|line| line == "populated 0"),
            Err(fault) => fault.kind() != io::ErrorKind::NotFound && fault.raw_os_error() != Some(NO_DEVICE),
        }
    }

    /// Kills everything in it and below it at once. Kernels before 5.14 have no word for that; there each process gets
    /// its own signal from the sweep.
    pub(super) fn kill(&self) {
        if let Ok(mut file) = OpenOptions::new().write(true).open(self.folder.join("cgroup.kill")) {
            let _ = file.write_all(b"1");
        }
    }

    /// Removes the group, which is empty. One that does not go holds nothing and hurts nobody.
    pub(super) fn remove(&self) {
        for _ in 0..REMOVALS {
            let mut groups = self.groups();
            groups.reverse();
            for folder in groups {
                let _ = std::fs::remove_dir(folder);
            }
            if !self.folder.exists() {
                return;
            }
            std::thread::sleep(REMOVAL_PAUSE);
        }
    }

    /// The folders of the group and of those below it, each after the one that it lies in.
    fn groups(&self) -> Vec<PathBuf> {
        let mut found = vec![self.folder.clone()];
        let mut next = 0;
        while next < found.len() && found.len() < MAX_GROUPS {
            let entries = std::fs::read_dir(&found[next]).into_iter().flatten().flatten();
            found.extend(
                entries
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path()),
            );
            next += 1;
        }
        found
    }
}

/// What reading a file of a group says when the group is removed meanwhile (`ENODEV`).
const NO_DEVICE: i32 = rustix::io::Errno::NODEV.raw_os_error();

/// Whether this process may make a group, as far as that can be told without making one.
pub(super) fn is_possible() -> bool {
    own_folder().is_some_and(|folder| may_write(&folder) && may_write(&folder.join("cgroup.procs")))
}

fn may_write(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}

/// The folder of the group that this process runs in.
fn own_folder() -> Option<PathBuf> {
    let read = |path: &str| {
        let mut text = String::new();
        File::open(path).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
        Some(text)
    };
    folder_of(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)
}

/// Where the group of this `/proc/PID/cgroup` lies, by this `/proc/PID/mountinfo`.
fn folder_of(mounts: &str, groups: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        if after.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        // What lies outside of the mount cannot be reached by it.
        let below = Path::new(group).strip_prefix(root).ok()?;
        let plain = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        plain.then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "000102030405060708090a0b0c0d0e0f";

    fn nonce() -> Nonce {
        NONCE.parse().unwrap()
    }

    #[test]
    fn the_group_is_found_by_its_mount() {
        let mounts = "31 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw\n";
        let old = "12:pids:/x\n1:name=systemd:/x\n";
        for (mounts, groups, folder) in [
            (mounts, "0::/\n", Some("/sys/fs/cgroup/unified")),
            (
                mounts,
                "4:memory:/m\n0::/user.slice/a.scope\n",
                Some("/sys/fs/cgroup/unified/user.slice/a.scope"),
            ),
            (mounts, old, None),
            (mounts, "0::/../outside\n", None),
            ("31 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", "0::/a\n", None),
            ("41 31 0:38 /pod /sys/fs/cgroup rw - cgroup2 c rw\n", "0::/pod/a\n", Some("/sys/fs/cgroup/a")),
            ("41 31 0:38 /pod /sys/fs/cgroup rw - cgroup2 c rw\n", "0::/other\n", None),
        ] {
            assert_eq!(folder_of(mounts, groups), folder.map(PathBuf::from), "{groups}");
        }
    }

    #[test]
    fn a_folder_that_is_no_group_is_left_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Cgroup::make_below(root.path(), &nonce()), None);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        assert_eq!(Cgroup::make_below(&root.path().join("nothing"), &nonce()), None);
    }

    #[test]
    fn only_a_group_of_this_invocation_is_believed() {
        let ours = format!("/sys/fs/cgroup/a/millrace-{NONCE}");
        assert!(Cgroup::recorded(Path::new(&ours), &nonce()).is_some());
        for other in
            ["/sys/fs/cgroup", "/sys/fs/cgroup/user.slice", "/", "millrace-1", &ours[1..], &ours[..40]]
        {
            assert_eq!(Cgroup::recorded(Path::new(other), &nonce()), None, "{other}");
        }
    }

    /// The files of a group, as plain ones.
    #[test]
    fn processes_and_emptiness_are_read_from_the_groups_files() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(format!("millrace-{NONCE}"));
        std::fs::create_dir_all(folder.join("own/deeper")).unwrap();
        let group = Cgroup::recorded(&folder, &nonce()).unwrap();
        std::fs::write(folder.join("cgroup.procs"), "12\n13\n").unwrap();
        std::fs::write(folder.join("own/deeper/cgroup.procs"), "99\n").unwrap();
        let mut pids: Vec<i32> = group.processes().iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        pids.sort_unstable();
        assert_eq!(pids, [12, 13, 99]);
        std::fs::write(folder.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        assert!(group.is_populated());
        std::fs::write(folder.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
        assert!(!group.is_populated());
        std::fs::write(folder.join("cgroup.kill"), "").unwrap();
        group.kill();
        assert_eq!(std::fs::read_to_string(folder.join("cgroup.kill")).unwrap(), "1");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(!group.is_populated(), "what is gone holds nothing");
        assert_eq!(group.processes(), []);
    }
}
