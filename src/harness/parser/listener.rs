//! Listening to a harness: what it said until now, whatever it speaks, in bounded memory.

use std::io::{self, Read};

use super::claude::Claude;
use super::codex::Codex;
use super::json::Json;
use super::lines::Lines;
use super::mapped::Mapped;
use super::text::Text;
use super::{Heard, Parser, Spoken};
use crate::domain::usage::Usage;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// Takes the output of a harness as it comes. Lines that are no JSON, of no known kind or too long are passed over;
/// bytes that are not UTF-8 are replaced, not refused.
#[derive(Debug, Clone)]
pub struct Listener {
    lines: Lines,
    tongue: Tongue,
}

#[derive(Debug, Clone)]
enum Tongue {
    Codex(Codex),
    Claude(Box<Claude>),
    Mapped(Box<Mapped>),
    Json(Box<Json>),
    Text(Text),
}

impl Heard for Tongue {
    fn line(&mut self, text: &str) {
        match self {
            Self::Codex(codex) => codex.line(text),
            Self::Claude(claude) => claude.line(text),
            Self::Mapped(mapped) => mapped.line(text),
            Self::Json(_) | Self::Text(_) => {}
        }
    }
}

impl Listener {
    /// A listener that has heard nothing.
    #[must_use]
    pub fn new(parser: &Parser) -> Self {
        let tongue = match parser {
            Parser::CodexJsonl => Tongue::Codex(Codex::default()),
            Parser::ClaudeStream => Tongue::Claude(Box::default()),
            Parser::Jsonl(mapping) => Tongue::Mapped(Box::new(Mapped::new(mapping))),
            Parser::Json(mapping) => Tongue::Json(Box::new(Json::new(mapping))),
            Parser::Text => Tongue::Text(Text::default()),
        };
        Self { lines: Lines::default(), tongue }
    }

    /// Takes the next bytes, cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        match &mut self.tongue {
            Tongue::Json(json) => json.take(bytes),
            Tongue::Text(text) => text.take(bytes),
            tongue => self.lines.take(bytes, tongue),
        }
    }

    /// Bytes are missing before the next ones.
    pub fn gap(&mut self) {
        match &mut self.tongue {
            Tongue::Json(json) => json.gap(),
            Tongue::Text(text) => text.gap(),
            Tongue::Mapped(mapped) => {
                mapped.gap();
                self.lines.gap();
            }
            Tongue::Codex(_) | Tongue::Claude(_) => self.lines.gap(),
        }
    }

    /// What was said, if this is the end of it.
    #[must_use]
    pub fn spoken(&self) -> Spoken {
        match &self.tongue {
            Tongue::Json(json) => json.spoken(),
            Tongue::Text(text) => text.spoken(),
            tongue => {
                let mut tongue = tongue.clone();
                self.lines.rest(&mut tongue);
                match tongue {
                    Tongue::Codex(codex) => codex.spoken(),
                    Tongue::Claude(claude) => claude.spoken(),
                    Tongue::Mapped(mapped) => mapped.spoken(false),
                    Tongue::Json(json) => json.spoken(),
                    Tongue::Text(text) => text.spoken(),
                }
            }
        }
    }

    /// What this run has used at least, by what it told until now; what it has not told is unknown. Of a harness whose
    /// numbers are those of its session (Codex) nothing, for they hold the session's past.
    #[must_use]
    pub fn usage_so_far(&self) -> Usage {
        match &self.tongue {
            Tongue::Claude(claude) => claude.usage_so_far(),
            Tongue::Mapped(mapped) => mapped.usage_so_far(),
            Tongue::Codex(_) | Tongue::Json(_) | Tongue::Text(_) => Usage::default(),
        }
    }
}

/// Reads a whole output.
pub fn read(parser: &Parser, stream: impl Read) -> io::Result<Spoken> {
    let mut listener = Listener::new(parser);
    listen(&mut listener, stream)?;
    Ok(listener.spoken())
}

/// Takes everything that a stream gives.
pub fn listen(listener: &mut Listener, stream: impl Read) -> io::Result<()> {
    pieces(stream, |piece| listener.take(piece))
}

/// Everything that a stream gives, piece by piece.
pub(super) fn pieces(mut stream: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&piece[..length]),
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
}
