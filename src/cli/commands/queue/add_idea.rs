//! `millrace queue add-idea`, also `millrace add-idea`

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::intake::{Enqueued, TermsArguments, is_stdin, read};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::ItemId;
use crate::format::idea::idea_id;
use crate::runtime::intake::{Idea, add_idea};
use crate::runtime::project::Project;

/// Put an idea into the queue: a text without any form, which becomes a spec and is planned.
///
/// The text is kept as it is. The same text again changes nothing, whatever its name; another text of the same name is
/// refused.
#[derive(Debug, Args)]
pub(crate) struct AddIdeaArguments {
    /// The text; `-` reads it from stdin, and then `--id` names it.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The idea's id [default: the file's name without its ending].
    #[arg(long, value_name = "ID")]
    id: Option<ItemId>,

    #[command(flatten)]
    terms: TermsArguments,
}

/// What the intake of an idea came to.
#[derive(Debug, Serialize)]
struct AddedIdea {
    /// The id that it was brought under.
    idea: ItemId,
    #[serde(flatten)]
    enqueued: Enqueued,
}

impl AddIdeaArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let id = match &self.id {
            Some(id) => id.clone(),
            None if is_stdin(&self.file) => {
                return Err(Failure::input("an idea from stdin has no name").hint("`--id ID` gives it one"));
            }
            None => idea_id(&self.file.file_stem().unwrap_or_default().to_string_lossy())
                .map_err(Failure::input)?,
        };
        let text = read(&self.file)?;
        let found_in = inside(&project, &self.file);
        let idea = Idea { text, id: id.clone(), found_in };
        let taken = add_idea(&project, &idea, &self.terms.terms())?;
        answer(context, &AddedIdea { idea: id, enqueued: Enqueued::of(&project, taken) })
    }
}

/// The path of a file within the work tree, where it lies in it: others can read it there as well.
fn inside(project: &Project, file: &Path) -> Option<String> {
    let root = project.repository.work_tree.as_ref()?.canonicalize().ok()?;
    let path = file.canonicalize().ok()?;
    Some(path.strip_prefix(root).ok()?.to_str()?.to_owned())
}

impl Answer for AddedIdea {
    const KIND: &'static str = "queue_add_idea";

    fn text(&self, page: &mut Page) {
        self.enqueued.text(page);
    }
}
