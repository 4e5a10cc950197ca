//! Wordless: stages that reported nothing, and whether there is anything to show of them at all.

use super::super::project::Project;
use super::context::{Stage, StageError};
use crate::domain::oid::Oid;
use crate::domain::result::Judgement;
use crate::domain::run::Run;
use crate::domain::transition::input::Resumable;
use crate::harness::judge::{Evidence, asked_for_result};
use crate::workspace::changes::diff;

/// The failures of stages that did report: what they said could not be taken, and the harness works.
const SAID_SOMETHING: [&str; 3] =
    ["illegal_terminal_result", "conflicting_terminal_results", "missing_required_artifact"];

/// Whether a stage reported nothing, whatever that was called.
fn reported_nothing(judgement: &Judgement) -> bool {
    matches!(judgement, Judgement::Failed { class, .. } if !SAID_SOMETHING.contains(&class.as_str()))
}

/// The session in which a stage that ended well and without a word can be asked for its result.
pub(super) fn resumable(stage: &Stage, evidence: &Evidence, judgement: &Judgement) -> Option<Resumable> {
    if !stage.spec.can_resume() || !asked_for_result(evidence, judgement) {
        return None;
    }
    let session = evidence.session.as_ref()?;
    Some(Resumable { session: session.id.clone(), totals: session.totals })
}

/// Whether a stage left neither a result nor a change of the code since the last consistent snapshot. What is not known
/// is not nothing.
pub(super) fn left_nothing(
    project: &Project,
    run: &Run,
    judgement: &Judgement,
    snapshot: Option<Oid>,
) -> Result<bool, StageError> {
    if !reported_nothing(judgement) {
        return Ok(false);
    }
    Ok(match snapshot {
        Some(snapshot) => diff(&project.repository, run.snapshot, snapshot)?.is_empty(),
        // Of a judge that changed nothing none is taken; of another stage there is one, or it is not known.
        None => run.closure && run.tip == run.snapshot,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::result::InfrastructureClass;

    #[test]
    fn a_stage_whose_report_could_not_be_taken_did_report() {
        let failed = |class: &str| Judgement::Failed {
            class: class.parse().expect("a class"),
            detail: "seen".to_owned(),
        };
        for (class, nothing) in [
            ("missing_terminal_result", true),
            ("no_terminal_record", true),
            ("runner_transport_failure", true),
            ("runner_timeout", true),
            ("provider_failure", true),
            ("illegal_terminal_result", false),
            ("conflicting_terminal_results", false),
            ("missing_required_artifact", false),
        ] {
            assert_eq!(reported_nothing(&failed(class)), nothing, "{class}");
        }
        let outage = Judgement::Infrastructure {
            class: InfrastructureClass::Server,
            detail: "down".to_owned(),
            retry_at: None,
        };
        assert!(!reported_nothing(&outage), "an outage has its own rest");
    }
}
