//! Roots that are to be accepted: how far each is, and what it waits for.

use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::moments::time;
use super::page::Page;
use super::reasons::Reasons;
use crate::domain::closure::{Target, TargetState};
use crate::domain::ids::{FailureClass, ItemId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::roots::{Obstacle, obstacle};
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View as _};
use crate::ledger::store::RefName;
use crate::ledger::view::TreeView;

/// Items of a lineage that are named.
const NAMED: usize = 10;

/// A root, and how far its acceptance is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Root {
    /// The root spec.
    item: ItemRef,
    idea: Option<ItemId>,
    /// `open`, `blocked`, `accepted` or `cancelled`.
    state: &'static str,
    opened_at: Timestamp,
    /// Rounds of remediation so far.
    rounds: u32,
    /// Where in git the latest verdict lies.
    verdict: Option<String>,
    /// Why it is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<Stopped>,
    /// How it ended; none where it has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
    /// The items of its lineage that are not done, the first of them.
    open: Vec<Member>,
    /// How many more there are.
    more: usize,
    /// The items that were archived without being done.
    archived: Vec<ItemRef>,
}

/// Why nothing judges a root.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Stopped {
    at: Timestamp,
    reason: String,
    class: FailureClass,
    run: RunId,
    /// Where in git its evidence lies.
    evidence: String,
}

/// The end of a root's acceptance.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Ended {
    at: Timestamp,
    /// The code that was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Oid>,
    /// Why it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// An item that a root waits for.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Member {
    item: ItemRef,
    state: &'static str,
    /// Why it is not being worked on; of what is blocked, held or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Why a root whose planning is done is not accepted yet, as words that follow its name.
pub(crate) fn unaccepted(view: &TreeView<'_, '_>, target: &Target) -> Result<String, Fault> {
    let Some(Obstacle::Open { items }) = obstacle(view, target)? else {
        return Ok("is drained, and is to be judged".to_owned());
    };
    let mut open: Vec<String> =
        items.iter().take(NAMED).map(|(item, slot)| format!("{item} ({})", slot.state())).collect();
    if let more @ 1.. = items.len().saturating_sub(NAMED) {
        open.push(format!("and {more} more"));
    }
    Ok(format!("is planned, and accepted when these are done: {}", open.join(", ")))
}

impl Root {
    /// A root; none where it has no target.
    pub(crate) fn of(
        view: &TreeView<'_, '_>,
        reasons: &Reasons<'_, '_, '_>,
        root: &ItemId,
    ) -> Result<Option<Self>, Failure> {
        let Some(target) = view.target(root)? else { return Ok(None) };
        let mut open = Vec::new();
        let mut more = 0;
        if let Some(Obstacle::Open { items }) =
            obstacle(view, &Target { state: TargetState::Open, ..target.clone() })?
        {
            more = items.len().saturating_sub(NAMED);
            for (item, slot) in items.into_iter().take(NAMED) {
                let tells = matches!(slot, Slot::Blocked | Slot::Held(_) | Slot::Waiting { .. });
                let why = if tells { reasons.of(&item, &slot)?.map(|why| why.to_string()) } else { None };
                open.push(Member { item, state: slot.state(), why });
            }
        }
        let at = |path: place::TreePath| RefName::State.at(path);
        Ok(Some(Self {
            item: target.item(),
            idea: target.idea.clone(),
            state: target.state.as_str(),
            opened_at: target.opened_at,
            rounds: target.rounds,
            verdict: target.verdict.as_ref().map(|run| at(place::verdict(root, run))),
            ended: match &target.state {
                TargetState::Accepted { at } => {
                    let run = target.verdict.as_ref();
                    let verdict = run.map(|run| view.verdict(root, run)).transpose()?.flatten();
                    Some(Ended { at: *at, code: verdict.map(|verdict| verdict.snapshot), reason: None })
                }
                TargetState::Cancelled { at, reason } => {
                    Some(Ended { at: *at, code: None, reason: Some(reason.clone()) })
                }
                TargetState::Open | TargetState::Blocked { .. } => None,
            },
            blocked: match &target.state {
                TargetState::Blocked { at: since, reason, class, run } => Some(Stopped {
                    at: *since,
                    reason: reason.clone(),
                    class: class.clone(),
                    run: run.clone(),
                    evidence: at(place::run_folder(run)),
                }),
                _ => None,
            },
            open,
            more,
            archived: target.archived,
        }))
    }

    /// Whether it waits for an operator.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    pub(crate) fn text(&self, page: &mut Page) {
        let rounds = match self.rounds {
            0 => String::new(),
            1 => ", after 1 round of remediation".to_owned(),
            many => format!(", after {many} rounds of remediation"),
        };
        match (&self.blocked, &self.ended) {
            (_, Some(Ended { at, code, reason })) => {
                let how = match (code, reason) {
                    (_, Some(reason)) => format!("was given up at {}: {reason}", time(*at)),
                    (Some(code), None) => format!("was accepted at {}{rounds}, on commit {code}", time(*at)),
                    (None, None) => format!("was accepted at {}{rounds}", time(*at)),
                };
                page.line(format!("root {} {how}", self.item));
            }
            (Some(stopped), None) => {
                let Stopped { at, reason, class, evidence, .. } = stopped;
                page.line(format!(
                    "root {} is blocked since {}: {reason} ({class}); `millrace retry {}` lets it go on",
                    self.item,
                    time(*at),
                    self.item
                ));
                page.line(format!("  evidence: {evidence}"));
            }
            (None, None) if self.open.is_empty() => {
                page.line(format!("root {} is drained, and is to be judged{rounds}", self.item));
            }
            (None, None) => page.line(format!("root {} is open{rounds}; not done:", self.item)),
        }
        let rows: Vec<Vec<String>> = self
            .open
            .iter()
            .map(|one| vec![one.item.to_string(), one.state.to_owned(), one.why.clone().unwrap_or_default()])
            .collect();
        page.indented("  ", &rows);
        if self.more > 0 {
            page.line(format!("  and {} more", self.more));
        }
        if let Some(verdict) = &self.verdict {
            page.line(format!("  latest verdict: {verdict}"));
        }
        if !self.archived.is_empty() {
            let names: Vec<String> = self.archived.iter().map(ToString::to_string).collect();
            page.line(format!("  archived without being done: {}", names.join(", ")));
        }
    }
}
