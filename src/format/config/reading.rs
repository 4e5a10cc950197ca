//! How the output of a harness is read, as its contract says it; and the mapping of JSON that nobody here knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the output of a harness is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "parser", rename_all = "snake_case")]
pub enum Parser {
    /// Codex's JSON lines (`codex exec --json`).
    CodexJsonl,
    /// Claude Code's JSON lines (`claude -p --output-format stream-json`).
    ClaudeStream,
    /// JSON lines of any other harness, by a mapping.
    Jsonl(Mapping),
    /// One JSON value, the whole of stdout or of the final file, by a mapping.
    Json(Mapping),
    /// Text for people: its end is the final message.
    #[default]
    Text,
}

impl Parser {
    /// Its name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::CodexJsonl => "codex_jsonl",
            Self::ClaudeStream => "claude_stream",
            Self::Jsonl(_) => "jsonl",
            Self::Json(_) => "json",
            Self::Text => "text",
        }
    }

    /// Its mapping, where it has one.
    #[must_use]
    pub const fn mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Jsonl(mapping) | Self::Json(mapping) => Some(mapping),
            Self::CodexJsonl | Self::ClaudeStream | Self::Text => None,
        }
    }
}

/// What is taken from which lines of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// In order; every rule that fits a line takes from it.
    pub rules: Vec<Rule>,
    /// Whether the harness's input tokens include those read from the cache.
    #[serde(default)]
    pub input_includes_cached: bool,
    /// Whether its tokens are those of one run or of the whole session.
    #[serde(default)]
    pub tokens_are: Scope,
    /// The same of its cost.
    #[serde(default)]
    pub cost_is: Scope,
}

/// Which lines, and what is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Dotted paths and the text of the value that each must have (`type = "result"`); empty: every line. In a path an
    /// element of a list is named by its number, and `*` is every one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, String>,
    /// What is taken, by the dotted path that it stands at.
    pub take: BTreeMap<Field, String>,
    /// What becomes of several values of one field.
    #[serde(default)]
    pub gather: Gather,
}

/// What can be taken from a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The id by which the session is resumed.
    SessionId,
    /// The agent's message.
    FinalMessage,
    /// Input tokens.
    Input,
    /// Input tokens read from the provider's cache.
    CacheRead,
    /// Input tokens written to it.
    CacheWrite,
    /// Output tokens.
    Output,
    /// The part of the output that was reasoning.
    Reasoning,
    /// US dollars.
    Cost,
    /// The message of a failure: the harness could not do its part. Null, `false` and the empty text are none, and one
    /// that a message of the agent follows was not the end.
    Error,
    /// Whatever stands there, the line is the harness's terminal record. A mapping that takes one expects one.
    Terminal,
    /// What was refused to the agent; each value is a refusal.
    Denial,
}

impl Field {
    /// Every field, in the order in which they are told.
    pub const ALL: [Self; 11] = [
        Self::SessionId,
        Self::FinalMessage,
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite,
        Self::Output,
        Self::Reasoning,
        Self::Cost,
        Self::Error,
        Self::Terminal,
        Self::Denial,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionId => "session_id",
            Self::FinalMessage => "final_message",
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::Cost => "cost",
            Self::Error => "error",
            Self::Terminal => "terminal",
            Self::Denial => "denial",
        }
    }
}

/// What becomes of several values of one field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gather {
    /// The last one counts.
    #[default]
    Last,
    /// Numbers are added.
    Sum,
    /// The largest number counts.
    Max,
    /// Texts of lines that follow one another are joined; where a line of another kind stands between them, the next
    /// one begins anew. Of numbers, the last one counts.
    Join,
}

impl Gather {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 4] =
        [("last", Self::Last), ("sum", Self::Sum), ("max", Self::Max), ("join", Self::Join)];
}

/// What a harness's numbers are numbers of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This run.
    #[default]
    Run,
    /// The whole session, earlier runs that it resumes included.
    Session,
}

impl Scope {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("run", Self::Run), ("session", Self::Session)];
}
