//! The names of things: every id is a type of its own, checked once, where it is made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits::MAX_ID_BYTES;

/// Why a text cannot be an id.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum BadId {
    /// Nothing there.
    #[error("{what} is empty")]
    Empty {
        /// Which kind of id was expected.
        what: &'static str,
    },
    /// Longer than [`MAX_ID_BYTES`].
    #[error("{what} has {length} bytes; at most {MAX_ID_BYTES} are allowed")]
    TooLong {
        /// Which kind of id was expected.
        what: &'static str,
        /// How long it is, in bytes.
        length: usize,
    },
    /// A character or shape that this kind of id does not have.
    #[error("{what} `{text}` is not valid: expected {expected}")]
    Shape {
        /// Which kind of id was expected.
        what: &'static str,
        /// The text, with control characters escaped.
        text: String,
        /// What would be valid, in words.
        expected: &'static str,
    },
}

fn bounded(text: &str, what: &'static str) -> Result<(), BadId> {
    match text.len() {
        0 => Err(BadId::Empty { what }),
        length if length > MAX_ID_BYTES => Err(BadId::TooLong { what, length }),
        _ => Ok(()),
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The safe identifier rule of the reference runtime: an ASCII letter or digit, then letters, digits, `.`, `_`, `-`.
fn is_safe(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Lower-case words: the names of stages, planes' loops, runners.
fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.'))
}

/// Upper-case tokens: terminal results.
fn is_token(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_run_id(text: &str) -> bool {
    // yyyymmdd-hhmm-xxxxxx
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), [day, minute, tail]
        if day.len() == 8 && minute.len() == 4 && tail.len() == 6
        && day.bytes().chain(minute.bytes()).all(|b| b.is_ascii_digit()) && is_hex(tail))
}

fn is_plan_id(text: &str) -> bool {
    text.strip_prefix("plan-")
        .and_then(|rest| rest.rsplit_once('-'))
        .is_some_and(|(mode, tail)| is_safe(mode) && tail.len() == 12 && is_hex(tail))
}

fn is_hex32(text: &str) -> bool {
    text.len() == 32 && is_hex(text)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                bounded(text, $what)?;
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId::Shape {
                        what: $what,
                        text: text.escape_default().to_string(),
                        expected: $expected,
                    })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

id!(
    /// The id of a work item; unique across all states of its kind.
    ItemId, "the id", is_safe,
    "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`"
);
id!(
    /// One activation of an item: `yyyymmdd-hhmm-xxxxxx`, the claim's UTC minute and six random hex digits.
    RunId, "the run id", is_run_id, "`yyyymmdd-hhmm-xxxxxx`"
);
id!(
    /// A frozen plan: `plan-<mode>-<12 hex>`, the hex from its content alone.
    PlanId, "the plan id", is_plan_id, "`plan-<mode>-<12 hex>`"
);
id!(
    /// One launch, and with it one invocation of a harness: 32 random hex digits.
    Nonce, "the nonce", is_hex32, "32 lower-case hex digits"
);
id!(
    /// One life of a daemon, or of a `run once`: 32 random hex digits.
    SessionId, "the session id", is_hex32, "32 lower-case hex digits"
);
id!(
    /// One ledger, from its genesis on: 32 random hex digits.
    LedgerId, "the ledger id", is_hex32, "32 lower-case hex digits"
);
id!(
    /// A request that is answered once, however often it is made.
    RequestId, "the request id", is_safe,
    "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`"
);
id!(
    /// A mode: the pair of loops that a plan is compiled from.
    ModeId, "the mode id", is_safe,
    "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`"
);
id!(
    /// A loop: the graph of one plane.
    LoopId, "the loop id", is_name, "lower-case letters, digits, `.`, `_` or `-`"
);
id!(
    /// A stage of a plan, as its plan names it (`builder`); which ones exist is the plan's business.
    StageName, "the stage name", is_name, "lower-case letters, digits, `.`, `_` or `-`"
);
id!(
    /// A runner, as the configuration names it (`codex_cli`, `command`).
    RunnerName, "the runner name", is_name, "lower-case letters, digits, `.`, `_` or `-`"
);
id!(
    /// A terminal result of a stage (`BUILDER_COMPLETE`); which ones are legal is the plan's business.
    ResultName, "the terminal result", is_token, "upper-case letters, digits or `_`"
);
id!(
    /// A file that a stage leaves as evidence; which ones a stage is asked for is the plan's business.
    EvidenceName, "the evidence file", is_safe,
    "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`"
);
id!(
    /// A criterion of a root's acceptance (`c1`), the same in every verdict on the root.
    CriterionId, "the criterion", is_safe,
    "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`"
);
id!(
    /// A failure class (`runner_timeout`), the key of a recovery counter.
    FailureClass, "the failure class", is_name, "lower-case letters, digits, `.`, `_` or `-`"
);

impl RunId {
    /// The day of the run as `yyyy-mm-dd`, the folder its record lies in.
    #[must_use]
    pub fn day(&self) -> String {
        format!("{}-{}-{}", &self.0[..4], &self.0[4..6], &self.0[6..8])
    }
}

impl ResultName {
    /// The result as a marker line: `### ` and the token.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("### {}", self.0)
    }
}

impl FailureClass {
    /// Makes a class of any text, as the reference does: lower case, runs of other characters become `_`.
    /// Text without any letter or digit becomes `unclassified`.
    #[must_use]
    pub fn normalised(text: &str) -> Self {
        let mut class = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                class.push(c);
            } else if !class.is_empty() && !class.ends_with('_') {
                class.push('_');
            }
        }
        let class = class.trim_end_matches('_');
        // All of it is ASCII by now: a byte is a character.
        match class.bytes().next() {
            None => Self("unclassified".to_owned()),
            Some(first) if first.is_ascii_lowercase() => Self(class.chars().take(MAX_ID_BYTES).collect()),
            Some(_) => Self("class_".chars().chain(class.chars()).take(MAX_ID_BYTES).collect()),
        }
    }
}
