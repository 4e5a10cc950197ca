//! Where things lie in the ledger's tree (format 1). Every path that `apply` writes is made here.
//!
//! Frozen: a path that has been written once is never given another meaning.

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::ids::{ItemId, PlanId, RequestId, RunId, StageName};
use super::item::{ItemKind, ItemRef};
use super::slot::{Slot, Turn};
use super::stage_file;

/// A path in the ledger's tree: relative, `/`-separated, without empty, `.`, `..` or `.git` components, and without
/// any (`git~1`) that some file system takes for one of git's own: `git fsck` would name it, and servers refuse it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// The text is no path of a tree.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("`{0}` is not a path of the ledger's tree")]
pub struct NotAPath(String);

impl TreePath {
    /// Checks a path.
    pub fn new(text: impl Into<String>) -> Result<Self, NotAPath> {
        let text = text.into();
        let sound = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !is_short_name(part)
                && part.len() <= 255
                && !part.bytes().any(|b| b < b' ' || b == b'\\' || b == 0x7f)
        };
        if text.len() <= 1024 && text.split('/').all(sound) { Ok(Self(text)) } else { Err(NotAPath(text)) }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    fn made(text: String) -> Self {
        debug_assert!(Self::new(text.clone()).is_ok(), "{text}");
        Self(text)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for TreePath {
    type Error = NotAPath;

    fn try_from(text: String) -> Result<Self, NotAPath> {
        Self::new(text)
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> Self {
        path.0
    }
}

impl serde::Serialize for TreePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for TreePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whether a file system with short names could take this for another file: `~` and a digit.
fn is_short_name(part: &str) -> bool {
    part.as_bytes().windows(2).any(|pair| pair[0] == b'~' && pair[1].is_ascii_digit())
}

/// The two levels of folders that keep a growing set flat: of the lower-cased id's SHA-256, so that ids which
/// differ only in case meet in one folder.
#[must_use]
pub fn shard(id: &str) -> String {
    let hash = Sha256::digest(id.to_ascii_lowercase().as_bytes());
    format!("{:02x}/{:02x}", hash[0], hash[1])
}

/// The folder of a turn: a hundred arrivals of one priority, so that a commit rewrites a hundred entries and not
/// the whole queue. Folders and names sort as turns do: tree order is claim order.
fn bucket(turn: Turn) -> String {
    let text = turn.to_string();
    text[..text.len() - 2].to_owned()
}

/// `queued`, which is `incoming` for incidents.
fn queued(kind: ItemKind) -> &'static str {
    if kind == ItemKind::Incident { "incoming" } else { "queued" }
}

/// `done`, which is `resolved` for incidents.
fn done(kind: ItemKind) -> &'static str {
    if kind == ItemKind::Incident { "resolved" } else { "done" }
}

/// What made this commit.
#[must_use]
pub fn transition() -> TreePath {
    TreePath::made("transition.toml".to_owned())
}

/// Format and ledger id.
#[must_use]
pub fn ledger() -> TreePath {
    TreePath::made("ledger.toml".to_owned())
}

/// What governs the whole ledger.
#[must_use]
pub fn control() -> TreePath {
    TreePath::made("control.toml".to_owned())
}

/// The latest compile's diagnostics.
#[must_use]
pub fn diagnostics() -> TreePath {
    TreePath::made("plans/diagnostics.toml".to_owned())
}

/// The folder of all frozen plans, where the latest compile's diagnostics lie as well.
#[must_use]
pub fn plans_folder() -> TreePath {
    TreePath::made("plans".to_owned())
}

/// A frozen plan: its record, and `files/`.
#[must_use]
pub fn plan_folder(plan: &PlanId) -> TreePath {
    TreePath::made(format!("plans/{plan}"))
}

/// A frozen plan's record.
#[must_use]
pub fn plan(plan: &PlanId) -> TreePath {
    TreePath::made(format!("plans/{plan}/plan.toml"))
}

/// A file that was frozen with a plan; `None` where `name` is no path.
#[must_use]
pub fn plan_file(plan: &PlanId, name: &str) -> Option<TreePath> {
    TreePath::new(format!("plans/{plan}/files/{name}")).ok()
}

/// The folder of items of one kind that are in one open state.
#[must_use]
pub fn state_folder(kind: ItemKind, state: OpenState) -> TreePath {
    let word = match state {
        OpenState::Queued => queued(kind),
        OpenState::Waiting => "waiting",
        OpenState::Held => "held",
        OpenState::Active => "active",
        OpenState::Blocked => "blocked",
    };
    TreePath::made(format!("{}/{word}", kind.plural()))
}

/// The states whose items may still be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenState {
    /// [`Slot::Queued`].
    Queued,
    /// [`Slot::Waiting`].
    Waiting,
    /// [`Slot::Held`].
    Held,
    /// [`Slot::Active`].
    Active,
    /// [`Slot::Blocked`].
    Blocked,
}

impl OpenState {
    /// All of them, in the order of an item's life.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Waiting, Self::Held, Self::Active, Self::Blocked];
}

/// The folder of items that wait for a dependency.
#[must_use]
pub fn waiting_folder(kind: ItemKind, on: &ItemId) -> TreePath {
    TreePath::made(format!("{}/waiting/{on}", kind.plural()))
}

/// An item's document, where its state puts it.
#[must_use]
pub fn document(item: &ItemRef, slot: &Slot) -> TreePath {
    let ItemRef { kind, id } = item;
    let folder = kind.plural();
    TreePath::made(match slot {
        Slot::Queued(turn) => format!("{folder}/{}/{}/{turn}.{id}.md", queued(*kind), bucket(*turn)),
        Slot::Held(turn) => format!("{folder}/held/{}/{turn}.{id}.md", bucket(*turn)),
        Slot::Waiting { on, turn } => format!("{folder}/waiting/{on}/{turn}.{id}.md"),
        Slot::Active => format!("{folder}/active/{id}.md"),
        Slot::Blocked => format!("{folder}/blocked/{id}.md"),
        Slot::Done => format!("{folder}/{}/{}/{id}.md", done(*kind), shard(id.as_str())),
        Slot::Archived => format!("{folder}/archived/{}/{id}.md", shard(id.as_str())),
    })
}

/// Splits a queued, waiting or held document's file name into turn and id.
#[must_use]
pub fn parse_turn_name(name: &str) -> Option<(Turn, ItemId)> {
    let stem = name.strip_suffix(".md")?;
    let at = stem.char_indices().filter(|(_, c)| *c == '.').nth(1)?.0;
    Some((stem[..at].parse().ok()?, stem[at + 1..].parse().ok()?))
}

/// What was understood of an item at intake. It stands for the item's whole life, whatever its state, and is what
/// makes an id unique across all states of its kind.
#[must_use]
pub fn intake(item: &ItemRef) -> TreePath {
    TreePath::made(format!("{}/{}.toml", intake_folder(item), item.id))
}

/// The folder of an item's intake record, where ids that differ only in case would meet.
#[must_use]
pub fn intake_folder(item: &ItemRef) -> TreePath {
    TreePath::made(format!("{}/{}", intakes_folder(item.kind), shard(item.id.as_str())))
}

/// The folder of the intake records of all items of a kind, whatever became of them.
#[must_use]
pub fn intakes_folder(kind: ItemKind) -> TreePath {
    TreePath::made(format!("{}/intake", kind.plural()))
}

/// The folder of runs that have not ended.
#[must_use]
pub fn active_folder() -> TreePath {
    TreePath::made("active".to_owned())
}

/// A run that has not ended.
#[must_use]
pub fn run(run: &RunId) -> TreePath {
    TreePath::made(format!("active/{run}.toml"))
}

/// An item's trouble.
#[must_use]
pub fn recovery(item: &ItemRef) -> TreePath {
    TreePath::made(format!("recovery/{}.{}.toml", item.kind, item.id))
}

/// The folder of all runs ever, by day.
#[must_use]
pub fn runs_folder() -> TreePath {
    TreePath::made("runs".to_owned())
}

/// The folder of a run's record and evidence.
#[must_use]
pub fn run_folder(run: &RunId) -> TreePath {
    TreePath::made(format!("runs/{}/{run}", run.day()))
}

/// What stays of a run.
#[must_use]
pub fn run_record(run: &RunId) -> TreePath {
    TreePath::made(format!("{}/run.toml", run_folder(run)))
}

/// The name of a launch's folder: its number and stage, `03-fixer`.
#[must_use]
pub fn launch_name(number: u32, stage: &StageName) -> String {
    format!("{number:02}-{stage}")
}

/// A launch's result.
#[must_use]
pub fn result(run: &RunId, number: u32, stage: &StageName) -> TreePath {
    TreePath::made(format!("{}/{}/{}", run_folder(run), launch_name(number, stage), stage_file::RESULT))
}

/// A piece of a launch's evidence; `None` where `name` is no file name.
#[must_use]
pub fn evidence(run: &RunId, number: u32, stage: &StageName, name: &str) -> Option<TreePath> {
    if name.contains('/') || name == stage_file::RESULT {
        return None;
    }
    TreePath::new(format!("{}/{}/{name}", run_folder(run), launch_name(number, stage))).ok()
}

/// What an operator said when they let the blocked item go on.
#[must_use]
pub fn note(item: &ItemRef) -> TreePath {
    TreePath::made(format!("recovery/{}.{}.note.md", item.kind, item.id))
}

/// The folder of all ideas.
#[must_use]
pub fn ideas_folder() -> TreePath {
    TreePath::made("ideas".to_owned())
}

/// An idea, as it was written.
#[must_use]
pub fn idea(idea: &ItemId) -> TreePath {
    TreePath::made(format!("ideas/{idea}.md"))
}

/// The folder of the open items of a root's lineage.
#[must_use]
pub fn lineage_folder(root: &ItemId) -> TreePath {
    TreePath::made(format!("lineage/{root}"))
}

/// The mark of one open item of a root's lineage: an item stands there as long as it is not closed.
#[must_use]
pub fn member(root: &ItemId, item: &ItemRef) -> TreePath {
    TreePath::made(format!("lineage/{root}/{}.{}.toml", item.kind, item.id))
}

/// The folder of a root's acceptance.
#[must_use]
pub fn closure_folder(root: &ItemId) -> TreePath {
    TreePath::made(format!("closure/{root}"))
}

/// A root's closure target.
#[must_use]
pub fn target(root: &ItemId) -> TreePath {
    TreePath::made(format!("closure/{root}/target.toml"))
}

/// The criteria of a root's verdicts, for people and judges.
#[must_use]
pub fn rubric(root: &ItemId) -> TreePath {
    TreePath::made(format!("closure/{root}/rubric.md"))
}

/// What a run found when it judged a root.
#[must_use]
pub fn verdict(root: &ItemId, run: &RunId) -> TreePath {
    TreePath::made(format!("closure/{root}/verdicts/{run}.toml"))
}

/// The folder of receipts that this request's would lie in.
#[must_use]
pub fn receipts_folder(request: &RequestId) -> TreePath {
    let hash = Sha256::digest(request.as_str().as_bytes());
    TreePath::made(format!("receipts/{:02x}", hash[0]))
}

/// What a repeated request is answered with.
#[must_use]
pub fn receipt(request: &RequestId) -> TreePath {
    TreePath::made(format!("{}/{request}.toml", receipts_folder(request)))
}
