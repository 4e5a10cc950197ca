//! Work documents into the queue: all of one call in one commit, or none.

use thiserror::Error;

use super::evidence::Secrets;
use super::project::Project;
use crate::domain::ids::{BadId, ItemId, RequestId};
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::{Input, Submitted};
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
    /// Whether what comes from outside may be worked on at once.
    pub trusted: bool,
    /// Whether a line may look like a secret.
    pub allow_secret: bool,
    /// The name by which this is answered once, however often it is asked.
    pub request: Option<RequestId>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { actor: Actor::Operator, origin: None, trusted: false, allow_secret: false, request: None }
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
    let act = project.act(terms.actor, None)?;
    let stamp = Stamp { now: act.at, by: &act.committer.name };
    let Document { file, bytes } = &idea.text;
    let spec = root_spec(bytes, file, &idea.id, idea.found_in.as_deref(), &stamp)?;
    let guard = Guard::of(project, terms)?;
    guard.check(&idea.text)?;
    guard.check_name(&idea.text, idea.id.as_str())?;
    if let Some(path) = &idea.found_in {
        guard.check_name(&idea.text, path)?;
    }
    let mut payloads = Payloads::default();
    let text = payloads.add(&project.store, bytes.clone())?;
    let input = Input::TakeIdea {
        idea: idea.id.clone(),
        text,
        found_in: idea.found_in.clone(),
        spec: Box::new(Submitted {
            document: payloads.add(&project.store, spec.document.into_bytes())?,
            origin: terms.origin.clone(),
            trusted: terms.trusted,
            intake: spec.intake,
        }),
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
    let act = project.act(terms.actor, None)?;
    let stamp = Stamp { now: act.at, by: &act.committer.name };
    let mut payloads = Payloads::default();
    let mut submitted = Vec::new();
    let guard = Guard::of(project, terms)?;
    let mut warnings = Vec::new();
    for document in documents {
        let parsed = parse(&document.bytes, &document.file, &stamp)?;
        guard.check(document)?;
        warnings.extend(parsed.warnings);
        let content = payloads.add(&project.store, document.bytes.clone())?;
        submitted.push(Submitted {
            document: content,
            origin: terms.origin.clone(),
            trusted: terms.trusted,
            intake: parsed.intake,
        });
    }
    take_in(project, &act, Input::Enqueue { documents: submitted }, &payloads, terms, warnings)
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
