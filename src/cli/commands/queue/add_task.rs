//! `millrace queue add-task`, also `millrace add-task`

use clap::Args;
use serde::Serialize;

use super::intake::{DocumentsArguments, Enqueued};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::runtime::intake::add_tasks;

/// Put task documents into the queue: all of them in one commit, or none.
///
/// A task is Markdown with YAML front matter. The same document again changes nothing; another one with the same id is
/// refused.
#[derive(Debug, Args)]
pub(crate) struct AddTaskArguments {
    #[command(flatten)]
    documents: DocumentsArguments,
}

/// What an intake of tasks came to.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AddedTasks(Enqueued);

impl AddTaskArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        // The repository first: a wrong place is a better message than a wrong document.
        let project = context.open_to_change()?;
        answer(context, &AddedTasks(self.documents.bring(&project, add_tasks)?))
    }
}

impl Answer for AddedTasks {
    const KIND: &'static str = "queue_add_task";

    fn text(&self, page: &mut Page) {
        self.0.text(page);
    }
}
