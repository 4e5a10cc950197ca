//! `millrace control resume`, also `millrace resume`

use clap::Args;
use jiff::Timestamp;

use super::answer::Controlled;
use super::desk::{Desk, NO_LEDGER, Once};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::time;
use crate::cli::stdout::answer;
use crate::domain::control::{Control, OPERATOR, PauseCause, PauseKind};
use crate::domain::limits::MAX_ID_BYTES;
use crate::domain::transition::input::Input;
use crate::domain::view::View as _;
use crate::ledger::transact::Payloads;
use crate::runtime::project::Project;
use crate::runtime::source;
use crate::runtime::tree::{lacking, names, not_come};

/// Lift a pause: the one of its owner, and no other. The answer names what keeps dispatch from going on all the same.
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// Whose pause is lifted.
    #[arg(long, value_name = "NAME", default_value = OPERATOR, value_parser = owner)]
    owner: String,

    /// Instead, a harness that rests after an outage (`harness:codex_cli`) is tried again at once: its cause stands
    /// until a stage of it has come to something. Or `approval`: what was begun on another machine and came with its
    /// ledger goes on here, once the work tree has its code.
    #[arg(long, value_name = "CAUSE", conflicts_with = "owner")]
    cause: Option<String>,

    #[command(flatten)]
    once: Once,
}

/// The name of a pause's owner. The runtime's own causes are not lifted under its name.
pub(super) fn owner(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if text.is_empty() || text.len() > MAX_ID_BYTES || !text.bytes().all(fits) {
        return Err(format!("expected at most {MAX_ID_BYTES} letters, digits, `.`, `_` or `-`"));
    }
    if text == "runtime" {
        return Err("that is what the runtime calls itself".to_owned());
    }
    Ok(text.to_owned())
}

impl ResumeArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let desk = Desk::new(&project, "resume", &self.once)
            .otherwise(format!("{} has not paused dispatch", self.owner));
        let resumed = if self.cause.as_deref() == Some(PauseKind::Approval.key().as_str()) {
            goes_on_here(&desk.otherwise("nothing that was begun elsewhere waits for approval".to_owned()))?
        } else if let Some(cause) = &self.cause {
            probes(&desk, cause)?
        } else {
            let (cause, owner) = (PauseKind::Operator.key(), Some(self.owner.clone()));
            desk.ask(Input::Resume { cause, owner }, &Payloads::default())?
        };
        let rests = rests(&project, source::now())?;
        answer(context, &resumed.and(rests))
    }
}

/// What was begun on another machine goes on here. Its code has to be in the work tree: a stage takes what it finds
/// there for what was made.
fn goes_on_here(desk: &Desk<'_>) -> Result<Controlled, Failure> {
    let (cause, owner) = (PauseKind::Approval.key(), OPERATOR.to_owned());
    let asked = Input::Resume { cause: cause.clone(), owner: Some(owner.clone()) };
    if let Some(before) = desk.answered(|before| *before == asked)? {
        return Ok(before);
    }
    let trees = desk.project.trees();
    let view = desk.project.view(&trees)?;
    let rests = view.exists()? && view.control()?.pauses.iter().any(|pause| pause.is(&cause, &owner));
    if rests && !desk.project.repository.is_bare() {
        for run in view.runs()? {
            if let Some(detail) = not_come(desk.project, &run)? {
                return Err(Failure::failed(detail));
            }
            let lacking = lacking(desk.project, &run).map_err(Failure::failed)?;
            if !lacking.is_empty() {
                return Err(Failure::failed(format!(
                    "the work tree has not the code of run {}: {}",
                    run.run,
                    names(&lacking)
                ))
                .hint(format!(
                    "`millrace recover {} --code` puts it there, and keeps what is there; or `millrace cancel {}`",
                    run.run, run.item
                )));
            }
        }
    }
    desk.ask(asked, &Payloads::default())
}

/// The harness's next probe is due now.
fn probes(desk: &Desk<'_>, key: &str) -> Result<Controlled, Failure> {
    if !key.starts_with("harness:") {
        return Err(Failure::input(format!("{} is no harness that can be tried again", key.escape_debug()))
            .hint("`harness:` and a runner, as `millrace status` has it, or `approval`; a pause is lifted with `--owner`"));
    }
    let probes = |before: &Input| matches!(before, Input::Pause(cause) if cause.kind.key() == key);
    if let Some(before) = desk.answered(probes)? {
        return Ok(before);
    }
    let Some(control) = control(desk.project)? else { return Ok(desk.nothing(NO_LEDGER)) };
    let now = source::now();
    let Some(cause) = control.pauses.into_iter().find(|cause| cause.kind.key() == key) else {
        return Ok(desk.nothing(format!("{key} does not rest")));
    };
    if cause.until.is_some_and(|until| until <= now) {
        return Ok(desk.nothing(format!("the next try of {key} is due already")));
    }
    desk.ask(Input::Pause(PauseCause { until: Some(now), ..cause }), &Payloads::default())
}

fn control(project: &Project) -> Result<Option<Control>, Failure> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    Ok(if view.exists()? { Some(view.control()?) } else { None })
}

/// What keeps dispatch, or a part of it, from going on.
fn rests(project: &Project, now: Timestamp) -> Result<Option<String>, Failure> {
    let Some(control) = control(project)? else { return Ok(None) };
    let standing = control.pauses.iter().filter(|cause| cause.until.is_none_or(|until| until > now));
    let causes: Vec<String> = standing
        .map(|cause| {
            let until = cause.until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
            format!("{} ({}{until})", cause.kind.key(), cause.owner)
        })
        .collect();
    Ok((!causes.is_empty()).then(|| format!("dispatch still rests: {}", causes.join(", "))))
}
