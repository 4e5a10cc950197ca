//! The view of a ledger at one commit: records decoded from its tree, each when it is asked for.

use std::rc::Rc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::tree::{Entry, Trees};
use crate::domain::closure::{Target, Verdict};
use crate::domain::control::Control;
use crate::domain::ids::{ItemId, PlanId, RequestId, RunId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place::{self, OpenState, TreePath};
use crate::domain::plan::Plan;
use crate::domain::receipt::Receipt;
use crate::domain::recovery::Recovery;
use crate::domain::run::{Run, RunRecord};
use crate::domain::slot::{Slot, Turn};
use crate::domain::transition::input::Known;
use crate::domain::transition::record::{LedgerRecord, Transition};
use crate::domain::view::{Fault, View};
use crate::format::records;

/// The state at one commit; without a root: before genesis.
pub struct TreeView<'t, 's> {
    trees: &'t Trees<'s>,
    root: Option<Oid>,
}

impl<'t, 's> TreeView<'t, 's> {
    /// The state whose tree is `root`.
    #[must_use]
    pub fn new(trees: &'t Trees<'s>, root: Option<Oid>) -> Self {
        Self { trees, root }
    }

    /// The tree.
    #[must_use]
    pub fn root(&self) -> Option<Oid> {
        self.root
    }

    /// What it reads from.
    #[must_use]
    pub fn trees(&self) -> &'t Trees<'s> {
        self.trees
    }

    /// A record, decoded; `None` where there is none.
    pub fn record<T: DeserializeOwned>(&self, path: &TreePath) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.file(path)? else { return Ok(None) };
        records::decode(&bytes)
            .map(Some)
            .map_err(|error| Fault { at: path.to_string(), detail: error.to_string() })
    }

    /// A file's bytes; `None` where there is none.
    pub fn file(&self, path: &TreePath) -> Result<Option<Vec<u8>>, Fault> {
        match self.root {
            Some(root) => self.trees.read(root, path),
            None => Ok(None),
        }
    }

    /// The entry at a path.
    pub fn entry(&self, path: &TreePath) -> Result<Option<Entry>, Fault> {
        match self.root {
            Some(root) => self.trees.find(root, path),
            None => Ok(None),
        }
    }

    /// A folder's entries; none where there is no folder.
    pub fn list(&self, path: &TreePath) -> Result<Rc<Vec<Entry>>, Fault> {
        match self.root {
            Some(root) => self.trees.list(root, path),
            None => Ok(Rc::new(Vec::new())),
        }
    }

    /// In which format this commit was written: told before anything else of it is read, because what a later version
    /// writes need not be a record that this one knows. `None` where it does not say.
    pub fn format(&self) -> Result<Option<u32>, Fault> {
        #[derive(Deserialize)]
        struct Head {
            format: Option<u32>,
        }
        Ok(self.record::<Head>(&place::ledger())?.and_then(|head| head.format))
    }

    /// By which rules this commit was decided, likewise.
    pub fn rules(&self) -> Result<Option<u32>, Fault> {
        #[derive(Deserialize)]
        struct Head {
            rules: Option<u32>,
        }
        Ok(self.record::<Head>(&place::transition())?.and_then(|head| head.rules))
    }

    /// Format and id of the ledger.
    pub fn ledger(&self) -> Result<Option<LedgerRecord>, Fault> {
        self.record(&place::ledger())
    }

    /// What made this commit.
    pub fn transition(&self) -> Result<Option<Transition>, Fault> {
        self.record(&place::transition())
    }

    /// The items of a kind in an open state, with their slots, in claim order.
    pub fn items(&self, kind: ItemKind, state: OpenState) -> Result<Vec<(ItemId, Slot)>, Fault> {
        let folder = place::state_folder(kind, state);
        let mut items = Vec::new();
        match state {
            OpenState::Active | OpenState::Blocked => {
                let slot = if state == OpenState::Active { Slot::Active } else { Slot::Blocked };
                for entry in self.list(&folder)?.iter() {
                    items.push((plain_name(&folder, entry)?, slot.clone()));
                }
            }
            OpenState::Queued | OpenState::Held => {
                for bucket in self.list(&folder)?.iter().filter(|entry| entry.folder) {
                    for entry in self.trees.folder(bucket.oid)?.iter() {
                        let (turn, id) = turn_name(&folder, entry)?;
                        let slot =
                            if state == OpenState::Queued { Slot::Queued(turn) } else { Slot::Held(turn) };
                        items.push((id, slot));
                    }
                }
            }
            OpenState::Waiting => {
                for dependency in self.list(&folder)?.iter().filter(|entry| entry.folder) {
                    let on: ItemId = dependency.name.parse().map_err(|_| misplaced(&folder, dependency))?;
                    for entry in self.trees.folder(dependency.oid)?.iter() {
                        let (turn, id) = turn_name(&folder, entry)?;
                        items.push((id, Slot::Waiting { on: on.clone(), turn }));
                    }
                }
            }
        }
        Ok(items)
    }

    /// The ids of all items of a kind that ever came in, in the order of their hashes. Folders are read as they are
    /// come to: about one small one for each item.
    pub fn ids(&self, kind: ItemKind) -> Result<impl Iterator<Item = Result<ItemId, Fault>>, Fault> {
        let folder = place::intakes_folder(kind);
        let mut todo: Vec<Entry> = self.list(&folder)?.to_vec();
        Ok(std::iter::from_fn(move || {
            loop {
                let entry = todo.pop()?;
                if !entry.folder {
                    let id = entry.name.strip_suffix(".toml").and_then(|stem| stem.parse().ok());
                    return Some(id.ok_or_else(|| misplaced(&folder, &entry)));
                }
                match self.trees.folder(entry.oid) {
                    Ok(inner) => todo.extend(inner.iter().cloned()),
                    Err(fault) => {
                        todo.clear();
                        return Some(Err(fault));
                    }
                }
            }
        }))
    }

    /// The ids of all plans that were ever frozen, in the order of their names.
    pub fn plans(&self) -> Result<Vec<PlanId>, Fault> {
        let folder = place::plans_folder();
        self.list(&folder)?
            .iter()
            .filter(|entry| entry.folder)
            .map(|entry| entry.name.parse().map_err(|_| misplaced(&folder, entry)))
            .collect()
    }

    /// How many items of a kind are in an open state; reads no item.
    pub fn count(&self, kind: ItemKind, state: OpenState) -> Result<u64, Fault> {
        let entries = self.list(&place::state_folder(kind, state))?;
        let mut count = 0;
        for entry in entries.iter() {
            count += if entry.folder { self.trees.folder(entry.oid)?.len() as u64 } else { 1 };
        }
        Ok(count)
    }
}

fn misplaced(folder: &TreePath, entry: &Entry) -> Fault {
    Fault { at: format!("{folder}/{}", entry.name), detail: "no such name belongs there".to_owned() }
}

fn plain_name(folder: &TreePath, entry: &Entry) -> Result<ItemId, Fault> {
    entry.name.strip_suffix(".md").and_then(|stem| stem.parse().ok()).ok_or_else(|| misplaced(folder, entry))
}

fn turn_name(folder: &TreePath, entry: &Entry) -> Result<(Turn, ItemId), Fault> {
    place::parse_turn_name(&entry.name).ok_or_else(|| misplaced(folder, entry))
}

impl View for TreeView<'_, '_> {
    fn exists(&self) -> Result<bool, Fault> {
        Ok(self.root.is_some())
    }

    fn control(&self) -> Result<Control, Fault> {
        self.record(&place::control())?
            .ok_or_else(|| Fault { at: place::control().to_string(), detail: "missing".to_owned() })
    }

    fn plan(&self, plan: &PlanId) -> Result<Option<Rc<Plan>>, Fault> {
        let path = place::plan(plan);
        match self.entry(&path)? {
            Some(entry) if !entry.folder => self.trees.plan(entry.oid, &path).map(Some),
            _ => Ok(None),
        }
    }

    fn known(&self, item: &ItemRef) -> Result<Option<Known>, Fault> {
        self.record(&place::intake(item))
    }

    fn twin(&self, item: &ItemRef) -> Result<Option<ItemId>, Fault> {
        let folder = place::intake_folder(item);
        for entry in self.list(&folder)?.iter() {
            let stem = entry.name.strip_suffix(".toml").ok_or_else(|| misplaced(&folder, entry))?;
            if stem != item.id.as_str() && stem.eq_ignore_ascii_case(item.id.as_str()) {
                return stem.parse().map(Some).map_err(|_| misplaced(&folder, entry));
            }
        }
        Ok(None)
    }

    fn stands_in(&self, item: &ItemRef, slot: &Slot) -> Result<bool, Fault> {
        Ok(self.entry(&place::document(item, slot))?.is_some())
    }

    fn slot(&self, item: &ItemRef) -> Result<Option<Slot>, Fault> {
        // Most are closed or can be looked up by name; only the queue has to be searched.
        for slot in [Slot::Done, Slot::Archived, Slot::Active, Slot::Blocked] {
            if self.stands_in(item, &slot)? {
                return Ok(Some(slot));
            }
        }
        let Some(known) = self.known(item)? else { return Ok(None) };
        if let Some(arrival) = known.arrival {
            let turn = Turn { priority: known.intake.priority, arrival };
            let waiting = known.intake.depends_on.iter().map(|on| Slot::Waiting { on: on.clone(), turn });
            for slot in [Slot::Queued(turn), Slot::Held(turn)].into_iter().chain(waiting) {
                if self.stands_in(item, &slot)? {
                    return Ok(Some(slot));
                }
            }
        }
        // Records of the first rules do not tell the arrival.
        for state in [OpenState::Queued, OpenState::Waiting, OpenState::Held] {
            let found = self.items(item.kind, state)?.into_iter().find(|(id, _)| id == &item.id);
            if let Some((_, slot)) = found {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    fn next_queued(&self, kind: ItemKind) -> Result<Option<(ItemId, Turn)>, Fault> {
        let folder = place::state_folder(kind, OpenState::Queued);
        let buckets = self.list(&folder)?;
        let Some(first) = buckets.iter().find(|entry| entry.folder) else { return Ok(None) };
        match self.trees.folder(first.oid)?.first() {
            Some(entry) => turn_name(&folder, entry).map(|(turn, id)| Some((id, turn))),
            None => Ok(None),
        }
    }

    fn standing(&self, kind: ItemKind, state: OpenState) -> Result<Vec<(ItemId, Slot)>, Fault> {
        self.items(kind, state)
    }

    fn waiting_for(&self, kind: ItemKind, on: &ItemId) -> Result<Vec<(ItemId, Turn)>, Fault> {
        let folder = place::waiting_folder(kind, on);
        self.list(&folder)?
            .iter()
            .map(|entry| turn_name(&folder, entry).map(|(turn, id)| (id, turn)))
            .collect()
    }

    fn runs(&self) -> Result<Vec<Run>, Fault> {
        let folder = place::active_folder();
        let mut runs = Vec::new();
        for entry in self.list(&folder)?.iter() {
            let id: RunId = entry
                .name
                .strip_suffix(".toml")
                .and_then(|stem| stem.parse().ok())
                .ok_or_else(|| misplaced(&folder, entry))?;
            runs.extend(self.run(&id)?);
        }
        Ok(runs)
    }

    fn run(&self, run: &RunId) -> Result<Option<Run>, Fault> {
        self.record(&place::run(run))
    }

    fn run_record(&self, run: &RunId) -> Result<Option<RunRecord>, Fault> {
        self.record(&place::run_record(run))
    }

    fn recovery(&self, item: &ItemRef) -> Result<Option<Recovery>, Fault> {
        self.record(&place::recovery(item))
    }

    fn note(&self, item: &ItemRef) -> Result<Option<Oid>, Fault> {
        Ok(self.entry(&place::note(item))?.map(|entry| entry.oid))
    }

    fn idea(&self, idea: &ItemId) -> Result<Option<Oid>, Fault> {
        Ok(self.entry(&place::idea(idea))?.map(|entry| entry.oid))
    }

    fn idea_of(&self, text: &Oid) -> Result<Option<ItemId>, Fault> {
        let folder = place::ideas_folder();
        let ideas = self.list(&folder)?;
        let found = ideas.iter().find(|entry| !entry.folder && &entry.oid == text);
        found.map(|entry| plain_name(&folder, entry)).transpose()
    }

    fn target(&self, root: &ItemId) -> Result<Option<Target>, Fault> {
        self.record(&place::target(root))
    }

    fn verdict(&self, root: &ItemId, run: &RunId) -> Result<Option<Verdict>, Fault> {
        self.record(&place::verdict(root, run))
    }

    fn lineage(&self, root: &ItemId) -> Result<Vec<ItemRef>, Fault> {
        let folder = place::lineage_folder(root);
        let mut members = Vec::new();
        for entry in self.list(&folder)?.iter() {
            // The name tells it: the records are not read.
            let item = entry.name.strip_suffix(".toml").and_then(|stem| {
                let (kind, id) = stem.split_once('.')?;
                Some(ItemRef::new(kind.parse().ok()?, id.parse().ok()?))
            });
            members.push(item.ok_or_else(|| misplaced(&folder, entry))?);
        }
        Ok(members)
    }

    fn receipt(&self, request: &RequestId) -> Result<Option<Receipt>, Fault> {
        self.record(&place::receipt(request))
    }

    fn receipts_beside(&self, request: &RequestId) -> Result<Vec<(RequestId, u64)>, Fault> {
        let folder = place::receipts_folder(request);
        let mut found = Vec::new();
        for entry in self.list(&folder)?.iter() {
            let id: RequestId = entry
                .name
                .strip_suffix(".toml")
                .and_then(|stem| stem.parse().ok())
                .ok_or_else(|| misplaced(&folder, entry))?;
            let receipt = self.receipt(&id)?.ok_or_else(|| misplaced(&folder, entry))?;
            found.push((id, receipt.seq));
        }
        Ok(found)
    }

    fn seq(&self) -> Result<u64, Fault> {
        #[derive(Deserialize)]
        struct Head {
            seq: u64,
        }
        Ok(self.record::<Head>(&place::transition())?.map_or(0, |head| head.seq))
    }
}
