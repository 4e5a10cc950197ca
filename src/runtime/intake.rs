//! Work documents into the queue: all of one call in one commit, or none.

use std::time::Duration;

use thiserror::Error;

use super::evidence::Secrets;
use super::project::Project;
use crate::domain::ids::{BadId, ItemId, RequestId};
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::{Content, Input, Submitted};
use crate::domain::transition::record::Actor;
use crate::domain::view::View as _;
use crate::format::document::{DocumentError, Parsed, Stamp};
use crate::format::idea::{root_spec, spec_id};
use crate::format::spec::parse_spec;
use crate::format::task::parse_task;
use crate::format::warning::Warning;
use crate::ledger::store::StoreError;
use crate::ledger::transact::{Act, Outcome, Payloads, TransactError};

/// Why nothing was taken in.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// A document is refused.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A name that cannot be an id.
    #[error(transparent)]
    Id(#[from] BadId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger refused or failed.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

/// A document as it came.
#[derive(Debug, Clone)]
pub struct Document {
    /// What messages call it.
    pub file: String,
    /// Its bytes, kept as they are.
    pub bytes: Vec<u8>,
}

/// An idea as it came.
#[derive(Debug, Clone)]
pub struct Idea {
    /// Its text.
    pub text: Document,
    /// Its id.
    pub id: ItemId,
    /// The path that those who plan it are told, where there is one that they can read.
    pub found_in: Option<String>,
}

/// How something is to be taken in.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Who brings it.
    pub actor: Actor,
    /// Where it comes from, when from outside: it is held until somebody releases it, unless it is trusted.
    pub origin: Option<String>,
    /// Whether whoever brings it from outside is trusted: it may be worked on at once.
    pub trusted: bool,
    /// Whether a line may look like a secret.
    pub allow_secret: bool,
    /// The name by which this is answered once, however often it is asked.
    pub request: Option<RequestId>,
    /// How long to wait for the writers' lock.
    pub wait: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            actor: Actor::Operator,
            origin: None,
            trusted: false,
            allow_secret: false,
            request: None,
            wait: LOCK_WAIT,
        }
    }
}

impl Terms {
    /// The act of an intake now.
    fn act(&self, project: &Project) -> Result<Act, StoreError> {
        Ok(Act { wait: self.wait, ..project.act(self.actor, None)? })
    }

    /// A document that is understood, on these terms.
    fn submit(&self, document: Content, intake: Intake) -> Submitted {
        Submitted { document, origin: self.origin.clone(), trusted: self.trusted, intake }
    }
}

/// What an intake came to.
#[derive(Debug)]
pub struct TakenIn {
    /// The items that are new in the queue, with their state.
    pub added: Vec<(ItemRef, &'static str)>,
    /// The items that were there already, with the same bytes; or all of them, where the request was answered before.
    pub known: Vec<ItemRef>,
    /// Whether the request was answered before.
    pub answered: bool,
    /// What writers of the documents should know.
    pub warnings: Vec<Warning>,
    /// The transition.
    pub outcome: Outcome,
}

/// Takes task documents in.
pub fn add_tasks(project: &Project, documents: &[Document], terms: &Terms) -> Result<TakenIn, IntakeError> {
    add(project, documents, terms, parse_task)
}

/// Takes spec documents in.
pub fn add_specs(project: &Project, documents: &[Document], terms: &Terms) -> Result<TakenIn, IntakeError> {
    add(project, documents, terms, parse_spec)
}

/// Takes an idea in: its text is kept, and it becomes a root spec. The same text is never taken twice.
pub fn add_idea(project: &Project, idea: &Idea, terms: &Terms) -> Result<TakenIn, IntakeError> {
    let act = terms.act(project)?;
    let stamp = Stamp { now: act.at, by: &act.committer.name };
    let Document { file, bytes } = &idea.text;
    let spec = root_spec(bytes, file, &idea.id, idea.found_in.as_deref(), &stamp)?;
    let guard = Guard::of(project, terms)?;
    guard.check(&idea.text)?;
    guard.check_name(&idea.text, idea.id.as_str())?;
    guard.check_origin(&idea.text, terms)?;
    if let Some(path) = &idea.found_in {
        guard.check_name(&idea.text, path)?;
    }
    let mut payloads = Payloads::default();
    let text = payloads.add(&project.store, bytes.clone())?;
    let input = Input::TakeIdea {
        idea: idea.id.clone(),
        text,
        found_in: idea.found_in.clone(),
        spec: Box::new(terms.submit(payloads.add(&project.store, spec.document.into_bytes())?, spec.intake)),
    };
    let mut taken = take_in(project, &act, input, &payloads, terms, Vec::new())?;
    if !taken.answered && taken.added.is_empty() {
        // It may have been taken under another name.
        let trees = project.trees();
        let known = project.view(&trees)?.idea_of(&text.oid).map_err(TransactError::from)?;
        let spec = known.and_then(|known| spec_id(&known).ok());
        taken.known = spec.into_iter().map(|id| ItemRef::new(ItemKind::Spec, id)).collect();
    }
    Ok(taken)
}

type Parse = fn(&[u8], &str, &Stamp<'_>) -> Result<Parsed<Intake>, DocumentError>;

fn add(
    project: &Project,
    documents: &[Document],
    terms: &Terms,
    parse: Parse,
) -> Result<TakenIn, IntakeError> {
    let reader = Reader::of(project, terms)?;
    let prepared = documents
        .iter()
        .map(|document| reader.read(document, parse, terms))
        .collect::<Result<Vec<_>, _>>()?;
    enqueue(project, &prepared.iter().collect::<Vec<_>>(), terms)
}

/// A document that was read, and is ready to be taken in.
#[derive(Debug, Clone)]
pub struct Prepared {
    submitted: Submitted,
    bytes: Vec<u8>,
    warnings: Vec<Warning>,
}

impl Prepared {
    /// The item that it becomes.
    #[must_use]
    pub fn item(&self) -> ItemRef {
        self.submitted.intake.item.clone()
    }

    /// Its bytes' id.
    #[must_use]
    pub fn content(&self) -> Oid {
        self.submitted.document.oid
    }

    /// Whether it will be held, in words.
    #[must_use]
    pub fn state_word(&self) -> &'static str {
        if self.submitted.is_held() { "held" } else { "not held" }
    }

    /// Gives it another id than it says itself, and holds it for that.
    pub fn rename(&mut self, id: ItemId, why: &str) {
        self.submitted.intake.item.id = id;
        self.submitted.trusted = false;
        let origin = self.submitted.origin.take();
        self.submitted.origin =
            Some(origin.map_or_else(|| why.to_owned(), |origin| format!("{origin}; {why}")));
    }
}

/// Reads documents, all with the same time and by the same rules about secrets.
pub struct Reader<'p> {
    project: &'p Project,
    act: Act,
    guard: Guard,
}

impl<'p> Reader<'p> {
    /// A reader now.
    pub fn of(project: &'p Project, terms: &Terms) -> Result<Self, IntakeError> {
        Ok(Self { project, act: terms.act(project)?, guard: Guard::of(project, terms)? })
    }

    /// Reads a task document.
    pub fn task(&self, document: &Document, terms: &Terms) -> Result<Prepared, IntakeError> {
        self.read(document, parse_task, terms)
    }

    /// Reads a spec document.
    pub fn spec(&self, document: &Document, terms: &Terms) -> Result<Prepared, IntakeError> {
        self.read(document, parse_spec, terms)
    }

    fn read(&self, document: &Document, parse: Parse, terms: &Terms) -> Result<Prepared, IntakeError> {
        let stamp = Stamp { now: self.act.at, by: &self.act.committer.name };
        // Before anything that is said of it, where its name may be said.
        self.guard.check_origin(document, terms)?;
        let parsed = parse(&document.bytes, &document.file, &stamp)?;
        self.guard.check(document)?;
        let bytes = document.bytes.clone();
        let content = Payloads::default().add(&self.project.store, bytes.clone())?;
        Ok(Prepared { submitted: terms.submit(content, parsed.intake), bytes, warnings: parsed.warnings })
    }
}

/// Takes documents in that were read: all of them or none.
pub fn enqueue(project: &Project, documents: &[&Prepared], terms: &Terms) -> Result<TakenIn, IntakeError> {
    let mut payloads = Payloads::default();
    let mut warnings = Vec::new();
    let mut submitted = Vec::new();
    for document in documents {
        payloads.add(&project.store, document.bytes.clone())?;
        warnings.extend(document.warnings.iter().cloned());
        submitted.push(document.submitted.clone());
    }
    let input = Input::Enqueue { documents: submitted };
    take_in(project, &terms.act(project)?, input, &payloads, terms, warnings)
}

/// Refuses what holds a secret, unless the one who brings it wants it all the same.
struct Guard {
    secrets: Option<Secrets>,
}

impl Guard {
    fn of(project: &Project, terms: &Terms) -> Result<Self, IntakeError> {
        let secrets = if terms.allow_secret { None } else { Some(Secrets::here(project)?) };
        Ok(Self { secrets })
    }

    fn check(&self, document: &Document) -> Result<(), DocumentError> {
        let Some(secrets) = &self.secrets else { return Ok(()) };
        secrets.refuse(&String::from_utf8_lossy(&document.bytes), &document.file)
    }

    /// A name that is kept with a document. The refusal does not show the name.
    fn check_name(&self, document: &Document, name: &str) -> Result<(), DocumentError> {
        let held = self.secrets.as_ref().and_then(|secrets| secrets.search().line(name));
        held.map_or(Ok(()), |(_, what)| {
            Err(DocumentError {
                file: self.shown(document),
                line: 1,
                field: None,
                problem: format!("its name or path holds {what}, and commits are for ever"),
                expected: "another name".to_owned(),
            })
        })
    }

    /// Where it comes from is kept with it.
    fn check_origin(&self, document: &Document, terms: &Terms) -> Result<(), DocumentError> {
        match (&self.secrets, &terms.origin) {
            // A hook's holds where the document lies.
            (Some(_), Some(origin)) if terms.actor == Actor::Hook => self.check_name(document, origin),
            (Some(secrets), Some(origin)) => secrets.refuse(origin, "--origin"),
            _ => Ok(()),
        }
    }

    fn shown(&self, document: &Document) -> String {
        match &self.secrets {
            Some(secrets) => secrets.redacted(&document.file).0,
            None => document.file.clone(),
        }
    }
}

fn take_in(
    project: &Project,
    act: &Act,
    input: Input,
    payloads: &Payloads,
    terms: &Terms,
    warnings: Vec<Warning>,
) -> Result<TakenIn, IntakeError> {
    let items = input.items();
    if let Some(request) = &terms.request {
        Secrets::here(project)?.refuse(request.as_str(), "--request-id")?;
    }
    let input = match &terms.request {
        Some(request) => Input::Requested { request: request.clone(), asks: Box::new(input) },
        None => input,
    };
    let outcome = project.transact(act, &input, payloads)?;
    let mut added = Vec::new();
    if let Outcome::Committed { transition, .. } = &outcome {
        for effect in &transition.decision.effects {
            if let Effect::Admit { slot, known, .. } = effect {
                added.push((known.intake.item.clone(), slot.state()));
            }
        }
    }
    let known = items.into_iter().filter(|item| !added.iter().any(|(new, _)| new == item)).collect();
    // A request that is new is kept in any case, so that nothing but its answer makes no commit.
    let answered = terms.request.is_some() && outcome.commit().is_none();
    Ok(TakenIn { added, known, answered, warnings, outcome })
}
