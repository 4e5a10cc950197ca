//! `millrace queue template`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::item::ItemKind;
use crate::format::form::Prefill;
use crate::format::quote::quoted;
use crate::format::spec::template_spec;
use crate::format::suggest::nearest;
use crate::format::task::template_task;

/// Print a document to fill in, for `queue add-task` or `queue add-spec`.
///
/// It has every field that is accepted, the required ones first and empty: it is refused until they are filled in.
#[derive(Debug, Args)]
pub(crate) struct TemplateArguments {
    /// The kind of document: task or spec.
    #[arg(value_name = "KIND")]
    kind: String,

    /// The id to begin with.
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// The title to begin with.
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
}

/// A document to fill in.
#[derive(Debug, Serialize)]
struct Template {
    kind: ItemKind,
    document: String,
}

impl TemplateArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let kind = kind(&self.kind)?;
        let prefill = Prefill { id: self.id.as_deref(), title: self.title.as_deref() };
        let template = match kind {
            ItemKind::Task => template_task,
            ItemKind::Spec => template_spec,
            ItemKind::Incident => {
                return Err(Failure::input("incidents are written by stages and by the runtime").hint(KINDS));
            }
        };
        let document = template(prefill, "<template>").map_err(Failure::input)?;
        answer(context, &Template { kind, document })
    }
}

/// What there are templates for.
const KINDS: &str = "`millrace queue template task` prints a task, `millrace queue template spec` a spec";

fn kind(word: &str) -> Result<ItemKind, Failure> {
    if word == "idea" {
        return Err(Failure::input("an idea has no form: any text is one")
            .hint("`millrace queue add-idea FILE` takes it"));
    }
    word.parse().map_err(|_| {
        let hint = match nearest(word, ItemKind::ALL.map(ItemKind::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => KINDS.to_owned(),
        };
        Failure::input(format!("there is no kind of document {}", quoted(word))).hint(hint)
    })
}

impl Answer for Template {
    const KIND: &'static str = "queue_template";

    fn text(&self, page: &mut Page) {
        page.verbatim(&self.document);
    }
}
