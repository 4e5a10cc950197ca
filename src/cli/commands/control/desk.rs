//! How a command of control is asked: what all of them take, and the way to the ledger and back.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::Args;

use super::answer::Controlled;
use super::words;
use crate::cli::failure::Failure;
use crate::domain::ids::RequestId;
use crate::domain::item::ItemRef;
use crate::domain::limits::{MAX_CHOSEN_ITEMS, MAX_NOTE_BYTES, MAX_REASON_BYTES};
use crate::domain::oid::Oid;
use crate::domain::receipt::Receipt;
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::Input;
use crate::domain::transition::record::{Actor, Transition};
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::{Fault, View as _};
use crate::ledger::history::{Step, commits, step};
use crate::ledger::transact::{Outcome, Payloads, TransactError};
use crate::ledger::view::TreeView;
use crate::runtime::daemon_lock::probe;
use crate::runtime::evidence::Secrets;
use crate::runtime::project::Project;

/// What is said where nothing was ever done in a repository.
pub(super) const NO_LEDGER: &str = "nothing to do: there is no ledger yet";

// Flattened into the arguments of commands, whose own comments are their help.
#[derive(Debug, Args)]
pub(crate) struct Once {
    /// A name for this request. Under one name the same thing is done once, however often it is asked for; the answer
    /// is the first one's.
    #[arg(long, value_name = "ID")]
    pub(super) request_id: Option<RequestId>,
}

// Flattened as well.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why; it is kept.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Why {
    /// The reason as it is kept.
    pub(super) fn or(&self, project: &Project, default: &str) -> Result<String, Failure> {
        let Some(reason) = self.reason.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(default.to_owned());
        };
        if reason.len() > MAX_REASON_BYTES {
            return Err(Failure::input(format!(
                "the reason has {} bytes; at most {MAX_REASON_BYTES} are kept",
                reason.len()
            ))
            .hint("say it in a sentence; `retry --note` takes more"));
        }
        Secrets::here(project)?.refuse(reason, "--reason").map_err(Failure::input)?;
        Ok(reason.to_owned())
    }
}

/// The bytes of a note, from the command line or from a file (`-` is stdin).
pub(super) fn note(
    project: &Project,
    text: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Vec<u8>>, Failure> {
    let (name, bytes) = match (text, file) {
        (None, None) => return Ok(None),
        (Some(text), _) => ("--note".to_owned(), text.as_bytes().to_vec()),
        (None, Some(path)) if path == Path::new("-") => ("<stdin>".to_owned(), read(path)?),
        (None, Some(path)) => (path.display().to_string(), read(path)?),
    };
    if bytes.len() > MAX_NOTE_BYTES {
        return Err(Failure::input(format!(
            "{name} is longer than {MAX_NOTE_BYTES} bytes, which a note may have"
        ))
        .hint("put it into a file of the repository, and name that file in the note"));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::input(format!("{name} is not UTF-8 text")))?;
    let text = text.trim_end();
    if text.is_empty() {
        return Err(Failure::input(format!("{name} is an empty note")));
    }
    Secrets::here(project)?.refuse(text, &name).map_err(Failure::input)?;
    Ok(Some(format!("{text}\n").into_bytes()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = MAX_NOTE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::input(format!("cannot read the note {}: {error}", path.display())))?;
    Ok(bytes)
}

/// What one commit takes of what was chosen, and in words how much that leaves.
pub(super) fn at_once(mut chosen: Vec<ItemRef>) -> (Vec<ItemRef>, Option<String>) {
    let left = chosen.len().saturating_sub(MAX_CHOSEN_ITEMS);
    chosen.truncate(MAX_CHOSEN_ITEMS);
    (chosen, (left > 0).then(|| format!("{left} more are left: ask again")))
}

/// A command of control at work in a project.
pub(super) struct Desk<'a> {
    pub(super) project: &'a Project,
    action: &'static str,
    request: Option<RequestId>,
    /// What is said where nothing changed, and nothing is known of why.
    otherwise: String,
}

impl<'a> Desk<'a> {
    /// For a command of this word.
    pub(super) fn new(project: &'a Project, action: &'static str, once: &Once) -> Self {
        Self { project, action, request: once.request_id.clone(), otherwise: "nothing to do".to_owned() }
    }

    /// The same, with other words for that there was nothing to do.
    pub(super) fn otherwise(self, otherwise: impl Into<String>) -> Self {
        Self { otherwise: otherwise.into(), ..self }
    }

    /// The answer where nothing is to be done, and nothing was asked of the ledger.
    pub(super) fn nothing(&self, detail: impl Into<String>) -> Controlled {
        Controlled {
            action: self.action,
            applied: false,
            detail: detail.into(),
            commit: None,
            request: self.request.clone(),
        }
    }

    /// Asks the ledger; under the request's name, where it has one.
    pub(super) fn ask(&self, input: Input, payloads: &Payloads) -> Result<Controlled, Failure> {
        if self.project.tip()?.is_none() && !matches!(input, Input::Pause(_)) {
            return Ok(self.nothing(NO_LEDGER));
        }
        self.refuse_secrets(&input)?;
        let closes = matches!(input, Input::Cancel { .. } | Input::Archive { .. });
        let input = match self.request.clone() {
            Some(request) => Input::Requested { request, asks: Box::new(input) },
            None => input,
        };
        let act = self.project.act(Actor::Operator, None)?;
        match self.project.transact(&act, &input, payloads) {
            Ok(Outcome::Committed { commit, transition }) => self.told(commit, &transition),
            Ok(Outcome::Unchanged { notes }) => match self.answered(|before| same(before, input.asked()))? {
                Some(before) => Ok(before),
                None => match self.receipt()? {
                    Some(receipt) => Err(TransactError::Refused(reused(receipt)).into()),
                    None => Ok(self.nothing(self.or_otherwise(words::joined(notes)))),
                },
            },
            // It is where it was to go.
            Err(TransactError::Refused(Refusal::AlreadyClosed { item, state: "archived" })) if closes => {
                Ok(self.nothing(format!("{item} is archived already")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Names that are kept, too, hold no secret.
    fn refuse_secrets(&self, input: &Input) -> Result<(), Failure> {
        let owner = match input {
            Input::Pause(cause) => Some(("--owner", cause.owner.as_str())),
            _ => None,
        };
        let request = self.request.as_ref().map(|request| ("--request-id", request.as_str()));
        for (option, text) in owner.into_iter().chain(request) {
            Secrets::here(self.project)?.refuse(text, option).map_err(Failure::input)?;
        }
        Ok(())
    }

    /// The answer that this request was given before, where it was `for_this`. Asked first where a command chooses from
    /// the state, which is another one by now.
    pub(super) fn answered(&self, for_this: impl Fn(&Input) -> bool) -> Result<Option<Controlled>, Failure> {
        let Some((_, receipt)) = self.receipt()? else { return Ok(None) };
        let step = self.number(receipt.seq)?;
        if !for_this(step.transition.input.asked()) {
            return Ok(None);
        }
        let mut answer = self.told(step.oid, &step.transition)?;
        answer.detail = format!("answered before, by number {}: {}", receipt.seq, answer.detail);
        Ok(Some(answer))
    }

    fn receipt(&self) -> Result<Option<(RequestId, Receipt)>, Failure> {
        let Some(request) = &self.request else { return Ok(None) };
        let trees = self.project.trees();
        let view = self.project.view(&trees)?;
        let receipt = if view.exists()? { view.receipt(request)? } else { None };
        Ok(receipt.map(|receipt| (request.clone(), receipt)))
    }

    /// The commit of this number. Commits are counted one by one, so it is as far back as the numbers say.
    fn number(&self, seq: u64) -> Result<Step, Failure> {
        let store = &self.project.store;
        let trees = self.project.trees();
        let missing = || Fault {
            at: format!("number {seq}"),
            detail: "a request was answered by it, and it is not in the chain".to_owned(),
        };
        let (tip, commit) = self.project.tip()?.ok_or_else(missing)?;
        let back = TreeView::new(&trees, Some(commit.tree)).seq()?.saturating_sub(seq);
        let found = commits(store, Some(tip)).nth(usize::try_from(back).unwrap_or(usize::MAX)).transpose()?;
        let step = step(store, &trees, found.ok_or_else(missing)?.0)?;
        if step.transition.seq == seq { Ok(step) } else { Err(missing().into()) }
    }

    fn told(&self, commit: Oid, transition: &Transition) -> Result<Controlled, Failure> {
        let receipts =
            |effect: &Effect| matches!(effect, Effect::Answer { .. } | Effect::ForgetAnswer { .. });
        let applied = !transition.decision.effects.iter().all(receipts);
        let attended = probe(&self.project.store.private_dir())?.is_some();
        let detail = words::of(transition.input.op(), &transition.decision, attended);
        Ok(Controlled { applied, commit: Some(commit), ..self.nothing(self.or_otherwise(detail)) })
    }

    fn or_otherwise(&self, detail: Option<String>) -> String {
        detail.unwrap_or_else(|| self.otherwise.clone())
    }
}

/// Whether two requests ask for the same, whatever the reasons and times.
fn same(one: &Input, other: &Input) -> bool {
    match (one, other) {
        (Input::Pause(one), Input::Pause(other)) => one.is(&other.kind.key(), &other.owner),
        (Input::Stop { now: one, .. }, Input::Stop { now: other, .. }) => one == other,
        (Input::Supersede { item, by, .. }, Input::Supersede { item: other, by: another, .. }) => {
            (item, by) == (other, another)
        }
        (Input::Retry(one), Input::Retry(other)) => {
            (&one.items, one.from_start, one.note) == (&other.items, other.from_start, other.note)
        }
        (
            Input::Resume { .. }
            | Input::Retarget { .. }
            | Input::Prioritise { .. }
            | Input::CancelRun { .. },
            _,
        ) => one == other,
        _ => one.op() == other.op() && one.items() == other.items(),
    }
}

/// The refusal of a request whose name stands for something else.
fn reused((request, receipt): (RequestId, Receipt)) -> Refusal {
    let items: Vec<String> = receipt.items.iter().map(ToString::to_string).collect();
    Refusal::RequestReused { request, op: receipt.op, items: items.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_for_one_commit_is_left() {
        let items = |count: usize| -> Vec<ItemRef> {
            (0..count).map(|n| format!("task/t{n}").parse().unwrap()).collect()
        };
        let most = items(MAX_CHOSEN_ITEMS);
        assert_eq!(at_once(most.clone()), (most.clone(), None));
        let left = Some("2 more are left: ask again".to_owned());
        assert_eq!(at_once(items(MAX_CHOSEN_ITEMS + 2)), (most, left));
    }
}
