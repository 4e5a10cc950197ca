//! The git hooks that bring work in, and the one that guards.

use std::fmt;

/// A git hook that calls us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// On a server, after refs were updated by a push.
    PostReceive,
    /// On a client, before a push; the other side may still reject it.
    PrePush,
    /// After a commit in a work tree.
    PostCommit,
    /// After a merge (also that of a pull) in a work tree.
    PostMerge,
    /// While refs are updated, whoever does it. It brings nothing in.
    ReferenceTransaction,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::PostReceive, Self::PrePush, Self::PostCommit, Self::PostMerge, Self::ReferenceTransaction];

    /// Those that bring work in: rules are about these.
    pub const INTAKE: [Self; 4] = [Self::PostReceive, Self::PrePush, Self::PostCommit, Self::PostMerge];

    /// The name that git calls it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PostReceive => "post-receive",
            Self::PrePush => "pre-push",
            Self::PostCommit => "post-commit",
            Self::PostMerge => "post-merge",
            Self::ReferenceTransaction => "reference-transaction",
        }
    }

    /// Whether its exit code can stop what called it.
    #[must_use]
    pub const fn can_break(self) -> bool {
        matches!(self, Self::PrePush | Self::ReferenceTransaction)
    }

    /// Whether it is about what is done in a work tree, by whoever works there.
    #[must_use]
    pub const fn is_of_a_work_tree(self) -> bool {
        matches!(self, Self::PostCommit | Self::PostMerge)
    }

    /// Whether what called it may still come to nothing.
    #[must_use]
    pub const fn is_before(self) -> bool {
        matches!(self, Self::PrePush)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
