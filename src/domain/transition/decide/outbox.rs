//! What a stage wants to be done beyond its own work: documents that come in with its handoff, or the handoff does not
//! happen.

use jiff::Timestamp;

use super::super::decision::Effect;
use super::super::input::{Handoff, Submitted};
use super::super::refusal::Refusal;
use super::enqueue::{Arrivals, take_in};
use super::handoff::Step;
use super::route::Way;
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::limits::MAX_OUTBOX_DOCUMENTS;
use crate::domain::plan::{Ending, Plan};
use crate::domain::result::Judgement;
use crate::domain::run::Run;
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View};

/// What came with a handoff.
#[derive(Default)]
pub(super) struct Brought {
    pub(super) effects: Vec<Effect>,
    pub(super) notes: Vec<String>,
    /// What is known of the items that are new.
    pub(super) new: Vec<Intake>,
    /// The incident by which the stage itself escalates.
    pub(super) incident: Option<Submitted>,
}

/// Takes the documents of a handoff in, with the lineage of the item that they come out of.
pub(super) fn take(
    view: &dyn View,
    at: Timestamp,
    run: &Run,
    plan: &Plan,
    handoff: &Handoff,
    step: &Step,
    arrivals: &mut Arrivals<'_>,
) -> Result<Result<Brought, Refusal>, Fault> {
    let documents = &handoff.documents;
    if run.cancel.is_some() {
        let notes = match documents.len() {
            0 => Vec::new(),
            count => vec![format!("{count} documents were not taken in: the run was cancelled")],
        };
        return Ok(Ok(Brought { notes, ..Brought::default() }));
    }
    let Judgement::Reported { result, nothing_to_create, .. } = &handoff.judgement else {
        return Ok(if documents.is_empty() {
            Ok(Brought::default())
        } else {
            Err(Refusal::DocumentsOfFailure)
        });
    };
    if handoff.judgement.is_failure() && !documents.is_empty() {
        return Ok(Err(Refusal::DocumentsOfFailure));
    }
    if documents.len() > MAX_OUTBOX_DOCUMENTS {
        return Ok(Err(Refusal::OutboxFull { count: documents.len(), limit: MAX_OUTBOX_DOCUMENTS }));
    }
    let Some(stage) = plan.stages.get(&run.stage.stage) else {
        return Ok(Err(Refusal::UnknownPlan { plan: run.plan.clone() }));
    };
    if let Some(one) = documents.iter().find(|one| !stage.creates.contains_key(&one.intake.item.kind)) {
        let kinds: Vec<&str> = stage.creates.keys().map(|kind| kind.plural()).collect();
        let allowed = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        let (stage, item) = (run.stage.stage.clone(), one.intake.item.clone());
        return Ok(Err(Refusal::MayNotCreate { stage, item, allowed }));
    }
    for (kind, _) in stage.creates.iter().filter(|(_, with)| with.contains(result)) {
        if nothing_to_create.is_none() && documents.iter().all(|one| one.intake.item.kind != *kind) {
            return Ok(Err(Refusal::NothingCreated { result: result.clone(), kind: *kind }));
        }
    }
    let source = view.known(&run.item)?.map(|known| known.intake);
    let mut own: Vec<Submitted> = documents
        .iter()
        .map(|one| Submitted {
            document: one.document,
            origin: None,
            trusted: false,
            intake: match &source {
                Some(source) => one.intake.clone().out_of(source),
                None => one.intake.clone(),
            },
        })
        .collect();
    for one in &own {
        if let Some(refusal) = waits_for_ever(view, run, source.as_ref(), &one.intake)? {
            return Ok(Err(refusal));
        }
    }
    let mut incident = None;
    if matches!(step, Step::Go(Way::End { ending: Ending::NeedsPlanning, .. })) {
        let (mut incidents, others): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|one| one.intake.item.kind == ItemKind::Incident);
        if incidents.len() > 1 {
            return Ok(Err(Refusal::SeveralIncidents { count: incidents.len() }));
        }
        incident = incidents.pop();
        if let Some(refusal) = incident.as_ref().map(|one| taken(view, run, one)).transpose()?.flatten() {
            return Ok(Err(refusal));
        }
        own = others;
    }
    Ok(take_in(view, at, arrivals, &own)?.map(|taken| Brought {
        effects: taken.effects,
        notes: taken.notes,
        new: taken.new,
        incident,
    }))
}

/// Why nothing could ever work on a document of a stage: it depends on what is archived, or gives way to it (lesson F-21).
fn waits_for_ever(
    view: &dyn View,
    run: &Run,
    source: Option<&Intake>,
    intake: &Intake,
) -> Result<Option<Refusal>, Fault> {
    let about = source.and_then(|source| source.about.as_ref());
    for id in &intake.depends_on {
        let on = ItemRef::new(intake.item.kind, id.clone());
        let state = if view.stands_in(&on, &Slot::Archived)? {
            "archived".to_owned()
        } else if about == Some(&on) && view.stands_in(&on, &Slot::Blocked)? {
            format!("blocked, and what {} plans is in its place", run.item)
        } else {
            continue;
        };
        return Ok(Some(Refusal::WaitsForEver { item: intake.item.clone(), on, state }));
    }
    Ok(None)
}

/// Why an incident by which a stage escalates cannot be the one: its id stands for another matter.
fn taken(view: &dyn View, run: &Run, incident: &Submitted) -> Result<Option<Refusal>, Fault> {
    let item = &incident.intake.item;
    if let Some(twin) = view.twin(item)? {
        return Ok(Some(Refusal::CaseTwin { item: item.clone(), twin }));
    }
    let Some(known) = view.known(item)? else { return Ok(None) };
    let slot = view.slot(item)?;
    let open = slot.as_ref().is_some_and(|slot| !slot.is_closed());
    let state = slot.map_or("nowhere", |slot| slot.state()).to_owned();
    Ok(if known.document != incident.document.oid {
        Some(Refusal::DifferentDocument { item: item.clone(), state })
    } else if known.intake.about.as_ref() != Some(&run.item) || !open {
        Some(Refusal::IncidentTaken { item: item.clone(), state })
    } else {
        None
    })
}
