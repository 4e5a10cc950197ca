//! What a stage wants to be done beyond its own work: documents that come in with its handoff, or the handoff does not
//! happen.

use jiff::Timestamp;

use super::super::decision::Effect;
use super::super::input::{Handoff, Submitted};
use super::super::refusal::Refusal;
use super::enqueue::{Arrivals, take_in, taken};
use super::handoff::Step;
use super::route::Way;
use crate::domain::item::{Intake, ItemKind};
use crate::domain::limits::MAX_OUTBOX_DOCUMENTS;
use crate::domain::plan::{Ending, Plan};
use crate::domain::result::Judgement;
use crate::domain::run::Run;
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
    let Judgement::Reported { result, nothing_to_create, .. } = &handoff.judgement else {
        return Ok(if documents.is_empty() {
            Ok(Brought::default())
        } else {
            Err(Refusal::DocumentsOfFailure)
        });
    };
    if run.cancel.is_some() {
        return Ok(Ok(Brought::default()));
    }
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
            intake: match &source {
                Some(source) => one.intake.clone().out_of(source),
                None => one.intake.clone(),
            },
        })
        .collect();
    let mut incident = None;
    if matches!(step, Step::Go(Way::End { ending: Ending::NeedsPlanning, .. })) {
        let (mut incidents, others): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|one| one.intake.item.kind == ItemKind::Incident);
        if incidents.len() > 1 {
            return Ok(Err(Refusal::SeveralIncidents { count: incidents.len() }));
        }
        incident = incidents.pop();
        own = others;
        // The stage can still give it another id; nobody could, once the run has ended.
        if let Some(refusal) = incident.as_ref().map(|one| taken(view, one)).transpose()?.flatten() {
            return Ok(Err(refusal));
        }
    }
    Ok(take_in(view, at, arrivals, &own)?.map(|taken| Brought {
        effects: taken.effects,
        notes: taken.notes,
        new: taken.new,
        incident,
    }))
}
