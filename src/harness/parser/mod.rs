//! Parsers: from what a harness wrote to what it said. One form for all harnesses; a parser knows no adapter and
//! decides nothing.

mod claude;
mod codex;
mod denials;
mod json;
mod lines;
mod listener;
mod mapped;
mod path;
mod retry;
pub mod rollout;
mod text;
mod trouble;
mod words;

pub use listener::{Listener, listen, read};
pub use retry::Retry;
pub use trouble::{Complaint, Signs, Trouble, classify};

use denials::Denials;

pub use crate::format::config::{Field, Gather, Mapping, Parser, Rule, Scope};

use crate::domain::usage::Usage;

/// Bytes of a final message that are kept. Markers stand at its end, but nobody writes megabytes before one.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// What a harness said, whatever it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The id by which its session is resumed.
    pub session: Option<String>,
    /// The agent's final message; earlier ones are commentary.
    pub final_message: Option<String>,
    /// Its own word about its end.
    pub terminal: crate::harness::judge::TerminalRecord,
    /// What it used, as it said it.
    pub usage: Usage,
    /// Whether its tokens are those of this run or of the whole session.
    pub tokens_are: Scope,
    /// The same of its cost.
    pub cost_is: Scope,
    /// What it refused its agent, a line each.
    pub denials: Vec<String>,
}

/// Somebody who is given the lines of a stream, one after another, without their ends.
trait Heard {
    /// Takes a line.
    fn line(&mut self, text: &str);
}
