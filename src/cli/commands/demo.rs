//! `millrace demo`: a whole run in a scratch repository. The harness is the embedded one, so that nothing is needed
//! but git and a POSIX shell; everything else is the real thing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde::Serialize;
use tempfile::TempDir;

use super::run::HandedOff;
use super::verify::Verified;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, print};
use crate::domain::closure::TargetState;
use crate::domain::ids::RunId;
use crate::domain::place;
use crate::domain::slot::Slot;
use crate::domain::view::View as _;
use crate::format::idea::idea_id;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::verify::{Report, verify};
use crate::runtime::daemon::{self, DaemonLimits, Said};
use crate::runtime::intake::{Document, Idea, TakenIn, Terms, add_idea, add_tasks};
use crate::runtime::plans;
use crate::runtime::project::Project;

/// What every scratch repository begins with.
const FILES: [(&str, &str); 4] = [
    ("calc.sh", include_str!("../../assets/demo/calc.sh")),
    ("test.sh", include_str!("../../assets/demo/test.sh")),
    ("millrace-agents/millrace.toml", include_str!("../../assets/demo/millrace.toml")),
    ("millrace-agents/.gitignore", include_str!("../../assets/demo/gitignore")),
];

/// One story that can be shown.
struct Story {
    /// The files that it adds: what the harness does.
    files: &'static [(&'static str, &'static str)],
    /// What is brought in.
    begins: Begins,
    /// What the stages have to report, in this order, for the demo to have worked.
    expected: &'static [&'static str],
}

/// What a story begins with.
enum Begins {
    Task(&'static str),
    Idea { name: &'static str, text: &'static str },
}

/// A task: a bug, a fix that is not good enough, and one that is.
const TASK: Story = Story {
    files: &[("millrace-agents/demo.yaml", include_str!("../../assets/demo/demo.yaml"))],
    begins: Begins::Task(include_str!("../../assets/demo/task.md")),
    expected: &["BUILDER_COMPLETE", "FIX_NEEDED", "FIXER_COMPLETE", "DOUBLECHECK_PASS", "UPDATE_COMPLETE"],
};

/// An idea: planned, cut into three tasks, built, judged, mended, judged again.
const FULL: Story = Story {
    files: &[
        ("millrace-agents/demo.yaml", include_str!("../../assets/demo/full/demo.yaml")),
        ("millrace-agents/judge.sh", include_str!("../../assets/demo/full/judge.sh")),
    ],
    begins: Begins::Idea { name: "calc-divides", text: include_str!("../../assets/demo/full/idea.md") },
    expected: &[
        "PLANNER_COMPLETE",
        "MANAGER_COMPLETE",
        "BUILDER_COMPLETE",
        "CHECKER_PASS",
        "UPDATE_COMPLETE",
        "BUILDER_COMPLETE",
        "FIX_NEEDED",
        "FIXER_COMPLETE",
        "DOUBLECHECK_PASS",
        "UPDATE_COMPLETE",
        "BUILDER_COMPLETE",
        "CHECKER_PASS",
        "UPDATE_COMPLETE",
        "REMEDIATION_NEEDED",
        "AUDITOR_COMPLETE",
        "PLANNER_COMPLETE",
        "MANAGER_COMPLETE",
        "BUILDER_COMPLETE",
        "CHECKER_PASS",
        "UPDATE_COMPLETE",
        "ARBITER_COMPLETE",
    ],
};

/// Stages after which the demo gives up.
const MAX_STAGES: u64 = 40;

/// Show a whole run in a scratch repository: a bug, a fix that is not good enough, and one that is.
///
/// No model and no network is needed: an embedded harness follows a script. Fails if any of it goes wrong.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Show the whole of it: an idea becomes a spec and three tasks, is built, judged, mended, and accepted.
    #[arg(long)]
    full: bool,

    /// Make the repository here, and leave it; the folder must be empty or missing.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What the demo came to.
#[derive(Debug, Serialize)]
struct Demonstrated {
    /// Where the repository is, where it was kept.
    kept: Option<PathBuf>,
    /// The last run.
    run: RunId,
    handoffs: Vec<HandedOff>,
    /// What the judge found in the end, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    /// `git log` of the run branch.
    run_log: String,
    /// `git log` of the ledger.
    ledger_log: String,
    /// What the run changed.
    diff: String,
    verified: Verified,
}

impl DemoArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.refuse_inside_a_stage()?;
        let place = Place::new(self.keep.as_deref())?;
        let root = place.path();
        let story = if self.full { &FULL } else { &TASK };
        let tell = |page: Page| if context.json { Ok(()) } else { print(page.into_text().as_bytes()) };

        found(root, story)?;
        let mut page = Page::default();
        page.line(format!("A scratch repository: {}", root.display()));
        page.line("Its test fails before:");
        let (before, output) = test(root)?;
        page.verbatim(&indented(&output));
        if before == Some(0) {
            return Err(wrong("the test passes before anything was done"));
        }

        let project = Project::open(root)?;
        let plan = plans::compile_and_select(&project, None, None)?;
        let taken = story.begin(&project)?;
        page.gap();
        page.line(format!("Compiled {}", plan.plan));
        for (item, state) in &taken.added {
            page.line(format!("Added {item} ({state})"));
        }
        page.line("Running it, stage by stage:");
        tell(page)?;

        let handoffs = run(&project, context)?;
        let found: Vec<&str> = handoffs.iter().map(HandedOff::result).collect();
        if found != story.expected {
            return Err(wrong(format!("the stages reported {}", found.join(", "))));
        }
        let done = match (handoffs.last(), taken.added.first()) {
            (Some(last), Some((item, _))) if last.next() == "done" => {
                let trees = project.trees();
                let view = project.view(&trees)?;
                let accepted = match view.target(&item.id)? {
                    Some(target) => matches!(target.state, TargetState::Accepted { .. }),
                    None => !self.full,
                };
                accepted && view.slot(item)? == Some(Slot::Done)
            }
            _ => false,
        };
        let Some(last) = handoffs.last().filter(|_| done) else { return Err(wrong("it is not done")) };
        let (after, output) = test(root)?;
        if after != Some(0) {
            return Err(wrong(format!("the test still fails: {}", output.trim().replace('\n', "; "))));
        }
        let run_id = last.run().clone();
        let branch = RefName::Run(run_id.clone()).full();
        let tip = project.store.resolve(&RefName::State)?;
        let report = match tip {
            Some(tip) => verify(&project.store, tip)?,
            None => Report::default(),
        };
        let verdict = match taken.added.first().filter(|_| self.full) {
            Some((item, _)) => {
                let path = place::verdict(&item.id, &run_id);
                Some(git(root, "show", &[&RefName::State.at(path)])?)
            }
            None => None,
        };
        let shown = Demonstrated {
            verdict,
            kept: self.keep.is_some().then(|| root.to_owned()),
            run_log: git(root, "log", &["--oneline", &branch])?,
            ledger_log: git(root, "log", &["--oneline", &RefName::State.full()])?,
            diff: git(root, "diff", &["--no-ext-diff", "HEAD", &branch])?,
            verified: Verified::of(tip, report),
            run: run_id,
            handoffs,
        };
        if !shown.diff.contains("calc.sh") || shown.run_log.lines().count() < 2 {
            return Err(wrong("the run branch does not hold what the run did"));
        }
        answer(context, &shown)
    }
}

/// Runs the queue empty, and says each handoff as it comes.
fn run(project: &Project, context: &Context) -> Result<Vec<HandedOff>, Failure> {
    let mut handoffs = Vec::new();
    let mut told = Ok(());
    let limits = DaemonLimits { max_ticks: Some(MAX_STAGES), until_idle: true, config: None };
    let end = daemon::daemon(project, limits, |said| {
        if let Said::Stage(report) = said {
            let handed = HandedOff::of(report);
            if !context.json && told.is_ok() {
                told = print(format!("  {}\n", handed.line()).as_bytes());
            }
            handoffs.push(handed);
        }
    })?;
    told?;
    if end.reason != "idle" {
        let why = end.waits.map_or_else(String::new, |wait| format!(", {}: {}", wait.cause, wait.detail));
        return Err(wrong(format!("the runtime ended: {}{why}", end.reason)));
    }
    Ok(handoffs)
}

impl Story {
    /// Brings in what the story begins with.
    fn begin(&self, project: &Project) -> Result<TakenIn, Failure> {
        Ok(match &self.begins {
            Begins::Task(text) => {
                let document = Document { file: "task.md".to_owned(), bytes: text.as_bytes().to_vec() };
                add_tasks(project, &[document], &Terms::default())?
            }
            Begins::Idea { name, text } => {
                let text = Document { file: format!("{name}.md"), bytes: text.as_bytes().to_vec() };
                let idea = Idea {
                    text,
                    id: idea_id(name).map_err(|bad| Failure::failed(bad.to_string()))?,
                    found_in: None,
                };
                add_idea(project, &idea, &Terms::default())?
            }
        })
    }
}

impl Answer for Demonstrated {
    const KIND: &'static str = "demo";

    fn text(&self, page: &mut Page) {
        let branch = RefName::Run(self.run.clone()).full();
        for (command, output) in [
            (format!("git log --oneline {branch}"), &self.run_log),
            (format!("git log --oneline {}", RefName::State.full()), &self.ledger_log),
            (format!("git diff HEAD {branch}"), &self.diff),
        ]
        .into_iter()
        .chain(self.verdict.iter().map(|verdict| ("git show of the last verdict".to_owned(), verdict)))
        {
            page.line("");
            page.line(format!("$ {command}"));
            page.verbatim(output);
        }
        page.line("");
        page.line("$ millrace verify");
        self.verified.text(page);
        page.line("");
        match &self.kept {
            Some(path) => page.line(format!("The repository stays: {}", path.display())),
            None => page.line("The repository is gone again; `millrace demo --keep DIR` leaves it."),
        }
    }

    fn exit(&self) -> Exit {
        self.verified.exit()
    }
}

/// Where the repository is made.
enum Place {
    Scratch(TempDir),
    Kept(PathBuf),
}

impl Place {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let Some(keep) = keep else {
            let scratch = tempfile::Builder::new().prefix("millrace-demo-").tempdir();
            return scratch
                .map(Self::Scratch)
                .map_err(|error| Failure::failed(format!("cannot make a scratch folder: {error}")));
        };
        let bad = |error: std::io::Error| Failure::input(format!("cannot use {}: {error}", keep.display()));
        std::fs::create_dir_all(keep).map_err(bad)?;
        if std::fs::read_dir(keep).map_err(bad)?.next().is_some() {
            return Err(Failure::input(format!("{} is not empty", keep.display())).hint("name a new folder"));
        }
        Ok(Self::Kept(keep.canonicalize().map_err(bad)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Scratch(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// The repository with its first commit, whatever the user's configuration of git says.
fn found(root: &Path, story: &Story) -> Result<(), Failure> {
    for (name, content) in FILES.iter().chain(story.files) {
        let path = root.join(name);
        let fault =
            |error: std::io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        std::fs::write(&path, content).map_err(fault)?;
    }
    git(root, "init", &["--quiet", "--template=", "--initial-branch=main"])?;
    // The ledger's commits carry an identity too, and this repository is nobody's.
    git(root, "config", &["user.name", "Millrace Demo"])?;
    git(root, "config", &["user.email", "demo@millrace.invalid"])?;
    git(root, "add", &["--all"])?;
    git(root, "commit", &["--quiet", "--message", "calc.sh with a bug, and a test that finds it"])?;
    Ok(())
}

/// git in the scratch repository, without the user's configuration.
fn git(root: &Path, subcommand: &str, arguments: &[&str]) -> Result<String, Failure> {
    let command = GitCommand::discover(root, subcommand)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root))
        .args(arguments);
    Ok(command.text()?)
}

/// The test's exit code and what it says.
fn test(root: &Path) -> Result<(Option<i32>, String), Failure> {
    let output = Command::new("sh")
        .arg("test.sh")
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::failed(format!("cannot run sh: {error}")))?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the demo went wrong: {what}"))
        .hint("`millrace demo --keep DIR` leaves it to look at")
}
