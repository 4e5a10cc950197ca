//! `millrace control release`, also `millrace release`

use clap::Args;

use super::desk::{Desk, NO_LEDGER, Once, at_once};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::stdout::answer;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place::OpenState;
use crate::domain::transition::input::Input;
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;

/// Let held items be worked on: what came from outside waits for this word. Read them first.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArguments {
    /// The items: `task/fix-login`, `fix-login`, or a beginning that no other item has.
    #[arg(value_name = "ITEM", required_unless_present = "all", conflicts_with = "all")]
    items: Vec<String>,

    /// Instead, everything that is held.
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    once: Once,
}

impl ReleaseArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let desk = Desk::new(&project, "release", &self.once).otherwise("nothing is held");
        let trees = project.trees();
        let view = project.view(&trees)?;
        let (items, left) = if self.all {
            if let Some(before) = desk.answered(|before| matches!(before, Input::Release { .. }))? {
                return answer(context, &before);
            }
            if !view.exists()? {
                return answer(context, &desk.nothing(NO_LEDGER));
            }
            let mut held = Vec::new();
            for kind in ItemKind::ALL {
                let standing = view.standing(kind, OpenState::Held)?;
                held.extend(standing.into_iter().map(|(id, _)| ItemRef::new(kind, id)));
            }
            at_once(held)
        } else {
            (lookup::items(&view, &self.items)?, None)
        };
        answer(context, &desk.ask(Input::Release { items }, &Payloads::default())?.and(left))
    }
}
