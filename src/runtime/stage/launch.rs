//! Launch: the snapshot before a run, the commit, the stage's folder, the supervisor - in this order, so that nothing
//! ever runs that the ledger does not know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::continuity;
use super::super::project::Project;
use super::super::prompt::{self, Given, Request};
use super::super::source;
use super::context::{Stage, StageError, Which};
use super::history::{Past, launches, led_to};
use super::judging;
use super::opening::Opening;
use super::told::Told;
use crate::domain::ids::{ItemId, Nonce, PlanId, ResultName, RunId, RunnerName, SessionId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::plan::{Plan, StageRef};
use crate::domain::result::ResultClass;
use crate::domain::run::{Asks, Failure, Run};
use crate::domain::slot::{Slot, Turn};
use crate::domain::stage_file;
use crate::domain::transition;
use crate::domain::transition::input::{Claim, Input, Judge, Launching};
use crate::domain::transition::record::Actor;
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::{Fault, View as _};
use crate::harness::adapter::ArgvError;
use crate::harness::environment::environment;
use crate::harness::invocation::{Invocation, millis};
use crate::harness::supervisor::{Supervised, launch, own_executable};
use crate::ledger::transact::{Payloads, TransactError};
use crate::ledger::view::TreeView;

/// What is to be started.
pub enum Start {
    /// The stage that this run is routed to.
    Next(Box<Run>),
    /// The entry stage for this item, in a new run.
    Claim {
        /// The item.
        item: ItemRef,
        /// Its place in the queue.
        turn: Turn,
    },
    /// The judge of this drained root, in a new run.
    Judge {
        /// The root spec.
        root: ItemId,
    },
}

/// What came of it.
pub enum Started {
    /// The stage runs; its launch is this commit.
    Running(Box<Stage>, Supervised, Option<Oid>),
    /// The state has changed meanwhile, and this is not to be started: look again.
    Overtaken(Refusal),
    /// The runner's command line cannot be built for this stage; nothing was begun.
    NoCommandLine(RunnerName, ArgvError),
}

/// Starts a stage.
pub fn start(project: &Project, session: &SessionId, what: &Start) -> Result<Started, StageError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let nonce: Nonce = source::random_id().map_err(StageError::io("get a random nonce"))?;
    let prepared = match what {
        Start::Next(run) => Prepared::next(run),
        Start::Claim { item, turn } => match Prepared::claim(project, &view, item, *turn)? {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Started::Overtaken(refusal)),
        },
        Start::Judge { root } => match Prepared::judge(project, &view, root)? {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Started::Overtaken(refusal)),
        },
    };
    let mut stage = Stage::of(project, &view, &prepared.which(&nonce))?;
    // A question needs the way back into the session; without it the stage simply starts again.
    let asks = prepared.asks.as_ref().filter(|_| stage.spec.can_resume());
    stage.call.resume = asks.map(|asks| asks.session.clone());
    let told = Told::of(&view, &stage, prepared.failure.as_ref())?;
    let files = Files::gather(&view, &stage, &prepared, &told)?;
    let request = request(&view, &stage, &prepared, &told)?;
    let prompt = match asks {
        Some(asks) => prompt::asking(&request, &stage.folder_of(asks.launch).display().to_string()),
        None => prompt::render(&request, &files.given()),
    };
    let request = toml::to_string(&request)
        .map_err(|error| StageError::Plan { plan: stage.plan_id.clone(), detail: error.to_string() })?;

    stage.call.prompt.clone_from(&prompt);
    // Before the commit: what cannot be started is not begun.
    let argv = match stage.spec.argv(&stage.call) {
        Ok(argv) => argv,
        Err(error) => {
            if let Some(opening) = &prepared.opening {
                opening.undo(project)?;
            }
            return Ok(Started::NoCommandLine(stage.planned.runner, error));
        }
    };

    let environment = given_environment(&stage);
    let secrets = stage.secrets(environment.clone(), prepared.base.into_iter().chain([prepared.snapshot]));
    let mut payloads = Payloads::default();
    let mut evidence = transition::input::Files::new();
    for (name, text) in [(stage_file::REQUEST, &request), (stage_file::PROMPT, &prompt)] {
        // The stage gets them as they are.
        let content = payloads.add(&project.store, secrets.redacted(text).0.into_bytes())?;
        evidence.insert(name.to_owned(), content);
    }
    let input = Input::Launch(Launching {
        run: prepared.run.clone(),
        claim: prepared.claim.clone(),
        judge: prepared.judge.clone(),
        nonce: nonce.clone(),
        session: session.clone(),
        evidence,
    });
    let act = project.act(Actor::Daemon, None)?;
    let launched = match project.transact(&act, &input, &payloads) {
        Ok(outcome) => outcome.commit(),
        Err(TransactError::Refused(refusal)) => {
            if let Some(opening) = &prepared.opening {
                opening.undo(project)?;
            }
            return Ok(Started::Overtaken(refusal));
        }
        Err(error) => return Err(error.into()),
    };
    let supervised = spawn(&stage, argv, files, environment, &request, &prompt, launched)?;
    Ok(Started::Running(Box::new(stage), supervised, launched))
}

/// What a launch begins from.
struct Prepared {
    run: RunId,
    item: ItemRef,
    at: StageRef,
    plan: PlanId,
    number: u32,
    base: Option<Oid>,
    snapshot: Oid,
    failure: Option<Failure>,
    /// The session in which the stage is asked for its result.
    asks: Option<Asks>,
    /// Whether the run judges its item, a drained root.
    closure: bool,
    /// How the run begins, where it is new; then as a claim, or as a judgement.
    opening: Option<Opening>,
    claim: Option<Claim>,
    judge: Option<Judge>,
}

impl Prepared {
    fn next(run: &Run) -> Self {
        Self {
            run: run.run.clone(),
            item: run.item.clone(),
            at: run.stage.clone(),
            plan: run.plan.clone(),
            number: run.launches + 1,
            base: run.base,
            snapshot: run.snapshot,
            failure: run.failure.clone(),
            asks: run.asks.clone(),
            closure: run.closure,
            opening: None,
            claim: None,
            judge: None,
        }
    }

    fn claim(
        project: &Project,
        view: &TreeView<'_, '_>,
        item: &ItemRef,
        turn: Turn,
    ) -> Result<Result<Self, Refusal>, StageError> {
        let prepared = Self::opened(project, view, item, |plan| plan.entry(item.kind))?;
        Ok(prepared.map(|prepared| Self {
            claim: prepared.opening.as_ref().map(|opening| opening.claim(item, turn)),
            ..prepared
        }))
    }

    fn judge(
        project: &Project,
        view: &TreeView<'_, '_>,
        root: &ItemId,
    ) -> Result<Result<Self, Refusal>, StageError> {
        let item = ItemRef::new(ItemKind::Spec, root.clone());
        let judges = |plan: &Plan| plan.completion.as_ref().and_then(|judge| plan.stage_ref(&judge.stage));
        let prepared = Self::opened(project, view, &item, judges)?;
        Ok(prepared.map(|prepared| Self {
            judge: prepared.opening.as_ref().map(|opening| opening.judge(root)),
            closure: true,
            ..prepared
        }))
    }

    /// A new run of the selected plan at this stage, with snapshot 0 on its branch.
    fn opened(
        project: &Project,
        view: &TreeView<'_, '_>,
        item: &ItemRef,
        at: impl FnOnce(&Plan) -> Option<StageRef>,
    ) -> Result<Result<Self, Refusal>, StageError> {
        let Some(plan_id) = view.control()?.plan else { return Ok(Err(Refusal::NoPlan)) };
        let Some(plan) = view.plan(&plan_id)? else {
            return Ok(Err(Refusal::UnknownPlan { plan: plan_id }));
        };
        let Some(at) = at(&plan) else { return Ok(Err(Refusal::NoEntry { item: item.clone() })) };
        let opening = Opening::take(project, &plan_id, &plan, item)?;
        Ok(Ok(Self {
            run: opening.run.clone(),
            item: item.clone(),
            at,
            plan: plan_id,
            number: 1,
            base: opening.base,
            snapshot: opening.start,
            failure: None,
            asks: None,
            closure: false,
            opening: Some(opening),
            claim: None,
            judge: None,
        }))
    }

    fn which<'a>(&'a self, nonce: &'a Nonce) -> Which<'a> {
        Which { run: &self.run, item: &self.item, at: &self.at, plan: &self.plan, number: self.number, nonce }
    }
}

fn request(
    view: &TreeView<'_, '_>,
    stage: &Stage,
    prepared: &Prepared,
    told: &Told,
) -> Result<Request, StageError> {
    let title = view.known(&stage.item)?.map(|known| known.intake.title).unwrap_or_default();
    Ok(Request {
        nonce: stage.call.nonce.clone(),
        run: stage.run.clone(),
        item: stage.item.clone(),
        title,
        stage: stage.at.clone(),
        launch: stage.number,
        attempt: stage.call.attempt,
        plan: stage.plan_id.clone(),
        base: prepared.base,
        snapshot: prepared.snapshot,
        runner: stage.planned.runner.clone(),
        model: stage.planned.model.clone(),
        permission: stage.planned.permission,
        timeout_seconds: stage.planned.timeout_seconds,
        stage_dir: stage.call.run_dir.display().to_string(),
        result_file: stage.call.result_file.display().to_string(),
        outbox: stage.call.outbox.display().to_string(),
        verdict_file: prepared
            .closure
            .then(|| stage.call.run_dir.join(stage_file::VERDICT).display().to_string()),
        legal_results: legal_results(stage),
        told: told.files.iter().map(|(name, _)| *name).collect(),
        continues: told.continues.clone(),
        runtime_error_code: told.error.clone(),
        creates: stage.planned.creates.clone(),
        evidence: stage.planned.asked().map(|(name, with)| (name.clone(), with.clone())).collect(),
        failure: prepared.failure.clone(),
        resumes: stage.call.resume.clone(),
    })
}

/// What the stage may report, the good end first: the first one stands in the prompt's example.
fn legal_results(stage: &Stage) -> Vec<ResultName> {
    let rank = |class: &ResultClass| match class {
        ResultClass::Success => 0,
        ResultClass::FollowupNeeded => 1,
        ResultClass::EscalatePlanning => 2,
        ResultClass::RecoverableFailure | ResultClass::Blocked => 3,
    };
    let mut results: Vec<_> = stage.planned.results.iter().collect();
    results.sort_by_key(|(_, class)| rank(class));
    results.into_iter().map(|(name, _)| name.clone()).collect()
}

/// Evidence that says nothing to a stage that is not said elsewhere; a repair stage may still want to look.
fn is_detail(name: &str) -> bool {
    matches!(name, stage_file::EXIT | stage_file::REPORT | stage_file::STDOUT | stage_file::STDERR)
}

/// The files of a stage's folder, from the frozen plan and the ledger, never from files that somebody can edit.
#[derive(Default)]
struct Files {
    all: Vec<(PathBuf, Vec<u8>)>,
    /// What the work is: the item, or what a judge judges by.
    work: Vec<&'static str>,
    skills: Vec<String>,
    evidence: Vec<String>,
    continued: Vec<String>,
}

impl Files {
    fn gather(
        view: &TreeView<'_, '_>,
        stage: &Stage,
        prepared: &Prepared,
        told: &Told,
    ) -> Result<Self, StageError> {
        let mut gathered = Self::default();
        let work = if prepared.closure {
            judging::files(view, &stage.item)?
        } else {
            vec![(stage_file::ITEM, document(view, &stage.item)?)]
        };
        for (name, bytes) in work {
            gathered.add(name, bytes);
            gathered.work.push(name);
        }
        gathered.add(stage_file::ENTRYPOINT, frozen(view, stage, &stage.planned.entrypoint)?);
        for path in &stage.planned.skills {
            // `skills/stage/execution/builder-core/SKILL.md` lies there as `skills/builder-core/SKILL.md`.
            let mut parts = path.rsplit('/');
            let file = parts.next().unwrap_or("SKILL.md");
            let name = parts.next().unwrap_or("skill");
            let relative = format!("{}/{name}/{file}", stage_file::SKILLS);
            gathered.add(&relative, frozen(view, stage, path)?);
            gathered.skills.push(relative);
        }
        for (name, bytes) in &told.files {
            gathered.add(name, bytes.clone());
        }
        if let Some(before) = &told.continues {
            let folder = format!("{}/{before}", stage_file::EVIDENCE);
            gathered.continued = gathered.evidence_of(view, before, &folder)?;
        }
        gathered.evidence = gathered.evidence_of(view, &stage.run, stage_file::EVIDENCE)?;
        if let Some(failure) = &prepared.failure {
            let past = launches(view, &stage.run)?;
            let seen: Vec<String> = led_to(&past, failure).iter().map(Past::in_words).collect();
            let last = past.iter().find(|past| past.result.launch == failure.launch);
            let why = last.map_or("", |past| past.result.why.as_str());
            gathered.add(stage_file::FAILURE, prompt::failure(failure, why, &seen).into_bytes());
        }
        Ok(gathered)
    }

    fn add(&mut self, relative: &str, bytes: Vec<u8>) {
        self.all.push((PathBuf::from(relative), bytes));
    }

    /// What the launches of a run left: `<below>/<nn>-<stage>/<file>`; the names of those that a stage should know of.
    fn evidence_of(
        &mut self,
        view: &TreeView<'_, '_>,
        run: &RunId,
        below: &str,
    ) -> Result<Vec<String>, StageError> {
        let mut named = Vec::new();
        let folder = place::run_folder(run);
        for launch in view.list(&folder)?.iter().filter(|entry| entry.folder) {
            let path = place::TreePath::new(format!("{folder}/{}", launch.name))
                .map_err(|error| Fault { at: folder.to_string(), detail: error.to_string() })?;
            for file in view.list(&path)?.iter().filter(|entry| !entry.folder) {
                if matches!(file.name.as_str(), stage_file::PROMPT | stage_file::REQUEST) {
                    continue;
                }
                let relative = format!("{below}/{}/{}", launch.name, file.name);
                let bytes = view
                    .file(
                        &place::TreePath::new(format!("{path}/{}", file.name))
                            .map_err(|error| Fault { at: path.to_string(), detail: error.to_string() })?,
                    )?
                    .unwrap_or_default();
                self.add(&relative, bytes);
                if !is_detail(&file.name) {
                    named.push(relative);
                }
            }
        }
        Ok(named)
    }

    fn given(&self) -> Given {
        Given {
            work: self.work.clone(),
            skills: self.skills.clone(),
            evidence: self.evidence.clone(),
            continued: self.continued.clone(),
        }
    }
}

/// An item's document, wherever the item stands.
pub(super) fn document(view: &TreeView<'_, '_>, item: &ItemRef) -> Result<Vec<u8>, Fault> {
    let document = place::document(item, &view.slot(item)?.unwrap_or(Slot::Active));
    view.file(&document)?.ok_or_else(|| Fault {
        at: document.to_string(),
        detail: "the item's document is missing".to_owned(),
    })
}

fn frozen(view: &TreeView<'_, '_>, stage: &Stage, path: &str) -> Result<Vec<u8>, StageError> {
    let lacks = || StageError::Plan { plan: stage.plan_id.clone(), detail: format!("it has no file {path}") };
    let place = place::plan_file(&stage.plan_id, path).ok_or_else(lacks)?;
    view.file(&place)?.ok_or_else(lacks)
}

/// What the harness of a stage gets of the runtime's environment, and what is added to it.
fn given_environment(stage: &Stage) -> BTreeMap<String, String> {
    let pass = stage.spec.passed_variables();
    environment(std::env::vars_os(), &pass, stage.spec.set_variables(), &stage.call)
}

/// Makes the stage's folder and starts its supervisor.
fn spawn(
    stage: &Stage,
    argv: Vec<String>,
    files: Files,
    environment: BTreeMap<String, String>,
    request: &str,
    prompt: &str,
    launched: Option<Oid>,
) -> Result<Supervised, StageError> {
    let mut all = files.all;
    all.push((PathBuf::from(stage_file::REQUEST), request.as_bytes().to_vec()));
    all.push((PathBuf::from(stage_file::PROMPT), prompt.as_bytes().to_vec()));
    stage.dir.materialise(&all)?;
    let inv_dir: &Path = &stage.call.inv_dir;
    let mut invocation = Invocation::new(
        inv_dir,
        stage.call.nonce.clone(),
        argv,
        stage.call.workdir.clone(),
        environment,
        Duration::from_secs(stage.planned.timeout_seconds),
    );
    invocation.result_file = Some(stage.call.result_file.clone());
    invocation.silence_limit_ms =
        stage.planned.silence_seconds.map(|seconds| millis(Duration::from_secs(seconds)));
    let contract = stage.spec.contract();
    invocation.empty_stdin = !stage.spec.reads_stdin();
    invocation.grace_ms = millis(Duration::from_secs(contract.grace_seconds));
    invocation.keep_bytes = contract.output_bytes;
    invocation.write(inv_dir, prompt.as_bytes())?;
    if let Some(launched) = launched {
        continuity::remember(inv_dir, launched)
            .map_err(StageError::io(format!("write down the launch in {}", inv_dir.display())))?;
    }
    let exe = own_executable().map_err(StageError::io("find this program"))?;
    Ok(launch(&exe, inv_dir)?)
}
