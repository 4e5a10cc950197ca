//! What all parts of a simulation share: the ledger, the clock, the work tree, the processes, and the last steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use millrace::domain::control::Control;
use millrace::domain::ids::RequestId;
use millrace::domain::item::{ItemKind, ItemRef};
use millrace::domain::oid::Oid;
use millrace::domain::place::OpenState;
use millrace::domain::result::InfrastructureClass;
use millrace::domain::run::Run;
use millrace::domain::slot::Slot;
use millrace::domain::transition::input::{Handoff, Input};
use millrace::domain::transition::record::Actor;
use millrace::domain::view::{Fault, View as _};
use millrace::ledger::commit::Person;
use millrace::ledger::faulty::{self, Call, Failure, Faulty};
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{ObjectFormat, RefName, Store};
use millrace::ledger::transact::{Act, Outcome, Payloads, TransactError, read_commit, transact};
use millrace::ledger::tree::Trees;
use millrace::ledger::view::TreeView;

use crate::code::Code;
use crate::dice::Dice;
use crate::harness::Came;
use crate::invariants::Book;
use crate::tally::{Tally, variant};

/// How many steps a failure reprints; all of them where one seed is repeated.
const REMEMBERED: usize = 60;

/// A stage's process. It outlives the driver by a little.
#[derive(Debug, Clone)]
pub(crate) enum Process {
    Runs,
    Ended(Box<Came>),
    /// Its supervisor was killed.
    Vanished,
}

/// What kind of trouble there is most of: each leads to corners that the others hardly reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Most goes well.
    Mild,
    /// Hardly anything does.
    Harsh,
    /// All is well done, and those who judge it find fault with it.
    StrictJudges,
    /// Tasks fail until they are planned anew.
    HopelessTasks,
}

impl Temper {
    /// Whether things are left to the driver, mostly.
    pub(crate) fn is_orderly(self) -> bool {
        matches!(self, Self::StrictJudges | Self::HopelessTasks)
    }
}

/// The ledger could not be asked or read: whoever needed it dies of that.
#[derive(Debug)]
pub(crate) struct Broken;

/// One simulated world.
pub(crate) struct World {
    pub(crate) dice: Dice,
    /// The ledger as it is.
    pub(crate) memory: MemoryStore,
    /// The same, as everybody in this world reaches it.
    pub(crate) store: Faulty<MemoryStore>,
    pub(crate) now: Timestamp,
    ids: u64,
    pub(crate) steps: u64,
    pub(crate) log: VecDeque<String>,
    remembers_all: bool,
    pub(crate) tally: Tally,
    pub(crate) book: Book,
    pub(crate) code: Code,
    /// By nonce.
    pub(crate) processes: BTreeMap<String, Process>,
    /// No harness works until this step.
    pub(crate) outage: Option<(InfrastructureClass, u64)>,
    /// No harness brings anything until this step, and none says why.
    pub(crate) dead: Option<u64>,
    /// Whether money is short even in peace: days and daemons have their limits.
    pub(crate) frugal: bool,
    /// Handoffs that were made, or tried.
    pub(crate) handed: Vec<Handoff>,
    /// Requests that were made: each with what was asked and whether it is known to be answered.
    pub(crate) requests: Vec<(RequestId, Input, Payloads, bool)>,
    /// Everybody is well, and nobody does anything odd.
    pub(crate) quiet: bool,
    pub(crate) temper: Temper,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let tempers =
            [Temper::Mild, Temper::Harsh, Temper::StrictJudges, Temper::StrictJudges, Temper::HopelessTasks];
        let temper = dice.pick(&tempers).expect("a temper");
        let memory = MemoryStore::new(ObjectFormat::Sha1);
        let mut faults = Vec::new();
        if dice.one_in(3) {
            for _ in 0..=dice.below(6) {
                let (call, within) = dice
                    .pick(&[
                        (Call::Publish, 90),
                        (Call::Publish, 90),
                        (Call::Writer, 90),
                        (Call::Resolve, 400),
                        (Call::Read, 4000),
                    ])
                    .expect("a call");
                let failure = dice
                    .pick(&[Failure::Before, Failure::After, Failure::After, Failure::Torn])
                    .expect("a way");
                faults.push(faulty::Fault { call, nth: 3 + dice.below(within) as u64, failure });
            }
        }
        Self {
            dice,
            store: Faulty::new(memory.clone(), faults),
            memory,
            now: Timestamp::from_second(1_795_000_000).expect("a time"),
            ids: 0,
            steps: 0,
            log: VecDeque::new(),
            remembers_all: std::env::var_os("MILLRACE_SIM_SEED").is_some(),
            tally: Tally::default(),
            book: Book::default(),
            code: Code::default(),
            processes: BTreeMap::new(),
            outage: None,
            dead: None,
            frugal: seed.is_multiple_of(4),
            handed: Vec::new(),
            requests: Vec::new(),
            quiet: false,
            temper,
        }
    }

    pub(crate) fn say(&mut self, what: &str) {
        if !self.remembers_all && self.log.len() == REMEMBERED {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:>5} {} {what}", self.steps, self.now.strftime("%m-%d %H:%M:%S")));
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// An id of 32 digits, of which the first ones alone tell it from others.
    pub(crate) fn hex32(&mut self) -> String {
        format!("{:08x}{:024x}", self.number(), 0)
    }

    pub(crate) fn run_id(&mut self) -> String {
        format!("{}-{:06x}", self.now.strftime("%Y%m%d-%H%M"), self.number())
    }

    /// The clock goes on, or is set.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now = self.now.saturating_add(SignedDuration::from_secs(seconds)).expect("a time");
    }

    pub(crate) fn tip(&self) -> Option<Oid> {
        self.memory.resolve(&RefName::State).expect("a readable ref")
    }

    /// Asks; the tree is looked at when anything came of it.
    pub(crate) fn ask(
        &mut self,
        actor: Actor,
        input: &Input,
        payloads: &Payloads,
    ) -> Result<Outcome, TransactError> {
        let seconds = self.dice.between(0, 3);
        self.pass(seconds);
        let act = Act {
            at: self.now,
            actor,
            author: Person::new("Player", "player@example.org"),
            committer: Person::new("Committer", "committer@example.org"),
            wait: Duration::from_secs(20),
        };
        let before = self.tip();
        let outcome = transact(&self.store, &act, input, payloads);
        let after = self.tip();
        let (came, hidden) = match &outcome {
            Ok(Outcome::Committed { commit, .. }) => {
                assert_eq!(after, Some(*commit), "the ref is at the new commit");
                ("done".to_owned(), false)
            }
            Ok(Outcome::Unchanged { notes }) => {
                assert_eq!(after, before, "nothing was to be done");
                (format!("unchanged {notes:?}"), false)
            }
            Err(TransactError::Refused(refusal)) => {
                assert_eq!(after, before, "it was refused");
                self.tally.count("refusal", &variant(refusal));
                (format!("refused: {refusal}"), false)
            }
            Err(error) => {
                self.say(&format!("{}: {} -> {error}", actor.as_str(), brief(input)));
                assert!(error.to_string().contains("a test asked for this"), "{}: {error}", input.op());
                self.tally.count("fault", "seen");
                if after != before {
                    self.tally.count("fault", "hidden");
                }
                ("failed".to_owned(), after != before)
            }
        };
        self.say(&format!(
            "{}: {} -> {came}{}",
            actor.as_str(),
            brief(input),
            if hidden { ", and done" } else { "" }
        ));
        if after != before {
            self.count(input);
            self.book.commit(&self.memory, before, after.expect("a tip"), &mut self.tally);
        }
        outcome
    }

    /// The same for something of which no refusal is expected; what is broken is reported as such.
    #[track_caller]
    pub(crate) fn must(
        &mut self,
        actor: Actor,
        input: &Input,
        payloads: &Payloads,
    ) -> Result<Outcome, Broken> {
        match self.ask(actor, input, payloads) {
            Ok(outcome) => Ok(outcome),
            Err(TransactError::Refused(refusal)) => panic!("{}: {refusal}", brief(input)),
            Err(_) => Err(Broken),
        }
    }

    fn count(&mut self, input: &Input) {
        self.tally.count("op", input.op());
        if matches!(input, Input::Requested { .. }) {
            self.tally.count("input", "requested");
        }
        match input.asked() {
            Input::CancelRun { .. } => self.tally.count("input", "cancel_run"),
            Input::CancelLineage { .. } => self.tally.count("input", "cancel_lineage"),
            Input::CompileFailed { .. } => self.tally.count("input", "compile_failed"),
            Input::EndSession { .. } => self.tally.count("input", "end_session"),
            _ => {}
        }
    }

    /// Looks at the state through the store that may fail.
    pub(crate) fn glimpse<R>(
        &self,
        look: impl FnOnce(&TreeView<'_, '_>) -> Result<R, Fault>,
    ) -> Result<R, Broken> {
        let tip = self.store.resolve(&RefName::State).map_err(|_| Broken)?;
        let root = match tip {
            None => None,
            Some(tip) => Some(read_commit(&self.store, tip).map_err(|_| Broken)?.tree),
        };
        let trees = Trees::new(&self.store);
        look(&TreeView::new(&trees, root)).map_err(|fault| {
            assert!(fault.to_string().contains("a test asked for this"), "{fault}");
            Broken
        })
    }

    /// Looks at the state as it is.
    pub(crate) fn view<R>(&self, look: impl FnOnce(&TreeView<'_, '_>) -> Result<R, Fault>) -> R {
        let root = self.tip().map(|tip| read_commit(&self.memory, tip).expect("a readable tip").tree);
        let trees = Trees::new(&self.memory);
        look(&TreeView::new(&trees, root)).expect("a readable state")
    }

    pub(crate) fn control(&self) -> Control {
        self.view(|view| view.control())
    }

    pub(crate) fn active(&self) -> Option<Run> {
        self.view(|view| view.runs()).into_iter().next()
    }

    /// The items in one of the open states, with their slots.
    pub(crate) fn standing(&self, states: &[OpenState]) -> Vec<(ItemRef, Slot)> {
        self.view(|view| {
            let mut all = Vec::new();
            for kind in ItemKind::ALL {
                for state in states {
                    let found = view.standing(kind, *state)?;
                    all.extend(found.into_iter().map(|(id, slot)| (ItemRef::new(kind, id), slot)));
                }
            }
            Ok(all)
        })
    }

    /// Every item that was ever taken in.
    pub(crate) fn items(&self) -> Vec<ItemRef> {
        let all: BTreeSet<&(String, String)> = self.book.items().collect();
        all.into_iter().map(|(kind, id)| format!("{kind}/{id}").parse().expect("an item")).collect()
    }
}

/// An input in a line.
pub(crate) fn brief(input: &Input) -> String {
    let mut items: Vec<String> = input.items().iter().map(ToString::to_string).collect();
    match input.asked() {
        Input::Launch(launching) => {
            items.push(launching.run.to_string());
            items.extend(launching.claim.iter().map(|claim| format!("claims {}", claim.item)));
            items.extend(launching.judge.iter().map(|judge| format!("judges {}", judge.root)));
        }
        Input::Handoff(handoff) => {
            items.push(handoff.run.to_string());
            items.push(match handoff.judgement.in_words() {
                words if words.len() > 60 => words.chars().take(60).collect(),
                words => words,
            });
            items.extend(handoff.documents.iter().map(|one| format!("+{}", one.intake.item)));
            items.extend(handoff.asked.then(|| "asked".to_owned()));
        }
        Input::Reopen { run, .. }
        | Input::TreeSettled { run, .. }
        | Input::Unresumable { run, .. }
        | Input::CancelRun { run, .. }
        | Input::RetryActive { run, .. } => items.push(run.to_string()),
        Input::Pause(cause) => items.push(format!("{} of {}", cause.kind.key(), cause.owner)),
        Input::Resume { cause, owner } => items.push(format!("{cause} of {owner:?}")),
        Input::Retarget { from, to, .. } => items.push(format!("{from} to {to:?}")),
        Input::Supersede { by, .. } => items.push(format!("by {by}")),
        Input::Compile { plan, .. } => items.push(plan.to_string()),
        _ => {}
    }
    let request = match input {
        Input::Requested { request, .. } => format!("[{request}] "),
        _ => String::new(),
    };
    format!("{request}{} {}", input.op(), items.join(" "))
}
