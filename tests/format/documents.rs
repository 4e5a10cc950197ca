//! Task documents: what is accepted, what is refused and in which words.

use jiff::Timestamp;
use millrace::domain::item::Intake;
use millrace::domain::limits::MAX_DOCUMENT_BYTES;
use millrace::format::document::{DocumentError, Parsed, Stamp};
use millrace::format::form::Prefill;
use millrace::format::front_matter::{MAX_FRONT_MATTER_BYTES, split};
use millrace::format::task::{example_task, parse_task, template_task};
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
    let mut seen = Vec::new();
    for (name, bytes) in fixtures::all("documents/accepted") {
        let parsed = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        seen.push(format!("{name}: {} `{}`\n", parsed.intake.item, parsed.intake.title));
        for warning in parsed.warnings {
            seen.push(format!("  {warning}\n"));
        }
    }
    insta::assert_snapshot!(seen.concat(), @"
    blocks-has-no-effect: task/fix-login `Refuse a wrong password`
      task.md:14: blocks: has no effect; name this task in `depends_on` of the other one
    byte-order-mark: task/fix-login `Refuse a wrong password`
    comments-and-quotes: task/fix-login `It's # not a comment`
    empty-means-absent: task/fix-login `Refuse a wrong password`
    every-field: task/fix-login `Refuse a wrong password: always`
    fences-with-spaces: task/fix-login `Refuse a wrong password`
    indented-plain-text: task/fix-login `Refuse a wrong password`
    minimal: task/fix-login `Refuse a wrong password`
    no-body-no-last-line-break: task/fix-login `Refuse a wrong password`
    plain-scalars-stay-text: task/0123 `1.10`
    time-with-small-letters: task/fix-login `Refuse a wrong password`
    unknown-fields: task/fix-login `Refuse a wrong password`
      task.md:14: owner: this field is not known; it is kept and has no effect
      task.md:15: estimate: this field is not known; it is kept and has no effect
    windows-line-ends: task/fix-login `Refuse a wrong password`
    ");
}

#[test]
fn all_refused_documents_are_refused_in_one_line_that_says_what_is_expected() {
    let mut seen = Vec::new();
    for (name, bytes) in fixtures::all("documents/refused") {
        let error = parse(&bytes).expect_err(&name);
        let line = error.to_string();
        assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        assert!(!error.expected.is_empty() && !error.problem.is_empty(), "{name}");
        let lines = bytes.split(|byte| *byte == b'\n').count();
        assert!((1..=lines).contains(&error.line), "{name}: line {} of {lines}", error.line);
        seen.push(format!("{name}\n  {line}\n"));
    }
    insta::assert_snapshot!(seen.concat(), @"
    alias-bomb
      task.md:14: a value begins with `&`, which is an anchor in YAML; expected quotes around it (anchors are not read)
    alias-to-itself
      task.md:14: a value begins with `&`, which is an anchor in YAML; expected quotes around it (anchors are not read)
    anchor
      task.md:14: a value begins with `&`, which is an anchor in YAML; expected quotes around it (anchors are not read)
    bad-indent
      task.md:12: this line does not fit what stands above it; expected `key: value` at the indentation of the other keys, and quotes closed at the end of a value
    blank
      task.md:1: the document is empty; expected a first line `---`, then YAML, then another `---`
    blank-line-first
      task.md:1: something stands before the front matter; expected a first line `---`, then YAML, then another `---`
    control-in-front-matter
      task.md:14: the control character U+0007; expected printable text, spaces and line breaks
    created-by-lines
      task.md:14: created_by: holds a line break; expected one line
    deep-block
      task.md:30: lists and mappings are nested more than 16 deep; expected a flatter structure
    deep-compact
      task.md:15: lists and mappings are nested more than 16 deep; expected a flatter structure
    deep-flow
      task.md:14: lists and mappings are nested more than 16 deep; expected a flatter structure
    depends-on-bad-id
      task.md:14: depends_on: `not good` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    depends-on-itself
      task.md:16: depends_on: the task depends on itself; expected ids of other tasks
    depends-on-text
      task.md:14: depends_on: found text; expected a list: one `- item` on each line below the field
    directive
      task.md:2: a `%` directive; expected plain YAML without directives
    duplicate-key
      task.md:14: the key `title` occurs twice; expected each key once
    duplicate-key-inside
      task.md:17: the key `days` occurs twice; expected each key once
    duplicate-key-written-otherwise
      task.md:15: the key `tags` occurs twice; expected each key once
    empty
      task.md:1: the document is empty; expected a first line `---`, then YAML, then another `---`
    flow-not-closed
      task.md:14: a `[` list that is not closed; expected `[first, second]`
    front-matter-empty
      task.md:1: task_id: is missing, and so are `title`, `target_paths`, `acceptance`, `required_checks`, `references` and `risk`; expected an id of its own, such as `task_id: fix-login`
    front-matter-is-list
      task.md:2: the front matter is a list; expected `key: value` lines
    front-matter-is-text
      task.md:2: the front matter is text; expected `key: value` lines
    front-matter-open
      task.md:1: the front matter is never closed; expected a second line `---` below it
    id-empty
      task.md:2: task_id: is empty; expected an id
    id-leading-dot
      task.md:2: task_id: `.hidden` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    id-slash
      task.md:2: task_id: `../fix` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    id-space
      task.md:2: task_id: `fix login` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    id-too-long
      task.md:2: task_id: the id has 129 bytes; expected at most 128
    id-unicode
      task.md:2: task_id: `größe` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    kind-other
      task.md:14: kind: found `spec`; expected `task`
    label-form
      task.md:1: the form with a `# title` and `Task-ID:` labels is not read (the keys are the same, in lower case with `_`: `task_id`, `title`, `target_paths`); expected a first line `---`, then YAML, then another `---`
    list-as-key
      task.md:14: found a list; expected text as a key
    list-empty
      task.md:12: risk: is empty; expected a list with at least one item, such as `- sessions that are open now may end`
    list-glob-is-alias
      task.md:5: a value begins with `*`, which is an alias in YAML; expected quotes around it (aliases are not read)
    list-is-text
      task.md:12: risk: found text; expected a list: one `- item` on each line below the field
    list-item-blank
      task.md:14: risk: item 2 is empty; expected text after each `- `
    list-item-control
      task.md:13: risk: holds the control character U+0007; expected printable text
    list-item-empty
      task.md:14: risk: item 2 is empty; expected text after each `- `
    list-item-is-mapping
      task.md:8: acceptance: item 2 is a mapping; expected text, with quotes around an item that holds `: `
    lone-carriage-return
      task.md:14: the control character U+000D; expected printable text, spaces and line breaks
    merge-key
      task.md:16: a value begins with `*`, which is an alias in YAML; expected quotes around it (aliases are not read)
    missing-acceptance
      task.md:1: acceptance: is missing; expected a list with at least one item, such as `- a wrong password is refused`
    missing-references
      task.md:1: references: is missing; expected a list with at least one item, such as `- docs/login.md`
    missing-required-checks
      task.md:1: required_checks: is missing; expected a list with at least one item, such as `- cargo test`
    missing-risk
      task.md:1: risk: is missing; expected a list with at least one item, such as `- sessions that are open now may end`
    missing-target-paths
      task.md:1: target_paths: is missing; expected a list with at least one item, such as `- src/login.rs`
    missing-task-id
      task.md:1: task_id: is missing; expected an id of its own, such as `task_id: fix-login`
    missing-title
      task.md:1: title: is missing; expected one line of text
    near-miss-case
      task.md:14: Tags: this field is not known; expected `tags`
    near-miss-label-form
      task.md:2: Task-ID: this field is not known; expected `task_id`
    near-miss-letters
      task.md:14: depend_on: this field is not known; expected `depends_on`
    no-colon
      task.md:14: a line that is no `key: value`; expected `key: value`
    no-front-matter
      task.md:1: the document has no front matter; expected a first line `---`, then YAML, then another `---`
    not-utf8
      task.md:17: the byte 0xE9 is not UTF-8; expected UTF-8 text
    nul-byte
      task.md:18: a NUL byte; expected UTF-8 text
    priority-ten
      task.md:14: priority: found `10`; expected a digit from 0 (first) to 9 (last)
    priority-word
      task.md:14: priority: found `high`; expected a digit from 0 (first) to 9 (last)
    question-key
      task.md:14: a `?` key; expected keys written as `key: value`
    quote-not-closed
      task.md:3: a quote that is never closed; expected a closing quote
    reserved-character
      task.md:3: a character that cannot begin a value; expected quotes around the value, and spaces for indentation
    schema-version-newer
      task.md:14: schema_version: found `2.0`; expected `1.0`
    spec-id-bad
      task.md:14: root_spec_id: `a b` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    status-hint-unknown
      task.md:14: status_hint: found `actve`; expected `queued`, `active`, `blocked` or `done` (did you mean `active`?)
    tab-indent
      task.md:13: a character that cannot begin a value; expected quotes around the value, and spaces for indentation
    tag
      task.md:14: a value begins with `!`, which is a tag in YAML; expected quotes around it (tags are not read)
    tag-own
      task.md:14: a value begins with `!`, which is a tag in YAML; expected quotes around it (tags are not read)
    time-date-only
      task.md:14: created_at: `2026-11-22` has no time zone; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    time-epoch
      task.md:14: created_at: `1795339800` is not a time; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    time-no-such-day
      task.md:14: created_at: `2026-02-30T09:30:00Z` is not a time; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    time-no-zone
      task.md:14: created_at: `2026-11-22T09:30:00` has no time zone; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    time-words
      task.md:14: updated_at: `yesterday` is not a time; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    time-zone-name
      task.md:14: updated_at: `2026-11-22T09:30:00[Europe/Berlin]` is not a time; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    title-blank
      task.md:3: title: is blank; expected one line of text
    title-block-of-lines
      task.md:3: title: holds a line break; expected one line
    title-direction
      task.md:3: title: holds the control character U+202E; expected printable text
    title-empty
      task.md:3: title: is empty; expected one line of text
    title-escape
      task.md:3: title: holds the control character U+001B; expected printable text
    title-is-a-list
      task.md:3: title: found a list; expected one line of text
    title-line-break
      task.md:3: title: holds a line break; expected one line
    title-too-long
      task.md:3: title: has 257 bytes; expected at most 256
    title-with-colon
      task.md:3: `: ` inside a value, or a key at the wrong indentation; expected quotes around a value that holds `: `
    two-documents
      task.md:14: a second YAML document begins; expected one document
    utf16
      task.md:1: the document is UTF-16; expected UTF-8
    ");
}

#[test]
fn every_field_arrives() {
    let parsed = accepted("every-field");
    insta::assert_snapshot!(toml::to_string(&parsed.intake).expect("TOML"), @r#"
    item = "task/fix-login"
    title = "Refuse a wrong password: always"
    priority = 2
    depends_on = ["make-accounts", "make-login"]
    root_spec_id = "spec-accounts"
    root_idea_id = "idea-7"
    spec_id = "spec-login.2"
    parent_task_id = "make-login"
    incident_id = "incident-3"
    created_at = "2026-11-22T09:30:00Z"
    created_by = "Ada Example"
    "#);
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
    insta::assert_snapshot!(parse(document.as_bytes()).expect_err("over the limit"), @"task.md:1: the document has 1048577 bytes; expected at most 1048576; put long material into a file of the repository");
}

#[test]
fn front_matter_over_its_limit_is_refused() {
    let mut inside = String::new();
    while inside.len() <= MAX_FRONT_MATTER_BYTES {
        inside.push_str("# a comment\n");
    }
    let document = minimal().replacen("---\n", &format!("---\n{inside}"), 1);
    insta::assert_snapshot!(parse(document.as_bytes()).expect_err("over the limit"), @"task.md:1: the front matter has 65769 bytes; expected at most 65536; put prose below the second `---`");
}

#[test]
fn a_thousand_unknown_fields_give_a_bounded_number_of_warnings() {
    let many = (0..1000).map(|n| format!("unknown_field_number_{n}: x\n")).collect::<Vec<_>>().concat();
    let document = minimal().replacen("---\n", &format!("---\n{many}"), 1);
    let warnings = parse(document.as_bytes()).expect("accepted").warnings;
    assert_eq!(warnings.len(), 21);
    insta::assert_snapshot!(warnings[20], @"task.md:22: unknown_field_number_20: 980 more fields are not known, this one first; they are kept and have no effect");
}

#[test]
fn a_hostile_file_name_stays_on_its_line() {
    let now = Timestamp::UNIX_EPOCH;
    let error = parse_task(b"", "a\n\u{1b}[2Jb.md", &Stamp { now, by: "x" }).expect_err("refused");
    insta::assert_snapshot!(error, @r"a\n\u{1b}[2Jb.md:1: the document is empty; expected a first line `---`, then YAML, then another `---`");
}

#[test]
fn the_template_with_its_examples_is_a_document() {
    for id in ["fix-login", "0", "1.0", "null", "NULL", "true", "1e5"] {
        let parsed = parse(example_task(id).as_bytes()).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(parsed.intake.item.id.as_str(), id);
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    }
}

#[test]
fn the_template_as_it_comes_is_refused_and_every_required_field_is_named() {
    let empty = template_task(Prefill::default(), "task.md").expect("a template");
    insta::assert_snapshot!(parse(empty.as_bytes()).expect_err("refused"), @"task.md:4: task_id: is empty, and so are `title`, `target_paths`, `acceptance`, `required_checks`, `references` and `risk`; expected an id of its own, such as `task_id: fix-login`");
    let prefill = Prefill { id: Some("a"), title: Some("b") };
    let prefilled = template_task(prefill, "task.md").expect("a template");
    insta::assert_snapshot!(parse(prefilled.as_bytes()).expect_err("refused"), @"task.md:8: target_paths: is empty, and so are `acceptance`, `required_checks`, `references` and `risk`; expected a list with at least one item, such as `- src/login.rs`");
    // One after the other is filled in: refused until the last one is.
    let filled: Vec<&str> =
        ["task_id", "title", "target_paths", "acceptance", "required_checks", "references", "risk"].into();
    let mut document = empty;
    for field in filled {
        assert!(parse(document.as_bytes()).is_err(), "{document}");
        document = document
            .replacen(&format!("\n{field}:\n  -\n"), &format!("\n{field}:\n  - x\n"), 1)
            .replacen(&format!("\n{field}:\n#"), &format!("\n{field}: x\n#"), 1);
    }
    parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}"));
}

/// Template and reader have one list of fields: what the template shows is known, and what is known is shown.
#[test]
fn the_template_shows_every_field() {
    let template = template_task(Prefill::default(), "task.md").expect("a template");
    let shown: Vec<&str> = template
        .lines()
        .take_while(|line| !line.starts_with("<!--"))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .collect();
    let every = String::from_utf8(fixtures::one("documents/accepted", "every-field")).expect("UTF-8");
    let mut every: Vec<&str> = every
        .lines()
        .skip(1)
        .take_while(|line| *line != "---")
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .collect();
    let mut sorted = shown.clone();
    sorted.sort_unstable();
    every.sort_unstable();
    assert_eq!(sorted, every);
    // Each has its own line of comment above it, and none of them is unknown to the reader.
    for name in &shown {
        let before = template
            .lines()
            .zip(template.lines().skip(1))
            .find(|(_, line)| line.starts_with(&format!("{name}:")));
        assert!(before.is_some_and(|(comment, _)| comment.starts_with("# ")), "{name}");
    }
    assert!(parse(example_task("a").as_bytes()).expect("accepted").warnings.is_empty());
}

#[test]
fn a_prefilled_value_is_read_back_as_it_was_or_refused() {
    for title in ["plain", "# not a comment", "a: b", "\"quoted\" \\ back", "- x", "null", "äöü €", "'"]
    {
        let prefill = Prefill { id: Some("null"), title: Some(title) };
        let template = template_task(prefill, "task.md").expect(title);
        let document = template.replace("  -\n", "  - x\n");
        let parsed = parse(document.as_bytes()).unwrap_or_else(|error| panic!("{title}: {error}"));
        assert_eq!((parsed.intake.title.as_str(), parsed.intake.item.id.as_str()), (title, "null"));
    }
    let refused = |id, title| {
        let prefill = Prefill { id: Some(id), title: Some(title) };
        template_task(prefill, "template").expect_err("refused").to_string()
    };
    insta::assert_snapshot!(refused("a b", "x"), @"template:4: task_id: `a b` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`");
    insta::assert_snapshot!(refused("a", "two\nlines"), @"template:6: title: holds a line break; expected one line");
    insta::assert_snapshot!(refused("a", " "), @"template:6: title: is blank; expected one line of text");
    let long = "x".repeat(257);
    insta::assert_snapshot!(refused("a", long.as_str()), @"template:6: title: has 257 bytes; expected at most 256");
    insta::assert_snapshot!(refused("a", "\u{202e}x"), @"template:6: title: holds the control character U+202E; expected printable text");
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
        let list = items.iter().map(|item| format!("  - {}\n", quote(item))).collect::<Vec<_>>().concat();
        let depends: Vec<String> = others.iter().map(|other| quote(other)).collect();
        let mut document = format!("---\ntask_id: {}\ntitle: {}\npriority: {digit}\ndepends_on: [{}]\n", quote(&task), quote(&title), depends.join(", "));
        for field in ["target_paths", "acceptance", "required_checks", "references", "risk"] {
            document.extend([field, ":\n", list.as_str()]);
        }
        document.extend(["---\n", body.as_str()]);
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
