//! What a review is made of, read from the ledger and from the run's code.

use jiff::Timestamp;

use super::code::Code;
use super::{Created, Review, StageReview, Task, Used};
use crate::cli::diffstat::{DiffStat, diffstats};
use crate::cli::failure::Failure;
use crate::cli::handoffs::{Handoffs, Launched};
use crate::cli::moments::seconds;
use crate::cli::trailers;
use crate::domain::closure::{Criterion, TargetState};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::plan::Ending;
use crate::domain::result::Judgement;
use crate::domain::slot::Slot;
use crate::domain::usage::Usd;
use crate::domain::view::{Fault, View as _};
use crate::ledger::history::commits;
use crate::ledger::store::RefName;
use crate::ledger::view::TreeView;
use crate::runtime::finished::WhereCode;
use crate::runtime::project::Project;

/// The review of a run.
pub(super) fn review(project: &Project, view: &TreeView<'_, '_>, run: &RunId) -> Result<Review, Failure> {
    let handoffs = Handoffs::of(project, view, run)?;
    let record = &handoffs.record;
    let item = record.item.clone();
    let known = view
        .known(&item)?
        .ok_or_else(|| Fault { at: place::intake(&item).to_string(), detail: "missing".to_owned() })?;
    let document = view.trees().file(known.document)?;

    let mut pairs: Vec<(Oid, Oid)> =
        handoffs.launches.iter().map(|launch| (launch.before, launch.left)).collect();
    pairs.push((record.start, handoffs.end));
    let mut changes = diffstats(project, &pairs)?;
    let whole = changes.pop().flatten();
    let stages =
        handoffs.launches.iter().zip(changes).map(|(launch, changed)| stage(launch, changed)).collect();

    let slot = view.slot(&item)?;
    let mut open = open(view, &handoffs, slot.as_ref())?;
    let created = created(project, view, run, record.opened_at)?;
    open.extend(
        created
            .iter()
            .filter(|made| made.state.is_some_and(|state| !is_closed(state)))
            .map(|made| format!("{}, which it made, is {}", made.item, made.state.unwrap_or_default())),
    );
    let code = Code::of(project, &handoffs, whole)?;
    if let Some(place @ WhereCode::Elsewhere { .. }) = &code.place {
        open.push(format!("its code is {place}: it waits to be merged"));
    }
    Ok(Review {
        run: run.clone(),
        title: known.intake.title,
        item_state: slot.as_ref().map(Slot::state),
        judges: record.closure,
        continues: record.continues.clone(),
        task: Task { document: known.document, text: String::from_utf8_lossy(&document).into_owned() },
        plan: record.plan.clone(),
        mode: view.plan(&record.plan)?.map(|plan| plan.mode.clone()),
        opened_at: record.opened_at,
        ended_at: record.end.as_ref().map(|end| end.at),
        state: record.end.as_ref().map_or("active", |end| end.ending.as_str()),
        reason: record.end.as_ref().map(|end| end.reason.clone()),
        used: used(&handoffs),
        stages,
        verdict: verdict(view, &handoffs)?,
        code,
        created,
        open,
        record: RefName::State.at(place::run_folder(run)),
        item,
    })
}

fn stage(launch: &Launched, changed: Option<DiffStat>) -> StageReview {
    let result = launch.result.as_ref();
    StageReview {
        name: launch.name.clone(),
        stage: launch.stage.clone(),
        launch: launch.number,
        came_to: result.map(crate::domain::transition::decision::StageResult::in_a_word),
        said: result.and_then(|result| said(&result.judgement)),
        next: result.map(|result| result.next.clone()),
        took_seconds: result.map(|result| seconds(result.started_at, result.ended_at)),
        tokens: result.and_then(|result| result.usage.tokens()),
        cost_usd: result.and_then(|result| result.usage.cost),
        snapshot: result.and_then(|result| result.snapshot),
        changed,
        findings: result.map(|result| result.findings.clone()).unwrap_or_default(),
    }
}

/// What a stage says of its work, without its result, which stands beside it.
fn said(judgement: &Judgement) -> Option<String> {
    match judgement {
        Judgement::Reported { summary, .. } => summary.clone(),
        Judgement::Failed { detail, .. } | Judgement::Infrastructure { detail, .. } => Some(detail.clone()),
        Judgement::Rejected { problems, summary, .. } => {
            Some(summary.iter().chain(problems).cloned().collect::<Vec<_>>().join("; "))
        }
        Judgement::Interrupted { .. } => Some(judgement.in_words()),
    }
}

fn used(handoffs: &Handoffs) -> Used {
    let used = match (&handoffs.record.end, &handoffs.active) {
        (Some(end), _) => end.used,
        (None, Some(run)) => run.used,
        (None, None) => crate::domain::budget::Spending::default(),
    };
    // What the launches say, as `runs show` adds it up: the sums of a budget take a launch that never began for a known
    // nothing, and those of the first rules are not there.
    let results: Vec<_> = handoffs.launches.iter().filter_map(|launch| launch.result.as_ref()).collect();
    let tokens: Vec<u64> = results.iter().filter_map(|result| result.usage.tokens()).collect();
    let costs: Vec<Usd> = results.iter().filter_map(|result| result.usage.cost).collect();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Used {
        launches: if used.is_none() { number(results.len()) } else { used.launches },
        wall_seconds: used.wall_ms / 1000,
        tokens: tokens.iter().copied().reduce(u64::saturating_add),
        cost_usd: costs.iter().copied().reduce(Usd::plus),
        tokens_unknown: number(results.len() - tokens.len()),
        cost_unknown: number(results.len() - costs.len()),
    }
}

fn verdict(view: &TreeView<'_, '_>, handoffs: &Handoffs) -> Result<Vec<Criterion>, Fault> {
    let record = &handoffs.record;
    if !record.closure {
        return Ok(Vec::new());
    }
    Ok(view.verdict(&record.item.id, &record.run)?.map(|verdict| verdict.criteria).unwrap_or_default())
}

fn is_closed(state: &str) -> bool {
    matches!(state, "done" | "resolved" | "archived")
}

/// The items that the run's handoffs put into the queue, and where they stand now.
fn created(
    project: &Project,
    view: &TreeView<'_, '_>,
    run: &RunId,
    opened: Timestamp,
) -> Result<Vec<Created>, Failure> {
    let mut created = Vec::new();
    for read in commits(&project.store, project.tip()?.map(|(tip, _)| tip)) {
        let (_, commit) = read?;
        // Dates never run backwards: nothing older is about the run.
        if commit.second < opened.as_second() {
            break;
        }
        if trailers::value(&commit.message, "Run") != Some(run.as_str()) {
            continue;
        }
        let items =
            trailers::values(&commit.message, "Admits").filter_map(|item| item.parse::<ItemRef>().ok());
        created.extend(items);
    }
    created.reverse();
    created
        .into_iter()
        .map(|item| {
            let state = view.slot(&item)?.as_ref().map(Slot::state);
            Ok(Created { item, state })
        })
        .collect()
}

/// What is not settled about the run and its item.
fn open(view: &TreeView<'_, '_>, handoffs: &Handoffs, slot: Option<&Slot>) -> Result<Vec<String>, Fault> {
    let record = &handoffs.record;
    let item = &record.item;
    let mut open = Vec::new();
    if let Some(run) = &handoffs.active {
        open.push(match &run.launch {
            Some(launch) => format!("launch {} of {} is under way", launch.number, run.stage),
            None => format!("the run is active, and {} is next", run.stage),
        });
        open.extend(run.cancel.as_ref().map(|cancel| format!("it is to be cancelled: {}", cancel.reason)));
    }
    let went_well = record.end.as_ref().is_some_and(|end| end.ending == Ending::Done);
    if let Some(slot) = slot.filter(|slot| handoffs.active.is_none() && !is_closed(slot.state())) {
        let blocked = view.recovery(item)?.and_then(|recovery| recovery.blocked);
        open.push(match (&blocked, went_well) {
            (Some(blocked), _) => format!("{item} is blocked: {} ({})", blocked.reason, blocked.class),
            (None, true) if record.closure => format!("{item} is {}", slot.state()),
            (None, _) => format!("{item} is {} again", slot.state()),
        });
        let incident = blocked.and_then(|blocked| blocked.incident);
        open.extend(incident.map(|incident| format!("incident/{incident} plans what is to be done")));
    }
    if record.closure
        && let Some(target) = view.target(&item.id)?
    {
        match &target.state {
            TargetState::Accepted { .. } | TargetState::Cancelled { .. } => {}
            TargetState::Open => open.push(format!("the acceptance of {item} is open")),
            TargetState::Blocked { reason, .. } => {
                open.push(format!("the acceptance of {item} is blocked: {reason}"));
            }
        }
    }
    if view.control()?.owed.is_some_and(|owed| owed.run == record.run) {
        open.push("what it changed still lies in the work tree, and is to go back".to_owned());
    }
    Ok(open)
}
