//! The documents that a stage wants to create, read out of its folder: those that can be taken in, and what is wrong
//! with the others. Nothing here decides; what may be created is the ledger's business.

use super::evidence::Secrets;
use super::stage::StageError;
use crate::domain::item::Intake;
use crate::domain::stage_file::OUTBOX;
use crate::domain::transition::input::Submitted;
use crate::format::document::{DocumentError, Parsed, Stamp};
use crate::format::submission::parse_submission;
use crate::ledger::store::Store;
use crate::ledger::transact::Payloads;
use crate::workspace::NoFollowError;
use crate::workspace::run_dir::{OutboxDocument, StageDir};

/// What a stage left in its outbox.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The documents, in the order of their names. Their bytes are among the payloads.
    pub documents: Vec<Submitted>,
    /// What is wrong, one line each: `outbox/<file>:<line>: <field>: ...`.
    pub problems: Vec<String>,
    /// What lay there and could be read, as it was.
    pub left: Vec<OutboxDocument>,
    /// What their writer should know, one line each; the documents are good all the same.
    pub warnings: Vec<String>,
}

/// Reads the outbox of a stage. A document with a problem is no document.
pub fn read(
    dir: &StageDir,
    secrets: &Secrets,
    stamp: &Stamp<'_>,
    store: &dyn Store,
    payloads: &mut Payloads,
) -> Result<Outbox, StageError> {
    let mut outbox = Outbox::default();
    let found = match dir.collect_outbox() {
        Ok(found) => found,
        // The stage put something else in the place of a folder.
        Err(error @ (NoFollowError::NotAFolder(_) | NoFollowError::NotAFile(_))) => {
            outbox.problems.push(format!("{OUTBOX}: {error}"));
            return Ok(outbox);
        }
        Err(error) => return Err(error.into()),
    };
    outbox.problems = found.problems;
    for document in found.documents {
        match understood(&document, secrets, stamp) {
            Ok(parsed) => {
                outbox.warnings.extend(parsed.warnings.iter().map(ToString::to_string));
                let content = payloads.add(store, document.bytes.clone())?;
                outbox.documents.push(Submitted {
                    document: content,
                    origin: None,
                    trusted: false,
                    intake: parsed.intake,
                });
            }
            Err(error) => outbox.problems.push(error.to_string()),
        }
        outbox.left.push(document);
    }
    Ok(outbox)
}

/// What a document says. Secrets are looked for first: a refusal may show a piece of the text.
fn understood(
    document: &OutboxDocument,
    secrets: &Secrets,
    stamp: &Stamp<'_>,
) -> Result<Parsed<Intake>, DocumentError> {
    let file = format!("{OUTBOX}/{}", document.name);
    secrets.refuse(&String::from_utf8_lossy(&document.bytes), &file)?;
    parse_submission(&document.bytes, &file, stamp)
}
