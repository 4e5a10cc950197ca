//! `millrace runs show`

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::moments::{elapsed, seconds, time};
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::{PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::place::{self, TreePath};
use crate::domain::result::Judgement;
use crate::domain::run::{RunEnd, RunRecord};
use crate::domain::transition::decision::StageResult;
use crate::domain::usage::{Usage, Usd};
use crate::domain::view::{Fault, View as _};
use crate::ledger::store::RefName;
use crate::ledger::view::TreeView;

/// Show a run: every launch with what it came to, what it cost, and the names of what it left.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The run, or a beginning of its id that no other run has; or an item, for its latest run.
    #[arg(value_name = "RUN|ITEM")]
    run: String,
}

/// One run.
#[derive(Debug, Serialize)]
pub(in crate::cli::commands) struct Shown {
    run: RunId,
    item: ItemRef,
    /// Whether it judges the drained root that the item is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    judges: bool,
    /// The blocked run whose work it goes on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues: Option<RunId>,
    /// Where in git its verdict lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    plan: PlanId,
    opened_at: Timestamp,
    /// The commit the user stood on.
    base: Option<Oid>,
    /// Snapshot 0.
    start: Oid,
    /// The code as it is on the run branch.
    snapshot: Option<Oid>,
    /// The branch with the snapshots.
    branch: String,
    /// How it ended; none while it is active.
    end: Option<RunEnd>,
    /// What an active run waits for.
    now: Option<String>,
    /// None where no harness told any.
    tokens: Option<Tokens>,
    /// US dollars, as far as they are known; none where nobody knows any.
    cost_usd: Option<Usd>,
    launches: Vec<Launch>,
    /// Where the evidence lies in the ledger's tree.
    evidence_folder: String,
}

/// Sums of what the harnesses told; what is unknown is not in them, and a kind that none of them told has none.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Tokens {
    input_uncached: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Launch {
    /// Its folder below the run's: `03-fixer`.
    name: String,
    /// What it came to; none while it runs.
    result: Option<StageResult>,
    /// Files in its folder.
    evidence: Vec<String>,
}

impl ShowArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        answer(context, &shown(&view, &lookup::run_or_latest(&view, &self.run)?)?)
    }
}

/// What there is to show of a run.
pub(in crate::cli::commands) fn shown(view: &TreeView<'_, '_>, run: &RunId) -> Result<Shown, Fault> {
    let record: RunRecord = view
        .run_record(run)?
        .ok_or_else(|| Fault { at: place::run_record(run).to_string(), detail: "missing".to_owned() })?;
    let folder = place::run_folder(&record.run);
    let mut launches = Vec::new();
    let mut tokens: Option<Tokens> = None;
    let mut cost: Option<Usd> = None;
    for entry in view.list(&folder)?.iter().filter(|entry| entry.folder) {
        let path = |name: &str| {
            TreePath::new(name).map_err(|error| Fault { at: folder.to_string(), detail: error.to_string() })
        };
        let inner = format!("{folder}/{}", entry.name);
        let result: Option<StageResult> = view.record(&path(&format!("{inner}/result.toml"))?)?;
        if let Some(usage) = result.as_ref().map(|result| result.usage).filter(|usage| !usage.is_unknown()) {
            if usage.tokens().is_some() {
                tokens.get_or_insert_default().add(&usage);
            }
            cost = usage.cost.map(|more| more.plus(cost.unwrap_or_default())).or(cost);
        }
        let evidence = view
            .list(&path(&inner)?)?
            .iter()
            .map(|file| file.name.clone())
            .filter(|name| name != "result.toml")
            .collect();
        launches.push(Launch { name: entry.name.clone(), result, evidence });
    }
    // `100-fixer` comes after `99-checker`, which is not the order of a tree.
    launches.sort_by_key(|launch| {
        launch.name.split('-').next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(u32::MAX)
    });
    let active = view.run(&record.run)?;
    let now = active.as_ref().map(|run| match (&run.launch, &run.asks) {
        (Some(launch), None) => format!("launch {} of {} is under way", launch.number, run.stage),
        (Some(launch), Some(asks)) => format!(
            "launch {} of {} is under way: launch {} ended without a word and is asked for its result",
            launch.number, run.stage, asks.launch
        ),
        (None, None) => format!("routed to {}", run.stage),
        (None, Some(asks)) => format!(
            "routed to {}: launch {} ended without a word and will be asked for its result",
            run.stage, asks.launch
        ),
    });
    let verdict = if record.closure { view.verdict(&record.item.id, &record.run)? } else { None };
    let verdict = verdict.map(|found| RefName::State.at(place::verdict(&record.item.id, &found.run)));
    Ok(Shown {
        judges: record.closure,
        continues: record.continues.clone(),
        verdict,
        snapshot: record.end.as_ref().map(|end| end.snapshot).or_else(|| active.map(|run| run.snapshot)),
        branch: format!("refs/millrace/runs/{}", record.run),
        evidence_folder: folder.to_string(),
        run: record.run,
        item: record.item,
        plan: record.plan,
        opened_at: record.opened_at,
        base: record.base,
        start: record.start,
        end: record.end,
        now,
        tokens,
        cost_usd: cost,
        launches,
    })
}

impl Tokens {
    fn add(&mut self, usage: &Usage) {
        for (sum, more) in [
            (&mut self.input_uncached, usage.input_uncached),
            (&mut self.cache_read, usage.cache_read),
            (&mut self.cache_write, usage.cache_write),
            (&mut self.output, usage.output),
        ] {
            *sum = more.map(|more| more.saturating_add(sum.unwrap_or(0))).or(*sum);
        }
    }

    fn line(self) -> String {
        let parts = [
            ("input", self.input_uncached),
            ("from cache", self.cache_read),
            ("into cache", self.cache_write),
            ("output", self.output),
        ];
        let known = parts.iter().filter_map(|(name, count)| count.map(|count| format!("{name} {count}")));
        known.collect::<Vec<_>>().join(", ")
    }
}

impl Answer for Shown {
    const KIND: &'static str = "runs_show";

    fn text(&self, page: &mut Page) {
        let oid = |oid: Option<Oid>| oid.map_or_else(|| "-".to_owned(), |oid| oid.to_string());
        let mut fields = vec![
            ("run", self.run.to_string()),
            (if self.judges { "judges" } else { "item" }, self.item.to_string()),
            ("plan", self.plan.to_string()),
            ("opened", time(self.opened_at)),
        ];
        fields.extend(self.continues.iter().map(|run| ("goes on with", format!("run {run}"))));
        fields.extend(self.verdict.iter().map(|path| ("verdict", path.clone())));
        if let Some(now) = &self.now {
            fields.push(("now", now.clone()));
        }
        if let Some(end) = &self.end {
            fields.push(("ended", format!("{} {}: {}", time(end.at), end.ending.as_str(), end.reason)));
        }
        fields.extend([
            ("base", oid(self.base)),
            ("start", oid(Some(self.start))),
            ("snapshot", oid(self.snapshot)),
            ("branch", self.branch.clone()),
            ("evidence", RefName::State.at(&self.evidence_folder)),
            ("tokens", self.tokens.map_or_else(|| "unknown".to_owned(), Tokens::line)),
            ("cost", self.cost_usd.map_or_else(|| "unknown".to_owned(), |cost| format!("{cost} USD"))),
        ]);
        page.fields(&fields);
        for launch in &self.launches {
            page.gap();
            page.line(&launch.name);
            let mut rows: Vec<(&str, String)> = Vec::new();
            if let Some(result) = &launch.result {
                let took = elapsed(seconds(result.started_at, result.ended_at));
                rows.push(("started", format!("{}, took {took}", time(result.started_at))));
                rows.push(("result", judged(&result.judgement)));
                rows.push(("next", format!("{} ({})", result.next, result.why)));
                if result.usage.tokens().is_some() {
                    let mut tokens = Tokens::default();
                    tokens.add(&result.usage);
                    rows.push(("tokens", tokens.line()));
                }
                rows.extend(result.session.iter().map(|session| ("session", session.clone())));
                let said = result.usage.cost_source.map(|source| format!(" ({})", source.as_str()));
                let said = said.unwrap_or_default();
                rows.extend(result.usage.cost.map(|cost| ("cost", format!("{cost} USD{said}"))));
                if let Some(snapshot) = result.snapshot {
                    rows.push(("snapshot", snapshot.to_string()));
                }
                rows.extend(result.findings.iter().map(|finding| ("finding", finding.clone())));
            } else {
                rows.push(("result", "none yet".to_owned()));
            }
            rows.push(("evidence", launch.evidence.join(", ")));
            let rows: Vec<Vec<String>> =
                rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
            page.indented("  ", &rows);
        }
    }
}

pub(in crate::cli::commands) fn judged(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Reported { result, summary: Some(summary), .. } => format!("{result}: {summary}"),
        Judgement::Reported { result, summary: None, .. } => result.to_string(),
        Judgement::Failed { class, detail } => format!("failed, {class}: {detail}"),
        Judgement::Rejected { result, problems, .. } => {
            format!("{result} could not be taken: {}", problems.join("; "))
        }
        Judgement::Infrastructure { detail, .. } => format!("the harness could not work: {detail}"),
        Judgement::Interrupted { .. } => "interrupted".to_owned(),
    }
}
