//! The one way to stdout. A reader that has gone ends this program as it ends git: by the signal, without a word.

use std::io::{self, Write};

use serde::Serialize;
use signal_hook::consts::SIGPIPE;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::page::Page;

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
    if context.json {
        let envelope = Envelope { format: JSON_FORMAT, kind: A::KIND, data: answer };
        let mut bytes = serde_json::to_vec(&envelope)
            .map_err(|error| Failure::failed(format!("cannot render the answer: {error}")))?;
        bytes.push(b'\n');
        return Ok(bytes);
    }
    let mut page = Page::of_width(width());
    answer.text(&mut page);
    Ok(page.into_text().into_bytes())
}

/// The columns of the terminal that stdout is, if it is one.
fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Prints an answer, and tells how the program ends.
pub(crate) fn answer<A: Answer>(context: &Context, answer: &A) -> Result<Exit, Failure> {
    print(&render(context, answer)?)?;
    Ok(answer.exit())
}

/// Prints bytes.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    try_print(bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // Does not return.
            let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
        }
        Failure::failed(format!("cannot write to stdout: {error}"))
    })
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
