//! Reading Codex's JSONL: the thread, the final message, the terminal record, usage.

use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;

use crate::domain::usage::Usage;

/// Bytes of one line that are looked at. Tool output makes lines of some megabytes, and is not what is looked for.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// What a stream says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodexStream {
    /// The id to resume by.
    pub thread_id: Option<String>,
    /// The last agent message; earlier ones are commentary.
    pub last_message: Option<String>,
    /// The terminal record: whether the turn completed, or the message with which it failed. The last one counts.
    pub terminal: Option<Result<(), String>>,
    /// Usage of the whole thread, from its terminal record; unknown for a turn that failed or was killed.
    pub usage: Usage,
    /// The last `error` notice, if nothing came after it: what it was stuck in when it was ended.
    pub stuck_on: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    thread_id: Option<String>,
    item: Option<Item>,
    error: Option<Message>,
    message: Option<String>,
    usage: Option<RawUsage>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    message: Option<String>,
}

#[derive(Deserialize)]
struct RawUsage {
    #[serde(rename = "input_tokens")]
    input: Option<u64>,
    #[serde(rename = "cached_input_tokens")]
    cached: Option<u64>,
    #[serde(rename = "cache_write_input_tokens")]
    cache_write: Option<u64>,
    #[serde(rename = "output_tokens")]
    output: Option<u64>,
    #[serde(rename = "reasoning_output_tokens")]
    reasoning: Option<u64>,
}

/// Reads a stream to its end. Lines that are no JSON, of no known type or too long are passed over; bytes that are
/// not UTF-8 are replaced, not refused.
pub fn read_stream(stream: impl Read) -> io::Result<CodexStream> {
    let mut reader = BufReader::new(stream);
    let mut said = CodexStream::default();
    let mut line = Vec::new();
    while next_line(&mut reader, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        if let Ok(parsed) = serde_json::from_str::<Line>(text.trim()) {
            said.take(parsed);
        }
    }
    Ok(said)
}

/// Reads the next line into `line`, which is left empty for one that is too long. Whether there was one.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if reader.by_ref().take(MAX_LINE).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n') {
        line.clear();
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

impl CodexStream {
    fn take(&mut self, line: Line) {
        match line.kind.as_str() {
            "thread.started" => self.thread_id = line.thread_id.or(self.thread_id.take()),
            "error" => {
                self.stuck_on = line.message;
                return;
            }
            "item.completed" => {
                if let Some(item) = line.item
                    && item.kind == "agent_message"
                    && item.text.is_some()
                {
                    self.last_message = item.text;
                }
            }
            "turn.completed" => {
                self.terminal = Some(Ok(()));
                self.usage = line.usage.as_ref().map(normal).unwrap_or_default();
            }
            "turn.failed" => {
                let message = line.error.and_then(|error| error.message);
                self.terminal = Some(Err(message.unwrap_or_else(|| "no message".to_owned())));
            }
            _ => {}
        }
        self.stuck_on = None;
    }
}

/// Codex's input includes what came from the cache; the normal form does not.
fn normal(raw: &RawUsage) -> Usage {
    Usage {
        input_uncached: raw.input.map(|input| input.saturating_sub(raw.cached.unwrap_or_default())),
        cache_read: raw.cached,
        cache_write: raw.cache_write,
        output: raw.output,
        reasoning: raw.reasoning,
        ..Usage::default()
    }
}
