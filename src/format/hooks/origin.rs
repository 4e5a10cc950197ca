//! Where an item of a hook comes from, in one line that nothing from outside can break.

use super::super::message::plain;
use crate::domain::hook::Hook;
use crate::domain::oid::Oid;

/// Characters of one piece that comes from outside.
const PIECE: usize = 160;

/// Digits of a commit's id.
const DIGITS: usize = 7;

/// Who brought something, and how.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The hook that saw it.
    pub hook: Hook,
    /// The pusher, where one is known.
    pub pusher: Option<&'a str>,
}

/// Where an item comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Who brought it.
    pub by: By<'a>,
    /// The ref.
    pub name: &'a str,
    /// What the ref named before.
    pub old: Option<Oid>,
    /// What it names now.
    pub new: Oid,
    /// The rule that took it.
    pub rule: &'a str,
    /// What in it: a path, or a commit's trailer.
    pub what: &'a str,
}

/// The range of an update: `1a2b3c4..5d6e7f8`, or the one commit of a ref that is new.
pub(super) fn range(old: Option<Oid>, new: Oid) -> String {
    let short = |oid: Oid| oid.to_string()[..DIGITS].to_owned();
    old.map_or_else(|| short(new), |old| format!("{}..{}", short(old), short(new)))
}

impl Origin<'_> {
    /// The line.
    #[must_use]
    pub fn line(&self) -> String {
        let how = match self.by.hook {
            Hook::PostReceive | Hook::ReferenceTransaction => "push to",
            Hook::PrePush => "push on its way to",
            Hook::PostCommit => "commit on",
            Hook::PostMerge => "merge into",
        };
        let who = self.by.pusher.map_or_else(|| "somebody unknown".to_owned(), |name| plain(name, PIECE));
        format!(
            "{how} {} by {who} (rule {}, {}, {})",
            plain(self.name, PIECE),
            self.rule,
            range(self.old, self.new),
            plain(self.what, PIECE)
        )
    }
}
