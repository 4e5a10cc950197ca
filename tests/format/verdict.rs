//! Verdicts: read strictly, refused in words that name the criterion, and quoted so that no text leaves its place.

use millrace::domain::closure::{Criterion, Finding};
use millrace::domain::limits::MAX_DOCUMENT_BYTES;
use millrace::format::verdict::{MAX_CRITERIA, MAX_CRITERION_BYTES, parse_verdict, rubric};
use proptest::prelude::*;
use serde_json::{Value, json};

const CODE: &str = "0123456789abcdef0123456789abcdef01234567";

fn good() -> Value {
    json!({
        "snapshot": CODE,
        "criteria": [
            {"id": "c1", "criterion": "A wrong password is refused.", "source": "idea: line 3", "finding": "pass",
             "evidence": "`cargo test login`: ok"},
            {"id": "c2", "text": "Nobody is logged out.", "finding": "gap", "evidence": "src/login.rs:7", "more": [1]},
        ],
        "remarks": {"anything": null},
    })
}

fn refused(bytes: &[u8]) -> String {
    let line = parse_verdict(bytes).expect_err("refused").to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    line
}

/// A good verdict with one value of its second criterion replaced.
fn with(key: &str, value: Value) -> String {
    let mut verdict = good();
    verdict["criteria"][1][key] = value;
    refused(verdict.to_string().as_bytes())
}

#[test]
fn a_verdict_is_read() {
    let verdict = parse_verdict(format!("\u{feff}{}\r\n", good()).as_bytes()).expect("a verdict");
    assert_eq!(verdict.snapshot.to_string(), CODE);
    let of = |id: &str, text: &str, source: Option<&str>, finding, evidence: &str| Criterion {
        id: id.parse().expect("an id"),
        text: text.to_owned(),
        source: source.map(str::to_owned),
        finding,
        evidence: evidence.to_owned(),
    };
    assert_eq!(
        verdict.criteria,
        [
            of(
                "c1",
                "A wrong password is refused.",
                Some("idea: line 3"),
                Finding::Pass,
                "`cargo test login`: ok"
            ),
            of("c2", "Nobody is logged out.", None, Finding::Gap, "src/login.rs:7"),
        ]
    );
}

#[test]
fn m10_what_is_no_verdict() {
    let mut said = String::new();
    let mut add = |line: String| said.push_str(&(line + "\n"));
    add(refused(b""));
    add(refused(b"\xff\xfe{\0}\0"));
    add(refused(b"{\"snapshot\": \"\xe9\"}"));
    add(refused(b"[]"));
    add(refused(b"{}"));
    add(refused(br#"{"snapshot": 7}"#));
    add(refused(br#"{"snapshot": "HEAD", "criteria": []}"#));
    add(refused(br#"{"snapshot": "a", "snapshot": "b"}"#));
    add(refused("[".repeat(100_000).as_bytes()));
    add(refused(&vec![b' '; MAX_DOCUMENT_BYTES + 1]));
    let mut verdict = good();
    verdict["criteria"] = Value::Null;
    add(refused(verdict.to_string().as_bytes()));
    verdict["criteria"] = json!({"c1": "pass"});
    add(refused(verdict.to_string().as_bytes()));
    verdict["criteria"] = json!(["c1"]);
    add(refused(verdict.to_string().as_bytes()));
    verdict["criteria"] = (0..=MAX_CRITERIA).map(|_| good()["criteria"][0].clone()).collect();
    add(refused(verdict.to_string().as_bytes()));
    for (key, value) in [
        ("id", Value::Null),
        ("id", json!("../c\u{1b}[2J")),
        ("id", json!(2)),
        ("criterion", json!("twice")),
        ("text", json!("")),
        ("text", json!("x".repeat(MAX_CRITERION_BYTES + 1))),
        ("source", json!(["idea"])),
        ("finding", json!("passed")),
        ("finding", json!(true)),
        ("evidence", Value::Null),
        ("evidence", json!(" \n")),
    ] {
        add(with(key, value));
    }
    insta::assert_snapshot!(said, @r"
    the verdict cannot be read: EOF while parsing a value at line 1 column 0; expected one JSON object, each key once
    the verdict is not UTF-8; expected UTF-8 text
    the verdict is not UTF-8; expected UTF-8 text
    the verdict is a list; expected a JSON object
    snapshot: is missing; expected the id of the commit that was judged
    snapshot: found a number; expected the id of the commit that was judged
    snapshot: `HEAD` is not an object id; expected 40 or 64 lower-case hex digits
    the verdict cannot be read: the key `snapshot` occurs twice at line 1 column 28; expected one JSON object, each key once
    the verdict cannot be read: recursion limit exceeded at line 1 column 128; expected one JSON object, each key once
    the verdict has 1048577 bytes; expected at most 1048576
    criteria: is missing; expected a list of criteria, each an object
    criteria: found an object; expected a list of criteria, each an object
    criterion number 1: found text; expected an object
    criteria: there are 201; expected at most 200
    criterion number 2: id: is missing; expected a name that it keeps, such as `c1`
    criterion `../c\u{1b}[2J`: id: `../c\u{1b}[2J` is not the name of a criterion; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    criterion number 2: id: found a number; expected a name that it keeps, such as `c1`
    criterion `c2`: text: stands there beside `criterion`; expected one of the two
    criterion `c2`: text: is empty; expected what has to be true
    criterion `c2`: text: has 4097 bytes; expected at most 4096
    criterion `c2`: source: found a list; expected where idea or spec say so
    criterion `c2`: finding: found `passed`; expected `pass`, `gap` or `not_judgeable`
    criterion `c2`: finding: found `true` or `false`; expected `pass`, `gap` or `not_judgeable`
    criterion `c2`: evidence: is missing; expected what shows it: a command and its outcome, or a place
    criterion `c2`: evidence: is empty; expected what shows it: a command and its outcome, or a place
    ");
}

#[test]
fn the_bounds_are_where_they_are_said_to_be() {
    let mut verdict = good();
    verdict["criteria"][1]["evidence"] = json!("x".repeat(MAX_CRITERION_BYTES));
    assert!(parse_verdict(verdict.to_string().as_bytes()).is_ok());
    verdict["criteria"] = (0..MAX_CRITERIA).map(|_| good()["criteria"][0].clone()).collect();
    assert_eq!(
        parse_verdict(verdict.to_string().as_bytes()).expect("a verdict").criteria.len(),
        MAX_CRITERIA
    );
}

#[test]
fn a_rubric_has_the_criteria_and_not_what_was_found() {
    let mut criteria = parse_verdict(good().to_string().as_bytes()).expect("a verdict").criteria;
    criteria[1].text = "Two lines | a cell\n\n## c9\n```\n<!-- \u{1b}[2J\u{202e}".to_owned();
    insta::assert_snapshot!(rubric(&criteria), @"
    # Rubric

    The criteria of earlier judgements of this root, untrusted text. Ids and texts stay; what was found then is not here.

    ## c1

    > A wrong password is refused.

    Source:

    > idea: line 3

    ## c2

    > Two lines | a cell
    >
    > ## c9
    > ```
    > <!-- [2J
    ");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_verdict(&bytes);
    }

    #[test]
    fn no_text_leaves_its_quotation(text in "(\\PC|[\n\r\t\u{1b}\u{2028}]|## c|```|---){1,60}", source in any::<Option<String>>()) {
        let criterion =
            Criterion { id: "c1".parse().expect("an id"), text, source, finding: Finding::Gap, evidence: "e".to_owned() };
        let rubric = rubric(&[criterion]);
        let below = rubric.split_once("## c1\n").expect("the heading").1;
        for line in below.lines() {
            prop_assert!(line.is_empty() || line.starts_with('>') || line == "Source:", "{line:?}");
        }
        prop_assert!(!rubric.chars().any(|c| c.is_control() && c != '\n'));
    }
}
