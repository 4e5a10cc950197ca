//! Documents that do not come with their kind: which one they are, and what an agent's own incident needs.

use jiff::Timestamp;
use millrace::domain::item::Intake;
use millrace::format::document::{DocumentError, Parsed, Stamp};
use millrace::format::submission::parse_submission;

use crate::support::malformed::{Fate, INCIDENT, SPEC, TASK};

fn parse(bytes: &[u8]) -> Result<Parsed<Intake>, DocumentError> {
    parse_submission(bytes, "outbox/x.md", &Stamp { now: Timestamp::UNIX_EPOCH, by: "execution/consultant" })
}

fn item(text: &str) -> String {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}")).intake.item.to_string()
}

fn refused(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn the_kind_is_what_the_document_says_or_whose_id_it_has() {
    assert_eq!(item(&TASK.document("a", "T", "spec_id: s\nincident_id: i\n", "")), "task/a");
    assert_eq!(item(&SPEC.document("a", "T", "", "")), "spec/a");
    assert_eq!(item(&INCIDENT.document("a", "T", "", "")), "incident/a");
    assert_eq!(item(&INCIDENT.document("a", "T", "spec_id: s\nkind: incident\n", "")), "incident/a");
    insta::assert_snapshot!(refused(&INCIDENT.document("a", "T", "kind: idea\n", "")), @"outbox/x.md:4: kind: found `idea`; expected `task`, `spec` or `incident`");
    insta::assert_snapshot!(refused(&TASK.document("a", "T", "kind: spec\n", "")), @"outbox/x.md:2: task_id: the document is of kind task; expected `spec_id`");
    insta::assert_snapshot!(refused("---\ntitle: T\n---\n"), @"outbox/x.md:1: the document has no id; expected one of `task_id`, `spec_id` or `incident_id`, which tells the kind of document");
    insta::assert_snapshot!(refused("---\nTask-ID: a\ntitle: T\n---\n"), @"outbox/x.md:2: Task-ID: this field is not known; expected `task_id`");
}

#[test]
fn f22_an_escalation_is_not_refused_for_what_nobody_needs() {
    // No field but two is needed, and none of the others can be wrong.
    let odd = "severity: catastrophic\nsource_plane: moon\nneeds_planning: perhaps\nSource-Stage: x\nopened_at: today\n\
               evidence_paths: none\nroot_spec_id: not an id\nexecution_context: {a: [b]}\nincidentid: y\n";
    let parsed = parse(INCIDENT.document("login-needs-planning", "Two stores", odd, "Why.\n").as_bytes());
    let parsed = parsed.expect("an incident");
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    insta::assert_snapshot!(toml::to_string(&parsed.intake).expect("TOML"), @r#"
    item = "incident/login-needs-planning"
    title = "Two stores"
    priority = 5
    created_at = "1970-01-01T00:00:00Z"
    created_by = "execution/consultant"
    "#);
    insta::assert_snapshot!(refused("---\nincident_id: a\n---\n"), @"outbox/x.md:1: title: is missing; expected one line of text");
    insta::assert_snapshot!(refused("---\nincident_id:\ntitle: T\n---\n"), @"outbox/x.md:2: incident_id: is empty; expected an id of its own");
}

#[test]
fn m05_m09_every_class_of_bad_document_is_refused_in_one_line_or_understood() {
    for form in [TASK, SPEC, INCIDENT] {
        for one in form.malformed() {
            let what = format!("{} {}", form.id, one.class);
            match (one.fate, parse(&one.bytes)) {
                (Fate::Kept, Ok(parsed)) => assert_eq!(parsed.intake.item.id.as_str(), one.class, "{what}"),
                (Fate::Refused(words), Err(error)) => {
                    let line = error.to_string();
                    assert!(line.starts_with("outbox/x.md:") && line.contains(words), "{what}: {line}");
                    assert!(!line.chars().any(char::is_control), "{what}: {line:?}");
                }
                (fate, found) => panic!("{what}: {fate:?} and not {found:?}"),
            }
        }
    }
}
