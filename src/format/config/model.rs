//! What a configuration says, with its defaults.

use std::collections::{BTreeMap, BTreeSet};

use super::DEFAULT_STAGE_TIMEOUT_SECONDS;
use super::contract::{Runner, RunnerKind};
use super::hooks::HookRules;
use super::redaction::Redaction;
use crate::domain::budget::Budget;
use crate::domain::ids::{ModeId, RunnerName, StageName};
use crate::domain::limits::{
    DEFAULT_MAX_INTERRUPTIONS, DEFAULT_MAX_LAUNCHES, DEFAULT_MAX_OPEN_ROOTS, DEFAULT_MAX_REJECTED_HANDOFFS,
    DEFAULT_MAX_REMEDIATION_ROUNDS,
};
pub use crate::domain::plan::{BetweenItems, OnDone};
use crate::domain::price::Price;

/// A whole configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `[runtime]`
    pub runtime: Runtime,
    /// `[workspace]`
    pub workspace: WorkspaceRules,
    /// `[snapshot]`
    pub snapshot: SnapshotRules,
    /// `[redaction]`
    pub redaction: Redaction,
    /// `[limits]`
    pub limits: Limits,
    /// `[recovery]`
    pub recovery: Recovery,
    /// `[watchers]`
    pub watchers: Watchers,
    /// `[hooks]`
    pub hooks: HookRules,
    /// `[runners]`
    pub runners: Runners,
    /// `[model_tiers]`
    pub model_tiers: ModelTiers,
    /// `[prices.<model>]`
    pub prices: BTreeMap<String, Price>,
    /// `[stages.<stage>]`
    pub stages: BTreeMap<StageName, StageSettings>,
}

impl Config {
    /// The runner of a stage: its own, else the default one.
    #[must_use]
    pub fn runner_of(&self, stage: &StageName) -> &RunnerName {
        self.stages
            .get(stage)
            .and_then(|settings| settings.runner.as_ref())
            .unwrap_or(&self.runners.default_runner)
    }

    /// The seconds that one launch of a stage may take with this runner: its own, else the runner's.
    #[must_use]
    pub fn timeout_of(&self, stage: &StageName, runner: &RunnerName) -> u64 {
        let own = self.stages.get(stage).and_then(|settings| settings.timeout_seconds);
        let of_runner = || self.runners.tables.get(runner)?.timeout_seconds;
        own.or_else(of_runner).unwrap_or(DEFAULT_STAGE_TIMEOUT_SECONDS)
    }

    /// The same without the runners that neither it nor `used` names: what a plan freezes.
    #[must_use]
    pub fn with_runners(&self, used: &BTreeSet<&RunnerName>) -> Self {
        let mut config = self.clone();
        config.runners.tables.retain(|name, _| self.names_runner(name) || used.contains(name));
        config
    }

    /// Whether a key names this runner.
    #[must_use]
    pub fn names_runner(&self, name: &RunnerName) -> bool {
        let of_tier =
            |tier: &ModelTier| matches!(tier, ModelTier::ByRunner(models) if models.contains_key(name));
        &self.runners.default_runner == name
            || self.stages.values().any(|stage| stage.runner.as_ref() == Some(name))
            || self.model_tiers.0.values().any(of_tier)
    }
}

/// `[runtime]`
#[derive(Debug, Clone, PartialEq)]
pub struct Runtime {
    /// The mode that a plan is compiled from.
    pub default_mode: ModeId,
    /// Kept, without effect: the command says how to run.
    pub run_style: RunStyle,
    /// Seconds that an idle daemon sleeps at most before it looks again; over 0.
    pub idle_sleep_seconds: f64,
}

/// How the reference runtime was told to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStyle {
    /// `once`
    Once,
    /// `daemon`
    Daemon,
}

/// `[workspace]`: what happens to the work tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkspaceRules {
    /// When an item ended blocked or cancelled.
    pub between_items: BetweenItems,
    /// When an item is done.
    pub on_done: OnDone,
}

/// `[snapshot]`: what a code snapshot leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRules {
    /// Patterns of untracked paths, besides the shipped ones.
    pub exclude: Vec<String>,
    /// Bytes over which a file is left out and named.
    pub max_file_bytes: u64,
}

/// `[limits]`; all over 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Launches of one item over its life, all runs and stages together.
    pub max_launches_per_item: u32,
    /// Interruptions of one run before it is blocked.
    pub max_interruptions: u32,
    /// Handoffs in a row of one stage that could not be taken; what comes then counts as a failure of its work.
    pub max_rejected_handoffs: u32,
    /// Rounds of remediation of one root before it asks an operator.
    pub max_remediation_rounds: u32,
    /// Roots that are worked on at a time.
    pub max_open_roots: u32,
    /// `[limits.per_item]` and its like: what launches may use.
    pub budget: Budget,
}

/// `[recovery]`; all numbers over 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Rounds of fixing before the plan's escalation.
    pub max_fix_cycles: u32,
    /// Repairs of one failure class before the consultant is called.
    pub max_troubleshoot_attempts_before_consult: u32,
    /// Repairs of one failure class in planning.
    pub max_mechanic_attempts: u32,
    /// Calls of the consultant for one item before it is blocked.
    pub max_consultant_invocations: u32,
    /// Kept, without effect: recovery is reading the last commit.
    pub stale_state_recovery_enabled: bool,
}

/// `[watchers]`: whether a daemon takes in what lies in the inboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchers {
    /// Whether anything is watched.
    pub enabled: bool,
    /// Milliseconds for which a file has to stay as it is before it is taken; over 0.
    pub debounce_ms: u64,
    /// Whether `ideas/inbox/*.md` are taken in as ideas.
    pub watch_ideas_inbox: bool,
    /// Whether `specs/inbox/*.md` are taken in as specs. The reference watched the folder that was its queue.
    pub watch_specs_queue: bool,
}

/// `[runners]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runners {
    /// The runner of every stage that names none.
    pub default_runner: RunnerName,
    /// The runners by name. Those whose shipped contract says everything are always there; the table of `codex_cli` is
    /// called `[runners.codex]`.
    pub tables: BTreeMap<RunnerName, Runner>,
}

/// `[stages.<stage>]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageSettings {
    /// The runner of this stage.
    pub runner: Option<RunnerName>,
    /// The model that its harness is asked for.
    pub model: Option<String>,
    /// Seconds that one launch may take, over 0.
    pub timeout_seconds: Option<u64>,
}

/// `[model_tiers]`: names that stand for models, so that a mode can say `tier:strong` and each machine what that is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelTiers(pub BTreeMap<String, ModelTier>);

/// What one tier stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelTier {
    /// This model, whoever runs it.
    One(String),
    /// A model for each of these runners.
    ByRunner(BTreeMap<RunnerName, String>),
}

/// What a model begins with that is a tier.
pub const TIER: &str = "tier:";

/// Why a tier stands for no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoModel<'a> {
    /// There is no such tier.
    Unknown(&'a str),
    /// It says nothing for the stage's runner.
    Runner(&'a str),
}

impl ModelTiers {
    /// The model that is asked for: what is said, or what its tier stands for with this runner.
    pub fn resolve<'a>(&'a self, said: &'a str, runner: &RunnerName) -> Result<&'a str, NoModel<'a>> {
        let Some(name) = said.strip_prefix(TIER) else { return Ok(said) };
        match self.0.get(name) {
            None => Err(NoModel::Unknown(name)),
            Some(ModelTier::One(model)) => Ok(model),
            Some(ModelTier::ByRunner(models)) => {
                models.get(runner).map(String::as_str).ok_or(NoModel::Runner(name))
            }
        }
    }
}

/// A name that is written in this file; a test makes every default, so none of them can be wrong.
fn written<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &'static str) -> T {
    name.parse().expect("a valid name")
}

/// The name of the runner whose table is `[runners.codex]`.
pub(super) const CODEX: &str = "codex_cli";

/// The table of a runner: its name, but for the one that the reference calls otherwise.
#[must_use]
pub fn table_of(name: &RunnerName) -> &str {
    if name.as_str() == CODEX { "codex" } else { name.as_str() }
}

impl Default for Runtime {
    fn default() -> Self {
        Self { default_mode: written("standard_plain"), run_style: RunStyle::Daemon, idle_sleep_seconds: 1.0 }
    }
}

impl Default for WorkspaceRules {
    fn default() -> Self {
        Self { between_items: BetweenItems::Restore, on_done: OnDone::Leave }
    }
}

impl Default for SnapshotRules {
    fn default() -> Self {
        Self { exclude: Vec::new(), max_file_bytes: 10 * 1024 * 1024 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_launches_per_item: DEFAULT_MAX_LAUNCHES,
            max_interruptions: DEFAULT_MAX_INTERRUPTIONS,
            max_rejected_handoffs: DEFAULT_MAX_REJECTED_HANDOFFS,
            max_remediation_rounds: DEFAULT_MAX_REMEDIATION_ROUNDS,
            max_open_roots: DEFAULT_MAX_OPEN_ROOTS,
            budget: Budget::default(),
        }
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_fix_cycles: 2,
            max_troubleshoot_attempts_before_consult: 2,
            max_mechanic_attempts: 2,
            max_consultant_invocations: 2,
            stale_state_recovery_enabled: true,
        }
    }
}

impl Default for Watchers {
    fn default() -> Self {
        Self { enabled: false, debounce_ms: 250, watch_ideas_inbox: true, watch_specs_queue: true }
    }
}

impl Default for Runners {
    fn default() -> Self {
        let always = RunnerKind::ALL.into_iter().filter(|kind| kind.needs_no_table());
        let tables = always.map(|kind| (written(kind.as_str()), Runner::shipped(kind))).collect();
        Self { default_runner: written(CODEX), tables }
    }
}
