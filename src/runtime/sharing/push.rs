//! Pushing: what would go to a remote, listed before anything is, and the push itself.
//!
//! A push never overwrites. What the remote has must be something that ours goes on from, looked up before and held to
//! by the push's lease; everything goes in one atomic push or not at all.

use std::collections::BTreeSet;

use thiserror::Error;

use super::super::evidence::Secrets;
use super::super::project::Project;
use super::super::stop::Stop;
use super::relation::{Relation, ledger_of, relation};
use super::remote::{Advertised, Remote, SharingError};
use crate::domain::ids::RunId;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::run::RunRecord;
use crate::domain::view::View as _;
use crate::format::count::counted;
use crate::ledger::git::command::GitCommand;
use crate::ledger::history::history;
use crate::ledger::store::{NewObjects, ObjectKind, Publication, RefName, Store as _, StoreError};
use crate::ledger::transact::TransactError;
use crate::ledger::view::TreeView;

/// Documents with a secret that a listing names.
const NAMED: usize = 5;

/// Why nothing is pushed.
#[derive(Debug, Error)]
pub enum NotPushed {
    /// There is nothing to share.
    #[error("there is no ledger here yet: nothing to share")]
    NoLedger,
    /// The remote has something of which nothing is known here.
    #[error("{remote} holds {theirs} at {name}, which is not here; here is {ours}")]
    Unknown {
        /// The remote.
        remote: String,
        /// The ref.
        name: String,
        /// What the remote holds.
        theirs: Oid,
        /// What is here.
        ours: Oid,
    },
    /// The remote has gone on from what is here.
    #[error("{remote} has gone on: its ledger stands at {theirs}, {} after {ours} here", counted(*.commits, "commit"))]
    Behind {
        /// The remote.
        remote: String,
        /// Its tip.
        theirs: Oid,
        /// Ours.
        ours: Oid,
        /// How many more it has.
        commits: usize,
    },
    /// Both have gone on.
    #[error("the ledgers have parted: {ours} here and {theirs} on {remote} both go on from {common}")]
    Diverged {
        /// The remote.
        remote: String,
        /// Its tip.
        theirs: Oid,
        /// Ours.
        ours: Oid,
        /// The last commit that both have, in words.
        common: String,
    },
    /// Another ledger is there.
    #[error("{remote} holds another ledger: {theirs} there, {ours} here")]
    Other {
        /// The remote.
        remote: String,
        /// Its tip.
        theirs: Oid,
        /// Ours.
        ours: Oid,
    },
    /// A run branch there is not a beginning of the one here.
    #[error("{remote} holds another branch of run {run}: {theirs} there, {ours} here")]
    Run {
        /// The remote.
        remote: String,
        /// The run.
        run: RunId,
        /// What is there.
        theirs: Oid,
        /// What is here.
        ours: Oid,
    },
    /// Around the remote.
    #[error(transparent)]
    Sharing(#[from] SharingError),
}

impl From<StoreError> for NotPushed {
    fn from(error: StoreError) -> Self {
        Self::Sharing(error.into())
    }
}

impl From<TransactError> for NotPushed {
    fn from(error: TransactError) -> Self {
        Self::Sharing(error.into())
    }
}

impl From<crate::domain::view::Fault> for NotPushed {
    fn from(fault: crate::domain::view::Fault) -> Self {
        Self::Sharing(fault.into())
    }
}

/// One ref that is to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The ref, here and there.
    pub name: RefName,
    /// What the remote holds; the lease holds it to that. `None`: it must not exist there.
    pub from: Option<Oid>,
    /// What it gets.
    pub to: Oid,
    /// Commits that come with it.
    pub commits: u64,
}

/// Everything that one push would bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The refs; none where the remote has it all.
    pub refs: Vec<Pushed>,
    /// Bytes that its objects have in this repository.
    pub bytes: u64,
    /// Commits of the user's own branches that the remote's branches do not have.
    pub unpushed: u64,
    /// Runs whose first snapshot holds work that was not committed.
    pub uncommitted: Vec<RunId>,
    /// Documents that hold what looks like a secret, and what it is; what more there are is counted.
    pub secrets: Vec<String>,
    /// What else a person should know.
    pub notes: Vec<String>,
    /// The remote's values of what is not pushed because it is there already.
    same: Vec<(RefName, Oid)>,
}

/// What a push to the remote would bring: the ledger, and with `runs` the branches of the runs that it knows.
pub fn prepare(project: &Project, remote: &Remote, runs: bool, stop: &Stop) -> Result<Parcel, NotPushed> {
    let Some((tip, commit)) = project.tip()? else { return Err(NotPushed::NoLedger) };
    let there = remote.advertised_for_push(project, stop)?;
    let mut parcel = Parcel {
        refs: Vec::new(),
        bytes: 0,
        unpushed: 0,
        uncommitted: Vec::new(),
        secrets: Vec::new(),
        notes: Vec::new(),
        same: Vec::new(),
    };
    state(project, remote, &there, tip, &mut parcel)?;
    let trees = project.trees();
    let view = TreeView::new(&trees, Some(commit.tree));
    if runs {
        branches(project, remote, &there, &view, &mut parcel)?;
    } else {
        for run in view.runs()?.into_iter().filter(|run| there.runs.get(&run.run) != Some(&run.tip)) {
            parcel.notes.push(format!(
                "run {} has not ended, and its code stays here: it goes on elsewhere only where `--runs` has brought it",
                run.run
            ));
        }
    }
    if !parcel.refs.is_empty() {
        parcel.bytes = size(project, &there, &parcel)?;
        secrets(project, tip, there.state, &mut parcel)?;
    }
    Ok(parcel)
}

/// The ledger's part of a parcel.
fn state(
    project: &Project,
    remote: &Remote,
    there: &Advertised,
    ours: Oid,
    parcel: &mut Parcel,
) -> Result<(), NotPushed> {
    let seen = project.store.resolve(&RefName::Remote(remote.name.clone()))?;
    let name = remote.name.clone();
    let Some(theirs) = there.state else {
        if let Some(seen) = seen {
            parcel.notes.push(format!(
                "{name} held a ledger at {seen} when it was last looked at, and holds none now: it is begun there anew"
            ));
        }
        let commits = count(project, ours, None)?;
        parcel.refs.push(Pushed { name: RefName::State, from: None, to: ours, commits });
        return Ok(());
    };
    if !is_here(project, theirs)? {
        let ref_name = RefName::State.full();
        return Err(NotPushed::Unknown { remote: name, name: ref_name, theirs, ours });
    }
    // What does not even say which ledger it is is none of ours.
    let id = ledger_of(&project.store, theirs).ok().flatten();
    if id.is_none() || id != ledger_of(&project.store, ours)? {
        return Err(NotPushed::Other { remote: name, theirs, ours });
    }
    match relation(&project.store, ours, theirs)? {
        Relation::Same => parcel.same.push((RefName::State, ours)),
        Relation::Ahead(commits) => return Err(NotPushed::Behind { remote: name, theirs, ours, commits }),
        Relation::Diverged(common) => {
            let common = common.map_or_else(|| "nothing".to_owned(), |oid| oid.to_string());
            return Err(NotPushed::Diverged { remote: name, theirs, ours, common });
        }
        Relation::Behind(commits) => {
            // A tip that was seen there and lies after the one that is there now.
            if let Some(seen) = seen.filter(|seen| *seen != theirs)
                && is_here(project, seen)?
                && let Relation::Behind(_) = relation(&project.store, seen, theirs)?
            {
                parcel.notes.push(format!(
                    "{name} was set back: it stood at {seen} when it was last looked at, and stands at {theirs} now"
                ));
            }
            let commits = commits as u64;
            parcel.refs.push(Pushed { name: RefName::State, from: Some(theirs), to: ours, commits });
        }
    }
    Ok(())
}

/// The run branches of a parcel: what the ledger that is pushed says of them, never more.
fn branches(
    project: &Project,
    remote: &Remote,
    there: &Advertised,
    view: &TreeView<'_, '_>,
    parcel: &mut Parcel,
) -> Result<(), NotPushed> {
    for (run, found) in project.store.runs()? {
        let Some(record) = view.run_record(&run)? else { continue };
        // A stage that is under way, or a crash, may have left a snapshot that the ledger does not know yet.
        let to = view.run(&run)?.map_or(found, |active| active.tip);
        let from = there.runs.get(&run).copied();
        if from == Some(to) {
            parcel.same.push((RefName::Run(run), to));
            continue;
        }
        if let Some(theirs) = from
            && !(is_here(project, theirs)? && is_ancestor(project, theirs, to)?)
        {
            return Err(NotPushed::Run { remote: remote.name.clone(), run, theirs, ours: to });
        }
        let commits = count(project, to, from.or(record.base))?;
        if holds_uncommitted_work(project, &record)? {
            parcel.uncommitted.push(run.clone());
        }
        parcel.refs.push(Pushed { name: RefName::Run(run), from, to, commits });
    }
    let bases = bases(project, view, parcel)?;
    if !bases.is_empty() {
        let known: Vec<Oid> = there.heads.iter().chain(there.runs.values()).copied().collect();
        parcel.unpushed = listed(project, &["--count"], &bases, &known)?;
    }
    Ok(())
}

/// The commits that the users stood on whose runs are in a parcel.
fn bases(project: &Project, view: &TreeView<'_, '_>, parcel: &Parcel) -> Result<Vec<Oid>, NotPushed> {
    let mut bases = Vec::new();
    for pushed in &parcel.refs {
        let RefName::Run(run) = &pushed.name else { continue };
        let base = view.run_record(run)?.and_then(|record| record.base);
        if let Some(base) = base
            && is_here(project, base)?
        {
            bases.push(base);
        }
    }
    Ok(bases)
}

/// Whether the first snapshot of a run differs from the commit that the user stood on.
pub fn holds_uncommitted_work(project: &Project, record: &RunRecord) -> Result<bool, TransactError> {
    let Some(base) = record.base else { return Ok(true) };
    Ok(tree_of(project, base)? != tree_of(project, record.start)?)
}

/// The tree of any commit, the user's included.
pub fn tree_of(project: &Project, commit: Oid) -> Result<String, StoreError> {
    GitCommand::new(&project.repository.git_dir, "rev-parse")
        .args(["--verify", "--quiet", "--end-of-options"])
        .arg(format!("{commit}^{{tree}}"))
        .text()
}

/// Whether an object is here. What is damaged is not.
pub fn is_here(project: &Project, oid: Oid) -> Result<bool, StoreError> {
    match project.store.read(oid) {
        Ok((kind, _)) => Ok(kind == ObjectKind::Commit),
        Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether `later` goes on from `earlier`.
pub fn is_ancestor(project: &Project, earlier: Oid, later: Oid) -> Result<bool, StoreError> {
    let output = GitCommand::new(&project.repository.git_dir, "merge-base")
        .arg("--is-ancestor")
        .args([earlier.to_string(), later.to_string()])
        .output(&[])?;
    Ok(output.status.success())
}

fn count(project: &Project, to: Oid, from: Option<Oid>) -> Result<u64, StoreError> {
    let from: Vec<Oid> = from.into_iter().collect();
    listed(project, &["--count"], &[to], &from)
}

/// The bytes of what the remote does not have, as far as that is known here.
fn size(project: &Project, there: &Advertised, parcel: &Parcel) -> Result<u64, StoreError> {
    let to: Vec<Oid> = parcel.refs.iter().map(|pushed| pushed.to).collect();
    let known: Vec<Oid> =
        there.state.iter().chain(there.runs.values()).chain(&there.heads).copied().collect();
    listed(project, &["--objects", "--disk-usage"], &to, &known)
}

/// The number that `git rev-list` answers with.
fn listed(project: &Project, how: &[&str], to: &[Oid], known: &[Oid]) -> Result<u64, StoreError> {
    let to = to.iter().map(|oid| format!("{oid}\n"));
    let known = known.iter().map(|oid| format!("^{oid}\n"));
    let input: String = to.chain(known).collect();
    let output = GitCommand::new(&project.repository.git_dir, "rev-list")
        .args(how)
        .args(["--ignore-missing", "--stdin"])
        .run(input.as_bytes())?;
    let text = String::from_utf8_lossy(&output);
    text.trim().parse().map_err(|_| StoreError::Git {
        action: "git rev-list".to_owned(),
        detail: format!("it answered `{}`, not a number", text.trim().escape_debug()),
    })
}

/// Names the documents that hold what looks like a secret: an operator allowed each when it came in, for this machine.
fn secrets(project: &Project, tip: Oid, there: Option<Oid>, parcel: &mut Parcel) -> Result<(), NotPushed> {
    let secrets = Secrets::here(project)?;
    let mut seen = BTreeSet::new();
    let mut more = 0_usize;
    let trees = project.trees();
    for step in history(&project.store, &trees, Some(tip)) {
        let step = step?;
        if Some(step.oid) == there {
            break;
        }
        for (path, content) in &step.transition.payloads {
            let path = path.as_str();
            let document = ["tasks/", "specs/", "incidents/", "ideas/"].iter().any(|of| path.starts_with(of));
            if !document || !seen.insert(content.oid) {
                continue;
            }
            let (_, bytes) = project.store.read(content.oid)?;
            if let Some((line, what)) = secrets.search().line(&String::from_utf8_lossy(&bytes)) {
                if parcel.secrets.len() < NAMED {
                    parcel.secrets.push(format!("{path}, line {line}: {what}"));
                } else {
                    more += 1;
                }
            }
        }
    }
    if more > 0 {
        parcel.secrets.push(format!("and {more} more documents"));
    }
    Ok(())
}

/// Pushes a parcel; all of it, or nothing. Then what is known of the remote is brought up to date.
pub fn push(project: &Project, remote: &Remote, parcel: &Parcel, stop: &Stop) -> Result<(), SharingError> {
    if !parcel.refs.is_empty() {
        let mut git = GitCommand::to_a_remote(&project.repository.git_dir, "push")?
            // With refspecs of its own a push to a mirror would be refused.
            .config(&format!("remote.{}.mirror", remote.name), "false")
            .args(["--porcelain", "--atomic", "--no-verify", "--no-follow-tags", "--no-progress"])
            .arg("--recurse-submodules=no");
        for pushed in &parcel.refs {
            let from = pushed.from.map(|oid| oid.to_string()).unwrap_or_default();
            git = git.arg(format!("--force-with-lease={}:{from}", pushed.name.full()));
        }
        git = git.args(["--end-of-options", &remote.name]);
        for pushed in &parcel.refs {
            git = git.arg(format!("{}:{}", pushed.to, pushed.name.full()));
        }
        remote.transfer(git, stop, "pushed to")?;
    }
    let pushed = parcel.refs.iter().map(|pushed| (&pushed.name, pushed.to));
    let same = parcel.same.iter().map(|(name, oid)| (name, *oid));
    for (name, oid) in pushed.chain(same) {
        let tracking = match name {
            RefName::Run(run) => RefName::RemoteRun(remote.name.clone(), run.clone()),
            _ => RefName::Remote(remote.name.clone()),
        };
        track(project, tracking, oid, NewObjects::None, &format!("share: pushed to {}", remote.name))?;
    }
    Ok(())
}

/// Sets a tracking ref: it is what was last seen of a remote, whatever it was before.
pub(super) fn track(
    project: &Project,
    name: RefName,
    to: Oid,
    objects: NewObjects,
    message: &str,
) -> Result<(), SharingError> {
    let mut writer = project.store.writer(LOCK_WAIT)?;
    let old = project.store.resolve(&name)?;
    if old == Some(to) {
        return Ok(());
    }
    writer.publish(Publication {
        name,
        old,
        new: Some(to),
        objects,
        by: project.signature()?,
        message: message.to_owned(),
    })?;
    Ok(())
}
