//! The result file: bounded, typed, bound to its invocation.

use millrace::domain::ids::Nonce;
use millrace::domain::result::ResultClass;
use millrace::harness::result_file::{
    BadReport, FoundFile, MAX_RESULT_BYTES, MAX_SUMMARY_BYTES, NonceRule, find, parse,
};

use super::bench::Bench;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn nonce() -> Nonce {
    NONCE.parse().unwrap()
}

fn with_nonce(rest: &str) -> String {
    format!(r#"{{"nonce": "{NONCE}", {rest}}}"#)
}

#[test]
fn a_full_report_is_read() {
    let text = with_nonce(
        r#""terminal_result": "BLOCKED", "result_class": "recoverable_failure", "summary": "no é",
           "resume_stage": "checker", "target_stage": "fixer", "artifacts": ["report.md", "a/b"]"#,
    );
    let report = parse(text.as_bytes(), &nonce(), NonceRule::Required).unwrap();
    assert_eq!(report.nonce, Some(nonce()));
    assert_eq!(report.terminal_result.as_str(), "BLOCKED");
    assert_eq!(report.result_class, Some(ResultClass::RecoverableFailure));
    assert_eq!(report.summary.as_deref(), Some("no é"));
    assert_eq!(report.resume_stage.unwrap().as_str(), "checker");
    assert_eq!(report.target_stage.unwrap().as_str(), "fixer");
    assert_eq!(report.artifacts, ["report.md", "a/b"]);
    assert!(report.notes.is_empty());
}

#[test]
fn nulls_blanks_unknown_keys_and_a_byte_order_mark_are_tolerated_with_a_note_where_something_is_lost() {
    let text =
        with_nonce(r#""terminal_result": "X", "summary": " ", "result_class": null, "mood": 1, "a": []"#);
    let report = parse(format!("\u{feff}{text}\n").as_bytes(), &nonce(), NonceRule::Required).unwrap();
    assert_eq!((report.summary, report.result_class), (None, None));
    assert_eq!(report.notes, ["keys without meaning were ignored: `mood`, `a`"]);

    let long = "é".repeat(MAX_SUMMARY_BYTES);
    let text = with_nonce(&format!(r#""terminal_result": "X", "summary": "{long}""#));
    let report = parse(text.as_bytes(), &nonce(), NonceRule::Required).unwrap();
    assert_eq!(report.summary.unwrap().len(), MAX_SUMMARY_BYTES);
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn what_is_no_report_is_refused_by_name() {
    let refused = |text: &str| parse(text.as_bytes(), &nonce(), NonceRule::Required).unwrap_err();
    assert_eq!(parse(b"\xff", &nonce(), NonceRule::Required).unwrap_err(), BadReport::NotUtf8);
    assert!(matches!(refused(""), BadReport::NotJson(_)));
    assert!(matches!(refused("{\"nonce\": "), BadReport::NotJson(_)));
    assert!(matches!(refused(&"[".repeat(100_000)), BadReport::NotJson(_)));
    assert_eq!(refused("[]"), BadReport::NotAnObject);
    assert_eq!(refused(r#"{"terminal_result": "X"}"#), BadReport::Missing("nonce"));
    assert_eq!(refused(&with_nonce(r#""summary": "x""#)), BadReport::Missing("terminal_result"));
    assert_eq!(
        refused(&with_nonce(r#""terminal_result": 3"#)),
        BadReport::Type { key: "terminal_result", expected: "a text" }
    );
    assert_eq!(
        refused(&with_nonce(r#""terminal_result": "X", "artifacts": [1]"#)),
        BadReport::Type { key: "artifacts", expected: "a list of texts" }
    );
    let named = refused(&with_nonce("\"terminal_result\": \"### BUILDER_COMPLETE\""));
    assert!(matches!(named, BadReport::Name { key: "terminal_result", .. }));
    let named = refused(&with_nonce(r#""terminal_result": "X", "resume_stage": "../x""#));
    assert!(matches!(named, BadReport::Name { key: "resume_stage", .. }));
    let class = refused(&with_nonce(r#""terminal_result": "X", "result_class": "great""#));
    assert_eq!(class, BadReport::Class("great".to_owned()));
}

/// Lesson F-10: the output of a runner for another contract was accepted.
#[test]
fn f10_a_report_is_bound_to_its_invocation() {
    let text = r#"{"nonce": "ffffffffffffffffffffffffffffffff", "terminal_result": "X"}"#;
    for rule in [NonceRule::Required, NonceRule::Optional] {
        let refused = parse(text.as_bytes(), &nonce(), rule).unwrap_err();
        assert!(matches!(refused, BadReport::Nonce { .. }), "{refused}");
        assert!(refused.to_string().contains(NONCE));
    }
    let bare = parse(br#"{"terminal_result": "X"}"#, &nonce(), NonceRule::Optional).unwrap();
    assert_eq!(bare.nonce, None);
}

#[test]
fn only_a_plain_file_of_bounded_size_is_read() {
    let bench = Bench::new();
    let path = bench.path("result.json");
    assert_eq!(find(&path, MAX_RESULT_BYTES), FoundFile::Absent);
    let refused = |path: &std::path::Path| match find(path, MAX_RESULT_BYTES) {
        FoundFile::Unusable(reason) => reason,
        other => panic!("{other:?}"),
    };

    let size = usize::try_from(MAX_RESULT_BYTES).unwrap();
    std::fs::write(&path, vec![b'x'; size]).unwrap();
    assert_eq!(find(&path, MAX_RESULT_BYTES), FoundFile::Bytes(vec![b'x'; size]));
    std::fs::write(&path, vec![b'x'; size + 1]).unwrap();
    assert!(refused(&path).contains("1048577 bytes"));

    let link = bench.path("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    refused(&link);
    assert!(refused(&bench.work()).contains("plain file"));
    let pipe = bench.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert!(refused(&pipe).contains("plain file"), "a pipe that nobody writes to must not hang");
}

/// Aider makes the file before its model has said a word.
#[test]
fn a_file_of_blanks_alone_is_not_written_yet() {
    let bench = Bench::new();
    let path = bench.path("result.json");
    for text in ["", "\n", " \t\r\n"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(find(&path, MAX_RESULT_BYTES), FoundFile::Absent, "{text:?}");
    }
    std::fs::write(&path, " {").unwrap();
    assert_eq!(find(&path, MAX_RESULT_BYTES), FoundFile::Bytes(b" {".to_vec()));
}
