//! `millrace usage`

mod launches;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup::{self, Named};
use crate::cli::page::Page;
use crate::cli::spending::Account;
use crate::cli::stdout::{Answer, answer};
use crate::domain::budget::{Budget, Scope, Spending, selected, spent_before};
use crate::domain::control::Control;
use crate::domain::ids::RunId;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place::{self, OpenState};
use crate::domain::run::{Run, RunRecord};
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;
use crate::runtime::source;
use launches::{Launched, cells, head};

/// Items that are told of; there may be thousands that are blocked.
const MAX_ITEMS: usize = 50;

/// Runs that are searched for those of an item.
const MAX_SEARCHED: usize = 10_000;

/// Show what was spent, what is reserved and what the limits leave: of the day, of the daemon, of each item that is
/// worked on or blocked.
///
/// Of an item, or of a run, every launch is shown with its tokens by kind, its cost, and who says what it cost: the
/// harness, or the prices of the configuration. What a harness did not tell is unknown; what counts for it then is what
/// `[limits.assumed]` says.
#[derive(Debug, Args)]
pub(crate) struct UsageArguments {
    /// An item or a run, or a beginning of its id that no other one has.
    #[arg(value_name = "ITEM|RUN", conflicts_with = "run")]
    item: Option<String>,

    /// A run, or a beginning of its id that no other one has; or an item, for its latest run alone.
    #[arg(long, value_name = "RUN|ITEM")]
    run: Option<String>,
}

/// What was spent.
#[derive(Debug, Serialize)]
struct Spent {
    /// The day, and the daemon where one has begun and not ended.
    accounts: Vec<Account>,
    items: Vec<OfItem>,
    /// How many more items there are.
    more: usize,
}

/// What an item has used.
#[derive(Debug, Serialize)]
struct OfItem {
    item: ItemRef,
    /// Since the item was last let go on.
    account: Account,
    runs: Vec<OfRun>,
}

/// What a run has used.
#[derive(Debug, Serialize)]
struct OfRun {
    run: RunId,
    item: ItemRef,
    /// How it ended; `active` where it has not.
    state: &'static str,
    used: Spending,
    /// Its launches, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    launches: Option<Vec<Launched>>,
}

impl UsageArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let (run, item) = match (&self.run, &self.item) {
            (Some(run), _) => (Some(lookup::run_or_latest(&view, run)?), None),
            (None, Some(text)) => match lookup::item_or_run(&view, text)? {
                Named::Run(run) => (Some(run), None),
                Named::Item(item) => (None, Some(item)),
            },
            (None, None) => (None, None),
        };
        if let Some(run) = run {
            return answer(context, &RunAnswer(of_run(&view, &record(&view, &run)?, true)?));
        }
        if let Some(item) = item {
            return answer(context, &ItemAnswer(whole_item(&view, &item)?));
        }
        answer(context, &spent(&view)?)
    }
}

fn record(view: &TreeView<'_, '_>, run: &RunId) -> Result<RunRecord, Fault> {
    let missing = || Fault { at: place::run_record(run).to_string(), detail: "missing".to_owned() };
    view.run_record(run)?.ok_or_else(missing)
}

fn spent(view: &TreeView<'_, '_>) -> Result<Spent, Failure> {
    let control = if view.exists()? { view.control()? } else { Control::default() };
    let runs = view.runs()?;
    let budget = selected(view, &control)?.unwrap_or_default();
    let mut spent = Spent {
        accounts: Account::whole(&budget, &control, &runs, source::now()),
        items: Vec::new(),
        more: 0,
    };
    for run in &runs {
        spent.items.push(open_item(view, &run.item, Some(run))?);
    }
    for kind in ItemKind::ALL {
        for (id, _) in view.items(kind, OpenState::Blocked)? {
            if spent.items.len() < MAX_ITEMS {
                spent.items.push(open_item(view, &ItemRef::new(kind, id), None)?);
            } else {
                spent.more += 1;
            }
        }
    }
    Ok(spent)
}

/// The limits of a run's plan.
fn budget_of(view: &TreeView<'_, '_>, run: &RunRecord) -> Result<Budget, Fault> {
    Ok(view.plan(&run.plan)?.map(|plan| plan.limits.budget).unwrap_or_default())
}

/// An item that is worked on or blocked, with the run that tells so.
fn open_item(view: &TreeView<'_, '_>, item: &ItemRef, active: Option<&Run>) -> Result<OfItem, Failure> {
    let recovery = view.recovery(item)?;
    let last = match active {
        Some(run) => Some(run.run.clone()),
        None => recovery
            .as_ref()
            .and_then(|recovery| recovery.blocked.as_ref())
            .map(|blocked| blocked.run.clone()),
    };
    let mut budget = Budget::default();
    let mut runs = Vec::new();
    if let Some(run) = last {
        let record = record(view, &run)?;
        budget = budget_of(view, &record)?;
        runs.push(of_run(view, &record, false)?);
    }
    let before = recovery.map(|recovery| recovery.used).unwrap_or_default();
    Ok(OfItem {
        account: Account::of_item(item.to_string(), &budget, &before, active),
        item: item.clone(),
        runs,
    })
}

/// An item with all of its runs, newest first, wherever it stands.
fn whole_item(view: &TreeView<'_, '_>, item: &ItemRef) -> Result<OfItem, Failure> {
    let mut runs = Vec::new();
    let mut sum = Spending::default();
    let mut budget = None;
    for run in lookup::runs_newest_first(view)?.take(MAX_SEARCHED) {
        let record = record(view, &run?)?;
        if &record.item != item {
            continue;
        }
        if budget.is_none() {
            budget = Some(budget_of(view, &record)?);
        }
        let run = of_run(view, &record, true)?;
        sum = sum.plus(&run.used);
        runs.push(run);
    }
    let budget = budget.unwrap_or_default();
    let active = view.runs()?.into_iter().find(|run| &run.item == item);
    let closed = view.slot(item)?.is_none_or(|slot| slot.is_closed());
    let account = if closed && active.is_none() {
        // Nothing holds it to a limit any more.
        let caps = Budget::default().per_item;
        Account::new((Scope::Item, item.to_string()), &caps, &budget.assumed, &sum, None)
    } else {
        let before = spent_before(view, item)?;
        Account::of_item(item.to_string(), &budget, &before, active.as_ref())
    };
    Ok(OfItem { item: item.clone(), account, runs })
}

fn of_run(view: &TreeView<'_, '_>, record: &RunRecord, launches: bool) -> Result<OfRun, Failure> {
    let used = match &record.end {
        Some(end) => end.used,
        None => view.run(&record.run)?.map(|run| run.used).unwrap_or_default(),
    };
    Ok(OfRun {
        run: record.run.clone(),
        item: record.item.clone(),
        state: record.end.as_ref().map_or("active", |end| end.ending.as_str()),
        used,
        launches: if launches { Some(launches::of(view, &record.run)?) } else { None },
    })
}

impl Answer for Spent {
    const KIND: &'static str = "usage";

    fn text(&self, page: &mut Page) {
        for account in &self.accounts {
            account_text(page, account);
        }
        for item in &self.items {
            item.text(page);
        }
        if self.more > 0 {
            page.gap();
            page.line(format!(
                "and {} blocked",
                if self.more == 1 {
                    "1 more item that is".to_owned()
                } else {
                    format!("{} more items that are", self.more)
                }
            ));
        }
    }
}

fn account_text(page: &mut Page, account: &Account) {
    page.gap();
    page.line(account.title());
    page.indented("  ", &account.rows().map(Vec::from));
}

impl OfItem {
    fn text(&self, page: &mut Page) {
        account_text(page, &self.account);
        for run in &self.runs {
            run.text(page);
        }
    }
}

impl OfRun {
    fn text(&self, page: &mut Page) {
        let Self { run, state, used, .. } = self;
        let unknown = |known: String, launches: u32| match launches {
            0 => known,
            1 => format!("{known} and 1 launch unknown"),
            many => format!("{known} and {many} launches unknown"),
        };
        page.line(format!(
            "  run {run}  {state}  {} {}, {} s, tokens {}, USD {}",
            used.launches,
            if used.launches == 1 { "launch" } else { "launches" },
            used.wall_ms / 1000,
            unknown(used.tokens.to_string(), used.tokens_unknown),
            unknown(used.cost.to_string(), used.cost_unknown),
        ));
        if let Some(launches) = &self.launches {
            let mut rows = vec![head()];
            rows.extend(launches.iter().map(cells));
            page.indented("    ", &rows);
        }
    }
}

/// One item.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct ItemAnswer(OfItem);

impl Answer for ItemAnswer {
    const KIND: &'static str = "usage_item";

    fn text(&self, page: &mut Page) {
        self.0.text(page);
    }
}

/// One run.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct RunAnswer(OfRun);

impl Answer for RunAnswer {
    const KIND: &'static str = "usage_run";

    fn text(&self, page: &mut Page) {
        page.line(&self.0.item);
        self.0.text(page);
    }
}
