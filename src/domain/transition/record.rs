//! `transition.toml`: what made a commit, with everything needed to judge and apply it again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::{Decision, Effect};
use super::input::{Content, Input};
use crate::domain::ids::{LedgerId, PlanId};
use crate::domain::item::ItemRef;
use crate::domain::place::TreePath;
use crate::domain::plan::StageRef;
use crate::domain::run::Run;
use crate::domain::view::{Fault, View};

/// The version of the rules that [`super::decide::decide`] holds.
pub const RULES: u32 = 4;

/// The version of the ledger's format that [`super::apply::apply`] writes.
pub const FORMAT: u32 = 1;

/// What made a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The version of the rules that decided.
    pub rules: u32,
    /// The number of this commit in its ledger, from 1.
    pub seq: u64,
    /// When it was asked for. For display: order is the chain's.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// The run's item, stage and plan, where it is about a run: what a reader of the log wants to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// What was asked.
    pub input: Input,
    /// What was decided.
    pub decision: Decision,
    /// The bytes it placed in the tree, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payloads: BTreeMap<TreePath, Content>,
}

/// What a launch or a handoff is about. Derived from the state before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The item.
    pub item: ItemRef,
    /// The stage.
    pub stage: StageRef,
    /// The plan.
    pub plan: PlanId,
}

impl Subject {
    /// The subject of an input, from the state before it and what was decided.
    pub fn of(view: &dyn View, input: &Input, decision: &Decision) -> Result<Option<Self>, Fault> {
        let id = match input.asked() {
            Input::Launch(launching) => &launching.run,
            Input::Handoff(handoff) => &handoff.run,
            Input::Reopen { run, .. } | Input::Unresumable { run, .. } | Input::RetryActive { run, .. } => {
                run
            }
            _ => return Ok(None),
        };
        let opened = decision.effects.iter().find_map(|effect| match effect {
            Effect::Open { run } if &run.run == id => Some(Run::clone(run)),
            _ => None,
        });
        let run = match opened {
            Some(run) => Some(run),
            None => view.run(id)?,
        };
        Ok(run.map(|run| Self { item: run.item, stage: run.stage, plan: run.plan }))
    }
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person or an agent, by a command.
    Operator,
    /// The runtime, between stages.
    Daemon,
    /// A git hook.
    Hook,
}

impl Actor {
    /// The actor's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Daemon => "daemon",
            Self::Hook => "hook",
        }
    }
}

/// `ledger.toml`: which ledger this is, and in which format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerRecord {
    /// The format; a writer refuses a newer one.
    pub format: u32,
    /// The ledger's id.
    pub ledger: LedgerId,
}
