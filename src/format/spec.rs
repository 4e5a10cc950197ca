//! Spec documents: the fields of a spec and their rules.

use jiff::Timestamp;

use super::document::{DocumentError, Parsed, Stamp};
use super::form::{Field, Form, Need, Prefill, field};
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::limits::MAX_TITLE_BYTES;

/// Every field that a spec may have.
const FORM: Form = Form { kind: ItemKind::Spec, id: "spec_id", fields: &FIELDS };

const FIELDS: [Field; 28] = [
    field("spec_id", Need::Text("session-store"), "an id of its own: letters, digits, `.`, `_` and `-`"),
    field("title", Need::Text("Keep sessions over a restart"), "one line: what will be different"),
    field(
        "summary",
        Need::Text("A restart of the server logs nobody out."),
        "what it is about, in a few lines",
    ),
    field("source_type", Need::Text("manual"), "what it came from: manual, idea, incident or derived_spec"),
    field("goals", Need::List("sessions outlive the process"), "what is to be true in the end"),
    field("constraints", Need::List("no new service"), "what holds whatever way is taken"),
    field(
        "acceptance",
        Need::List("a session made before a restart is valid after it"),
        "how one sees that it is done",
    ),
    field("references", Need::List("docs/sessions.md"), "what to read before"),
    field("priority", Need::Optional(""), "a digit: 0 is claimed first, 9 last; 5 where nothing is said"),
    field("depends_on", Need::Optional(""), "a list: ids of specs that must be done before"),
    field("non_goals", Need::Optional(""), "a list: what is left out on purpose"),
    field("scope", Need::Optional(""), "a list: what it extends to"),
    field("assumptions", Need::Optional(""), "a list: what it takes for granted"),
    field("risks", Need::Optional(""), "a list: what could break"),
    field("target_paths", Need::Optional(""), "a list: files and folders that it is about"),
    field("entrypoints", Need::Optional(""), "a list: where in the code to begin"),
    field("required_skills", Need::Optional(""), "a list of skills; kept, without effect"),
    field("decomposition_hints", Need::Optional(""), "a list: how it could be cut into tasks"),
    field("tags", Need::Optional(""), "a list of words of your own"),
    field("source_id", Need::Optional(""), "the idea, incident or spec that it came from"),
    field("parent_spec_id", Need::Optional(""), "the spec that it was made for"),
    field(
        "root_spec_id",
        Need::Optional(""),
        "the spec that it descends from in the end; itself where nothing is said",
    ),
    field("root_idea_id", Need::Optional(""), "the idea that the root spec came from"),
    field("created_at", Need::Optional(""), "a time with a zone; the intake's where nothing is said"),
    field("created_by", Need::Optional(""), "who wrote it; who takes it in where nothing is said"),
    field("updated_at", Need::Optional(""), "a time with a zone; kept, without effect"),
    field("schema_version", Need::Optional("\"1.0\""), "of this form of document"),
    field("kind", Need::Optional("spec"), "of this document"),
];

/// What a spec can have come from.
const SOURCES: [&str; 4] = ["idea", "incident", "manual", "derived_spec"];

/// The lists that may be left out; what they say is for those who read the spec.
const LISTS: [&str; 9] = [
    "non_goals",
    "scope",
    "assumptions",
    "risks",
    "target_paths",
    "entrypoints",
    "required_skills",
    "decomposition_hints",
    "tags",
];

/// Reads a spec document. `file` is what messages call it; `stamp` supplies `created_at` and `created_by` where the
/// document does not. The bytes are only read: the caller keeps them as they are.
pub fn parse_spec(bytes: &[u8], file: &str, stamp: &Stamp<'_>) -> Result<Parsed<Intake>, DocumentError> {
    const LINE: &str = "one line of text";
    let fields = FORM.open(bytes, file)?;
    let id = fields
        .id("spec_id")?
        .ok_or_else(|| fields.missing("spec_id", "an id of its own, such as `spec_id: session-store`"))?;
    let title =
        fields.line_of_text("title", MAX_TITLE_BYTES, LINE)?.ok_or_else(|| fields.missing("title", LINE))?;
    fields.text("summary", "text")?.ok_or_else(|| fields.missing("summary", "text"))?;
    let source_type = fields
        .word("source_type", &SOURCES)?
        .ok_or_else(|| fields.missing("source_type", &super::suggest::one_of(SOURCES)))?;
    for (field, example) in FORM.required_lists() {
        fields.required_list(field, example)?;
    }
    for field in LISTS {
        fields.list(field)?;
    }
    let source_id = fields.id("source_id")?;
    fields.time("updated_at")?;
    let intake = Intake {
        item: ItemRef::new(ItemKind::Spec, id.clone()),
        title,
        priority: fields.priority()?,
        depends_on: fields.depends_on(&id, ItemKind::Spec)?,
        root_spec_id: fields.id("root_spec_id")?,
        root_idea_id: fields.id("root_idea_id")?,
        spec_id: fields.id("parent_spec_id")?,
        parent_task_id: None,
        incident_id: source_id.filter(|_| source_type == "incident"),
        about: None,
        created_at: fields.time("created_at")?.unwrap_or(stamp.now),
        created_by: fields
            .line_of_text("created_by", MAX_TITLE_BYTES, LINE)?
            .unwrap_or_else(|| stamp.by.to_owned()),
    };
    Ok(Parsed { intake, warnings: fields.warnings })
}

/// A spec document to fill in: every field, the required ones empty, so that it is refused until they are not. A
/// prefilled value that no spec could have is refused here, with a line of this template.
pub fn template_spec(prefill: Prefill<'_>, file: &str) -> Result<String, DocumentError> {
    let stamp = Stamp { now: Timestamp::UNIX_EPOCH, by: "template" };
    parse_spec(FORM.render(prefill, true).as_bytes(), file, &stamp)?;
    Ok(FORM.render(prefill, false))
}

/// A valid spec: the template with its examples filled in.
#[must_use]
pub fn example_spec(id: &str) -> String {
    FORM.render(Prefill { id: Some(id), title: None }, true)
}
