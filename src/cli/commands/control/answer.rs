//! What every command of control answers.

use serde::Serialize;

use crate::cli::page::Page;
use crate::cli::stdout::Answer;
use crate::domain::ids::RequestId;
use crate::domain::oid::Oid;

/// What a command of control came to.
#[derive(Debug, Serialize)]
pub(super) struct Controlled {
    /// The command's word.
    pub(super) action: &'static str,
    /// Whether anything changed by it; where not, things were as asked already.
    pub(super) applied: bool,
    /// What changed, or why nothing did.
    pub(super) detail: String,
    /// The commit; none where none was needed.
    pub(super) commit: Option<Oid>,
    /// The name of the request, where it was given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<RequestId>,
}

impl Controlled {
    /// Says more.
    pub(super) fn and(mut self, more: Option<String>) -> Self {
        if let Some(more) = more {
            self.detail.push_str("; ");
            self.detail.push_str(&more);
        }
        self
    }
}

impl Answer for Controlled {
    const KIND: &'static str = "control";

    fn text(&self, page: &mut Page) {
        let mut fields = vec![
            ("action", self.action.to_owned()),
            ("applied", self.applied.to_string()),
            ("detail", self.detail.clone()),
            ("commit", self.commit.map_or_else(|| "none".to_owned(), |commit| commit.to_string())),
        ];
        fields.extend(self.request.as_ref().map(|request| ("request", request.to_string())));
        page.fields(&fields);
    }
}
