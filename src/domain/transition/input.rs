//! What may be asked of the ledger. An input holds every fact that deciding needs and the tree does not have: time,
//! random ids, what a document says, how a stage ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::ids::{LedgerId, Nonce, PlanId, RunId, SessionId};
use crate::domain::item::{Intake, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::result::{Judgement, Usage};
use crate::domain::slot::Turn;
use crate::domain::turn_text;

/// Bytes that are placed in the tree as they are. In records one text, `<blob> <bytes>`: a list of files stays a line
/// each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Content {
    /// The blob.
    pub oid: Oid,
    /// Its length in bytes.
    pub size: u64,
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        format!("{} {}", content.oid, content.size)
    }
}

impl TryFrom<String> for Content {
    type Error = NotContent;

    fn try_from(text: String) -> Result<Self, NotContent> {
        let parsed = text
            .split_once(' ')
            .and_then(|(oid, size)| Some(Self { oid: oid.parse().ok()?, size: size.parse().ok()? }));
        parsed.ok_or(NotContent(text))
    }
}

/// The text is not `<blob> <bytes>`.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("`{0}` is not a payload: expected an object id, a space and a length in bytes")]
pub struct NotContent(String);

/// Files by name or path.
pub type Files = BTreeMap<String, Content>;

/// What is known of an item since its intake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its document, byte for byte as it came.
    pub document: Oid,
    /// When it was taken in.
    pub taken_at: Timestamp,
    /// Where it came from, when from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What the document says.
    pub intake: Intake,
}

/// One thing asked of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Input {
    /// The first commit of a ledger.
    Genesis {
        /// Its id, random.
        ledger: LedgerId,
    },
    /// Documents for the queue: all of them or none.
    Enqueue {
        /// The documents.
        documents: Vec<Submitted>,
    },
    /// A plan that compiled; it becomes the selected one.
    Compile {
        /// Its id.
        plan: PlanId,
        /// Its record.
        record: Content,
        /// Its files, by their path below the plan's `files/`.
        files: Files,
        /// What the compiler said.
        diagnostics: Content,
    },
    /// A compile that failed; the selected plan stays.
    CompileFailed {
        /// What the compiler said.
        diagnostics: Content,
    },
    /// A daemon starts.
    BeginSession {
        /// Its id, random.
        session: SessionId,
        /// Which program, in words.
        program: String,
    },
    /// A daemon ends.
    EndSession {
        /// Its id.
        session: SessionId,
        /// Why.
        reason: String,
    },
    /// A stage is about to start.
    Launch(Launching),
    /// A stage has ended.
    Handoff(Handoff),
    /// The work tree is as it should be again.
    TreeSettled {
        /// The run whose changes were in it.
        run: RunId,
        /// How many paths went back.
        paths: u64,
    },
    /// An item is no longer wanted.
    Cancel {
        /// Which.
        item: ItemRef,
        /// Why, in the asker's words.
        reason: String,
    },
    /// Dispatch is to rest.
    Pause(super::super::control::PauseCause),
    /// A cause of rest is gone.
    Resume {
        /// The cause's key.
        cause: String,
    },
}

/// A document with what was understood of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// The document's bytes.
    pub document: Content,
    /// Where it came from, when from outside; such an item is held until it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What it says.
    pub intake: Intake,
}

/// A stage is about to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launching {
    /// The run; a new one with `claim`.
    pub run: RunId,
    /// The item that the run begins with, where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Names the invocation.
    pub nonce: Nonce,
    /// Who launches.
    pub session: SessionId,
    /// What the stage is given: kept as evidence, by file name.
    pub evidence: Files,
}

/// What begins a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The item.
    pub item: ItemRef,
    /// Its place in the queue.
    #[serde(with = "turn_text")]
    pub turn: Turn,
    /// The commit the user stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Oid>,
    /// The branch the user stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Snapshot 0, on the run branch.
    pub start: Oid,
}

/// A stage has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handoff {
    /// The run.
    pub run: RunId,
    /// The launch's nonce.
    pub nonce: Nonce,
    /// When its process ended.
    pub ended_at: Timestamp,
    /// How it ended, judged.
    pub judgement: Judgement,
    /// Whether somebody asked for its end; such an interruption does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// The code as the stage left it, on the run branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Oid>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// What the runtime noticed: left-out files, a changed `millrace-agents/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// What it left behind, by file name; bounded and redacted.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub evidence: Files,
    /// The incident that goes to the planning plane, should the run end there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<Submitted>>,
}

impl Input {
    /// The word of the operation, as in the commit's subject and its `Millrace-Op` trailer.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::Enqueue { .. } => "enqueue",
            Self::Compile { .. } | Self::CompileFailed { .. } => "compile",
            Self::BeginSession { .. } | Self::EndSession { .. } => "session",
            Self::Launch(_) => "launch",
            Self::Handoff(handoff) => match handoff.judgement {
                Judgement::Reported { .. } | Judgement::Failed { .. } => "handoff",
                Judgement::Infrastructure { .. } | Judgement::Interrupted { .. } => "interrupt",
            },
            Self::TreeSettled { .. } => "tree",
            Self::Cancel { .. } => "cancel",
            Self::Pause(_) => "pause",
            Self::Resume { .. } => "resume",
        }
    }
}
