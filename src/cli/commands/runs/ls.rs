//! `millrace runs ls`

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::moments::time;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::place;
use crate::domain::plan::StageRef;
use crate::domain::view::{Fault, View as _};
use crate::format::count::counted;

/// List runs, newest first.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Runs that are listed; 0 lists all.
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 20)]
    number: usize,
}

/// Runs.
#[derive(Debug, Serialize)]
struct Listed {
    runs: Vec<ListedRun>,
    /// Whether there are more.
    more: bool,
}

#[derive(Debug, Serialize)]
struct ListedRun {
    run: RunId,
    item: ItemRef,
    /// Whether it judges a root.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    judges: bool,
    /// How it ended; `active` where it has not.
    state: &'static str,
    /// The stage it is routed to, or ended in.
    stage: Option<StageRef>,
    launches: u32,
    opened_at: Timestamp,
    ended_at: Option<Timestamp>,
    reason: Option<String>,
}

impl LsArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let number = if self.number == 0 { usize::MAX } else { self.number };
        let mut ids = lookup::runs_newest_first(&view)?;
        let mut runs = Vec::new();
        for id in ids.by_ref().take(number) {
            let id = id?;
            let record = view.run_record(&id)?.ok_or_else(|| Fault {
                at: place::run_record(&id).to_string(),
                detail: "missing".to_owned(),
            })?;
            let active = if record.end.is_none() { view.run(&id)? } else { None };
            let end = record.end.as_ref();
            runs.push(ListedRun {
                item: record.item.clone(),
                judges: record.closure,
                state: end.map_or("active", |end| end.ending.as_str()),
                stage: end
                    .map(|end| end.stage.clone())
                    .or_else(|| active.as_ref().map(|run| run.stage.clone())),
                launches: end.map(|end| end.launches).or_else(|| active.map(|run| run.launches)).unwrap_or(0),
                opened_at: record.opened_at,
                ended_at: end.map(|end| end.at),
                reason: end.map(|end| end.reason.clone()),
                run: id,
            });
        }
        answer(context, &Listed { runs, more: ids.next().is_some() })
    }
}

impl Answer for Listed {
    const KIND: &'static str = "runs_ls";

    fn text(&self, page: &mut Page) {
        if self.runs.is_empty() {
            page.line("no runs yet");
        }
        let rows: Vec<Vec<String>> = self
            .runs
            .iter()
            .map(|run| {
                vec![
                    run.run.to_string(),
                    run.state.to_owned(),
                    if run.judges { format!("judges {}", run.item) } else { run.item.to_string() },
                    run.stage.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                    counted(run.launches, "launch"),
                    time(run.opened_at),
                    run.reason.clone().unwrap_or_default(),
                ]
            })
            .collect();
        page.table(&rows);
        if self.more {
            page.line("and more (-n 0 lists all)");
        }
    }
}
