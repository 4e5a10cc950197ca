//! Intake: documents become items, all of them or none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::{Content, Known, Submitted};
use super::super::refusal::Refusal;
use super::{Ruling, lineage};
use crate::domain::control::Control;
use crate::domain::ids::ItemId;
use crate::domain::item::{Arrival, Intake, ItemKind, ItemRef};
use crate::domain::limits::MAX_INTAKE_DOCUMENTS;
use crate::domain::oid::Oid;
use crate::domain::slot::{Slot, Turn};
use crate::domain::view::{Fault, View};

pub(super) fn decide(view: &dyn View, at: Timestamp, documents: &[Submitted]) -> Ruling {
    if documents.len() > MAX_INTAKE_DOCUMENTS {
        return Ok(Err(Refusal::TooManyDocuments { count: documents.len(), limit: MAX_INTAKE_DOCUMENTS }));
    }
    let control = view.control()?;
    let taken = take_in(view, at, &mut Arrivals::of(&control), documents)?;
    Ok(taken.map(|taken| Decision { effects: taken.effects, notes: taken.notes }))
}

/// An idea is kept once, whatever it is called, and becomes a root spec.
pub(super) fn idea(view: &dyn View, at: Timestamp, idea: &ItemId, text: Content, spec: &Submitted) -> Ruling {
    if spec.intake.item.kind != ItemKind::Spec {
        return Ok(Err(Refusal::NotARootSpec { item: spec.intake.item.clone() }));
    }
    if let Some(taken) = view.idea_of(&text.oid)? {
        let notes = vec![format!("this text was taken already, as idea {taken}")];
        return Ok(Ok(Decision { effects: Vec::new(), notes }));
    }
    if view.idea(idea)?.is_some() {
        return Ok(Err(Refusal::DifferentIdea { idea: idea.clone() }));
    }
    let mut spec = spec.clone();
    spec.intake.root_spec_id = Some(spec.intake.item.id.clone());
    spec.intake.root_idea_id = Some(idea.clone());
    let control = view.control()?;
    let taken = take_in(view, at, &mut Arrivals::of(&control), &[spec])?;
    Ok(taken.map(|taken| {
        let mut effects = vec![Effect::KeepIdea { idea: idea.clone(), text }];
        effects.extend(taken.effects);
        Decision { effects, notes: taken.notes }
    }))
}

/// The arrival numbers of one decision.
pub(super) struct Arrivals<'c> {
    control: &'c Control,
    given: u64,
}

impl<'c> Arrivals<'c> {
    pub(super) fn of(control: &'c Control) -> Self {
        Self { control, given: 0 }
    }

    fn next(&mut self) -> Arrival {
        let arrival = self.control.arrival(self.given);
        self.given += 1;
        arrival
    }
}

/// Documents that came in.
#[derive(Default)]
pub(super) struct TakenIn {
    pub(super) effects: Vec<Effect>,
    pub(super) notes: Vec<String>,
    /// What is known of the items that are new.
    pub(super) new: Vec<Intake>,
}

/// Takes documents in, all of them or none.
pub(super) fn take_in(
    view: &dyn View,
    at: Timestamp,
    arrivals: &mut Arrivals<'_>,
    documents: &[Submitted],
) -> Result<Result<TakenIn, Refusal>, Fault> {
    let mut taken = TakenIn::default();
    let mut batch = Batch::default();
    let mut fresh = Vec::new();
    for submitted in documents {
        let item = &submitted.intake.item;
        match batch.find(item) {
            Some((id, oid)) if id == &item.id && oid == Some(&submitted.document.oid) => continue,
            Some((id, _)) if id == &item.id => {
                return Ok(Err(Refusal::TwiceInOneCall { item: item.clone() }));
            }
            Some((id, _)) => return Ok(Err(Refusal::CaseTwin { item: item.clone(), twin: id.clone() })),
            None => batch.insert(&submitted.intake, Some(submitted.document.oid)),
        }
        if let Some(refusal) = self::taken(view, submitted)? {
            return Ok(Err(refusal));
        }
        if view.known(item)?.is_some() {
            taken.notes.push(format!("{item} is here already, with the same content"));
            continue;
        }
        fresh.push(submitted);
    }
    let intakes = fresh.iter().map(|submitted| &submitted.intake.item);
    if let Some(cycle) = cycle(view, &batch, intakes)? {
        return Ok(Err(cycle));
    }
    for submitted in fresh {
        taken.new.push(submitted.intake.clone());
        taken.effects.extend(admit(view, at, arrivals, submitted)?);
    }
    Ok(Ok(taken))
}

/// The refusal of a document whose id is taken by another one. The same document again is none.
pub(super) fn taken(view: &dyn View, submitted: &Submitted) -> Result<Option<Refusal>, Fault> {
    let item = &submitted.intake.item;
    if let Some(known) = view.known(item)? {
        if known.document == submitted.document.oid {
            return Ok(None);
        }
        let state = view.slot(item)?.map_or("nowhere", |slot| slot.state());
        return Ok(Some(Refusal::DifferentDocument { item: item.clone(), state: state.to_owned() }));
    }
    Ok(view.twin(item)?.map(|twin| Refusal::CaseTwin { item: item.clone(), twin }))
}

/// The effects that take a new document in. Its lineage is told by the document only where an operator brings it.
pub(super) fn admit(
    view: &dyn View,
    at: Timestamp,
    arrivals: &mut Arrivals<'_>,
    submitted: &Submitted,
) -> Result<Vec<Effect>, Fault> {
    let mut intake = submitted.intake.clone();
    intake.root_spec_id = lineage::root_of(view, &intake)?;
    let arrival = arrivals.next();
    let turn = Turn { priority: intake.priority, arrival };
    let slot = if submitted.is_held() {
        Slot::Held(turn)
    } else {
        open_slot(view, intake.item.kind, &intake.depends_on, turn, None)?
    };
    // What came from outside is of no lineage before an operator lets it in.
    let root = intake.root_spec_id.clone().filter(|_| !submitted.is_held());
    let item = intake.item.clone();
    let mut effects = vec![Effect::Admit {
        slot,
        document: submitted.document,
        known: Known {
            document: submitted.document.oid,
            taken_at: at,
            origin: submitted.origin.clone(),
            arrival: Some(arrival),
            intake,
        },
    }];
    if let Some(root) = root {
        effects.extend(lineage::joins(view, root, item)?);
    }
    Ok(effects)
}

/// The refusal of a cycle among dependencies, that can be reached from one of these items.
pub(super) fn cycle<'i>(
    view: &dyn View,
    batch: &Batch<'_>,
    items: impl Iterator<Item = &'i ItemRef>,
) -> Result<Option<Refusal>, Fault> {
    let mut search = CycleSearch { view, batch, clear: BTreeSet::new() };
    for ItemRef { kind, id } in items {
        if let Some((id, cycle)) = search.from(*kind, id)? {
            return Ok(Some(Refusal::DependencyCycle { item: ItemRef::new(*kind, id), cycle }));
        }
    }
    Ok(None)
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

/// The documents of one call, by kind and lower-cased id; or items whose dependencies change.
#[derive(Default)]
pub(super) struct Batch<'a> {
    items: BTreeMap<(ItemKind, String), InBatch<'a>>,
}

/// An item of a batch: its id, its document where the call brings one, and what it depends on.
type InBatch<'a> = (ItemId, Option<Oid>, &'a [ItemId]);

impl<'a> Batch<'a> {
    fn key(item: &ItemRef) -> (ItemKind, String) {
        (item.kind, item.id.as_str().to_ascii_lowercase())
    }

    fn find(&self, item: &ItemRef) -> Option<(&ItemId, Option<&Oid>)> {
        self.items.get(&Self::key(item)).map(|(id, oid, _)| (id, oid.as_ref()))
    }

    pub(super) fn insert(&mut self, intake: &'a Intake, document: Option<Oid>) {
        self.items.insert(Self::key(&intake.item), (intake.item.id.clone(), document, &intake.depends_on));
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
