//! `millrace control stop`, also `millrace stop`

use clap::Args;

use super::desk::{Desk, Once, Why};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stdout::answer;
use crate::domain::transition::input::Input;
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;
use crate::runtime::daemon_lock::probe;

/// Let the daemon that runs here end when its stage has ended. Where none lives, that is refused.
///
/// What it leaves goes on when a daemon is started again.
#[derive(Debug, Args)]
pub(crate) struct StopArguments {
    /// End its stage as well; that one runs again from its beginning when a daemon is started again.
    #[arg(long)]
    now: bool,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl StopArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let reason = self.why.or(&project, "stopped by the operator")?;
        let desk = Desk::new(&project, "stop", &self.once);
        if let Some(before) = desk.answered(|before| matches!(before, Input::Stop { .. }))? {
            return answer(context, &before);
        }
        let Some(holder) = probe(&project.store.private_dir())? else {
            return Err(Failure::new(Exit::Refused, "no runtime lives here that could be stopped")
                .hint("`millrace pause` keeps the next one from starting stages"));
        };
        let trees = project.trees();
        let view = project.view(&trees)?;
        let sessions = if view.exists()? { view.control()?.sessions } else { Vec::new() };
        // Others that are listed died without a word: the lock has one holder, and says who it is.
        let Some(session) = sessions.into_iter().find(|session| session.program == holder) else {
            return Err(Failure::new(
                Exit::Refused,
                format!("the runtime that works here has no session to stop: {holder}"),
            )
            .hint("`millrace run once` ends by itself after its stage; a daemon that only just starts has one soon"));
        };
        let input = Input::Stop { session: session.session, now: self.now, reason };
        answer(context, &desk.ask(input, &Payloads::default())?)
    }
}
