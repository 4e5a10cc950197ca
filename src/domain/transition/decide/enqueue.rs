//! Intake: documents become items, all of them or none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Known, Submitted};
use super::super::refusal::Refusal;
use super::Ruling;
use crate::domain::ids::ItemId;
use crate::domain::item::{ItemKind, ItemRef};
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
    for submitted in &fresh {
        if let Some(cycle) = cycle(view, &batch, &submitted.intake.item)? {
            return Ok(Err(Refusal::DependencyCycle { item: submitted.intake.item.clone(), cycle }));
        }
    }
    for (n, submitted) in (0..).zip(fresh) {
        let intake = &submitted.intake;
        let turn = Turn { priority: intake.priority, arrival: control.arrival(n) };
        let slot = if submitted.origin.is_some() {
            Slot::Held(turn)
        } else {
            open_slot(view, intake.item.kind, &intake.depends_on, turn, None)?
        };
        decision.effects.push(Effect::Admit {
            slot,
            document: submitted.document,
            known: Known {
                document: submitted.document.oid,
                taken_at: at,
                origin: submitted.origin.clone(),
                intake: intake.clone(),
            },
        });
    }
    Ok(Ok(decision))
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

    fn depends_on(&self, item: &ItemRef) -> Option<Vec<ItemId>> {
        self.items.get(&Self::key(item)).map(|(_, _, depends_on)| depends_on.to_vec())
    }
}

/// The way from an item over its dependencies back to itself, if there is one. Items that are done are not looked
/// behind: nothing waits for them.
fn cycle(view: &dyn View, batch: &Batch<'_>, start: &ItemRef) -> Result<Option<Vec<ItemId>>, Fault> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![start.id.clone()]];
    while let Some(way) = ways.pop() {
        let Some(last) = way.last() else { continue };
        let item = ItemRef::new(start.kind, last.clone());
        let next = match batch.depends_on(&item) {
            Some(depends_on) => depends_on,
            None if view.stands_in(&item, &Slot::Done)? => continue,
            None => view.known(&item)?.map(|known| known.intake.depends_on).unwrap_or_default(),
        };
        for on in next {
            let mut longer = way.clone();
            longer.push(on.clone());
            if on == start.id {
                return Ok(Some(longer));
            }
            if seen.insert(on) {
                ways.push(longer);
            }
        }
    }
    Ok(None)
}
