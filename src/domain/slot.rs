//! Where an item stands: its state is a place in the tree, and nothing else says it a second time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ids::ItemId;
use super::item::{Arrival, Priority};

/// The order in which waiting items are claimed: by priority (0 first), then by arrival.
///
/// Both stay with an item through moves and retries, so that going back into the queue is not going to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    /// 0 to 9, 0 first.
    pub priority: Priority,
    /// The arrival counter's value at intake.
    pub arrival: Arrival,
}

/// The text is not `<digit>.<10 digits>`.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("`{0}` is not a turn: expected `<priority>.<ten digits of arrival>`")]
pub struct NotATurn(String);

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:010}", self.priority, self.arrival.0)
    }
}

impl FromStr for Turn {
    type Err = NotATurn;

    fn from_str(text: &str) -> Result<Self, NotATurn> {
        let refuse = || NotATurn(text.to_owned());
        let (priority, arrival) = text.split_once('.').ok_or_else(refuse)?;
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if priority.len() != 1 || arrival.len() != 10 || !digits(priority) || !digits(arrival) {
            return Err(refuse());
        }
        Ok(Self {
            priority: priority
                .parse::<u8>()
                .ok()
                .and_then(|digit| Priority::try_from(digit).ok())
                .ok_or_else(refuse)?,
            arrival: Arrival(arrival.parse().map_err(|_| refuse())?),
        })
    }
}

/// The state of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Slot {
    /// May be claimed (`queued`, for incidents `incoming`).
    Queued(Turn),
    /// Waits for its first unmet dependency.
    Waiting {
        /// The dependency, an item of the same kind.
        on: ItemId,
        /// Its turn when the wait is over.
        turn: Turn,
    },
    /// Came from outside and has not been released.
    Held(Turn),
    /// A run works on it.
    Active,
    /// Stopped with a named reason, which its recovery record holds.
    Blocked,
    /// Finished (`done`, for incidents `resolved`).
    Done,
    /// Taken out of the way without being finished.
    Archived,
}

/// The text names no slot.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("`{0}` is not a state of an item")]
pub struct NotASlot(String);

impl Slot {
    /// The state's word: `queued`, `waiting`, `held`, `active`, `blocked`, `done` or `archived`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::Queued(_) => "queued",
            Self::Waiting { .. } => "waiting",
            Self::Held(_) => "held",
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Archived => "archived",
        }
    }

    /// Whether the item will not be worked on any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Done | Self::Archived)
    }

    /// The turn, where the place holds it; active and blocked items keep theirs in their run or recovery record.
    #[must_use]
    pub fn turn(&self) -> Option<Turn> {
        match self {
            Self::Queued(turn) | Self::Held(turn) | Self::Waiting { turn, .. } => Some(*turn),
            Self::Active | Self::Blocked | Self::Done | Self::Archived => None,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued(turn) | Self::Held(turn) => write!(f, "{}/{turn}", self.state()),
            Self::Waiting { on, turn } => write!(f, "waiting/{on}/{turn}"),
            _ => f.write_str(self.state()),
        }
    }
}

impl FromStr for Slot {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        let refuse = || NotASlot(text.to_owned());
        let parts: Vec<&str> = text.split('/').collect();
        Ok(match parts.as_slice() {
            ["queued", turn] => Self::Queued(turn.parse().map_err(|_| refuse())?),
            ["held", turn] => Self::Held(turn.parse().map_err(|_| refuse())?),
            ["waiting", on, turn] => Self::Waiting {
                on: on.parse().map_err(|_| refuse())?,
                turn: turn.parse().map_err(|_| refuse())?,
            },
            ["active"] => Self::Active,
            ["blocked"] => Self::Blocked,
            ["done"] => Self::Done,
            ["archived"] => Self::Archived,
            _ => return Err(refuse()),
        })
    }
}

impl TryFrom<String> for Slot {
    type Error = NotASlot;

    fn try_from(text: String) -> Result<Self, NotASlot> {
        text.parse()
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.to_string()
    }
}
