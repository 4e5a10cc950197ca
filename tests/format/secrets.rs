//! Secrets: found, named by line, never shown, cut out.

use std::time::{Duration, Instant};

use millrace::format::secrets::{
    KnownValue, Pattern, Search, is_secret_name, redact, refuse_secret, secret_line,
};
use proptest::prelude::*;

/// Tokens are put together here, so that no scanner takes this file for a leak.
fn tokens() -> Vec<(&'static str, String)> {
    let body = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z";
    let upper = "ABCDEFGH12345678";
    vec![
        ("an AWS access key id", format!("AK{}{upper}", "IA")),
        ("an AWS access key id", format!("AS{}{upper}", "IA")),
        ("a GitHub token", format!("gh{}_{body}", "p")),
        ("a GitHub token", format!("github{}_{body}", "_pat")),
        ("a GitLab token", format!("gl{}-{body}", "pat")),
        ("an Anthropic key", format!("sk-{}-{body}", "ant")),
        ("an OpenAI key", format!("sk-{}-{body}", "proj")),
        ("an API key", format!("s{}-{body}", "k")),
        ("a Stripe key", format!("sk_{}_{body}", "live")),
        ("a Slack token", format!("xo{}-{body}", "xb")),
        ("a Google API key", format!("AI{}{body}x", "za")),
        ("an npm token", format!("n{}_{body}00", "pm")),
        ("a JSON web token", format!("ey{}.ey{}.{body}", "JhbGciOiJIUzI1NiJ9", "JzdWIiOiIxIn0")),
    ]
}

#[test]
fn every_known_shape_is_found_and_cut_out() {
    for (what, token) in tokens() {
        let text = format!("one\ntwo\n  - curl -H \"x:{token}\" now\n");
        assert_eq!(secret_line(&text, &[]), Some((3, what.to_owned())), "{token}");
        let clean = format!("one\ntwo\n  - curl -H \"x:[redacted: {what}]\" now\n");
        assert_eq!(redact(&text, &[]), (clean, 1), "{token}");
    }
}

#[test]
fn what_only_looks_like_one_is_left_alone() {
    for text in [
        "risk-averse-and-very-careful-engineers-are-welcome-here",
        "task-ant-something-that-is-longer-than-twenty",
        "sk-short",
        "sk-learn-is-a-library-for-machine-learning-in-python",
        "AKIA",
        "MAKIAABCDEFGH12345678",
        "ghp_tooshort",
        "eyJhbGciOiJIUzI1NiJ9 alone",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "xoxb-",
    ] {
        assert_eq!(secret_line(text, &[]), None, "{text}");
        assert_eq!(redact(text, &[]), (text.to_owned(), 0));
    }
}

#[test]
fn private_keys_go_as_a_whole() {
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        let text = format!("a\n-----BEGIN {label}-----\nMIIB\nxyz\n-----END {label}-----\nb\n");
        assert_eq!(secret_line(&text, &[]), Some((2, "a private key".to_owned())));
        assert_eq!(redact(&text, &[]), ("a\n[redacted: a private key]\nb\n".to_owned(), 1));
    }
    let cut = "a\n-----BEGIN EC PRIVATE KEY-----\nMIIB";
    assert_eq!(redact(cut, &[]), ("a\n[redacted: a private key]".to_owned(), 1));
    // A header is one line.
    let prose = "-----BEGIN and\nthen a PRIVATE KEY----- or so";
    assert_eq!(redact(prose, &[]), (prose.to_owned(), 0));
}

#[test]
fn values_that_the_caller_knows_are_found_unless_they_are_short() {
    let known = [
        KnownValue { name: "DB_PASSWORD", value: "hunter2hunter2" },
        KnownValue { name: "LONGER", value: "hunter2hunter2-and-more" },
        KnownValue { name: "SHORT_KEY", value: "1234567" },
    ];
    let text = "x\n1234567\nhunter2hunter2-and-more hunter2hunter2\n";
    assert_eq!(secret_line(text, &known), Some((3, "the value of LONGER".to_owned())));
    assert_eq!(
        redact(text, &known),
        ("x\n1234567\n[redacted: the value of LONGER] [redacted: the value of DB_PASSWORD]\n".to_owned(), 2)
    );
}

#[test]
fn overlapping_secrets_leave_no_rest() {
    let known =
        [KnownValue { name: "A", value: "abcdefgh1234" }, KnownValue { name: "B", value: "1234ijklmnop" }];
    assert_eq!(redact("[abcdefgh1234ijklmnop]", &known), ("[[redacted: the value of A]]".to_owned(), 1));
}

#[test]
fn a_document_with_a_secret_is_refused_without_showing_it() {
    let (_, token) = tokens().swap_remove(2);
    let error = refuse_secret(&format!("a\nb {token}\n"), "task.md", &[]).expect_err("refused");
    insta::assert_snapshot!(error, @"task.md:2: this line holds a GitHub token, and commits are for ever; expected a document without secrets; name the variable or the file that holds it");
    refuse_secret("a\nb\n", "task.md", &[]).expect("nothing there");
}

#[test]
fn names_of_variables_that_look_secret() {
    for name in ["OPENAI_API_KEY", "GITHUB_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY", "GH_PAT"] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ["PATH", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM", "MONKEY"] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn text_that_is_made_to_be_slow_is_not() {
    let start = Instant::now();
    for piece in
        ["eyJ-", "AIza-", "sk-ant", "-----BEGIN ", "-----BEGIN PRIVATE KEY", "eyJaaaaaaa.eyJ", "ghp_"]
    {
        let text = piece.repeat(200_000 / piece.len());
        let _ = redact(&text, &[KnownValue { name: "X", value: "aaaaaaaab" }]);
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_left_of_a_known_value(before in "\\PC{0,40}", value in "[a-z]{8,12}", after in "\\PC{0,40}") {
        let known = [KnownValue { name: "X", value: &value }];
        let (clean, count) = redact(&format!("{before}{value}{after}"), &known);
        prop_assert!(count >= 1);
        prop_assert!(!clean.contains(&value), "{}", clean);
    }
}

/// The forms in which a value stands in a stream of JSON, and in JSON that is a text of it.
#[test]
fn a_value_is_found_however_json_writes_it() {
    let value = "a\"b\\c/d\ne\tf-gr\u{fc}n";
    let known = [KnownValue { name: "ODD_KEY", value }];
    let once = serde_json::to_string(value).expect("JSON");
    let twice = serde_json::to_string(&once).expect("JSON");
    let slashed = once.replace('/', "\\/");
    let ascii = once.replace('\u{fc}', "\\u00fc");
    let upper = slashed.replace('\u{fc}', "\\u00FC");
    for text in [value.to_owned(), once, twice, slashed, ascii, upper] {
        let (clean, count) = redact(&format!("x{text}y"), &known);
        assert_eq!(count, 1, "{text}: {clean}");
        assert!(!clean.contains("gr") && clean.contains("[redacted: the value of ODD_KEY]"), "{clean}");
    }
    // A variable may be called anything; what stands for its value has to fit into any text.
    let known = [KnownValue { name: "A\"\n_KEY", value: "longenough" }];
    assert_eq!(redact("longenough", &known).0, "[redacted: the value of A??_KEY]");
    // A file's last line break is not always printed with it.
    let known = [KnownValue { name: "PEM_KEY", value: "line one\nline two\n" }];
    assert_eq!(redact("line one\nline two.", &known), ("[redacted: the value of PEM_KEY].".to_owned(), 1));
}

#[test]
fn a_token_begins_a_word_also_behind_an_escape() {
    let (what, token) = tokens().swap_remove(2);
    for before in ["\\n", "\\t", "\\u001b[31m", "\u{1b}[1;31m", "\"", "\n", "=", "\u{fc} "] {
        assert_eq!(
            redact(&format!("{before}{token}"), &[]).0,
            format!("{before}[redacted: {what}]"),
            "{before}"
        );
    }
    for before in ["x", "n", "_", "31m", "am"] {
        assert_eq!(redact(&format!("{before}{token}"), &[]).1, 0, "{before}");
    }
}

fn patterns(sources: &[&str]) -> Vec<Pattern> {
    sources.iter().map(|source| Pattern::new(source).expect(source)).collect()
}

#[test]
fn patterns_match_within_a_line_and_what_is_spared_stays() {
    let search = Search::default().with_patterns(&patterns(&["acme-[0-9a-f]{4}", "(?i)pin:\\s*\\d+$"]));
    assert_eq!(
        search.redact("acme-12ef PIN: 77\nno pin:\n12\n"),
        ("[redacted: a match of redaction pattern 1] [redacted: a match of redaction pattern 2]\nno pin:\n12\n".to_owned(), 2)
    );
    assert_eq!(search.line("a\nacme-12ef"), Some((2, "a match of redaction pattern 1".to_owned())));
    let search = search.sparing(["acme-12ef".to_owned()]);
    assert_eq!(
        search.redact("acme-12ef acme-0000").0,
        "acme-12ef [redacted: a match of redaction pattern 1]"
    );
}

#[test]
fn patterns_are_bounded() {
    for (source, why) in [
        ("x*", "it matches the empty text"),
        ("(", "unclosed group"),
        ("(\\w{100}){100}", "it is too big when compiled"),
        (&"x".repeat(1025), "it has 1025 bytes; at most 1024 are read"),
        ("(?=x)", "look-around, including look-ahead and look-behind, is not supported"),
    ] {
        assert_eq!(Pattern::new(source).expect_err(source), why);
    }
    let start = Instant::now();
    let search = Search::default().with_patterns(&patterns(&["(a|a)+b", "(x+x+)+y"]));
    let _ = search.redact(&"a".repeat(20_000));
    let _ = search.redact(&"x".repeat(20_000));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
