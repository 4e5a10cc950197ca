//! Escalate: the incident of a run that ends in planning, from what the ledger knows and what its last stage said.

use std::fmt::Write as _;

use super::super::project::Project;
use super::context::{Stage, StageError};
use super::history::{Past, launches};
use crate::domain::ids::FailureClass;
use crate::domain::item::{Intake, ItemKind, ItemRef, Priority};
use crate::domain::place;
use crate::domain::result::Judgement;
use crate::domain::run::Run;
use crate::domain::transition::input::{Files, Submitted};
use crate::domain::view::{Fault, View as _};
use crate::format::incident::{Incident, Severity, incident_id, title};
use crate::ledger::view::TreeView;

/// How a stage ended that may ask for planning.
pub(super) struct Asking<'a> {
    pub(super) judgement: &'a Judgement,
    pub(super) ended_at: jiff::Timestamp,
    /// What it left behind, by name.
    pub(super) evidence: &'a Files,
    /// What it wants to be taken in.
    pub(super) documents: &'a [Submitted],
}

/// The incident to open with a handoff; `None` where the run does not end in planning, or where the stage brings the
/// incident itself: one matter is one incident. The same handoff gives the same incident, byte for byte.
pub(super) fn incident(
    project: &Project,
    stage: &Stage,
    run: &Run,
    asking: &Asking<'_>,
) -> Result<Option<Incident>, StageError> {
    if run.cancel.is_some() || !stage.plan.needs_planning(&stage.at, asking.judgement) {
        return Ok(None);
    }
    if asking.documents.iter().any(|one| one.intake.item.kind == ItemKind::Incident) {
        return Ok(None);
    }
    let trees = project.trees();
    let view = project.view(&trees)?;
    let (Some(known), Some(id)) = (view.known(&stage.item)?, incident_id(&stage.item.id, &stage.call.nonce))
    else {
        return Ok(None);
    };
    let intake = Intake {
        item: ItemRef::new(ItemKind::Incident, id),
        title: title(&stage.item, &known.intake.title),
        priority: Priority::default(),
        depends_on: Vec::new(),
        root_spec_id: None,
        root_idea_id: None,
        spec_id: None,
        parent_task_id: None,
        incident_id: None,
        about: None,
        created_at: asking.ended_at,
        created_by: format!("{} ({})", stage.at, stage.planned.runner),
    };
    let said = match asking.judgement {
        Judgement::Reported { summary, .. } => summary.clone().unwrap_or_default(),
        other => other.in_words(),
    };
    let what = asking.judgement.routed_as().map(|result| result.to_string()).unwrap_or_default();
    let mut incident = Incident {
        intake: intake.out_of(&known.intake),
        source: stage.at.clone(),
        severity: Severity::Medium,
        failure_class: FailureClass::normalised(&format!("{}_needs_planning", stage.at.stage)),
        trigger_reason: format!("{} reported {what} on {}", stage.at, stage.item),
        summary: said,
        observed_symptoms: Vec::new(),
        failed_attempts: Vec::new(),
        evidence_paths: Vec::new(),
        run: run.run.clone(),
        related_stage_results: Vec::new(),
    };
    if let Some(failure) = &run.failure {
        // Writing to a string cannot fail.
        let _ = write!(incident.trigger_reason, ", called for {} at {}", failure.class, failure.stage);
    }
    earlier(&view, stage, run, &mut incident)?;
    let here = place::result(&run.run, stage.number, &stage.at.stage);
    incident.related_stage_results.push(here.to_string());
    let mine = |name: &String| place::evidence(&run.run, stage.number, &stage.at.stage, name);
    incident.evidence_paths.extend(asking.evidence.keys().filter_map(mine).map(|path| path.to_string()));
    Ok(Some(incident))
}

/// What the run's earlier launches came to: failures with their evidence, and the repairs that were tried.
fn earlier(view: &TreeView<'_, '_>, stage: &Stage, run: &Run, incident: &mut Incident) -> Result<(), Fault> {
    for past in launches(view, &run.run)? {
        let Past { folder, result, .. } = &past;
        incident.related_stage_results.push(format!("{folder}/result.toml"));
        let under_repair = run.failure.as_ref().is_some_and(|failure| failure.launch == result.launch);
        let repair = stage.plan.stages.get(&result.stage.stage).is_some_and(|stage| stage.repair);
        if repair {
            incident.failed_attempts.push(past.in_words());
        } else if result.judgement.is_failure() || under_repair {
            incident.observed_symptoms.push(past.in_words());
        } else {
            continue;
        }
        let files = view.list(folder)?;
        let files = files.iter().filter(|file| !file.folder && file.name != "result.toml");
        incident.evidence_paths.extend(files.map(|file| format!("{folder}/{}", file.name)));
    }
    Ok(())
}
