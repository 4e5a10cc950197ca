//! `millrace control retarget`, also `millrace retarget`

use clap::Args;

use super::desk::{Desk, Once};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::stdout::answer;
use crate::domain::ids::ItemId;
use crate::domain::transition::input::Input;
use crate::ledger::transact::Payloads;

/// Let an item depend on another one than it does, or no longer. Its document stays as it is.
#[derive(Debug, Args)]
pub(crate) struct RetargetArguments {
    /// The item that waits.
    #[arg(value_name = "ITEM")]
    item: String,

    /// The dependency that goes, whole: it may be one that does not exist.
    #[arg(long, value_name = "ID")]
    from: ItemId,

    /// The item in its place, of the same kind.
    #[arg(long, value_name = "ITEM", required_unless_present = "drop")]
    to: Option<String>,

    /// Put nothing in its place.
    #[arg(long, conflicts_with = "to")]
    drop: bool,

    #[command(flatten)]
    once: Once,
}

impl RetargetArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let item = lookup::item(&view, &self.item)?;
        let to = self.to.as_deref().map(|to| lookup::item_of(&view, item.kind, to)).transpose()?;
        let desk = Desk::new(&project, "retarget", &self.once);
        let input = Input::Retarget { item, from: self.from.clone(), to: to.map(|to| to.id) };
        answer(context, &desk.ask(input, &Payloads::default())?)
    }
}
