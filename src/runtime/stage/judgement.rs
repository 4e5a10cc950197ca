//! Judgement: what a judge leaves, held against the code that it was to judge. What is no verdict on that code is not
//! taken; the judge is told why and tries again, as often as the plan allows.

use super::super::evidence::Secrets;
use super::super::project::Project;
use super::cleaning::clean_json;
use super::context::{Stage, StageError};
use super::delivery::rejected;
use super::escalate::Asking;
use crate::domain::closure::{Criterion, Finding};
use crate::domain::ids::FailureClass;
use crate::domain::item::{Intake, ItemKind, ItemRef, Priority};
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::plan::Completion;
use crate::domain::result::Judgement;
use crate::domain::run::Run;
use crate::domain::runtime_error::RuntimeError;
use crate::domain::stage_file;
use crate::domain::transition::input::Judged;
use crate::domain::view::View as _;
use crate::format::incident::{Incident, Severity, gap_id, title};
use crate::format::verdict::{MAX_VERDICT_BYTES, Written, parse_verdict, rubric};
use crate::harness::judge::json_block;
use crate::ledger::transact::Payloads;
use crate::workspace::bootstrap::AGENTS;
use crate::workspace::changes::diff;

/// Paths that a problem names.
const NAMED: usize = 10;

/// What a judge said last, and what of it must not be kept.
pub(super) struct Said<'a> {
    pub(super) final_message: Option<&'a str>,
    pub(super) secrets: &'a Secrets,
}

/// A launch that has ended, held to what its judge was to judge: its judgement and, where the result needs one, its
/// verdict. Of any other stage the judgement as it is. `snapshot`: the code as it was left, where that is another one.
pub(super) fn held(
    project: &Project,
    stage: &Stage,
    run: &Run,
    judgement: Judgement,
    snapshot: Option<Oid>,
    said: &Said<'_>,
    payloads: &mut Payloads,
) -> Result<(Judgement, Option<Box<Judged>>), StageError> {
    let Said { final_message, secrets } = *said;
    let judges = |completion: &Completion| {
        run.closure
            && run.cancel.is_none()
            && matches!(&judgement, Judgement::Reported { result, .. }
                if result == &completion.on_pass || result == &completion.on_gap)
    };
    if !stage.plan.completion.as_ref().is_some_and(judges) {
        return Ok((judgement, None));
    }
    let mut problems: Vec<String> = changed(project, run, snapshot)?.into_iter().collect();
    let verdict = read(stage, final_message, secrets).map_err(|problem| problems.push(problem)).ok();
    let Some(verdict) = verdict.filter(|_| problems.is_empty()) else {
        let rejected = rejected(stage.at.plane, &judgement, RuntimeError::ApplyFailed, problems);
        return Ok((rejected.unwrap_or(judgement), None));
    };
    let clean = |text: &str| secrets.redacted(text).0;
    let criteria: Vec<Criterion> = verdict
        .criteria
        .into_iter()
        .map(|criterion| Criterion {
            text: clean(&criterion.text),
            source: criterion.source.as_deref().map(clean),
            evidence: clean(&criterion.evidence),
            ..criterion
        })
        .collect();
    let rubric = payloads.add(&project.store, rubric(&criteria).into_bytes())?;
    let verdict = Judged { snapshot: verdict.snapshot, rubric, criteria };
    Ok((judgement, Some(Box::new(verdict))))
}

/// What changed while the code was judged. The operator's own folder is no part of the code.
fn changed(project: &Project, run: &Run, snapshot: Option<Oid>) -> Result<Option<String>, StageError> {
    let Some(snapshot) = snapshot else { return Ok(None) };
    let mut names: Vec<String> = diff(&project.repository, run.snapshot, snapshot)?
        .into_iter()
        .filter(|change| !change.path.is_inside(AGENTS.as_bytes()))
        .map(|change| change.path.to_string())
        .collect();
    if names.is_empty() {
        return Ok(None);
    }
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    Ok(Some(format!("the work tree changed while it was judged: {}", names.join(", "))))
}

/// The verdict in the stage's folder, of a judge that cannot write the one in its report; or what is wrong with it, one
/// line.
fn read(stage: &Stage, final_message: Option<&str>, secrets: &Secrets) -> Result<Written, String> {
    let name = stage_file::VERDICT;
    let bytes = if stage.planned.permission.can_write() {
        stage
            .dir
            .read(name.as_ref(), MAX_VERDICT_BYTES as u64)
            .map_err(|error| format!("{name} cannot be read: {error}"))?
            .ok_or_else(|| format!("there is no {name} in the stage folder"))?
    } else {
        final_message
            .and_then(reported_verdict)
            .ok_or("there is no `verdict` in the JSON block that ends the final message")?
    };
    let bytes = clean_json(&bytes, secrets).unwrap_or(bytes);
    let verdict = parse_verdict(&bytes).map_err(|error| format!("{name}: {error}"))?;
    if verdict.nonce.as_deref().is_some_and(|nonce| nonce != stage.call.nonce.as_str()) {
        return Err(format!("{name} has another nonce than this launch"));
    }
    Ok(verdict)
}

/// The value of the key `verdict` in the JSON block that ends a message.
fn reported_verdict(message: &str) -> Option<Vec<u8>> {
    let report: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json_block(message)?).ok()?;
    Some(report.get("verdict")?.to_string().into_bytes())
}

/// The incident about the gaps that a judge found; `None` where it found none. The same handoff gives the same incident,
/// byte for byte.
pub(super) fn remediation(
    project: &Project,
    stage: &Stage,
    run: &Run,
    asking: &Asking<'_>,
    verdict: Option<&Judged>,
) -> Result<Option<Incident>, StageError> {
    let gaps: Vec<&Criterion> = verdict
        .into_iter()
        .flat_map(|verdict| &verdict.criteria)
        .filter(|criterion| criterion.finding == Finding::Gap)
        .collect();
    let Judgement::Reported { summary, .. } = asking.judgement else { return Ok(None) };
    if gaps.is_empty() {
        return Ok(None);
    }
    let trees = project.trees();
    let view = project.view(&trees)?;
    let root = &run.item;
    let (Some(known), Some(id)) = (view.known(root)?, gap_id(&root.id, &stage.call.nonce)) else {
        return Ok(None);
    };
    let intake = Intake {
        item: ItemRef::new(ItemKind::Incident, id),
        title: title(root, &known.intake.title),
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
    let mut evidence_paths =
        vec![place::verdict(&root.id, &run.run).to_string(), place::rubric(&root.id).to_string()];
    let mine = |name: &String| place::evidence(&run.run, stage.number, &stage.at.stage, name);
    evidence_paths.extend(asking.evidence.keys().filter_map(mine).map(|path| path.to_string()));
    Ok(Some(Incident {
        intake: intake.out_of(&known.intake),
        source: stage.at.clone(),
        severity: Severity::High,
        failure_class: FailureClass::normalised("arbiter_parity_gap"),
        trigger_reason: "arbiter_remediation_needed".to_owned(),
        summary: summary.clone().unwrap_or_default(),
        observed_symptoms: gaps
            .into_iter()
            .map(|gap| format!("{}: {}: {}", gap.id, gap.text, gap.evidence))
            .collect(),
        failed_attempts: Vec::new(),
        evidence_paths,
        run: run.run.clone(),
        related_stage_results: vec![place::result(&run.run, stage.number, &stage.at.stage).to_string()],
    }))
}
