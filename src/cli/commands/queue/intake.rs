//! What the commands share that bring work in.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::commands::init::say_created;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::say;
use crate::domain::ids::RequestId;
use crate::domain::item::ItemRef;
use crate::domain::limits::{MAX_DOCUMENT_BYTES, MAX_INTAKE_DOCUMENTS};
use crate::domain::oid::Oid;
use crate::format::message::plain;
use crate::runtime::intake::{Document, IntakeError, TakenIn, Terms};
use crate::runtime::plans;
use crate::runtime::project::Project;

#[derive(Debug, Args)]
pub(super) struct TermsArguments {
    /// Take a document although a line of it looks like a secret. Commits are for ever.
    #[arg(long)]
    allow_secret: bool,

    /// A name of your own for this call: made again under the same name, it is answered and not done again. Also
    /// `--idempotency-key`.
    #[arg(long, visible_alias = "idempotency-key", value_name = "ID")]
    request_id: Option<RequestId>,

    /// Where it comes from, in a line, when that is outside: it is held until `millrace release`.
    #[arg(long, value_name = "TEXT", value_parser = origin)]
    origin: Option<String>,

    /// Whoever brings it from outside is trusted: it is not held.
    #[arg(long, requires = "origin")]
    trusted: bool,
}

/// Characters of an origin: a line of a listing.
const MAX_ORIGIN: usize = 500;

/// A line that nothing in it can break.
fn origin(text: &str) -> Result<String, String> {
    let line = plain(text, MAX_ORIGIN);
    if line.is_empty() { Err("there is nothing to read in it".to_owned()) } else { Ok(line) }
}

impl TermsArguments {
    pub(super) fn terms(&self) -> Terms {
        Terms {
            allow_secret: self.allow_secret,
            request: self.request_id.clone(),
            origin: self.origin.clone(),
            trusted: self.trusted,
            ..Terms::default()
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct DocumentsArguments {
    /// The documents; `-` reads one from stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    terms: TermsArguments,
}

/// What an intake came to.
#[derive(Debug, Serialize)]
pub(super) struct Enqueued {
    /// The commit; none where everything was there already.
    commit: Option<Oid>,
    added: Vec<Added>,
    /// Items that were there already, with the same bytes; or all of them, where the request was answered before.
    known: Vec<ItemRef>,
    /// Whether the request was answered before.
    answered: bool,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Added {
    item: ItemRef,
    state: &'static str,
}

impl DocumentsArguments {
    /// Brings the documents in by `add`.
    pub(super) fn bring(
        &self,
        project: &Project,
        add: fn(&Project, &[Document], &Terms) -> Result<TakenIn, IntakeError>,
    ) -> Result<Enqueued, Failure> {
        if self.files.len() > MAX_INTAKE_DOCUMENTS {
            return Err(Failure::input(format!(
                "{} documents in one call; at most {MAX_INTAKE_DOCUMENTS} are taken together",
                self.files.len()
            )));
        }
        if self.files.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::input("`-` is named more than once, and stdin is read once"));
        }
        let documents: Vec<Document> =
            self.files.iter().map(|path| read(path)).collect::<Result<_, Failure>>()?;
        let taken = add(project, &documents, &self.terms.terms())?;
        Ok(Enqueued::of(project, taken))
    }
}

impl Enqueued {
    /// What is answered, after what is still to be done and said.
    pub(super) fn of(project: &Project, taken: TakenIn) -> Self {
        // Taken in is taken in: what is missing in the work tree is of no weight beside it.
        if !project.repository.is_bare() {
            match plans::bootstrap(project) {
                Ok(created) => say_created(&created),
                Err(error) => say(&format!("warning: {error}; the ledger has the work all the same")),
            }
        }
        for warning in &taken.warnings {
            say(&format!("warning: {warning}"));
        }
        let mut warnings: Vec<String> = taken.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(taken.outcome.notes().iter().cloned());
        Self {
            commit: taken.outcome.commit(),
            added: taken.added.into_iter().map(|(item, state)| Added { item, state }).collect(),
            known: taken.known,
            answered: taken.answered,
            warnings,
        }
    }

    pub(super) fn text(&self, page: &mut Page) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for added in &self.added {
            rows.push(vec!["added".to_owned(), added.item.to_string(), added.state.to_owned()]);
        }
        let why = if self.answered {
            "this request was answered before"
        } else {
            "already there, with the same content"
        };
        for item in &self.known {
            rows.push(vec!["known".to_owned(), item.to_string(), why.to_owned()]);
        }
        page.table(&rows);
    }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// A document's bytes, and a little more where it is too long: its reader says so.
pub(super) fn read(path: &Path) -> Result<Document, Failure> {
    let limit = MAX_DOCUMENT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if is_stdin(path) {
        io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::input(format!("cannot read stdin: {error}")))?;
        return Ok(Document { file: "<stdin>".to_owned(), bytes });
    }
    let read = || {
        let file = File::open(path)?;
        if !file.metadata()?.is_dir() {
            return file.take(limit).read_to_end(&mut bytes);
        }
        Err(io::Error::from(io::ErrorKind::IsADirectory))
    };
    let mut read = read;
    read().map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))?;
    Ok(Document { file: path.display().to_string(), bytes })
}
