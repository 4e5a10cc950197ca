//! Documents that do not come with their kind: what a stage puts into its outbox.

use super::document::{DocumentError, Fields, Parsed, Stamp};
use super::form::IDS;
use super::incident::parse_own_incident;
use super::spec::parse_spec;
use super::suggest::one_of;
use super::task::parse_task;
use crate::domain::item::{Intake, ItemKind};

/// Reads a document of any kind, as its kind is read. `stamp` supplies time and author where the document does not.
pub fn parse_submission(
    bytes: &[u8],
    file: &str,
    stamp: &Stamp<'_>,
) -> Result<Parsed<Intake>, DocumentError> {
    match kind_of(bytes, file)? {
        ItemKind::Task => parse_task(bytes, file, stamp),
        ItemKind::Spec => parse_spec(bytes, file, stamp),
        ItemKind::Incident => parse_own_incident(bytes, file, stamp),
    }
}

/// The kind that a document says it is; where it says none, the kind whose id it has.
fn kind_of(bytes: &[u8], file: &str) -> Result<ItemKind, DocumentError> {
    let fields = Fields::of_any(bytes, file)?;
    if let Some(word) = fields.word("kind", &ItemKind::ALL.map(ItemKind::as_str))? {
        return Ok(ItemKind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(ItemKind::Task));
    }
    if let Some((_, kind)) = IDS.iter().find(|(name, _)| fields.has(name)) {
        return Ok(*kind);
    }
    let names = IDS.map(|(name, _)| name);
    fields.refuse_near(&names)?;
    Err(fields.says_none(&format!("one of {}, which tells the kind of document", one_of(names))))
}
