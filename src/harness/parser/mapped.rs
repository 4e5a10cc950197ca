//! JSON of a harness that nobody here has seen, read by the mapping of its configuration.

use std::sync::Arc;

use super::path::{Found, Paths};
use super::trouble::Complaint;
use super::words::{Value, count, number, start_of};
use super::{Denials, Heard, MAX_MESSAGE, Spoken};
use super::{Field, Gather, Mapping, Rule, Scope};
use crate::domain::usage::{CostSource, Usage, Usd};
use crate::harness::judge::TerminalRecord;

/// What was heard, by a mapping.
#[derive(Debug, Clone)]
pub(super) struct Mapped {
    mapping: Arc<Mapping>,
    paths: Arc<Paths>,
    session: Option<String>,
    message: Option<String>,
    /// Whether the line before this one gave a part of the message.
    joining: bool,
    error: Option<String>,
    terminal: bool,
    denials: Denials,
    tokens: Tokens,
    cost: Option<f64>,
    /// What is added up, and whether parts of it are missing: then nobody knows the sum.
    sums: Sums,
}

/// Which numbers are sums of many lines.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    of_tokens: bool,
    of_cost: bool,
    gap: bool,
}

/// The counts of tokens, as they are told.
#[derive(Debug, Clone, Copy, Default)]
struct Tokens {
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
}

impl Heard for Mapped {
    fn line(&mut self, text: &str) {
        let Some(found) = self.paths.find(text) else { return };
        let mapping = Arc::clone(&self.mapping);
        let fits = |rule: &&Rule| {
            rule.when.iter().all(|(path, text)| {
                at(&found, path).any(|value| value.clone().text().is_some_and(|found| found == *text))
            })
        };
        let mut error = None;
        let mut spoke = false;
        for rule in mapping.rules.iter().filter(fits) {
            for (field, path) in &rule.take {
                for value in at(&found, path) {
                    match field {
                        Field::Error => error = failure(value).or(error),
                        Field::FinalMessage => spoke |= self.speak(value, rule.gather),
                        other => self.take(*other, value, rule.gather),
                    }
                }
            }
        }
        self.joining = spoke;
        if error.is_some() {
            self.error = error;
        } else if spoke {
            self.error = None;
        }
    }
}

impl Mapped {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let mut paths = Paths::default();
        for rule in &mapping.rules {
            for path in rule.when.keys().chain(rule.take.values()) {
                paths.add(path);
            }
        }
        Self {
            mapping: Arc::new(mapping.clone()),
            paths: Arc::new(paths),
            session: None,
            message: None,
            joining: false,
            error: None,
            terminal: false,
            denials: Denials::default(),
            tokens: Tokens::default(),
            cost: None,
            sums: Sums::default(),
        }
    }

    /// Lines are missing before the next ones.
    pub(super) fn gap(&mut self) {
        self.sums.gap = true;
    }

    /// Takes a message, or a part of one; whether there was any.
    fn speak(&mut self, value: &Value, gather: Gather) -> bool {
        let Some(text) = value.clone().text() else { return false };
        match &mut self.message {
            Some(message) if gather == Gather::Join && self.joining => {
                let room = MAX_MESSAGE.saturating_sub(message.len());
                message.push_str(start_of(&text, room));
            }
            message => {
                *message = Some(text);
                // More of the same line belongs to it.
                self.joining = true;
            }
        }
        true
    }

    fn take(&mut self, field: Field, value: &Value, gather: Gather) {
        let text = value.clone().text();
        match field {
            Field::Terminal => self.terminal = true,
            Field::SessionId => self.session = text.filter(|id| !id.is_empty()).or(self.session.take()),
            Field::Denial => {
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    self.denials.add(&text, None);
                }
            }
            Field::Cost => {
                let Some(amount) = plain(value).and_then(number) else { return };
                self.sums.of_cost |= gather == Gather::Sum;
                self.cost = Some(match (self.cost, gather) {
                    (Some(before), Gather::Sum) => before + amount,
                    (Some(before), Gather::Max) => before.max(amount),
                    _ => amount,
                });
            }
            Field::Input | Field::CacheRead | Field::CacheWrite | Field::Output | Field::Reasoning => {
                let Some(amount) = plain(value).and_then(count) else { return };
                self.sums.of_tokens |= gather == Gather::Sum;
                let slot = match field {
                    Field::CacheRead => &mut self.tokens.cache_read,
                    Field::CacheWrite => &mut self.tokens.cache_write,
                    Field::Output => &mut self.tokens.output,
                    Field::Reasoning => &mut self.tokens.reasoning,
                    _ => &mut self.tokens.input,
                };
                *slot = Some(match (*slot, gather) {
                    (Some(before), Gather::Sum) => before.saturating_add(amount),
                    (Some(before), Gather::Max) => before.max(amount),
                    _ => amount,
                });
            }
            Field::FinalMessage | Field::Error => {}
        }
    }

    /// The usage in the normal form.
    fn usage(&self) -> Usage {
        let Tokens { input, cache_read, cache_write, output, reasoning } = self.tokens;
        let cached = if self.mapping.input_includes_cached { cache_read.unwrap_or_default() } else { 0 };
        let cost = self.cost.and_then(Usd::from_dollars);
        Usage {
            input_uncached: input.map(|input| input.saturating_sub(cached)),
            cache_read,
            cache_write,
            output,
            reasoning,
            cost,
            cost_source: cost.map(|_| CostSource::Harness),
        }
    }

    /// `complete`: the whole of what was read is a terminal record of its own.
    pub(super) fn spoken(self, complete: bool) -> Spoken {
        let mut usage = self.usage();
        if self.sums.gap && self.sums.of_tokens {
            usage = Usage { cost: usage.cost, cost_source: usage.cost_source, ..Usage::default() };
        }
        if self.sums.gap && self.sums.of_cost {
            (usage.cost, usage.cost_source) = (None, None);
        }
        let takes = |field| self.mapping.rules.iter().any(|rule| rule.take.contains_key(&field));
        let terminal = match self.error {
            Some(message) => TerminalRecord::Failed(Complaint::new(message)),
            None if self.terminal => TerminalRecord::Completed,
            None if takes(Field::Terminal) => TerminalRecord::Missing { stuck_on: None },
            None if complete => TerminalRecord::Completed,
            None => TerminalRecord::NotExpected,
        };
        Spoken {
            session: self.session,
            final_message: self.message,
            terminal,
            usage,
            tokens_are: self.mapping.tokens_are,
            cost_is: self.mapping.cost_is,
            denials: self.denials.into_lines(),
        }
    }

    /// What is known so far, where it is told of this run.
    pub(super) fn usage_so_far(&self) -> Usage {
        let usage = self.usage();
        let tokens = if self.mapping.tokens_are == Scope::Run { usage } else { Usage::default() };
        let cost = usage.cost.filter(|_| self.mapping.cost_is == Scope::Run);
        Usage { cost, cost_source: cost.and(usage.cost_source), ..tokens }
    }
}

/// The text of a value that can be a number: no list of numbers is one.
fn plain(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Plain(text) => Some(text),
        Value::Nothing | Value::Within(_) => None,
    }
}

/// What was found at a path.
fn at<'f>(found: &'f Found, path: &'f str) -> impl Iterator<Item = &'f Value> {
    found.iter().filter(move |(at, _)| at == path).map(|(_, value)| value)
}

/// The message of a failure, where the value is one.
fn failure(value: &Value) -> Option<String> {
    let text = value.clone().text()?;
    match text.trim() {
        "" if matches!(value, Value::Text(_)) => None,
        "false" => None,
        "" | "true" => Some("the harness says that it failed".to_owned()),
        _ => Some(text),
    }
}
