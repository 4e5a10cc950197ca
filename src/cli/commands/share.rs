//! `millrace share`

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::duration;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::format::count::counted;
use crate::ledger::store::RefName;
use crate::runtime::sharing::push::{Parcel, prepare, push};
use crate::runtime::sharing::remote::Remote;
use crate::runtime::stop::Stop;

/// Push the ledger to a remote, after listing what goes there.
///
/// What the remote has is never overwritten: if its ledger went on from somewhere else than here, nothing is pushed.
/// Documents and evidence of every item go along, for whoever may read there. No password is asked for.
///
/// By hand: `git push --no-verify REMOTE refs/millrace/state`.
#[derive(Debug, Args)]
pub(crate) struct ShareArguments {
    /// The remote, by its name in git's configuration.
    #[arg(value_name = "REMOTE")]
    remote: String,

    /// Push the run branches as well: the code at each stage, with what the user had not committed, and with the
    /// commits that it stands on.
    #[arg(long)]
    runs: bool,

    /// Only list what would be pushed.
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// How long the push may take: `90`, `10m`, `2h`.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    timeout: Duration,
}

/// What goes to a remote.
#[derive(Debug, Serialize)]
struct Listed {
    remote: String,
    /// Where it is pushed to, without passwords.
    urls: Vec<String>,
    dry_run: bool,
    refs: Vec<Ref>,
    /// Bytes that its objects have in this repository.
    bytes: u64,
    /// Commits of the user's own branches that go along and that no branch there has.
    unpushed_commits: u64,
    /// Runs that go along whose first snapshot holds work that was not committed.
    uncommitted: Vec<RunId>,
    /// Documents that hold what looks like a secret.
    secrets: Vec<String>,
    notes: Vec<String>,
}

/// One ref that is pushed.
#[derive(Debug, Serialize)]
struct Ref {
    name: String,
    /// What the remote holds; none where it is new there.
    from: Option<Oid>,
    to: Oid,
    commits: u64,
}

impl Listed {
    fn of(remote: &Remote, parcel: &Parcel, dry_run: bool) -> Self {
        let refs = parcel.refs.iter().map(|pushed| Ref {
            name: pushed.name.full(),
            from: pushed.from,
            to: pushed.to,
            commits: pushed.commits,
        });
        Self {
            remote: remote.name.clone(),
            urls: remote.targets(),
            dry_run,
            refs: refs.collect(),
            bytes: parcel.bytes,
            unpushed_commits: parcel.unpushed,
            uncommitted: parcel.uncommitted.clone(),
            secrets: parcel.secrets.clone(),
            notes: parcel.notes.clone(),
        }
    }
}

/// What was pushed.
#[derive(Debug, Serialize)]
struct Shared {
    remote: String,
    /// Refs that the remote has now and had not.
    pushed: Vec<String>,
    /// Where the remote's ledger stands.
    tip: Option<Oid>,
}

impl ShareArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let stop = Stop::on_signals()
            .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))?;
        let remote = Remote::named(&project, &self.remote, self.timeout)?;
        let parcel = prepare(&project, &remote, self.runs, &stop)?;
        let listed = answer(context, &Listed::of(&remote, &parcel, self.dry_run))?;
        if self.dry_run {
            return Ok(listed);
        }
        push(&project, &remote, &parcel, &stop)?;
        let tip = project.tip()?.map(|(tip, _)| tip);
        let state = parcel.refs.iter().find(|pushed| pushed.name == RefName::State);
        let shared = Shared {
            remote: remote.name.clone(),
            pushed: parcel.refs.iter().map(|pushed| pushed.name.full()).collect(),
            tip: state.map(|pushed| pushed.to).or(tip),
        };
        answer(context, &shared)
    }
}

impl Answer for Listed {
    const KIND: &'static str = "share";

    fn text(&self, page: &mut Page) {
        if self.refs.is_empty() {
            page.line(format!("{} has it all", self.remote));
        } else {
            page.line(format!("to {} ({}):", self.remote, self.urls.join(", ")));
            let row = |pushed: &Ref| {
                let moves = match pushed.from {
                    Some(from) => format!("{}..{}", from.short(), pushed.to.short()),
                    None => format!("new at {}", pushed.to.short()),
                };
                vec![pushed.name.clone(), moves, counted(pushed.commits, "commit")]
            };
            page.indented("  ", &self.refs.iter().map(row).collect::<Vec<_>>());
            page.line(format!("{} at most", size(self.bytes)));
        }
        if self.refs.iter().any(|pushed| pushed.name != RefName::State.full()) {
            page.line("run branches hold the code as it was: nothing is cut out of it");
        }
        if self.unpushed_commits > 0 {
            let commits = counted(self.unpushed_commits, "commit");
            page.line(format!("with them go {commits} of your own that no branch there has"));
        }
        if !self.uncommitted.is_empty() {
            let runs: Vec<&str> = self.uncommitted.iter().map(RunId::as_str).collect();
            page.line(format!("with work that was not committed when they began: {}", runs.join(", ")));
        }
        for secret in &self.secrets {
            page.line(format!("looks like a secret: {secret}"));
        }
        for note in &self.notes {
            page.line(format!("note: {note}"));
        }
    }
}

impl Answer for Shared {
    const KIND: &'static str = "shared";

    fn text(&self, page: &mut Page) {
        if !self.pushed.is_empty() {
            page.line(format!("pushed {} to {}", counted(self.pushed.len() as u64, "ref"), self.remote));
        }
    }
}

/// Bytes, as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1024 * 1024)),
    }
}
