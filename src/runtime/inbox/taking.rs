//! One document of an inbox into the ledger.

use crate::domain::ids::ItemId;
use crate::domain::item::ItemRef;
use crate::domain::transition::record::Actor;
use crate::domain::transition::refusal::Refusal;
use crate::format::idea::idea_id;
use crate::format::warning::Warning;
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectKind, Store as _};
use crate::ledger::transact::TransactError;
use crate::runtime::intake::{Document, Idea, IntakeError, TakenIn, Terms, add_idea, add_specs};
use crate::runtime::project::Project;

/// Digits of a content's id that tell a changed idea from the one that has its name: they are told apart among the
/// versions of one file only.
const DIGITS: usize = 8;

/// What was taken.
pub(super) struct Taken {
    pub(super) item: ItemRef,
    pub(super) state: &'static str,
    pub(super) held: Option<String>,
    pub(super) warnings: Vec<Warning>,
}

/// What is taken on the operator's behalf, by whoever watches.
fn terms(held: Option<String>) -> Terms {
    Terms { actor: Actor::Daemon, origin: held, ..Terms::default() }
}

/// What came of an intake of one document; `None`: it was here already.
fn taken(taken_in: TakenIn, held: Option<String>) -> Option<Taken> {
    let (item, state) = taken_in.added.into_iter().next()?;
    Some(Taken { item, state, held, warnings: taken_in.warnings })
}

/// Takes an idea; where its name is taken by another text, under a name of its own, held. `None`: its text was taken
/// before. `came`: why it is held in any case.
pub(super) fn take_idea(
    project: &Project,
    stem: &str,
    bytes: &[u8],
    shown: &str,
    came: Option<String>,
) -> Result<Option<Taken>, IntakeError> {
    let blob = object_id(project.store.object_format(), ObjectKind::Blob, bytes)?.to_string();
    let text = Document { file: shown.to_owned(), bytes: bytes.to_vec() };
    let add = |id: ItemId, held: Option<String>| {
        let idea = Idea { text: text.clone(), id, found_in: Some(shown.to_owned()) };
        Ok(taken(add_idea(project, &idea, &terms(held.clone()))?, held))
    };
    match add(idea_id(stem)?, came.clone()) {
        Err(IntakeError::Transact(TransactError::Refused(Refusal::DifferentIdea { idea }))) => {
            let changed = format!(
                "{shown} is not what was taken as the idea {idea}: it was changed, or is another file"
            );
            let held = came.into_iter().fold(changed, |all, more| format!("{all}; {more}"));
            // An id that was made of a name leaves room for it.
            add(format!("{idea}-{}", &blob[..DIGITS]).parse()?, Some(held))
        }
        answer => answer,
    }
}

/// Takes a spec. `None`: it is here already. One that was changed has the id that it had, and is refused: a spec says
/// itself which it is.
pub(super) fn take_spec(
    project: &Project,
    bytes: &[u8],
    shown: &str,
    came: Option<String>,
) -> Result<Option<Taken>, IntakeError> {
    let document = Document { file: shown.to_owned(), bytes: bytes.to_vec() };
    Ok(taken(add_specs(project, &[document], &terms(came.clone()))?, came))
}
