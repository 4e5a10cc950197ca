//! `millrace status`: reads trees only, and never an item, so that it answers at once whatever is queued.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::init::workspace;
use crate::cli::coming::{Coming, coming};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::moments::{duration, elapsed, seconds, time};
use crate::cli::page::Page;
use crate::cli::reasons::{Activity, Reasons};
use crate::cli::roots::Root;
use crate::cli::spending::Account;
use crate::cli::stdout::{Answer, answer, print};
use crate::cli::trailers;
use crate::cli::watch::{LOOK, Watch};
use crate::domain::budget::{Scope, selected, spent_before};
use crate::domain::control::Control;
use crate::domain::ids::{LedgerId, ModeId, PlanId, RunId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place::OpenState;
use crate::domain::view::{Fault, View as _};
use crate::ledger::store::{Belief, Store as _};
use crate::ledger::trust::Distrust;
use crate::ledger::view::TreeView;
use crate::runtime::continuity;
use crate::runtime::daemon_lock::probe;
use crate::runtime::finished::{WhereCode, last_done};
use crate::runtime::project::Project;
use crate::runtime::source;
use crate::runtime::tick::INTEGRITY;
use crate::runtime::unsigned;
use crate::workspace::bootstrap::reference_style;

/// Items of one state that are named.
const NAMED: usize = 10;

/// Show what runs, what waits and why, and what comes next.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct StatusArguments {
    #[command(subcommand)]
    command: Option<StatusCommand>,
}

#[derive(Debug, Subcommand)]
enum StatusCommand {
    Show(ShowArguments),
    Watch(WatchArguments),
}

/// The same as `status` alone.
#[derive(Debug, Args)]
struct ShowArguments {}

/// Show the status, and again whenever something has changed, until an INT.
///
/// An empty line stands between two pages; with `--json` each is an envelope of its own. How long a stage runs is no
/// change.
#[derive(Debug, Args)]
struct WatchArguments {
    /// Time between two looks: seconds, or `30s`, `10m`; at least 0.2 s.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    interval: Duration,

    /// End after this many pages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_updates: Option<u64>,
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Status {
    workspace: PathBuf,
    /// What is said of a millrace-agents/ that belongs to another runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_runtime: Option<String>,
    /// None before the ledger begins.
    ledger: Option<Position>,
    /// Why the ledger is not believed: it is not what this machine left, and nothing is written on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    distrusted: Option<String>,
    plan: Option<PlanId>,
    mode: Option<ModeId>,
    /// The runtime that lives, in its own words.
    runtime: Option<String>,
    /// There is work, and no runtime that does it.
    unattended: bool,
    runs: Vec<Activity>,
    counts: Vec<Counts>,
    pauses: Vec<Pause>,
    /// What is spent of what is limited, and of a model's use today; none where there is neither.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spending: Vec<Account>,
    /// The roots that are not accepted yet, oldest first.
    roots: Vec<Root>,
    /// The run whose changes the work tree still holds.
    owed: Option<RunId>,
    /// The last run that is done and has changed code, and where that lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<Finished>,
    waiting: Named,
    blocked: Named,
    /// What came from outside and was not released, with where it comes from.
    #[serde(skip_serializing_if = "Named::is_empty")]
    held: Named,
    next: Option<Coming>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Position {
    ledger: LedgerId,
    seq: u64,
    tip: Oid,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Counts {
    kind: ItemKind,
    queued: u64,
    waiting: u64,
    held: u64,
    active: u64,
    blocked: u64,
    done: u64,
    archived: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Pause {
    cause: String,
    owner: String,
    since: Timestamp,
    /// How long it stands.
    age_seconds: i64,
    until: Option<Timestamp>,
    /// How long it is until dispatch tries again by itself; 0 when that is due.
    left_seconds: Option<i64>,
    /// How often in a row it was set.
    times: u32,
    detail: String,
}

/// Where finished code lies.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Finished {
    item: ItemRef,
    run: RunId,
    code: WhereCode,
}

/// Some items with reasons, and how many more there are.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
struct Named {
    items: Vec<Reason>,
    more: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Reason {
    item: ItemRef,
    why: String,
    /// Where in git the evidence of its failure lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl StatusArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        match &self.command {
            None | Some(StatusCommand::Show(_)) => answer(context, &status(&project)?),
            Some(StatusCommand::Watch(arguments)) => arguments.run(context, &project),
        }
    }
}

impl WatchArguments {
    fn run(&self, context: &Context, project: &Project) -> Result<Exit, Failure> {
        let mut watch = Watch::begin()?;
        let mut shown = status(project)?;
        answer(context, &shown)?;
        let mut pages = 1;
        while self.max_updates.is_none_or(|most| pages < most) && watch.rest(self.interval.max(LOOK)) {
            let Some(now) = watch.seen(status(project)) else { continue };
            if now.without_clock() == shown.without_clock() {
                continue;
            }
            if !context.json {
                print(b"\n")?;
            }
            answer(context, &now)?;
            shown = now;
            pages += 1;
        }
        Ok(Exit::Done)
    }
}

fn status(project: &Project) -> Result<Status, Failure> {
    let runtime = probe(&project.store.private_dir())?;
    let mut status = Status {
        workspace: workspace(project),
        other_runtime: project
            .repository
            .work_tree
            .as_deref()
            .and_then(reference_style)
            .map(|other| other.to_string()),
        ledger: None,
        distrusted: distrusted(project),
        plan: None,
        mode: None,
        unattended: false,
        runs: Vec::new(),
        counts: Vec::new(),
        pauses: Vec::new(),
        spending: Vec::new(),
        roots: Vec::new(),
        owed: None,
        finished: None,
        waiting: Named::default(),
        blocked: Named::default(),
        held: Named::default(),
        next: None,
        runtime,
    };
    let Some((tip, commit)) = project.tip()? else { return Ok(status) };
    let trees = project.trees();
    let view = TreeView::new(&trees, Some(commit.tree));
    let now = source::now();
    let missing = |what: &str| Fault { at: what.to_owned(), detail: "missing".to_owned() };
    let ledger = view.ledger()?.ok_or_else(|| missing("ledger.toml"))?;
    status.ledger = Some(Position {
        ledger: ledger.ledger,
        seq: trailers::seq(&commit.message).ok_or_else(|| missing("Millrace-Seq"))?,
        tip,
    });
    let control = view.control()?;
    if let Some(plan) = &control.plan {
        status.mode = view.plan(plan)?.map(|plan| plan.mode.clone());
    }
    let attended = status.runtime.is_some();
    let reasons = Reasons::new(project, &view, attended, now)?;
    status.runs = reasons.activities().to_vec();
    for kind in ItemKind::ALL {
        let count = |state| view.count(kind, state);
        let closed = control.closed.of(kind);
        status.counts.push(Counts {
            kind,
            queued: count(OpenState::Queued)?,
            waiting: count(OpenState::Waiting)?,
            held: count(OpenState::Held)?,
            active: count(OpenState::Active)?,
            blocked: count(OpenState::Blocked)?,
            done: closed.done,
            archived: closed.archived,
        });
        status.waiting.name(&view, &reasons, kind, OpenState::Waiting)?;
        status.blocked.name(&view, &reasons, kind, OpenState::Blocked)?;
        status.held.name(&view, &reasons, kind, OpenState::Held)?;
    }
    status.pauses = control
        .pauses
        .iter()
        .map(|cause| Pause {
            cause: cause.kind.key(),
            owner: cause.owner.clone(),
            since: cause.since,
            age_seconds: seconds(cause.since, now).max(0),
            until: cause.until,
            left_seconds: cause.until.map(|until| seconds(now, until).max(0)),
            times: cause.times,
            detail: cause.detail.clone(),
        })
        .collect();
    status.spending = spending(&view, &control, now)?;
    for root in &control.targets {
        status.roots.extend(Root::of(&view, &reasons, root)?);
    }
    // A work tree that cannot be looked at keeps nothing else from being said.
    status.finished = lookup::runs_newest_first(&view)
        .ok()
        .and_then(|runs| last_done(project, &view, runs).ok().flatten())
        .map(|(record, code)| Finished { item: record.item, run: record.run, code });
    status.owed = control.owed.as_ref().map(|owed| owed.run.clone());
    let mut next = coming(project, &view, control.plan.as_ref(), attended, now)?;
    if let Some(wait) = attended.then(|| unsigned::noted(project)).flatten() {
        next = Coming::waits(&wait.cause, &wait.detail);
    }
    if let Some(why) = &status.distrusted {
        next = Coming::waits(INTEGRITY, why);
    }
    if let Some(left) = left_over(&status.counts, &status.roots).filter(|_| next.action == "idle") {
        next.detail = left;
    }
    status.next = Some(next);
    status.plan = control.plan;
    let work = status.counts.iter().any(|counts| counts.queued > 0 || counts.active > 0);
    let judges = status.next.as_ref().is_some_and(|next| next.action == "judge");
    // A run that judges works on no item that is active.
    status.unattended = (work || judges || !status.runs.is_empty()) && !attended;
    Ok(status)
}

/// Why the ledger is not believed. A ledger that this machine has never seen is not replayed for that.
fn distrusted(project: &Project) -> Option<String> {
    match project.store.believed() {
        Ok(Belief::Tip(_)) => {}
        _ => return None,
    }
    match continuity::look(project) {
        Ok(_) | Err(Distrust::Store(_)) => None,
        Err(distrust) => Some(distrust.to_string()),
    }
}

/// What is spent of the limits of the day, of the daemon and of the items that are worked on, and what was spent today.
fn spending(view: &TreeView<'_, '_>, control: &Control, now: Timestamp) -> Result<Vec<Account>, Fault> {
    let runs = view.runs()?;
    let mut accounts = Account::whole(&selected(view, control)?.unwrap_or_default(), control, &runs, now);
    for run in &runs {
        let before = spent_before(view, &run.item)?;
        let budget = view.plan(&run.plan)?.map(|plan| plan.limits.budget).unwrap_or_default();
        accounts.push(Account::of_item(run.item.to_string(), &budget, &before, Some(run)));
    }
    accounts.retain(|account| account.is_limited() || account.scope == Scope::Day && account.has_used());
    Ok(accounts)
}

/// What is open although nothing can be done about it without an operator; none where nothing is.
fn left_over(counts: &[Counts], roots: &[Root]) -> Option<String> {
    let sum = |of: fn(&Counts) -> u64| counts.iter().map(of).sum::<u64>();
    let blocked = roots.iter().filter(|root| root.is_blocked()).map(|_| 1).sum();
    let left: Vec<String> = [
        (sum(|counts| counts.blocked), "blocked"),
        (sum(|counts| counts.waiting), "waiting"),
        (sum(|counts| counts.held), "held"),
        (blocked, if blocked == 1 { "root not accepted" } else { "roots not accepted" }),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    (!left.is_empty()).then(|| format!("nothing is ready: {}", left.join(", ")))
}

impl Answer for Status {
    const KIND: &'static str = "status";

    fn text(&self, page: &mut Page) {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        let ledger = self.ledger.as_ref().map(|at| format!("number {}, {}", at.seq, at.tip.short()));
        page.fields(&[
            ("workspace", self.workspace.display().to_string()),
            ("ledger", ledger.unwrap_or_else(|| "none yet".to_owned())),
            ("plan", or_none(self.plan.as_ref().map(ToString::to_string))),
            ("mode", or_none(self.mode.as_ref().map(ToString::to_string))),
            ("runtime", or_none(self.runtime.clone())),
        ]);
        if let Some(other) = &self.other_runtime {
            page.gap();
            page.line(format!("!! {other}"));
        }
        if let Some(why) = &self.distrusted {
            page.gap();
            page.line(format!("!! the ledger cannot be trusted: {why}"));
            page.line("   nothing is written on it; `millrace verify` tells more");
        }
        // No runtime works by a ledger that is not trusted.
        if self.unattended && self.distrusted.is_none() {
            page.gap();
            page.line("!! work is queued and nothing runs it: start `millrace run daemon`");
        }
        for run in &self.runs {
            page.gap();
            page.line(format!("{} {run}", run.item()));
        }
        self.counts_text(page);
        for pause in &self.pauses {
            page.gap();
            page.line(format!("dispatch rests: {pause}"));
        }
        let (limited, free): (Vec<_>, Vec<_>) =
            self.spending.iter().partition(|account| account.is_limited());
        for account in free {
            page.gap();
            page.line(account.sentence());
        }
        if !limited.is_empty() {
            page.gap();
            page.line("spending:");
            let row = |account: &Account| {
                let title = account.title();
                account.short_rows().into_iter().map(move |[name, line]| vec![title.clone(), name, line])
            };
            page.indented("  ", &limited.into_iter().flat_map(row).collect::<Vec<_>>());
        }
        for root in &self.roots {
            page.gap();
            root.text(page);
        }
        if let Some(run) = &self.owed {
            page.gap();
            page.line(format!("the work tree still holds what run {run} changed"));
        }
        if let Some(Finished { item, run, code }) = &self.finished {
            page.gap();
            page.line(format!("last done: {item} (run {run}), {code}"));
        }
        self.waiting.text(page, "waiting");
        self.blocked.text(page, "blocked");
        self.held.text(page, "held");
        if let Some(next) = &self.next {
            page.gap();
            page.line(format!("next: {}", next.line()));
        }
    }
}

impl Status {
    /// The same but for what changes with the clock alone.
    fn without_clock(&self) -> Self {
        let mut status = self.clone();
        for run in &mut status.runs {
            run.without_clock();
        }
        for pause in &mut status.pauses {
            pause.age_seconds = 0;
            pause.left_seconds = pause.left_seconds.map(|left| left.min(1));
        }
        status
    }

    fn counts_text(&self, page: &mut Page) {
        let mut rows = vec![
            ["", "queued", "waiting", "held", "active", "blocked", "done", "archived"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for counts in &self.counts {
            let numbers = [
                counts.queued,
                counts.waiting,
                counts.held,
                counts.active,
                counts.blocked,
                counts.done,
                counts.archived,
            ];
            // Tasks always; the others where there ever were any.
            if counts.kind == ItemKind::Task || numbers.iter().any(|number| *number > 0) {
                let mut row = vec![counts.kind.plural().to_owned()];
                row.extend(numbers.iter().map(ToString::to_string));
                rows.push(row);
            }
        }
        if rows.len() > 1 {
            page.gap();
            page.table(&rows);
        }
    }
}

/// Completes the sentence that begins with "dispatch rests".
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cause, owner, detail, since, .. } = self;
        write!(f, "{cause}: {detail} (since {}, {}, ", time(*since), elapsed(self.age_seconds))?;
        match (self.until, self.left_seconds) {
            (Some(_), Some(0)) => f.write_str("the next attempt is due")?,
            (Some(until), left) => {
                write!(f, "until {}, {} left", time(until), elapsed(left.unwrap_or_default()))?;
            }
            (None, _) => write!(f, "until {owner} lifts it")?,
        }
        f.write_str(")")
    }
}

impl Named {
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds the items of one kind and state.
    fn name(
        &mut self,
        view: &TreeView<'_, '_>,
        reasons: &Reasons<'_, '_, '_>,
        kind: ItemKind,
        state: OpenState,
    ) -> Result<(), Failure> {
        for (id, slot) in view.items(kind, state)? {
            if self.items.len() >= NAMED {
                self.more += 1;
                continue;
            }
            let item = ItemRef::new(kind, id);
            if let Some(why) = reasons.of(&item, &slot)? {
                let evidence = why.evidence();
                self.items.push(Reason { item, why: why.to_string(), evidence });
            }
        }
        Ok(())
    }

    fn text(&self, page: &mut Page, title: &str) {
        if self.items.is_empty() {
            return;
        }
        page.gap();
        page.line(format!("{title}:"));
        let mut rows = Vec::new();
        for reason in &self.items {
            rows.push(vec![reason.item.to_string(), reason.why.clone()]);
            rows.extend(reason.evidence.iter().map(|path| vec![String::new(), format!("evidence: {path}")]));
        }
        page.indented("  ", &rows);
        if self.more > 0 {
            page.line(format!("  and {} more", self.more));
        }
    }
}
