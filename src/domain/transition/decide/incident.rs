//! The incident of a run that ends in planning: it comes in with the very handoff that ends the run, once.

use jiff::Timestamp;

use super::super::decision::Effect;
use super::super::input::Submitted;
use super::super::refusal::Refusal;
use super::enqueue::{Arrivals, admit};
use crate::domain::ids::ItemId;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View};

/// What became of it.
pub(super) struct Opened {
    /// None where it is there already, or cannot be.
    pub(super) effects: Vec<Effect>,
    /// The incident that has the matter from now on, if there is one.
    pub(super) incident: Option<ItemId>,
    /// For the reason why the item is blocked.
    pub(super) said: String,
}

/// Opens the incident about an item. Whatever stands against it, the handoff itself goes on: the item is blocked, and
/// the reason says what became of its incident.
pub(super) fn open(
    view: &dyn View,
    at: Timestamp,
    arrivals: &mut Arrivals<'_>,
    about: &ItemRef,
    submitted: &Submitted,
) -> Result<Result<Opened, Refusal>, Fault> {
    let item = &submitted.intake.item;
    if item.kind != ItemKind::Incident {
        return Ok(Err(Refusal::NotAnIncident { item: item.clone() }));
    }
    let nothing = |incident: Option<ItemId>, said: String| Opened { effects: Vec::new(), incident, said };
    if let Some(known) = view.known(item)? {
        let closed = view.slot(item)?.filter(Slot::is_closed);
        return Ok(Ok(if let Some(slot) = closed {
            nothing(None, format!("no incident: {item} is {} already", slot.state()))
        } else if known.document == submitted.document.oid {
            nothing(Some(item.id.clone()), format!("{item} is open already"))
        } else {
            nothing(None, format!("no incident: {item} exists already with other content"))
        }));
    }
    if let Some(twin) = view.twin(item)? {
        let said = format!("no incident: {item} differs from the existing {twin} only in case");
        return Ok(Ok(nothing(None, said)));
    }
    let mut intake = submitted.intake.clone();
    if let Some(known) = view.known(about)? {
        intake = intake.out_of(&known.intake);
    }
    intake.about = Some(about.clone());
    // Nobody releases it and nothing is done before it: whatever keeps it would keep it for ever.
    intake.depends_on.clear();
    let submitted = Submitted { document: submitted.document, origin: None, trusted: false, intake };
    let effects = admit(view, at, arrivals, &submitted)?;
    Ok(Ok(Opened { effects, incident: Some(item.id.clone()), said: format!("opened {item}") }))
}
