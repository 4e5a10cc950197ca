//! What may be asked of the ledger. An input holds every fact that deciding needs and the tree does not have: time,
//! random ids, what a document says, how a stage ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::closure::Criterion;
use crate::domain::control::PauseCause;
use crate::domain::ids::{ItemId, LedgerId, Nonce, PlanId, RequestId, RunId, SessionId};
use crate::domain::item::{Arrival, Intake, ItemKind, ItemRef, Priority};
use crate::domain::oid::Oid;
use crate::domain::result::Judgement;
use crate::domain::run::Landing;
use crate::domain::slot::Turn;
use crate::domain::turn_text;
use crate::domain::usage::Usage;

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
    /// Its arrival number: with the priority that the intake has, its turn. None in records of the first rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Arrival>,
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
    /// An idea, kept as it is, with the root spec that it becomes.
    TakeIdea {
        /// Its id.
        idea: ItemId,
        /// Its text.
        text: Content,
        /// The file that it was found in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found_in: Option<String>,
        /// The root spec. Its lineage is stamped here.
        spec: Box<Submitted>,
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
    Handoff(Box<Handoff>),
    /// The work tree is as it should be again.
    TreeSettled {
        /// The run whose changes were in it.
        run: RunId,
        /// How many paths went back.
        paths: u64,
        /// What the work tree holds now, a commit of a run branch: a debt that has changed meanwhile is not paid with
        /// it. None in records of the first rules.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Oid>,
        /// The code as it is now, where a run goes on with another one's work: a commit of its run branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<Oid>,
    },
    /// The change of a run that is done was committed on the user's branch, or cannot be.
    Land {
        /// The run.
        run: RunId,
        /// What became of it.
        landing: Landing,
    },
    /// A run was to go on with another one's work, and that cannot be put into the work tree.
    Unresumable {
        /// The run.
        run: RunId,
        /// Why, one line.
        detail: String,
    },
    /// An item is no longer wanted.
    Cancel {
        /// Which.
        item: ItemRef,
        /// Why, in the asker's words.
        reason: String,
    },
    /// A run that judges a root is to end.
    CancelRun {
        /// Which.
        run: RunId,
        /// Why, in the asker's words.
        reason: String,
    },
    /// Nothing of a root's lineage is wanted any more.
    CancelLineage {
        /// The root spec.
        root: ItemId,
        /// Why, in the asker's words.
        reason: String,
    },
    /// An item is taken out of the way; nothing works on it.
    Archive {
        /// Which.
        item: ItemRef,
        /// Why, in the asker's words.
        reason: String,
    },
    /// Blocked items, or closure targets, go on: all of them or none.
    Retry(Retrying),
    /// The running launch is ended, and its stage starts again.
    RetryActive {
        /// The run.
        run: RunId,
        /// Why, in the asker's words.
        reason: String,
    },
    /// A blocked item is claimed again, in a new run that goes on with the earlier one's work.
    Reopen {
        /// The new run.
        run: RunId,
        /// What it begins with.
        claim: Claim,
    },
    /// An item is replaced by another one, which those that wait for it wait for from now on.
    Supersede {
        /// What is replaced.
        item: ItemRef,
        /// By what.
        by: ItemId,
        /// Why, in the asker's words.
        reason: String,
    },
    /// An item depends on another one than it said.
    Retarget {
        /// Which item.
        item: ItemRef,
        /// The dependency that goes.
        from: ItemId,
        /// The one in its place, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<ItemId>,
    },
    /// An item gets another priority.
    Prioritise {
        /// Which.
        item: ItemRef,
        /// Its priority from now on.
        priority: Priority,
    },
    /// Items that came from outside may be worked on.
    Release {
        /// Which.
        items: Vec<ItemRef>,
    },
    /// Dispatch is to rest.
    Pause(PauseCause),
    /// A cause of rest is gone.
    Resume {
        /// The cause's key.
        cause: String,
        /// Whose; none: whoever set it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// A daemon is to end.
    Stop {
        /// Its session.
        session: SessionId,
        /// Whether its running stage is ended, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        now: bool,
        /// Why, in the asker's words.
        reason: String,
    },
    /// A ledger that was fetched goes on here.
    Adopt(Box<Adopting>),
    /// Something of the above, under a name by which it is answered once, however often it is asked.
    Requested {
        /// The name.
        request: RequestId,
        /// What is asked.
        asks: Box<Input>,
    },
}

/// Blocked items go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrying {
    /// Which; a spec that is done stands for its closure target.
    pub items: Vec<ItemRef>,
    /// Why, in the asker's words.
    pub reason: String,
    /// Whether they begin at the plan's entry instead of where they failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_start: bool,
    /// What the next stage is told, as a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Content>,
}

/// A document with what was understood of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// The document's bytes.
    pub document: Content,
    /// Where it came from, when from outside; such an item is held until it is released, unless it is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Whether whoever brought it from outside is trusted: it may be worked on at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
    /// What it says.
    pub intake: Intake,
}

impl Submitted {
    /// Whether it may not be worked on before somebody releases it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.origin.is_some() && !self.trusted
    }
}

/// A ledger that was fetched goes on here: what it brings that this machine's operator never let in stays out of the way.
/// Asked of the fetched tip; what was so here before is a fact that its tree does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopting {
    /// The remote that it was fetched from.
    pub remote: String,
    /// Where the ledger stood here; none where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Oid>,
    /// Items that may be worked on there and could not be here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arrived: Vec<ItemRef>,
    /// Runs that are active there and were not here, or not as far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
    /// Roots that are to be judged there and were not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<ItemId>,
    /// Causes of rest that stood here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PauseCause>,
    /// The run whose changes the work tree here still held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<RunId>,
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
    /// The root that the run judges, where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Judge>,
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

/// What begins a run that judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The root spec.
    pub root: ItemId,
    /// The commit the user stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Oid>,
    /// The branch the user stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The code that is judged, on the run branch.
    pub start: Oid,
}

/// What a judge says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The code that it says it judged.
    pub snapshot: Oid,
    /// The criteria for people and later judges, rendered from those below.
    pub rubric: Content,
    /// What it found.
    pub criteria: Vec<Criterion>,
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
    /// The harness's session, where it ended well, without a word, and can be resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumable: Option<Resumable>,
    /// Whether it left neither a result nor a change of the code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_nothing: bool,
    /// Milliseconds that it ran, as the supervisor measured them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// What the runtime noticed: left-out files, a changed `millrace-agents/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// What it left behind, by file name; bounded and redacted.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub evidence: Files,
    /// The documents of its outbox: they come in with the handoff, or the handoff does not happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Submitted>,
    /// What it found, of a run that judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Judged>>,
    /// The incident that goes to the planning plane, should the run end there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<Submitted>>,
}

/// A harness's session that can be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumable {
    /// Its id, as the harness calls it.
    pub session: String,
    /// What it has used in all, as the harness counts.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub totals: Usage,
}

impl Input {
    /// The words of all operations.
    pub const OPS: [&'static str; 24] = [
        "genesis",
        "enqueue",
        "idea",
        "compile",
        "session",
        "launch",
        "handoff",
        "interrupt",
        "tree",
        "cancel",
        "archive",
        "retry",
        "retry-active",
        "reopen",
        "supersede",
        "retarget",
        "set-priority",
        "release",
        "pause",
        "resume",
        "stop",
        "unresumable",
        "adopt",
        "land",
    ];

    /// The word of the operation, as in the commit's subject and its `Millrace-Op` trailer.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::Enqueue { .. } => "enqueue",
            Self::TakeIdea { .. } => "idea",
            Self::Compile { .. } | Self::CompileFailed { .. } => "compile",
            Self::BeginSession { .. } | Self::EndSession { .. } => "session",
            Self::Launch(_) => "launch",
            Self::Handoff(handoff) => match handoff.judgement {
                Judgement::Reported { .. } | Judgement::Failed { .. } | Judgement::Rejected { .. } => {
                    "handoff"
                }
                Judgement::Infrastructure { .. } | Judgement::Interrupted { .. } => "interrupt",
            },
            Self::TreeSettled { .. } => "tree",
            Self::Unresumable { .. } => "unresumable",
            Self::Land { .. } => "land",
            Self::Cancel { .. } | Self::CancelRun { .. } | Self::CancelLineage { .. } => "cancel",
            Self::Archive { .. } => "archive",
            Self::Retry(_) => "retry",
            Self::RetryActive { .. } => "retry-active",
            Self::Reopen { .. } => "reopen",
            Self::Supersede { .. } => "supersede",
            Self::Retarget { .. } => "retarget",
            Self::Prioritise { .. } => "set-priority",
            Self::Release { .. } => "release",
            Self::Pause(_) => "pause",
            Self::Resume { .. } => "resume",
            Self::Stop { .. } => "stop",
            Self::Adopt(_) => "adopt",
            Self::Requested { asks, .. } => asks.op(),
        }
    }

    /// What is asked, whatever name the request has.
    #[must_use]
    pub fn asked(&self) -> &Self {
        match self {
            Self::Requested { asks, .. } => asks.asked(),
            other => other,
        }
    }

    /// The items that it names.
    #[must_use]
    pub fn items(&self) -> Vec<ItemRef> {
        match self {
            Self::Enqueue { documents } => documents.iter().map(|one| one.intake.item.clone()).collect(),
            Self::TakeIdea { spec, .. } => vec![spec.intake.item.clone()],
            Self::Cancel { item, .. }
            | Self::Archive { item, .. }
            | Self::Supersede { item, .. }
            | Self::Retarget { item, .. }
            | Self::Prioritise { item, .. } => vec![item.clone()],
            Self::Reopen { claim, .. } => vec![claim.item.clone()],
            Self::Retry(retrying) => retrying.items.clone(),
            Self::Release { items } => items.clone(),
            Self::Adopt(adopting) => adopting.arrived.clone(),
            Self::CancelLineage { root, .. } => vec![ItemRef::new(ItemKind::Spec, root.clone())],
            Self::Requested { asks, .. } => asks.items(),
            _ => Vec::new(),
        }
    }
}
