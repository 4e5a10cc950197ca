//! `millrace wait`

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::cli::coming::standstill;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup::{self, Named};
use crate::cli::moments::duration;
use crate::cli::page::Page;
use crate::cli::reasons::{Reasons, Why};
use crate::cli::roots::unaccepted;
use crate::cli::stdout::{Answer, answer};
use crate::cli::trailers::{value, values};
use crate::cli::watch::{LOOK, Watch};
use crate::domain::closure::{Target, TargetState};
use crate::domain::ids::RunId;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::slot::Slot;
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::Input;
use crate::domain::view::{Fault, View as _};
use crate::ledger::history::{commits, step};
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;
use crate::runtime::source;

/// Time between two looks at what the ledger does not tell: whether a runtime lives, and what keeps it.
const LOOK_AROUND: Duration = Duration::from_secs(2);

/// Wait until an item is done, blocked or cancelled, and show how it ended.
///
/// The exit code tells it as well: 0 done, 7 blocked or cancelled, 8 the time was up. What keeps the item meanwhile is
/// said on stderr. A root spec is done when it is accepted, not when it is planned.
#[derive(Debug, Args)]
pub(crate) struct WaitArguments {
    /// The item: `task/fix-login`, `fix-login`, or a beginning that no other item has; or a run, for the item that it
    /// works on.
    #[arg(value_name = "ITEM|RUN")]
    item: String,

    /// The longest time to wait: seconds, or `30s`, `10m`, `2h` [default: no end].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

/// What a wait came to.
#[derive(Debug, Serialize)]
struct Waited {
    item: ItemRef,
    outcome: Outcome,
    /// The state that the item is in.
    state: &'static str,
    /// Why it ended so, or what keeps it.
    reason: Option<String>,
    /// The run that ended, or that works on it.
    run: Option<RunId>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done,
    Blocked,
    Cancelled,
    TimeUp,
}

/// The item at one moment.
struct Seen {
    tip: Oid,
    /// How it ended; none where it has not.
    outcome: Option<Outcome>,
    state: &'static str,
    reason: Option<String>,
    run: Option<RunId>,
}

impl WaitArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        if project.tip()?.is_none() {
            return Err(Failure::failed("there is no ledger yet, and so no item to wait for")
                .hint("`millrace queue add-task` brings work in"));
        }
        let item = item(&project.view(&project.trees())?, &self.item)?;
        let begun = Instant::now();
        let mut watch = Watch::until_killed();
        let gone = || {
            Failure::failed(format!("{item} is not there any more: the ledger was set back"))
                .hint("`millrace queue ls` shows what is open")
        };
        let mut seen = look(&project, &item)?.ok_or_else(gone)?;
        let mut looked_around: Option<Instant> = None;
        loop {
            if let Some(outcome) = seen.outcome {
                return answer(context, &seen.into_answer(item, outcome));
            }
            let left = self.timeout.map_or(LOOK, |timeout| timeout.saturating_sub(begun.elapsed()));
            if left.is_zero() {
                return answer(context, &seen.into_answer(item, Outcome::TimeUp));
            }
            if looked_around.is_none_or(|at| at.elapsed() >= LOOK_AROUND) {
                looked_around = Some(Instant::now());
                if let Some(reason) = &seen.reason {
                    watch.say_once(&format!("{item} {reason}"));
                }
                let trees = project.trees();
                let view = project.view(&trees).map_err(Failure::from);
                if let Some(why) = watch.seen(view.and_then(|view| standstill(&project, &view))).flatten() {
                    watch.say_once(&why);
                }
            }
            watch.rest(left.min(LOOK));
            let tip = watch.seen(project.store.resolve(&RefName::State));
            if tip.is_some_and(|tip| tip != Some(seen.tip))
                && let Some(now) = watch.seen(look(&project, &item))
            {
                seen = now.ok_or_else(gone)?;
            }
        }
    }
}

/// The item that is named, or that the named run works on.
fn item(view: &TreeView<'_, '_>, text: &str) -> Result<ItemRef, Failure> {
    match lookup::item_or_run(view, text)? {
        Named::Item(item) => Ok(item),
        Named::Run(run) => {
            let missing = || Fault { at: place::run_record(&run).to_string(), detail: "missing".to_owned() };
            Ok(view.run_record(&run)?.ok_or_else(missing)?.item)
        }
    }
}

/// The item now; none where the ledger does not hold it.
fn look(project: &Project, item: &ItemRef) -> Result<Option<Seen>, Failure> {
    let trees = project.trees();
    let Some((tip, commit)) = project.tip()? else { return Ok(None) };
    let view = TreeView::new(&trees, Some(commit.tree));
    let Some(slot) = view.slot(item)? else { return Ok(None) };
    let mut seen = Seen { tip, outcome: None, state: slot.state(), reason: None, run: None };
    let target = match (item.kind, &slot) {
        (ItemKind::Spec, Slot::Done) => view.target(&item.id)?,
        _ => None,
    };
    if let Some(target) = target.filter(|target| !matches!(target.state, TargetState::Accepted { .. })) {
        seen.root(&view, &target)?;
        return Ok(Some(seen));
    }
    match &slot {
        Slot::Done | Slot::Archived => {
            seen.outcome = Some(if slot == Slot::Done { Outcome::Done } else { Outcome::Cancelled });
            (seen.reason, seen.run) = last_word(project, &view, tip, item)?;
        }
        Slot::Blocked => {
            seen.outcome = Some(Outcome::Blocked);
            if let Some(blocked) = view.recovery(item)?.and_then(|recovery| recovery.blocked) {
                seen.reason = Some(format!("{} ({}) at {}", blocked.reason, blocked.class, blocked.stage));
                seen.run = Some(blocked.run);
            }
        }
        Slot::Active => seen.run = view.runs()?.into_iter().find(|run| &run.item == item).map(|run| run.run),
        Slot::Waiting { .. } | Slot::Held(_) | Slot::Queued(_) => {
            // Whether a runtime lives is said apart, and a place in the order of claims is no reason of the item's own.
            let why = Reasons::new(project, &view, true, source::now())?.of(item, &slot)?;
            seen.reason = why.filter(|why| !matches!(why, Why::Queued { .. })).map(|why| why.to_string());
        }
    }
    Ok(Some(seen))
}

/// What the commit that closed an item says: why, and in which run. Messages alone are read, from the tip back to it:
/// what closed while somebody waited is near.
fn last_word(
    project: &Project,
    view: &TreeView<'_, '_>,
    tip: Oid,
    item: &ItemRef,
) -> Result<(Option<String>, Option<RunId>), Failure> {
    let name = item.to_string();
    for read in commits(&project.store, Some(tip)) {
        let (oid, commit) = read?;
        let message = &commit.message;
        if !values(message, "Item").any(|value| value == name) {
            continue;
        }
        if let Some(run) = value(message, "Run").and_then(|run| run.parse::<RunId>().ok()) {
            let end = view.run_record(&run)?.and_then(|record| record.end);
            return Ok((end.map(|end| end.reason), Some(run)));
        }
        let transition = step(&project.store, &project.trees(), oid)?.transition;
        let Input::Cancel { reason, .. } = transition.input else { break };
        let run = transition.decision.effects.into_iter().find_map(|effect| match effect {
            Effect::Close { run, .. } => Some(run),
            _ => None,
        });
        return Ok((Some(reason), run));
    }
    Ok((None, None))
}

impl Seen {
    /// A root whose planning is done: it has not ended before it is accepted.
    fn root(&mut self, view: &TreeView<'_, '_>, target: &Target) -> Result<(), Failure> {
        match &target.state {
            TargetState::Open | TargetState::Accepted { .. } => {
                self.reason = Some(unaccepted(view, target)?);
                self.run = view.runs()?.into_iter().find(|run| run.item == target.item()).map(|run| run.run);
            }
            TargetState::Blocked { reason, class, run, .. } => {
                self.outcome = Some(Outcome::Blocked);
                self.reason = Some(format!("{reason} ({class})"));
                self.run = Some(run.clone());
            }
            TargetState::Cancelled { reason, .. } => {
                self.outcome = Some(Outcome::Cancelled);
                self.reason = Some(reason.clone());
            }
        }
        Ok(())
    }

    fn into_answer(self, item: ItemRef, outcome: Outcome) -> Waited {
        Waited { item, outcome, state: self.state, reason: self.reason, run: self.run }
    }
}

impl Answer for Waited {
    const KIND: &'static str = "wait";

    fn text(&self, page: &mut Page) {
        let outcome = match self.outcome {
            Outcome::Done => "done",
            Outcome::Blocked => "blocked",
            Outcome::Cancelled => "cancelled",
            Outcome::TimeUp => "the time is up",
        };
        let mut fields = vec![
            ("item", self.item.to_string()),
            ("outcome", outcome.to_owned()),
            ("state", self.state.to_owned()),
        ];
        fields.extend(self.reason.clone().map(|reason| ("reason", reason)));
        fields.extend(self.run.as_ref().map(|run| ("run", run.to_string())));
        page.fields(&fields);
    }

    fn exit(&self) -> Exit {
        match self.outcome {
            Outcome::Done => Exit::Done,
            Outcome::Blocked | Outcome::Cancelled => Exit::Unfinished,
            Outcome::TimeUp => Exit::TimeUp,
        }
    }
}
