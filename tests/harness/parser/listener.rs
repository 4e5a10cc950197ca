//! Listening while it goes on: cut anywhere, with bytes missing, for ever.

use millrace::domain::usage::Usage;
use millrace::harness::judge::TerminalRecord;
use millrace::harness::parser::{Listener, Mapping, Parser, read};

use super::fixture;

fn heard(parser: &Parser, pieces: &[&[u8]]) -> Listener {
    let mut listener = Listener::new(parser);
    for piece in pieces {
        listener.take(piece);
    }
    listener
}

fn mapped(rules: &str) -> Mapping {
    toml::from_str(rules).unwrap()
}

#[test]
fn however_a_stream_is_cut_it_says_the_same() {
    let mapping = mapped(r#"rules = [{ take = { session_id = "session_id", final_message = "result" } }]"#);
    for (parser, name) in [
        (Parser::CodexJsonl, "codex/basic.jsonl"),
        (Parser::CodexJsonl, "codex/drop.jsonl"),
        (Parser::ClaudeStream, "claude/basic.jsonl"),
        (Parser::ClaudeStream, "claude/401.jsonl"),
        (Parser::Jsonl(mapping.clone()), "claude/basic.jsonl"),
        (Parser::Json(mapping), "claude/400.json"),
        (Parser::Text, "codex/basic.jsonl"),
    ] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let whole = read(&parser, &bytes[..]).unwrap();
        for size in [1, 7, 4_096] {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(heard(&parser, &pieces).spoken(), whole, "{parser:?} {name} {size}");
        }
    }
}

#[test]
fn what_a_running_claude_used_is_counted_once_a_message_and_without_its_output() {
    let bytes = std::fs::read(fixture("claude/basic.jsonl")).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let mut listener = Listener::new(&Parser::ClaudeStream);
    let mut seen = Vec::new();
    for line in &lines {
        listener.take(line);
        let usage = listener.usage_so_far();
        if seen.last() != Some(&usage) {
            seen.push(usage);
        }
    }
    let so_far = |input, read, write| Usage {
        input_uncached: Some(input),
        cache_read: Some(read),
        cache_write: Some(write),
        ..Usage::default()
    };
    let end = seen.pop().unwrap();
    assert_eq!(seen, [Usage::default(), so_far(168, 3_968, 64), so_far(344, 8_128, 128)]);
    assert_eq!(end, listener.spoken().usage);
    assert_eq!(end.output, Some(136));
}

#[test]
fn numbers_of_a_session_are_no_lower_bound_of_a_run() {
    let bytes = std::fs::read(fixture("codex/resume-2.jsonl")).unwrap();
    let listener = heard(&Parser::CodexJsonl, &[&bytes]);
    assert!(listener.usage_so_far().is_unknown());
    assert!(!listener.spoken().usage.is_unknown());
    let rules = r#"rules = [{ take = { output = "n", cost = "c" }, gather = "sum" }]"#;
    let line = b"{\"n\": 3, \"c\": 1}\n";
    for (scope, expected) in [("run", Some(6)), ("session", None)] {
        let mapping = mapped(&format!("tokens_are = \"{scope}\"\ncost_is = \"{scope}\"\n{rules}"));
        let usage = heard(&Parser::Jsonl(mapping), &[line, line]).usage_so_far();
        assert_eq!((usage.output, usage.cost.is_some()), (expected, expected.is_some()), "{scope}");
    }
}

/// The cost in a result of an older version is the session's, which has a past.
#[test]
fn a_cost_of_a_session_is_no_lower_bound_of_a_run() {
    let line = br#"{"type":"result","is_error":false,"usage":{"output_tokens":3},"total_cost_usd":0.5}
"#;
    let listener = heard(&Parser::ClaudeStream, &[line]);
    let usage = listener.usage_so_far();
    assert_eq!((usage.output, usage.cost, usage.cost_source), (Some(3), None, None));
    assert!(listener.spoken().usage.cost.is_some());
}

#[test]
fn a_line_that_a_gap_cuts_is_no_line() {
    let message = |text: &str| {
        format!(r#"{{"type":"item.completed","item":{{"type":"agent_message","text":"{text}"}}}}"#)
    };
    let whole = message("one");
    let (head, tail) = whole.split_at(whole.len() / 2);
    let mut listener = heard(&Parser::CodexJsonl, &[head.as_bytes()]);
    listener.gap();
    listener.take(tail.as_bytes());
    assert_eq!(listener.spoken().final_message, None);
    listener.take(format!("\n{}\n", message("two")).as_bytes());
    assert_eq!(listener.spoken().final_message.as_deref(), Some("two"));

    // What is behind the gap may look like a line of its own: it is the rest of one.
    let mut listener = heard(&Parser::CodexJsonl, &[b"the output of a tool: "]);
    listener.gap();
    listener.take(format!("{}\n", message("quoted")).as_bytes());
    assert_eq!(listener.spoken().final_message, None);

    let mut text = heard(&Parser::Text, &[b"before\n"]);
    text.gap();
    text.take(b"half a line\n### BLOCKED\n");
    assert_eq!(text.spoken().final_message.as_deref(), Some("### BLOCKED\n"));

    let mapping = mapped(r#"rules = [{ take = { final_message = "a" } }]"#);
    let mut json = heard(&Parser::Json(mapping), &[br#"{"a":"#]);
    json.gap();
    json.take(br#""x"}"#);
    assert_eq!(json.spoken().terminal, TerminalRecord::Missing { stuck_on: None });
    json.gap();
    json.take(br#"{"a":"x"}"#);
    assert_eq!(json.spoken().final_message, None, "part of something longer");
}

/// Of a sum with parts missing nobody knows what it is; a number that is told as a whole is known all the same.
#[test]
fn what_is_added_up_is_unknown_where_lines_are_missing() {
    let rules = |gather: &str| {
        mapped(&format!(
            "rules = [{{ take = {{ input = \"in\", output = \"out\", cost = \"usd\" }}, gather = \"{gather}\" }}]"
        ))
    };
    let line = b"{\"in\":10,\"out\":2,\"usd\":0.5}\n";
    for (gather, known) in [("sum", false), ("last", true), ("max", true)] {
        let mut listener = heard(&Parser::Jsonl(rules(gather)), &[line]);
        listener.gap();
        listener.take(b"...\n");
        listener.take(line);
        let usage = listener.spoken().usage;
        assert_eq!((usage.tokens().is_some(), usage.cost.is_some()), (known, known), "{gather}: {usage:?}");
        assert!(listener.usage_so_far().cost.is_some(), "it has used that much at least");
    }
    let mut costs = heard(
        &Parser::Jsonl(mapped(
            "rules = [{ take = { cost = \"usd\" }, gather = \"sum\" }, { take = { input = \"in\" } }]",
        )),
        &[line],
    );
    costs.gap();
    costs.take(b"\n");
    costs.take(line);
    let usage = costs.spoken().usage;
    assert_eq!((usage.input_uncached, usage.cost), (Some(10), None), "each by itself");
}

#[test]
fn what_has_no_end_is_not_held() {
    let piece = vec![b'x'; 1024 * 1024];
    let mapping = mapped(r#"rules = [{ take = { final_message = "a" } }]"#);
    for parser in [Parser::CodexJsonl, Parser::ClaudeStream, Parser::Json(mapping.clone()), Parser::Text] {
        let mut listener = Listener::new(&parser);
        for _ in 0..100 {
            listener.take(&piece);
        }
        assert!(listener.spoken().final_message.is_none_or(|text| text.len() < 100_000), "{parser:?}");
    }
    let mut listener = Listener::new(&Parser::Jsonl(mapping));
    for _ in 0..9 {
        listener.take(&piece);
    }
    listener.take(b"\n{\"a\":\"b\"}\n");
    assert_eq!(listener.spoken().final_message.as_deref(), Some("b"), "the next line counts again");
}

#[test]
fn text_is_kept_from_its_last_whole_line_on() {
    let lines = "a line of some text\n".repeat(40_000);
    let said = heard(&Parser::Text, &[lines.as_bytes(), b"### BLOCKED"]).spoken();
    let text = said.final_message.unwrap();
    assert!(text.starts_with("a line ") && text.ends_with("\n### BLOCKED"), "{}", &text[..20]);
    assert!((60_000..=65_536).contains(&text.len()), "{}", text.len());
    assert_eq!(heard(&Parser::Text, &[b" \n\n"]).spoken().final_message, None);
    assert_eq!(said.terminal, TerminalRecord::NotExpected);
}
