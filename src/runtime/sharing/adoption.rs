//! Adoption: a ledger that was fetched, and that goes on from the one here, is gone on with here.
//!
//! It is replayed before it is believed; what it brings is held until this machine's operator lets it in; its plans are
//! shown and not run. One commit of ours on top of its tip says so, and the ledger's ref goes there in one swap.

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use super::super::backups;
use super::super::continuity;
use super::super::daemon::program;
use super::super::daemon_lock::{DaemonLock, DaemonLockError};
use super::super::project::Project;
use super::super::run_branch::{BranchError, closing_of};
use super::push::{is_ancestor, is_here};
use super::relation::{Relation, ledger_of, relation};
use super::remote::{Remote, SharingError};
use crate::domain::control::Closed;
use crate::domain::ids::RunId;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::place::OpenState;
use crate::domain::plan::StageRef;
use crate::domain::run::Run;
use crate::domain::slot::Slot;
use crate::domain::transition::input::{Adopting, Input};
use crate::domain::transition::record::Actor;
use crate::domain::view::{Fault, View as _};
use crate::ledger::commit::Commit;
use crate::ledger::history::{advance, commits};
use crate::ledger::store::{NewObjects, Publication, RefName, Store as _, StoreError};
use crate::ledger::transact::{Outcome, TransactError, read_commit, transact_instead, transact_onto};
use crate::ledger::verify::{verify, verify_since};
use crate::ledger::view::TreeView;

/// How often an adoption is tried anew because the ledger here moved meanwhile.
const ATTEMPTS: u32 = 3;

/// Why a fetched ledger is not gone on with.
#[derive(Debug, Error)]
pub enum NotAdopted {
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
    /// It is another ledger.
    #[error("{remote} holds another ledger: {theirs} there, {ours} here")]
    Other {
        /// The remote.
        remote: String,
        /// Its tip.
        theirs: Oid,
        /// Ours.
        ours: Oid,
    },
    /// It holds a commit that the rules do not make.
    #[error("the ledger of {remote} is false at commit {commit}{number}: {detail}")]
    False {
        /// The remote.
        remote: String,
        /// The commit.
        commit: Oid,
        /// ` (number 7)`, where that can be told.
        number: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A stage is under way there.
    #[error(
        "run {run} has {stage} under way there since {since} ({who}): stop that runtime, let it share, then fetch"
    )]
    UnderWayThere {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageRef,
        /// Since when.
        since: Timestamp,
        /// The runtime that launched it.
        who: String,
    },
    /// A stage is under way here.
    #[error("run {run} has {stage} under way here since {since}, and {remote} has gone on without it")]
    UnderWayHere {
        /// The remote.
        remote: String,
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageRef,
        /// Since when.
        since: Timestamp,
    },
    /// The ledger here cannot give way: a run of it has not come to its end.
    #[error(
        "run {run} is at work here, or has left changes in the work tree: the ledger here cannot give way"
    )]
    NotAtRest {
        /// The run.
        run: RunId,
    },
    /// The ledger here cannot give way: a runtime works on it.
    #[error(transparent)]
    Lock(#[from] DaemonLockError),
    /// The ledger that was here is gone, and this is not its continuation.
    #[error(
        "the ledger here is gone; it stood at {known} when a stage began, and {theirs} does not go on from there"
    )]
    Lost {
        /// Where it stood.
        known: Oid,
        /// What was fetched.
        theirs: Oid,
    },
    /// Around the remote, the store or the ledger.
    #[error(transparent)]
    Sharing(#[from] SharingError),
}

impl From<StoreError> for NotAdopted {
    fn from(error: StoreError) -> Self {
        Self::Sharing(error.into())
    }
}

impl From<TransactError> for NotAdopted {
    fn from(error: TransactError) -> Self {
        Self::Sharing(error.into())
    }
}

impl From<Fault> for NotAdopted {
    fn from(fault: Fault) -> Self {
        Self::Sharing(fault.into())
    }
}

impl From<BranchError> for NotAdopted {
    fn from(error: BranchError) -> Self {
        match error {
            BranchError::Transact(error) => error.into(),
            BranchError::Store(error) => error.into(),
            BranchError::Fault(fault) => fault.into(),
            BranchError::NoSuchRun(run) => {
                Fault { at: run.to_string(), detail: "it has no record".to_owned() }.into()
            }
        }
    }
}

/// What a fetched ledger means for the one here.
#[derive(Debug, Clone)]
pub enum Adoption {
    /// Both are the same.
    Same,
    /// The one here has gone on, by so many commits.
    Behind(usize),
    /// It goes on from the one here, by so many commits.
    Follows(usize),
    /// It does not go on from the one here, which gives way to it: by so many commits that are not here.
    Replaces(usize),
}

/// A commit that is in the ledger here, and is not in the one that it gives way to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenUp {
    /// The commit.
    pub commit: Oid,
    /// What it did, in a line.
    pub subject: String,
}

/// The same, and of which ledger here it was found.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Where the ledger here stood; none where there was none.
    ours: Option<Oid>,
    /// The last commit that both have, where the one here gives way.
    common: Option<Oid>,
    /// What the fetched one means for it.
    pub adoption: Adoption,
}

/// What was adopted.
#[derive(Debug)]
pub struct Adopted {
    /// The tip of the ledger here.
    pub tip: Oid,
    /// Items that wait to be released.
    pub held: Vec<ItemRef>,
    /// Runs that are active there and were not here, or not as far.
    pub runs: Vec<RunId>,
    /// The ref that keeps the ledger which gave way.
    pub kept: Option<String>,
    /// What the deciding noticed.
    pub notes: Vec<String>,
}

/// How the ledger that was fetched stands to the one here. Refuses what can never be gone on with: one that does not go on
/// from the ledger here, unless that `gives_way`, or holds nothing yet.
pub fn compare(
    project: &Project,
    remote: &Remote,
    theirs: Oid,
    gives_way: bool,
) -> Result<Compared, NotAdopted> {
    let ours = project.store.resolve(&RefName::State)?;
    let mut shared = None;
    let adoption = if let Some(ours) = ours {
        match standing(project, remote, ours, theirs) {
            Err(refused @ (NotAdopted::Diverged { .. } | NotAdopted::Other { .. })) => {
                if !gives_way && !holds_nothing(project, ours)? {
                    return Err(refused);
                }
                if let Relation::Diverged(common) = relation(&project.store, ours, theirs)? {
                    shared = common;
                }
                Adoption::Replaces(advance(&project.store, Some(ours), theirs)?.came.len())
            }
            standing => standing?,
        }
    } else {
        for known in continuity::remembered(project) {
            if !continuity::would_go_on(&project.store, theirs, known)? {
                return Err(NotAdopted::Lost { known, theirs });
            }
        }
        Adoption::Follows(commits(&project.store, Some(theirs)).count())
    };
    Ok(Compared { ours, common: shared, adoption })
}

/// Whether nothing has come into the ledger yet: no item was ever in it, and nothing is begun.
fn holds_nothing(project: &Project, tip: Oid) -> Result<bool, NotAdopted> {
    let trees = project.trees();
    let view = TreeView::new(&trees, Some(read_commit(&project.store, tip)?.tree));
    let control = view.control()?;
    let mut nothing = control.closed == Closed::default()
        && control.targets.is_empty()
        && control.owed.is_none()
        && control.to_land.is_none()
        && view.runs()?.is_empty();
    for kind in ItemKind::ALL {
        for state in OpenState::ALL {
            nothing = nothing && view.items(kind, state)?.is_empty();
        }
    }
    Ok(nothing)
}

/// What would no longer be in the ledger here if it gave way, the newest last. Refuses where it cannot give way now.
pub fn given_up(project: &Project, compared: &Compared, theirs: Oid) -> Result<Vec<GivenUp>, NotAdopted> {
    let Some(ours) = compared.ours else { return Ok(Vec::new()) };
    let trees = project.trees();
    let view = TreeView::new(&trees, Some(read_commit(&project.store, ours)?.tree));
    let control = view.control()?;
    // What the work tree holds of a run is known by this ledger alone.
    let active = view.runs()?.into_iter().map(|run| run.run).next();
    let left = control.owed.map(|owed| owed.run).or(control.to_land.map(|to_land| to_land.run));
    if let Some(run) = active.or(left) {
        return Err(NotAdopted::NotAtRest { run });
    }
    let came = advance(&project.store, Some(theirs), ours)?.came;
    let given_up = |(commit, read): (Oid, Commit)| GivenUp {
        commit,
        subject: read.message.lines().next().unwrap_or_default().to_owned(),
    };
    Ok(came.into_iter().map(given_up).collect())
}

/// The same, of a ledger that is here.
fn standing(project: &Project, remote: &Remote, ours: Oid, theirs: Oid) -> Result<Adoption, NotAdopted> {
    let name = || remote.name.clone();
    read_commit(&project.store, ours)?;
    let related = match relation(&project.store, ours, theirs) {
        // Ours was read before: what cannot be read is theirs.
        Err(TransactError::Fault(fault)) => {
            let (detail, number) = (fault.to_string(), String::new());
            return Err(NotAdopted::False { remote: name(), commit: theirs, number, detail });
        }
        related => related?,
    };
    match related {
        Relation::Same => Ok(Adoption::Same),
        Relation::Behind(commits) => Ok(Adoption::Behind(commits)),
        Relation::Ahead(commits) => Ok(Adoption::Follows(commits)),
        Relation::Diverged(common) => {
            // What does not even say which ledger it is is none of ours.
            let id = ledger_of(&project.store, theirs).ok().flatten();
            if id.is_none() || id != ledger_of(&project.store, ours)? {
                return Err(NotAdopted::Other { remote: name(), theirs, ours });
            }
            let common = common.map_or_else(|| "nothing".to_owned(), |oid| oid.to_string());
            Err(NotAdopted::Diverged { remote: name(), theirs, ours, common })
        }
    }
}

/// That everything which the fetched ledger has and the one here has not is what the rules make.
pub fn check(project: &Project, remote: &Remote, compared: &Compared, theirs: Oid) -> Result<(), NotAdopted> {
    let report = match compared.ours {
        Some(ours) if !matches!(compared.adoption, Adoption::Replaces(_)) => {
            verify_since(&project.store, theirs, ours)?
        }
        _ => verify(&project.store, theirs)?,
    };
    match report.findings.into_iter().next() {
        None => Ok(()),
        Some(finding) => Err(NotAdopted::False {
            remote: remote.name.clone(),
            commit: finding.commit,
            number: finding.seq.map_or_else(String::new, |seq| format!(" (number {seq})")),
            detail: finding.detail,
        }),
    }
}

/// The active runs of the ledger at this tip whose code is not here.
pub fn runs_without_code(project: &Project, theirs: Oid) -> Result<Vec<RunId>, NotAdopted> {
    let trees = project.trees();
    let view = TreeView::new(&trees, Some(read_commit(&project.store, theirs)?.tree));
    let mut missing = Vec::new();
    for run in view.runs()? {
        if !is_here(project, run.tip)? {
            missing.push(run.run);
        }
    }
    Ok(missing)
}

/// Goes on with a fetched ledger that was compared and checked: from where the ledger here stood then, and from nowhere
/// else.
pub fn adopt(
    project: &Project,
    remote: &Remote,
    mut compared: Compared,
    theirs: Oid,
) -> Result<Adopted, NotAdopted> {
    let mut attempt = 1;
    let replaces = matches!(compared.adoption, Adoption::Replaces(_));
    // Under a runtime the ledger goes on, and never becomes another one.
    let _alone =
        if replaces { Some(DaemonLock::take(&project.store.private_dir(), &program())?) } else { None };
    loop {
        let ours = compared.ours;
        let adopting = adopting(project, remote, &compared, theirs)?;
        let act = project.act(Actor::Operator, None)?;
        let asked = Input::Adopt(Box::new(adopting.clone()));
        let mut kept = None;
        if let Some(ours) = ours.filter(|_| replaces) {
            given_up(project, &compared, theirs)?;
            let why = format!("fetch: the ledger here, before that of {} took its place", remote.name);
            kept = Some(backups::keep(project, ours, &NewObjects::None, "ledger", &why)?.full());
        }
        let transacted = if replaces {
            transact_instead(&project.store, &act, &asked, ours, theirs)
        } else {
            transact_onto(&project.store, &act, &asked, ours, theirs)
        };
        let outcome = match transacted {
            Err(TransactError::Store(StoreError::Moved { .. })) if attempt < ATTEMPTS => {
                attempt += 1;
                // What came meanwhile was not compared yet.
                compared = compare(project, remote, theirs, replaces)?;
                if matches!(compared.adoption, Adoption::Replaces(_)) != replaces
                    || matches!(compared.adoption, Adoption::Same | Adoption::Behind(_))
                {
                    let (held, runs, notes) = (Vec::new(), Vec::new(), Vec::new());
                    return Ok(Adopted { tip: theirs, held, runs, kept, notes });
                }
                check(project, remote, &compared, theirs)?;
                continue;
            }
            outcome => outcome?,
        };
        let tip = outcome.commit().unwrap_or(theirs);
        if replaces {
            // What remembers the one that gave way is not to accuse this one.
            project.store.accept(Some(tip), &project.signature()?)?;
            continuity::forget_launches(project, Some(tip))?;
        }
        return Ok(Adopted {
            tip,
            held: adopting.arrived,
            runs: adopting.runs,
            kept,
            notes: match &outcome {
                Outcome::Committed { transition, .. } => transition.decision.notes.clone(),
                Outcome::Unchanged { notes } => notes.clone(),
            },
        });
    }
}

/// What the ledger here knows that the fetched one does not: what was let in, what is active, why dispatch rests.
fn adopting(
    project: &Project,
    remote: &Remote,
    compared: &Compared,
    theirs: Oid,
) -> Result<Adopting, NotAdopted> {
    let ours = compared.ours;
    let replaces = matches!(compared.adoption, Adoption::Replaces(_));
    let trees = project.trees();
    let root = |tip: Oid| read_commit(&project.store, tip).map(|commit| commit.tree);
    let there = TreeView::new(&trees, Some(root(theirs)?));
    let here = TreeView::new(&trees, ours.map(root).transpose()?);
    // An item of this name may be another one there, unless it was there when they parted.
    let let_in = TreeView::new(&trees, if replaces { compared.common } else { ours }.map(root).transpose()?);
    let control = there.control()?;
    let own = if ours.is_some() { Some(here.control()?) } else { None };
    let own_runs = here.runs()?;
    if let Some((run, launch)) = own_runs.iter().find_map(|run| Some((run, run.launch.as_ref()?))) {
        return Err(NotAdopted::UnderWayHere {
            remote: remote.name.clone(),
            run: run.run.clone(),
            stage: run.stage.clone(),
            since: launch.at,
        });
    }
    let runs = there.runs()?;
    if let Some((run, launch)) = runs.iter().find_map(|run| Some((run, run.launch.as_ref()?))) {
        let session = control.sessions.iter().find(|session| session.session == launch.session);
        return Err(NotAdopted::UnderWayThere {
            run: run.run.clone(),
            stage: run.stage.clone(),
            since: launch.at,
            who: session.map_or_else(|| "nobody says who".to_owned(), |session| session.program.clone()),
        });
    }
    let mut arrived = Vec::new();
    for kind in ItemKind::ALL {
        for state in [OpenState::Queued, OpenState::Waiting] {
            for (id, _) in there.standing(kind, state)? {
                let item = ItemRef::new(kind, id);
                if matches!(let_in.slot(&item)?, None | Some(Slot::Held(_))) {
                    arrived.push(item);
                }
            }
        }
    }
    // One that has gone on there has code that the work tree here need not have.
    let is_new = |run: &Run| {
        replaces || !own_runs.iter().any(|own| own.run == run.run && own.snapshot == run.snapshot)
    };
    let own_targets = own.as_ref().filter(|_| !replaces).map(|own| own.targets.clone()).unwrap_or_default();
    Ok(Adopting {
        remote: remote.name.clone(),
        before: ours,
        arrived,
        runs: runs.into_iter().filter(is_new).map(|run| run.run).collect(),
        roots: control.targets.into_iter().filter(|root| !own_targets.contains(root)).collect(),
        pauses: own.as_ref().map(|own| own.pauses.clone()).unwrap_or_default(),
        owed: own.and_then(|own| own.owed).map(|owed| owed.run),
    })
}

/// A fetched run branch that does not end as the ledger here says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherEnd {
    /// The run.
    pub run: RunId,
    /// Where the fetched branch ends.
    pub found: Oid,
    /// The closing commit that the ledger makes; none where the run's last commit did not come with the branch.
    pub due: Option<Oid>,
}

/// Gives the runs of the ledger here the branches that they lack, from those that were fetched: what the ledger names,
/// and the closing commit of a run that has ended. Tells which ended ones end with something else, of which nothing is
/// taken.
pub fn branches(project: &Project, remote: &Remote) -> Result<Vec<OtherEnd>, NotAdopted> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let mut came = Vec::new();
    for (name, found) in project.store.refs()? {
        let RefName::RemoteRun(of, run) = name else { continue };
        // One that is here as it is there was looked at when it came.
        if of != remote.name || project.store.resolve(&RefName::Run(run.clone()))? == Some(found) {
            continue;
        }
        let Some(record) = view.run_record(&run)? else { continue };
        match (view.run(&run)?, record.end) {
            (Some(active), _) => came.push((run, found, active.tip, false)),
            (None, Some(end)) => came.push((run, found, end.snapshot, true)),
            (None, None) => {}
        }
    }
    let ended = came.iter().filter(|(.., ended)| *ended).map(|(run, ..)| run.clone()).collect();
    let closings = closing_of(&project.store, project.store.resolve(&RefName::State)?, ended)?;
    let mut others = Vec::new();
    for (run, found, last, ended) in came {
        let closing = closings.get(&run);
        let to = match closing {
            Some(closing) if closing.oid == found => found,
            Some(closing) => closing.commit.parents.first().copied().unwrap_or(last),
            None => last,
        };
        // One that is not closed yet is as good: the next runtime closes it.
        if ended && found != to && found != last {
            others.push(OtherEnd { run: run.clone(), found, due: closing.map(|closing| closing.oid) });
        }
        let own = RefName::Run(run);
        let old = project.store.resolve(&own)?;
        // One that is here already is this machine's own, unless it only has to go on.
        let goes_on = match old {
            None => true,
            Some(old) => old != to && is_here(project, old)? && is_ancestor(project, old, to)?,
        };
        if !goes_on || !is_here(project, to)? {
            continue;
        }
        let mut writer = project.store.writer(LOCK_WAIT)?;
        writer.publish(Publication {
            name: own,
            old,
            new: Some(to),
            objects: NewObjects::None,
            by: project.signature()?,
            message: format!("fetch: adopted from {}", remote.name),
        })?;
    }
    Ok(others)
}
