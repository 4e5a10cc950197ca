//! What a git hook takes in: the driver between what git says, the rules, and the ledger.
//!
//! Nothing here may hurt the push: whatever goes wrong is a line for the pusher. What is taken has an identity of its
//! own, so that the same call again takes nothing twice, and what was left out or failed is had by calling again.

mod ancestry;
mod candidates;
mod history;
mod missed;
mod pusher;
mod rules;
mod taking;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;

pub use ancestry::comes_from_a_stage;
pub use missed::{Missed, MissedError, forget, keep, missed, missed_pushes};
pub use rules::{RULES_FILE, Rules, SaidRule};

use self::candidates::Candidates;
use self::history::History;
use self::pusher::Pushers;
use super::project::Project;
use crate::domain::hook::Hook;
use crate::domain::item::ItemRef;
use crate::format::hooks::{BadLine, Update, pre_push, received};
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::workspace::head::HeadError;

/// How long a hook waits for the writers' lock: a person waits for the push.
pub const HOOK_LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long a hook takes at most, all together.
pub const HOOK_DEADLINE: Duration = Duration::from_secs(8);

/// Refs of one push that are looked at.
pub const MAX_UPDATES: usize = 1000;

/// Bytes of stdin that are read.
pub const MAX_STDIN_BYTES: u64 = 16 * 1024 * 1024;

/// Problems that are told one by one.
pub const MAX_TOLD: usize = 5;

/// Why a hook could not look at its push.
#[derive(Debug, Error)]
pub enum HookError {
    /// Stdin is not what git writes.
    #[error(transparent)]
    Line(#[from] BadLine),
    /// `HEAD` cannot be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// git failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

/// A call of a hook.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which hook.
    pub hook: Hook,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What git writes to it.
    pub stdin: Vec<u8>,
    /// Updates that are looked at later than they happened, in place of what git writes. Who made them is not known.
    pub late: Option<Vec<Update>>,
    /// Whether nothing is to be taken: what would be is told.
    pub dry: bool,
    /// The rule by which a failure breaks what called the hook, once that is known.
    pub breaking: Arc<OnceLock<String>>,
}

/// What a hook came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Items that are new, with their state.
    pub added: Vec<(ItemRef, &'static str)>,
    /// Items, or what would become them, that a call without `dry` would have taken.
    pub would: Vec<String>,
    /// How many were here already.
    pub known: usize,
    /// What could not be taken, a line each.
    pub problems: Vec<String>,
    /// What was left out, a line each.
    pub left_out: Vec<String>,
    /// Whether the same call again takes more.
    pub more: bool,
    /// Whether rules could not be read: what they ask for was not looked for.
    pub rules_broken: bool,
    /// The rule that asks to break the push, because something of it could not be taken.
    pub breaks: Option<String>,
}

/// Looks at what a hook was called for, and takes what the rules say.
pub fn take(project: &Project, call: &Call) -> Result<Report, HookError> {
    let mut report = Report::default();
    let git = History { git_dir: &project.repository.git_dir, format: project.store.object_format() };
    let mut updates = updates(project, call, &git)?;
    // Ours are never work, and what is gone brings nothing.
    updates.retain(|update| update.new.is_some() && !update.name.starts_with(b"refs/millrace/"));
    if updates.is_empty() {
        return Ok(report);
    }
    let rules = Rules::here(project);
    report.rules_broken = !rules.problems.is_empty();
    report.problems.extend(rules.problems);
    let rules: Vec<SaidRule> =
        rules.rules.into_iter().filter(|said| said.rule.on.contains(&call.hook)).collect();
    let all = updates.clone();
    updates.retain(|update| rules.iter().any(|said| said.rule.is_about(call.hook, &update.name)));
    if updates.is_empty() {
        return Ok(report);
    }
    let breaks = |said: &&SaidRule| {
        said.rule.block && updates.iter().any(|update| said.rule.is_about(call.hook, &update.name))
    };
    if let Some(said) = rules.iter().find(breaks).filter(|_| call.hook.can_break()) {
        let _ = call.breaking.set(said.rule.name.clone());
    }
    if updates.len() > MAX_UPDATES {
        let more = updates.len() - MAX_UPDATES;
        report.left_out.push(format!("refs beyond the first {MAX_UPDATES} of one push: {more}"));
        updates.truncate(MAX_UPDATES);
    }
    let prefix = remote_refs(call);
    let reached = git.reach(updates)?;
    let needs_before = reached.iter().any(|one| one.old.is_none());
    let before = match call.hook {
        // A commit that has no parent is new, whatever else there is.
        Hook::PostCommit | Hook::PostMerge => Vec::new(),
        _ if needs_before => git.before(&prefix, &all)?,
        _ => Vec::new(),
    };
    let pushers = if call.late.is_some() { Pushers::nobody() } else { Pushers::look() };
    let mut candidates = Candidates::new(call.hook, &reached);
    candidates.gather(&git, &rules, &pushers, &before, &mut report)?;
    taking::take(project, call, candidates, &mut report)?;
    Ok(report)
}

/// The refs that a hook was called for.
fn updates(project: &Project, call: &Call, git: &History<'_>) -> Result<Vec<Update>, HookError> {
    if let Some(late) = &call.late {
        return Ok(late.clone());
    }
    match call.hook {
        Hook::PostReceive => Ok(received(&call.stdin)?),
        Hook::PrePush => Ok(pre_push(&call.stdin)?),
        Hook::PostCommit | Hook::PostMerge => {
            // A squash leaves `HEAD` where it was.
            let squash =
                call.hook == Hook::PostMerge && call.arguments.first().is_some_and(|flag| flag == "1");
            let head = project.repository.head()?;
            let (Some(new), Some(branch), false) = (head.oid, head.branch, squash) else {
                return Ok(Vec::new());
            };
            let old = match call.hook {
                Hook::PostMerge => git.oid_of("ORIG_HEAD").or_else(|| git.oid_of("HEAD^1")),
                _ => git.oid_of("HEAD^1"),
            };
            Ok(vec![Update { name: branch.into_bytes(), old, new: Some(new) }])
        }
        Hook::ReferenceTransaction => Ok(Vec::new()),
    }
}

/// The refs that tell what the other side has already; none means all refs here.
fn remote_refs(call: &Call) -> String {
    if call.hook != Hook::PrePush {
        return String::new();
    }
    match call.arguments.first() {
        // A remote without a name is called by its address.
        Some(name) if !name.contains([':', '/', '*', '?', '[']) => format!("refs/remotes/{name}/"),
        _ => "refs/remotes/".to_owned(),
    }
}
