//! `apply`: from a decision to edits of the ledger's tree. Mechanical, and frozen per format: what a decision says
//! has the same edits for ever, or old ledgers could not be verified any more.

use std::collections::BTreeMap;

use thiserror::Error;

use super::decision::{Decision, Effect, StageResult};
use super::input::{Content, Known};
use super::record::{FORMAT, LedgerRecord};
use crate::domain::budget::Spending;
use crate::domain::closure::{Target, Verdict};
use crate::domain::control::Control;
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::place::{self, TreePath};
use crate::domain::receipt::Receipt;
use crate::domain::recovery::Recovery;
use crate::domain::run::{Run, RunRecord};
use crate::domain::view::{Fault, View};

/// One change of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A record is written here.
    Put(TreePath, Record),
    /// A payload is placed here.
    Place(TreePath, Content),
    /// The entry goes from here to there.
    Move(TreePath, TreePath),
    /// The entry is removed.
    Remove(TreePath),
}

/// The records of the tree, each with its own place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// `ledger.toml`
    Ledger(LedgerRecord),
    /// `control.toml`
    Control(Box<Control>),
    /// An intake record.
    Known(Box<Known>),
    /// An active run.
    Run(Box<Run>),
    /// What stays of a run.
    RunRecord(Box<RunRecord>),
    /// An item's trouble.
    Recovery(Box<Recovery>),
    /// What a launch came to.
    Result(Box<StageResult>),
    /// An open item of a lineage.
    Member(Member),
    /// A closure target.
    Target(Box<Target>),
    /// What a judge found.
    Verdict(Box<Verdict>),
    /// How a request was answered.
    Receipt(Box<Receipt>),
}

/// The mark of an open item in its root's lineage.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The item.
    pub item: ItemRef,
}

/// Why a decision cannot be applied. `decide` never makes one that misfits; a forged commit may hold one.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Misfit {
    /// The tree cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The decision speaks of something that is not there.
    #[error("the decision does not fit the state: {0}")]
    State(String),
}

/// The edits of a decision, in an order of their own: moves first, then everything else by path.
pub fn apply(view: &dyn View, decision: &Decision) -> Result<Vec<Edit>, Misfit> {
    let mut after =
        After { view, control: None, runs: BTreeMap::new(), recoveries: BTreeMap::new(), edits: Vec::new() };
    for effect in &decision.effects {
        after.effect(effect)?;
    }
    Ok(after.edits())
}

/// The payloads among the edits, as the transition lists them.
#[must_use]
pub fn payloads(edits: &[Edit]) -> BTreeMap<TreePath, Content> {
    edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::Place(path, content) => Some((path.clone(), *content)),
            Edit::Put(..) | Edit::Move(..) | Edit::Remove(_) => None,
        })
        .collect()
}

/// The records as they are after the effects so far.
struct After<'a> {
    view: &'a dyn View,
    control: Option<Control>,
    runs: BTreeMap<RunId, Option<Run>>,
    recoveries: BTreeMap<ItemRef, Option<Recovery>>,
    edits: Vec<Edit>,
}

impl After<'_> {
    fn control(&mut self) -> Result<&mut Control, Misfit> {
        if self.control.is_none() {
            self.control = Some(self.view.control()?);
        }
        self.control.as_mut().ok_or_else(|| Misfit::State("no control record".to_owned()))
    }

    fn run(&mut self, id: &RunId) -> Result<&mut Run, Misfit> {
        if !self.runs.contains_key(id) {
            self.runs.insert(id.clone(), self.view.run(id)?);
        }
        self.runs
            .get_mut(id)
            .and_then(Option::as_mut)
            .ok_or_else(|| Misfit::State(format!("no run {id} is active")))
    }

    fn recovery(&mut self, item: &ItemRef) -> Result<&mut Recovery, Misfit> {
        if !self.recoveries.contains_key(item) {
            self.recoveries.insert(item.clone(), self.view.recovery(item)?);
        }
        Ok(self
            .recoveries
            .entry(item.clone())
            .or_default()
            .get_or_insert_with(|| Recovery::new(item.clone())))
    }

    fn put(&mut self, path: TreePath, record: Record) {
        self.edits.push(Edit::Put(path, record));
    }

    fn effect(&mut self, effect: &Effect) -> Result<(), Misfit> {
        match effect {
            Effect::Found { ledger } => {
                self.put(
                    place::ledger(),
                    Record::Ledger(LedgerRecord { format: FORMAT, ledger: ledger.clone() }),
                );
                self.control = Some(Control::default());
            }
            Effect::Admit { slot, document, known } => {
                let item = &known.intake.item;
                self.edits.push(Edit::Place(place::document(item, slot), *document));
                self.put(place::intake(item), Record::Known(Box::new(known.clone())));
                if let Some(turn) = slot.turn() {
                    let control = self.control()?;
                    control.arrivals = control.arrivals.max(turn.arrival.0);
                }
            }
            Effect::Move { item, from, to } => {
                self.edits.push(Edit::Move(place::document(item, from), place::document(item, to)));
                if from.is_closed() || to.is_closed() {
                    self.control()?.closed.count_move(item.kind, from, to);
                }
            }
            Effect::Open { run } => {
                let record = RunRecord {
                    run: run.run.clone(),
                    item: run.item.clone(),
                    continues: run.continues.clone(),
                    closure: run.closure,
                    plan: run.plan.clone(),
                    opened_at: run.opened_at,
                    base: run.base,
                    start: run.start,
                    end: None,
                    landing: None,
                };
                self.put(place::run_record(&run.run), Record::RunRecord(Box::new(record)));
                self.runs.insert(run.run.clone(), Some(Run::clone(run)));
            }
            Effect::Launch { run, launch } => {
                let run = self.run(run)?;
                run.launches = launch.number;
                run.launch = Some(launch.clone());
            }
            Effect::Settle { run, spent, interruptions, snapshot, tip } => {
                let run = self.run(run)?;
                run.launch = None;
                run.snapshot = *snapshot;
                run.tip = *tip;
                run.spent = *spent;
                run.interruptions = *interruptions;
            }
            Effect::Conclude { run, result } => self
                .put(place::result(run, result.launch, &result.stage.stage), Record::Result(result.clone())),
            Effect::Keep { run, launch, stage, files } => {
                for (name, content) in files {
                    let path = place::evidence(run, *launch, stage, name)
                        .ok_or_else(|| Misfit::State(format!("`{name}` is no file name")))?;
                    self.edits.push(Edit::Place(path, *content));
                }
            }
            Effect::Route { run, to, failure, why: _ } => {
                let run = self.run(run)?;
                run.stage = to.clone();
                run.failure.clone_from(failure);
            }
            Effect::AskCancel { run, cancel } => self.run(run)?.cancel = Some(cancel.clone()),
            Effect::Close { run, end } => {
                let closed = self.run(run)?.clone();
                self.runs.insert(run.clone(), None);
                let record = RunRecord {
                    run: closed.run,
                    item: closed.item,
                    continues: closed.continues,
                    closure: closed.closure,
                    plan: closed.plan,
                    opened_at: closed.opened_at,
                    base: closed.base,
                    start: closed.start,
                    end: Some(end.clone()),
                    landing: None,
                };
                self.put(place::run_record(run), Record::RunRecord(Box::new(record)));
            }
            Effect::Count { item, counter, value } => {
                self.recovery(item)?.counters.insert(counter.clone(), *value);
            }
            Effect::Spend { item, total } => self.recovery(item)?.spent = *total,
            Effect::Block { item, blocked } => self.recovery(item)?.blocked = Some(blocked.clone()),
            Effect::Forget { item } => {
                self.recoveries.insert(item.clone(), None);
                self.edits.push(Edit::Remove(place::note(item)));
            }
            Effect::Owe { owed } => self.control()?.owed = Some(owed.clone()),
            Effect::Paid { .. } => self.control()?.owed = None,
            Effect::Freeze { plan, record, files } => {
                self.edits.push(Edit::Place(place::plan(plan), *record));
                for (name, content) in files {
                    let path = place::plan_file(plan, name)
                        .ok_or_else(|| Misfit::State(format!("`{name}` is no file path")))?;
                    self.edits.push(Edit::Place(path, *content));
                }
            }
            Effect::Select { plan } => self.control()?.plan = Some(plan.clone()),
            Effect::Diagnose { diagnostics } => {
                self.edits.push(Edit::Place(place::diagnostics(), *diagnostics));
            }
            Effect::Pause { cause } => {
                let pauses = &mut self.control()?.pauses;
                pauses.retain(|other| !other.is(&cause.kind.key(), &cause.owner));
                pauses.push(cause.clone());
                pauses.sort_by_key(|cause| (cause.kind.key(), cause.owner.clone()));
            }
            Effect::Resume { cause, owner } => self.control()?.pauses.retain(|other| {
                &other.kind.key() != cause || owner.as_ref().is_some_and(|owner| owner != &other.owner)
            }),
            Effect::Begin { session } => {
                let sessions = &mut self.control()?.sessions;
                sessions.retain(|other| other.session != session.session);
                sessions.push(session.clone());
            }
            Effect::End { session } => {
                self.control()?.sessions.retain(|other| &other.session != session);
            }
            other => self.governance(other)?,
        }
        Ok(())
    }

    /// The effects that came with the second rules.
    fn governance(&mut self, effect: &Effect) -> Result<(), Misfit> {
        match effect {
            Effect::AskStop { session, stop } => {
                let sessions = &mut self.control()?.sessions;
                let found = sessions.iter_mut().find(|other| &other.session == session);
                found.ok_or_else(|| Misfit::State(format!("no session {session}")))?.stop =
                    Some(stop.clone());
            }
            Effect::KeepIdea { idea, text } => self.edits.push(Edit::Place(place::idea(idea), *text)),
            Effect::Amend { known } => {
                self.put(place::intake(&known.intake.item), Record::Known(Box::new(known.clone())));
            }
            Effect::Join { root, item } => {
                self.put(place::member(root, item), Record::Member(Member { item: item.clone() }));
            }
            Effect::Leave { root, item } => self.edits.push(Edit::Remove(place::member(root, item))),
            Effect::Target { target } => {
                let targets = &mut self.control()?.targets;
                if target.state.is_closed() {
                    targets.retain(|root| root != &target.root);
                } else if !targets.contains(&target.root) {
                    targets.push(target.root.clone());
                }
                self.put(place::target(&target.root), Record::Target(Box::new(target.clone())));
            }
            Effect::Judge { root, verdict, rubric } => {
                self.put(place::verdict(root, &verdict.run), Record::Verdict(Box::new(verdict.clone())));
                self.edits.push(Edit::Place(place::rubric(root), *rubric));
            }
            Effect::Retry { item, retry } => {
                let recovery = self.recovery(item)?;
                recovery.spent = 0;
                recovery.used = Spending::default();
                recovery.counters.clear();
                recovery.blocked = None;
                recovery.retry = Some(retry.clone());
            }
            Effect::Note { item, note } => self.edits.push(Edit::Place(place::note(item), *note)),
            Effect::Retried { item } => {
                self.recovery(item)?.retry = None;
                self.edits.push(Edit::Remove(place::note(item)));
            }
            Effect::Reject { run, times } => self.run(run)?.rejections = *times,
            Effect::AskAgain { run, again } => self.run(run)?.again.clone_from(again),
            Effect::Stand { run, snapshot } => {
                let run = self.run(run)?;
                run.snapshot = *snapshot;
                run.tip = *snapshot;
            }
            Effect::Answer { request, receipt } => {
                self.put(place::receipt(request), Record::Receipt(Box::new(receipt.clone())));
            }
            Effect::ForgetAnswer { request } => self.edits.push(Edit::Remove(place::receipt(request))),
            other => self.spending(other)?,
        }
        Ok(())
    }

    /// The effects that came with the third rules.
    fn spending(&mut self, effect: &Effect) -> Result<(), Misfit> {
        match effect {
            Effect::Charge { run, used, day } => {
                self.run(run)?.used = *used;
                self.control()?.day = Some(day.clone());
            }
            Effect::ChargeSession { session, spent } => {
                let sessions = &mut self.control()?.sessions;
                let found = sessions.iter_mut().find(|other| &other.session == session);
                found.ok_or_else(|| Misfit::State(format!("no session {session}")))?.spent = *spent;
            }
            Effect::ChargeItem { item, used } => self.recovery(item)?.used = *used,
            Effect::Ask { run, asks } => self.run(run)?.asks.clone_from(asks),
            Effect::Streak { streak } => {
                let streaks = &mut self.control()?.streaks;
                streaks.retain(|other| other.runner != streak.runner);
                streaks.push(streak.clone());
                streaks.sort_by(|one, other| one.runner.cmp(&other.runner));
            }
            Effect::EndStreak { runner } => {
                self.control()?.streaks.retain(|other| &other.runner != runner);
            }
            other => self.landing(other)?,
        }
        Ok(())
    }

    /// The effects that came with the fourth rules: what becomes of finished code.
    fn landing(&mut self, effect: &Effect) -> Result<(), Misfit> {
        match effect {
            Effect::ToLand { to_land } => self.control()?.to_land = Some(to_land.clone()),
            Effect::Landed { run, landing } => {
                self.control()?.to_land = None;
                let record = self.view.run_record(run)?;
                let mut record = record.ok_or_else(|| Misfit::State(format!("no run {run} is known")))?;
                record.landing = Some(landing.clone());
                self.put(place::run_record(run), Record::RunRecord(Box::new(record)));
            }
            other => return Err(Misfit::State(format!("{other:?} is carried out elsewhere"))),
        }
        Ok(())
    }

    fn edits(self) -> Vec<Edit> {
        let mut edits = self.edits;
        if let Some(control) = self.control {
            edits.push(Edit::Put(place::control(), Record::Control(Box::new(control))));
        }
        for (id, run) in self.runs {
            let path = place::run(&id);
            edits.push(match run {
                Some(run) => Edit::Put(path, Record::Run(Box::new(run))),
                None => Edit::Remove(path),
            });
        }
        for (item, recovery) in self.recoveries {
            let path = place::recovery(&item);
            edits.push(match recovery {
                Some(recovery) => Edit::Put(path, Record::Recovery(Box::new(recovery))),
                None => Edit::Remove(path),
            });
        }
        // Several edits of one path keep their order: the sort is stable, and the last one stands.
        edits.sort_by(|a, b| a.order().cmp(&b.order()));
        edits
    }
}

impl Edit {
    fn order(&self) -> (bool, &TreePath) {
        match self {
            Self::Move(_, to) => (false, to),
            Self::Put(path, _) | Self::Place(path, _) | Self::Remove(path) => (true, path),
        }
    }
}
