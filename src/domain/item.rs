//! Work items: what they are called, and the facts of a document that deciding needs.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::ids::{BadId, ItemId};

/// The kind of a work item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// A piece of work for the execution plane.
    Task,
    /// A specification that planning turns into tasks.
    Spec,
    /// Something that went wrong and needs planning.
    Incident,
}

impl ItemKind {
    /// All kinds, in the order in which listings show them.
    pub const ALL: [Self; 3] = [Self::Task, Self::Spec, Self::Incident];

    /// The kind as one word: `task`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Spec => "spec",
            Self::Incident => "incident",
        }
    }

    /// The folder of the kind in the ledger's tree: `tasks`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Task => "tasks",
            Self::Spec => "specs",
            Self::Incident => "incidents",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no kind of work item.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("`{}` is not a kind of work item: expected `task`, `spec` or `incident`", .0.escape_debug())]
pub struct NotAKind(pub String);

impl FromStr for ItemKind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| NotAKind(text.to_owned()))
    }
}

/// The full name of an item: its kind and its id, written `task/fix-login`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemRef {
    /// The kind.
    pub kind: ItemKind,
    /// The id, unique within the kind.
    pub id: ItemId,
}

impl ItemRef {
    /// The item of this kind and id.
    #[must_use]
    pub fn new(kind: ItemKind, id: ItemId) -> Self {
        Self { kind, id }
    }
}

/// Why a text does not name an item.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum NotAnItem {
    /// There is no `/` in it.
    #[error("`{}` does not name an item: expected `<kind>/<id>`, such as `task/fix-login`", .0.escape_debug())]
    NoKind(String),
    /// What stands before the `/`.
    #[error(transparent)]
    Kind(#[from] NotAKind),
    /// What stands after it.
    #[error(transparent)]
    Id(#[from] BadId),
}

impl FromStr for ItemRef {
    type Err = NotAnItem;

    fn from_str(text: &str) -> Result<Self, NotAnItem> {
        let (kind, id) = text.split_once('/').ok_or_else(|| NotAnItem::NoKind(text.to_owned()))?;
        Ok(Self { kind: kind.parse()?, id: id.parse()? })
    }
}

impl fmt::Display for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.kind, self.id))
    }
}

impl Serialize for ItemRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItemRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How urgent an item is: 0 is claimed first, 9 last, 5 when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

/// The number is not a priority.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
#[error("{0} is not a priority: expected 0 (first) to 9 (last)")]
pub struct NotAPriority(pub u8);

impl Priority {
    /// The digit, 0 to 9.
    #[must_use]
    pub fn digit(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u8> for Priority {
    type Error = NotAPriority;

    fn try_from(digit: u8) -> Result<Self, NotAPriority> {
        if digit <= 9 { Ok(Self(digit)) } else { Err(NotAPriority(digit)) }
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The arrival number of an item: a counter of the ledger, kept through moves and retries. The first item has 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arrival(pub u64);

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The facts of a document that deciding needs, parsed once, at intake. The document itself is kept byte for
/// byte beside it, and is never read again to decide something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// Which item the document is.
    pub item: ItemRef,
    /// One line, without control characters; it becomes a commit subject.
    pub title: String,
    /// Its place in the claim order.
    #[serde(default)]
    pub priority: Priority,
    /// Items of the same kind that must be done before this one may be claimed; no repetition, never itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<ItemId>,
    /// The root spec it descends from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_spec_id: Option<ItemId>,
    /// The idea that the root spec came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_idea_id: Option<ItemId>,
    /// The spec it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec_id: Option<ItemId>,
    /// The task it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_task_id: Option<ItemId>,
    /// The incident it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<ItemId>,
    /// Of an incident: the item whose matter it is. No document says it; the runtime stamps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ItemRef>,
    /// When it was written, or taken in where the document does not say.
    pub created_at: Timestamp,
    /// Who wrote it, or who took it in where the document does not say. One line.
    pub created_by: String,
}

impl Intake {
    /// The root spec of its lineage; of a spec that descends from none that is the spec itself.
    #[must_use]
    pub fn root(&self) -> Option<ItemId> {
        match (&self.root_spec_id, self.item.kind) {
            (None, ItemKind::Spec) => Some(self.item.id.clone()),
            (root, _) => root.clone(),
        }
    }

    /// Whether it is the root of its lineage.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.item.kind == ItemKind::Spec && self.root().as_ref() == Some(&self.item.id)
    }

    /// The same, with the lineage of the item that it came out of: an agent's word on it counts nothing.
    #[must_use]
    pub fn out_of(self, source: &Self) -> Self {
        let (spec_id, parent_task_id) = match source.item.kind {
            ItemKind::Task => (source.spec_id.clone(), Some(source.item.id.clone())),
            ItemKind::Spec => (Some(source.item.id.clone()), source.parent_task_id.clone()),
            ItemKind::Incident => (source.spec_id.clone(), source.parent_task_id.clone()),
        };
        Self {
            root_spec_id: source.root(),
            root_idea_id: source.root_idea_id.clone(),
            spec_id,
            parent_task_id,
            incident_id: match source.item.kind {
                ItemKind::Incident => Some(source.item.id.clone()),
                ItemKind::Task | ItemKind::Spec => source.incident_id.clone(),
            },
            about: None,
            ..self
        }
    }
}
