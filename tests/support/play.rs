//! A player of ledgers: asks one thing after the other with a fixed clock and counted ids, and looks after every
//! step whether the tree is still consistent.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use millrace::compile::{Assets, Compiled, Request, compile};
use millrace::domain::budget::Budget;
use millrace::domain::closure::{Criterion, Finding, Target};
use millrace::domain::control::{Control, PauseCause, PauseKind};
use millrace::domain::ids::{Nonce, RunId};
use millrace::domain::item::{Intake, ItemKind, ItemRef, Priority};
use millrace::domain::oid::Oid;
use millrace::domain::plan::Plan;
use millrace::domain::recovery::Recovery;
use millrace::domain::result::{InfrastructureClass, Interrupter, Judgement, ResultChannel, ResultClass};
use millrace::domain::run::{Landing, Run, RunRecord};
use millrace::domain::schedule::{Next, schedule};
use millrace::domain::slot::Slot;
use millrace::domain::transition::decision::{Effect, StageResult};
use millrace::domain::transition::input::{
    Claim, Content, Files, Handoff, Input, Judge, Judged, Launching, Resumable, Retrying, Submitted,
};
use millrace::domain::transition::record::{Actor, Transition};
use millrace::domain::transition::refusal::Refusal;
use millrace::domain::usage::Usage;
use millrace::domain::view::View;
use millrace::format::config::{Loaded, parse};
use millrace::format::incident::{self, Incident, Severity, incident_id};
use millrace::format::records::{decode, encode};
use millrace::ledger::commit::Person;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{ObjectFormat, RefName, Store};
use millrace::ledger::transact::{Act, Outcome, Payloads, TransactError, transact};
use millrace::ledger::tree::Trees;
use millrace::ledger::verify::verify;
use millrace::ledger::view::TreeView;

use super::consistent::assert_consistent;

/// A document to add: `task("fix-login").priority(2).after("other")`.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    item: ItemRef,
    title: String,
    body: String,
    priority: u8,
    depends_on: Vec<String>,
    origin: Option<String>,
    trusted: bool,
    root: Option<String>,
}

pub(crate) fn item(name: &str) -> ItemRef {
    name.parse().expect("an item")
}

/// A document by the item's full name: `task/fix-login`.
pub(crate) fn document(name: &str) -> Document {
    let item = item(name);
    Document {
        title: format!("About {}", item.id),
        body: format!("Do {name}.\n"),
        item,
        priority: 5,
        depends_on: Vec::new(),
        origin: None,
        trusted: false,
        root: None,
    }
}

pub(crate) fn task(id: &str) -> Document {
    document(&format!("task/{id}"))
}

impl Document {
    pub(crate) fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Another dependency.
    pub(crate) fn after(mut self, id: &str) -> Self {
        self.depends_on.push(id.to_owned());
        self
    }

    /// Of this root's lineage, as its document says.
    pub(crate) fn of(mut self, root: &str) -> Self {
        self.root = Some(root.to_owned());
        self
    }

    pub(crate) fn outside(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    pub(crate) fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }
}

/// What a stage comes to.
pub(crate) fn report(result: &str) -> Judgement {
    let class = match result {
        "BLOCKED" => ResultClass::Blocked,
        "FIX_NEEDED" | "REMEDIATION_NEEDED" => ResultClass::FollowupNeeded,
        "NEEDS_PLANNING" => ResultClass::EscalatePlanning,
        _ => ResultClass::Success,
    };
    Judgement::Reported {
        result: result.parse().expect("a result"),
        class,
        summary: Some(format!("The stage says {result}.")),
        resume_stage: None,
        target_stage: None,
        artifacts: Vec::new(),
        nothing_to_create: (result == "MANAGER_COMPLETE").then(|| "Nothing is left to do.".to_owned()),
        channel: ResultChannel::ResultFile,
        notes: Vec::new(),
    }
}

/// A handoff that could not be taken, with the runtime error code.
pub(crate) fn rejection(result: &str, code: &str) -> Judgement {
    Judgement::Rejected {
        result: result.parse().expect("a result"),
        code: code.parse().expect("a class"),
        problems: vec!["outbox/a.md: it has no title".to_owned()],
        summary: Some("The stage says that it is done.".to_owned()),
    }
}

/// The report of a stage that did its work and found nothing against it.
pub(crate) fn well(stage: &str) -> &'static str {
    match stage {
        "builder" => "BUILDER_COMPLETE",
        "checker" => "CHECKER_PASS",
        "fixer" => "FIXER_COMPLETE",
        "doublechecker" => "DOUBLECHECK_PASS",
        "updater" => "UPDATE_COMPLETE",
        "troubleshooter" => "TROUBLESHOOT_COMPLETE",
        "consultant" => "CONSULT_COMPLETE",
        "planner" => "PLANNER_COMPLETE",
        "manager" => "MANAGER_COMPLETE",
        "mechanic" => "MECHANIC_COMPLETE",
        "auditor" => "AUDITOR_COMPLETE",
        "arbiter" => "ARBITER_COMPLETE",
        other => panic!("no stage is called {other}"),
    }
}

/// A report of a repair stage that says where to go on.
pub(crate) fn resuming(result: &str, at: &str) -> Judgement {
    let mut judgement = report(result);
    if let Judgement::Reported { resume_stage, .. } = &mut judgement {
        *resume_stage = Some(at.parse().expect("a stage"));
    }
    judgement
}

pub(crate) fn failure(class: &str) -> Judgement {
    Judgement::Failed { class: class.parse().expect("a class"), detail: format!("seen: {class}") }
}

pub(crate) fn outage(class: InfrastructureClass) -> Judgement {
    Judgement::Infrastructure { class, detail: "no luck".to_owned(), retry_at: None }
}

pub(crate) fn interruption() -> Judgement {
    Judgement::Interrupted { by: Interrupter::Runtime }
}

pub(crate) fn operator_pause(detail: &str, since: Timestamp) -> PauseCause {
    PauseCause {
        named: false,
        kind: PauseKind::Operator,
        owner: "operator".to_owned(),
        since,
        detail: detail.to_owned(),
        until: None,
        times: 1,
    }
}

pub(crate) fn genesis() -> Input {
    Input::Genesis { ledger: "0123456789abcdef0123456789abcdef".parse().expect("an id") }
}

pub(crate) fn config(text: &str) -> Loaded {
    parse(text, "millrace.toml").expect("a configuration")
}

/// The shipped plan with this configuration; each is compiled once.
fn compiled(text: &str) -> Compiled {
    static PLANS: Mutex<BTreeMap<String, Compiled>> = Mutex::new(BTreeMap::new());
    let mut plans = PLANS.lock().expect("no plan panicked");
    let made = plans.entry(text.to_owned()).or_insert_with(|| {
        let request = Request { mode: None, config: &config(text), assets: &Assets::shipped() };
        compile(&request).expect("a plan")
    });
    made.clone()
}

/// Clock of every play: begins here.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a time")
}

/// A commit id that names nothing: the ledger only notes snapshots.
pub(crate) fn snapshot(n: u8) -> Oid {
    Oid::from_bytes(&[n; 20]).expect("an id")
}

/// A ledger being played.
pub(crate) struct Play {
    store: Box<dyn Store>,
    pub(crate) now: Timestamp,
    ids: u64,
    snapshots: u32,
    pub(crate) actor: Actor,
    pub(crate) author: Person,
    /// Whether each step is looked at; off for long plays.
    pub(crate) looks: bool,
}

impl Play {
    /// Nothing yet, in this store.
    pub(crate) fn on(store: Box<dyn Store>) -> Self {
        Self {
            store,
            now: start(),
            ids: 0,
            snapshots: 0,
            actor: Actor::Daemon,
            author: Person::new("Player", "player@example.org"),
            looks: true,
        }
    }

    /// Nothing yet.
    pub(crate) fn empty() -> Self {
        Self::on(Box::new(MemoryStore::new(ObjectFormat::Sha1)))
    }

    /// A ledger with the shipped plan.
    pub(crate) fn new() -> Self {
        Self::with_config("")
    }

    /// A ledger with the shipped plan, configured.
    pub(crate) fn with_config(text: &str) -> Self {
        let mut play = Self::empty();
        play.done(&genesis());
        play.select(text);
        play
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn tip(&self) -> Option<Oid> {
        self.store.resolve(&RefName::State).expect("a readable ref")
    }

    /// Somebody who acts at this time.
    pub(crate) fn act(at: Timestamp) -> Act {
        Act {
            at,
            actor: Actor::Daemon,
            author: Person::new("Player", "player@example.org"),
            committer: Person::new("Committer", "committer@example.org"),
            wait: Duration::from_secs(20),
        }
    }

    /// Looks at the state.
    pub(crate) fn view<R>(&self, look: impl FnOnce(&TreeView<'_, '_>) -> R) -> R {
        let trees = Trees::new(self.store());
        let root = self.tip().map(|tip| {
            millrace::ledger::transact::read_commit(self.store(), tip).expect("a readable tip").tree
        });
        look(&TreeView::new(&trees, root))
    }

    /// Asks, whatever comes of it.
    pub(crate) fn ask(&mut self, input: &Input, payloads: &Payloads) -> Result<Outcome, TransactError> {
        self.now = self.now.checked_add(SignedDuration::from_secs(1)).expect("a time");
        let before = self.tip();
        let seq = before.map(|_| self.transition().seq);
        let act = Act { actor: self.actor, author: self.author.clone(), ..Self::act(self.now) };
        let outcome = transact(self.store(), &act, input, payloads);
        let after = self.tip();
        match &outcome {
            Ok(Outcome::Committed { commit, transition }) => {
                assert!(Input::OPS.contains(&transition.input.op()), "{}", transition.input.op());
                assert_eq!(after, Some(*commit), "the ref is at the new commit");
                assert_eq!(transition.seq, seq.unwrap_or(0) + 1, "one transition, one number");
                assert_eq!(&self.transition(), &**transition, "the record is what was said");
                if self.looks {
                    assert_consistent(self.store(), *commit);
                }
            }
            Ok(Outcome::Unchanged { .. }) | Err(_) => assert_eq!(after, before, "nothing happened"),
        }
        outcome
    }

    /// Asks for what must happen.
    #[track_caller]
    pub(crate) fn done_with(&mut self, input: &Input, payloads: &Payloads) -> Transition {
        match self.ask(input, payloads) {
            Ok(Outcome::Committed { transition, .. }) => *transition,
            Ok(Outcome::Unchanged { notes }) => panic!("{} changed nothing: {notes:?}", input.op()),
            Err(error) => panic!("{}: {error}", input.op()),
        }
    }

    #[track_caller]
    pub(crate) fn done(&mut self, input: &Input) -> Transition {
        self.done_with(input, &Payloads::default())
    }

    /// Asks for what must not happen.
    #[track_caller]
    pub(crate) fn refused(&mut self, input: &Input) -> Refusal {
        self.refused_with(input, &Payloads::default())
    }

    #[track_caller]
    pub(crate) fn refused_with(&mut self, input: &Input, payloads: &Payloads) -> Refusal {
        match self.ask(input, payloads) {
            Err(TransactError::Refused(refusal)) => refusal,
            other => panic!("{} was not refused: {other:?}", input.op()),
        }
    }

    /// Asks for what is so already.
    #[track_caller]
    pub(crate) fn unchanged(&mut self, input: &Input) -> Vec<String> {
        match self.ask(input, &Payloads::default()) {
            Ok(Outcome::Unchanged { notes }) => notes,
            other => panic!("{} changed something: {other:?}", input.op()),
        }
    }

    /// Compiles the shipped plan with this configuration and selects it.
    pub(crate) fn select(&mut self, text: &str) {
        let (input, payloads) = self.compiling(text);
        self.done_with(&input, &payloads);
    }

    pub(crate) fn compiling(&self, text: &str) -> (Input, Payloads) {
        let Compiled { id, record, files, diagnostics, .. } = compiled(text);
        self.freezing(id.as_str(), record, files, diagnostics.to_string().into_bytes())
    }

    pub(crate) fn freezing(
        &self,
        plan: &str,
        record: Vec<u8>,
        files: Vec<(String, Vec<u8>)>,
        diagnostics: Vec<u8>,
    ) -> (Input, Payloads) {
        let mut payloads = Payloads::default();
        let mut add = |bytes| payloads.add(self.store(), bytes).expect("a payload");
        let input = Input::Compile {
            plan: plan.parse().expect("a plan id"),
            record: add(record),
            files: files.into_iter().map(|(path, bytes)| (path, add(bytes))).collect(),
            diagnostics: add(diagnostics),
        };
        (input, payloads)
    }

    /// The input that adds these documents.
    pub(crate) fn adding(&self, documents: &[Document]) -> (Input, Payloads) {
        let mut payloads = Payloads::default();
        let documents = self.submitted(documents, &mut payloads);
        (Input::Enqueue { documents }, payloads)
    }

    /// These documents as a call brings them.
    pub(crate) fn submitted(&self, documents: &[Document], payloads: &mut Payloads) -> Vec<Submitted> {
        documents
            .iter()
            .map(|document| Submitted {
                document: payloads.add(self.store(), document.body.clone().into_bytes()).expect("a payload"),
                origin: document.origin.clone(),
                trusted: document.trusted,
                intake: Intake {
                    item: document.item.clone(),
                    title: document.title.clone(),
                    priority: Priority::try_from(document.priority).expect("a priority"),
                    depends_on: document.depends_on.iter().map(|id| id.parse().expect("an id")).collect(),
                    root_spec_id: document.root.as_ref().map(|id| id.parse().expect("an id")),
                    root_idea_id: None,
                    spec_id: None,
                    parent_task_id: None,
                    incident_id: None,
                    about: None,
                    created_at: start(),
                    created_by: "tester".to_owned(),
                },
            })
            .collect()
    }

    /// The input that takes an idea with the root spec that it becomes.
    pub(crate) fn taking(&self, idea: &str, text: &str, spec: &Document) -> (Input, Payloads) {
        let mut payloads = Payloads::default();
        let text = payloads.add(self.store(), text.as_bytes().to_vec()).expect("a payload");
        let spec = self.submitted(std::slice::from_ref(spec), &mut payloads).remove(0);
        let idea = idea.parse().expect("an id");
        (Input::TakeIdea { idea, text, found_in: None, spec: Box::new(spec) }, payloads)
    }

    /// What would hand the active run's stage off with these documents in its outbox.
    pub(crate) fn bringing(&mut self, judgement: Judgement, documents: &[Document]) -> (Handoff, Payloads) {
        self.launch_if_needed();
        let mut payloads = Payloads::default();
        let mut handoff = self.handing(judgement);
        handoff.documents = self.submitted(documents, &mut payloads);
        (handoff, payloads)
    }

    /// Hands the active run's stage off with these documents in its outbox.
    #[track_caller]
    pub(crate) fn bring(&mut self, result: &str, documents: &[Document]) -> Transition {
        let (handoff, payloads) = self.bringing(report(result), documents);
        self.done_with(&Input::Handoff(Box::new(handoff)), &payloads)
    }

    /// The same, and it must not happen.
    #[track_caller]
    pub(crate) fn bring_refused(&mut self, judgement: Judgement, documents: &[Document]) -> Refusal {
        let (handoff, payloads) = self.bringing(judgement, documents);
        self.refused_with(&Input::Handoff(Box::new(handoff)), &payloads)
    }

    /// A root spec that was planned into these tasks.
    #[track_caller]
    pub(crate) fn root(&mut self, root: &str, tasks: &[Document]) {
        let name = format!("spec/{root}");
        if self.slot(&name).is_none() {
            self.add(&document(&name));
        }
        self.claim(&name);
        self.stage(report("PLANNER_COMPLETE"));
        self.bring("MANAGER_COMPLETE", tasks);
    }

    /// A root whose work is done and whose judge has started.
    #[track_caller]
    pub(crate) fn judging(root: &str) -> Self {
        let mut play = Self::new();
        play.root(root, &[task("work")]);
        play.finish("task/work");
        play.judge(root);
        play
    }

    /// Does what the schedule says, each stage well, until nothing is left; gives what was begun, by name.
    #[track_caller]
    pub(crate) fn drain(&mut self) -> Vec<String> {
        let mut begun = Vec::new();
        loop {
            match self.next() {
                Next::Claim { item, .. } => {
                    self.finish(&item.to_string());
                    begun.push(item.to_string());
                }
                Next::Judge { root } => {
                    self.judge(root.as_str());
                    self.hand(report("ARBITER_COMPLETE"));
                    begun.push(format!("judge {root}"));
                }
                Next::Reopen { item, .. } => {
                    self.reopen(&item.to_string());
                    begun.push(format!("reopen {item}"));
                }
                Next::Restore(_) => self.settle_if_owed(),
                Next::Land(to_land) => self.land(&to_land.run),
                Next::Launch(_) => {
                    self.launch();
                }
                Next::Adopt(run) => {
                    let well = well(run.stage.stage.as_str());
                    self.hand(report(well));
                }
                Next::Idle | Next::Wait(_) => return begun,
            }
        }
    }

    /// The change of this run stays uncommitted.
    #[track_caller]
    pub(crate) fn land(&mut self, run: &RunId) {
        let landing = Landing::Left { why: "nobody commits here".to_owned() };
        self.done(&Input::Land { run: run.clone(), landing });
    }

    /// The root's closure target.
    #[track_caller]
    pub(crate) fn target(&self, root: &str) -> Target {
        let root = root.parse().expect("an id");
        self.view(|view| view.target(&root)).expect("readable").expect("a target")
    }

    /// The open items of a root's lineage.
    pub(crate) fn lineage(&self, root: &str) -> Vec<String> {
        let root = root.parse().expect("an id");
        let items = self.view(|view| view.lineage(&root)).expect("readable");
        items.iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    pub(crate) fn add_all(&mut self, documents: &[Document]) -> Transition {
        let (input, payloads) = self.adding(documents);
        self.done_with(&input, &payloads)
    }

    #[track_caller]
    pub(crate) fn add(&mut self, document: &Document) -> Transition {
        self.add_all(std::slice::from_ref(document))
    }

    #[track_caller]
    pub(crate) fn add_refused(&mut self, documents: &[Document]) -> Refusal {
        let (input, payloads) = self.adding(documents);
        self.refused_with(&input, &payloads)
    }

    fn hex(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub(crate) fn nonce(&mut self) -> Nonce {
        // Its first digits tell it apart: the ids of incidents are made of them.
        format!("{:08x}{:024x}", self.hex(), 0).parse().expect("a nonce")
    }

    pub(crate) fn run_id(&mut self) -> RunId {
        format!("20261118-{:04}-{:06x}", self.ids % 2400, self.hex()).parse().expect("a run id")
    }

    /// A snapshot that is none of the earlier ones.
    pub(crate) fn new_snapshot(&mut self) -> Oid {
        self.snapshots += 1;
        match u8::try_from(self.snapshots) {
            Ok(n) if n < 250 => snapshot(n),
            _ => Oid::from_bytes(&[self.snapshots.to_be_bytes().as_slice(), &[255; 16]].concat())
                .expect("an id"),
        }
    }

    /// Launches the judge of a root.
    #[track_caller]
    pub(crate) fn judge(&mut self, root: &str) -> RunId {
        let run = self.run_id();
        let mut launching = self.launching(&run);
        launching.judge = Some(Judge {
            root: root.parse().expect("an id"),
            base: Some(snapshot(250)),
            branch: Some("main".to_owned()),
            start: self.new_snapshot(),
        });
        self.done(&Input::Launch(launching));
        run
    }

    /// A verdict on the code that the active run judges: `c1`, `c2` ... with these findings.
    pub(crate) fn judged(&self, findings: &[Finding], payloads: &mut Payloads) -> Judged {
        let criteria = findings.iter().enumerate().map(|(n, finding)| Criterion {
            id: format!("c{}", n + 1).parse().expect("an id"),
            text: format!("Number {} holds.", n + 1),
            source: None,
            finding: *finding,
            evidence: "Seen.".to_owned(),
        });
        let rubric = payloads.add(self.store(), b"# Rubric\n".to_vec()).expect("a payload");
        Judged { snapshot: self.run().snapshot, rubric, criteria: criteria.collect() }
    }

    /// Hands the active judge off with these findings.
    #[track_caller]
    pub(crate) fn hand_verdict(&mut self, result: &str, findings: &[Finding]) -> Transition {
        let mut payloads = Payloads::default();
        let verdict = self.judged(findings, &mut payloads);
        let mut handoff = self.handing(report(result));
        handoff.verdict = Some(Box::new(verdict));
        handoff.incident = Some(Box::new(self.incident(&mut payloads)));
        self.done_with(&Input::Handoff(Box::new(handoff)), &payloads)
    }

    /// Begins the run in which a blocked item goes on.
    #[track_caller]
    pub(crate) fn reopen(&mut self, name: &str) -> RunId {
        let launching = self.claiming(name);
        let run = launching.run.clone();
        let claim = launching.claim.expect("a claim");
        self.done(&Input::Reopen { run: run.clone(), claim });
        run
    }

    /// What a stage is given, as evidence.
    pub(crate) fn kept(&self, name: &str, text: &str, payloads: &mut Payloads) -> (String, Content) {
        let content = payloads.add(self.store(), text.as_bytes().to_vec()).expect("a payload");
        (name.to_owned(), content)
    }

    /// What would claim this item now, whether or not it is queued.
    pub(crate) fn claiming(&mut self, name: &str) -> Launching {
        let item = item(name);
        let turn = self
            .slot(name)
            .and_then(|slot| slot.turn())
            .unwrap_or_else(|| "5.0000000001".parse().expect("a turn"));
        let claim = Claim {
            item,
            turn,
            base: Some(snapshot(250)),
            branch: Some("main".to_owned()),
            start: snapshot(251),
        };
        Launching {
            run: self.run_id(),
            claim: Some(claim),
            judge: None,
            nonce: self.nonce(),
            session: "00000000000000000000000000000001".parse().expect("a session"),
            evidence: Files::new(),
        }
    }

    /// What would launch this run's next stage.
    pub(crate) fn launching(&mut self, run: &RunId) -> Launching {
        Launching {
            run: run.clone(),
            claim: None,
            judge: None,
            nonce: self.nonce(),
            session: "00000000000000000000000000000001".parse().expect("a session"),
            evidence: Files::new(),
        }
    }

    /// Claims an item: launches its first stage.
    #[track_caller]
    pub(crate) fn claim(&mut self, name: &str) -> RunId {
        let mut launching = self.claiming(name);
        let mut payloads = Payloads::default();
        launching.evidence.extend([self.kept("request.toml", "request = true\n", &mut payloads)]);
        let run = launching.run.clone();
        self.done_with(&Input::Launch(launching), &payloads);
        run
    }

    /// Launches the active run's next stage.
    #[track_caller]
    pub(crate) fn launch(&mut self) -> Transition {
        let run = self.run().run;
        let launching = self.launching(&run);
        self.done(&Input::Launch(launching))
    }

    /// What would hand off the active run's stage.
    pub(crate) fn handing(&mut self, judgement: Judgement) -> Handoff {
        let run = self.run();
        let snapshot = Some(self.new_snapshot());
        Handoff {
            resumable: None,
            left_nothing: false,
            wall_ms: None,
            run: run.run,
            nonce: run.launch.map_or_else(|| self.nonce(), |launch| launch.nonce),
            ended_at: self.now,
            judgement,
            asked: false,
            snapshot,
            usage: Usage { input_uncached: Some(120), output: Some(34), ..Usage::default() },
            evidence: Files::new(),
            findings: Vec::new(),
            documents: Vec::new(),
            verdict: None,
            incident: None,
        }
    }

    /// The incident about the active run's item, as the runtime would open it with the handoff of its launch.
    pub(crate) fn incident(&self, payloads: &mut Payloads) -> Submitted {
        let run = self.run();
        let launch = run.launch.expect("a launch");
        let known = self.view(|view| view.known(&run.item)).expect("readable").expect("an intake record");
        let intake = Intake {
            item: ItemRef::new(ItemKind::Incident, incident_id(&run.item.id, &launch.nonce).expect("an id")),
            title: incident::title(&run.item, &known.intake.title),
            priority: Priority::default(),
            depends_on: Vec::new(),
            root_spec_id: None,
            root_idea_id: None,
            spec_id: None,
            parent_task_id: None,
            incident_id: None,
            about: None,
            created_at: launch.at,
            created_by: run.stage.to_string(),
        };
        let incident = Incident {
            intake: intake.out_of(&known.intake),
            source: run.stage,
            severity: Severity::Medium,
            failure_class: "consultant_needs_planning".parse().expect("a class"),
            trigger_reason: "it needs planning".to_owned(),
            summary: "It is more than a task.".to_owned(),
            observed_symptoms: Vec::new(),
            failed_attempts: Vec::new(),
            evidence_paths: Vec::new(),
            run: run.run,
            related_stage_results: Vec::new(),
        };
        let document = payloads.add(self.store(), incident::render(&incident).into_bytes());
        Submitted {
            document: document.expect("a payload"),
            origin: None,
            trusted: false,
            intake: incident.intake,
        }
    }

    /// What would hand off the active run's stage, which ended well and without a word, in a session that can be resumed.
    pub(crate) fn wordless(&mut self, session: &str) -> Handoff {
        self.launch_if_needed();
        let totals = Usage { input_uncached: Some(700), output: Some(70), ..Usage::default() };
        Handoff {
            resumable: Some(Resumable { session: session.to_owned(), totals }),
            ..self.handing(failure("missing_terminal_result"))
        }
    }

    /// Launches the next stage of the active run, and it leaves neither a result nor a change.
    #[track_caller]
    pub(crate) fn nothing(&mut self) -> StageResult {
        self.launch_if_needed();
        let handoff = Handoff { left_nothing: true, ..self.handing(failure("runner_error")) };
        result_of(&self.done(&Input::Handoff(Box::new(handoff))))
    }

    /// Selects the shipped plan with this configuration and these limits on spending.
    pub(crate) fn select_budget(&mut self, text: &str, budget: Budget) {
        let Compiled { record, files, diagnostics, .. } = compiled(text);
        let mut plan: Plan = decode(&record).expect("a plan");
        plan.limits.budget = budget;
        let record = encode(&plan).expect("a record");
        let id = format!("plan-{}-{:012x}", plan.mode, self.hex());
        let (input, payloads) = self.freezing(&id, record, files, diagnostics.to_string().into_bytes());
        self.done_with(&input, &payloads);
    }

    /// Hands the active run's stage off.
    #[track_caller]
    pub(crate) fn hand(&mut self, judgement: Judgement) -> Transition {
        let mut handoff = self.handing(judgement);
        let mut payloads = Payloads::default();
        if self.run().closure {
            handoff.verdict = Some(Box::new(self.judged(&[Finding::Pass], &mut payloads)));
        }
        handoff.evidence.extend([self.kept("report.md", &format!("# Report {}\n", self.ids), &mut payloads)]);
        self.done_with(&Input::Handoff(Box::new(handoff)), &payloads)
    }

    /// Launches the next stage of the active run and hands it off; gives what the run did.
    #[track_caller]
    pub(crate) fn stage(&mut self, judgement: Judgement) -> StageResult {
        let transition = self.hand_launched(judgement);
        result_of(&transition)
    }

    /// The same; gives the handoff.
    #[track_caller]
    pub(crate) fn hand_launched(&mut self, judgement: Judgement) -> Transition {
        self.launch_if_needed();
        self.hand(judgement)
    }

    #[track_caller]
    pub(crate) fn launch_if_needed(&mut self) {
        if self.run().launch.is_none() {
            self.settle_if_owed();
            self.launch();
        }
    }

    /// Claims the item and brings it to its end, each stage well.
    #[track_caller]
    pub(crate) fn finish(&mut self, name: &str) {
        self.claim(name);
        let results: &[&str] = match item(name).kind {
            millrace::domain::item::ItemKind::Task => {
                &["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"]
            }
            millrace::domain::item::ItemKind::Spec => &["PLANNER_COMPLETE", "MANAGER_COMPLETE"],
            millrace::domain::item::ItemKind::Incident => {
                &["AUDITOR_COMPLETE", "PLANNER_COMPLETE", "MANAGER_COMPLETE"]
            }
        };
        for result in results {
            self.stage(report(result));
        }
        assert_eq!(self.slot(name), Some(Slot::Done));
    }

    /// What says that the work tree is as it should be: with the code of a run that goes on with another one's work.
    pub(crate) fn settling(&mut self, run: &RunId) -> Input {
        let to_stand =
            self.view(|view| view.run(run)).expect("readable").is_some_and(|run| run.is_to_stand());
        let snapshot = to_stand.then(|| self.new_snapshot());
        Input::TreeSettled { run: run.clone(), paths: 3, to: None, snapshot }
    }

    /// The work tree goes back, if it has to.
    pub(crate) fn settle_if_owed(&mut self) {
        if let Some(owed) = self.control().owed {
            let settled = self.settling(&owed.run);
            self.done(&settled);
        }
    }

    #[track_caller]
    pub(crate) fn cancel(&mut self, name: &str) -> Transition {
        self.done(&cancelling(name))
    }

    pub(crate) fn slot(&self, name: &str) -> Option<Slot> {
        self.view(|view| view.slot(&item(name))).expect("a readable state")
    }

    /// The state's word, `nowhere` where there is none.
    pub(crate) fn state(&self, name: &str) -> String {
        self.slot(name).map_or_else(|| "nowhere".to_owned(), |slot| slot.to_string())
    }

    pub(crate) fn control(&self) -> Control {
        self.view(|view| view.control()).expect("a control record")
    }

    /// The one active run.
    #[track_caller]
    pub(crate) fn run(&self) -> Run {
        let runs = self.view(|view| view.runs()).expect("readable runs");
        let [run] = runs.as_slice() else { panic!("{} runs are active", runs.len()) };
        run.clone()
    }

    pub(crate) fn run_record(&self, run: &RunId) -> Option<RunRecord> {
        self.view(|view| view.run_record(run)).expect("a readable record")
    }

    pub(crate) fn recovery(&self, name: &str) -> Option<Recovery> {
        self.view(|view| view.recovery(&item(name))).expect("a readable record")
    }

    pub(crate) fn next(&self) -> Next {
        let now = self.now;
        self.view(|view| schedule(view, now)).expect("a schedule")
    }

    /// What made the tip.
    pub(crate) fn transition(&self) -> Transition {
        self.view(|view| {
            view.file(&millrace::domain::place::transition())
                .map(|bytes| bytes.map(|bytes| decode(&bytes).expect("a transition")))
        })
        .expect("a readable record")
        .expect("a transition")
    }

    pub(crate) fn pass(&mut self, minutes: i64) {
        self.now = self.now.checked_add(SignedDuration::from_mins(minutes)).expect("a time");
    }

    /// The end of a play: every commit replays.
    #[track_caller]
    pub(crate) fn end(&self) {
        let tip = self.tip().expect("a ledger");
        let report = verify(self.store(), tip).expect("a readable store");
        assert!(report.is_sound(), "{:#?}", report.findings);
        assert_eq!(report.not_rejudged, 0);
        assert_eq!(report.commits, self.transition().seq);
        assert_consistent(self.store(), tip);
    }
}

pub(crate) fn retrying(names: &[&str]) -> Retrying {
    let items = names.iter().map(|name| item(name)).collect();
    Retrying { items, reason: "the cause is gone".to_owned(), from_start: false, note: None }
}

pub(crate) fn cancelling(name: &str) -> Input {
    Input::Cancel { item: item(name), reason: "not wanted".to_owned() }
}

/// What the launch of a handoff came to.
#[track_caller]
pub(crate) fn result_of(transition: &Transition) -> StageResult {
    let result = transition.decision.effects.iter().find_map(|effect| match effect {
        Effect::Conclude { result, .. } => Some(StageResult::clone(result)),
        _ => None,
    });
    result.expect("a conclusion")
}
