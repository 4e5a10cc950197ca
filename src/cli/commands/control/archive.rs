//! `millrace control archive`, also `millrace archive`

use clap::Args;

use super::desk::{Desk, Once, Why};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::stdout::answer;
use crate::domain::transition::input::Input;
use crate::ledger::transact::Payloads;

/// Take an item out of the way on which nothing works. What waits for it keeps waiting: `supersede` names another one.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArguments {
    /// The item: `task/fix-login`, `fix-login`, or a beginning that no other item has.
    #[arg(value_name = "ITEM")]
    item: String,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl ArchiveArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let reason = self.why.or(&project, "archived by the operator")?;
        let trees = project.trees();
        let item = lookup::item(&project.view(&trees)?, &self.item)?;
        let desk = Desk::new(&project, "archive", &self.once);
        answer(context, &desk.ask(Input::Archive { item, reason }, &Payloads::default())?)
    }
}
