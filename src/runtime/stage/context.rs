//! What is known of a launch: derived from the ledger alone, so that a live stage and one that a restart finds are
//! the same thing.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use thiserror::Error;

use super::super::evidence::Secrets;
use super::super::project::Project;
use super::super::run_branch::BranchError;
use super::super::runner::{self, RunnerError};
use super::super::snapshots::SnapError;
use crate::domain::ids::{Nonce, PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::plan::{self, Plan, StageRef};
use crate::domain::price::Price;
use crate::domain::run::{Launch, Run};
use crate::domain::stage_file;
use crate::domain::view::{Fault, View as _};
use crate::format::config::Redaction;
use crate::harness::adapter::{ArgvError, Call, RunnerSpec};
use crate::harness::invocation::{InvocationError, PROMPT_FILE};
use crate::harness::judge::Legal;
use crate::harness::supervisor::{LaunchError, ProbeError};
use crate::ledger::commit::Person;
use crate::ledger::store::StoreError;
use crate::ledger::transact::TransactError;
use crate::ledger::view::TreeView;
use crate::workspace::NoFollowError;
use crate::workspace::run_dir::StageDir;

/// What can go wrong around a stage. None of it is a failure of the stage's work.
#[derive(Debug, Error)]
pub enum StageError {
    /// The ledger failed or refused.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tree cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The runner cannot be had.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The command line cannot be built.
    #[error(transparent)]
    Argv(#[from] ArgvError),
    /// The snapshot failed.
    #[error(transparent)]
    Snapshot(#[from] SnapError),
    /// A run branch cannot be closed.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// The stage's folder cannot be made or read.
    #[error(transparent)]
    Folder(#[from] NoFollowError),
    /// The invocation cannot be written.
    #[error(transparent)]
    Invocation(#[from] InvocationError),
    /// The supervisor did not start.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The invocation cannot be examined.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The plan lacks something that the ledger says it has.
    #[error("{plan}: {detail}")]
    Plan {
        /// The plan.
        plan: PlanId,
        /// What is missing.
        detail: String,
    },
    /// The machine refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no work tree.
    #[error("{} is a bare repository: stages run in a work tree of it", .0.display())]
    Bare(PathBuf),
}

impl StageError {
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// The result classes, as a report names them.
const CLASSES: [&str; 5] =
    ["success", "followup_needed", "recoverable_failure", "escalate_planning", "blocked"];

/// One launch of one stage.
pub struct Stage {
    /// The run.
    pub run: RunId,
    /// What it works on.
    pub item: ItemRef,
    /// The stage.
    pub at: StageRef,
    /// The launch's number.
    pub number: u32,
    /// The plan's id.
    pub plan_id: PlanId,
    /// The plan.
    pub plan: Rc<Plan>,
    /// The stage as the plan has it.
    pub planned: plan::Stage,
    /// The harness.
    pub spec: RunnerSpec,
    /// What else is a secret, by the plan's configuration.
    pub redaction: Redaction,
    /// What the harness is called with.
    pub call: Call,
    /// What it may report.
    pub legal: Legal,
    /// What the tokens of its model cost, where that is configured.
    pub price: Option<Price>,
    /// Its folder in the work tree.
    pub dir: StageDir,
}

/// Which launch of what.
pub(super) struct Which<'a> {
    pub(super) run: &'a RunId,
    pub(super) item: &'a ItemRef,
    pub(super) at: &'a StageRef,
    pub(super) plan: &'a PlanId,
    pub(super) number: u32,
    pub(super) nonce: &'a Nonce,
}

impl Stage {
    /// The launch that a run has outstanding.
    pub fn of_launch(
        project: &Project,
        view: &TreeView<'_, '_>,
        run: &Run,
        launch: &Launch,
    ) -> Result<Self, StageError> {
        let which = Which {
            run: &run.run,
            item: &run.item,
            at: &run.stage,
            plan: &run.plan,
            number: launch.number,
            nonce: &launch.nonce,
        };
        Self::of(project, view, &which)
    }

    /// Everything about a launch.
    pub(super) fn of(
        project: &Project,
        view: &TreeView<'_, '_>,
        which: &Which<'_>,
    ) -> Result<Self, StageError> {
        let lacks = |detail: String| StageError::Plan { plan: which.plan.clone(), detail };
        let work_tree = project
            .repository
            .work_tree
            .clone()
            .ok_or_else(|| StageError::Bare(project.repository.git_dir.clone()))?;
        let plan = view.plan(which.plan)?.ok_or_else(|| lacks("it is not in the ledger".to_owned()))?;
        let stage = &which.at.stage;
        let unknown = || lacks(format!("it has no stage `{stage}`"));
        let planned = plan.stages.get(stage).cloned().ok_or_else(unknown)?;
        let legal = Legal::of(&plan, stage).ok_or_else(unknown)?;
        let config = runner::frozen_config(view, which.plan)?;
        let configured = runner::runner(&config, which.plan, &planned.runner)?;
        let dir = StageDir::new(&work_tree, which.run.clone(), which.number, stage.clone());
        let inv_dir = invocation_dir(project, which.nonce);
        let call = Call {
            nonce: which.nonce.clone(),
            run: which.run.clone(),
            item: which.item.clone(),
            stage: stage.clone(),
            attempt: 1 + earlier_launches(view, which.run, which.number, stage.as_str())?,
            workdir: work_tree.clone(),
            run_dir: dir.path(),
            result_file: dir.path().join(stage_file::REPORT),
            outbox: dir.outbox_path(),
            prompt_file: inv_dir.join(PROMPT_FILE),
            prompt: String::new(),
            resume: None,
            inv_dir,
            git_common_dir: project.repository.common_dir.clone(),
            model: planned.model.clone(),
            permission: planned.permission,
        };
        let price = planned.model.as_ref().and_then(|model| config.prices.get(model)).copied();
        Ok(Self {
            price,
            run: which.run.clone(),
            item: which.item.clone(),
            at: which.at.clone(),
            number: which.number,
            plan_id: which.plan.clone(),
            spec: configured.clone().into(),
            redaction: config.redaction.clone(),
            plan,
            planned,
            call,
            legal,
            dir,
        })
    }

    /// The folder that another launch of the same stage had.
    pub(super) fn folder_of(&self, launch: u32) -> PathBuf {
        StageDir::new(&self.call.workdir, self.run.clone(), launch, self.at.stage.clone()).path()
    }

    /// What must not get into the record of this launch, whose harness was given these variables. What the runtime
    /// itself gave the stage to report with is no secret, whatever a pattern says of it.
    #[must_use]
    pub(super) fn secrets(
        &self,
        given: BTreeMap<String, String>,
        commits: impl IntoIterator<Item = Oid>,
    ) -> Secrets {
        let results = self.legal.known.iter().map(ToString::to_string);
        let stages = self.plan.stages.keys().map(ToString::to_string);
        let classes = CLASSES.map(str::to_owned);
        let own = [self.call.nonce.to_string(), self.run.to_string(), self.item.to_string()];
        Secrets::of_given(&self.redaction, given).sparing(
            own.into_iter()
                .chain(results)
                .chain(stages)
                .chain(classes)
                .chain(commits.into_iter().map(|commit| commit.to_string())),
        )
    }

    /// The author of what the stage does.
    #[must_use]
    pub fn author(&self) -> Person {
        Person::new(
            &format!("{} ({})", self.at.stage, self.planned.runner),
            &format!("{}@millrace.invalid", self.at.stage),
        )
    }
}

/// The directory of an invocation, outside of the work tree: a `git clean` does not reach it.
#[must_use]
pub fn invocation_dir(project: &Project, nonce: &Nonce) -> PathBuf {
    project.store.private_dir().join("inv").join(nonce.as_str())
}

/// How often this stage was launched in this run before.
fn earlier_launches(view: &TreeView<'_, '_>, run: &RunId, number: u32, stage: &str) -> Result<u32, Fault> {
    let entries = view.list(&place::run_folder(run))?;
    let earlier = entries.iter().filter(|entry| {
        entry
            .name
            .split_once('-')
            .is_some_and(|(nth, name)| name == stage && nth.parse::<u32>().is_ok_and(|nth| nth < number))
    });
    Ok(u32::try_from(earlier.count()).unwrap_or(u32::MAX))
}
