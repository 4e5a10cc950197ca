//! Task documents: what is accepted, what is refused and in which words.

use jiff::Timestamp;
use millrace::domain::item::Intake;
use millrace::domain::limits::MAX_DOCUMENT_BYTES;
use millrace::format::document::{DocumentError, Parsed, Stamp};
use millrace::format::front_matter::{MAX_FRONT_MATTER_BYTES, split};
use millrace::format::task::{parse_task, template_task};
use proptest::prelude::*;

use super::fixtures;

fn parse(bytes: &[u8]) -> Result<Parsed<Intake>, DocumentError> {
    let now: Timestamp = "2026-11-22T09:30:00Z".parse().expect("a time");
    parse_task(bytes, "task.md", &Stamp { now, by: "the operator" })
}

fn accepted(name: &str) -> Parsed<Intake> {
    parse(&fixtures::one("documents/accepted", name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn minimal() -> String {
    String::from_utf8(fixtures::one("documents/accepted", "minimal")).expect("UTF-8")
}

#[test]
fn all_accepted_documents_are_accepted() {
    let mut seen = String::new();
    for (name, bytes) in fixtures::all("documents/accepted") {
        let parsed = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        seen += &format!("{name}: {} `{}`\n", parsed.intake.item, parsed.intake.title);
        for warning in parsed.warnings {
            seen += &format!("  {warning}\n");
        }
    }
    insta::assert_snapshot!(seen, @"");
}

#[test]
fn all_refused_documents_are_refused_in_one_line_that_says_what_is_expected() {
    let mut seen = String::new();
    for (name, bytes) in fixtures::all("documents/refused") {
        let error = parse(&bytes).expect_err(&name);
        let line = error.to_string();
        assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        assert!(!error.expected.is_empty() && !error.problem.is_empty(), "{name}");
        let lines = bytes.split(|byte| *byte == b'\n').count();
        assert!((1..=lines).contains(&error.line), "{name}: line {} of {lines}", error.line);
        seen += &format!("{name}\n  {line}\n");
    }
    insta::assert_snapshot!(seen, @"");
}

#[test]
fn every_field_arrives() {
    let parsed = accepted("every-field");
    insta::assert_snapshot!(toml::to_string(&parsed.intake).expect("TOML"), @"");
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
}

#[test]
fn the_stamp_fills_in_what_the_document_leaves_out() {
    let intake = accepted("minimal").intake;
    assert_eq!(intake.created_at.to_string(), "2026-11-22T09:30:00Z");
    assert_eq!(intake.created_by, "the operator");
    assert_eq!(intake.priority.digit(), 5);
    assert_eq!(intake.depends_on, []);
}

#[test]
fn text_is_kept_as_it_was_written_whatever_yaml_takes_it_for() {
    let intake = accepted("plain-scalars-stay-text").intake;
    assert_eq!(intake.item.to_string(), "task/0123");
    assert_eq!(intake.title, "1.10");
    assert_eq!(intake.spec_id.expect("a spec").as_str(), "42");
}

#[test]
fn a_document_over_the_limit_is_refused_by_its_size_alone() {
    let mut document = minimal();
    document.push_str(&"x".repeat(MAX_DOCUMENT_BYTES - document.len()));
    assert!(parse(document.as_bytes()).is_ok(), "at the limit");
    document.push('x');
    insta::assert_snapshot!(parse(document.as_bytes()).expect_err("over the limit"), @"");
}

#[test]
fn front_matter_over_its_limit_is_refused() {
    let mut inside = String::new();
    while inside.len() <= MAX_FRONT_MATTER_BYTES {
        inside.push_str("# a comment\n");
    }
    let document = minimal().replacen("---\n", &format!("---\n{inside}"), 1);
    insta::assert_snapshot!(parse(document.as_bytes()).expect_err("over the limit"), @"");
}

#[test]
fn a_thousand_unknown_fields_give_a_bounded_number_of_warnings() {
    let many: String = (0..1000).map(|n| format!("unknown_field_number_{n}: x\n")).collect();
    let document = minimal().replacen("---\n", &format!("---\n{many}"), 1);
    let warnings = parse(document.as_bytes()).expect("accepted").warnings;
    assert_eq!(warnings.len(), 21);
    insta::assert_snapshot!(warnings[20], @"");
}

#[test]
fn a_hostile_file_name_stays_on_its_line() {
    let now = Timestamp::UNIX_EPOCH;
    let error = parse_task(b"", "a\n\u{1b}[2Jb.md", &Stamp { now, by: "x" }).expect_err("refused");
    insta::assert_snapshot!(error, @"");
}

#[test]
fn the_template_is_a_document() {
    for id in ["fix-login", "0", "1.0", "null", "NULL", "true", "1e5"] {
        let parsed = parse(template_task(id).as_bytes()).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(parsed.intake.item.id.as_str(), id);
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    }
}

#[test]
fn the_body_is_whatever_follows_the_second_fence() {
    let every = fixtures::one("documents/accepted", "every-field");
    let body = split(&every, "task.md").expect("split").body;
    assert!(body.starts_with("# A heading\n\n---\n"), "{body}");
    assert_eq!(
        split(&fixtures::one("documents/accepted", "no-body-no-last-line-break"), "x").expect("split").body,
        ""
    );
}

/// Text that a list item or a title may be: printable, not blank, no YAML taken out.
fn printable() -> impl Strategy<Value = String> {
    "[ -~äöüß€]{1,60}".prop_filter("not blank", |text| !text.trim().is_empty())
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._-]{0,40}"
}

/// A double-quoted YAML scalar.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_front_matter_makes_it_panic(yaml in "([a-c]{1,3}: |- |[\\[\\]{},:?&*!|>'\"%@`#~\\-\n \t]|task_id|[0-9]){0,80}") {
        if let Err(error) = parse(format!("---\n{yaml}\n---\n").as_bytes()) {
            let line = error.to_string();
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }

    #[test]
    fn what_was_generated_is_understood(
        task in id(),
        title in printable(),
        items in proptest::collection::vec(printable(), 1..4),
        others in proptest::collection::vec(id(), 0..4),
        digit in 0_u8..=9,
        body in "\\PC{0,100}",
        windows in any::<bool>(),
    ) {
        prop_assume!(!others.contains(&task));
        let list: String = items.iter().map(|item| format!("  - {}\n", quote(item))).collect();
        let depends: Vec<String> = others.iter().map(|other| quote(other)).collect();
        let mut document = format!("---\ntask_id: {}\ntitle: {}\npriority: {digit}\ndepends_on: [{}]\n", quote(&task), quote(&title), depends.join(", "));
        for field in ["target_paths", "acceptance", "required_checks", "references", "risk"] {
            document += &format!("{field}:\n{list}");
        }
        document += &format!("---\n{body}");
        if windows {
            document = document.replace('\n', "\r\n");
        }
        let before = document.clone();
        let intake = parse(document.as_bytes()).map_err(|error| TestCaseError::fail(error.to_string()))?.intake;
        prop_assert_eq!(before, document);
        prop_assert_eq!(intake.item.id.as_str(), task);
        prop_assert_eq!(intake.title, title.trim());
        prop_assert_eq!(intake.priority.digit(), digit);
        let mut once: Vec<String> = Vec::new();
        for other in others {
            if !once.contains(&other) {
                once.push(other);
            }
        }
        prop_assert_eq!(intake.depends_on.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>(), once);
    }

    #[test]
    fn the_line_of_an_error_is_where_the_error_is(comments in 0_usize..30, items in 1_usize..20, bad in 0_usize..20) {
        let bad = bad % items;
        let mut document = "---\n".to_owned();
        document += &"# a comment\n".repeat(comments);
        document += "risk:\n";
        for item in 0..items {
            document += if item == bad { "  - \" \"\n" } else { "  - fine\n" };
        }
        document += minimal().trim_start_matches("---\n").replace("risk:\n  - open sessions may end\n", "").as_str();
        let error = parse(document.as_bytes()).expect_err("an empty item");
        prop_assert_eq!(error.line, 1 + comments + 1 + bad + 1);
        prop_assert_eq!(error.field.as_deref(), Some("risk"));
    }
}
