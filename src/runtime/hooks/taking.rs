//! Candidates into the ledger: what is new of them, all in one commit where that goes.

use std::collections::{HashMap, HashSet};

use super::candidates::{Candidate, Candidates, RuleTerms, What};
use super::{Call, HOOK_LOCK_WAIT, HookError, Report};
use crate::domain::ids::{BadId, ItemId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::limits::{MAX_ID_BYTES, MAX_INTAKE_DOCUMENTS};
use crate::domain::oid::Oid;
use crate::domain::transition::record::Actor;
use crate::domain::view::{Fault, View};
use crate::format::hooks::Kind;
use crate::format::idea::{idea_id, spec_id};
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectKind, Store as _};
use crate::ledger::transact::TransactError;
use crate::runtime::intake::{
    Document, Idea, IntakeError, Prepared, Reader, TakenIn, Terms, add_idea, enqueue,
};
use crate::runtime::project::Project;

/// Digits of a content's id that tell a changed document from the one that has its name.
const DIGITS: usize = 8;

/// New documents of one call: one commit of the ledger.
const MAX_NEW: usize = 1000;

/// Documents of one call that are read: known ones, and those that are refused, cost the reading alone.
const MAX_READ: usize = 20_000;

/// How to have what was left out.
const AGAIN: &str = "the same call again takes the next";

/// How many documents there were.
#[derive(Debug, Default)]
struct Documents {
    new: usize,
    read: usize,
    left: usize,
}

impl Documents {
    /// Whether one more is read. Only new ones take the room of new ones: else the same call again would stop at the same.
    fn may_be_read(&mut self) -> bool {
        let may = self.new < MAX_NEW && self.read < MAX_READ;
        if may {
            self.read += 1;
        } else {
            self.left += 1;
        }
        may
    }
}

/// Something that is about to be taken.
struct Ready {
    rule: usize,
    shown: String,
    how: How,
}

enum How {
    Document(Box<Prepared>),
    Idea { idea: Idea, terms: Terms },
}

/// Takes what is new.
pub(super) fn take(
    project: &Project,
    call: &Call,
    candidates: Candidates<'_>,
    report: &mut Report,
) -> Result<(), HookError> {
    let Candidates { rules, found, mut failed, .. } = candidates;
    let mut ready = Vec::new();
    let mut taken: HashMap<usize, usize> = HashMap::new();
    let mut left: HashMap<usize, usize> = HashMap::new();
    let mut documents = Documents::default();
    if !found.is_empty() {
        let trees = project.trees();
        let view = project.view(&trees)?;
        let mut batch = HashMap::new();
        let reader = match Reader::of(project, &hook_terms()) {
            Ok(reader) => reader,
            Err(error) => return Err(whole(error)),
        };
        // What an agent commits is not trusted as its user is, whatever it did to its environment.
        let held = call.hook.is_of_a_work_tree() && !view.runs().map_err(TransactError::from)?.is_empty();
        for mut candidate in found {
            let rule = candidate.rule;
            let is_document = matches!(candidate.what, What::Document { .. });
            if taken.get(&rule).copied().unwrap_or_default() >= rules[rule].most {
                // It is not looked at: there may be thousands.
                *left.entry(rule).or_default() += 1;
                continue;
            }
            if is_document && !documents.may_be_read() {
                continue;
            }
            if held && candidate.trusted {
                candidate.trusted = false;
                candidate.origin.push_str("; a run was under way");
            }
            match read(project, &reader, &view, &mut batch, candidate) {
                Ok(Look::Known) => report.known += 1,
                Ok(Look::New(one)) => {
                    *taken.entry(rule).or_default() += 1;
                    documents.new += usize::from(is_document);
                    ready.push(*one);
                }
                Err(Failed::Document(line)) => {
                    failed.insert(rule);
                    report.problems.push(line);
                }
                Err(Failed::All(error)) => return Err(error),
            }
        }
    }
    report.more = documents.left > 0 || !left.is_empty();
    for (rule, more) in left {
        let RuleTerms { name, most, .. } = &rules[rule];
        report.left_out.push(format!(
            "up to {more} more of rule {name}, which takes at most {most} new items at a time (`max_items`); {AGAIN}"
        ));
    }
    if documents.left > 0 {
        report
            .left_out
            .push(format!("documents of one push that were not looked at: {}; {AGAIN}", documents.left));
    }
    if call.dry {
        report.would = ready.iter().map(Ready::told).collect();
        return Ok(());
    }
    commit(project, ready, &mut failed, report)?;
    report.breaks =
        failed.into_iter().map(|rule| &rules[rule]).find(|rule| rule.block).map(|rule| rule.name.clone());
    Ok(())
}

fn hook_terms() -> Terms {
    Terms { actor: Actor::Hook, wait: HOOK_LOCK_WAIT, ..Terms::default() }
}

/// An error that has to do with no single document.
fn whole(error: IntakeError) -> HookError {
    match error {
        IntakeError::Store(error) => error.into(),
        IntakeError::Transact(error) => error.into(),
        IntakeError::Document(error) => TransactError::Internal(error.to_string()).into(),
        IntakeError::Id(error) => TransactError::Internal(error.to_string()).into(),
    }
}

enum Look {
    Known,
    New(Box<Ready>),
}

enum Failed {
    Document(String),
    All(HookError),
}

impl From<IntakeError> for Failed {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Document(error) => Self::Document(error.to_string()),
            IntakeError::Id(error) => Self::Document(error.to_string()),
            error => Self::All(whole(error)),
        }
    }
}

impl From<HookError> for Failed {
    fn from(error: HookError) -> Self {
        Self::All(error)
    }
}

fn fault(fault: Fault) -> Failed {
    Failed::All(TransactError::from(fault).into())
}

/// Documents of this call by lower-cased id, with their bytes' id.
type Batch = HashMap<(ItemKind, String), Oid>;

fn read(
    project: &Project,
    reader: &Reader<'_>,
    view: &dyn View,
    batch: &mut Batch,
    candidate: Candidate,
) -> Result<Look, Failed> {
    let Candidate { rule, shown, what, origin, trusted } = candidate;
    let terms = Terms { origin: Some(origin), trusted, ..hook_terms() };
    let (kind, made, bytes, path) = match what {
        What::Made(made) => (Kind::Task, true, made.document.into_bytes(), String::new()),
        What::Document { kind, path, blob } => {
            let (_, bytes) = project.store.read(blob).map_err(HookError::from)?;
            (kind, false, bytes, path)
        }
    };
    let document = Document { file: shown.clone(), bytes };
    if kind == Kind::Idea {
        return idea(project, view, batch, Ready { rule, shown, how: idea_of(&path, document, terms)? });
    }
    let mut prepared = match kind {
        Kind::Spec => reader.spec(&document, &terms)?,
        _ => reader.task(&document, &terms)?,
    };
    let item = prepared.item();
    let blob = prepared.content();
    match standing(view, batch, &item, blob).map_err(fault)? {
        Standing::Free => {}
        Standing::Same => return Ok(Look::Known),
        // It was made before, whatever of it is told otherwise now.
        Standing::Taken(_) if made => return Ok(Look::Known),
        Standing::Taken(by) => {
            let id = changed_id(&item.id, &blob.to_string())
                .map_err(|error| Failed::Document(format!("{shown}: {error}")))?;
            let renamed = ItemRef::new(item.kind, id);
            match standing(view, batch, &renamed, blob).map_err(fault)? {
                Standing::Free => {}
                _ => return Ok(Look::Known),
            }
            // Nobody but its writer knows whether it replaces the first, which may be done.
            prepared.rename(renamed.id, &format!("{by} has other content: held under a name of its own"));
        }
    }
    let item = prepared.item();
    batch.insert((item.kind, item.id.as_str().to_ascii_lowercase()), blob);
    Ok(Look::New(Box::new(Ready { rule, shown, how: How::Document(Box::new(prepared)) })))
}

/// Whether an id is free.
enum Standing {
    Free,
    Same,
    /// By what, in words.
    Taken(String),
}

fn standing(view: &dyn View, batch: &Batch, item: &ItemRef, blob: Oid) -> Result<Standing, Fault> {
    if let Some(other) = batch.get(&(item.kind, item.id.as_str().to_ascii_lowercase())) {
        return Ok(if *other == blob {
            Standing::Same
        } else {
            Standing::Taken(format!("{item} of this push"))
        });
    }
    if let Some(known) = view.known(item)? {
        if known.document == blob {
            return Ok(Standing::Same);
        }
        let state = view.slot(item)?.map_or("nowhere", |slot| slot.state());
        return Ok(Standing::Taken(format!("{item} ({state})")));
    }
    Ok(match view.twin(item)? {
        Some(twin) => Standing::Taken(format!("{}/{twin}", item.kind)),
        None => Standing::Free,
    })
}

/// The id of a document whose own is taken: always the same for the same bytes.
fn changed_id(id: &ItemId, blob: &str) -> Result<ItemId, BadId> {
    let room = MAX_ID_BYTES - DIGITS - 1;
    // All of it is ASCII: a byte is a character.
    let stem: String = id.as_str().chars().take(room).collect();
    format!("{stem}.{}", &blob[..DIGITS]).parse()
}

fn idea_of(path: &str, text: Document, terms: Terms) -> Result<How, Failed> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = if stem.is_empty() { name } else { stem };
    let id = idea_id(stem).map_err(|error| Failed::Document(format!("{}: {error}", text.file)))?;
    Ok(How::Idea { idea: Idea { text, id, found_in: Some(path.to_owned()) }, terms })
}

fn idea(project: &Project, view: &dyn View, batch: &mut Batch, mut ready: Ready) -> Result<Look, Failed> {
    let How::Idea { idea, terms } = &mut ready.how else { return Ok(Look::Known) };
    let blob = object_id(project.store.object_format(), ObjectKind::Blob, &idea.text.bytes)
        .map_err(HookError::from)?;
    if view.idea_of(&blob).map_err(fault)?.is_some() || batch.values().any(|other| *other == blob) {
        return Ok(Look::Known);
    }
    let spec = |id: &ItemId| {
        spec_id(id)
            .map(|id| ItemRef::new(ItemKind::Spec, id))
            .map_err(|error| Failed::Document(format!("{}: {error}", idea.text.file)))
    };
    let mut item = spec(&idea.id)?;
    let by = match standing(view, batch, &item, blob).map_err(fault)? {
        Standing::Free if view.idea(&idea.id).map_err(fault)?.is_none() => None,
        Standing::Free | Standing::Same => Some(format!("the idea {}", idea.id)),
        Standing::Taken(by) => Some(by),
    };
    if let Some(by) = by {
        let id = changed_id(&idea.id, &blob.to_string())
            .map_err(|error| Failed::Document(format!("{}: {error}", idea.text.file)))?;
        item = spec(&id)?;
        idea.id = id;
        terms.trusted = false;
        let origin = terms.origin.take().unwrap_or_default();
        terms.origin = Some(format!("{origin}; {by} has other content: held under a name of its own"));
    }
    batch.insert((item.kind, item.id.as_str().to_ascii_lowercase()), blob);
    Ok(Look::New(Box::new(ready)))
}

impl Ready {
    fn told(&self) -> String {
        match &self.how {
            How::Document(prepared) => {
                format!("{} of {} ({})", prepared.item(), self.shown, prepared.state_word())
            }
            How::Idea { idea, terms } => {
                let state = if terms.trusted { "not held" } else { "held" };
                format!("the idea {} of {} ({state})", idea.id, self.shown)
            }
        }
    }
}

/// Documents in one commit, or, where that is refused, one by one; ideas one by one.
fn commit(
    project: &Project,
    ready: Vec<Ready>,
    failed: &mut HashSet<usize>,
    report: &mut Report,
) -> Result<(), HookError> {
    let terms = hook_terms();
    let mut documents = Vec::new();
    let mut ideas = Vec::new();
    for one in ready {
        match one.how {
            How::Document(prepared) => documents.push((one.rule, one.shown, *prepared)),
            How::Idea { idea, terms } => ideas.push((one.rule, one.shown, idea, terms)),
        }
    }
    let mut note =
        |rule: usize, shown: &str, outcome: Result<TakenIn, IntakeError>| -> Result<(), HookError> {
            match outcome {
                Ok(taken) => {
                    report.known += taken.known.len();
                    report.added.extend(taken.added);
                    Ok(())
                }
                // Somebody else was faster with the same thing.
                Err(IntakeError::Transact(TransactError::Refused(refusal))) => {
                    failed.insert(rule);
                    report.problems.push(format!("{shown}: {refusal}"));
                    Ok(())
                }
                Err(IntakeError::Transact(error)) => Err(error.into()),
                Err(IntakeError::Store(error)) => Err(error.into()),
                Err(error) => {
                    failed.insert(rule);
                    report.problems.push(error.to_string());
                    Ok(())
                }
            }
        };
    for documents in documents.chunks(MAX_INTAKE_DOCUMENTS) {
        let all: Vec<&Prepared> = documents.iter().map(|(_, _, prepared)| prepared).collect();
        match enqueue(project, &all, &terms) {
            Err(IntakeError::Transact(TransactError::Refused(_))) if all.len() > 1 => {
                for (rule, shown, prepared) in documents {
                    note(*rule, shown, enqueue(project, &[prepared], &terms))?;
                }
            }
            outcome => {
                let (rule, shown, _) = &documents[0];
                note(*rule, shown, outcome)?;
            }
        }
    }
    for (rule, shown, idea, terms) in ideas {
        note(rule, &shown, add_idea(project, &idea, &terms))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_documents_take_no_room_of_new_ones() {
        let mut documents = Documents::default();
        // Known ones, or refused ones.
        assert!((0..5000).all(|_| documents.may_be_read()));
        for _ in 0..MAX_NEW {
            assert!(documents.may_be_read());
            documents.new += 1;
        }
        assert!(!documents.may_be_read());
        assert_eq!(documents.left, 1);
        let mut known = Documents::default();
        assert_eq!((0..MAX_READ + 7).filter(|_| known.may_be_read()).count(), MAX_READ);
        assert_eq!(known.left, 7);
    }
}
