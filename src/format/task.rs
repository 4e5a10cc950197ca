//! Task documents: the fields of a task and their rules.

use super::document::{DocumentError, Fields, Parsed, Stamp};
use super::yaml::Step;
use crate::domain::item::{Intake, ItemKind, ItemRef, Priority};
use crate::domain::limits::MAX_TITLE_BYTES;

/// Every field that a task may have.
const FIELDS: [&str; 23] = [
    "schema_version",
    "kind",
    "task_id",
    "title",
    "summary",
    "priority",
    "root_idea_id",
    "root_spec_id",
    "spec_id",
    "parent_task_id",
    "incident_id",
    "target_paths",
    "acceptance",
    "required_checks",
    "references",
    "risk",
    "depends_on",
    "blocks",
    "tags",
    "status_hint",
    "created_at",
    "created_by",
    "updated_at",
];

/// The lists that every task has, each with an example.
const REQUIRED_LISTS: [(&str, &str); 5] = [
    ("target_paths", "src/login.rs"),
    ("acceptance", "a wrong password is refused"),
    ("required_checks", "cargo test"),
    ("references", "docs/login.md"),
    ("risk", "sessions that are open now may end"),
];

/// Reads a task document. `file` is what messages call it; `stamp` supplies `created_at` and `created_by` where the
/// document does not. The bytes are only read: the caller keeps them as they are.
pub fn parse_task(bytes: &[u8], file: &str, stamp: &Stamp<'_>) -> Result<Parsed<Intake>, DocumentError> {
    let mut fields = Fields::open(bytes, file, &FIELDS)?;
    fields.word("schema_version", &["1.0"])?;
    fields.word("kind", &["task"])?;
    let id = fields
        .id("task_id")?
        .ok_or_else(|| fields.missing("task_id", "an id of its own, such as `task_id: fix-login`"))?;
    let title = fields
        .line_of_text("title", MAX_TITLE_BYTES, "one line of text")?
        .ok_or_else(|| fields.missing("title", "one line of text"))?;
    fields.text("summary", "text")?;
    let priority = priority(&fields)?;
    for (field, example) in REQUIRED_LISTS {
        fields.required_list(field, example)?;
    }
    let depends_on = fields.ids("depends_on")?;
    if depends_on.contains(&id) {
        let written = fields.list("depends_on")?.unwrap_or_default();
        let index = written.iter().position(|text| text == id.as_str()).unwrap_or_default();
        return Err(fields.refuse(
            "depends_on",
            &[Step::Item(index)],
            "the task depends on itself",
            "ids of other tasks",
        ));
    }
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
        created_at: fields.time("created_at")?.unwrap_or(stamp.now),
        created_by: fields
            .line_of_text("created_by", MAX_TITLE_BYTES, "one line of text")?
            .unwrap_or_else(|| stamp.by.to_owned()),
    };
    Ok(Parsed { intake, warnings: fields.warnings })
}

fn priority(fields: &Fields<'_>) -> Result<Priority, DocumentError> {
    const EXPECTED: &str = "a digit from 0 (first) to 9 (last)";
    let Some(text) = fields.text("priority", EXPECTED)? else { return Ok(Priority::default()) };
    // One digit: `05` and `5.0` are something that its writer should look at.
    let digit = match text.as_bytes() {
        [byte] if byte.is_ascii_digit() => Priority::try_from(byte - b'0').ok(),
        _ => None,
    };
    digit.ok_or_else(|| {
        fields.refuse("priority", &[], &format!("found {}", super::quote::quoted(&text)), EXPECTED)
    })
}

/// A task document to start from; with a valid id it is a valid document.
#[must_use]
pub fn template_task(id: &str) -> String {
    // The one id that YAML would not read as text.
    let id = if id.eq_ignore_ascii_case("null") { format!("\"{id}\"") } else { id.to_owned() };
    format!(
        "---
task_id: {id}
title: Say in one line what shall be different
# 0 is claimed first, 9 last.
priority: 5
# Ids of tasks that must be done before.
depends_on: []
target_paths:
  - src/
acceptance:
  - Say how one sees that it is done
required_checks:
  - Say which command must pass
references:
  - README.md
risk:
  - Say what could break
---

Everything that the one who does it should know.
"
    )
}
