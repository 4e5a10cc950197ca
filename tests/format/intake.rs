//! Items and the facts of a document, as records hold them.

use millrace::domain::item::{Arrival, Intake, ItemKind, ItemRef, Priority};

#[test]
fn items_are_written_as_kind_and_id() {
    for (text, kind) in
        [("task/fix-login", ItemKind::Task), ("spec/a.b", ItemKind::Spec), ("incident/x", ItemKind::Incident)]
    {
        let item: ItemRef = text.parse().expect("an item");
        assert_eq!(item.kind, kind);
        assert_eq!(item.to_string(), text);
        assert_eq!(serde_json::to_string(&item).expect("JSON"), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<ItemRef>(&format!("\"{text}\"")).expect("an item"), item);
    }
}

#[test]
fn what_is_no_item_is_refused() {
    let refused = |text: &str| text.parse::<ItemRef>().expect_err(text).to_string();
    insta::assert_snapshot!(refused("fix-login"), @"`fix-login` does not name an item: expected `<kind>/<id>`, such as `task/fix-login`");
    insta::assert_snapshot!(refused("idea/x"), @"`idea` is not a kind of work item: expected `task`, `spec` or `incident`");
    insta::assert_snapshot!(refused("task/"), @"the id is empty");
    insta::assert_snapshot!(refused("task/a/b"), @"the id `a/b` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`");
    insta::assert_snapshot!(refused("a\u{1b}[2J"), @r"`a\u{1b}[2J` does not name an item: expected `<kind>/<id>`, such as `task/fix-login`");
}

#[test]
fn priorities_are_one_digit() {
    assert_eq!(Priority::default().digit(), 5);
    assert_eq!(Priority::try_from(9).expect("the last").to_string(), "9");
    assert!(Priority::try_from(0).expect("the first") < Priority::default());
    insta::assert_snapshot!(Priority::try_from(10).expect_err("ten"), @"10 is not a priority: expected 0 (first) to 9 (last)");
    assert!(serde_json::from_str::<Priority>("10").is_err());
}

#[test]
fn kinds_have_their_folders() {
    assert_eq!(ItemKind::ALL.map(ItemKind::plural), ["tasks", "specs", "incidents"]);
    assert_eq!(serde_json::to_string(&ItemKind::ALL).expect("JSON"), r#"["task","spec","incident"]"#);
    assert_eq!(serde_json::to_string(&Arrival(7)).expect("JSON"), "7");
}

#[test]
fn an_intake_reads_as_itself_and_leaves_out_what_is_not_there() {
    let text = "item = \"task/a\"\ntitle = \"A\"\npriority = 5\n\
                created_at = \"2026-11-22T09:30:00Z\"\ncreated_by = \"x\"\n";
    let intake: Intake = toml::from_str(text).expect("an intake");
    assert_eq!(toml::to_string(&intake).expect("TOML"), text);
    assert!(toml::from_str::<Intake>(&format!("more = 1\n{text}")).is_err(), "unknown keys are refused");
}
