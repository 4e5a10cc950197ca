//! One document of an inbox into the ledger.

use crate::domain::item::ItemRef;
use crate::domain::transition::decision::Effect;
use crate::domain::transition::input::{Input, Submitted};
use crate::domain::transition::record::Actor;
use crate::domain::transition::refusal::Refusal;
use crate::format::document::{DocumentError, Parsed, Stamp};
use crate::format::idea::idea_id;
use crate::format::secrets::refuse_secret;
use crate::format::spec::parse_spec;
use crate::format::warning::Warning;
use crate::ledger::object::object_id;
use crate::ledger::store::{ObjectKind, Store as _};
use crate::ledger::transact::{Outcome, Payloads, TransactError};
use crate::runtime::intake::{Document, Idea, IntakeError, Terms, add_idea};
use crate::runtime::project::Project;

/// Digits of a content's id that tell a changed idea from the one that has its name: they are told apart among the
/// versions of one file only.
const DIGITS: usize = 8;

/// Bytes of the name that a changed idea gets: intake cuts what is longer.
const MAX_STEM_BYTES: usize = 96;

/// What was taken.
pub(super) struct Taken {
    pub(super) item: ItemRef,
    pub(super) state: &'static str,
    pub(super) held: Option<String>,
    pub(super) warnings: Vec<Warning>,
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
    let add = |stem: &str, held: Option<String>| {
        let idea = Idea {
            text: Document { file: shown.to_owned(), bytes: bytes.to_vec() },
            id: idea_id(stem).map_err(|bad| DocumentError {
                file: shown.to_owned(),
                line: 1,
                field: None,
                problem: bad.to_string(),
                expected: "a file whose name can be an id".to_owned(),
            })?,
            found_in: Some(shown.to_owned()),
            held: held.clone(),
        };
        let added = add_idea(project, &idea, &Terms { actor: Actor::Daemon, ..Terms::default() })?;
        let taken = |(item, state)| Taken { item, state, held, warnings: added.warnings };
        Ok(added.added.into_iter().next().map(taken))
    };
    match add(stem, came.clone()) {
        Err(IntakeError::Transact(TransactError::Refused(Refusal::DifferentIdea { idea }))) => {
            let changed = format!(
                "{shown} is not what was taken as the idea {idea}: it was changed, or is another file"
            );
            let held = came.into_iter().fold(changed, |all, more| format!("{all}; {more}"));
            let stem: String = idea.as_str().chars().take(MAX_STEM_BYTES - 1 - DIGITS).collect();
            add(&format!("{stem}-{}", &blob[..DIGITS]), Some(held))
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
    let act = project.act(Actor::Daemon, None)?;
    let stamp = Stamp { now: act.at, by: &act.committer.name };
    let Parsed { intake, warnings } = parse_spec(bytes, shown, &stamp)?;
    refuse_secret(&String::from_utf8_lossy(bytes), shown, &[])?;
    let item = intake.item.clone();
    let mut payloads = Payloads::default();
    let document = payloads.add(&project.store, bytes.to_vec())?;
    let documents = vec![Submitted { document, origin: came.clone(), intake }];
    let outcome = project.transact(&act, &Input::Enqueue { documents }, &payloads)?;
    let Outcome::Committed { transition, .. } = outcome else { return Ok(None) };
    let state = transition.decision.effects.iter().find_map(|effect| match effect {
        Effect::Admit { slot, .. } => Some(slot.state()),
        _ => None,
    });
    Ok(state.map(|state| Taken { item, state, held: came, warnings }))
}
