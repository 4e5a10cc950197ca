//! Task documents: the fields of a task and their rules.

use jiff::Timestamp;

use super::document::{DocumentError, Parsed, Stamp};
use super::form::{Field, Form, Need, Prefill, field};
use crate::domain::item::{Intake, ItemKind, ItemRef};
use crate::domain::limits::MAX_TITLE_BYTES;

/// Every field that a task may have.
const FORM: Form = Form { kind: ItemKind::Task, id: "task_id", fields: &FIELDS };

const FIELDS: [Field; 23] = [
    field("task_id", Need::Text("fix-login"), "an id of its own: letters, digits, `.`, `_` and `-`"),
    field("title", Need::Text("Refuse a wrong password"), "one line: what will be different"),
    field("target_paths", Need::List("src/login.rs"), "files and folders that it is about"),
    field("acceptance", Need::List("a wrong password is refused"), "how one sees that it is done"),
    field("required_checks", Need::List("cargo test"), "commands that must pass"),
    field("references", Need::List("docs/login.md"), "what to read before"),
    field("risk", Need::List("sessions that are open now may end"), "what could break"),
    field("summary", Need::Optional(""), "more than the title says, in a few lines"),
    field("priority", Need::Optional(""), "a digit: 0 is claimed first, 9 last; 5 where nothing is said"),
    field("depends_on", Need::Optional(""), "a list: ids of tasks that must be done before"),
    field("tags", Need::Optional(""), "a list of words of your own"),
    field("parent_task_id", Need::Optional(""), "the task that this one continues"),
    field("spec_id", Need::Optional(""), "the spec that it was made for"),
    field("root_spec_id", Need::Optional(""), "the spec that it descends from in the end"),
    field("root_idea_id", Need::Optional(""), "the idea that the root spec came from"),
    field("incident_id", Need::Optional(""), "the incident that it answers"),
    field("created_at", Need::Optional(""), "a time with a zone; the intake's where nothing is said"),
    field("created_by", Need::Optional(""), "who wrote it; who takes it in where nothing is said"),
    field("updated_at", Need::Optional(""), "a time with a zone; kept, without effect"),
    field("status_hint", Need::Optional(""), "queued, active, blocked or done; kept, without effect"),
    field(
        "blocks",
        Need::Optional(""),
        "kept, without effect: name this task in `depends_on` of the other one",
    ),
    field("schema_version", Need::Optional("\"1.0\""), "of this form of document"),
    field("kind", Need::Optional("task"), "of this document"),
];

/// Reads a task document. `file` is what messages call it; `stamp` supplies `created_at` and `created_by` where the
/// document does not. The bytes are only read: the caller keeps them as they are.
pub fn parse_task(bytes: &[u8], file: &str, stamp: &Stamp<'_>) -> Result<Parsed<Intake>, DocumentError> {
    let mut fields = FORM.open(bytes, file)?;
    let id = fields
        .id("task_id")?
        .ok_or_else(|| fields.missing("task_id", "an id of its own, such as `task_id: fix-login`"))?;
    let title = fields
        .line_of_text("title", MAX_TITLE_BYTES, "one line of text")?
        .ok_or_else(|| fields.missing("title", "one line of text"))?;
    fields.text("summary", "text")?;
    let priority = fields.priority()?;
    for (field, example) in FORM.required_lists() {
        fields.required_list(field, example)?;
    }
    let depends_on = fields.depends_on(&id, ItemKind::Task)?;
    fields.list("tags")?;
    if fields.list("blocks")?.is_some_and(|blocked| !blocked.is_empty()) {
        fields.warn("blocks", "has no effect; name this task in `depends_on` of the other one");
    }
    fields.word("status_hint", &["queued", "active", "blocked", "done"])?;
    fields.time("updated_at")?;
    let intake = Intake {
        item: ItemRef::new(ItemKind::Task, id),
        title,
        priority,
        depends_on,
        root_spec_id: fields.id("root_spec_id")?,
        root_idea_id: fields.id("root_idea_id")?,
        spec_id: fields.id("spec_id")?,
        parent_task_id: fields.id("parent_task_id")?,
        incident_id: fields.id("incident_id")?,
        about: None,
        created_at: fields.time("created_at")?.unwrap_or(stamp.now),
        created_by: fields
            .line_of_text("created_by", MAX_TITLE_BYTES, "one line of text")?
            .unwrap_or_else(|| stamp.by.to_owned()),
    };
    Ok(Parsed { intake, warnings: fields.warnings })
}

/// A task document to fill in: every field, the required ones empty, so that it is refused until they are not. A
/// prefilled value that no task could have is refused here, with a line of this template.
pub fn template_task(prefill: Prefill<'_>, file: &str) -> Result<String, DocumentError> {
    let stamp = Stamp { now: Timestamp::UNIX_EPOCH, by: "template" };
    parse_task(FORM.render(prefill, true).as_bytes(), file, &stamp)?;
    Ok(FORM.render(prefill, false))
}

/// A valid task: the template with its examples filled in.
#[must_use]
pub fn example_task(id: &str) -> String {
    FORM.render(Prefill { id: Some(id), title: None }, true)
}
