//! `millrace queue show`

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::ls::known;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::moments::time;
use crate::cli::page::Page;
use crate::cli::reasons::{Reasons, Why};
use crate::cli::roots::Root;
use crate::cli::stdout::{Answer, answer, print};
use crate::domain::ids::{ItemId, RunId};
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::recovery::{Blocked, Recovery};
use crate::domain::run::Failure as Failed;
use crate::domain::view::{Fault, View as _};
use crate::ledger::store::RefName;
use crate::ledger::view::TreeView;
use crate::runtime::daemon_lock::probe;
use crate::runtime::project::Project;
use crate::runtime::source;

/// Runs that are searched for those of the item, newest first.
const MAX_SEARCHED: usize = 1000;

/// Show an item: its state and why, what was understood of its document, its runs, its evidence, and how to go on.
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
pub(in crate::cli::commands) struct Shown {
    item: ItemRef,
    state: &'static str,
    turn: Option<String>,
    /// Why it is not being worked on, or what works on it; none where it is closed.
    why: Option<String>,
    /// The same for programs.
    because: Option<Why>,
    /// The failure that repair stages are working on.
    failure: Option<Failed>,
    taken_at: Timestamp,
    origin: Option<String>,
    /// The document's blob.
    document: Oid,
    intake: Intake,
    recovery: Option<Recovery>,
    /// Of a root spec that was begun: how far its acceptance is.
    #[serde(skip_serializing_if = "Option::is_none")]
    acceptance: Option<Root>,
    /// Its runs, newest first.
    runs: Vec<ItsRun>,
    /// Where in git the evidence of its last launch lies.
    evidence: Option<String>,
    /// What can be done about it.
    go_on: Option<String>,
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
        if self.raw {
            print(&trees.file(known(&view, &item)?.document)?)?;
            return Ok(Exit::Done);
        }
        answer(context, &shown(&project, &view, item)?)
    }
}

/// What there is to show of an item.
pub(in crate::cli::commands) fn shown(
    project: &Project,
    view: &TreeView<'_, '_>,
    item: ItemRef,
) -> Result<Shown, Failure> {
    let known = known(view, &item)?;
    let slot = view
        .slot(&item)?
        .ok_or_else(|| Fault { at: item.to_string(), detail: "it stands in no state".to_owned() })?;
    let attended = probe(&project.store.private_dir())?.is_some();
    let reasons = Reasons::new(project, view, attended, source::now())?;
    let because = reasons.of(&item, &slot)?;
    let acceptance = match item.kind {
        ItemKind::Spec => Root::of(view, &reasons, &item.id)?,
        ItemKind::Task | ItemKind::Incident => None,
    };
    let runs = runs(view, &item)?;
    let last = runs.first().map(|last| last.run.clone());
    let active = match &last {
        Some(run) => view.run(run)?,
        None => None,
    };
    let turn = slot.turn().or_else(|| because.as_ref().and_then(Why::turn));
    Ok(Shown {
        state: slot.state(),
        turn: turn.map(|turn| turn.to_string()),
        why: because.as_ref().map(ToString::to_string),
        go_on: because.as_ref().and_then(|why| go_on(&item, why, attended)),
        because,
        failure: active.and_then(|run| run.failure),
        taken_at: known.taken_at,
        origin: known.origin,
        document: known.document,
        intake: known.intake,
        recovery: view.recovery(&item)?,
        acceptance,
        evidence: match &last {
            Some(run) => evidence(view, run)?,
            None => None,
        },
        runs,
        item,
    })
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

/// The folder of the last launch that left any, as git names it.
fn evidence(view: &TreeView<'_, '_>, run: &RunId) -> Result<Option<String>, Fault> {
    let folder = place::run_folder(run);
    let number = |name: &str| name.split('-').next().and_then(|number| number.parse::<u32>().ok());
    let entries = view.list(&folder)?;
    let last = entries.iter().filter(|entry| entry.folder).max_by_key(|entry| number(&entry.name));
    Ok(last.map(|entry| RefName::State.at(format!("{folder}/{}", entry.name))))
}

/// What can be done about an item that is not being worked on.
fn go_on(item: &ItemRef, why: &Why, attended: bool) -> Option<String> {
    Some(match why {
        Why::Active(_) | Why::Queued { .. } if attended => return None,
        Why::Active(_) => "`millrace run daemon` takes it up again".to_owned(),
        Why::Queued { .. } => "`millrace run daemon` works through the queue".to_owned(),
        Why::Dependency { on, state: None } => format!(
            "queue {}/{on}, and it goes on when that is done; or `millrace retarget {item} --from {on}`",
            item.kind
        ),
        Why::Dependency { on, state: Some("archived") } => {
            format!("{on} was given up: `millrace retarget {item} --from {on}` names another one, or none")
        }
        Why::Dependency { on, state: Some("blocked") } => format!(
            "`millrace retry {}/{on}` lets that go on; `millrace retarget {item} --from {on}` names another one, or none",
            item.kind
        ),
        Why::Dependency { on, .. } => format!("it goes on when {}/{on} is done", item.kind),
        Why::Held { .. } => {
            format!("`millrace release {item}` lets it in; `millrace archive {item}` puts it aside")
        }
        Why::Blocked { record: Some(Blocked { incident: Some(incident), .. }) } => format!(
            "incident/{incident} plans what is to be done in its place; `millrace retry {item}` lets it go on itself"
        ),
        Why::Blocked { .. } => format!(
            "read the evidence; `millrace retry {item}` lets it go on where it failed (`--note` tells the next stage \
             something, `--from-start` begins anew); `millrace supersede` puts a better one in its place"
        ),
    })
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
        add("why", self.why.clone());
        add(
            "failure",
            self.failure.as_ref().map(|failed| {
                format!("{} at {} (launch {}), in repair", failed.class, failed.stage, failed.launch)
            }),
        );
        let blocked = self.recovery.as_ref().and_then(|recovery| recovery.blocked.as_ref());
        add("since", blocked.map(|blocked| time(blocked.at)));
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
        add("evidence", self.evidence.clone());
        page.fields(&fields);
        if let Some(root) = &self.acceptance {
            page.gap();
            root.text(page);
        }
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
        if let Some(go_on) = &self.go_on {
            page.gap();
            page.line(format!("go on: {go_on}"));
        }
    }
}
