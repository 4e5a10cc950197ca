//! Following a run: what its stages print while they do, one after the other, until it ends.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::launches::Launches;
use super::part::{Part, kept, newest_lines, nothing_kept};
use super::{Stream, TailArguments, live_name};
use crate::cli::coming::standstill;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, print, say};
use crate::cli::watch::{LOOK, Watch};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::view::TreeView;
use crate::runtime::live::LiveStream;
use crate::runtime::project::Project;

/// Time between two looks at what the ledger does not tell: whether a runtime lives, and what keeps it.
const LOOK_AROUND: Duration = Duration::from_secs(2);

/// One line that a launch printed or left.
#[derive(Debug, Serialize)]
struct Line<'a> {
    run: &'a RunId,
    launch: &'a str,
    /// The file that it is from.
    name: &'a str,
    text: &'a str,
}

impl Answer for Line<'_> {
    const KIND: &'static str = "runs_tail_line";

    fn text(&self, page: &mut Page) {
        page.foreign(self.text);
    }
}

/// A launch that is under way, and its stream.
struct Open {
    number: u32,
    launch: String,
    name: &'static str,
    stream: LiveStream,
    /// Lines that are shown of what is there already; none once that is done.
    only: Option<usize>,
}

struct Follower<'a> {
    context: &'a Context,
    project: &'a Project,
    arguments: &'a TailArguments,
    run: &'a RunId,
    /// The next launch to show.
    next: u32,
    open: Option<Open>,
    /// How many lines the first launch is cut to; later ones are shown from their beginnings.
    first: Option<usize>,
}

pub(super) fn follow(
    context: &Context,
    project: &Project,
    arguments: &TailArguments,
    run: &RunId,
    number: u32,
) -> Result<Exit, Failure> {
    let mut watch = Watch::begin()?;
    let first = Some(arguments.lines);
    let mut follower = Follower { context, project, arguments, run, next: number, open: None, first };
    let mut seen: Option<Oid> = None;
    let mut looked_around = Instant::now();
    loop {
        if let Some(tip) = watch.seen(project.store.resolve(&RefName::State))
            && (tip != seen || seen.is_none())
        {
            let trees = project.trees();
            let now = project.view(&trees).map_err(Failure::from).and_then(|view| {
                if view.entry(&place::run_record(run))?.is_none() {
                    return Ok(None);
                }
                Ok(Some((Launches::of(&view, run)?, view)))
            });
            if let Some(now) = watch.seen(now) {
                let Some((launches, view)) = now else {
                    return Err(Failure::failed(format!(
                        "run {run} is not there any more: the ledger was set back"
                    ))
                    .hint("`millrace runs ls` shows the runs"));
                };
                seen = tip;
                follower.go_on(&view, &launches)?;
                if let Some(end) = launches.end.filter(|_| follower.open.is_none()) {
                    say(&format!("run {run} ended {}: {}", end.ending.as_str(), end.reason));
                    return Ok(Exit::Done);
                }
                if follower.is_over() {
                    return Ok(Exit::Done);
                }
            }
        }
        follower.print_new()?;
        if !watch.rest(LOOK) {
            return Ok(Exit::Done);
        }
        if looked_around.elapsed() >= LOOK_AROUND {
            looked_around = Instant::now();
            let trees = project.trees();
            let view = project.view(&trees).map_err(Failure::from);
            if let Some(why) = watch.seen(view.and_then(|view| standstill(project, &view))).flatten() {
                watch.say_once(&why);
            }
        }
    }
}

impl Follower<'_> {
    /// Whether the one launch that was asked for is shown.
    fn is_over(&self) -> bool {
        self.open.is_none() && self.arguments.launch.is_some_and(|asked| self.next > asked)
    }

    /// Shows what has ended and opens what has begun.
    fn go_on(&mut self, view: &TreeView<'_, '_>, launches: &Launches) -> Result<(), Failure> {
        let live = launches.live.as_ref();
        if let Some(open) = self.open.take_if(|open| live.is_none_or(|live| live.number != open.number)) {
            self.close(view, open)?;
        }
        while self.open.is_none() && self.next <= launches.newest() && !self.is_over() {
            let launch = launches.name(self.next);
            match (live.filter(|live| live.number == self.next), live_name(self.arguments.stream)) {
                // Shown when it has ended.
                (Some(_), None) => break,
                (Some(live), Some(name)) => {
                    say(&format!("==> {launch} {name}"));
                    let stream = live.stream(self.project, view, name)?;
                    let only = self.first.take();
                    self.open = Some(Open { number: live.number, launch, name, stream, only });
                }
                // The one to begin with, or one that came and went between two looks.
                (None, _) => {
                    let first = self.first.take();
                    let stream = match first {
                        Some(_) => self.arguments.stream,
                        None => self.arguments.stream.or(Some(Stream::Stdout)),
                    };
                    self.show_kept(view, &launch, stream, first)?;
                }
            }
            self.next += 1;
        }
        Ok(())
    }

    fn print_new(&mut self) -> Result<(), Failure> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let text = open.stream.read().map_err(|error| unreadable(&open.launch, &error))?;
        self.print_of(&mut open, &text)?;
        self.open = Some(open);
        Ok(())
    }

    /// The rest of a launch that has ended. Its file may be gone; what is open can be read all the same.
    fn close(&mut self, view: &TreeView<'_, '_>, mut open: Open) -> Result<(), Failure> {
        let text = open.stream.finish().map_err(|error| unreadable(&open.launch, &error))?;
        if open.stream.began() {
            return self.print_of(&mut open, &text);
        }
        let stream = self.arguments.stream.or(Some(Stream::Stdout));
        self.show_kept(view, &open.launch, stream, open.only)
    }

    fn print_of(&self, open: &mut Open, text: &str) -> Result<(), Failure> {
        let mut text = text;
        if let Some(count) = open.only.take_if(|_| open.stream.began()) {
            let (newest, left_out) = newest_lines(text, count);
            Part { name: open.name.to_owned(), text: String::new(), left_out }.say_left_out();
            text = newest;
        }
        self.print(&open.launch, open.name, text)
    }

    fn show_kept(
        &self,
        view: &TreeView<'_, '_>,
        launch: &str,
        stream: Option<Stream>,
        first: Option<usize>,
    ) -> Result<(), Failure> {
        let parts = kept(view, self.run, launch, stream, first.unwrap_or(0))?;
        if parts.is_empty() {
            // Not every launch has it, and of one that was interrupted there may be nothing at all.
            say(&nothing_kept(self.run, launch, stream));
        }
        for part in parts {
            say(&format!("==> {launch} {}", part.name));
            part.say_left_out();
            self.print(launch, &part.name, &part.text)?;
        }
        Ok(())
    }

    fn print(&self, launch: &str, name: &str, text: &str) -> Result<(), Failure> {
        if !self.context.json {
            let mut page = Page::default();
            page.foreign(text);
            return print(page.into_text().as_bytes());
        }
        for text in text.lines() {
            answer(self.context, &Line { run: self.run, launch, name, text })?;
        }
        Ok(())
    }
}

fn unreadable(launch: &str, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot read what {launch} prints: {error}"))
}
