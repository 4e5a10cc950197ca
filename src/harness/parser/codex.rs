//! Codex's JSON lines: the thread, the final message, the terminal record, usage, declined actions.

use serde::Deserialize;

use super::trouble::Complaint;
use super::words::{Count, Exact, Words};
use super::{Denials, Heard, Scope, Spoken};
use crate::domain::usage::Usage;
use crate::harness::judge::TerminalRecord;

/// What was heard of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Codex {
    thread: Option<String>,
    /// The last agent message; earlier ones are commentary.
    last_message: Option<String>,
    /// The last terminal record.
    terminal: Option<Result<(), String>>,
    /// Usage of the whole thread, from the terminal record of a turn that completed.
    usage: Usage,
    /// The last `error` notice, if nothing came after it: it is not fatal, but it is what a run that was ended hung on.
    stuck_on: Option<String>,
    denials: Denials,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    thread_id: Exact,
    item: Option<Item>,
    error: Option<Message>,
    #[serde(default)]
    message: Words,
    usage: Option<RawUsage>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default, rename = "type")]
    kind: Exact,
    #[serde(default)]
    text: Exact,
    #[serde(default)]
    status: Exact,
    #[serde(default)]
    command: Words,
    #[serde(default)]
    changes: Words,
    #[serde(default)]
    tool: Words,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    message: Words,
}

/// Token counts as Codex writes them, in its stream and in its rollouts.
#[derive(Deserialize)]
pub(super) struct RawUsage {
    #[serde(default, rename = "input_tokens")]
    input: Count,
    #[serde(default, rename = "cached_input_tokens")]
    cached: Count,
    #[serde(default, rename = "cache_write_input_tokens")]
    cache_write: Count,
    #[serde(default, rename = "output_tokens")]
    output: Count,
    #[serde(default, rename = "reasoning_output_tokens")]
    reasoning: Count,
}

impl RawUsage {
    /// Codex's input includes what came from the cache; the normal form does not.
    pub(super) fn normal(&self) -> Usage {
        Usage {
            input_uncached: self.input.0.map(|input| input.saturating_sub(self.cached.0.unwrap_or_default())),
            cache_read: self.cached.0,
            cache_write: self.cache_write.0,
            output: self.output.0,
            reasoning: self.reasoning.0,
            ..Usage::default()
        }
    }
}

impl Heard for Codex {
    fn line(&mut self, text: &str) {
        let Ok(line) = serde_json::from_str::<Line>(text) else { return };
        match line.kind.as_str() {
            "thread.started" => self.thread = line.thread_id.0.or(self.thread.take()),
            "error" => {
                self.stuck_on = line.message.0;
                return;
            }
            "item.completed" => {
                if let Some(item) = line.item {
                    self.item(item);
                }
            }
            "turn.completed" => {
                self.terminal = Some(Ok(()));
                self.usage = line.usage.as_ref().map(RawUsage::normal).unwrap_or_default();
            }
            "turn.failed" => {
                let message = line.error.and_then(|error| error.message.0);
                self.terminal = Some(Err(message.unwrap_or_else(|| "no message".to_owned())));
            }
            _ => {}
        }
        self.stuck_on = None;
    }
}

impl Codex {
    fn item(&mut self, item: Item) {
        let kind = item.kind.0.unwrap_or_default();
        if kind == "agent_message" && item.text.0.is_some() {
            self.last_message = item.text.0;
        } else if item.status.0.as_deref() == Some("declined") {
            let what = [item.command, item.changes, item.tool].into_iter().find_map(|words| words.0);
            self.denials.add(&kind, what.as_deref());
        }
    }

    pub(super) fn spoken(self) -> Spoken {
        let terminal = match self.terminal {
            Some(Ok(())) => TerminalRecord::Completed,
            Some(Err(message)) => TerminalRecord::Failed(Complaint::new(message)),
            None => TerminalRecord::Missing { stuck_on: self.stuck_on.map(Complaint::new) },
        };
        Spoken {
            session: self.thread,
            final_message: self.last_message,
            terminal,
            usage: self.usage,
            tokens_are: Scope::Session,
            cost_is: Scope::Session,
            denials: self.denials.into_lines(),
        }
    }
}
