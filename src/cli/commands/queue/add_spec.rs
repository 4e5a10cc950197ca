//! `millrace queue add-spec`, also `millrace add-spec`

use clap::Args;
use serde::Serialize;

use super::intake::{DocumentsArguments, Enqueued};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::runtime::intake::add_specs;

/// Put spec documents into the queue: all of them in one commit, or none.
///
/// A spec is Markdown with YAML front matter; planning turns it into tasks. The same document again changes nothing;
/// another one with the same id is refused.
#[derive(Debug, Args)]
pub(crate) struct AddSpecArguments {
    #[command(flatten)]
    documents: DocumentsArguments,
}

/// What an intake of specs came to.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AddedSpecs(Enqueued);

impl AddSpecArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        // The repository first: a wrong place is a better message than a wrong document.
        let project = context.open_to_change()?;
        answer(context, &AddedSpecs(self.documents.bring(&project, add_specs)?))
    }
}

impl Answer for AddedSpecs {
    const KIND: &'static str = "queue_add_spec";

    fn text(&self, page: &mut Page) {
        self.0.text(page);
    }
}
