//! `millrace run`

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::init::{mode, say_created};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::time;
use crate::cli::page::Page;
use crate::cli::plan_source::PlanSource;
use crate::cli::spending::remedy;
use crate::cli::stdout::{Answer, answer, render, say, try_print};
use crate::domain::ids::{ModeId, PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::plan::StageRef;
use crate::domain::result::Judgement;
use crate::domain::schedule::Wait;
use crate::format::count::counted;
use crate::runtime::config_file::ConfigNews;
use crate::runtime::daemon::{self, DaemonEnd, DaemonLimits, Once, RunError, Said};
use crate::runtime::daemon_lock::{DaemonLockError, probe};
use crate::runtime::inbox::Took;
use crate::runtime::outside::Outer;
use crate::runtime::plans;
use crate::runtime::project::Project;
use crate::runtime::repair;
use crate::runtime::tick::StageReport;

/// Work through the queue.
#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    Once(OnceArguments),
    Daemon(DaemonArguments),
}

impl RunCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Once(arguments) => arguments.run(context),
            Self::Daemon(arguments) => arguments.run(context),
        }
    }
}

/// Run one stage, and end.
///
/// With `[watchers]`, what lies in ideas/inbox and specs/inbox is taken in before the stage, and after it.
///
/// The selected plan is run; nothing is compiled but the first plan of a repository that has none. With --mode or --config, that is compiled and selected first, as by
/// `compile validate`; where it does not compile, nothing is run.
#[derive(Debug, Args)]
pub(crate) struct OnceArguments {
    #[command(flatten)]
    source: PlanSource,
}

/// Run stage after stage, and wait for work where there is none.
///
/// A first TERM or INT lets the stage that runs finish; a second one ends it. With `--json` every line is an envelope
/// of its own.
///
/// With `[watchers]`, what is dropped into ideas/inbox and specs/inbox is taken in, once by content, and stays as it is.
///
/// The selected plan is run; nothing is compiled but the first plan of a repository that has none. With --mode or --config, that is compiled and selected first, as by
/// `compile validate`; where it does not compile, nothing is run.
#[derive(Debug, Args)]
pub(crate) struct DaemonArguments {
    #[command(flatten)]
    source: PlanSource,

    /// End after this many stages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_ticks: Option<u64>,

    /// End when nothing is ready.
    #[arg(long)]
    until_idle: bool,
}

/// What `run once` came to.
#[derive(Debug, Serialize)]
struct RanOnce {
    run_mode: &'static str,
    plan: PlanId,
    mode: Option<ModeId>,
    #[serde(flatten)]
    came_to: CameTo,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum CameTo {
    Stage(Box<HandedOff>),
    Waits(Waits),
    NoWork,
    Stopped,
}

/// A stage that was handed off.
#[derive(Debug, Serialize)]
pub(crate) struct HandedOff {
    run: RunId,
    item: ItemRef,
    stage: StageRef,
    launch: u32,
    ended_at: Timestamp,
    next: String,
    /// What it came to, in a word: the result, the failure class, why it did not count.
    result: String,
    why: String,
    judgement: Judgement,
    commit: Oid,
}

impl HandedOff {
    pub(crate) fn of(report: &StageReport) -> Self {
        let result = &report.result;
        Self {
            run: report.run.clone(),
            item: report.item.clone(),
            stage: result.stage.clone(),
            launch: result.launch,
            ended_at: result.ended_at,
            next: result.next.clone(),
            result: result.in_a_word(),
            why: result.why.clone(),
            judgement: result.judgement.clone(),
            commit: report.commit,
        }
    }

    /// `fix-login  builder -> checker (BUILDER_COMPLETE)`
    pub(crate) fn line(&self) -> String {
        let next = self.next.rsplit('/').next().unwrap_or_default();
        format!("{}  {} -> {next} ({})", self.item, self.stage.stage, self.result)
    }

    /// What it came to, in a word.
    pub(crate) fn result(&self) -> &str {
        &self.result
    }

    /// Where the run went.
    pub(crate) fn next(&self) -> &str {
        &self.next
    }

    /// The run.
    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    fn failed(&self) -> bool {
        !matches!(self.judgement, Judgement::Reported { .. })
    }
}

/// Why work waits.
#[derive(Debug, Serialize)]
struct Waits {
    cause: String,
    detail: String,
    until: Option<Timestamp>,
    /// What ends it, where that is not said already.
    #[serde(skip)]
    remedy: &'static str,
}

impl From<&Wait> for Waits {
    fn from(wait: &Wait) -> Self {
        let (cause, detail) = (wait.cause.clone(), wait.detail.clone());
        Self { cause, detail, until: wait.until, remedy: remedy(wait) }
    }
}

impl Waits {
    fn line(&self) -> String {
        let until = self.until.map_or_else(String::new, |until| format!(", until {}", time(until)));
        format!("{}: {}{until}{}", self.cause, self.detail, self.remedy)
    }
}

/// Makes what is missing, compiles a plan where the command line asks for one or there is none, and says so.
fn prepare(project: &Project, source: &PlanSource) -> Result<(), Failure> {
    if project.repository.is_bare() {
        return Err(RunError::Bare(project.repository.git_dir.display().to_string()).into());
    }
    repair::followed(project).map_err(RunError::Damaged)?;
    let compiled = if source.is_given() {
        // Whoever cannot run here selects nothing either.
        if let Some(holder) = probe(&project.store.private_dir())? {
            return Err(DaemonLockError::Held { holder }.into());
        }
        Some(source.select(project)?)
    } else {
        say_created(&plans::bootstrap(project)?);
        plans::ensure_selected(project)?.1
    };
    if let Some(selected) = compiled {
        say_created(&selected.created);
        let plan = &selected.plan;
        say(&if selected.changed {
            format!("compiled and selected {plan}")
        } else {
            format!("compiled {plan}, which is selected already")
        });
        for warning in &selected.warnings {
            say(&format!("warning: {warning}"));
        }
    }
    Ok(())
}

/// The selected plan, as it is now.
fn current(project: &Project) -> Result<(PlanId, Option<ModeId>), Failure> {
    let (plan, _) = plans::ensure_selected(project)?;
    let mode = mode(project, &plan)?;
    Ok((plan, mode))
}

impl OnceArguments {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        prepare(&project, &self.source)?;
        let came_to = match daemon::once(&project, self.source.config(), |outer| {
            say(&Event::of_outer(outer).line());
        })? {
            Once::Stage(report) => CameTo::Stage(Box::new(HandedOff::of(&report))),
            Once::Waits(wait) => CameTo::Waits(Waits::from(&wait)),
            Once::NoWork => CameTo::NoWork,
            Once::Stopped => CameTo::Stopped,
        };
        let (plan, mode) = current(&project)?;
        answer(context, &RanOnce { run_mode: "once", plan, mode, came_to })
    }
}

impl Answer for RanOnce {
    const KIND: &'static str = "run_once";

    fn text(&self, page: &mut Page) {
        let mut fields = vec![
            ("run_mode", self.run_mode.to_owned()),
            ("plan", self.plan.to_string()),
            ("mode", self.mode.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
        ];
        match &self.came_to {
            CameTo::Stage(handed) => {
                fields.push(("outcome", "stage".to_owned()));
                fields.push(("run", handed.run.to_string()));
                fields.push(("handoff", handed.line()));
                fields.push(("why", handed.why.clone()));
            }
            CameTo::Waits(waits) => {
                fields.push(("outcome", "waits".to_owned()));
                fields.push(("waits", waits.line()));
            }
            CameTo::NoWork => fields.push(("outcome", "no_work".to_owned())),
            CameTo::Stopped => fields.push(("outcome", "stopped".to_owned())),
        }
        page.fields(&fields);
    }

    fn exit(&self) -> Exit {
        match &self.came_to {
            CameTo::Stage(handed) if handed.failed() => Exit::Stage,
            _ => Exit::Done,
        }
    }
}

/// One thing that a daemon says while it runs.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Stage(Box<HandedOff>),
    Settled {
        what: String,
    },
    /// A document of an inbox was taken.
    Took {
        file: String,
        item: ItemRef,
        state: &'static str,
        held: Option<String>,
    },
    /// Something of an inbox cannot be taken; said once.
    Warning {
        what: String,
    },
    /// The configuration's file changed; said once.
    Config {
        what: String,
    },
    Waits(Waits),
    Idle,
    Stops {
        why: String,
    },
    Trouble {
        what: String,
    },
}

impl Event {
    fn of_outer(outer: &Outer) -> Self {
        match outer {
            Outer::Took(Took { file, item, state, held }) => {
                Self::Took { file: file.clone(), item: item.clone(), state, held: held.clone() }
            }
            Outer::Warning(what) => Self::Warning { what: what.clone() },
            Outer::Config(news) => Self::Config { what: config_line(news) },
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Stage(handed) => format!("{}  {}", time(handed.ended_at), handed.line()),
            Self::Settled { what } => format!("settled: {what}"),
            Self::Took { file, item, state, held: None } => format!("took {file}: {item} is {state}"),
            Self::Took { file, item, held: Some(why), .. } => format!("took {file}: {item} is held: {why}"),
            Self::Warning { what } => format!("warning: {what}"),
            Self::Config { what } => format!("configuration: {what}"),
            Self::Waits(waits) => format!("waits: {}", waits.line()),
            Self::Idle => "idle: waiting for work".to_owned(),
            Self::Stops { why } => format!("asked to stop: {why}"),
            Self::Trouble { what } => format!("trouble, will try again: {what}"),
        }
    }
}

/// What became of a change of the configuration.
fn config_line(news: &ConfigNews) -> String {
    match news {
        ConfigNews::Broken(problem) => format!("{problem}; what counted before counts on"),
        ConfigNews::Whole => "the file can be read again".to_owned(),
        ConfigNews::Took(keys) => format!("taken over: {}", keys.join(", ")),
        ConfigNews::Uncompiled(keys) => {
            format!(
                "changed, not compiled: {}; `millrace compile validate` makes a plan of it",
                keys.join(", ")
            )
        }
        ConfigNews::Nothing(keys) => format!("changed, without effect: {}", keys.join(", ")),
    }
}

impl Answer for Event {
    const KIND: &'static str = "run_daemon_event";

    fn text(&self, page: &mut Page) {
        page.line(self.line());
    }
}

/// How a daemon ended.
#[derive(Debug, Serialize)]
struct RanDaemon {
    run_mode: &'static str,
    plan: PlanId,
    mode: Option<ModeId>,
    /// Why it ended: `idle`, `max_ticks`, `signal`, `stop`, `waiting`.
    reason: &'static str,
    stages: u64,
    waits: Option<Waits>,
}

impl DaemonArguments {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        prepare(&project, &self.source)?;
        let limits = DaemonLimits {
            max_ticks: self.max_ticks,
            until_idle: self.until_idle,
            config: self.source.config(),
        };
        // A reader that goes away does not end the work: the ledger is what counts.
        let mut heard = true;
        let DaemonEnd { reason, stages, waits } = daemon::daemon(&project, limits, |said| {
            if !heard {
                return;
            }
            let event = match said {
                Said::Stage(report) => Event::Stage(Box::new(HandedOff::of(report))),
                Said::Settled(what) => Event::Settled { what: what.to_owned() },
                Said::Outer(outer) => Event::of_outer(outer),
                Said::Waits(wait) => Event::Waits(Waits::from(wait)),
                Said::Idle => Event::Idle,
                Said::Stops(why) => Event::Stops { why: why.to_owned() },
                Said::Trouble(error) => Event::Trouble { what: error.to_string() },
            };
            heard = render(context, &event).is_ok_and(|bytes| try_print(&bytes).is_ok());
        })?;
        let (plan, mode) = current(&project)?;
        let waits = waits.as_ref().map(Waits::from);
        answer(context, &RanDaemon { run_mode: "daemon", plan, mode, reason, stages, waits })
    }
}

impl Answer for RanDaemon {
    const KIND: &'static str = "run_daemon";

    fn text(&self, page: &mut Page) {
        let stages = counted(self.stages, "stage");
        page.line(format!("ended: {}, {stages}, {}", self.reason, self.plan));
        if let Some(waits) = &self.waits {
            page.line(format!("waits: {}", waits.line()));
        }
    }
}
