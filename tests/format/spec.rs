//! Spec documents: what is accepted, what is refused, and the template. The rules that they share with tasks are shown
//! with tasks.

use jiff::Timestamp;
use millrace::domain::item::Intake;
use millrace::format::document::{DocumentError, Parsed, Stamp};
use millrace::format::form::Prefill;
use millrace::format::spec::{example_spec, parse_spec, template_spec};

fn parse(text: &str) -> Result<Parsed<Intake>, DocumentError> {
    let now: Timestamp = "2026-11-22T09:30:00Z".parse().expect("a time");
    parse_spec(text.as_bytes(), "spec.md", &Stamp { now, by: "the operator" })
}

const MINIMAL: &str = "---\nspec_id: session-store\ntitle: Keep sessions over a restart\nsummary: Sessions survive.\n\
                       source_type: derived_spec\ngoals: [a restart logs nobody out]\nconstraints: [no new service]\n\
                       acceptance: [a session made before a restart is valid after it]\nreferences: [docs/sessions.md]\n\
                       ---\nProse.\n";

fn with(line: &str) -> String {
    MINIMAL.replacen("---\nProse", &format!("{line}\n---\nProse"), 1)
}

fn without(field: &str) -> String {
    let lines = MINIMAL.lines().filter(|line| !line.starts_with(&format!("{field}:")));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_stamp_fills_in_what_the_document_leaves_out() {
    let parsed = parse(MINIMAL).expect("accepted");
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    insta::assert_snapshot!(toml::to_string(&parsed.intake).expect("TOML"), @r#"
    item = "spec/session-store"
    title = "Keep sessions over a restart"
    priority = 5
    created_at = "2026-11-22T09:30:00Z"
    created_by = "the operator"
    "#);
    assert!(parsed.intake.is_root(), "one that says nothing else is its own root");
}

#[test]
fn every_field_arrives() {
    let more = "schema_version: \"1.0\"\nkind: spec\npriority: 2\ndepends_on: [accounts, accounts]\nnon_goals: [a]\n\
                scope: [a]\nassumptions: [a]\nrisks: [a]\ntarget_paths: [a]\nentrypoints: [a]\nrequired_skills: [a]\n\
                decomposition_hints: [a]\ntags: [a]\nsource_id: incident-3\nparent_spec_id: sessions\n\
                root_spec_id: web\nroot_idea_id: idea-7\ncreated_at: 2026-11-22T10:30:00+01:00\ncreated_by: Ada Example\n\
                updated_at: 2026-11-22T09:30:00Z";
    let document = with(more).replace("derived_spec", "incident");
    let parsed = parse(&document).expect("accepted");
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    insta::assert_snapshot!(toml::to_string(&parsed.intake).expect("TOML"), @r#"
    item = "spec/session-store"
    title = "Keep sessions over a restart"
    priority = 2
    depends_on = ["accounts"]
    root_spec_id = "web"
    root_idea_id = "idea-7"
    spec_id = "sessions"
    incident_id = "incident-3"
    created_at = "2026-11-22T09:30:00Z"
    created_by = "Ada Example"
    "#);
    // The source is the incident's id where the source is an incident.
    let other = parse(&document.replace("source_type: incident", "source_type: idea")).expect("accepted");
    assert_eq!(other.intake.incident_id, None);
}

#[test]
fn what_is_refused() {
    let mut said = Vec::new();
    let fields =
        ["spec_id", "title", "summary", "source_type", "goals", "constraints", "acceptance", "references"];
    for document in fields.map(without).into_iter().chain(
        [
            "source_id: a b",
            "depends_on: [session-store]",
            "goal: [x]",
            "scope: all of it",
            "kind: task",
            "schema_version: \"2.0\"",
            "updated_at: 2026-11-22",
        ]
        .map(with),
    ) {
        said.push(parse(&document).expect_err(&document).to_string());
    }
    let wrong = MINIMAL.replace("derived_spec", "derived");
    said.push(parse(&wrong).expect_err("no such source").to_string());
    insta::assert_snapshot!(said.join("\n"), @"
    spec.md:1: spec_id: is missing; expected an id of its own, such as `spec_id: session-store`
    spec.md:1: title: is missing; expected one line of text
    spec.md:1: summary: is missing; expected text
    spec.md:1: source_type: is missing; expected `idea`, `incident`, `manual` or `derived_spec`
    spec.md:1: goals: is missing; expected a list with at least one item, such as `- sessions outlive the process`
    spec.md:1: constraints: is missing; expected a list with at least one item, such as `- no new service`
    spec.md:1: acceptance: is missing; expected a list with at least one item, such as `- a session made before a restart is valid after it`
    spec.md:1: references: is missing; expected a list with at least one item, such as `- docs/sessions.md`
    spec.md:10: source_id: `a b` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    spec.md:10: depends_on: the spec depends on itself; expected ids of other specs
    spec.md:10: goal: this field is not known; expected `goals`
    spec.md:10: scope: found text; expected a list: one `- item` on each line below the field
    spec.md:10: kind: found `task`; expected `spec`
    spec.md:10: schema_version: found `2.0`; expected `1.0`
    spec.md:10: updated_at: `2026-11-22` has no time zone; expected RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`
    spec.md:5: source_type: found `derived`; expected `idea`, `incident`, `manual` or `derived_spec`
    ");
}

#[test]
fn m07_unknown_fields_are_warned_about_and_kept() {
    let warnings = parse(&with("estimate: 3 days")).expect("accepted").warnings;
    insta::assert_snapshot!(warnings[0], @"spec.md:10: estimate: this field is not known; it is kept and has no effect");
}

#[test]
fn the_template_is_refused_until_it_is_filled_in() {
    let empty = template_spec(Prefill::default(), "spec.md").expect("a template");
    insta::assert_snapshot!(parse(&empty).expect_err("refused"), @"spec.md:4: spec_id: is empty, and so are `title`, `summary`, `source_type`, `goals`, `constraints`, `acceptance` and `references`; expected an id of its own, such as `spec_id: session-store`");
    for id in ["session-store", "0", "null", "1e5"] {
        let parsed = parse(&example_spec(id)).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(parsed.intake.item.id.as_str(), id);
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    }
    // Every field that the reader knows is shown, above its own line of comment.
    let shown: Vec<&str> = empty
        .lines()
        .zip(empty.lines().skip(1))
        .filter(|(comment, line)| {
            comment.starts_with("# ") && line.starts_with(|c: char| c.is_ascii_lowercase())
        })
        .filter_map(|(_, line)| line.split_once(':').map(|(name, _)| name))
        .collect();
    assert_eq!(shown.len(), 28, "{shown:?}");
    let refused = template_spec(Prefill { id: Some("../x"), title: None }, "template").expect_err("no id");
    insta::assert_snapshot!(refused, @"template:4: spec_id: `../x` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`");
}
