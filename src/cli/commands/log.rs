//! `millrace log`

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::time;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::cli::trailers;
use crate::domain::oid::Oid;
use crate::ledger::commit::Commit;
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::transact::read_commit;

/// Show the ledger's commits, newest first.
///
/// `git log refs/millrace/state` shows the same, with what the stages said.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// Commits that are shown; 0 shows all.
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 20)]
    number: usize,
}

/// Commits of the ledger.
#[derive(Debug, Serialize)]
struct Log {
    commits: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    seq: Option<u64>,
    commit: Oid,
    at: Timestamp,
    op: Option<String>,
    actor: Option<String>,
    /// Several where documents came in together.
    items: Vec<String>,
    run: Option<String>,
    subject: String,
}

impl Line {
    fn of(oid: Oid, commit: &Commit) -> Self {
        let message = &commit.message;
        let trailer = |key| trailers::value(message, key).map(str::to_owned);
        Self {
            seq: trailers::seq(message),
            commit: oid,
            at: Timestamp::from_second(commit.second).unwrap_or_default(),
            op: trailer("Op"),
            actor: trailer("Actor"),
            items: trailers::values(message, "Item").map(str::to_owned).collect(),
            run: trailer("Run"),
            subject: message.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl LogArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let mut next = project.store.resolve(&RefName::State)?;
        let number = if self.number == 0 { usize::MAX } else { self.number };
        let mut commits = Vec::new();
        while let Some(oid) = next.filter(|_| commits.len() < number) {
            match read_commit(&project.store, oid) {
                Ok(commit) => {
                    commits.push(Line::of(oid, &commit));
                    next = commit.parents.first().copied();
                }
                Err(error) => {
                    // What can be read is shown all the same.
                    if !commits.is_empty() {
                        answer(context, &Log { commits })?;
                    }
                    return Err(error.into());
                }
            }
        }
        answer(context, &Log { commits })
    }
}

impl Answer for Log {
    const KIND: &'static str = "log";

    fn text(&self, page: &mut Page) {
        if self.commits.is_empty() {
            page.line("no ledger yet");
        }
        let rows: Vec<Vec<String>> = self
            .commits
            .iter()
            .map(|line| {
                vec![
                    line.seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string()),
                    time(line.at),
                    line.subject.clone(),
                ]
            })
            .collect();
        page.table(&rows);
    }
}
