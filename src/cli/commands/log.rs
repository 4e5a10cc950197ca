//! `millrace log`

mod filter;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use filter::{Filter, FilterArguments};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::look::LookArguments;
use crate::cli::moments::time;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, say};
use crate::cli::trailers;
use crate::cli::watch::{LOOK, Watch};
use crate::domain::oid::Oid;
use crate::ledger::commit::Commit;
use crate::ledger::history::{Advance, advance, commits};
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::transact::read_commit;
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;

/// Show the ledger's commits, newest first.
///
/// With `-f` they come oldest first: the last N, then each new one as it is made, until an INT. Each is an envelope of
/// its own with `--json`. What is asked for is read from the commits' trailers.
///
/// By hand: `git log --oneline refs/millrace/state`, with `--grep='^Millrace-Run: RUN$'`,
/// `--grep='^Millrace-Item: KIND/ITEM$'` or the like for what concerns one run, item, stage or result, and without
/// `--oneline` to read what the stages said.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    #[command(flatten)]
    filter: FilterArguments,

    /// Only commits after the one of this number: what is new to somebody who has seen that one.
    #[arg(long, value_name = "N")]
    since_seq: Option<u64>,

    /// Commits that are shown; 0 shows all. Where nothing is said: 20, and with `--since-seq` all.
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<usize>,

    /// Instead of the ledger here the one that was last fetched from this remote, as it is.
    #[arg(long, value_name = "REMOTE")]
    remote: Option<String>,

    /// Go on, and show new commits as they come.
    #[arg(short = 'f', long)]
    follow: bool,

    #[command(flatten)]
    look: LookArguments,
}

/// Commits that are shown where nothing is said.
const NUMBER: usize = 20;

/// Commits of the ledger.
#[derive(Debug, Serialize)]
struct Log {
    commits: Vec<Line>,
    /// Whether there is a ledger.
    #[serde(skip)]
    begun: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    seq: Option<u64>,
    commit: Oid,
    at: Timestamp,
    op: Option<String>,
    actor: Option<String>,
    /// Several where documents came in together.
    items: Vec<String>,
    run: Option<String>,
    stage: Option<String>,
    result: Option<String>,
    /// Where a handoff went.
    next: Option<String>,
    plan: Option<String>,
    subject: String,
}

impl Line {
    fn of(oid: Oid, commit: &Commit) -> Self {
        let message = &commit.message;
        let trailer = |key| trailers::value(message, key).map(str::to_owned);
        Self {
            seq: trailers::seq(message),
            commit: oid,
            at: Timestamp::from_second(commit.second).unwrap_or_default(),
            op: trailer("Op"),
            actor: trailer("Actor"),
            items: trailers::values(message, "Item").map(str::to_owned).collect(),
            run: trailer("Run"),
            stage: trailer("Stage"),
            result: trailer("Result"),
            next: trailer("Next"),
            plan: trailer("Plan"),
            subject: message.lines().next().unwrap_or_default().to_owned(),
        }
    }

    fn columns(&self) -> Vec<String> {
        let seq = self.seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
        vec![seq, time(self.at), self.subject.clone()]
    }
}

impl LogArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let name = self.ledger(&project)?;
        let filter = if self.filter.is_empty() {
            // A log without questions needs no readable tree.
            Filter::default()
        } else {
            let tip = project.store.resolve(&name)?;
            let root =
                tip.map(|tip| read_commit(&project.store, tip).map(|commit| commit.tree)).transpose()?;
            self.filter.resolve(&TreeView::new(&project.trees(), root))?
        };
        if self.follow {
            return self.follow(context, &project, &name, &filter);
        }
        let look = self.look.look(context, &project, "log")?;
        let tip = project.store.resolve(&name)?;
        let (commits, trouble) = self.newest(&project, &filter, tip);
        match trouble {
            None => look.answer(context, &Log { commits, begun: tip.is_some() }),
            Some(trouble) => {
                // What can be read is shown all the same.
                if !commits.is_empty() {
                    look.answer(context, &Log { commits, begun: true })?;
                }
                Err(trouble)
            }
        }
    }

    /// The ref of the ledger that is shown. A remote of which nothing was fetched has none.
    fn ledger(&self, project: &Project) -> Result<RefName, Failure> {
        let Some(remote) = &self.remote else { return Ok(RefName::State) };
        let name = RefName::Remote(remote.clone());
        name.check().map_err(Failure::input)?;
        if project.store.resolve(&name)?.is_some() {
            return Ok(name);
        }
        Err(Failure::failed(format!("nothing was fetched from {remote} yet"))
            .hint(format!("`millrace fetch {remote} --no-adopt` only fetches")))
    }

    /// The newest commits that are asked for, newest first, and what kept older ones from being read.
    fn newest(&self, project: &Project, filter: &Filter, tip: Option<Oid>) -> (Vec<Line>, Option<Failure>) {
        let number = match (self.number, self.since_seq) {
            (Some(0), _) | (None, Some(_)) => usize::MAX,
            (Some(number), _) => number,
            (None, None) => NUMBER,
        };
        let mut lines = Vec::new();
        for read in commits(&project.store, tip) {
            match read {
                // Numbers only fall on the way back.
                Ok((_, commit)) if self.is_seen(&commit) => break,
                Ok((oid, commit)) if filter.admits(&commit.message) => lines.push(Line::of(oid, &commit)),
                Ok(_) => {}
                Err(error) => return (lines, Some(error.into())),
            }
            if lines.len() >= number {
                break;
            }
        }
        (lines, None)
    }

    /// Whether a commit is not after the one that `--since-seq` names.
    fn is_seen(&self, commit: &Commit) -> bool {
        let number = trailers::seq(&commit.message);
        self.since_seq.is_some_and(|since| number.is_some_and(|number| number <= since))
    }

    fn follow(
        &self,
        context: &Context,
        project: &Project,
        name: &RefName,
        filter: &Filter,
    ) -> Result<Exit, Failure> {
        let mut watch = Watch::begin()?;
        let mut tip = project.store.resolve(name)?;
        let (lines, trouble) = self.newest(project, filter, tip);
        for line in lines.iter().rev() {
            answer(context, line)?;
        }
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        if tip.is_none() {
            say("no ledger yet: waiting for one");
        }
        while watch.rest(LOOK) {
            let Some(now) = watch.seen(project.store.resolve(name)) else { continue };
            if now == tip {
                continue;
            }
            let Some(new) = now else {
                say("the ledger is gone: waiting for one");
                tip = None;
                continue;
            };
            let Some(Advance { came, set_back }) = watch.seen(advance(&project.store, tip, new)) else {
                continue;
            };
            if set_back {
                say("the ledger was set back: some commits above are no longer part of it");
            }
            let wanted = |commit: &Commit| filter.admits(&commit.message) && !self.is_seen(commit);
            for (oid, commit) in came.iter().filter(|(_, commit)| wanted(commit)) {
                answer(context, &Line::of(*oid, commit))?;
            }
            tip = Some(new);
        }
        Ok(Exit::Done)
    }
}

impl Answer for Log {
    const KIND: &'static str = "log";

    fn text(&self, page: &mut Page) {
        if self.commits.is_empty() {
            page.line(if self.begun { "no such commits" } else { "no ledger yet" });
        }
        let rows: Vec<Vec<String>> = self.commits.iter().map(Line::columns).collect();
        page.commits(&rows);
    }
}

/// One commit, where each is an answer of its own.
impl Answer for Line {
    const KIND: &'static str = "log_commit";

    fn text(&self, page: &mut Page) {
        page.table(&[self.columns()]);
    }
}
