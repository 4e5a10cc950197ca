//! Control groups are Linux's; elsewhere there are none.

use std::io;
use std::path::Path;
use std::process::Command;

use rustix::process::Pid;

use crate::domain::ids::Nonce;

/// A group. There never is one here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cgroup {}

impl Cgroup {
    /// There is none to make.
    pub(super) fn make(_nonce: &Nonce) -> Option<Self> {
        None
    }

    /// There was none to write down.
    pub(super) fn recorded(_folder: &Path, _nonce: &Nonce) -> Option<Self> {
        None
    }

    /// There is no folder.
    pub(super) fn folder(&self) -> &Path {
        match *self {}
    }

    /// There is nothing to enter.
    pub(super) fn enter(&self, _command: &mut Command) -> io::Result<()> {
        match *self {}
    }

    /// There is nothing in it.
    pub(super) fn processes(&self) -> Vec<Pid> {
        match *self {}
    }

    /// There is nothing in it.
    pub(super) fn is_populated(&self) -> bool {
        match *self {}
    }

    /// There is nothing to kill.
    pub(super) fn kill(&self) {
        match *self {}
    }

    /// There is nothing to remove.
    pub(super) fn remove(&self) {
        match *self {}
    }
}

/// Whether this process may make a group.
pub(super) fn is_possible() -> bool {
    false
}
