//! `millrace control retry-active`, also `millrace retry-active`

use clap::Args;

use super::answer::Controlled;
use super::desk::{Desk, NO_LEDGER, Once, Why};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stdout::answer;
use crate::domain::plan::Plane;
use crate::domain::transition::input::Input;
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;

/// End the stage that is under way, and start it again from the code that it began with. It does not count as a
/// failure.
#[derive(Debug, Args)]
pub(crate) struct RetryActiveArguments {
    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl RetryActiveArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let desk = Desk::new(&project, "retry-active", &self.once);
        answer(context, &again(&desk, &self.why, None)?)
    }
}

/// Asks it of the active run; with a plane, only if the run is on that one.
pub(super) fn again(desk: &Desk<'_>, why: &Why, plane: Option<Plane>) -> Result<Controlled, Failure> {
    let reason = why.or(desk.project, "retried by the operator")?;
    if let Some(before) = desk.answered(|before| matches!(before, Input::RetryActive { .. }))? {
        return Ok(before);
    }
    let trees = desk.project.trees();
    let view = desk.project.view(&trees)?;
    if !view.exists()? {
        return Ok(desk.nothing(NO_LEDGER));
    }
    let Some(run) = view.runs()?.into_iter().next() else { return Ok(desk.nothing("no run is active")) };
    if let Some(plane) = plane.filter(|plane| *plane != run.stage.plane) {
        return Ok(desk.nothing(format!("run {} is at {}, not on the {plane} plane", run.run, run.stage)));
    }
    desk.ask(Input::RetryActive { run: run.run, reason }, &Payloads::default())
}
