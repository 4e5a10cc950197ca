//! `millrace control cancel`, also `millrace cancel` and `millrace queue cancel`

use clap::Args;

use super::answer::Controlled;
use super::desk::{Desk, Once, Why};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup::{self, Named};
use crate::cli::stdout::answer;
use crate::domain::ids::RunId;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::transition::input::Input;
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;

/// Take an item out of the queue, or end the run that works on it. It is archived, never deleted.
///
/// A run ends when its stage has been stopped; its work stays on the run branch.
#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
    /// The item (`task/fix-login`, `fix-login`, or a beginning that no other item has), or the run that is to end.
    #[arg(value_name = "ITEM|RUN", required_unless_present = "lineage", conflicts_with = "lineage")]
    id: Option<String>,

    /// Instead, everything that is open of a root spec: its tasks, specs and incidents, and its acceptance.
    #[arg(long, value_name = "ROOT")]
    lineage: Option<String>,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl CancelArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let reason = self.why.or(&project, "cancelled by the operator")?;
        let desk = Desk::new(&project, "cancel", &self.once);
        let trees = project.trees();
        let view = project.view(&trees)?;
        let input = match (&self.lineage, &self.id) {
            (Some(root), _) => {
                let root = lookup::item_of(&view, ItemKind::Spec, root)?;
                Input::CancelLineage { root: root.id, reason }
            }
            (None, id) => match lookup::item_or_run(&view, id.as_deref().unwrap_or_default())? {
                Named::Item(item) => Input::Cancel { item, reason },
                Named::Run(run) => match view.run(&run)? {
                    Some(active) if !active.closure => Input::Cancel { item: active.item, reason },
                    _ => {
                        let about = view.run_record(&run)?.filter(|record| !record.closure);
                        let about = about.map(|record| record.item);
                        return answer(context, &judging(&desk, run, about.as_ref(), reason)?);
                    }
                },
            },
        };
        answer(context, &desk.ask(input, &Payloads::default())?)
    }
}

/// A run that works on no item, or on none any more: it judges, or it has ended.
fn judging(
    desk: &Desk<'_>,
    run: RunId,
    about: Option<&ItemRef>,
    reason: String,
) -> Result<Controlled, Failure> {
    let before = |before: &Input| match before {
        Input::Cancel { item, .. } => Some(item) == about,
        Input::CancelRun { run: other, .. } => other == &run,
        _ => false,
    };
    match desk.answered(before)? {
        Some(before) => Ok(before),
        None => desk.ask(Input::CancelRun { run, reason }, &Payloads::default()),
    }
}
