//! Claude Code's JSON lines: the session, the final message, the terminal record, usage and cost, denials.
//!
//! The `result` line is the terminal record. Its `subtype` alone is no word about the end (`success` may be an answer
//! of 401), its `result` is the final message only where it is not an error, and `type` is not its first key.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

use super::trouble::{Complaint, Signs, Trouble};
use super::words::{Count, Exact, Number, Words};
use super::{Denials, Heard, Scope, Spoken};
use crate::domain::usage::{CostSource, Usage, Usd};
use crate::harness::judge::TerminalRecord;

/// Messages whose usage is told apart while a run goes on; what comes after that many is not counted, which a lower
/// bound may leave out.
const MAX_MESSAGES: usize = 100_000;

/// What was heard of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Claude {
    session: Option<String>,
    end: Option<End>,
    /// The last retry, if nothing came after it.
    stuck_on: Option<Complaint>,
    /// Denials that were told as they happened; the result tells them all, with what was denied.
    denied: Denials,
    /// Messages that are counted in `so_far`.
    counted: HashSet<u64>,
    so_far: Usage,
    /// What the results before the last one told of their own part.
    before: Part,
}

/// The result line.
#[derive(Debug, Clone)]
struct End {
    terminal: TerminalRecord,
    message: Option<String>,
    denials: Denials,
    /// By model, since the last result.
    part: Option<Part>,
    /// What the line says of the run as a whole.
    whole: Usage,
    /// The session's cost.
    session_cost: Option<Usd>,
}

/// Usage of a part of a run, as it is told by model.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    usage: Usage,
    /// Whether a model has no known price.
    unpriced: bool,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    subtype: Exact,
}

#[derive(Deserialize)]
struct Init {
    #[serde(default)]
    session_id: Exact,
}

#[derive(Deserialize)]
struct ApiRetry {
    #[serde(default)]
    attempt: Words,
    #[serde(default)]
    max_retries: Words,
    #[serde(default)]
    error_status: Count,
    #[serde(default)]
    error: Words,
}

#[derive(Deserialize)]
struct Denied {
    #[serde(default)]
    tool_name: Words,
    #[serde(default)]
    tool_input: Option<Input>,
}

/// What a tool was to do: its command or its file, not the prose beside it.
#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    command: Words,
    #[serde(default)]
    file_path: Words,
    #[serde(default)]
    url: Words,
}

#[derive(Deserialize)]
struct Assistant {
    message: AssistantMessage,
}

#[derive(Deserialize)]
struct AssistantMessage {
    id: String,
    usage: Option<RawUsage>,
}

#[derive(Default, Deserialize)]
struct RawUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    thinking_tokens: Count,
    #[serde(default, rename = "costUSD")]
    cost: Number,
    #[serde(default)]
    cost_basis: Exact,
}

#[derive(Deserialize)]
struct ResultLine {
    #[serde(default)]
    session_id: Exact,
    #[serde(default)]
    subtype: Exact,
    #[serde(default)]
    is_error: Words,
    #[serde(default)]
    result: Exact,
    #[serde(default)]
    errors: Words,
    #[serde(default)]
    terminal_reason: Exact,
    #[serde(default)]
    api_error_status: Count,
    #[serde(default)]
    api_error_type: Exact,
    #[serde(default)]
    api_error: Words,
    usage: Option<RawUsage>,
    #[serde(default)]
    total_cost_usd: Number,
    #[serde(default, rename = "modelUsage")]
    model_usage: Option<BTreeMap<String, ModelUsage>>,
    model_usage_since_last_result: Option<BTreeMap<String, ModelUsage>>,
    #[serde(default)]
    permission_denials: Option<Vec<Denied>>,
}

/// Reasons for the end that are failures, whatever else the line says.
const BAD_REASONS: [&str; 6] =
    ["api_error", "prompt_too_long", "max_turns", "budget_exhausted", "aborted_tools", "aborted_streaming"];

impl Heard for Claude {
    fn line(&mut self, text: &str) {
        let Ok(head) = serde_json::from_str::<Head>(text) else { return };
        match (head.kind.as_str(), head.subtype.0.as_deref()) {
            ("system", Some("init")) => {
                if let Ok(init) = serde_json::from_str::<Init>(text) {
                    self.session = init.session_id.0.or(self.session.take());
                }
            }
            ("system", Some("api_retry")) => {
                if let Ok(retry) = serde_json::from_str::<ApiRetry>(text) {
                    self.stuck_on = Some(retry.complaint());
                }
            }
            ("system", Some("permission_denied")) => {
                if let Ok(denied) = serde_json::from_str::<Denied>(text) {
                    self.denied.add(denied.tool_name.as_str(), None);
                }
            }
            ("assistant", _) => {
                self.stuck_on = None;
                if let Ok(assistant) = serde_json::from_str::<Assistant>(text) {
                    self.count(assistant.message);
                }
            }
            ("user", _) => self.stuck_on = None,
            ("result", _) => {
                if let Ok(result) = serde_json::from_str::<ResultLine>(text) {
                    self.result(result);
                }
            }
            _ => {}
        }
    }
}

impl Claude {
    /// Counts a message once: it has a line for each of its blocks, and they repeat its usage. The output that such a
    /// line tells is its value at the start of the message, and is left out.
    fn count(&mut self, message: AssistantMessage) {
        let Some(usage) = message.usage else { return };
        let mut hasher = DefaultHasher::new();
        message.id.hash(&mut hasher);
        if self.counted.len() < MAX_MESSAGES && self.counted.insert(hasher.finish()) {
            let usage = Usage { output: None, reasoning: None, ..usage.normal() };
            self.so_far = self.so_far.plus(&usage);
        }
    }

    fn result(&mut self, line: ResultLine) {
        if let Some(Part { usage, unpriced }) = self.end.as_ref().and_then(|end| end.part) {
            self.before.usage = self.before.usage.plus(&usage);
            self.before.unpriced |= unpriced;
        }
        if line.session_id.0.is_some() {
            self.session.clone_from(&line.session_id.0);
        }
        self.stuck_on = None;
        let terminal = line.terminal();
        let message = line.result.0.clone().filter(|_| terminal == TerminalRecord::Completed);
        let unpriced =
            line.model_usage.as_ref().is_some_and(|models| models.values().any(ModelUsage::unpriced));
        let mut denials = Denials::default();
        for denied in line.permission_denials.unwrap_or_default() {
            let input = denied.tool_input.map(|input| [input.command, input.file_path, input.url]);
            let what = input.and_then(|input| input.into_iter().find_map(|words| words.0));
            denials.add(denied.tool_name.as_str(), what.as_deref());
        }
        self.end = Some(End {
            terminal,
            message,
            denials,
            part: line.model_usage_since_last_result.as_ref().map(Part::of),
            whole: line.usage.as_ref().map(RawUsage::normal).unwrap_or_default(),
            session_cost: line.total_cost_usd.0.and_then(Usd::from_dollars).filter(|_| !unpriced),
        });
    }

    /// What the run used, and whether its cost is the session's.
    fn usage(&self) -> (Usage, Scope) {
        let Some(end) = &self.end else { return (Usage::default(), Scope::Run) };
        let Some(part) = end.part else {
            let cost = end.session_cost;
            let cost_source = cost.map(|_| CostSource::Harness);
            return (Usage { cost, cost_source, ..end.whole }, Scope::Session);
        };
        // Where nothing was used there is no model: the line itself says that it was nothing.
        let own = if part.usage.is_unknown() { end.whole } else { part.usage };
        let mut usage = self.before.usage.plus(&own);
        if part.unpriced || self.before.unpriced {
            usage.cost = None;
        } else if usage.cost.is_none() && own.tokens() == Some(0) {
            usage.cost = Some(Usd::default());
        }
        usage.cost_source = usage.cost.map(|_| CostSource::Harness);
        (usage, Scope::Run)
    }

    pub(super) fn spoken(self) -> Spoken {
        let (usage, cost_is) = self.usage();
        let (terminal, final_message, denials) = match self.end {
            Some(End { terminal, message, denials, .. }) => (terminal, message, denials),
            None => (TerminalRecord::Missing { stuck_on: self.stuck_on }, None, self.denied),
        };
        Spoken {
            session: self.session,
            final_message,
            terminal,
            usage,
            tokens_are: Scope::Run,
            cost_is,
            denials: denials.into_lines(),
        }
    }

    /// The sum over the messages that were seen, until the result says it all.
    pub(super) fn usage_so_far(&self) -> Usage {
        match (&self.end, self.usage()) {
            (None, _) => self.so_far,
            (Some(_), (usage, Scope::Run)) => usage,
            (Some(_), (usage, Scope::Session)) => Usage { cost: None, cost_source: None, ..usage },
        }
    }
}

impl ResultLine {
    fn terminal(&self) -> TerminalRecord {
        let reason = self.terminal_reason.0.as_deref().unwrap_or_default();
        let subtype = self.subtype.0.as_deref().unwrap_or_default();
        let failed =
            self.is_error.as_str() == "true" || BAD_REASONS.contains(&reason) || subtype.starts_with("error");
        if !failed {
            return TerminalRecord::Completed;
        }
        let words = [self.result.0.as_deref(), self.errors.0.as_deref(), self.api_error.0.as_deref()];
        let words = words.into_iter().flatten().find(|words| !words.trim().is_empty());
        let message = words.map_or_else(|| format!("{subtype} {reason}").trim().to_owned(), str::to_owned);
        let kind = self.api_error_type.0.as_deref().unwrap_or_default();
        // Its word for the end is a name of the error where it names one, and else says only that there was one.
        let reason = if reason == "api_error" { "" } else { reason };
        let names = [reason, subtype, kind, self.api_error.as_str()];
        TerminalRecord::Failed(Complaint::with_signs(
            message,
            &Signs { status: self.api_error_status.0, names: &names },
        ))
    }
}

impl ApiRetry {
    fn complaint(&self) -> Complaint {
        let (attempt, of) = (self.attempt.as_str(), self.max_retries.as_str());
        let error = self.error.as_str();
        let status = self.error_status.0.map(|status| format!("{status} ")).unwrap_or_default();
        let names = [error];
        let signs = Signs { status: self.error_status.0, names: &names };
        let mut complaint =
            Complaint::with_signs(format!("retry {attempt} of {of}: {status}{error}"), &signs);
        if signs.status.is_none() && complaint.trouble == Trouble::Other {
            // It tries again without an answer only where there was none.
            complaint.trouble = Trouble::Infrastructure(crate::domain::result::InfrastructureClass::Network);
        }
        complaint
    }
}

impl RawUsage {
    /// Its parts are disjoint: the input excludes what was read from and written to the cache.
    fn normal(&self) -> Usage {
        Usage {
            input_uncached: self.input_tokens.0,
            cache_read: self.cache_read_input_tokens.0,
            cache_write: self.cache_creation_input_tokens.0,
            output: self.output_tokens.0,
            reasoning: self.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens.0),
            ..Usage::default()
        }
    }
}

impl ModelUsage {
    /// Whether its cost is a guess: an unknown model has a price of another.
    fn unpriced(&self) -> bool {
        self.cost_basis.0.as_deref() == Some("unknown")
    }

    fn normal(&self) -> Usage {
        Usage {
            input_uncached: self.input_tokens.0,
            cache_read: self.cache_read_input_tokens.0,
            cache_write: self.cache_creation_input_tokens.0,
            output: self.output_tokens.0,
            reasoning: self.thinking_tokens.0,
            cost: self.cost.0.and_then(Usd::from_dollars),
            cost_source: None,
        }
    }
}

impl Part {
    fn of(models: &BTreeMap<String, ModelUsage>) -> Self {
        let usage = models.values().fold(Usage::default(), |so_far, model| so_far.plus(&model.normal()));
        let no_cost = models.values().any(|model| model.unpriced() || model.cost.0.is_none());
        Self { usage, unpriced: no_cost }
    }
}
