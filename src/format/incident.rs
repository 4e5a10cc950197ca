//! Incident documents: what went wrong and needs planning. The runtime writes them; texts in them come from stages and
//! can neither end a value nor begin another field.

use std::fmt::Write as _;

use super::document::{DocumentError, Fields, Parsed, Stamp};
use super::front_matter::MAX_FRONT_MATTER_BYTES;
use super::message::{a_title, one_line, plain};
use super::quote::in_quotes;
use crate::domain::ids::{FailureClass, ItemId, Nonce, RunId};
use crate::domain::item::{Intake, ItemKind, ItemRef, Priority};
use crate::domain::limits::{MAX_ID_BYTES, MAX_TITLE_BYTES};
use crate::domain::plan::StageRef;

/// Every field that an incident may have.
const FIELDS: [&str; 25] = [
    "schema_version",
    "kind",
    "incident_id",
    "title",
    "summary",
    "severity",
    "source_plane",
    "source_stage",
    "source_task_id",
    "source_spec_id",
    "root_spec_id",
    "root_idea_id",
    "failure_class",
    "needs_planning",
    "trigger_reason",
    "consultant_decision",
    "observed_symptoms",
    "failed_attempts",
    "evidence_paths",
    "related_run_ids",
    "related_stage_results",
    "references",
    "opened_at",
    "opened_by",
    "updated_at",
];

/// The fields that must be there.
const REQUIRED: [&str; 7] = [
    "incident_id",
    "title",
    "source_plane",
    "source_stage",
    "failure_class",
    "trigger_reason",
    "consultant_decision",
];

/// The fields that are lists of texts.
const LISTS: [&str; 6] = [
    "observed_symptoms",
    "failed_attempts",
    "evidence_paths",
    "related_run_ids",
    "related_stage_results",
    "references",
];

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// One item does not go on.
    Medium,
    /// A root does not do what was asked for.
    High,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Characters of one text in the front matter: a line or two. The whole of it is among the evidence.
const TEXT_CHARS: usize = 400;

/// Lines of the stage's summary that the body repeats.
const BODY_LINES: usize = 50;

/// Bytes of all lists together: half of what a reader takes leaves room for the rest.
const LISTS_BYTES: usize = MAX_FRONT_MATTER_BYTES / 2;

/// An incident, before it is a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// What the queue knows of it: id, title, lineage, when and by whom it was opened.
    pub intake: Intake,
    /// The stage that asked for planning.
    pub source: StageRef,
    /// How bad it is.
    pub severity: Severity,
    /// Why, as a class.
    pub failure_class: FailureClass,
    /// Why, in words.
    pub trigger_reason: String,
    /// What that stage said, as it said it.
    pub summary: String,
    /// What was seen.
    pub observed_symptoms: Vec<String>,
    /// What was tried.
    pub failed_attempts: Vec<String>,
    /// Paths of the ledger's tree.
    pub evidence_paths: Vec<String>,
    /// The run that came to it.
    pub run: RunId,
    /// What the launches of that run came to: paths of the ledger's tree.
    pub related_stage_results: Vec<String>,
}

/// The id of the incident that a launch opens: the same however often it is handed off.
#[must_use]
pub fn incident_id(about: &ItemId, launch: &Nonce) -> Option<ItemId> {
    named("incident-", about, launch)
}

/// The id of the incident about the gaps that a judge found: the same however often they are handed off.
#[must_use]
pub fn gap_id(root: &ItemId, launch: &Nonce) -> Option<ItemId> {
    named("arbiter-gap-", root, launch)
}

fn named(prefix: &str, about: &ItemId, launch: &Nonce) -> Option<ItemId> {
    const DIGITS: usize = 8;
    // Ids are ASCII: a byte is a character.
    let room = MAX_ID_BYTES - prefix.len() - 1 - DIGITS;
    let about: String = about.as_str().chars().take(room).collect();
    let launch: String = launch.as_str().chars().take(DIGITS).collect();
    format!("{prefix}{about}-{launch}").parse().ok()
}

/// The title of an incident about an item.
#[must_use]
pub fn title(about: &ItemRef, title: &str) -> String {
    a_title(&format!("{} needs planning: {title}", about.id))
}

/// The document.
#[must_use]
pub fn render(incident: &Incident) -> String {
    let Incident { intake, source, .. } = incident;
    let mut text = String::from("---\nkind: incident\n");
    let id = |id: &Option<ItemId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
    for (name, value) in [
        ("incident_id", intake.item.id.to_string()),
        ("title", intake.title.clone()),
        ("summary", incident.summary.clone()),
        ("source_plane", source.plane.to_string()),
        ("source_stage", source.stage.to_string()),
        ("source_task_id", id(&intake.parent_task_id)),
        ("source_spec_id", id(&intake.spec_id)),
        ("root_spec_id", id(&intake.root_spec_id)),
        ("root_idea_id", id(&intake.root_idea_id)),
        ("failure_class", incident.failure_class.to_string()),
        ("trigger_reason", incident.trigger_reason.clone()),
        ("opened_by", intake.created_by.clone()),
    ] {
        let line = scalar(&value, TEXT_CHARS);
        if line != EMPTY {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}: {line}");
        }
    }
    let _ = writeln!(
        text,
        "opened_at: {}\nseverity: {}\nneeds_planning: true\nconsultant_decision: needs_planning",
        intake.created_at,
        incident.severity.as_str()
    );
    let mut room = LISTS_BYTES;
    let runs = [incident.run.to_string()];
    for (name, list) in [
        ("related_run_ids", runs.as_slice()),
        ("observed_symptoms", incident.observed_symptoms.as_slice()),
        ("failed_attempts", incident.failed_attempts.as_slice()),
        ("related_stage_results", incident.related_stage_results.as_slice()),
        ("evidence_paths", incident.evidence_paths.as_slice()),
    ] {
        let mut lines = String::new();
        for one in list {
            let text = scalar(one, TEXT_CHARS);
            let line = format!("  - {text}\n");
            if text != EMPTY && line.len() <= room {
                room -= line.len();
                lines.push_str(&line);
            }
        }
        if !lines.is_empty() {
            let _ = write!(text, "{name}:\n{lines}");
        }
    }
    text.push_str("---\n");
    if !incident.summary.is_empty() {
        let _ = writeln!(text, "\nWhat {source} said, untrusted:\n");
    }
    for line in incident.summary.lines().take(BODY_LINES) {
        let _ = writeln!(text, "> {}", one_line(line, TEXT_CHARS));
    }
    text
}

/// [`scalar`] of nothing; readers take a field without a value for one that is missing.
const EMPTY: &str = "\"\"";

/// A text as one line in quotes: nothing in it means anything to YAML.
fn scalar(text: &str, chars: usize) -> String {
    in_quotes(&plain(text, chars))
}

/// Reads an incident document. `file` is what messages call it; `stamp` supplies `opened_at` and `opened_by` where the
/// document does not. The bytes are only read: the caller keeps them as they are.
pub fn parse_incident(bytes: &[u8], file: &str, stamp: &Stamp<'_>) -> Result<Parsed<Intake>, DocumentError> {
    const LINE: &str = "one line of text";
    let fields = Fields::open(bytes, file, &FIELDS, REQUIRED.to_vec())?;
    fields.word("schema_version", &["1.0"])?;
    fields.word("kind", &["incident"])?;
    let id = fields.id("incident_id")?.ok_or_else(|| fields.missing("incident_id", "an id of its own"))?;
    let line = |field: &str| fields.line_of_text(field, MAX_TITLE_BYTES, LINE);
    let required = |field: &str| line(field)?.ok_or_else(|| fields.missing(field, LINE));
    let title = required("title")?;
    fields.text("summary", "text")?;
    fields.word("severity", &["low", "medium", "high", "critical"])?;
    let words = |field: &str, words: &[&str]| {
        fields
            .word(field, words)?
            .ok_or_else(|| fields.missing(field, &super::suggest::one_of(words.iter().copied())))
    };
    words("source_plane", &["execution", "planning"])?;
    required("source_stage")?;
    required("failure_class")?;
    fields.word("needs_planning", &["true", "false"])?;
    fields.text("trigger_reason", "text")?.ok_or_else(|| fields.missing("trigger_reason", "text"))?;
    words("consultant_decision", &["needs_planning", "blocked"])?;
    for list in LISTS {
        fields.list(list)?;
    }
    fields.time("updated_at")?;
    let intake = Intake {
        item: ItemRef::new(ItemKind::Incident, id),
        title,
        priority: Priority::default(),
        depends_on: Vec::new(),
        root_spec_id: fields.id("root_spec_id")?,
        root_idea_id: fields.id("root_idea_id")?,
        spec_id: fields.id("source_spec_id")?,
        parent_task_id: fields.id("source_task_id")?,
        incident_id: None,
        about: None,
        created_at: fields.time("opened_at")?.unwrap_or(stamp.now),
        created_by: line("opened_by")?.unwrap_or_else(|| stamp.by.to_owned()),
    };
    Ok(Parsed { intake, warnings: fields.warnings })
}

/// Reads an incident by which a stage itself escalates. The queue needs its id and its title; what else it says is for
/// those who read it, so that nothing of that can be wrong. Times, authors and lineage are the runtime's to say.
pub fn parse_own_incident(
    bytes: &[u8],
    file: &str,
    stamp: &Stamp<'_>,
) -> Result<Parsed<Intake>, DocumentError> {
    const LINE: &str = "one line of text";
    let fields = Fields::of_any(bytes, file)?;
    let id = fields.id("incident_id")?.ok_or_else(|| fields.missing("incident_id", "an id of its own"))?;
    let title =
        fields.line_of_text("title", MAX_TITLE_BYTES, LINE)?.ok_or_else(|| fields.missing("title", LINE))?;
    let intake = Intake {
        item: ItemRef::new(ItemKind::Incident, id),
        title,
        priority: Priority::default(),
        depends_on: Vec::new(),
        root_spec_id: None,
        root_idea_id: None,
        spec_id: None,
        parent_task_id: None,
        incident_id: None,
        about: None,
        created_at: stamp.now,
        created_by: stamp.by.to_owned(),
    };
    Ok(Parsed { intake, warnings: fields.warnings })
}
