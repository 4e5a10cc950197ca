//! What is remembered of an item's trouble: `recovery/<kind>.<id>.toml`. Gone when the item is finished.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::budget::Spending;
use super::ids::{BadId, FailureClass, ItemId, RunId, StageName};
use super::item::ItemRef;
use super::run::is_zero;
use super::slot::Turn;
use super::turn_text;

/// An item's counters, and why it is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The item.
    pub item: ItemRef,
    /// Launches that counted in runs that have ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spent: u32,
    /// What the launches of those runs used.
    #[serde(default, skip_serializing_if = "Spending::is_none")]
    pub used: Spending,
    /// How often each bounded edge or rung was taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<CounterKey, u32>,
    /// Why it is blocked, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// An operator let it go on, and its next run has not got anywhere yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

impl Recovery {
    /// An item without any trouble so far.
    #[must_use]
    pub fn new(item: ItemRef) -> Self {
        Self {
            item,
            spent: 0,
            used: Spending::default(),
            counters: BTreeMap::new(),
            blocked: None,
            retry: None,
        }
    }

    /// A counter's value; 0 where it was never counted.
    #[must_use]
    pub fn count(&self, key: &CounterKey) -> u32 {
        self.counters.get(key).copied().unwrap_or(0)
    }
}

/// A counter of an item: `fix_cycle`, or by failure class `troubleshoot_attempts/builder_blocked`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CounterKey {
    /// The counter.
    pub counter: FailureClass,
    /// The failure class it counts, where each class has a count of its own.
    pub class: Option<FailureClass>,
}

impl fmt::Display for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.class {
            Some(class) => write!(f, "{}/{class}", self.counter),
            None => write!(f, "{}", self.counter),
        }
    }
}

impl FromStr for CounterKey {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Ok(match text.split_once('/') {
            Some((counter, class)) => Self { counter: counter.parse()?, class: Some(class.parse()?) },
            None => Self { counter: text.parse()?, class: None },
        })
    }
}

impl TryFrom<String> for CounterKey {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<CounterKey> for String {
    fn from(key: CounterKey) -> Self {
        key.to_string()
    }
}

/// Why an item is blocked, and where it would go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocked {
    /// When.
    pub at: Timestamp,
    /// The rule that blocked it, in a word or two.
    pub reason: String,
    /// The failure class.
    pub class: FailureClass,
    /// The stage that failed, where a retry would resume.
    pub stage: StageName,
    /// The run whose evidence tells more.
    pub run: RunId,
    /// The item's turn, should it go back into the queue.
    #[serde(with = "turn_text")]
    pub turn: Turn,
    /// The incident that took the matter to the planning plane; when it is resolved, this item is superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<ItemId>,
}

/// How a blocked item goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// When it was asked for.
    pub at: Timestamp,
    /// Why, in the asker's words.
    pub reason: String,
    /// The run that was blocked.
    pub run: RunId,
    /// Where it goes on with that run's work; none: at the plan's entry, from the code as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
}
