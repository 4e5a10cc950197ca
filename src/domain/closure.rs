//! Acceptance: a root whose work is judged as a whole once all of it is done, and what the judge found.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CriterionId, FailureClass, ItemId, RunId};
use super::item::{ItemKind, ItemRef};
use super::oid::Oid;

/// A root spec whose lineage is to drain and then to be judged: `closure/<root-spec-id>/target.toml`. It is opened when
/// the root spec is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The root spec.
    pub root: ItemId,
    /// The idea that the root spec came from; none where it was written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idea: Option<ItemId>,
    /// When its root spec was claimed.
    pub opened_at: Timestamp,
    /// Rounds of remediation since then, or since an operator let it go on.
    #[serde(default, skip_serializing_if = "super::run::is_zero")]
    pub rounds: u32,
    /// The run whose verdict is the latest. It holds for the code that it names, and for nothing later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<RunId>,
    /// Items of the lineage that were archived without being done: whoever judges is to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archived: Vec<ItemRef>,
    /// Where it stands.
    pub state: TargetState,
}

/// Where a closure target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TargetState {
    /// Its lineage is worked on, or it waits for its judge.
    Open,
    /// Nothing judges it until an operator says so.
    Blocked {
        /// When.
        at: Timestamp,
        /// The rule, in words.
        reason: String,
        /// The failure class.
        class: FailureClass,
        /// The run whose evidence tells more.
        run: RunId,
    },
    /// A verdict found every criterion met.
    Accepted {
        /// When.
        at: Timestamp,
    },
    /// A person ended it.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Why, in the asker's words.
        reason: String,
    },
}

impl TargetState {
    /// Its word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Blocked { .. } => "blocked",
            Self::Accepted { .. } => "accepted",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Whether nothing is expected of it any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Cancelled { .. })
    }
}

impl Target {
    /// The root as an item.
    #[must_use]
    pub fn item(&self) -> ItemRef {
        ItemRef::new(ItemKind::Spec, self.root.clone())
    }
}

/// What a judge found: `closure/<root-spec-id>/verdicts/<run-id>.toml`. It holds for the code that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The run that judged.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// The code that was judged, a commit of the run branch.
    pub snapshot: Oid,
    /// What was asked, each with what was found.
    pub criteria: Vec<Criterion>,
}

/// One thing that the root has to deliver, and whether it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Its name, the same in every verdict on the root.
    pub id: CriterionId,
    /// What has to be true. Untrusted text.
    pub text: String,
    /// Where idea or spec say so. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What was found.
    pub finding: Finding,
    /// What shows it. Untrusted text, never empty.
    pub evidence: String,
}

/// What a judge found of one criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It is met.
    Pass,
    /// It is not met, and work can meet it.
    Gap,
    /// It could not be told here.
    NotJudgeable,
}

impl Finding {
    /// All findings.
    pub const ALL: [Self; 3] = [Self::Pass, Self::Gap, Self::NotJudgeable];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Gap => "gap",
            Self::NotJudgeable => "not_judgeable",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Verdict {
    /// The criteria that are not met.
    pub fn gaps(&self) -> impl Iterator<Item = &Criterion> {
        self.criteria.iter().filter(|criterion| criterion.finding == Finding::Gap)
    }
}
