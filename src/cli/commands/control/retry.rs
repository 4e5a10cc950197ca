//! `millrace control retry`, also `millrace retry`

use std::path::PathBuf;

use clap::Args;

use super::desk::{Desk, NO_LEDGER, Once, Why, at_once, note};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::stdout::answer;
use crate::domain::closure::TargetState;
use crate::domain::ids::FailureClass;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place::OpenState;
use crate::domain::transition::input::{Input, Retrying};
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;
use crate::ledger::view::TreeView;

/// Let blocked items go on, all of them in one commit: at the stage that failed, with the work so far, and with new
/// counters.
///
/// A root spec stands for its acceptance, where that is blocked. What is not blocked stays as it is, and is named.
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    /// The items: `task/fix-login`, `fix-login`, or a beginning that no other item has.
    #[arg(value_name = "ITEM", required_unless_present = "all_blocked", conflicts_with = "all_blocked")]
    items: Vec<String>,

    /// Instead, everything that is blocked.
    #[arg(long)]
    all_blocked: bool,

    /// Of that, only what is blocked by this class of failure.
    #[arg(long, value_name = "CLASS", requires = "all_blocked")]
    class: Option<FailureClass>,

    /// Begin at the plan's first stage, from the code as it is, instead of where it failed.
    #[arg(long)]
    from_start: bool,

    /// What the next stage is to know; it gets it as a file.
    #[arg(long, value_name = "TEXT", conflicts_with = "note_file")]
    note: Option<String>,

    /// The same, from a file; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    note_file: Option<PathBuf>,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl RetryArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let reason = self.why.or(&project, "retried by the operator")?;
        let note = note(&project, self.note.as_deref(), self.note_file.as_deref())?;
        let desk = Desk::new(&project, "retry", &self.once).otherwise(match &self.class {
            Some(class) => format!("nothing is blocked by {class}"),
            None => "nothing is blocked".to_owned(),
        });
        let trees = project.trees();
        let view = project.view(&trees)?;
        let (items, left) = if self.all_blocked {
            if let Some(before) = desk.answered(|before| matches!(before, Input::Retry(_)))? {
                return answer(context, &before);
            }
            if !view.exists()? {
                return answer(context, &desk.nothing(NO_LEDGER));
            }
            at_once(blocked(&view, self.class.as_ref())?)
        } else {
            (lookup::items(&view, &self.items)?, None)
        };
        let mut payloads = Payloads::default();
        let note = note.map(|bytes| payloads.add(&project.store, bytes)).transpose()?;
        let retrying = Retrying { items, reason, from_start: self.from_start, note };
        answer(context, &desk.ask(Input::Retry(retrying), &payloads)?.and(left))
    }
}

/// What is blocked, by a class or by any: items, and roots whose acceptance is.
fn blocked(view: &TreeView<'_, '_>, class: Option<&FailureClass>) -> Result<Vec<ItemRef>, Failure> {
    let fits = |found: Option<FailureClass>| class.is_none_or(|class| found.as_ref() == Some(class));
    let mut items = Vec::new();
    for kind in ItemKind::ALL {
        for (id, _) in view.standing(kind, OpenState::Blocked)? {
            let item = ItemRef::new(kind, id);
            let reason = view.recovery(&item)?.and_then(|recovery| recovery.blocked);
            if fits(reason.map(|blocked| blocked.class)) {
                items.push(item);
            }
        }
    }
    for root in view.control()?.targets {
        if let Some(target) = view.target(&root)?
            && let TargetState::Blocked { class: found, .. } = &target.state
            && fits(Some(found.clone()))
        {
            items.push(target.item());
        }
    }
    Ok(items)
}
