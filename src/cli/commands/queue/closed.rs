//! The items that were closed, the last one first: from the ledger's commits, because closed items are spread by hash
//! and nothing in their places says when.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;

use super::ls::known;
use crate::cli::failure::Failure;
use crate::cli::moments::time;
use crate::cli::trailers;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::slot::Slot;
use crate::domain::view::View as _;
use crate::ledger::transact::read_commit;
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;

/// One closed item.
#[derive(Debug, Serialize)]
pub(super) struct ClosedItem {
    item: ItemRef,
    state: &'static str,
    title: String,
    closed_at: Timestamp,
    /// The subject of the commit that closed it.
    why: String,
    commit: Oid,
}

impl ClosedItem {
    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.state.to_owned(),
            self.item.to_string(),
            time(self.closed_at),
            self.title.clone(),
            self.why.clone(),
        ]
    }
}

/// At most `limit` closed items of these kinds, and how many there are. The walk ends with the last of them.
pub(super) fn closed(
    project: &Project,
    kinds: &[ItemKind],
    limit: usize,
) -> Result<(Vec<ClosedItem>, u64), Failure> {
    let Some((tip, commit)) = project.tip()? else { return Ok((Vec::new(), 0)) };
    let trees = project.trees();
    let view = TreeView::new(&trees, Some(commit.tree));
    let counts = view.control()?.closed;
    let total = kinds.iter().map(|kind| counts.of(*kind)).map(|of| of.done + of.archived).sum();
    let wanted = usize::try_from(total).unwrap_or(usize::MAX).min(limit);
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some((tip, commit));
    while items.len() < wanted {
        let Some((oid, commit)) = next else { break };
        // The last commit about an item that is closed is the one that closed it.
        for name in trailers::values(&commit.message, "Item") {
            let Ok(item) = name.parse::<ItemRef>() else { continue };
            if items.len() >= wanted || !kinds.contains(&item.kind) || !seen.insert(item.clone()) {
                continue;
            }
            let mut closed = None;
            for slot in [Slot::Done, Slot::Archived] {
                if view.stands_in(&item, &slot)? {
                    closed = Some(slot);
                }
            }
            let Some(slot) = closed else { continue };
            items.push(ClosedItem {
                state: slot.state(),
                title: known(&view, &item)?.intake.title,
                closed_at: Timestamp::from_second(commit.second).unwrap_or_default(),
                why: commit.message.lines().next().unwrap_or_default().to_owned(),
                commit: oid,
                item,
            });
        }
        next = match commit.parents.first() {
            Some(parent) => Some((*parent, read_commit(&project.store, *parent)?)),
            None => None,
        };
    }
    Ok((items, total))
}
