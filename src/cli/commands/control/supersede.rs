//! `millrace control supersede`, also `millrace supersede`

use clap::Args;

use super::desk::{Desk, Once, Why};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::stdout::answer;
use crate::domain::transition::input::Input;
use crate::ledger::transact::Payloads;

/// Put one item in the place of another: the old one is archived, and what waits for it waits for the new one.
#[derive(Debug, Args)]
pub(crate) struct SupersedeArguments {
    /// The item that is replaced.
    #[arg(value_name = "OLD")]
    old: String,

    /// The item in its place, of the same kind; it is there already.
    #[arg(value_name = "NEW")]
    new: String,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl SupersedeArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let reason = self.why.or(&project, "superseded by the operator")?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let item = lookup::item(&view, &self.old)?;
        let by = lookup::item_of(&view, item.kind, &self.new)?.id;
        let desk = Desk::new(&project, "supersede", &self.once);
        answer(context, &desk.ask(Input::Supersede { item, by, reason }, &Payloads::default())?)
    }
}
