//! From the frozen plan's configuration to the harness that does a stage.

use thiserror::Error;

use crate::domain::ids::{PlanId, RunnerName};
use crate::domain::place;
use crate::domain::view::Fault;
use crate::format::config::{Config, Redaction, Runner};
use crate::ledger::view::TreeView;

/// Why a plan's runner cannot be had.
#[derive(Debug, Error)]
pub enum RunnerError {
    /// The tree cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The plan has no configuration, or one that cannot be read.
    #[error("{plan}: its configuration cannot be read: {detail}")]
    Config {
        /// The plan.
        plan: PlanId,
        /// What is wrong.
        detail: String,
    },
    /// The plan names a runner that its configuration does not have.
    #[error("{plan} names the runner `{runner}`, which its configuration does not have")]
    Unknown {
        /// The plan.
        plan: PlanId,
        /// The runner.
        runner: RunnerName,
    },
}

/// The configuration that was frozen with a plan.
pub fn frozen_config(view: &TreeView<'_, '_>, plan: &PlanId) -> Result<Config, RunnerError> {
    let broken = |detail: &str| RunnerError::Config { plan: plan.clone(), detail: detail.to_owned() };
    let path = place::plan_file(plan, crate::compile::CONFIG_FILE).ok_or_else(|| broken("no path"))?;
    let bytes = view.file(&path)?.ok_or_else(|| broken("it is missing"))?;
    crate::compile::frozen_config(&bytes).map_err(|error| broken(&error.to_string()))
}

/// What else is a secret, by the configuration that was frozen with a plan.
pub fn redaction(view: &TreeView<'_, '_>, plan: &PlanId) -> Result<Redaction, RunnerError> {
    Ok(frozen_config(view, plan)?.redaction)
}

/// The runner of a configuration.
pub fn runner<'c>(config: &'c Config, plan: &PlanId, name: &RunnerName) -> Result<&'c Runner, RunnerError> {
    config
        .runners
        .tables
        .get(name)
        .ok_or_else(|| RunnerError::Unknown { plan: plan.clone(), runner: name.clone() })
}
