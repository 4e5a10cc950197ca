//! Task documents: the fields of a task and their rules.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::document::{DocumentError, Fields, Parsed, Stamp};
use super::quote::is_direction_control;
use super::yaml::Step;
use crate::domain::item::{Intake, ItemKind, ItemRef, Priority};
use crate::domain::limits::MAX_TITLE_BYTES;

/// A field of a task: the one place that says which there are, which must be there, and what each is for.
struct Field {
    name: &'static str,
    need: Need,
    /// What it is for, in a line that the template shows.
    purpose: &'static str,
}

/// Whether a field must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Text, with an example.
    Text(&'static str),
    /// A list with at least one item, with an example.
    List(&'static str),
    /// May be left out; the template says it, where there is only one thing to say.
    Optional(&'static str),
}

const fn field(name: &'static str, need: Need, purpose: &'static str) -> Field {
    Field { name, need, purpose }
}

/// Every field that a task may have, required ones first.
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

/// The lists that every task has, each with an example.
fn required_lists() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS.iter().filter_map(|field| match field.need {
        Need::List(example) => Some((field.name, example)),
        Need::Text(_) | Need::Optional(_) => None,
    })
}

/// Reads a task document. `file` is what messages call it; `stamp` supplies `created_at` and `created_by` where the
/// document does not. The bytes are only read: the caller keeps them as they are.
pub fn parse_task(bytes: &[u8], file: &str, stamp: &Stamp<'_>) -> Result<Parsed<Intake>, DocumentError> {
    let known = FIELDS.each_ref().map(|field| field.name);
    let required = FIELDS.iter().filter(|field| !matches!(field.need, Need::Optional(_)));
    let mut fields = Fields::open(bytes, file, &known, required.map(|field| field.name).collect())?;
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
    for (field, example) in required_lists() {
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
        about: None,
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

/// What a template says already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prefill<'a> {
    /// The id.
    pub id: Option<&'a str>,
    /// The title.
    pub title: Option<&'a str>,
}

/// A task document to fill in: every field, the required ones empty, so that it is refused until they are not. A
/// prefilled value that no task could have is refused here, with a line of this template.
pub fn template_task(prefill: Prefill<'_>, file: &str) -> Result<String, DocumentError> {
    let stamp = Stamp { now: Timestamp::UNIX_EPOCH, by: "template" };
    parse_task(rendered(prefill, true).as_bytes(), file, &stamp)?;
    Ok(rendered(prefill, false))
}

/// A valid task: the template with its examples filled in.
#[must_use]
pub fn example_task(id: &str) -> String {
    rendered(Prefill { id: Some(id), title: None }, true)
}

fn rendered(prefill: Prefill<'_>, examples: bool) -> String {
    let mut text = "---\n# Required:\n".to_owned();
    let mut optional = false;
    for Field { name, need, purpose } in &FIELDS {
        if !optional && matches!(need, Need::Optional(_)) {
            optional = true;
            text.push_str("\n# Optional; what stays empty is as if it were not there:\n");
        }
        let said = match *name {
            "task_id" => prefill.id,
            "title" => prefill.title,
            _ => None,
        };
        // Writing to a string cannot fail.
        let _ = match need {
            Need::Text(example) => {
                let value = said.or(examples.then_some(*example)).map(text_in_quotes).unwrap_or_default();
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

/// Text that YAML reads back as it is, whatever it holds.
fn text_in_quotes(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || is_direction_control(c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
