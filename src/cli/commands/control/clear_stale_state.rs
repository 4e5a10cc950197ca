//! `millrace control clear-stale-state`, also `millrace clear-stale-state`

use clap::Args;

use super::desk::{Desk, NO_LEDGER, Once, Why};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stdout::answer;
use crate::domain::control::Control;
use crate::domain::run::Run;
use crate::domain::transition::input::Input;
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;
use crate::runtime::daemon_lock::probe;

/// Say what a runtime left that died, and strike its session off. Nothing is requeued, no counter is lost: a runtime
/// that starts proves what became of each stage, and goes on from there.
#[derive(Debug, Args)]
pub(crate) struct ClearStaleStateArguments {
    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    once: Once,
}

impl ClearStaleStateArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let reason = self.why.or(&project, "cleared by the operator")?;
        let desk = Desk::new(&project, "clear-stale-state", &self.once);
        if let Some(before) = desk.answered(|before| matches!(before, Input::EndSession { .. }))? {
            return answer(context, &before);
        }
        let trees = project.trees();
        let view = project.view(&trees)?;
        if !view.exists()? {
            return answer(context, &desk.nothing(NO_LEDGER));
        }
        let holder = probe(&project.store.private_dir())?;
        let control = view.control()?;
        let found = found(&control, &view.runs()?, holder.is_some());
        // One at most: who begins a session ends those that died before.
        let dead = control.sessions.into_iter().find(|session| Some(&session.program) != holder.as_ref());
        let cleared = match dead {
            Some(dead) => {
                desk.ask(Input::EndSession { session: dead.session, reason }, &Payloads::default())?
            }
            None => desk.nothing("no session is left of a runtime that died"),
        };
        answer(context, &cleared.and(Some(found)))
    }
}

/// What else there is, and what becomes of it.
fn found(control: &Control, runs: &[Run], attended: bool) -> String {
    let mut found = Vec::new();
    for run in runs.iter().filter(|_| !attended) {
        let under_way = match &run.launch {
            Some(launch) => format!(" (launch {} has no end yet)", launch.number),
            None => String::new(),
        };
        found.push(format!("nobody runs {} at {}{under_way}", run.item, run.stage));
    }
    found.extend(control.owed.as_ref().map(|owed| format!("the work tree holds what run {} left", owed.run)));
    found.extend(
        control.pauses.iter().map(|cause| format!("dispatch rests: {} ({})", cause.kind.key(), cause.owner)),
    );
    if found.is_empty() {
        return "nothing else was found".to_owned();
    }
    let next = if attended {
        "the runtime that lives sees to it"
    } else {
        "a runtime that starts goes on from there"
    };
    format!("found: {}; nothing is requeued, {next}", found.join(", "))
}
