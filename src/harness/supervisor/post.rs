//! What a supervisor writes down about itself before it starts anything: its place in the process table and its control
//! group. Should it be killed, whoever comes after it can still tell which processes were its stage's.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cgroup::Cgroup;
use super::tree::{self, Member};
use crate::domain::ids::Nonce;
use crate::harness::durable;

/// The file of the invocation directory, as [`Post`] in TOML.
const POST_FILE: &str = "supervisor.toml";

/// Who supervises, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Post {
    /// Its process id, which is also its session's.
    pid: i32,
    /// When it was started, in the kernel's ticks since the machine was.
    start: u64,
    /// Which start of the machine those ticks count from.
    boot: String,
    /// The folder of the control group that the harness runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cgroup: Option<PathBuf>,
}

impl Post {
    /// This process's own.
    pub(super) fn own(cgroup: Option<&Cgroup>) -> Self {
        let (pid, start) = tree::own().numbers();
        Self { pid, start, boot: tree::boot(), cgroup: cgroup.map(|group| group.folder().to_owned()) }
    }

    pub(super) fn write(&self, inv_dir: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        durable::write(&inv_dir.join(POST_FILE), text.as_bytes())
    }

    /// The one that was written here. None where there is none, where it cannot be read, and where it is of an earlier
    /// start of the machine, from which nothing lives.
    pub(super) fn read(inv_dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(inv_dir.join(POST_FILE)).ok()?;
        let post: Self = toml::from_str(&text).ok()?;
        (post.boot == tree::boot()).then_some(post)
    }

    /// The supervisor.
    pub(super) fn supervisor(&self) -> Option<Member> {
        Member::of_numbers(self.pid, self.start)
    }

    /// The control group of its stage.
    pub(super) fn cgroup(&self, nonce: &Nonce) -> Option<Cgroup> {
        self.cgroup.as_deref().and_then(|folder| Cgroup::recorded(folder, nonce))
    }
}
