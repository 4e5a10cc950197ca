//! The form of a work document: one table of fields that its reader and its template share.

use std::fmt::Write as _;

use super::document::{DocumentError, Fields};
use super::quote::in_quotes;
use crate::domain::item::ItemKind;

/// A field: the one place that says that it exists, whether it must be there, and what it is for.
pub(super) struct Field {
    name: &'static str,
    need: Need,
    /// What it is for, in a line that the template shows.
    purpose: &'static str,
}

/// Whether a field must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Text, with an example.
    Text(&'static str),
    /// A list with at least one item, with an example.
    List(&'static str),
    /// May be left out; the template says it, where there is only one thing to say.
    Optional(&'static str),
}

pub(super) const fn field(name: &'static str, need: Need, purpose: &'static str) -> Field {
    Field { name, need, purpose }
}

/// What a template says already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prefill<'a> {
    /// The id.
    pub id: Option<&'a str>,
    /// The title.
    pub title: Option<&'a str>,
}

/// The field by which each kind of document has its id. A task may name a spec and an incident as well, so that the
/// order counts where the kind is not known.
pub(super) const IDS: [(&str, ItemKind); 3] =
    [("task_id", ItemKind::Task), ("spec_id", ItemKind::Spec), ("incident_id", ItemKind::Incident)];

/// All fields of a kind of document, the required ones first.
pub(super) struct Form {
    pub(super) kind: ItemKind,
    /// The field with the id.
    pub(super) id: &'static str,
    pub(super) fields: &'static [Field],
}

impl Form {
    /// Opens a document of this form. One of another kind is refused as that, before any field of it is judged.
    pub(super) fn open<'a>(&self, bytes: &'a [u8], file: &'a str) -> Result<Fields<'a>, DocumentError> {
        let fields = Fields::of_any(bytes, file)?;
        fields.word("kind", &[self.kind.as_str()])?;
        if !fields.has(self.id) {
            fields.refuse_near(&[self.id])?;
            if let Some((id, kind)) = IDS.iter().find(|(id, _)| fields.has(id)) {
                let problem = format!("the document is of kind {kind}");
                return Err(fields.refuse(id, &[], &problem, &format!("`{}`", self.id)));
            }
        }
        let known: Vec<&str> = self.fields.iter().map(|field| field.name).collect();
        let required = self.fields.iter().filter(|field| !matches!(field.need, Need::Optional(_)));
        let fields = fields.of_known(&known, required.map(|field| field.name).collect())?;
        fields.word("schema_version", &["1.0"])?;
        Ok(fields)
    }

    /// The lists that every document of this form has, each with an example.
    pub(super) fn required_lists(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.fields.iter().filter_map(|field| match field.need {
            Need::List(example) => Some((field.name, example)),
            Need::Text(_) | Need::Optional(_) => None,
        })
    }

    /// A document to fill in: every field, the required ones empty or, with `examples`, filled in.
    pub(super) fn render(&self, prefill: Prefill<'_>, examples: bool) -> String {
        let mut text = "---\n# Required:\n".to_owned();
        let mut optional = false;
        for Field { name, need, purpose } in self.fields {
            if !optional && matches!(need, Need::Optional(_)) {
                optional = true;
                text.push_str("\n# Optional; what stays empty is as if it were not there:\n");
            }
            let said = match *name {
                "title" => prefill.title,
                name if name == self.id => prefill.id,
                _ => None,
            };
            // Writing to a string cannot fail.
            let _ = match need {
                Need::Text(example) => {
                    let value = said.or(examples.then_some(*example)).map(in_quotes).unwrap_or_default();
                    writeln!(text, "# {purpose}\n{}", format!("{name}: {value}").trim_end())
                }
                Need::List(example) => {
                    let item = if examples { format!(" {example}") } else { String::new() };
                    writeln!(text, "# {purpose}; such as `- {example}`\n{name}:\n  -{item}")
                }
                Need::Optional(value) => {
                    writeln!(text, "# {purpose}\n{}", format!("{name}: {value}").trim_end())
                }
            };
        }
        text.push_str(
            "---\n\n<!-- Everything that the one who does it should know, in place of this line. -->\n",
        );
        text
    }
}
