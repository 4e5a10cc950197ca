//! `millrace queue cancel`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::Input;
use crate::domain::transition::record::Actor;
use crate::ledger::transact::{Outcome, Payloads};
use crate::runtime::daemon_lock::probe;

/// Take an item out of the queue, or end the run that works on it.
///
/// A run ends when its stage has been stopped; its work stays on the run branch.
#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
    /// The item: `task/fix-login`, `fix-login`, or a beginning that no other item has.
    #[arg(value_name = "ID")]
    item: String,

    /// Why; it is kept.
    #[arg(long, value_name = "TEXT", default_value = "cancelled by the operator")]
    reason: String,
}

/// What a cancel came to.
#[derive(Debug, Serialize)]
struct Cancelled {
    item: ItemRef,
    commit: Option<Oid>,
    /// The run that is to end first, where one works on the item.
    ending_run: Option<RunId>,
    /// Whether a runtime lives that ends it.
    attended: bool,
}

impl CancelArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let trees = project.trees();
        let item = lookup::item(&project.view(&trees)?, &self.item)?;
        let act = project.act(Actor::Operator, None)?;
        let input = Input::Cancel { item: item.clone(), reason: self.reason.trim().to_owned() };
        let outcome = project.transact(&act, &input, &Payloads::default())?;
        let ending_run = match &outcome {
            Outcome::Committed { transition, .. } => {
                transition.decision.effects.iter().find_map(|effect| match effect {
                    Effect::AskCancel { run, .. } => Some(run.clone()),
                    _ => None,
                })
            }
            Outcome::Unchanged { .. } => None,
        };
        let attended = probe(&project.store.private_dir())?.is_some();
        answer(context, &Cancelled { item, commit: outcome.commit(), ending_run, attended })
    }
}

impl Answer for Cancelled {
    const KIND: &'static str = "queue_cancel";

    fn text(&self, page: &mut Page) {
        match (&self.ending_run, self.commit) {
            (Some(run), _) if self.attended => {
                page.line(format!("{}: run {run} ends when its stage has stopped", self.item));
            }
            (Some(run), _) => {
                page.line(format!("{}: run {run} ends when a runtime takes it up again", self.item));
            }
            (None, Some(_)) => page.line(format!("{}: cancelled", self.item)),
            (None, None) => page.line(format!("{}: is being cancelled already", self.item)),
        }
    }
}
