//! Incident documents: what is rendered reads back as what was meant, whatever its texts hold.

use jiff::Timestamp;
use millrace::domain::item::{Intake, ItemKind, ItemRef, Priority};
use millrace::domain::limits::{MAX_ID_BYTES, MAX_TITLE_BYTES};
use millrace::format::document::Stamp;
use millrace::format::front_matter::split;
use millrace::format::incident::{Incident, Severity, gap_id, incident_id, parse_incident, render, title};
use proptest::prelude::*;

fn stamp() -> Stamp<'static> {
    Stamp { now: Timestamp::UNIX_EPOCH, by: "nobody" }
}

fn incident() -> Incident {
    let about: ItemRef = "task/fix-login".parse().expect("an item");
    let nonce = "0a1b2c3d4e5f60718293a4b5c6d7e8f9".parse().expect("a nonce");
    Incident {
        intake: Intake {
            item: ItemRef::new(ItemKind::Incident, incident_id(&about.id, &nonce).expect("an id")),
            title: title(&about, "Fix the login"),
            priority: Priority::default(),
            depends_on: Vec::new(),
            root_spec_id: Some("sessions".parse().expect("an id")),
            root_idea_id: None,
            spec_id: Some("login".parse().expect("an id")),
            parent_task_id: Some(about.id),
            incident_id: None,
            about: None,
            created_at: "2026-11-22T09:30:00Z".parse().expect("a time"),
            created_by: "execution/consultant (codex_cli)".to_owned(),
        },
        source: "execution/consultant".parse().expect("a stage"),
        severity: Severity::Medium,
        failure_class: "consultant_needs_planning".parse().expect("a class"),
        trigger_reason: "execution/consultant reported NEEDS_PLANNING on task/fix-login".to_owned(),
        summary: "The task assumes one session store.\nThere are two.".to_owned(),
        observed_symptoms: vec!["01-builder: BLOCKED: No store found.".to_owned()],
        failed_attempts: vec!["02-troubleshooter: BLOCKED: \"both\" are used".to_owned()],
        evidence_paths: vec!["runs/2026-11-22/20261122-0930-7f3a1c/01-builder/notes.md".to_owned()],
        run: "20261122-0930-7f3a1c".parse().expect("a run"),
        related_stage_results: vec!["runs/2026-11-22/20261122-0930-7f3a1c/01-builder/result.toml".to_owned()],
    }
}

#[test]
fn a_document_for_people() {
    insta::assert_snapshot!(render(&incident()), @r#"
    ---
    kind: incident
    incident_id: "incident-fix-login-0a1b2c3d"
    title: "fix-login needs planning: Fix the login"
    summary: "The task assumes one session store. There are two."
    source_plane: "execution"
    source_stage: "consultant"
    source_task_id: "fix-login"
    source_spec_id: "login"
    root_spec_id: "sessions"
    failure_class: "consultant_needs_planning"
    trigger_reason: "execution/consultant reported NEEDS_PLANNING on task/fix-login"
    opened_by: "execution/consultant (codex_cli)"
    opened_at: 2026-11-22T09:30:00Z
    severity: medium
    needs_planning: true
    consultant_decision: needs_planning
    related_run_ids:
      - "20261122-0930-7f3a1c"
    observed_symptoms:
      - "01-builder: BLOCKED: No store found."
    failed_attempts:
      - "02-troubleshooter: BLOCKED: \"both\" are used"
    related_stage_results:
      - "runs/2026-11-22/20261122-0930-7f3a1c/01-builder/result.toml"
    evidence_paths:
      - "runs/2026-11-22/20261122-0930-7f3a1c/01-builder/notes.md"
    ---

    What execution/consultant said, untrusted:

    > The task assumes one session store.
    > There are two.
    "#);
}

/// Lesson F-39: the document is the one form; what is recorded of it is read from it, and nothing is written twice.
#[test]
fn f39_what_people_read_and_what_is_recorded_are_one() {
    let text = render(&incident());
    let parsed = parse_incident(text.as_bytes(), "i.md", &stamp()).expect("an incident");
    assert_eq!(parsed.intake, incident().intake);
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
}

#[test]
fn what_must_be_there() {
    let text = render(&incident());
    let without = |field: &str| {
        let kept: String =
            text.lines().filter(|line| !line.starts_with(field)).flat_map(|line| [line, "\n"]).collect();
        parse_incident(kept.as_bytes(), "i.md", &stamp()).expect_err(field).to_string()
    };
    let said: Vec<String> = [
        "incident_id",
        "title",
        "source_plane",
        "source_stage",
        "failure_class",
        "trigger_reason",
        "consultant_decision",
    ]
    .into_iter()
    .map(without)
    .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    i.md:1: incident_id: is missing; expected an id of its own
    i.md:1: title: is missing; expected one line of text
    i.md:1: source_plane: is missing; expected `execution` or `planning`
    i.md:1: source_stage: is missing; expected one line of text
    i.md:1: failure_class: is missing; expected one line of text
    i.md:1: trigger_reason: is missing; expected text
    i.md:1: consultant_decision: is missing; expected `needs_planning` or `blocked`
    ");
    let wrong = text.replace("severity: medium", "severity: bad");
    insta::assert_snapshot!(parse_incident(wrong.as_bytes(), "i.md", &stamp()).expect_err("a word"), @"i.md:15: severity: found `bad`; expected `low`, `medium`, `high` or `critical`");
    let untold = text.replace("opened_", "opend_");
    assert!(
        parse_incident(untold.as_bytes(), "i.md", &stamp())
            .expect_err("a typo")
            .to_string()
            .contains("opened_")
    );
}

#[test]
fn its_id_is_the_launchs_and_within_bounds() {
    let nonce = "0123456789abcdef0123456789abcdef".parse().expect("a nonce");
    let id = |about: &str| incident_id(&about.parse().expect("an id"), &nonce).expect("an id").to_string();
    assert_eq!(id("fix-login"), "incident-fix-login-01234567");
    let long = id(&"x".repeat(MAX_ID_BYTES));
    assert_eq!(long.len(), MAX_ID_BYTES);
    assert!(long.starts_with("incident-xxx") && long.ends_with("x-01234567"), "{long}");
}

/// Lesson F-35: a second round of the same root is no second version of the first one's incident.
#[test]
fn f35_each_launch_has_an_incident_of_its_own() {
    let about = "sessions".parse().expect("an id");
    let nonce = |text: &str| text.parse().expect("a nonce");
    let (one, two) = (nonce("0123456789abcdef0123456789abcdef"), nonce("0123456889abcdef0123456789abcdef"));
    for made in [incident_id, gap_id] {
        assert_ne!(made(&about, &one), made(&about, &two));
        assert_eq!(made(&about, &one), made(&about, &one));
    }
}

#[test]
fn lists_have_room_for_so_much_and_no_reader_refuses_them() {
    let mut incident = incident();
    incident.evidence_paths =
        (0..5000).map(|n| format!("runs/2026-11-22/x/{n}-{}", "\\\"é".repeat(90))).collect();
    incident.summary = "word \"and\" word\n".repeat(5000);
    let text = render(&incident);
    let parsed = parse_incident(text.as_bytes(), "i.md", &stamp()).expect("an incident");
    assert_eq!(parsed.intake, incident.intake);
    assert!(text.contains("x/0-") && !text.contains("x/4999-") && text.len() < 80_000, "{}", text.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stages say and items are called, no text ends its value, begins a field or closes the front matter.
    #[test]
    fn no_text_breaks_out(
        said in text(), wrote in text(), symptom in text(), path in text(), reason in text(),
    ) {
        let about: ItemRef = "task/it".parse().expect("an item");
        let mut incident = incident();
        incident.intake.title = title(&about, &wrote);
        incident.summary = said;
        incident.trigger_reason = format!("it {reason}");
        incident.observed_symptoms = vec![symptom.clone(), "kind: task".to_owned()];
        incident.failed_attempts = vec![symptom];
        incident.evidence_paths = vec![path];
        prop_assert!(incident.intake.title.len() <= MAX_TITLE_BYTES);
        let text = render(&incident);
        let parsed = parse_incident(text.as_bytes(), "i.md", &stamp());
        prop_assert!(parsed.is_ok(), "{parsed:?}\n{text}");
        let parsed = parsed.expect("an incident");
        prop_assert_eq!(&parsed.intake, &incident.intake, "{}", text);
        prop_assert!(parsed.warnings.is_empty(), "{:?}\n{}", parsed.warnings, text);
        // The same keys whatever is said, in the same order: nothing was added and nothing lost but what is empty.
        let yaml = split(text.as_bytes(), "i.md").expect("front matter").yaml;
        let keys: Vec<&str> = yaml.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(':').next()).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), keys.len());
    }
}

/// Texts that were made to break out, and any other.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n---\n".to_owned()),
        Just("\nkind: task\n".to_owned()),
        Just("\"\n  - \"".to_owned()),
        Just("\\".to_owned()),
        Just("\\\"".to_owned()),
        Just("\"".to_owned()),
        Just("\r".to_owned()),
        Just("\u{2028}root_spec_id: forged".to_owned()),
        Just("\u{85}x: y".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\u{ffff}\u{fffe}\u{1fffe}\u{10ffff}".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        Just("# comment".to_owned()),
        Just("*a &b !c %d @e `f".to_owned()),
        any::<String>(),
        "[ -~]{0,40}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}
