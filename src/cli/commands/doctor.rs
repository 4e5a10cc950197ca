//! `millrace doctor`: what is wrong or will be, as facts. It repairs nothing unless it is asked to.

mod runners;
mod texts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::init::workspace;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::elapsed;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunnerName;
use crate::domain::oid::Oid;
use crate::domain::permission::PermissionLevel;
use crate::domain::plan::Plan;
use crate::domain::schedule::{Next, schedule};
use crate::domain::transition::record::{FORMAT, RULES};
use crate::domain::view::View as _;
use crate::format::config::{Config, NOBODY};
use crate::format::count::counted;
use crate::harness::supervisor::proof_here;
use crate::ledger::git::command::GitCommand;
use crate::ledger::git::{Finding, Signing};
use crate::ledger::store::{RefName, Store as _, StoreError};
use crate::ledger::view::TreeView;
use crate::runtime::anchors::veils;
use crate::runtime::backups;
use crate::runtime::daemon_lock::probe;
use crate::runtime::plans;
use crate::runtime::project::Project;
use crate::runtime::repair::{self, AcceptError, Mended, RepairError};
use crate::runtime::{approval, posture, runner, source};
use crate::workspace::bootstrap::reference_style;

/// Look for what is wrong: the repository, the ledger, the work tree, the configuration, the texts that stages work by,
/// the plan.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Where the ledger's tip is damaged, go back to the newest intact one that this repository remembers. What the
    /// ref held is kept, and what was lost is said. Changes nothing where nothing is damaged.
    #[arg(long)]
    repair: bool,

    /// Believe the ledger as it stands, although it is not what this machine left: somebody has set it back or put another
    /// one there, and that was meant. TIP is what the ref holds (`millrace verify` says it), or `none` where it is gone.
    /// The ledger has to be sound. What was believed before is kept by a ref.
    #[arg(long, value_name = "TIP", conflicts_with_all = ["repair", "runners"])]
    accept: Option<String>,

    /// Look at the harnesses as well: those that the selected plan uses, or without a plan the configuration. Each is
    /// started in an empty folder to say its version and its options. Whether a login is there is said, and never
    /// what it is.
    #[arg(long, conflicts_with = "repair")]
    runners: bool,

    /// With --runners: every other harness as well that is configured, or that Millrace knows.
    #[arg(long, requires = "runners")]
    all: bool,
}

/// git holds the lock of a reftable for milliseconds.
const STALE_LOCK: Duration = Duration::from_secs(10);

/// So many backups are worth a word: nobody but their owner deletes them.
const MANY_BACKUPS: usize = 50;

/// What a repair did.
#[derive(Debug, Serialize)]
struct Repaired {
    tip: Oid,
    seq: u64,
    /// Where the tip was found.
    found_in: &'static str,
    /// The file that keeps what the ref held.
    kept: PathBuf,
    /// Tips that were newer and could not be read.
    lost: Vec<Oid>,
}

impl Answer for Repaired {
    const KIND: &'static str = "repair";

    fn text(&self, page: &mut Page) {
        page.line(format!(
            "the ledger is at {} again, number {}, found in {}",
            self.tip, self.seq, self.found_in
        ));
        for lost in &self.lost {
            page.line(format!("lost: {lost}, which was newer and cannot be read"));
        }
        page.line(format!("what the ref held is kept in {}", self.kept.display()));
    }
}

fn repair(project: &Project, context: &Context) -> Result<Exit, Failure> {
    let mended = match repair::repair(project) {
        Ok(mended) => mended,
        Err(error @ RepairError::Sound) => return Err(Failure::failed(error)),
        Err(error @ RepairError::NothingIntact) => return Err(Failure::new(Exit::Damaged, error)),
        Err(RepairError::Store(error)) => return Err(error.into()),
        Err(RepairError::Transact(error)) => return Err(error.into()),
    };
    let Mended { tip, seq, found_in, kept, lost } = mended;
    answer(context, &Repaired { tip, seq, found_in: found_in.as_str(), kept, lost })
}

/// What is believed from now on.
#[derive(Debug, Serialize)]
struct Accepted {
    /// None where the ledger is gone: the next command begins a new one.
    tip: Option<Oid>,
    /// The ref that keeps what was believed before.
    kept: Option<String>,
}

impl Answer for Accepted {
    const KIND: &'static str = "accept";

    fn text(&self, page: &mut Page) {
        page.line(match self.tip {
            Some(tip) => format!("believed from now on: {tip}"),
            None => "believed from now on: that there is no ledger".to_owned(),
        });
        if let Some(kept) = &self.kept {
            page.line(format!("what was believed before is kept by {kept}"));
        }
    }
}

fn accept(project: &Project, tip: &str, context: &Context) -> Result<Exit, Failure> {
    match repair::accept(project, tip) {
        Ok((tip, kept)) => answer(context, &Accepted { tip, kept }),
        Err(AcceptError::Store(error)) => Err(error.into()),
        Err(error @ AcceptError::Unsound { .. }) => {
            Err(Failure::new(Exit::Damaged, error).hint("`millrace verify` names every commit that is wrong"))
        }
        Err(error) => Err(Failure::failed(error)),
    }
}

/// How much a check has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warning,
    Error,
}

#[derive(Debug, Serialize)]
struct Observation {
    level: Level,
    /// What was looked at.
    check: &'static str,
    detail: String,
}

/// All checks.
#[derive(Debug, Default, Serialize)]
struct Checked {
    errors: usize,
    warnings: usize,
    checks: Vec<Observation>,
}

impl Checked {
    fn add(&mut self, level: Level, check: &'static str, detail: impl std::fmt::Display) {
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
            Level::Ok => {}
        }
        self.checks.push(Observation { level, check, detail: detail.to_string() });
    }
}

impl DoctorArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if let Some(tip) = &self.accept {
            return accept(&context.open_to_change()?, tip, context);
        }
        if self.repair {
            return repair(&context.open_to_change()?, context);
        }
        let project = context.open()?;
        let mut checked = Checked::default();
        checked.add(Level::Ok, "repository", workspace(&project).display());
        if !cfg!(target_os = "linux") {
            let detail = "on this system stages are ended by process group only; Linux does more";
            checked.add(Level::Warning, "platform", detail);
        }
        checked.add(Level::Ok, "proof of stop", proof_here().as_str());
        store(&project, &mut checked);
        tables_lock(&project, &mut checked);
        work_tree(&project, &mut checked);
        refspecs(&project, &mut checked);
        configuration(&project, &mut checked);
        ledger(&project, &mut checked);
        if self.runners {
            runners::runners(&project, self.all, &mut checked)?;
        }
        answer(context, &checked)
    }
}

/// Refs of ours, their tips, and what is in the way of reading.
fn store(project: &Project, checked: &mut Checked) {
    match project.store.health() {
        Ok(findings) if findings.is_empty() => {
            checked.add(Level::Ok, "refs", "every ref of ours can be read");
        }
        Ok(findings) => {
            for finding in findings {
                let level = match finding {
                    Finding::Ref { .. } | Finding::Tip { .. } => Level::Error,
                    Finding::MultiPackIndex { .. } => Level::Warning,
                };
                checked.add(level, "refs", finding);
            }
            remembered(project, checked);
        }
        Err(error) => checked.add(Level::Error, "refs", error),
    }
}

/// A lock on the refs that has stood for longer than git holds one.
fn tables_lock(project: &Project, checked: &mut Checked) {
    let path = project.repository.common_dir.join("reftable").join("tables.list.lock");
    let age = path.symlink_metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
    if let Some(age) = age.filter(|age| *age >= STALE_LOCK) {
        let detail = format!(
            "{} has stood for {}: no ref can be written until it goes; a git that was killed leaves it, so it is yours \
             to delete where none works here",
            path.display(),
            elapsed(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
        );
        checked.add(Level::Error, "refs", detail);
    }
}

/// Where the ledger's tip is unusable: what the reflog remembers.
fn remembered(project: &Project, checked: &mut Checked) {
    let sound = match project.store.resolve(&RefName::State) {
        Ok(Some(tip)) => project.store.check_tip(tip).is_ok(),
        Ok(None) => true,
        Err(_) => false,
    };
    if sound {
        return;
    }
    match project.store.newest_intact_tip() {
        Ok(Some(tip)) => {
            checked.add(Level::Warning, "reflog", format!("the newest intact tip it names is {tip}"));
        }
        Ok(None) => checked.add(Level::Error, "reflog", "it names no tip that is intact"),
        Err(error) => checked.add(Level::Error, "reflog", error),
    }
}

fn work_tree(project: &Project, checked: &mut Checked) {
    let Some(work_tree) = &project.repository.work_tree else {
        checked.add(Level::Warning, "work tree", "a bare repository: intake and review only");
        return;
    };
    match (project.repository.in_progress(), project.repository.head()) {
        (Some(operation), _) => {
            checked.add(
                Level::Warning,
                "work tree",
                format!("a {operation} is in progress; no stage starts meanwhile"),
            );
        }
        (None, Err(error)) => checked.add(Level::Error, "work tree", error),
        (None, Ok(head)) => {
            let branch = head
                .branch
                .as_deref()
                .map_or("a detached HEAD", |name| name.strip_prefix("refs/heads/").unwrap_or(name));
            let commit = if head.oid.is_some() { "" } else { ", no commit yet" };
            checked.add(Level::Ok, "work tree", format!("on {branch}{commit}"));
        }
    }
    if let Some(other) = reference_style(work_tree) {
        checked.add(Level::Error, "millrace-agents", other);
    }
}

/// A fetch into our namespace with pruning deletes what is only here.
fn refspecs(project: &Project, checked: &mut Checked) {
    let read = GitCommand::new(&project.repository.git_dir, "config")
        .args(["--null", "--get-regexp", r"^remote\..*\.(fetch|push|mirror)$"])
        .output(&[]);
    let output = match read {
        Ok(output) => output,
        Err(error) => return checked.add(Level::Error, "git", error),
    };
    for record in String::from_utf8_lossy(&output.stdout).split('\0') {
        let Some((key, refspec)) = record.split_once('\n') else { continue };
        if let Some(danger) = pushes_over(key, refspec) {
            checked.add(Level::Warning, "refspec", format!("{key} = {refspec}: {danger}"));
        }
        if key.rsplit('.').next() != Some("fetch") {
            continue;
        }
        let Some((_, into)) = refspec.split_once(':') else { continue };
        let ours = into.starts_with("refs/millrace/") && !into.starts_with("refs/millrace/remotes/");
        if ours || into == "refs/*" {
            let detail = format!("{key} = {refspec} overwrites the ledger here, and deletes it with --prune");
            checked.add(Level::Error, "refspec", detail);
        }
    }
}

/// What an ordinary `git push` does to the ledgers of others, by one value of the configuration.
fn pushes_over(key: &str, value: &str) -> Option<&'static str> {
    let setting = key.rsplit('.').next();
    if setting == Some("mirror") {
        // A word that git takes for yes; what is none git refuses itself.
        let yes = ["true", "yes", "on", "1", ""].contains(&value.to_ascii_lowercase().as_str());
        return yes
            .then_some("every `git push` there overwrites its ledger with what is here, or takes it away");
    }
    let to = value.strip_prefix('+').filter(|_| setting == Some("push"))?;
    let to = to.split_once(':').map_or(to, |(_, to)| to);
    (to == "refs/*" || to.starts_with("refs/millrace/"))
        .then_some("an ordinary `git push` overwrites the ledger there; `millrace share` never does")
}

fn configuration(project: &Project, checked: &mut Checked) {
    let Some(work_tree) = &project.repository.work_tree else { return };
    let path = work_tree.join("millrace-agents").join("millrace.toml");
    // What lies in another runtime's folder is not read.
    let linted = match plans::assets(project) {
        _ if reference_style(work_tree).is_some() => None,
        Ok(assets) => Some(texts::texts(&assets, checked)),
        Err(error) => {
            checked.add(Level::Error, "texts", error);
            None
        }
    };
    if !Path::new(&path).exists() {
        checked.add(Level::Ok, "configuration", "none yet; `millrace init` writes one");
        return;
    }
    match plans::load(project, None) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                checked.add(Level::Warning, "configuration", warning);
            }
            checked.add(Level::Ok, "configuration", path.display());
            if let Some(linted) = &linted {
                texts::plan_of_files(project, linted, &loaded.warnings, checked);
            }
        }
        Err(error) => checked.add(Level::Error, "configuration", error),
    }
}

fn ledger(project: &Project, checked: &mut Checked) {
    let trusted = match repair::followed(project) {
        Ok(()) => true,
        Err(damage) => {
            checked.add(Level::Error, "ledger", damage);
            false
        }
    };
    signing(project, checked);
    veiled(project, checked);
    match project.tip() {
        Ok(None) => checked.add(Level::Ok, "ledger", "none yet"),
        Ok(Some((tip, commit))) => {
            let trees = project.trees();
            let view = TreeView::new(&trees, Some(commit.tree));
            match state(project, &view, trusted, checked) {
                Ok(seq) => {
                    // Not fine beside an error that says the contrary.
                    let (level, but) = if trusted {
                        (Level::Ok, "")
                    } else {
                        (Level::Warning, "; nothing is written on it, and no runtime works by it")
                    };
                    checked.add(level, "ledger", format!("number {seq}, {}{but}", tip.short()));
                }
                Err(failure) => {
                    for line in failure.lines {
                        checked.add(Level::Error, "ledger", line);
                    }
                }
            }
        }
        // Said with the refs already.
        Err(error) => checked.add(Level::Error, "ledger", error),
    }
}

/// Replacement refs and grafts over the ledger's objects: whoever reads it with git sees something else.
fn veiled(project: &Project, checked: &mut Checked) {
    // A ref that is damaged is a finding of the refs already.
    let Ok(tip) = project.store.resolve(&RefName::State) else { return };
    match veils(project, tip) {
        Ok(veils) => {
            for veil in veils {
                checked.add(Level::Error, "veiled", veil.detail());
            }
        }
        Err(error) => checked.add(Level::Error, "veiled", error),
    }
}

/// Whether commits of the ledger are signed, and could be.
fn signing(project: &Project, checked: &mut Checked) {
    let (signing, tip) = match (project.signing(), project.store.resolve(&RefName::State)) {
        (Ok(signing), Ok(Some(tip))) if signing != Signing::Off => (signing, tip),
        (Err(error), _) => return checked.add(Level::Error, "signatures", error),
        _ => return,
    };
    match (project.store.can_sign(tip), signing) {
        (Ok(()), _) => checked.add(Level::Ok, "signatures", "commits of the ledger are signed"),
        (Err(detail), Signing::Must) => {
            let detail = format!("commits of the ledger cannot be signed, so none is written: {detail}");
            checked.add(Level::Error, "signatures", detail);
        }
        (Err(detail), _) => {
            let detail = format!("commits of the ledger are not signed, though git is told to: {detail}");
            checked.add(Level::Warning, "signatures", detail);
        }
    }
}

/// What the state at the tip says.
fn state(
    project: &Project,
    view: &TreeView<'_, '_>,
    trusted: bool,
    checked: &mut Checked,
) -> Result<u64, Failure> {
    let lacks = |what: &str| Failure::failed(format!("{what} is missing"));
    let record = view.ledger()?.ok_or_else(|| lacks("ledger.toml"))?;
    let transition = view.transition()?.ok_or_else(|| lacks("transition.toml"))?;
    if record.format > FORMAT || transition.rules > RULES {
        let detail = "a newer version of millrace wrote it; this one reads it and leaves it untouched";
        checked.add(Level::Error, "ledger", detail);
    }
    let control = view.control()?;
    match &control.plan {
        None => {
            checked.add(Level::Warning, "plan", "none is selected; `millrace compile validate` makes one");
        }
        Some(plan) if view.plan(plan)?.is_none() => {
            checked.add(Level::Error, "plan", format!("{plan} is selected and not in the ledger"));
        }
        Some(plan) => match (approval::is_approved(project, view, plan), runner::frozen_config(view, plan)) {
            (Err(error), _) => {
                checked.add(Level::Error, "plan", error);
            }
            (_, Err(error)) => checked.add(Level::Error, "plan", error),
            (Ok(false), _) => {
                let detail =
                    format!("{plan} was not compiled or approved on this machine, and is not run here");
                checked.add(Level::Warning, "plan", detail);
            }
            (Ok(true), Ok(config)) => {
                checked.add(Level::Ok, "plan", plan);
                if let Some(planned) = view.plan(plan)? {
                    permissions(&planned, &config, checked);
                }
            }
        },
    }
    let runtime = probe(&project.store.private_dir())?;
    for run in view.runs()? {
        let (level, detail) = match (&run.launch, &runtime) {
            (Some(launch), None) => (
                Level::Warning,
                format!(
                    "run {} was left in {} (launch {}), and no runtime lives; the next one goes on",
                    run.run, run.stage, launch.number
                ),
            ),
            _ => (Level::Ok, format!("run {} of {} is at {}", run.run, run.item, run.stage)),
        };
        checked.add(level, "run", detail);
    }
    if runtime.is_none() {
        if trusted && schedule(view, source::now())? != Next::Idle {
            let detail = "there is work, and no runtime that does it; `millrace run daemon` starts one";
            checked.add(Level::Warning, "runtime", detail);
        }
        for session in &control.sessions {
            let detail = format!("{} has not said goodbye, and does not live", session.program);
            checked.add(Level::Warning, "session", detail);
        }
    }
    if let Some(owed) = &control.owed {
        checked.add(Level::Warning, "work tree", format!("it still holds what run {} changed", owed.run));
    }
    for cause in &control.pauses {
        checked.add(Level::Warning, "dispatch", format!("rests: {}: {}", cause.kind.key(), cause.detail));
    }
    leftovers(project, view, checked)?;
    Ok(transition.seq)
}

/// What the stages of the selected plan may do, who holds them to it, and what their harness refuses here.
fn permissions(plan: &Plan, config: &Config, checked: &mut Checked) {
    let mut levels: BTreeMap<(&RunnerName, PermissionLevel), Vec<&str>> = BTreeMap::new();
    for (name, stage) in &plan.stages {
        levels.entry((&stage.runner, stage.permission)).or_default().push(name.as_str());
    }
    for ((name, level), stages) in levels {
        let Some(runner) = config.runners.tables.get(name) else { continue };
        let by = runner.enforcer(level).unwrap_or(NOBODY);
        let flags = runner.level_in_words(level);
        let detail = format!("{name} at {level} ({flags}), enforced by {by}: {}", stages.join(", "));
        checked.add(Level::Ok, "permission", detail);
    }
    for refused in posture::refused(plan, config, None, &posture::Machine::this()) {
        checked.add(Level::Error, "permission", refused.detail());
    }
}

/// Run branches and invocations that the ledger does not know.
fn leftovers(project: &Project, view: &TreeView<'_, '_>, checked: &mut Checked) -> Result<(), Failure> {
    match project.store.runs() {
        Ok(branches) => {
            for (run, _) in branches {
                if view.run_record(&run)?.is_none() {
                    let detail = format!(
                        "refs/millrace/runs/{run} belongs to no run; the next runtime removes it, after what it holds was kept"
                    );
                    checked.add(Level::Warning, "run branch", detail);
                }
            }
        }
        // A damaged one is a finding of the refs already.
        Err(StoreError::DamagedRef { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let backups = backups::list(project)?;
    if let (Some(oldest), true) = (backups.first(), backups.len() >= MANY_BACKUPS) {
        let detail = format!(
            "{} below refs/millrace/backup/, the oldest is {}; delete those that you do not want any more",
            backups.len(),
            oldest.name
        );
        checked.add(Level::Warning, "backups", detail);
    }
    Ok(())
}

impl Answer for Checked {
    const KIND: &'static str = "doctor";

    fn text(&self, page: &mut Page) {
        let rows: Vec<Vec<String>> = self
            .checks
            .iter()
            .map(|check| {
                let level = match check.level {
                    Level::Ok => "ok",
                    Level::Warning => "warning",
                    Level::Error => "error",
                };
                vec![level.to_owned(), check.check.to_owned(), check.detail.clone()]
            })
            .collect();
        page.table(&rows);
        page.gap();
        page.line(format!("{}, {}", counted(self.errors, "error"), counted(self.warnings, "warning")));
    }

    fn exit(&self) -> Exit {
        if self.errors > 0 { Exit::Refused } else { Exit::Done }
    }
}
