//! `decide`: the rules. From the state and an input to a decision, or to a refusal that names why not.
//!
//! The rules may grow from release to release; [`RULES`](super::record::RULES) is their version, and verification
//! judges a commit again only with the version that judged it first.

mod adopt;
mod breaker;
mod cancel;
mod control;
mod end;
mod enqueue;
mod handoff;
mod incident;
mod intervene;
mod judge;
mod launch;
mod lineage;
mod outbox;
mod request;
mod route;
mod supersede;

use jiff::Timestamp;

use super::decision::{Decision, Effect};
use super::input::Input;
use super::refusal::Refusal;
use crate::domain::view::{Fault, View};

/// What a rule says: effects, or why not.
type Ruling = Result<Result<Decision, Refusal>, Fault>;

/// Decides an input that is asked at `at`.
///
/// The outer error is a fault: the state could not be read, and nothing is known. The inner one is a fact about the
/// state. A decision without effects means that the state is already as asked.
pub fn decide(view: &dyn View, at: Timestamp, input: &Input) -> Result<Result<Decision, Refusal>, Fault> {
    match (view.exists()?, input) {
        (false, Input::Genesis { ledger }) => {
            return Ok(Ok(Decision {
                effects: vec![Effect::Found { ledger: ledger.clone() }],
                notes: Vec::new(),
            }));
        }
        (true, Input::Genesis { .. }) => return Ok(Err(Refusal::LedgerExists)),
        (false, _) => return Ok(Err(Refusal::NoLedger)),
        (true, _) => {}
    }
    ruled(view, at, input)
}

/// The rule of each input.
fn ruled(view: &dyn View, at: Timestamp, input: &Input) -> Ruling {
    match input {
        Input::Genesis { .. } => Ok(Err(Refusal::LedgerExists)),
        Input::Requested { request, asks } => request::decide(view, at, request, asks),
        Input::Enqueue { documents } => enqueue::decide(view, at, documents),
        Input::TakeIdea { idea, text, found_in: _, spec } => enqueue::idea(view, at, idea, *text, spec),
        Input::Compile { plan, record, files, diagnostics } => {
            control::compile(view, plan, *record, files, *diagnostics)
        }
        Input::CompileFailed { diagnostics } => Ok(Ok(Decision {
            effects: vec![Effect::Diagnose { diagnostics: *diagnostics }],
            notes: Vec::new(),
        })),
        Input::BeginSession { session, program } => control::begin_session(view, at, session, program),
        Input::EndSession { session, reason: _ } => control::end_session(view, session),
        Input::Launch(launching) => launch::decide(view, at, launching),
        Input::Handoff(handoff) => handoff::decide(view, at, handoff),
        Input::TreeSettled { run, paths: _, to, snapshot } => {
            control::tree_settled(view, run, *to, *snapshot)
        }
        Input::Unresumable { run, detail } => intervene::unresumable(view, at, run, detail),
        Input::Cancel { item, reason } => cancel::decide(view, at, item, reason),
        Input::CancelRun { run, reason } => judge::cancel(view, at, run, reason),
        Input::CancelLineage { root, reason } => judge::cancel_lineage(view, at, root, reason),
        Input::Archive { item, reason } => intervene::archive(view, at, item, reason),
        Input::Retry(retrying) => intervene::retry(view, at, retrying),
        Input::RetryActive { run, reason } => intervene::retry_active(view, at, run, reason),
        Input::Reopen { run, claim } => intervene::reopen(view, at, run, claim),
        Input::Supersede { item, by, reason } => supersede::decide(view, at, item, by, reason),
        Input::Retarget { item, from, to } => supersede::retarget(view, item, from, to.as_ref()),
        Input::Prioritise { item, priority } => intervene::prioritise(view, item, *priority),
        Input::Release { items } => intervene::release(view, items),
        Input::Pause(cause) => control::pause(view, cause),
        Input::Resume { cause, owner } => control::resume(view, cause, owner.as_deref()),
        Input::Adopt(adopting) => adopt::decide(view, at, adopting),
        Input::Stop { session, now, reason } => control::stop(view, at, session, *now, reason),
    }
}
