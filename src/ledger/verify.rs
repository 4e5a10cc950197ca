//! Verify: every commit replayed from the one before it.
//!
//! What replay can name is inconsistent commits: a tree that is not what the decision makes of its parent's, a
//! payload that is missing or other than recorded, a message that does not say what happened, a decision that the
//! rules would not have made. What it cannot name is a ledger that was consistently rewritten, rewound or replaced:
//! that needs a memory outside of it (a reflog, a tracking ref, a signature).

use std::collections::{HashMap, HashSet};

use super::commit::{Commit, second};
use super::store::{ObjectKind, Store, StoreError};
use super::transact::edited;
use super::tree::Trees;
use super::view::TreeView;
use crate::domain::oid::Oid;
use crate::domain::transition::apply::{apply, payloads};
use crate::domain::transition::decide::decide;
use crate::domain::transition::record::{FORMAT, RULES, Subject, Transition};
use crate::domain::view::Fault;
use crate::format::message;

/// What verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many commits were replayed.
    pub commits: u64,
    /// How many of them were decided by rules that this binary does not have, and were not judged again.
    pub not_rejudged: u64,
    /// The replayed commits that carry a signature, newest first. Whose it is, and whether it is good, is git's to say.
    pub signed: Vec<Oid>,
    /// Those that carry none, newest first.
    pub unsigned: Vec<Oid>,
    /// How many unsigned ones come after the oldest signed one.
    gaps: usize,
    /// What is wrong, oldest first.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong with one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The commit.
    pub commit: Oid,
    /// Its number, as far as it can be told.
    pub seq: Option<u64>,
    /// What is wrong.
    pub kind: FindingKind,
    /// In words.
    pub detail: String,
}

/// The kinds of thing that replay can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// An object is missing or cannot be read.
    Unreadable,
    /// An object's content is not what its id says.
    Damaged,
    /// The chain is not linear, its numbers have a gap, or it does not begin with genesis.
    Chain,
    /// The ledger's format is newer than this binary.
    Format,
    /// The tree is not what the decision makes of the parent's.
    Tree,
    /// A payload is not what the transition records.
    Payload,
    /// The message or a date is not what the transition makes it.
    Message,
    /// The rules would not have decided so.
    Decision,
}

impl FindingKind {
    /// The kind's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
            Self::Chain => "chain",
            Self::Format => "format",
            Self::Tree => "tree",
            Self::Payload => "payload",
            Self::Message => "message",
            Self::Decision => "decision",
        }
    }
}

/// Replays the ledger from genesis to `tip`.
pub fn verify(store: &dyn Store, tip: Oid) -> Result<Report, StoreError> {
    replayed(store, tip, None)
}

/// Replays what came after the commit `since`, which is believed. One that `tip` does not follow is replayed from genesis.
pub fn verify_since(store: &dyn Store, tip: Oid, since: Oid) -> Result<Report, StoreError> {
    replayed(store, tip, Some(since))
}

fn replayed(store: &dyn Store, tip: Oid, since: Option<Oid>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut check = Check { store, sizes: HashMap::new() };
    let mut chain = check.chain(tip, since, &mut report)?;
    let believed = chain.pop_if(|(oid, _)| Some(*oid) == since);
    let order: HashMap<Oid, usize> =
        chain.iter().rev().enumerate().map(|(n, (oid, _))| (*oid, n + 1)).collect();
    let trees = Trees::new(store);
    let mut parent = believed.map(|(_, commit)| {
        let transition = TreeView::new(&trees, Some(commit.tree)).transition().ok().flatten();
        Before { commit, told: transition.map(|transition| Told::by(&transition)) }
    });
    for (oid, commit) in chain.into_iter().rev() {
        let told = if parent.is_none() && !commit.parents.is_empty() {
            // What it stands on cannot be read, which is said already: the replay begins after it.
            let transition = TreeView::new(&trees, Some(commit.tree)).transition().ok().flatten();
            transition.map(|transition| Told::by(&transition))
        } else {
            report.commits += 1;
            check.commit(&trees, oid, &commit, parent.as_ref(), &mut report)?
        };
        parent = Some(Before { commit, told });
    }
    // What is not in the chain is what should come before it.
    report.findings.sort_by_key(|finding| order.get(&finding.commit).copied().unwrap_or(0));
    Ok(report)
}

/// The commit before the one that is replayed.
struct Before {
    commit: Commit,
    /// None where its transition cannot be read.
    told: Option<Told>,
}

/// What a transition says of itself.
#[derive(Clone, Copy)]
struct Told {
    seq: u64,
    rules: u32,
}

impl Told {
    fn by(transition: &Transition) -> Self {
        Self { seq: transition.seq, rules: transition.rules }
    }
}

struct Check<'s> {
    store: &'s dyn Store,
    /// The length of payloads that were read.
    sizes: HashMap<Oid, u64>,
}

impl Check<'_> {
    /// The commits from the tip to genesis, or to `last`. Ends where one cannot be read.
    fn chain(
        &mut self,
        tip: Oid,
        last: Option<Oid>,
        report: &mut Report,
    ) -> Result<Vec<(Oid, Commit)>, StoreError> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some(tip);
        while let Some(oid) = next.take() {
            if !seen.insert(oid) {
                report.add(oid, None, FindingKind::Chain, "the chain runs in a circle");
                break;
            }
            match self.object(oid, ObjectKind::Commit)? {
                Err((kind, detail)) => report.add(oid, None, kind, &detail),
                Ok(bytes) => match Commit::parse(oid, &bytes) {
                    Err(fault) => report.add(oid, None, FindingKind::Unreadable, &fault.detail),
                    Ok(commit) => {
                        if commit.parents.len() > 1 {
                            report.add(oid, None, FindingKind::Chain, "it has more than one parent");
                        }
                        // Another date of the author, another zone or an encoding would show a reader something else
                        // than what is checked.
                        let (unsigned, signed) = Commit::without_signature(&bytes);
                        if Some(oid) != last {
                            if signed {
                                report.signed.push(oid);
                                report.gaps = report.unsigned.len();
                            } else {
                                report.unsigned.push(oid);
                            }
                        }
                        if unsigned != commit.render() {
                            let detail = "its headers are not those that the ledger writes";
                            report.add(oid, None, FindingKind::Message, detail);
                        }
                        next = commit.parents.first().copied().filter(|_| Some(oid) != last);
                        chain.push((oid, commit));
                    }
                },
            }
        }
        Ok(chain)
    }

    /// An object of the expected kind, or what is wrong with it.
    fn object(
        &mut self,
        oid: Oid,
        expected: ObjectKind,
    ) -> Result<Result<Vec<u8>, (FindingKind, String)>, StoreError> {
        match self.store.read(oid) {
            Ok((kind, bytes)) if kind == expected => {
                if kind == ObjectKind::Blob {
                    self.sizes.insert(oid, bytes.len() as u64);
                }
                Ok(Ok(bytes))
            }
            Ok((kind, _)) => {
                Ok(Err((FindingKind::Unreadable, format!("{oid} is a {kind:?}, not a {expected:?}"))))
            }
            Err(error @ StoreError::Missing(_)) => Ok(Err((FindingKind::Unreadable, error.to_string()))),
            Err(error @ StoreError::Damaged { .. }) => Ok(Err((FindingKind::Damaged, error.to_string()))),
            Err(error) => Err(error),
        }
    }

    /// Replays one commit; gives what it says of itself.
    fn commit(
        &mut self,
        trees: &Trees<'_>,
        oid: Oid,
        commit: &Commit,
        parent: Option<&Before>,
        report: &mut Report,
    ) -> Result<Option<Told>, StoreError> {
        let before = TreeView::new(trees, parent.map(|before| before.commit.tree));
        let after = TreeView::new(trees, Some(commit.tree));
        match after.format() {
            Ok(Some(format)) if format > FORMAT => {
                let detail = format!("format {format} is newer than this binary's {FORMAT}");
                report.add(oid, None, FindingKind::Format, &detail);
                return Ok(None);
            }
            Ok(_) => {}
            Err(fault) => {
                report.add(oid, None, FindingKind::Unreadable, &fault.to_string());
                return Ok(None);
            }
        }
        let transition = match after.transition() {
            Ok(Some(transition)) => transition,
            Ok(None) => {
                report.add(oid, None, FindingKind::Tree, "it has no transition.toml");
                return Ok(None);
            }
            // What newer rules write need not be a record that this binary knows: not judged, and not called false.
            Err(_) if matches!(after.rules(), Ok(Some(rules)) if rules > RULES) => {
                report.not_rejudged += 1;
                return Ok(None);
            }
            Err(fault) => {
                report.add(oid, None, FindingKind::Unreadable, &fault.to_string());
                return Ok(None);
            }
        };
        let seq = Some(transition.seq);
        if let Some(detail) = misnumbered(&transition, parent) {
            report.add(oid, seq, FindingKind::Chain, &detail);
        }
        if transition.rules == 0 {
            report.add(oid, seq, FindingKind::Decision, "there never were rules of version 0");
        }
        match after.ledger() {
            Ok(Some(_)) => {}
            Ok(None) => report.add(oid, seq, FindingKind::Tree, "it has no ledger.toml"),
            Err(fault) => report.add(oid, seq, FindingKind::Unreadable, &fault.to_string()),
        }
        self.payloads(oid, &transition, report)?;
        self.message(oid, commit, &transition, parent.map(|before| before.commit.second), report);
        if let Err(fault) = self.replay(trees, &before, oid, commit, &transition, report) {
            report.add(oid, seq, FindingKind::Unreadable, &fault.to_string());
        }
        Ok(Some(Told::by(&transition)))
    }

    fn payloads(&mut self, oid: Oid, transition: &Transition, report: &mut Report) -> Result<(), StoreError> {
        for (path, content) in &transition.payloads {
            let length = match self.sizes.get(&content.oid) {
                Some(length) => *length,
                None => match self.object(content.oid, ObjectKind::Blob)? {
                    Ok(bytes) => bytes.len() as u64,
                    Err((kind, detail)) => {
                        let detail = format!("{path}: {detail}");
                        report.add(oid, Some(transition.seq), kind, &detail);
                        continue;
                    }
                },
            };
            if length != content.size {
                let detail = format!("{} has {length} bytes, recorded are {}", path, content.size);
                report.add(oid, Some(transition.seq), FindingKind::Payload, &detail);
            }
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads as one of the checks")]
    fn message(
        &self,
        oid: Oid,
        commit: &Commit,
        transition: &Transition,
        before: Option<i64>,
        report: &mut Report,
    ) {
        if commit.message != message::render(transition) {
            let detail = "the message is not what the transition says";
            report.add(oid, Some(transition.seq), FindingKind::Message, detail);
        }
        if commit.second != second(transition.at, before) {
            let detail = "the commit's date is not what the transition says";
            report.add(oid, Some(transition.seq), FindingKind::Message, detail);
        }
    }

    /// Decides and applies again.
    #[expect(clippy::unused_self, reason = "reads as one of the checks")]
    fn replay(
        &self,
        trees: &Trees<'_>,
        before: &TreeView<'_, '_>,
        oid: Oid,
        commit: &Commit,
        transition: &Transition,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let seq = Some(transition.seq);
        if transition.rules == RULES {
            match decide(before, transition.at, &transition.input)? {
                Ok(decision) if decision == transition.decision => {}
                Ok(_) => report.add(oid, seq, FindingKind::Decision, "the rules decide otherwise"),
                Err(refusal) => {
                    report.add(oid, seq, FindingKind::Decision, &format!("the rules refuse it: {refusal}"));
                }
            }
        } else {
            report.not_rejudged += 1;
        }
        if Subject::of(before, &transition.input, &transition.decision)? != transition.subject {
            report.add(
                oid,
                seq,
                FindingKind::Decision,
                "it names another item, stage or plan than its run's",
            );
        }
        let edits = match apply(before, &transition.decision) {
            Ok(edits) => edits,
            Err(misfit) => {
                report.add(oid, seq, FindingKind::Tree, &misfit.to_string());
                return Ok(());
            }
        };
        if payloads(&edits) != transition.payloads {
            report.add(oid, seq, FindingKind::Payload, "it lists other payloads than its decision places");
        }
        match edited(trees, before.root(), &edits, transition) {
            Ok((root, _)) if root == commit.tree => {}
            Ok(_) => report.add(
                oid,
                seq,
                FindingKind::Tree,
                "the tree is not what the decision makes of its parent's",
            ),
            Err(error) => report.add(oid, seq, FindingKind::Tree, &error.to_string()),
        }
        Ok(())
    }
}

fn misnumbered(transition: &Transition, parent: Option<&Before>) -> Option<String> {
    match parent.map(|before| before.told) {
        None if transition.seq != 1 || transition.input.op() != "genesis" => {
            Some(format!("it has no parent, and is {} number {}", transition.input.op(), transition.seq))
        }
        Some(Some(before)) if transition.seq != before.seq.saturating_add(1) => {
            Some(format!("its number is {}, its parent's {}", transition.seq, before.seq))
        }
        // A writer refuses to go on from newer rules than its own.
        Some(Some(before)) if transition.rules < before.rules => {
            Some(format!("its rules are {}, its parent's {}", transition.rules, before.rules))
        }
        _ => None,
    }
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The oldest unsigned commit that comes after a signed one.
    #[must_use]
    pub fn first_gap(&self) -> Option<Oid> {
        self.unsigned[..self.gaps].last().copied()
    }

    fn add(&mut self, commit: Oid, seq: Option<u64>, kind: FindingKind, detail: &str) {
        self.findings.push(Finding { commit, seq, kind, detail: detail.to_owned() });
    }
}
