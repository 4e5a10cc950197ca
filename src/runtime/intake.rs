//! Work documents into the queue: all of one call in one commit, or none.

use thiserror::Error;

use super::project::Project;
use crate::domain::item::ItemRef;
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::{Input, Submitted};
use crate::domain::transition::record::Actor;
use crate::format::document::{DocumentError, Stamp};
use crate::format::secrets::refuse_secret;
use crate::format::task::parse_task;
use crate::format::warning::Warning;
use crate::ledger::store::StoreError;
use crate::ledger::transact::{Outcome, Payloads, TransactError};

/// Why nothing was taken in.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// A document is refused.
    #[error(transparent)]
    Document(#[from] DocumentError),
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

/// What an intake came to.
#[derive(Debug)]
pub struct TakenIn {
    /// The items that are new in the queue, with their state.
    pub added: Vec<(ItemRef, &'static str)>,
    /// The items that were there already, with the same bytes.
    pub known: Vec<ItemRef>,
    /// What writers of the documents should know.
    pub warnings: Vec<Warning>,
    /// The transition.
    pub outcome: Outcome,
}

/// Takes task documents in.
pub fn add_tasks(
    project: &Project,
    documents: &[Document],
    allow_secret: bool,
) -> Result<TakenIn, IntakeError> {
    let act = project.act(Actor::Operator, None)?;
    let stamp = Stamp { now: act.at, by: &act.committer.name };
    let mut payloads = Payloads::default();
    let mut submitted = Vec::new();
    let mut warnings = Vec::new();
    for document in documents {
        let parsed = parse_task(&document.bytes, &document.file, &stamp)?;
        if !allow_secret {
            refuse_secret(&String::from_utf8_lossy(&document.bytes), &document.file, &[])?;
        }
        warnings.extend(parsed.warnings);
        let content = payloads.add(&project.store, document.bytes.clone())?;
        submitted.push(Submitted { document: content, origin: None, intake: parsed.intake });
    }
    let items: Vec<ItemRef> = submitted.iter().map(|one| one.intake.item.clone()).collect();
    let outcome = project.transact(&act, &Input::Enqueue { documents: submitted }, &payloads)?;
    let mut added = Vec::new();
    if let Outcome::Committed { transition, .. } = &outcome {
        for effect in &transition.decision.effects {
            if let Effect::Admit { slot, known, .. } = effect {
                added.push((known.intake.item.clone(), slot.state()));
            }
        }
    }
    let known = items.into_iter().filter(|item| !added.iter().any(|(new, _)| new == item)).collect();
    Ok(TakenIn { added, known, warnings, outcome })
}
