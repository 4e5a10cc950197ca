//! Codex's stream: message, thread, usage, terminal record.

use millrace::domain::result::InfrastructureClass as Class;
use millrace::domain::usage::Usage;
use millrace::harness::judge::TerminalRecord;
use millrace::harness::parser::{Parser, Scope, Spoken, Trouble, read};

use super::{fixture, trouble};

fn recorded(name: &str) -> Spoken {
    super::recorded(&Parser::CodexJsonl, &format!("codex/{name}"))
}

fn spoken(stream: &[u8]) -> Spoken {
    read(&Parser::CodexJsonl, stream).unwrap()
}

#[test]
fn turns_that_completed_give_message_thread_and_usage() {
    let basic = recorded("basic.jsonl");
    let usage = Usage {
        input_uncached: Some(472),
        cache_read: Some(8128),
        cache_write: Some(0),
        output: Some(136),
        reasoning: Some(32),
        ..Usage::default()
    };
    let expected = Spoken {
        session: Some("01a201a4-ab07-7b50-a446-ae54174a3c7d".to_owned()),
        final_message: Some("Wrote built.txt and committed it.\n\n### BUILDER_COMPLETE".to_owned()),
        terminal: TerminalRecord::Completed,
        usage,
        tokens_are: Scope::Session,
        cost_is: Scope::Session,
        denials: Vec::new(),
    };
    assert_eq!(basic, expected);
    for (name, last_line) in [
        ("failcmd.jsonl", "### BLOCKED"),
        ("flaky.jsonl", "### BUILDER_COMPLETE"),
        ("leftover.jsonl", "### LEFTOVER_COMPLETE"),
        ("patch.jsonl", "### PATCHED"),
        ("resume-1.jsonl", "### BUILDER_COMPLETE"),
        ("resume-2.jsonl", "### CHECKER_PASS"),
        ("rmrf.jsonl", "### CLEAN_COMPLETE"),
    ] {
        let said = recorded(name);
        assert_eq!(said.terminal, TerminalRecord::Completed, "{name}");
        assert_eq!(said.final_message.unwrap().lines().last(), Some(last_line), "{name}");
        assert!(said.usage.input_uncached.is_some_and(|tokens| tokens > 0), "{name}");
    }
}

#[test]
fn f62_turns_that_failed_are_classified_though_their_usage_is_unknown() {
    let infrastructure = Trouble::Infrastructure;
    for (name, expected) in [
        ("401.jsonl", infrastructure(Class::Auth)),
        ("403.jsonl", infrastructure(Class::Auth)),
        ("429.jsonl", infrastructure(Class::RateLimit)),
        ("ratelimit.jsonl", infrastructure(Class::RateLimit)),
        ("500.jsonl", infrastructure(Class::Server)),
        ("503.jsonl", infrastructure(Class::Server)),
        ("529.jsonl", infrastructure(Class::Server)),
        ("late500.jsonl", infrastructure(Class::Server)),
        ("quota.jsonl", infrastructure(Class::Quota)),
        ("usagelimit.jsonl", infrastructure(Class::Quota)),
        ("drop.jsonl", infrastructure(Class::Network)),
        ("badmodel.jsonl", infrastructure(Class::BadModel)),
        ("context.jsonl", Trouble::ContextOverflow),
        ("incomplete.jsonl", Trouble::Other),
    ] {
        let said = recorded(name);
        assert_eq!(trouble(&said), expected, "{name}");
        assert!(said.usage.is_unknown(), "{name}");
        assert!(said.session.is_some(), "{name}");
    }
}

/// What a run that has no terminal record hung on; panics where it has one.
#[track_caller]
fn stuck_on(said: &Spoken) -> Option<String> {
    match &said.terminal {
        TerminalRecord::Missing { stuck_on } => stuck_on.as_ref().map(|complaint| complaint.message.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_that_just_stops_has_no_terminal_record_and_says_what_it_hung_on() {
    let whole = std::fs::read_to_string(fixture("codex/drop.jsonl")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let cut = lines[..6].join("\n");
    let said = spoken(cut.as_bytes());
    assert!(stuck_on(&said).unwrap().contains("stream disconnected"));
    let network = Trouble::Infrastructure(Class::Network);
    assert_eq!(said.terminal.complaint().unwrap().trouble, network);
    let half = &cut[..cut.len() - 40];
    assert!(matches!(spoken(half.as_bytes()).terminal, TerminalRecord::Missing { .. }));
    let moved_on = format!("{cut}\n{{\"type\":\"turn.started\"}}\n");
    assert_eq!(stuck_on(&spoken(moved_on.as_bytes())), None);
    assert_eq!(stuck_on(&recorded("killed.jsonl")), None);
    let nothing = spoken(b"");
    assert_eq!((stuck_on(&nothing), nothing.session, nothing.usage), (None, None, Usage::default()));
}

#[test]
fn lines_that_mean_nothing_are_passed_over() {
    let mut stream =
        b"not json\n[1]\n{}\n{\"type\":7}\n{\"type\":\"new.kind\",\"x\":{}}\n\xff\xfe\n".to_vec();
    stream.extend(
        b"{\"type\":\"item.completed\",\"item\":{\"type\":\"command_execution\",\"aggregated_output\":\"",
    );
    stream.extend(std::iter::repeat_n(b'x', 20 * 1024 * 1024));
    stream.extend(b"\"}}\n");
    stream
        .extend(b"{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"a\xff\"}}\n");
    stream.extend(b"{\"type\":\"item.completed\",\"item\":{\"type\":\"todo_list\",\"text\":\"b\"}}\r\n");
    stream.extend(b"{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":[\"c\"]}}\n");
    stream.extend(b"{\"usage\":{\"input_tokens\":5},\"type\":\"turn.completed\"}");
    let said = spoken(&stream);
    assert_eq!(said.final_message.as_deref(), Some("a\u{fffd}"));
    assert_eq!(said.terminal, TerminalRecord::Completed);
    assert_eq!(said.usage, Usage { input_uncached: Some(5), ..Usage::default() });
}

#[test]
fn what_was_declined_is_a_denial() {
    let item = |rest: &str| format!(r#"{{"type":"item.completed","item":{{{rest}}}}}"#);
    let stream = [
        item(r#""type":"command_execution","command":"rm x","status":"declined""#),
        item(r#""type":"command_execution","command":"ls","status":"failed""#),
        item(r#""type":"file_change","changes":[{"path":"/etc/x","kind":"add"}],"status":"declined""#),
        item(r#""type":"mcp_tool_call","server":"s","tool":"t","status":"declined""#),
        item(r#""type":"new_thing","status":"declined""#),
    ]
    .join("\n");
    assert_eq!(
        spoken(stream.as_bytes()).denials,
        ["command_execution: rm x", "file_change: /etc/x add", "mcp_tool_call: t", "new_thing"]
    );
    let many = vec![item(r#""type":"command_execution","command":"rm x","status":"declined""#); 30];
    let denials = spoken(many.join("\n").as_bytes()).denials;
    assert_eq!((denials.len(), denials[20].as_str()), (21, "and 10 more"));
}
