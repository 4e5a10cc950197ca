//! The breaker: a harness whose launches end one after the other with nothing is out of order, whatever it says.
//! What its ends cost the items is remembered, so that it can be given back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{RunId, RunnerName};
use super::item::ItemRef;
use super::limits::{BREAKER_ENDS, BREAKER_ITEMS};
use super::plan::StageRef;
use super::recovery::CounterKey;
use super::run::{Failure, is_zero};

/// Ends in a row of one runner that brought neither a result nor a change of the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Streak {
    /// The runner.
    pub runner: RunnerName,
    /// How many.
    pub ends: u32,
    /// The items that they happened to, each with how it was before.
    pub items: Vec<Before>,
}

/// How an item stood before the first of these ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// The item.
    pub item: ItemRef,
    /// Its run.
    pub run: RunId,
    /// The stage.
    pub stage: StageRef,
    /// The failure that was under repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Launches of the run that had counted.
    pub spent: u32,
    /// Launches of the item's earlier runs that had counted.
    pub spent_before: u32,
    /// Handoffs of the stage in a row that were not taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejections: u32,
    /// Its counters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<CounterKey, u32>,
}

impl Streak {
    /// The streak with one end more.
    #[must_use]
    pub fn and(mut self, before: Before) -> Self {
        self.ends = self.ends.saturating_add(1);
        if !self.items.iter().any(|known| known.item == before.item) {
            self.items.push(before);
        }
        self
    }

    /// Whether it is more than items can be blamed for.
    #[must_use]
    pub fn trips(&self) -> bool {
        self.ends >= BREAKER_ENDS && self.items.len() >= BREAKER_ITEMS
    }
}
