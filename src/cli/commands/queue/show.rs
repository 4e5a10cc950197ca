//! `millrace queue show`

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::ls::WaitsFor;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::moments::time;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, print};
use crate::domain::ids::{ItemId, RunId};
use crate::domain::item::{Intake, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::recovery::Recovery;
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;

/// Runs that are searched for those of the item, newest first.
const MAX_SEARCHED: usize = 1000;

/// Show an item: its state and why, what was understood of its document, its runs.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The item: `task/fix-login`, `fix-login`, or a beginning that no other item has.
    #[arg(value_name = "ID")]
    item: String,

    /// Print the document, byte for byte as it came, and nothing else.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

/// One item.
#[derive(Debug, Serialize)]
struct Shown {
    item: ItemRef,
    state: &'static str,
    turn: Option<String>,
    waits: Option<String>,
    taken_at: Timestamp,
    origin: Option<String>,
    /// The document's blob.
    document: Oid,
    intake: Intake,
    recovery: Option<Recovery>,
    /// Its runs, newest first.
    runs: Vec<ItsRun>,
}

#[derive(Debug, Serialize)]
struct ItsRun {
    run: RunId,
    /// How it ended; `active` where it has not.
    state: &'static str,
    reason: Option<String>,
}

impl ShowArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let item = lookup::item(&view, &self.item)?;
        let lacks = |detail: &str| Fault { at: item.to_string(), detail: detail.to_owned() };
        let known = view.known(&item)?.ok_or_else(|| lacks("its intake record is missing"))?;
        if self.raw {
            print(&trees.file(known.document)?)?;
            return Ok(Exit::Done);
        }
        let slot = view.slot(&item)?.ok_or_else(|| lacks("it stands in no state"))?;
        let waits = match &slot {
            Slot::Waiting { on, .. } => Some(WaitsFor::new(&view, item.kind).reason(on)?),
            Slot::Held(_) => Some("came from outside and has not been released".to_owned()),
            _ => None,
        };
        let shown = Shown {
            state: slot.state(),
            turn: slot.turn().map(|turn| turn.to_string()),
            waits,
            taken_at: known.taken_at,
            origin: known.origin,
            document: known.document,
            intake: known.intake,
            recovery: view.recovery(&item)?,
            runs: runs(&view, &item)?,
            item,
        };
        answer(context, &shown)
    }
}

fn runs(view: &TreeView<'_, '_>, item: &ItemRef) -> Result<Vec<ItsRun>, Fault> {
    let mut runs = Vec::new();
    for run in lookup::runs_newest_first(view)?.take(MAX_SEARCHED) {
        let run = run?;
        let Some(record) = view.run_record(&run)?.filter(|record| &record.item == item) else { continue };
        let state = record.end.as_ref().map_or("active", |end| end.ending.as_str());
        runs.push(ItsRun { run, state, reason: record.end.map(|end| end.reason) });
    }
    Ok(runs)
}

impl Answer for Shown {
    const KIND: &'static str = "queue_show";

    fn text(&self, page: &mut Page) {
        let intake = &self.intake;
        let mut fields = vec![("item", self.item.to_string()), ("title", intake.title.clone())];
        fields.push(("state", self.state.to_owned()));
        let mut add = |name: &'static str, value: Option<String>| {
            if let Some(value) = value {
                fields.push((name, value));
            }
        };
        add("waits", self.waits.clone());
        if let Some(blocked) = self.recovery.as_ref().and_then(|recovery| recovery.blocked.as_ref()) {
            let text = format!(
                "{} ({}) at {}, {}, run {}",
                blocked.reason,
                blocked.class,
                blocked.stage,
                time(blocked.at),
                blocked.run
            );
            add("blocked", Some(text));
        }
        add("turn", self.turn.clone());
        add("priority", Some(intake.priority.to_string()));
        let depends: Vec<&str> = intake.depends_on.iter().map(ItemId::as_str).collect();
        add("depends on", (!depends.is_empty()).then(|| depends.join(", ")));
        add("root spec", intake.root_spec_id.as_ref().map(ToString::to_string));
        add("root idea", intake.root_idea_id.as_ref().map(ToString::to_string));
        add("spec", intake.spec_id.as_ref().map(ToString::to_string));
        add("parent task", intake.parent_task_id.as_ref().map(ToString::to_string));
        add("incident", intake.incident_id.as_ref().map(ToString::to_string));
        add("created", Some(format!("{} by {}", time(intake.created_at), intake.created_by)));
        add("taken in", Some(time(self.taken_at)));
        add("from", self.origin.clone());
        add("document", Some(self.document.to_string()));
        if let Some(recovery) = &self.recovery {
            let counters: Vec<String> =
                recovery.counters.iter().map(|(key, count)| format!("{key} {count}")).collect();
            add("counters", (!counters.is_empty()).then(|| counters.join(", ")));
            add("launches spent", (recovery.spent > 0).then(|| recovery.spent.to_string()));
        }
        page.fields(&fields);
        if !self.runs.is_empty() {
            page.gap();
            let rows: Vec<Vec<String>> = self
                .runs
                .iter()
                .map(|run| {
                    vec![
                        "run".to_owned(),
                        run.run.to_string(),
                        run.state.to_owned(),
                        run.reason.clone().unwrap_or_default(),
                    ]
                })
                .collect();
            page.table(&rows);
        }
    }
}
