//! Delivery: the documents that come with a stage's result, and what becomes of the result where they cannot be taken.

use jiff::Timestamp;

use super::super::evidence::Secrets;
use super::super::outbox;
use super::super::project::Project;
use super::context::{Stage, StageError};
use crate::domain::plan::Plane;
use crate::domain::result::Judgement;
use crate::domain::run::Run;
use crate::domain::runtime_error::RuntimeError;
use crate::domain::transition::input::Submitted;
use crate::domain::transition::refusal::Refusal;
use crate::format::document::Stamp;
use crate::format::quote::one_line;
use crate::ledger::transact::Payloads;
use crate::workspace::run_dir::OutboxDocument;

/// How many names a finding lists.
const NAMED: usize = 10;

/// What a stage wants to be taken in with its result.
#[derive(Default)]
pub(super) struct Delivery {
    /// The documents. Their bytes are among the payloads.
    pub(super) documents: Vec<Submitted>,
    /// What was noticed of them.
    pub(super) findings: Vec<String>,
    /// All of it, as it lay in the outbox.
    pub(super) left: Vec<OutboxDocument>,
    /// What is wrong with it, a line each.
    problems: Vec<String>,
}

impl Delivery {
    /// Reads the outbox of a stage that did its work. What another one left there is only named.
    pub(super) fn of(
        project: &Project,
        stage: &Stage,
        run: &Run,
        judgement: &Judgement,
        ended_at: Timestamp,
        secrets: &Secrets,
        payloads: &mut Payloads,
    ) -> Result<Self, StageError> {
        let reported = matches!(judgement, Judgement::Reported { .. });
        let why = match run.cancel {
            Some(_) => "the run is cancelled",
            None if !reported || judgement.is_failure() => "the stage did not succeed",
            None => {
                let by = format!("{} ({})", stage.at, stage.planned.runner);
                let stamp = Stamp { now: ended_at, by: &by };
                let found = outbox::read(&stage.dir, secrets, &stamp, &project.store, payloads)?;
                return Ok(Self {
                    documents: found.documents,
                    findings: found.warnings,
                    left: found.left,
                    problems: found.problems,
                });
            }
        };
        Ok(Self { findings: passed_over(stage, why).into_iter().collect(), ..Self::default() })
    }

    /// How the stage is judged in the light of what it brings.
    pub(super) fn judged(&self, plane: Plane, judgement: Judgement) -> Judgement {
        if self.problems.is_empty() {
            return judgement;
        }
        rejected(plane, &judgement, RuntimeError::ApplyFailed, self.problems.clone()).unwrap_or(judgement)
    }
}

/// A finding that names what is not taken in. What cannot be looked at is nobody's loss here.
fn passed_over(stage: &Stage, why: &str) -> Option<String> {
    let found = stage.dir.collect_outbox().ok()?;
    let mut names: Vec<String> =
        found.documents.iter().take(NAMED).map(|document| one_line(&document.name).into_owned()).collect();
    match found.documents.len().saturating_sub(NAMED) {
        0 => {}
        more => names.push(format!("and {more} more")),
    }
    names.extend(found.problems);
    (!names.is_empty())
        .then(|| format!("left in the outbox and not taken in, because {why}: {}", names.join(", ")))
}

/// The judgement of a report that the ledger refused, where the refusal is about what came with it.
pub(super) fn rejected_by(plane: Plane, judgement: &Judgement, refusal: &Refusal) -> Option<Judgement> {
    rejected(plane, judgement, RuntimeError::of_refusal(refusal)?, vec![refusal.to_string()])
}

/// A report that cannot be taken; `None` where there is no report.
pub(super) fn rejected(
    plane: Plane,
    judgement: &Judgement,
    error: RuntimeError,
    problems: Vec<String>,
) -> Option<Judgement> {
    let Judgement::Reported { result, summary, .. } = judgement else { return None };
    Some(Judgement::Rejected {
        result: result.clone(),
        code: error.code(plane),
        problems,
        summary: summary.clone(),
    })
}
