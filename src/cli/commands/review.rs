//! `millrace review`

mod code;
mod gather;
mod markdown;
mod text;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use code::Code;

use crate::cli::context::Context;
use crate::cli::diffstat::DiffStat;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::look::LookArguments;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::Answer;
use crate::domain::closure::Criterion;
use crate::domain::ids::{ModeId, PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::plan::StageRef;
use crate::domain::usage::Usd;

/// Show all that a reviewer needs of a run on one page: the task, the plan, what each stage came to, how long it took,
/// what it cost, what it changed and found, the verdict, where the code lies, and what is still open.
///
/// By hand: `git log refs/millrace/runs/RUN` tells the run stage by stage and `git log -p` shows the code with it;
/// `git log --grep='^Millrace-Run: RUN$' refs/millrace/state` tells what the stages said and what they used, and
/// `git show refs/millrace/state:runs/DAY/RUN/` lists what they left.
#[derive(Debug, Args)]
pub(crate) struct ReviewArguments {
    /// The run's id, or a beginning of it; or an item, for its latest run.
    #[arg(value_name = "RUN|ITEM")]
    run: String,

    /// As Markdown, for a pull request or a mail.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,

    #[command(flatten)]
    look: LookArguments,
}

/// A run as its reviewer sees it. Texts of stages and documents are as they were written: whoever shows them makes them
/// harmless.
#[derive(Debug, Serialize)]
struct Review {
    run: RunId,
    item: ItemRef,
    title: String,
    /// Where the item stands now.
    item_state: Option<&'static str>,
    /// Whether the run judges the drained root that the item is.
    judges: bool,
    /// The blocked run whose work it goes on with.
    continues: Option<RunId>,
    task: Task,
    plan: PlanId,
    mode: Option<ModeId>,
    opened_at: Timestamp,
    ended_at: Option<Timestamp>,
    /// How it ended; `active` where it has not.
    state: &'static str,
    reason: Option<String>,
    used: Used,
    stages: Vec<StageReview>,
    verdict: Vec<Criterion>,
    code: Code,
    /// What the run put into the queue.
    created: Vec<Created>,
    /// What is not settled.
    open: Vec<String>,
    /// Where in git its record and its evidence lie.
    record: String,
}

/// The document that the run works by.
#[derive(Debug, Serialize)]
struct Task {
    document: Oid,
    text: String,
}

/// What the launches that have ended used together.
#[derive(Debug, Serialize)]
struct Used {
    launches: u32,
    wall_seconds: u64,
    /// As far as they are known; none where nothing of it is.
    tokens: Option<u64>,
    cost_usd: Option<Usd>,
    /// Launches whose tokens are not known.
    tokens_unknown: u32,
    cost_unknown: u32,
}

/// One launch.
#[derive(Debug, Serialize)]
struct StageReview {
    /// Its folder below the run's: `03-fixer`.
    name: String,
    stage: StageRef,
    launch: u32,
    /// The result, the failure class, or why it did not count; none while it runs.
    came_to: Option<String>,
    /// What the stage says of its work, or what was seen.
    said: Option<String>,
    next: Option<String>,
    took_seconds: Option<i64>,
    tokens: Option<u64>,
    cost_usd: Option<Usd>,
    snapshot: Option<Oid>,
    /// None where the code is not in this repository.
    changed: Option<DiffStat>,
    /// What the runtime noticed.
    findings: Vec<String>,
}

/// An item that the run made.
#[derive(Debug, Serialize)]
struct Created {
    item: ItemRef,
    /// Where it stands now.
    state: Option<&'static str>,
}

impl ReviewArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let look = self.look.look(context, &project, "review")?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let run = lookup::run_or_latest(&view, &self.run)?;
        let review = gather::review(&project, &view, &run)?;
        if self.markdown {
            look.text(&review.markdown())?;
            return Ok(Exit::Done);
        }
        look.answer(context, &review)
    }
}

impl Answer for Review {
    const KIND: &'static str = "review";

    fn text(&self, page: &mut Page) {
        self.on(page);
    }
}
