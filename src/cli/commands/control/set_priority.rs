//! `millrace control set-priority`, also `millrace set-priority`

use clap::Args;

use super::desk::{Desk, Once};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::stdout::answer;
use crate::domain::item::Priority;
use crate::domain::transition::input::Input;
use crate::ledger::transact::Payloads;

/// Give an item another priority. Among those of one priority it keeps its turn by arrival.
#[derive(Debug, Args)]
pub(crate) struct SetPriorityArguments {
    /// The item: `task/fix-login`, `fix-login`, or a beginning that no other item has.
    #[arg(value_name = "ITEM")]
    item: String,

    /// 0 is claimed first, 9 last.
    #[arg(value_name = "N", value_parser = priority)]
    priority: Priority,

    #[command(flatten)]
    once: Once,
}

fn priority(text: &str) -> Result<Priority, String> {
    let digit: u8 = text.parse().map_err(|_| "expected a digit, 0 (first) to 9 (last)".to_owned())?;
    Priority::try_from(digit).map_err(|error| error.to_string())
}

impl SetPriorityArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let trees = project.trees();
        let item = lookup::item(&project.view(&trees)?, &self.item)?;
        let desk = Desk::new(&project, "set-priority", &self.once);
        let input = Input::Prioritise { item, priority: self.priority };
        answer(context, &desk.ask(input, &Payloads::default())?)
    }
}
