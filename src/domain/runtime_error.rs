//! Runtime errors: a stage reported a result, and what came with it cannot be taken. Two sorts on two planes are the
//! four codes, each of them a failure class.

use super::ids::FailureClass;
use super::plan::Plane;
use super::transition::refusal::Refusal;

/// Why a reported result cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeError {
    /// What it brings has a name that is taken.
    CompletionConflict,
    /// Anything else about what it brings, or about what is missing.
    ApplyFailed,
}

impl RuntimeError {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CompletionConflict, Self::ApplyFailed];

    /// Its code on a plane.
    #[must_use]
    pub fn code(self, plane: Plane) -> FailureClass {
        let word = match self {
            Self::CompletionConflict => "work_item_completion_conflict",
            Self::ApplyFailed => "post_stage_apply_failed",
        };
        FailureClass::normalised(&format!("{plane}_{word}"))
    }

    /// The plane and the error that a failure class is the code of; `None` for every other class.
    #[must_use]
    pub fn of_code(class: &FailureClass) -> Option<(Plane, Self)> {
        let all = [Plane::Execution, Plane::Planning].into_iter();
        all.flat_map(|plane| Self::ALL.map(|error| (plane, error)))
            .find(|(plane, error)| &error.code(*plane) == class)
    }

    /// What the ledger's refusal of a handoff makes of it. `None`: the refusal is not about what the stage brings, and
    /// telling the stage would help nobody.
    #[must_use]
    pub fn of_refusal(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::DifferentDocument { .. }
            | Refusal::CaseTwin { .. }
            | Refusal::TwiceInOneCall { .. }
            | Refusal::IncidentTaken { .. } => Some(Self::CompletionConflict),
            Refusal::TooManyDocuments { .. }
            | Refusal::DependencyCycle { .. }
            | Refusal::WaitsForEver { .. }
            | Refusal::NotAnIncident { .. }
            | Refusal::OutboxFull { .. }
            | Refusal::MayNotCreate { .. }
            | Refusal::NothingCreated { .. }
            | Refusal::DocumentsOfFailure
            | Refusal::SeveralIncidents { .. }
            | Refusal::NoVerdict { .. }
            | Refusal::OtherCode { .. }
            | Refusal::NoCriterion
            | Refusal::CriterionTwice { .. }
            | Refusal::CriterionLost { .. }
            | Refusal::NoIncident { .. }
            | Refusal::VerdictDisagrees { .. }
            | Refusal::NoGap { .. } => Some(Self::ApplyFailed),
            Refusal::LedgerExists
            | Refusal::NoLedger
            | Refusal::NoPlan
            | Refusal::UnknownPlan { .. }
            | Refusal::NoEntry { .. }
            | Refusal::NotThere { .. }
            | Refusal::NoSuchItem { .. }
            | Refusal::AlreadyClosed { .. }
            | Refusal::RunExists { .. }
            | Refusal::NoSuchRun { .. }
            | Refusal::RunActive { .. }
            | Refusal::StageUnderWay { .. }
            | Refusal::Cancelling { .. }
            | Refusal::LateResult { .. }
            | Refusal::TreeOwed { .. }
            | Refusal::NoSnapshot { .. }
            | Refusal::NothingOwed { .. }
            | Refusal::Paused { .. }
            | Refusal::NoEdge { .. }
            | Refusal::NotToBeJudged { .. }
            | Refusal::RootWaits { .. }
            | Refusal::ToBeReopened { .. }
            | Refusal::NothingToReopen { .. }
            | Refusal::DifferentIdea { .. }
            | Refusal::NotARootSpec { .. }
            | Refusal::WorkedOn { .. }
            | Refusal::TakesItsOwnPlace { .. }
            | Refusal::TooLateToWait { .. }
            | Refusal::NoSuchDependency { .. }
            | Refusal::NoTarget { .. }
            | Refusal::NotAJudgement { .. }
            | Refusal::NoSuchSession { .. }
            | Refusal::RequestReused { .. }
            | Refusal::UnderWayElsewhere { .. }
            | Refusal::OwedElsewhere { .. }
            | Refusal::BadName { .. } => None,
        }
    }
}
