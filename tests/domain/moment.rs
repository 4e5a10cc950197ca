//! One decision at a time: a run at a stage with counters of any value, as no ledger of a few commits has it, and what
//! `decide` makes of a handoff there.

use std::rc::Rc;

use millrace::domain::closure::{Target, Verdict};
use millrace::domain::control::Control;
use millrace::domain::ids::{ItemId, PlanId, RequestId, RunId};
use millrace::domain::item::{ItemKind, ItemRef};
use millrace::domain::oid::Oid;
use millrace::domain::place::OpenState;
use millrace::domain::plan::{Plan, Plane};
use millrace::domain::receipt::Receipt;
use millrace::domain::recovery::{CounterKey, Recovery};
use millrace::domain::result::Judgement;
use millrace::domain::run::{Failure, Run, RunRecord};
use millrace::domain::slot::{Slot, Turn};
use millrace::domain::transition::decide::decide;
use millrace::domain::transition::decision::{Decision, Effect};
use millrace::domain::transition::input::{Files, Handoff, Input, Known};
use millrace::domain::view::{Fault, View};

use crate::support::play::{snapshot, start};

/// Counters of the item before the decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) fix_cycle: u32,
    /// Of the class that is to be repaired.
    pub(super) repairs: u32,
    pub(super) consultant: u32,
}

/// One run at one stage, with these counters: all that a handoff looks at.
pub(super) struct State {
    plan: Rc<Plan>,
    pub(super) run: Run,
    pub(super) recovery: Recovery,
}

/// Where what repair stages work on failed: in neither plane the stage that the reference always goes back to.
pub(super) fn failed_at(plane: Plane) -> &'static str {
    if plane == Plane::Execution { "updater" } else { "manager" }
}

pub(super) const UNDER_REPAIR: &str = "something_odd";

impl State {
    pub(super) fn at(plan: &Rc<Plan>, stage: &str, counts: Counts, class: &str) -> Self {
        let stage = plan.stage_ref(&stage.parse().expect("a stage")).expect("a stage of the plan");
        let repairs = plan.stages[&stage.stage].repair;
        let kind = if stage.plane == Plane::Execution { ItemKind::Task } else { ItemKind::Incident };
        let item = ItemRef::new(kind, "it".parse().expect("an id"));
        let mut recovery = Recovery::new(item.clone());
        let mut count = |counter: &str, class: Option<&str>, value: u32| {
            let key = CounterKey {
                counter: counter.parse().expect("a counter"),
                class: class.map(|class| class.parse().expect("a class")),
            };
            recovery.counters.insert(key, value);
        };
        count("fix_cycle", None, counts.fix_cycle);
        count("consultant_invocations", None, counts.consultant);
        for counter in ["troubleshoot_attempts", "mechanic_attempts"] {
            count(counter, Some(class), counts.repairs);
            // Another class's count decides nothing.
            count(counter, Some("another_class"), 99);
        }
        let run = Run {
            asks: None,
            used: millrace::domain::budget::Spending::default(),
            run: "20261118-0000-000001".parse().expect("a run"),
            item,
            turn: "5.0000000001".parse().expect("a turn"),
            plan: "plan-standard_plain-000000000000".parse().expect("a plan"),
            opened_at: start(),
            base: None,
            branch: None,
            start: snapshot(1),
            snapshot: snapshot(1),
            tip: snapshot(1),
            failure: repairs.then(|| Failure {
                stage: failed_at(stage.plane).parse().expect("a stage"),
                class: UNDER_REPAIR.parse().expect("a class"),
                launch: 1,
            }),
            launches: 2,
            spent: 1,
            interruptions: 0,
            rejections: 0,
            continues: None,
            closure: false,
            stage,
            again: None,
            cancel: None,
            launch: Some(millrace::domain::run::Launch {
                reserved: millrace::domain::budget::Reserved::default(),
                nonce: "00000000000000000000000000000001".parse().expect("a nonce"),
                number: 2,
                at: start(),
                session: "00000000000000000000000000000002".parse().expect("a session"),
                reserved_seconds: 60,
            }),
        };
        Self { plan: plan.clone(), run, recovery }
    }

    #[track_caller]
    pub(super) fn decide(&self, judgement: Judgement) -> Decision {
        let handoff = Handoff {
            resumable: None,
            left_nothing: false,
            wall_ms: None,
            run: self.run.run.clone(),
            nonce: self.run.launch.clone().expect("a launch").nonce,
            ended_at: start(),
            judgement,
            asked: false,
            snapshot: None,
            usage: millrace::domain::usage::Usage::default(),
            findings: Vec::new(),
            evidence: Files::new(),
            documents: Vec::new(),
            verdict: None,
            incident: None,
        };
        decide(self, start(), &Input::Handoff(Box::new(handoff)))
            .expect("a readable state")
            .expect("a decision")
    }
}

impl View for State {
    fn exists(&self) -> Result<bool, Fault> {
        Ok(true)
    }
    fn control(&self) -> Result<Control, Fault> {
        Ok(Control::default())
    }
    fn plan(&self, _: &PlanId) -> Result<Option<Rc<Plan>>, Fault> {
        Ok(Some(self.plan.clone()))
    }
    fn known(&self, _: &ItemRef) -> Result<Option<Known>, Fault> {
        Ok(None)
    }
    fn twin(&self, _: &ItemRef) -> Result<Option<ItemId>, Fault> {
        Ok(None)
    }
    fn stands_in(&self, _: &ItemRef, slot: &Slot) -> Result<bool, Fault> {
        Ok(*slot == Slot::Active)
    }
    fn slot(&self, _: &ItemRef) -> Result<Option<Slot>, Fault> {
        Ok(Some(Slot::Active))
    }
    fn next_queued(&self, _: ItemKind) -> Result<Option<(ItemId, Turn)>, Fault> {
        Ok(None)
    }
    fn waiting_for(&self, _: ItemKind, _: &ItemId) -> Result<Vec<(ItemId, Turn)>, Fault> {
        Ok(Vec::new())
    }
    fn runs(&self) -> Result<Vec<Run>, Fault> {
        Ok(vec![self.run.clone()])
    }
    fn run(&self, _: &RunId) -> Result<Option<Run>, Fault> {
        Ok(Some(self.run.clone()))
    }
    fn run_record(&self, _: &RunId) -> Result<Option<RunRecord>, Fault> {
        Ok(None)
    }
    fn recovery(&self, _: &ItemRef) -> Result<Option<Recovery>, Fault> {
        Ok(Some(self.recovery.clone()))
    }
    fn standing(&self, _: ItemKind, _: OpenState) -> Result<Vec<(ItemId, Slot)>, Fault> {
        Ok(Vec::new())
    }
    fn note(&self, _: &ItemRef) -> Result<Option<Oid>, Fault> {
        Ok(None)
    }
    fn idea(&self, _: &ItemId) -> Result<Option<Oid>, Fault> {
        Ok(None)
    }
    fn idea_of(&self, _: &Oid) -> Result<Option<ItemId>, Fault> {
        Ok(None)
    }
    fn target(&self, _: &ItemId) -> Result<Option<Target>, Fault> {
        Ok(None)
    }
    fn verdict(&self, _: &ItemId, _: &RunId) -> Result<Option<Verdict>, Fault> {
        Ok(None)
    }
    fn lineage(&self, _: &ItemId) -> Result<Vec<ItemRef>, Fault> {
        Ok(Vec::new())
    }
    fn receipt(&self, _: &RequestId) -> Result<Option<Receipt>, Fault> {
        Ok(None)
    }
    fn receipts_beside(&self, _: &RequestId) -> Result<Vec<(RequestId, u64)>, Fault> {
        Ok(Vec::new())
    }
    fn seq(&self) -> Result<u64, Fault> {
        Ok(1)
    }
}

/// What a decision comes to: where the run goes, why, what is counted (3.4), what is under repair (the class recorded
/// of 3.1), and what becomes of the item (3.5).
#[derive(Debug, PartialEq)]
pub(super) struct Came {
    pub(super) next: String,
    pub(super) why: String,
    pub(super) counted: Vec<String>,
    pub(super) repairing: Option<String>,
    pub(super) item: Option<String>,
}

pub(super) fn came(decision: &Decision) -> Came {
    let mut came =
        Came { next: String::new(), why: String::new(), counted: Vec::new(), repairing: None, item: None };
    let mut ended = None;
    for effect in &decision.effects {
        match effect {
            Effect::Conclude { result, .. } => {
                came.next.clone_from(&result.next);
                came.why.clone_from(&result.why);
            }
            Effect::Count { counter, value, .. } => came.counted.push(format!("{counter}={value}")),
            Effect::Route { to, failure, why, .. } => {
                assert_eq!(
                    (&to.to_string(), why),
                    (&came.next, &came.why),
                    "one decision, said twice the same"
                );
                came.repairing =
                    failure.as_ref().map(|failure| format!("{} of {}", failure.class, failure.stage));
            }
            Effect::Move { from, to, .. } => {
                assert_eq!(*from, Slot::Active);
                came.item = Some(to.state().to_owned());
            }
            Effect::Close { end, .. } => ended = Some(end.ending),
            _ => {}
        }
    }
    assert_eq!(came.item.is_some(), ended.is_some(), "an item leaves `active` with its run");
    if let Some(ending) = ended {
        assert_eq!(came.next, ending.as_str());
    }
    came
}
