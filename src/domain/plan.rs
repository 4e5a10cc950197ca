//! The frozen plan: the only routing authority. What a stage may report and where each report leads is data here;
//! `decide` interprets it and knows no stage by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::ids::{BadId, EvidenceName, FailureClass, LoopId, ModeId, ResultName, RunnerName, StageName};
use super::item::ItemKind;
use super::limits::{DEFAULT_MAX_OPEN_ROOTS, DEFAULT_MAX_REJECTED_HANDOFFS, DEFAULT_MAX_REMEDIATION_ROUNDS};
use super::permission::PermissionLevel;
use super::result::{Judgement, ResultClass};

/// The two planes of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Tasks.
    Execution,
    /// Specs, incidents and closure targets.
    Planning,
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Execution => "execution",
            Self::Planning => "planning",
        })
    }
}

/// A stage with its plane, `execution/builder`: how records and trailers name a stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StageRef {
    /// Its plane.
    pub plane: Plane,
    /// Its name.
    pub stage: StageName,
}

impl fmt::Display for StageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.plane, self.stage)
    }
}

impl FromStr for StageRef {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (plane, stage) = match text.split_once('/') {
            Some(("execution", stage)) => (Plane::Execution, stage),
            Some(("planning", stage)) => (Plane::Planning, stage),
            _ => {
                return Err(BadId::Shape {
                    what: "the stage",
                    text: text.escape_default().to_string(),
                    expected: "`execution/<stage>` or `planning/<stage>`",
                });
            }
        };
        Ok(Self { plane, stage: stage.parse()? })
    }
}

impl TryFrom<String> for StageRef {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<StageRef> for String {
    fn from(stage: StageRef) -> Self {
        stage.to_string()
    }
}

/// Everything that governs a run, fixed when it was compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this record's shape; a plan of another version is not run.
    pub schema: u32,
    /// The mode it was compiled from.
    pub mode: ModeId,
    /// The bounds that `decide` enforces.
    pub limits: PlanLimits,
    /// What becomes of the work tree.
    pub workspace: WorkspacePolicy,
    /// What a code snapshot leaves out.
    pub snapshot: SnapshotPolicy,
    /// The stages of both planes; a name is unique across planes.
    pub stages: BTreeMap<StageName, Stage>,
    /// The graph of the execution plane.
    pub execution: Loop,
    /// The graph of the planning plane.
    pub planning: Loop,
    /// When and how a drained root is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
}

/// The version of [`Plan`]'s shape that this binary writes and runs.
pub const PLAN_SCHEMA: u32 = 1;

/// Bounds that a plan sets, all of them counts of at least 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanLimits {
    /// Launches of one item, over all of its runs.
    pub max_launches_per_item: u32,
    /// Interruptions of one run.
    pub max_interruptions: u32,
    /// Handoffs in a row of one stage that could not be taken; what comes then counts as a failure of its work.
    #[serde(default = "max_rejected_handoffs")]
    pub max_rejected_handoffs: u32,
    /// Rounds of remediation of one root.
    #[serde(default = "max_remediation_rounds")]
    pub max_remediation_rounds: u32,
    /// Roots that are worked on at a time.
    #[serde(default = "max_open_roots")]
    pub max_open_roots: u32,
    /// What may be spent.
    #[serde(default, skip_serializing_if = "Budget::is_default")]
    pub budget: Budget,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_yes(truth: &bool) -> bool {
    *truth
}

fn max_rejected_handoffs() -> u32 {
    DEFAULT_MAX_REJECTED_HANDOFFS
}

fn max_remediation_rounds() -> u32 {
    DEFAULT_MAX_REMEDIATION_ROUNDS
}

fn max_open_roots() -> u32 {
    DEFAULT_MAX_OPEN_ROOTS
}

/// What becomes of the work tree between items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspacePolicy {
    /// After a run that ended blocked or cancelled.
    pub between_items: BetweenItems,
    /// After a run that ended done.
    pub on_done: OnDone,
}

/// What happens to a blocked or cancelled run's changes before the next item starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BetweenItems {
    /// Paths that the run changed and nobody touched since go back to how they were before it.
    Restore,
    /// Dispatch waits until they are gone.
    Wait,
    /// The next item starts on top of them.
    Carry,
}

/// What happens to a finished run's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDone {
    /// They stay in the work tree, uncommitted.
    Leave,
    /// They are committed on the user's branch.
    Commit,
}

/// What a code snapshot leaves out, beside what git ignores and what the shipped list of secrets names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotPolicy {
    /// Glob patterns of paths.
    pub exclude: Vec<String>,
    /// Files over this size, in bytes, are left out and named.
    pub max_file_bytes: u64,
}

/// One stage: who does it, with which instructions, under which bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its plane.
    pub plane: Plane,
    /// What it may report, and the class of each report.
    pub results: BTreeMap<ResultName, ResultClass>,
    /// The files that it is asked to leave in its folder, each with the results that it is wanted with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<EvidenceName, BTreeSet<ResultName>>,
    /// The kinds of document that it may put into its outbox, each with the results that need at least one of them, or
    /// a word why none is needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub creates: BTreeMap<ItemKind, BTreeSet<ResultName>>,
    /// Whether it is a repair stage: it works on another stage's failure, and is told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repair: bool,
    /// The runner that does it.
    pub runner: RunnerName,
    /// The model the runner is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the harness may do.
    pub permission: PermissionLevel,
    /// Whether its runner uses a model: what a launch has used is something then, even where nobody knows what.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub metered: bool,
    /// Wall-clock limit of one launch, in seconds.
    pub timeout_seconds: u64,
    /// How long its output may be silent, in seconds; none: no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_seconds: Option<u64>,
    /// Its instructions, a path below the plan's `files/`.
    pub entrypoint: String,
    /// Skills it is given, paths below the plan's `files/`.
    pub skills: Vec<String>,
}

impl Stage {
    /// What it is asked to leave. Who may not write is asked for nothing.
    pub fn asked(&self) -> impl Iterator<Item = (&EvidenceName, &BTreeSet<ResultName>)> {
        self.evidence.iter().filter(|_| self.permission.can_write())
    }

    /// The files that it is asked to leave with this result.
    pub fn wanted(&self, result: &ResultName) -> impl Iterator<Item = &EvidenceName> {
        self.asked().filter(|(_, with)| with.contains(result)).map(|(name, _)| name)
    }
}

/// The graph of one plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loop {
    /// Its id.
    pub id: LoopId,
    /// Where an item of each kind starts.
    pub entry: BTreeMap<ItemKind, StageName>,
    /// The repair rungs, tried from the first on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repair: Vec<Rung>,
    /// Where each report leads; exactly one edge for each legal result of each stage.
    pub edges: Vec<Edge>,
}

impl Loop {
    /// The edge for a report, or `None` where the graph has none.
    #[must_use]
    pub fn edge(&self, from: &StageName, on: &ResultName) -> Option<&Edge> {
        self.edges.iter().find(|edge| &edge.from == from && &edge.on == on)
    }
}

/// One edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The stage that reports.
    pub from: StageName,
    /// What it reports.
    pub on: ResultName,
    /// Where that leads.
    pub to: Target,
    /// How often, if that is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// How often an edge may be taken by one item, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The counter's name.
    pub counter: FailureClass,
    /// The edge is taken at most this often.
    pub at_most: u32,
    /// After that the item goes to repair with this class.
    pub exhausted: FailureClass,
}

/// Where an edge leads; in records one line: `stage checker`, `resume`, `repair`, `end done`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// To this stage.
    Stage(StageName),
    /// Back to where the result says (`resume_stage`), else to the stage that failed.
    Resume,
    /// To the first rung of the repair ladder that has attempts left, else blocked.
    Repair,
    /// Out of the run.
    End(Ending),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(stage) => write!(f, "stage {stage}"),
            Self::Resume => f.write_str("resume"),
            Self::Repair => f.write_str("repair"),
            Self::End(ending) => write!(f, "end {}", ending.as_str()),
        }
    }
}

impl FromStr for Target {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let refused = || BadId::Shape {
            what: "the target",
            text: text.escape_default().to_string(),
            expected: "`stage <stage>`, `resume`, `repair` or `end <ending>`",
        };
        match text.split_once(' ') {
            None if text == "resume" => Ok(Self::Resume),
            None if text == "repair" => Ok(Self::Repair),
            Some(("stage", stage)) => Ok(Self::Stage(stage.parse()?)),
            Some(("end", word)) => Ending::ALL
                .into_iter()
                .find(|ending| ending.as_str() == word)
                .map(Self::End)
                .ok_or_else(refused),
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The item is finished.
    Done,
    /// The item stops with a named reason.
    Blocked,
    /// The item stops, and its matter goes to the planning plane as an incident.
    NeedsPlanning,
    /// A person ended it.
    Cancelled,
}

impl Ending {
    /// All endings.
    pub const ALL: [Self; 4] = [Self::Done, Self::Blocked, Self::NeedsPlanning, Self::Cancelled];

    /// The ending's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Blocked => "blocked",
            Self::NeedsPlanning => "needs_planning",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One rung of the repair ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// The stage that repairs.
    pub stage: StageName,
    /// The counter's name.
    pub counter: FailureClass,
    /// It is tried at most this often ...
    pub at_most: u32,
    /// ... for each failure class, or for the item as a whole.
    pub per: Per,
}

/// What a rung's counter counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each failure class has its own count.
    Class,
    /// One count for the item.
    Item,
}

/// How a drained root is judged (contract 2.7; the fields that only ever have one value are left out).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// The stage that judges.
    pub stage: StageName,
    /// The result that closes the target.
    pub on_pass: ResultName,
    /// The result that asks for more work.
    pub on_gap: ResultName,
    /// Whether a gap becomes an incident.
    pub create_incident_on_gap: bool,
    /// Whether a closed target is left alone.
    pub skip_if_already_closed: bool,
}

impl Plan {
    /// The graph of a plane.
    #[must_use]
    pub fn graph(&self, plane: Plane) -> &Loop {
        match plane {
            Plane::Execution => &self.execution,
            Plane::Planning => &self.planning,
        }
    }

    /// A stage with its plane, or `None` where the plan has no such stage.
    #[must_use]
    pub fn stage_ref(&self, stage: &StageName) -> Option<StageRef> {
        self.stages.get(stage).map(|found| StageRef { plane: found.plane, stage: stage.clone() })
    }

    /// Whether what a stage came to ends its run in planning, by the graph alone.
    #[must_use]
    pub fn needs_planning(&self, stage: &StageRef, judgement: &Judgement) -> bool {
        judgement
            .routed_as()
            .and_then(|result| self.graph(stage.plane).edge(&stage.stage, &result))
            .is_some_and(|edge| edge.to == Target::End(Ending::NeedsPlanning))
    }

    /// Where an item of this kind starts.
    #[must_use]
    pub fn entry(&self, kind: ItemKind) -> Option<StageRef> {
        let plane = match kind {
            ItemKind::Task => Plane::Execution,
            ItemKind::Spec | ItemKind::Incident => Plane::Planning,
        };
        self.graph(plane).entry.get(&kind).and_then(|stage| self.stage_ref(stage))
    }
}
