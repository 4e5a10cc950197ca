//! `millrace recover`

use clap::Args;
use serde::Serialize;

use super::restore::Done;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::handoffs::Handoffs;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::view::View as _;
use crate::format::count::counted;
use crate::ledger::view::TreeView;
use crate::runtime::daemon::RunError;
use crate::runtime::going_back::{Asked, Rest, go_back, policy};
use crate::runtime::project::Project;
use crate::runtime::recovery::{Found, RecoveryError, recover};
use crate::runtime::repair;
use crate::runtime::run_branch::BranchError;

/// Make again what is derived from the ledger and is not as it says: run branches, the folders of an active run's
/// stages, what interrupted snapshots left.
///
/// The ledger decides, and is not changed; where it is damaged, `millrace doctor --repair` comes first. Branches below
/// refs/millrace/runs/ that belong to no run go, and those that hold something else go back; what no other ref leads to
/// is kept at refs/millrace/backup/ first.
///
/// With --code the work tree gets the run's last consistent snapshot as well, after what is there was kept at
/// `refs/millrace/backup/<time>-recover`; see `millrace restore --help`.
///
/// By hand: `git log refs/millrace/state` names the snapshots in its trailers, and a ref that is gone is made again by
/// `git update-ref refs/millrace/runs/<run> <commit>`.
#[derive(Debug, Args)]
pub(crate) struct RecoverArguments {
    /// Only this run, or the last one of this item [default: every run].
    #[arg(value_name = "RUN|ITEM")]
    what: Option<String>,

    /// Put the last consistent snapshot of that run, or of the active one, into the work tree.
    #[arg(long)]
    code: bool,

    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// What was not as the ledger has it, and is again.
#[derive(Debug, Serialize)]
struct Recovered {
    /// Whether nothing was done, and this is only what would be.
    dry_run: bool,
    found: Vec<Derived>,
    /// What was done to the work tree; none where that was not asked for.
    code: Option<Done>,
}

#[derive(Debug, Serialize)]
struct Derived {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    /// The commit of a run branch: what it is, or was where it is gone; none where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<Oid>,
    /// The ref that keeps what no other one leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<String>,
    detail: String,
}

impl RecoverArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        // What is derived is only as good as what it is derived from.
        repair::examine(&project).map_err(RunError::Damaged)?;
        let rest = Rest::of(&project)?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let run = match &self.what {
            Some(text) => Some(lookup::run_or_latest(&view, text)?),
            None => None,
        };
        let found = recover(&project, &rest, run.as_ref(), self.dry_run)?;
        let code = if self.code { Some(self.code(&project, &view, &rest, run)?) } else { None };
        let found = found.into_iter().map(|found| Derived::of(found, self.dry_run)).collect();
        answer(context, &Recovered { dry_run: self.dry_run, found, code })
    }

    fn code(
        &self,
        project: &Project,
        view: &TreeView<'_, '_>,
        rest: &Rest,
        named: Option<RunId>,
    ) -> Result<Done, Failure> {
        let active = view.runs()?.into_iter().next().map(|run| run.run);
        let Some(run) = named.or_else(|| active.clone()) else {
            return Err(Failure::input("no run is active: --code needs to know whose code")
                .hint("name a run; `millrace runs ls` shows them"));
        };
        let handoffs = Handoffs::of(project, view, &run)?;
        let target = handoffs.end;
        let asked = Asked {
            target,
            policy: policy(view, Some(&handoffs.record.plan))?,
            only: None,
            save: true,
            dry_run: self.dry_run,
            word: "recover",
            run: Some(&run),
        };
        let went = go_back(project, rest, &asked)?;
        Ok(Done::of(target, format!("the last consistent snapshot of run {run}"), went, self.dry_run, active))
    }
}

impl Derived {
    fn of(found: Found, dry_run: bool) -> Self {
        let (kind, run, commit, backup) = match &found {
            Found::BranchMade { run, tip } => ("branch_made", Some(run), Some(*tip), None),
            Found::BranchMoved { run, to, kept, .. } => ("branch_moved", Some(run), Some(*to), kept.clone()),
            Found::BranchStale { run, tip, kept } => ("branch_stale", Some(run), Some(*tip), kept.clone()),
            Found::BranchLost { run, now, .. } => ("branch_lost", Some(run), *now, None),
            Found::Foreign { .. } => ("foreign", None, None, None),
            Found::Folder { .. } => ("folder", None, None, None),
            Found::Index => ("index", None, None, None),
            Found::Quarantines(_) => ("leftovers", None, None, None),
        };
        let (run, would) = (run.cloned(), if dry_run { "would be" } else { "is" });
        let detail = match found {
            Found::BranchMade { run, tip } => {
                format!("refs/millrace/runs/{run} was gone; it {would} at {} again", tip.short())
            }
            Found::BranchMoved { run, from, to, .. } => format!(
                "refs/millrace/runs/{run} was at {}, which the ledger does not say; it {would} at {} again",
                from.short(),
                to.short()
            ),
            Found::BranchStale { run, tip, .. } => {
                format!("refs/millrace/runs/{run}, at {}, belongs to no run; it {would} gone", tip.short())
            }
            Found::BranchLost { run, missing, now } => {
                let more = if missing.len() > 1 {
                    format!(" and {} more", missing.len() - 1)
                } else {
                    String::new()
                };
                let goes = now.map_or_else(
                    || "there is no branch".to_owned(),
                    |now| format!("it goes as far as {}", now.short()),
                );
                format!(
                    "refs/millrace/runs/{run} cannot be made whole: {}{more} is no longer in this repository; {goes}",
                    missing.first().map_or("something", String::as_str)
                )
            }
            Found::Foreign { name } => {
                format!("{name} is called after no run, so the ledger says nothing of it; it stays")
            }
            Found::Folder { folder, files } => {
                format!("{folder}: {} {would} there again, as the ledger has it", files.join(", "))
            }
            Found::Index => {
                format!(
                    "the index that snapshots keep could not be read; it {would} gone, and the next one makes it"
                )
            }
            Found::Quarantines(count) => {
                format!(
                    "{} that interrupted snapshots left: {} gone",
                    counted(count, "folder"),
                    if dry_run { "would be" } else { "now" }
                )
            }
        };
        Self { kind, run, commit, backup, detail }
    }
}

impl Answer for Recovered {
    const KIND: &'static str = "recover";

    fn text(&self, page: &mut Page) {
        for one in &self.found {
            page.line(&one.detail);
            if let Some(backup) = &one.backup {
                page.line(format!("  what no other ref leads to is kept at {backup}"));
            }
        }
        if self.found.is_empty() {
            page.line("everything that is derived is as the ledger has it");
        }
        if let Some(code) = &self.code {
            code.about(page);
        }
    }

    fn exit(&self) -> Exit {
        self.code.as_ref().map_or(Exit::Done, Done::ends)
    }
}

impl From<RecoveryError> for Failure {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::Store(error) | RecoveryError::Branch(BranchError::Store(error)) => error.into(),
            RecoveryError::Transact(error) | RecoveryError::Branch(BranchError::Transact(error)) => {
                error.into()
            }
            RecoveryError::Fault(fault) | RecoveryError::Branch(BranchError::Fault(fault)) => fault.into(),
            error @ (RecoveryError::Folder(_) | RecoveryError::Branch(_)) => Self::failed(error),
        }
    }
}
