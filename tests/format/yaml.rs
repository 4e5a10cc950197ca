//! YAML, read strictly: limits, positions, and the look ahead of the parser.

use std::time::{Duration, Instant};

use millrace::domain::limits::{MAX_DOCUMENT_BYTES, MAX_YAML_DEPTH};
use millrace::format::yaml::{Node, Scalar, Step, from_str, locate, read};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Stage {
    name: String,
    attempts: u8,
    #[serde(default)]
    results: Vec<Outcome>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Passed,
    FixNeeded,
}

fn refused(text: &str) -> String {
    let line = from_str::<Stage>(text).expect_err(text).to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    line
}

#[test]
fn a_type_is_read() {
    let text = "---\n# a comment\nname: builder\nattempts: 3\nresults: [passed, fix_needed]\n";
    let stage =
        Stage { name: "builder".into(), attempts: 3, results: vec![Outcome::Passed, Outcome::FixNeeded] };
    assert_eq!(from_str::<Stage>(text), Ok(stage));
}

#[test]
fn a_type_that_does_not_fit_is_refused_in_plain_words() {
    insta::assert_snapshot!(refused("name: a\n"), @"line 1, column 1: `attempts` is missing; expected it to be set");
    insta::assert_snapshot!(refused("name: a\nattempts: many\n"), @r#"line 2, column 11: attempts: found the text "many"; expected a whole number from 0 to 255"#);
    insta::assert_snapshot!(refused("name: a\nattempts: 300\n"), @"line 2, column 11: attempts: found the number `300`; expected a whole number from 0 to 255");
    insta::assert_snapshot!(refused("name: a\nattempts: 1\nresult: []\n"), @"line 3, column 1: `result` is not known (did you mean `results`?); expected `name`, `attempts`, `results`");
    insta::assert_snapshot!(refused("name: a\nattempts: 1\nresults: [pased]\n"), @"line 3, column 11: results[0]: `pased` is not known (did you mean `passed`?); expected `passed` or `fix_needed`");
    insta::assert_snapshot!(refused("name: a\nattempts: 1\nresults: passed\n"), @r#"line 3, column 10: results: found the text "passed"; expected a list"#);
    insta::assert_snapshot!(refused("name: [a]\nattempts: 1\n"), @"line 1, column 7: name: found a list; expected text");
    insta::assert_snapshot!(refused("- a\n"), @"line 1, column 1: found a list; expected a mapping");
    insta::assert_snapshot!(refused(""), @"line 1, column 1: `name` is missing; expected it to be set");
    insta::assert_snapshot!(refused("name: a\n---\nname: b\n"), @"line 2, column 1: a second YAML document begins; expected one document");
    insta::assert_snapshot!(refused(&"#".repeat(MAX_DOCUMENT_BYTES + 1)), @"line 1, column 1: the YAML has 1048577 bytes; expected at most 1048576");
}

#[test]
fn scalars_keep_their_text_and_say_what_they_are() {
    let text = "a: 1.10\nb: 'x'\nc: true\nd:\ne: ~\nf: 0x10\ng: |\n  1\n  2\nh: \"\"\ni: 007\n";
    let Ok(Node::Map(map)) = read(text) else { panic!("a mapping") };
    let seen: Vec<_> = map
        .iter()
        .map(|(key, node)| match node {
            Node::Scalar(scalar, text) => (key.as_str(), *scalar, text.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("a", Scalar::Number, "1.10"),
        ("b", Scalar::Text, "x"),
        ("c", Scalar::Bool, "true"),
        ("d", Scalar::Null, ""),
        ("e", Scalar::Null, "~"),
        ("f", Scalar::Number, "0x10"),
        ("g", Scalar::Text, "1\n2\n"),
        ("h", Scalar::Text, ""),
        ("i", Scalar::Text, "007"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn places_are_those_of_the_text() {
    let text = "a: 1\n\"b\":\n  - x\n  -   y: 2\n      z: [1,\n  2]\n";
    let key = Step::Key;
    assert_eq!(locate(text, &[key("a")]), (1, 1));
    assert_eq!(locate(text, &[key("b")]), (2, 1));
    assert_eq!(locate(text, &[key("b"), Step::Item(0)]), (3, 5));
    assert_eq!(locate(text, &[key("b"), Step::Item(1)]), (4, 7));
    assert_eq!(locate(text, &[key("b"), Step::Item(1), key("z")]), (5, 7));
    assert_eq!(locate(text, &[key("b"), Step::Item(1), key("z"), Step::Item(1)]), (6, 3));
    assert_eq!(locate(text, &[key("b"), Step::Item(9)]), (2, 1), "the nearest thing that exists");
    assert_eq!(locate(text, &[key("c")]), (1, 1));
}

#[test]
fn the_depth_that_is_allowed_is_read_and_one_more_is_not() {
    let flow = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let block = |depth: usize| {
        let keys = (0..depth).map(|n| format!("{}k:\n", " ".repeat(n))).collect::<Vec<_>>().concat();
        keys.trim_end().to_owned() + " 1\n"
    };
    let items = |depth: usize| "- ".repeat(depth) + "x";
    for shape in [flow, block, items] {
        read(&shape(MAX_YAML_DEPTH)).expect("the limit");
        let error = read(&shape(MAX_YAML_DEPTH + 1)).expect_err("over it");
        assert_eq!(error.problem, "lists and mappings are nested more than 16 deep");
    }
}

#[test]
fn characters_that_begin_something_are_free_inside_text() {
    for text in [
        "a & b * c ! d",
        "'&a *a !a'",
        "\"&a *a !a \\\" &b\"",
        "'it''s &a'",
        "|\n  &a\n  *a: [[[[[[[[[[[[[[[[[[[[\n",
        ">-\n\n   &a\n\n   *a\n",
        "|2\n   &a\n  *a\n",
        "one\n  &two\n  'three\n  *four",
        "http://example.org/?a=1&b=2",
        "x # & * !",
        "[a&b, c*d, e!f, 'g', \"h\"]",
        "{a: b&c, d: 'e &f'}",
        "-x",
        "a:b",
    ] {
        read(&format!("key: {text}\nlast: 1\n")).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn anchors_aliases_and_tags_are_refused_wherever_a_value_may_begin() {
    for (before, after) in [
        ("", ""),
        ("a: ", ""),
        ("- ", ""),
        ("- - ", ""),
        ("a:\n  ", ""),
        ("a: [", "]"),
        ("a: [b, ", "]"),
        ("a: {b: ", "}"),
        ("a: {", ": b}"),
        ("a: |\n  x\nb: ", ""),
        ("a: 'x'\nb: ", ""),
        ("a: 'it''s'\nb: ", ""),
        ("a: one\n  'two\nb: ", ""),
        ("a: \"\\\\\"\nb: ", ""),
        ("a: [x]\nb: ", ""),
        ("? ", ""),
    ] {
        for sign in ["&x y", "*x", "!x y", "!!str y"] {
            let text = format!("{before}{sign}{after}\n");
            assert!(read(&text).is_err(), "{text:?} was read");
        }
    }
}

#[test]
fn text_that_is_made_to_be_slow_is_not() {
    let start = Instant::now();
    for piece in
        ["[", "{", "- ", "a: ", "\"", "'", "? ", "a:\n", "[a,", "{a: ", "!!x ", "&a ", "# x\n", "a ", "\n "]
    {
        let _ = read(&piece.repeat(MAX_DOCUMENT_BYTES / 4 / piece.len()));
    }
    let flat = (0..20_000).map(|n| format!("k{n}: v\n")).collect::<Vec<_>>().concat();
    assert!(read(&flat).is_ok());
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// Pieces that YAML text is made of, to be thrown together.
const PIECES: &str = "(a|b|1|: |:|- |-|\\? |\\[|\\]|\\{|\\}|, |,|'|\"|\\\\|\\||>|[+]|2|#| #|&x|[*]x|!t|\n|\n|\n  |\n    | |  |\t|~|<<|%|@|\\.\\.\\.|---|\r\n){0,40}";

/// What a tree holds, at most: how deep, how many values.
fn measure(node: &Node) -> (usize, usize) {
    let inner = |nodes: Vec<&Node>| {
        nodes.into_iter().map(measure).fold((0, 0), |(depth, count), (d, c)| (depth.max(d), count + c))
    };
    match node {
        Node::Scalar(..) => (0, 1),
        Node::List(items) => {
            let (depth, count) = inner(items.iter().collect());
            (depth + 1, count + 1)
        }
        Node::Map(entries) => {
            let (depth, count) = inner(entries.iter().map(|(_, value)| value).collect());
            (depth + 1, count + 1)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    /// The look ahead must see what the parser will see: no alias may reach the parser, no tag, no second document.
    #[test]
    fn nothing_unread_passes_the_look_ahead(text in PIECES) {
        match read(&text) {
            Ok(node) => {
                let (depth, count) = measure(&node);
                prop_assert!(depth <= MAX_YAML_DEPTH);
                prop_assert!(count <= text.len() + 1);
            }
            Err(error) => {
                let line = error.to_string();
                prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
                for missed in ["unknown anchor", "a tag;", "unfolds"] {
                    prop_assert!(!line.contains(missed), "{:?}: {}", text, line);
                }
                prop_assert!(error.line >= 1 && error.line <= text.split('\n').count(), "{:?}: {}", text, line);
            }
        }
    }

    #[test]
    fn any_text_that_is_quoted_is_read_back(text in "\\PC{0,80}") {
        prop_assume!(!text.contains(['\u{FEFF}', '\u{2028}', '\u{2029}', '\u{FFFE}', '\u{FFFF}']));
        let yaml = format!("a: '{}'\n", text.replace('\'', "''"));
        let Ok(Node::Map(map)) = read(&yaml) else { panic!("{yaml:?}: {:?}", read(&yaml)) };
        prop_assert_eq!(&map[0].1, &Node::Scalar(Scalar::Text, text));
    }
}
