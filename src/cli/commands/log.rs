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
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::ledger::history::{Step, history};

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
    seq: u64,
    commit: Oid,
    at: Timestamp,
    op: &'static str,
    actor: &'static str,
    item: Option<ItemRef>,
    subject: String,
}

impl Line {
    fn of(step: &Step) -> Self {
        Self {
            seq: step.transition.seq,
            commit: step.oid,
            at: step.transition.at,
            op: step.transition.input.op(),
            actor: step.transition.actor.as_str(),
            item: crate::format::message::item_of(&step.transition).cloned(),
            subject: step.commit.message.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl LogArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let tip = project.tip()?.map(|(oid, _)| oid);
        let number = if self.number == 0 { usize::MAX } else { self.number };
        let mut commits = Vec::new();
        for step in history(&project.store, &trees, tip).take(number) {
            match step {
                Ok(step) => commits.push(Line::of(&step)),
                Err(error) => {
                    // What can be read is shown all the same.
                    answer(context, &Log { commits })?;
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
            .map(|line| vec![line.seq.to_string(), time(line.at), line.subject.clone()])
            .collect();
        page.table(&rows);
    }
}
