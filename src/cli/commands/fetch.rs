//! `millrace fetch`

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::duration;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::{PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::view::View as _;
use crate::format::count::counted;
use crate::runtime::approval;
use crate::runtime::project::Project;
use crate::runtime::sharing::adoption::{
    Adopted, Adoption, GivenUp, NotAdopted, OtherEnd, adopt, branches, check, compare, given_up,
    runs_without_code,
};
use crate::runtime::sharing::fetch::{Runs, fetch};
use crate::runtime::sharing::remote::Remote;
use crate::runtime::stop::Stop;

/// Items that a text answer names.
const NAMED: usize = 10;

/// Fetch a remote's ledger, and go on from there where it goes on from the one here.
///
/// What is fetched lies at refs/millrace/remotes/REMOTE/state, and nowhere else. It is replayed before it is believed.
/// Then the ledger here goes there with a commit of ours on top: what came with it is held until `millrace release`, and
/// its plans are not run before `millrace plan approve`. Where both ledgers have gone on, both tips are named and
/// nothing is changed.
///
/// By hand, without going on: `git fetch REMOTE +refs/millrace/state:refs/millrace/remotes/REMOTE/state`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct FetchArguments {
    /// The remote, by its name in git's configuration.
    #[arg(value_name = "REMOTE")]
    remote: String,

    /// Fetch the run branches as well: the code at each stage.
    #[arg(long)]
    runs: bool,

    /// Only fetch; the ledger here stays where it is. `millrace log --remote REMOTE` shows what came.
    #[arg(long, conflicts_with = "replace")]
    no_adopt: bool,

    /// Where the remote's ledger does not go on from the one here, let the one here give way: it is kept at
    /// `refs/millrace/backup/<time>-ledger`, and the remote's is gone on with by the same rules. Refused while a runtime
    /// or a run is at work here.
    #[arg(long)]
    replace: bool,

    /// With --replace: only say what would no longer be in the ledger here.
    #[arg(short = 'n', long, requires = "replace")]
    dry_run: bool,

    /// How long the fetch may take: `90`, `10m`, `2h`.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    timeout: Duration,
}

/// What a fetch came to.
#[derive(Debug, Serialize)]
struct Fetched {
    remote: String,
    /// Where it was fetched from, without passwords.
    url: String,
    /// The tip of the remote's ledger; none where it has none, or hides it.
    theirs: Option<Oid>,
    /// What it was when it was last looked at.
    before: Option<Oid>,
    /// Run branches that came or changed.
    runs: Vec<RunId>,
    /// Of these, the branches that end with something else than the ledger here makes of their run; nothing of that was
    /// taken over.
    other_ends: Vec<OtherEnd>,
    outcome: Outcome,
    /// Commits that one of the two has and the other has not.
    commits: usize,
    /// The tip of the ledger here.
    tip: Option<Oid>,
    /// Items that came and wait to be released.
    held: Vec<ItemRef>,
    /// Commits that were in the ledger here and, as it gave way, are not any more; with `--dry-run` what would be so.
    given_up: Vec<GivenUp>,
    /// Whether that is only what would be.
    dry_run: bool,
    /// The ref that keeps the ledger which gave way.
    kept: Option<String>,
    /// Runs that were begun there and would go on here.
    begun: Vec<RunId>,
    /// Active runs whose code is not here.
    without_code: Vec<RunId>,
    /// The selected plan, where it may not run here.
    unapproved: Option<PlanId>,
    notes: Vec<String>,
}

/// What became of the ledger here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The remote has none.
    Nothing,
    /// Both are the same.
    Same,
    /// The one here has gone on.
    Behind,
    /// The remote's goes on from the one here, and was left where it is.
    Fetched,
    /// Both have gone on, and nothing else was asked than to fetch.
    Diverged,
    /// The ledger here has gone on to the remote's.
    Adopted,
    /// The ledger here has given way to the remote's.
    Replaced,
}

impl FetchArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let stop = Stop::on_signals()
            .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))?;
        let remote = Remote::named(&project, &self.remote, self.timeout)?;
        let runs = if self.runs { Runs::All } else { Runs::None };
        let came = fetch(&project, &remote, runs, &stop)?;
        let mut fetched = Fetched {
            remote: remote.name.clone(),
            url: remote.source(),
            theirs: came.state,
            before: came.before,
            runs: came.runs,
            other_ends: Vec::new(),
            outcome: Outcome::Nothing,
            commits: 0,
            tip: None,
            held: Vec::new(),
            given_up: Vec::new(),
            dry_run: self.dry_run,
            kept: None,
            begun: Vec::new(),
            without_code: Vec::new(),
            unapproved: None,
            notes: Vec::new(),
        };
        if let Some(theirs) = came.state {
            self.follow(&project, &remote, theirs, &stop, &mut fetched)?;
            if !matches!(fetched.outcome, Outcome::Fetched | Outcome::Diverged) && !self.no_adopt {
                fetched.other_ends = branches(&project, &remote)?;
                if let Some((tip, _)) = project.tip()? {
                    fetched.without_code = runs_without_code(&project, tip)?;
                }
            }
        }
        fetched.tip = project.tip()?.map(|(tip, _)| tip);
        answer(context, &fetched)
    }

    /// Goes on from what was fetched, as far as that is wanted and possible.
    fn follow(
        &self,
        project: &Project,
        remote: &Remote,
        theirs: Oid,
        stop: &Stop,
        fetched: &mut Fetched,
    ) -> Result<(), Failure> {
        let compared = match compare(project, remote, theirs, self.replace) {
            Err(NotAdopted::Diverged { .. } | NotAdopted::Other { .. }) if self.no_adopt => {
                fetched.outcome = Outcome::Diverged;
                return Ok(());
            }
            compared => compared?,
        };
        (fetched.outcome, fetched.commits) = match compared.adoption {
            Adoption::Same => (Outcome::Same, 0),
            Adoption::Behind(commits) => (Outcome::Behind, commits),
            Adoption::Follows(commits) => (Outcome::Fetched, commits),
            Adoption::Replaces(commits) => (Outcome::Diverged, commits),
        };
        if self.no_adopt {
            return Ok(());
        }
        let replaces = matches!(compared.adoption, Adoption::Replaces(_));
        if replaces {
            check(project, remote, &compared, theirs)?;
            fetched.given_up = given_up(project, &compared, theirs)?;
        }
        if self.dry_run {
            return Ok(());
        }
        let goes_on = replaces || matches!(compared.adoption, Adoption::Follows(_));
        let ours = if goes_on { None } else { project.tip()? };
        let missing = runs_without_code(project, ours.map_or(theirs, |(tip, _)| tip))?;
        if goes_on && !replaces {
            check(project, remote, &compared, theirs)?;
        }
        if !missing.is_empty() {
            // A run that is to go on needs its code, asked for or not.
            let came = fetch(project, remote, Runs::These(&missing), stop)?;
            fetched.runs.extend(came.runs);
        }
        if !goes_on {
            return Ok(());
        }
        let Adopted { tip: _, held, runs, kept, notes } = adopt(project, remote, compared, theirs)?;
        fetched.outcome = if replaces { Outcome::Replaced } else { Outcome::Adopted };
        (fetched.held, fetched.begun, fetched.kept, fetched.notes) = (held, runs, kept, notes);
        fetched.unapproved = unapproved(project)?;
        Ok(())
    }
}

/// The selected plan, where it may not run here.
fn unapproved(project: &Project) -> Result<Option<PlanId>, Failure> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    match view.control()?.plan {
        Some(plan) if !approval::is_approved(project, &view, &plan)? => Ok(Some(plan)),
        _ => Ok(None),
    }
}

impl Answer for Fetched {
    const KIND: &'static str = "fetch";

    fn text(&self, page: &mut Page) {
        let remote = &self.remote;
        let commits = counted(self.commits as u64, "commit");
        let theirs = self.theirs.map_or_else(String::new, |tip| tip.short());
        match self.outcome {
            Outcome::Nothing => page.line(format!("{remote} holds no ledger, or hides it")),
            Outcome::Same => page.line(format!("{remote} has the same ledger: {theirs}")),
            Outcome::Behind => {
                page.line(format!(
                    "{remote} is behind by {commits}; `millrace share {remote}` brings them there"
                ));
            }
            Outcome::Fetched => page.line(format!("fetched {theirs}, {commits} after the ledger here")),
            Outcome::Diverged => {
                page.line(format!("fetched {theirs}, from which the ledger here does not go on"));
            }
            Outcome::Adopted => page.line(format!("went on to {theirs} of {remote}: {commits}")),
            Outcome::Replaced => {
                page.line(format!("the ledger here gave way to {theirs} of {remote}: {commits}"));
            }
        }
        if !self.given_up.is_empty() {
            let commits = counted(self.given_up.len() as u64, "commit");
            page.line(match &self.kept {
                Some(kept) => format!("no longer in the ledger here, and kept at {kept}: {commits}"),
                None => format!("would no longer be in the ledger here, and be kept: {commits}"),
            });
            for one in self.given_up.iter().rev().take(NAMED) {
                page.line(format!("  {}  {}", one.commit.short(), one.subject));
            }
            if self.given_up.len() > NAMED {
                page.line(format!("  and {} before", self.given_up.len() - NAMED));
            }
        }
        if !self.runs.is_empty() {
            page.line(format!("{} fetched", counted(self.runs.len(), "run branch")));
        }
        if !self.held.is_empty() {
            let mut names: Vec<String> = self.held.iter().take(NAMED).map(ToString::to_string).collect();
            if self.held.len() > NAMED {
                names.push(format!("and {} more", self.held.len() - NAMED));
            }
            page.line(format!("held until `millrace release`: {}", names.join(", ")));
        }
        if !self.begun.is_empty() {
            let runs: Vec<&str> = self.begun.iter().map(RunId::as_str).collect();
            page.line(format!(
                "begun there, and resting here until `millrace resume --cause approval`: {}",
                runs.join(", ")
            ));
        }
        for run in &self.without_code {
            page.line(format!(
                "run {run} has no code here, and cannot go on: `millrace share REMOTE --runs` where it was begun, then \
                 `millrace fetch {remote}`"
            ));
        }
        if let Some(plan) = &self.unapproved {
            page.line(format!("{plan} is not run here before `millrace plan approve`"));
        }
        for other in self.other_ends.iter().take(NAMED) {
            let due = other.due.map_or_else(String::new, |due| format!(" {}", due.short()));
            page.line(format!(
                "run {}: its branch on {remote} ends at {}, and not with the closing commit{due} that the ledger makes; \
                 nothing of that was taken over",
                other.run,
                other.found.short()
            ));
        }
        if self.other_ends.len() > NAMED {
            page.line(format!("and {} more such branches", self.other_ends.len() - NAMED));
        }
        for note in &self.notes {
            page.line(format!("note: {note}"));
        }
    }
}
