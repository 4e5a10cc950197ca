//! What git tells its hooks, and the documents that a push becomes, whatever is in it.

use jiff::Timestamp;
use millrace::domain::hook::Hook;
use millrace::domain::oid::Oid;
use millrace::format::document::Stamp;
use millrace::format::hooks::{
    BadLine, By, Commit, Origin, Patterns, Push, Rule, Update, of_push, of_trailer, pre_push, received,
};
use millrace::format::task::parse_task;
use proptest::prelude::*;

fn oid(digit: &str) -> Oid {
    digit.repeat(40).parse().expect("an id")
}

#[test]
fn lines_are_read_as_git_writes_them() {
    let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
    let update = |name: &[u8], old: Option<Oid>, new: Option<Oid>| Update { name: name.to_vec(), old, new };
    let text = format!("{a} {b} refs/heads/x\n{zero} {b} refs/heads/y z\n\n{a} {zero} refs/tags/v1");
    assert_eq!(
        received(text.as_bytes()),
        Ok(vec![
            update(b"refs/heads/x", Some(oid("a")), Some(oid("b"))),
            update(b"refs/heads/y z", None, Some(oid("b"))),
            update(b"refs/tags/v1", Some(oid("a")), None),
        ])
    );
    let mut odd = format!("{a} {b} refs/heads/").into_bytes();
    odd.extend(b"\xff\n");
    assert_eq!(received(&odd).expect("an update")[0].name, b"refs/heads/\xff");
    assert_eq!(received(&odd).expect("an update")[0].shown(), "refs/heads/\u{fffd}");
    // What is pushed may be an expression.
    let text = format!("HEAD^{{/fix it}} {b} refs/heads/x {a}\n(delete) {zero} refs/heads/y {a}\n");
    assert_eq!(
        pre_push(text.as_bytes()),
        Ok(vec![
            update(b"refs/heads/x", Some(oid("a")), Some(oid("b"))),
            update(b"refs/heads/y", Some(oid("a")), None),
        ])
    );
    for bad in ["x", "a b refs/heads/x", &format!("{a} {b}"), &format!("{a} {b} "), &format!("{a} {b}x r")] {
        let text = format!("{a} {b} refs/heads/x\n{bad}\n");
        let expected = "<old> <new> <ref>";
        assert_eq!(received(text.as_bytes()), Err(BadLine { line: 2, expected }), "{bad}");
    }
    assert!(pre_push(format!("{a} {b} refs/heads/x\n").as_bytes()).is_err());
}

#[test]
fn globs_fit_paths_by_folders_and_refs_across_them() {
    let paths = |pattern: &str| Patterns::of_paths(vec![pattern.to_owned()]).expect("a pattern");
    let refs = |pattern: &str| Patterns::of_refs(vec![pattern.to_owned()]).expect("a pattern");
    for (patterns, name, fits) in [
        (paths("work/*.md"), "work/a.md", true),
        (paths("work/*.md"), "work/deep/a.md", false),
        (paths("work/**/*.md"), "work/a.md", true),
        (paths("work/**/*.md"), "work/deep/er/a.md", true),
        (paths("work/**/*.md"), "other/work/a.md", false),
        (paths("*.{md,txt}"), "a.txt", true),
        (refs("refs/heads/*"), "refs/heads/feature/x", true),
        (refs("refs/heads/*"), "refs/tags/v1", false),
        (refs("refs/heads/main"), "refs/heads/main2", false),
    ] {
        assert_eq!(patterns.fit(name.as_bytes()), fits, "{:?} {name}", patterns.written());
    }
    assert!(paths("work/*").fit(b"work/\xff\n"));
    assert!(!Patterns::none().fit(b""));
}

/// Text of all that could break a document, a line or a terminal.
fn hostile() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("---".to_owned()),
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("task_id: other".to_owned()),
            Just("`".to_owned()),
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("{author}".to_owned()),
            Just("\u{1b}[2J\u{202e}\u{85}\u{2028}".to_owned()),
            Just(": - & * ! | > % @".to_owned()),
            ".{0,12}",
        ],
        0..12,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn whatever_is_pushed_is_data_in_the_document(texts in proptest::collection::vec(hostile(), 6)) {
        let mut rule = Rule::new("r");
        rule.trailers = true;
        let commit = Commit {
            oid: oid("c"),
            author: texts[0].clone(),
            author_name: texts[1].clone(),
            subject: texts[2].clone(),
            tasks: Vec::new(),
        };
        let stamp = Stamp { now: Timestamp::UNIX_EPOCH, by: "x" };
        let template = "{subject} {author}\n{paths} {pusher} {ref} {range} {count}";
        let push = Push {
            name: &texts[3],
            old: None,
            new: oid("b"),
            pusher: Some(&texts[4]),
            commits: std::slice::from_ref(&commit),
            paths: &texts[..5],
        };
        let mut made = vec![of_push(&rule, template, &push).expect("a task")];
        made.extend(of_trailer(&rule, &commit, &texts[5]).expect("a task or none"));
        for made in made {
            let parsed = parse_task(made.document.as_bytes(), "x", &stamp)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{}", made.document)))?;
            prop_assert_eq!(parsed.intake.item.id, made.id);
            prop_assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
            prop_assert!(parsed.intake.depends_on.is_empty() && parsed.intake.root_spec_id.is_none());
            let body = made.document.splitn(3, "---\n").nth(2).expect("a body");
            // Every value stands in a span of its own, which nothing in it closes.
            for line in body.lines().filter(|line| line.starts_with("- ")) {
                prop_assert_eq!(line.matches('`').count() % 2, 0, "{}", line);
            }
            prop_assert!(!made.document.chars().any(|c| c.is_control() && c != '\n'));
        }
        let origin = Origin {
            by: By { hook: Hook::PostReceive, pusher: Some(&texts[4]) },
            name: &texts[3],
            old: Some(oid("a")),
            new: oid("b"),
            rule: "r",
            what: &texts[2],
        };
        let line = origin.line();
        prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        prop_assert!(line.chars().count() < 700, "{}", line);
    }
}
