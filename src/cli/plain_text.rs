//! What a program prints, made harmless for a terminal while it passes: text stays, and colour where it is wanted;
//! everything else that a terminal would obey is shown instead.

use std::io::{self, Write};

use crate::format::quote::is_direction_control;

/// Bytes of a line that are held back at most: a longer one goes on in pieces.
const HELD: usize = 64 * 1024;

/// Bytes of a colour at most, from its escape to its `m`.
const COLOUR: usize = 32;

/// A writer that passes text on.
pub(crate) struct PlainText<W: Write> {
    sink: W,
    /// Whether sequences that colour are passed on.
    colour: bool,
    line: Vec<u8>,
}

impl<W: Write> PlainText<W> {
    pub(crate) fn new(sink: W, colour: bool) -> Self {
        Self { sink, colour, line: Vec::new() }
    }

    /// Passes on what is held back.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        self.pass(&line)
    }

    fn pass(&mut self, line: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(line);
        self.sink.write_all(harmless(&text, self.colour).as_bytes())
    }
}

impl<W: Write> Write for PlainText<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= HELD {
                let line = std::mem::take(&mut self.line);
                self.pass(&line)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn harmless(text: &str, colour: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = colouring(rest).filter(|_| colour) {
            clean.push_str(sequence);
            rest = &rest[sequence.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let ends_line = c == '\r' && rest.starts_with('\n');
        if matches!(c, '\n' | '\t') || ends_line || !(c.is_control() || is_direction_control(c)) {
            clean.push(c);
        } else {
            clean.extend(c.escape_debug());
        }
    }
    clean
}

/// The sequence that colours or ends colouring, or clears the rest of a line as git does behind a background; none where
/// the text does not begin with one.
fn colouring(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let end = inner.bytes().take(COLOUR).position(|byte| !(byte.is_ascii_digit() || byte == b';'))?;
    matches!(inner.as_bytes()[end], b'm' | b'K').then(|| &text[..end + "\u{1b}[m".len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: &[&[u8]], colour: bool) -> String {
        let mut sink = Vec::new();
        let mut plain = PlainText::new(&mut sink, colour);
        for piece in pieces {
            plain.write_all(piece).unwrap();
        }
        plain.finish().unwrap();
        String::from_utf8(sink).unwrap()
    }

    #[test]
    fn a_terminal_gets_text_and_colour_alone() {
        let text = "\u{1b}[32m+a\u{1b}[m\tb\u{1b}]0;title\u{7}\u{1b}[2J\r\nc\rd\u{202e}\u{9b}1m\n".as_bytes();
        let shown = "\t_b\\u{1b}]0;title\\u{7}\\u{1b}[2J\r\nc\\rd\\u{202e}\\u{9b}1m\n".replace('_', "");
        assert_eq!(passed(&[text], true), format!("\u{1b}[32m+a\u{1b}[m{shown}"));
        assert_eq!(passed(&[text], false), format!("\\u{{1b}}[32m+a\\u{{1b}}[m{shown}"));
        // Where it is cut while it passes makes no difference.
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(passed(&bytes, true), passed(&[text], true));
        assert_eq!(passed(&[b"\xff and no end"], true), "\u{fffd} and no end");
    }

    #[test]
    fn a_line_without_an_end_is_not_held_back_for_ever() {
        let long = vec![b'a'; 3 * HELD];
        let mut sink = Vec::new();
        let mut plain = PlainText::new(&mut sink, true);
        plain.write_all(&long[..2 * HELD]).unwrap();
        assert!(plain.line.len() < HELD);
        plain.finish().unwrap();
        assert_eq!(sink.len(), 2 * HELD);
    }
}
