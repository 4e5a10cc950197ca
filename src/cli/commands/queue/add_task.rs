//! `millrace queue add-task`, also `millrace add-task`

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::commands::init::say_created;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, say};
use crate::domain::item::ItemRef;
use crate::domain::limits::{MAX_DOCUMENT_BYTES, MAX_INTAKE_DOCUMENTS};
use crate::domain::oid::Oid;
use crate::runtime::intake::{Document, add_tasks};
use crate::runtime::plans;

/// Put task documents into the queue: all of them in one commit, or none.
///
/// A task is Markdown with YAML front matter. The same document again changes nothing; another one with the same id is
/// refused.
#[derive(Debug, Args)]
pub(crate) struct AddTaskArguments {
    /// The documents; `-` reads one from stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Take a document although a line of it looks like a secret. Commits are for ever.
    #[arg(long)]
    allow_secret: bool,
}

/// What an intake came to.
#[derive(Debug, Serialize)]
struct Enqueued {
    /// The commit; none where everything was there already.
    commit: Option<Oid>,
    added: Vec<Added>,
    /// Items that were there already, with the same bytes.
    known: Vec<ItemRef>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Added {
    item: ItemRef,
    state: &'static str,
}

impl AddTaskArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.refuse_inside_a_stage()?;
        if self.files.len() > MAX_INTAKE_DOCUMENTS {
            return Err(Failure::input(format!(
                "{} documents in one call; at most {MAX_INTAKE_DOCUMENTS} are taken together",
                self.files.len()
            )));
        }
        if self.files.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::input("`-` is named more than once, and stdin is read once"));
        }
        // The repository first: a wrong place is a better message than a wrong document.
        let project = context.open_to_change()?;
        let documents: Vec<Document> =
            self.files.iter().map(|path| read(path)).collect::<Result<_, Failure>>()?;
        let taken = add_tasks(&project, &documents, self.allow_secret)?;
        // Taken in is taken in: what is missing in the work tree is of no weight beside it.
        if !project.repository.is_bare() {
            match plans::bootstrap(&project) {
                Ok(created) => say_created(&created),
                Err(error) => say(&format!("warning: {error}; the ledger has the work all the same")),
            }
        }
        for warning in &taken.warnings {
            say(&format!("warning: {warning}"));
        }
        let mut warnings: Vec<String> = taken.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(taken.outcome.notes().iter().cloned());
        answer(
            context,
            &Enqueued {
                commit: taken.outcome.commit(),
                added: taken.added.into_iter().map(|(item, state)| Added { item, state }).collect(),
                known: taken.known,
                warnings,
            },
        )
    }
}

impl Answer for Enqueued {
    const KIND: &'static str = "queue_add_task";

    fn text(&self, page: &mut Page) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for added in &self.added {
            rows.push(vec!["added".to_owned(), added.item.to_string(), added.state.to_owned()]);
        }
        for item in &self.known {
            rows.push(vec![
                "known".to_owned(),
                item.to_string(),
                "already there, with the same content".to_owned(),
            ]);
        }
        page.table(&rows);
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// A document's bytes, and a little more where it is too long: its reader says so.
fn read(path: &Path) -> Result<Document, Failure> {
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
