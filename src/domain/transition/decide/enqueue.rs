//! Intake: documents become items, all of them or none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Known, Submitted};
use super::super::refusal::Refusal;
use super::Ruling;
use crate::domain::ids::ItemId;
use crate::domain::item::{Arrival, ItemKind, ItemRef};
use crate::domain::limits::MAX_INTAKE_DOCUMENTS;
use crate::domain::oid::Oid;
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View};

pub(super) fn decide(view: &dyn View, at: Timestamp, documents: &[Submitted]) -> Ruling {
    if documents.len() > MAX_INTAKE_DOCUMENTS {
        return Ok(Err(Refusal::TooManyDocuments { count: documents.len(), limit: MAX_INTAKE_DOCUMENTS }));
    }
    let control = view.control()?;
    let mut decision = Decision::default();
    let mut batch = Batch::default();
    let mut fresh = Vec::new();
    for submitted in documents {
        let item = &submitted.intake.item;
        match batch.find(item) {
            Some((id, oid)) if id == &item.id && *oid == submitted.document.oid => continue,
            Some((id, _)) if id == &item.id => {
                return Ok(Err(Refusal::TwiceInOneCall { item: item.clone() }));
            }
            Some((id, _)) => return Ok(Err(Refusal::CaseTwin { item: item.clone(), twin: id.clone() })),
            None => batch.insert(submitted),
        }
        if let Some(known) = view.known(item)? {
            if known.document == submitted.document.oid {
                decision.notes.push(format!("{item} is here already, with the same content"));
                continue;
            }
            let state = view.slot(item)?.map_or("nowhere", |slot| slot.state());
            return Ok(Err(Refusal::DifferentDocument { item: item.clone(), state: state.to_owned() }));
        }
        if let Some(twin) = view.twin(item)? {
            return Ok(Err(Refusal::CaseTwin { item: item.clone(), twin }));
        }
        fresh.push(submitted);
    }
    let mut search = CycleSearch { view, batch: &batch, clear: BTreeSet::new() };
    for submitted in &fresh {
        let ItemRef { kind, id } = &submitted.intake.item;
        if let Some((id, cycle)) = search.from(*kind, id)? {
            return Ok(Err(Refusal::DependencyCycle { item: ItemRef::new(*kind, id), cycle }));
        }
    }
    for (n, submitted) in (0..).zip(fresh) {
        decision.effects.push(admit(view, at, control.arrival(n), submitted)?);
    }
    Ok(Ok(decision))
}

/// The effect that takes a new document in.
pub(super) fn admit(
    view: &dyn View,
    at: Timestamp,
    arrival: Arrival,
    submitted: &Submitted,
) -> Result<Effect, Fault> {
    let intake = &submitted.intake;
    let turn = Turn { priority: intake.priority, arrival };
    let slot = if submitted.origin.is_some() {
        Slot::Held(turn)
    } else {
        open_slot(view, intake.item.kind, &intake.depends_on, turn, None)?
    };
    Ok(Effect::Admit {
        slot,
        document: submitted.document,
        known: Known {
            document: submitted.document.oid,
            taken_at: at,
            origin: submitted.origin.clone(),
            intake: intake.clone(),
        },
    })
}

/// Where an item that may be worked on stands: queued, or waiting for its first dependency that is not done.
/// `finished` is an item that the same decision finishes.
pub(super) fn open_slot(
    view: &dyn View,
    kind: ItemKind,
    depends_on: &[ItemId],
    turn: Turn,
    finished: Option<&ItemId>,
) -> Result<Slot, Fault> {
    for on in depends_on {
        let met = finished == Some(on) || view.stands_in(&ItemRef::new(kind, on.clone()), &Slot::Done)?;
        if !met {
            return Ok(Slot::Waiting { on: on.clone(), turn });
        }
    }
    Ok(Slot::Queued(turn))
}

/// The documents of one call, by kind and lower-cased id.
#[derive(Default)]
struct Batch<'a> {
    items: BTreeMap<(ItemKind, String), (ItemId, Oid, &'a [ItemId])>,
}

impl<'a> Batch<'a> {
    fn key(item: &ItemRef) -> (ItemKind, String) {
        (item.kind, item.id.as_str().to_ascii_lowercase())
    }

    fn find(&self, item: &ItemRef) -> Option<(&ItemId, &Oid)> {
        self.items.get(&Self::key(item)).map(|(id, oid, _)| (id, oid))
    }

    fn insert(&mut self, submitted: &'a Submitted) {
        let intake = &submitted.intake;
        self.items.insert(
            Self::key(&intake.item),
            (intake.item.id.clone(), submitted.document.oid, &intake.depends_on),
        );
    }

    /// What a document of this call depends on; `None` where the call does not bring the item.
    fn depends_on(&self, item: &ItemRef) -> Option<&'a [ItemId]> {
        self.items
            .get(&Self::key(item))
            .filter(|(id, _, _)| id == &item.id)
            .map(|(_, _, depends_on)| *depends_on)
    }
}

/// Looks for ways that lead from an item over its dependencies back to itself.
struct CycleSearch<'a> {
    view: &'a dyn View,
    batch: &'a Batch<'a>,
    /// Items from which no way leads into a cycle: each is looked behind once in a call, however long its chains are.
    clear: BTreeSet<ItemRef>,
}

impl CycleSearch<'_> {
    /// A cycle that can be reached from this item, if there is one: its first item, and the way round from it.
    fn from(&mut self, kind: ItemKind, start: &ItemId) -> Result<Option<(ItemId, Vec<ItemId>)>, Fault> {
        // The way so far; beside each item the dependencies of it that are still to be looked at, the next one last.
        let mut way: Vec<(ItemId, Vec<ItemId>)> = Vec::new();
        let mut on_way: BTreeSet<ItemId> = BTreeSet::new();
        let mut next = Some(start.clone());
        loop {
            if let Some(id) = next.take() {
                if on_way.contains(&id) {
                    let mut round: Vec<ItemId> =
                        way.iter().map(|(id, _)| id).skip_while(|other| **other != id).cloned().collect();
                    round.push(id.clone());
                    return Ok(Some((id, round)));
                }
                let item = ItemRef::new(kind, id);
                if !self.clear.contains(&item) {
                    let mut open = self.depends_on(&item)?;
                    open.reverse();
                    on_way.insert(item.id.clone());
                    way.push((item.id, open));
                }
            }
            let Some((id, open)) = way.last_mut() else { return Ok(None) };
            next = open.pop();
            if next.is_none() {
                self.clear.insert(ItemRef::new(kind, id.clone()));
                on_way.remove(id);
                way.pop();
            }
        }
    }

    /// Items that are done are not looked behind: nothing waits for them.
    fn depends_on(&self, item: &ItemRef) -> Result<Vec<ItemId>, Fault> {
        if let Some(depends_on) = self.batch.depends_on(item) {
            return Ok(depends_on.to_vec());
        }
        if self.view.stands_in(item, &Slot::Done)? {
            return Ok(Vec::new());
        }
        Ok(self.view.known(item)?.map(|known| known.intake.depends_on).unwrap_or_default())
    }
}
