//! The one way to stdout. A reader that has gone ends this program as it ends git: by the signal, without a word.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;
use signal_hook::consts::SIGPIPE;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::page::Page;
use crate::format::quote::is_direction_control;

/// What a command answers: rendered as text, or as JSON.
pub(crate) trait Answer: Serialize {
    /// What kind of answer it is; part of the JSON contract.
    const KIND: &'static str;

    /// The answer as text.
    fn text(&self, page: &mut Page);

    /// How the program ends after it.
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

/// The envelope of every JSON answer; one to a line.
#[derive(Serialize)]
struct Envelope<'a, T: Serialize> {
    format: u32,
    kind: &'static str,
    data: &'a T,
}

/// The version of the JSON envelope and of what is in it.
const JSON_FORMAT: u32 = 1;

/// The bytes of an answer.
pub(crate) fn render<A: Answer>(context: &Context, answer: &A) -> Result<Vec<u8>, Failure> {
    render_as(context, false, answer)
}

/// The same, with colour where its text has any.
pub(crate) fn render_as<A: Answer>(context: &Context, colour: bool, answer: &A) -> Result<Vec<u8>, Failure> {
    if context.json {
        let envelope = Envelope { format: JSON_FORMAT, kind: A::KIND, data: answer };
        let json = serde_json::to_string(&envelope)
            .map_err(|error| Failure::failed(format!("cannot render the answer: {error}")))?;
        return Ok(harmless(&json).into_bytes());
    }
    let mut page = Page::of_width(width()).coloured(colour);
    answer.text(&mut page);
    Ok(page.into_text().into_bytes())
}

/// The columns of a line, as git tells them: what `COLUMNS` says, or those of the terminal that stdout is, if it is one.
pub(crate) fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    if let Some(columns) = said.filter(|columns| *columns > 0) {
        return Some(columns);
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// JSON as one line, with everything escaped that a terminal could take for more than text. JSON itself wants that of
/// the first 32 characters only.
fn harmless(json: &str) -> String {
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if c.is_control() || is_direction_control(c) {
            // It stands in a string, where this is the same character; none has more than four digits. Writing to a
            // string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// Prints an answer, and tells how the program ends.
pub(crate) fn answer<A: Answer>(context: &Context, answer: &A) -> Result<Exit, Failure> {
    print(&render(context, answer)?)?;
    Ok(answer.exit())
}

/// Prints bytes.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    try_print(bytes).map_err(|error| broken(&error))
}

/// What comes of a stdout that cannot be written to.
pub(crate) fn broken(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Does not return.
        let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
    }
    Failure::failed(format!("cannot write to stdout: {error}"))
}

/// Prints bytes; what goes wrong is the caller's business.
pub(crate) fn try_print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Something that is no answer, for people.
pub(crate) fn say(line: &str) {
    // Whoever closes stderr does not want to hear it.
    let _ = writeln!(io::stderr(), "{}", crate::format::quote::one_line(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_nothing_that_a_terminal_takes_for_more_than_text() {
        let text = "a\u{1b}[1m \u{9b}2J \u{202e}b \u{7f} gr\u{fc}n";
        let line = harmless(&serde_json::to_string(text).unwrap());
        assert_eq!(line, "\"a\\u001b[1m \\u009b2J \\u202eb \\u007f gr\u{fc}n\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
