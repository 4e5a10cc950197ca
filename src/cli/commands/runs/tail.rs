//! `millrace runs tail`

mod follow;
mod launches;
mod part;

use clap::{Args, ValueEnum};
use serde::Serialize;

use launches::Launches;
use part::{Part, kept, newest_lines, nothing_kept};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, say};
use crate::domain::ids::RunId;
use crate::harness::invocation::{STDERR_FILE, STDOUT_FILE};

/// Show what the newest launch of a run has to say.
///
/// Of a stage that is under way that is what its harness has printed so far: whole lines, as they stand (the Codex CLI
/// prints one JSON object a line). Of one that has ended it is what the ledger keeps: the stage's report, else its final
/// message, else the tail of its stdout, else that of its stderr, else the record of its result. Secrets are redacted,
/// and what could move a terminal's cursor is escaped.
///
/// With `-f` each new line is shown as it comes, and one stage after the other, until the run ends or an INT. Which
/// launch the lines are from is said on stderr; with `--json` each line is an envelope of its own.
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// The run, or a beginning of its id that no other run has; or an item, for its latest run.
    #[arg(value_name = "RUN|ITEM")]
    run: String,

    /// Go on, and show new lines as they come.
    #[arg(short = 'f', long)]
    follow: bool,

    /// Show this, instead of the best there is.
    #[arg(long, value_enum, value_name = "STREAM")]
    stream: Option<Stream>,

    /// Lines that are shown of each text, the last ones; 0 shows all.
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 100)]
    lines: usize,

    /// Another launch than the newest, by its number.
    #[arg(long, value_name = "N")]
    launch: Option<u32>,
}

/// What a launch leaves to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stream {
    /// What the harness prints.
    Stdout,
    /// What it complains about.
    Stderr,
    /// Its final message; kept when the stage has ended.
    Final,
    /// The files that the stage wrote about its work; kept when it has ended.
    Report,
}

/// What one launch has to say.
#[derive(Debug, Serialize)]
struct Tail {
    run: RunId,
    /// The launch's folder: `03-fixer`.
    launch: String,
    /// Whether it has no end yet.
    under_way: bool,
    parts: Vec<Part>,
}

impl TailArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let run = lookup::run_or_latest(&view, &self.run)?;
        let launches = Launches::of(&view, &run)?;
        let number = launches.pick(self.launch)?;
        if self.follow {
            return follow::follow(context, &project, self, &run, number);
        }
        let launch = launches.name(number);
        let live = launches.live.as_ref().filter(|live| live.number == number);
        let parts = match live {
            None => kept(&view, &run, &launch, self.stream, self.lines)?,
            Some(live) => {
                let Some(name) = live_name(self.stream) else {
                    return Err(Failure::failed(format!(
                        "{launch} of run {run} is under way: what it reports is kept when it has ended"
                    ))
                    .hint("`--stream stdout` shows what it prints meanwhile"));
                };
                let mut stream = live.stream(&project, &view, name)?;
                let text = stream
                    .read()
                    .map_err(|error| Failure::failed(format!("cannot read what {launch} prints: {error}")))?;
                let (text, left_out) = newest_lines(&text, self.lines);
                vec![Part { name: name.to_owned(), text: text.to_owned(), left_out }]
            }
        };
        if parts.is_empty() {
            return Err(Failure::failed(nothing_kept(&run, &launch, self.stream))
                .hint(format!("`millrace runs show {run}` lists what it keeps")));
        }
        for part in &parts {
            part.say_left_out();
        }
        let under_way = live.is_some();
        if under_way && parts.iter().all(|part| part.text.is_empty()) {
            say(&format!("{launch} is under way and has printed nothing yet"));
        }
        answer(context, &Tail { run, launch, under_way, parts })
    }
}

/// The file of the invocation directory that this is read from while the stage runs; none where there is none yet.
fn live_name(stream: Option<Stream>) -> Option<&'static str> {
    match stream {
        None | Some(Stream::Stdout) => Some(STDOUT_FILE),
        Some(Stream::Stderr) => Some(STDERR_FILE),
        Some(Stream::Final | Stream::Report) => None,
    }
}

impl Answer for Tail {
    const KIND: &'static str = "runs_tail";

    fn text(&self, page: &mut Page) {
        for part in &self.parts {
            if self.parts.len() > 1 {
                page.gap();
                page.line(format!("==> {} <==", part.name));
            }
            page.foreign(&part.text);
        }
    }
}
