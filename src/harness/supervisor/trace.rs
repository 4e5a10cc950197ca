//! What leads to the processes of a stage.

use super::cgroup::Cgroup;
use super::post::Post;
use super::tree::Member;
use crate::domain::ids::Nonce;

/// What leads to the processes of a stage. Each way finds what another loses: descent what cleared its environment, the
/// mark what lost its parent, the session what did both, the control group what did all of that.
#[derive(Clone, Copy)]
pub(super) struct Trace<'a> {
    /// The mark that every process of the stage began with.
    pub(super) nonce: &'a Nonce,
    /// Whether all descendants of this process are of the stage: it is the stage's supervisor.
    pub(super) descend: bool,
    /// The supervisor that is gone, and led the session that its stage began in.
    pub(super) supervisor: Option<Member>,
    /// The stage's control group.
    pub(super) cgroup: Option<&'a Cgroup>,
}

impl<'a> Trace<'a> {
    /// To everything that this process, the supervisor, has started.
    pub(super) fn of_supervisor(nonce: &'a Nonce, cgroup: Option<&'a Cgroup>) -> Self {
        Self { nonce, descend: true, supervisor: None, cgroup }
    }

    /// To what a supervisor that is gone has left, by what it wrote down.
    pub(super) fn of_post(nonce: &'a Nonce, post: Option<&Post>, cgroup: Option<&'a Cgroup>) -> Self {
        Self { nonce, descend: false, supervisor: post.and_then(Post::supervisor), cgroup }
    }
}
