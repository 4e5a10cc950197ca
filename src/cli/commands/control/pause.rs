//! `millrace control pause`, also `millrace pause`

use clap::Args;

use super::desk::{Desk, Once, Why};
use super::resume::owner;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stdout::answer;
use crate::domain::control::{OPERATOR, PauseCause, PauseKind};
use crate::domain::transition::input::Input;
use crate::ledger::transact::Payloads;
use crate::runtime::source;

/// Let no stage start until the same owner resumes. A stage that runs goes on to its end.
///
/// Each owner has a pause of its own, and dispatch rests as long as one of them stands.
#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// Whose pause it is: only the same name lifts it.
    #[arg(long, value_name = "NAME", default_value = OPERATOR, value_parser = owner)]
    owner: String,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl PauseArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let cause = PauseCause {
            named: false,
            kind: PauseKind::Operator,
            owner: self.owner.clone(),
            since: source::now(),
            detail: self.why.or(&project, "paused by the operator")?,
            until: None,
            times: 1,
        };
        let desk = Desk::new(&project, "pause", &self.once)
            .otherwise(format!("{} has paused dispatch already", self.owner));
        answer(context, &desk.ask(Input::Pause(cause), &Payloads::default())?)
    }
}
