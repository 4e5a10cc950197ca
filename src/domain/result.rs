//! What a stage came to: the judged outcome of one invocation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{FailureClass, ResultName, StageName};

/// The class of a terminal result, which routing and counters go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultClass {
    /// The stage did its work and found nothing against it.
    Success,
    /// The stage did its work, and there is more to do (`FIX_NEEDED`).
    FollowupNeeded,
    /// The stage could not do its work; a repair stage may help.
    RecoverableFailure,
    /// The work belongs into the planning plane.
    EscalatePlanning,
    /// The stage says that it cannot go on.
    Blocked,
}

impl ResultClass {
    /// Whether a stage may report `self` for a result whose class in the plan is `planned`: the same class, or
    /// `recoverable_failure` where the plan says `blocked`.
    #[must_use]
    pub fn fits(self, planned: Self) -> bool {
        self == planned || (planned == Self::Blocked && self == Self::RecoverableFailure)
    }
}

/// Why a harness could not work, for reasons outside the item. Never counted against the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfrastructureClass {
    /// The harness's program was not found.
    MissingProgram,
    /// The program is there and could not be started.
    NotStartable,
    /// The harness says that it is not configured (a variable that names its key is unset).
    Configuration,
    /// Login or permission refused by the provider (401, 403).
    Auth,
    /// The account's quota is used up.
    Quota,
    /// Too many requests (429).
    RateLimit,
    /// The provider failed or is overloaded (5xx, 529).
    Server,
    /// No connection, or a stream that broke off.
    Network,
    /// The provider does not know the model.
    BadModel,
    /// The runner's configuration names this exit code as infrastructure.
    Declared,
    /// One launch after the other, of several items, brought neither a result nor a change.
    SuspectedOutage,
}

impl InfrastructureClass {
    /// The class's word, as records spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingProgram => "missing_program",
            Self::NotStartable => "not_startable",
            Self::Configuration => "configuration",
            Self::Auth => "auth",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::Server => "server",
            Self::Network => "network",
            Self::BadModel => "bad_model",
            Self::Declared => "declared",
            Self::SuspectedOutage => "suspected_outage",
        }
    }

    /// Whether something may have been used before it happened. Who is not let in uses nothing.
    #[must_use]
    pub fn may_have_used(self) -> bool {
        matches!(self, Self::Server | Self::Network | Self::Declared | Self::SuspectedOutage)
    }
}

/// Where a result was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultChannel {
    /// The JSON result file.
    ResultFile,
    /// The marker line that ends the final message.
    Marker,
    /// The fenced JSON block that ends the final message of a stage that cannot write.
    FencedJson,
}

/// Who ended a stage whose end is not the stage's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interrupter {
    /// The runtime: it asked for the end, or it died and the supervisor ended the stage.
    Runtime,
    /// Nobody that could write it down: the supervisor itself was killed.
    Unknown,
    /// A limit on spending, which the stage had reached while it ran.
    Budget,
}

/// What one invocation came to, judged from all its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "judgement", rename_all = "snake_case")]
pub enum Judgement {
    /// The stage reported a result that its plan knows.
    Reported {
        /// The terminal result.
        result: ResultName,
        /// Its class.
        class: ResultClass,
        /// What the stage says about it, as it said it: untrusted text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
        /// The stage at which the run should go on, for results of repair stages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_stage: Option<StageName>,
        /// The stage that the result is aimed at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_stage: Option<StageName>,
        /// Files that the stage names as its artifacts, relative to its run directory.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<String>,
        /// Why no document comes with the result, where the stage says so. Untrusted text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nothing_to_create: Option<String>,
        /// Where the result was read from.
        channel: ResultChannel,
        /// What else a reader should know: a timeout after the result, denials, ignored keys.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// The stage failed at its work, or at reporting it.
    Failed {
        /// The failure class, key of the recovery counter.
        class: FailureClass,
        /// What was seen, one line.
        detail: String,
    },
    /// The stage reported a result, and what came with it cannot be taken: a document that does not validate or does
    /// not fit the ledger, a verdict that is none. It gets the reasons, and another attempt.
    Rejected {
        /// What it reported.
        result: ResultName,
        /// The runtime error code (contract section 6): the failure class, should its attempts be used up.
        code: FailureClass,
        /// What is wrong, a line each. Untrusted text may be quoted in it.
        problems: Vec<String>,
        /// What the stage says about its work: untrusted text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
    /// The harness could not work.
    Infrastructure {
        /// Why.
        class: InfrastructureClass,
        /// What was seen, one line.
        detail: String,
        /// When it is worth trying again, where the provider says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// Somebody else ended it; what it left is evidence, and it runs again.
    Interrupted {
        /// Who.
        by: Interrupter,
    },
}

impl Judgement {
    /// The result that the graph is asked for: the reported one, `BLOCKED` for a failure. `None` where nothing is
    /// routed, because the stage runs again.
    #[must_use]
    pub fn routed_as(&self) -> Option<ResultName> {
        match self {
            Self::Reported { result, .. } => Some(result.clone()),
            Self::Failed { .. } | Self::Rejected { .. } => "BLOCKED".parse().ok(),
            Self::Infrastructure { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// Whether the stage's work failed, by its own word or for want of one.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Reported { class, .. } => {
                matches!(class, ResultClass::Blocked | ResultClass::RecoverableFailure)
            }
            Self::Failed { .. } | Self::Rejected { .. } => true,
            Self::Infrastructure { .. } | Self::Interrupted { .. } => false,
        }
    }

    /// What was seen, in words; of a report the stage's own, which are untrusted.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Reported { result, summary, .. } => {
                format!("{result}: {}", summary.as_deref().unwrap_or("no summary"))
            }
            Self::Failed { class, detail } => format!("{class}: {detail}"),
            Self::Rejected { result, code, problems, .. } => {
                format!("{result} could not be taken ({code}): {}", problems.join("; "))
            }
            Self::Infrastructure { detail, .. } => detail.clone(),
            Self::Interrupted { by: Interrupter::Budget } => "a limit on spending ended it".to_owned(),
            Self::Interrupted { .. } => "it was interrupted".to_owned(),
        }
    }
}
