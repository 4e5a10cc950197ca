//! Claude Code's stream: the result line is the word, and not by its subtype.

use millrace::domain::result::InfrastructureClass as Class;
use millrace::domain::usage::{CostSource, Usage, Usd};
use millrace::harness::judge::TerminalRecord;
use millrace::harness::parser::{Parser, Retry, Scope, Spoken, Trouble, read};

use super::{complaint, trouble};

fn recorded(name: &str) -> Spoken {
    super::recorded(&Parser::ClaudeStream, &format!("claude/{name}"))
}

fn spoken(stream: &str) -> Spoken {
    read(&Parser::ClaudeStream, stream.as_bytes()).unwrap()
}

/// A stream of one result line.
fn result(rest: &str) -> Spoken {
    spoken(&format!(r#"{{"result":"fine","session_id":"s",{rest},"type":"result"}}"#))
}

#[test]
fn runs_that_completed_give_message_session_usage_and_cost() {
    let usage = Usage {
        input_uncached: Some(344),
        cache_read: Some(8128),
        cache_write: Some(128),
        output: Some(136),
        reasoning: Some(0),
        cost: Some(Usd(6_362)),
        cost_source: Some(CostSource::Harness),
    };
    let expected = Spoken {
        session: Some("1d4e890e-217b-45bb-bfdd-07ae699d8046".to_owned()),
        final_message: Some("Wrote built.txt and committed it.\n\n### BUILDER_COMPLETE".to_owned()),
        terminal: TerminalRecord::Completed,
        usage,
        tokens_are: Scope::Run,
        cost_is: Scope::Run,
        denials: Vec::new(),
    };
    assert_eq!(recorded("basic.jsonl"), expected);
    for (name, last_line) in [("failcmd.jsonl", "### BLOCKED"), ("flaky.jsonl", "### BUILDER_COMPLETE")] {
        let said = recorded(name);
        assert_eq!(said.terminal, TerminalRecord::Completed, "{name}");
        assert_eq!(said.final_message.unwrap().lines().last(), Some(last_line), "{name}");
    }
}

#[test]
fn f62_failures_are_classified_and_their_text_is_no_final_message() {
    let infrastructure = Trouble::Infrastructure;
    for (name, expected) in [
        ("401.jsonl", infrastructure(Class::Auth)),
        ("403.jsonl", infrastructure(Class::Auth)),
        ("429.jsonl", infrastructure(Class::RateLimit)),
        ("quota.jsonl", infrastructure(Class::Quota)),
        ("usagelimit.jsonl", infrastructure(Class::Quota)),
        ("500.jsonl", infrastructure(Class::Server)),
        ("503.jsonl", infrastructure(Class::Server)),
        ("529.jsonl", infrastructure(Class::Server)),
        ("drop.jsonl", infrastructure(Class::Network)),
        ("badmodel.jsonl", infrastructure(Class::BadModel)),
        ("context.jsonl", Trouble::ContextOverflow),
        ("maxturns.jsonl", Trouble::LimitReached),
        ("maxbudget.jsonl", Trouble::LimitReached),
        ("incomplete.jsonl", Trouble::Other),
        ("400.json", Trouble::Other),
    ] {
        let said = recorded(name);
        assert_eq!(trouble(&said), expected, "{name}: {:?}", said.terminal);
        assert_eq!(said.final_message, None, "{name}");
        assert!(said.session.is_some(), "{name}");
    }
    assert_eq!(complaint(&recorded("401.jsonl")).message, "Invalid API key \u{b7} Fix external API key");
    assert_eq!(complaint(&recorded("maxturns.jsonl")).message, "Reached maximum number of turns (1)");
    assert_eq!(complaint(&recorded("usagelimit.jsonl")).retry, Some(Retry::At(1_795_910_400)));
}

#[test]
fn the_subtype_alone_is_no_word_about_the_end() {
    for (rest, expected) in [
        (r#""subtype":"success","is_error":true,"api_error_status":401"#, Some(Class::Auth)),
        (r#""subtype":"success","is_error":true,"api_error_status":"529""#, Some(Class::Server)),
        (
            r#""subtype":"success","is_error":false,"terminal_reason":"api_error","api_error":"connection_failed""#,
            Some(Class::Network),
        ),
        (
            r#""subtype":"success","is_error":true,"api_error":{"type":"rate_limit_error"}"#,
            Some(Class::RateLimit),
        ),
        (r#""subtype":"success","is_error":true,"terminal_reason":"aborted_tools""#, None),
        (r#""subtype":"error_during_execution","is_error":true"#, None),
        (r#""subtype":"error_during_execution""#, None),
    ] {
        let expected = expected.map_or(Trouble::Other, Trouble::Infrastructure);
        let said = result(rest);
        assert_eq!(trouble(&said), expected, "{rest}");
        assert_eq!(said.final_message, None, "{rest}");
    }
    for rest in [
        r#""subtype":"success","is_error":false"#,
        r#""is_error":false,"terminal_reason":"completed""#,
        r#""num_turns":1"#,
    ] {
        let said = result(rest);
        assert_eq!(
            (said.terminal, said.final_message.as_deref()),
            (TerminalRecord::Completed, Some("fine")),
            "{rest}"
        );
    }
}

#[test]
fn a_run_without_its_result_has_no_terminal_record_and_no_usage() {
    let killed = recorded("killed.jsonl");
    assert_eq!(killed.terminal, TerminalRecord::Missing { stuck_on: None });
    assert_eq!((killed.usage, killed.final_message), (Usage::default(), None));
    assert!(killed.session.is_some());

    let whole = std::fs::read_to_string(super::fixture("claude/500.jsonl")).unwrap();
    let retrying: String = whole.split_inclusive('\n').take(4).collect();
    let stuck = spoken(&retrying).terminal;
    assert_eq!(stuck.complaint().unwrap().trouble, Trouble::Infrastructure(Class::Server));
    assert_eq!(stuck.complaint().unwrap().message, "retry 3 of 10: 500 server_error");
    let moved_on = format!("{retrying}{{\"type\":\"user\"}}\n");
    assert_eq!(spoken(&moved_on).terminal, TerminalRecord::Missing { stuck_on: None });
    let unreachable = r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"error_status":null,"error":"unknown"}"#;
    let unreachable = spoken(unreachable).terminal;
    assert_eq!(unreachable.complaint().unwrap().trouble, Trouble::Infrastructure(Class::Network));
}

#[test]
fn denied_tools_are_named_with_what_they_were_to_do() {
    let denied = recorded("denied.jsonl");
    assert_eq!(denied.denials, ["Bash: printf 'hello\\n' > built.txt"]);
    assert_eq!(denied.terminal, TerminalRecord::Completed);
    let whole = std::fs::read_to_string(super::fixture("claude/denied.jsonl")).unwrap();
    let (before, _) = whole.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(spoken(before).denials, ["Bash"], "told as it happens");
}

#[test]
fn usage_and_cost_are_those_of_the_run_though_the_session_went_on() {
    let (first, second) = (recorded("resume-1.jsonl"), recorded("resume-2.jsonl"));
    assert_eq!(first.session, second.session);
    assert_eq!((first.usage.cost, second.usage.cost), (Some(Usd(31_263)), Some(Usd(15_584))));
    assert_eq!((first.usage.output, second.usage.output), (Some(81), Some(23)));
    // Where the line does not tell the run's part, its cost is the session's.
    let session = result(
        r#""is_error":false,"total_cost_usd":0.0468472,"usage":{"input_tokens":3221,"cache_read_input_tokens":9600,"output_tokens":23}"#,
    );
    assert_eq!((session.tokens_are, session.cost_is), (Scope::Run, Scope::Session));
    assert_eq!((session.usage.cost, session.usage.input_uncached), (Some(Usd(46_847)), Some(3_221)));
    // The line's own usage is zero where a limit ended the run; the part by model is not.
    assert_eq!(recorded("maxbudget.jsonl").usage.output, Some(96));
    // Who was not let in has used nothing, and that is known.
    let refused = recorded("401.jsonl").usage;
    assert_eq!((refused.tokens(), refused.cost), (Some(0), Some(Usd(0))));
}

#[test]
fn the_cost_of_a_model_that_has_no_price_is_unknown() {
    let unpriced = recorded("unpriced.jsonl").usage;
    assert_eq!((unpriced.cost, unpriced.cost_source), (None, None));
    assert_eq!(unpriced.output, Some(81));
    let old = result(
        r#""is_error":false,"total_cost_usd":0.03,"modelUsage":{"m":{"costUSD":0.03,"costBasis":"unknown"}}"#,
    );
    assert_eq!(old.usage, Usage::default());
}

#[test]
fn several_results_are_parts_of_one_run() {
    let part = |text: &str, output: u64, cost: f64| {
        format!(
            r#"{{"type":"result","is_error":false,"result":"{text}","model_usage_since_last_result":{{"m":{{"outputTokens":{output},"costUSD":{cost},"costBasis":"list"}}}}}}"#
        )
    };
    let said = spoken(&[part("one", 5, 0.5), part("two", 7, 0.25)].join("\n"));
    assert_eq!(said.final_message.as_deref(), Some("two"));
    assert_eq!((said.usage.output, said.usage.cost), (Some(12), Some(Usd(750_000))));
    // A part without a known price, or without a cost, makes the cost of all of them unknown; the tokens are known.
    let guessed = part("one", 5, 0.5).replace("list", "unknown");
    let untold = part("one", 5, 0.5).replace(r#""costUSD":0.5,"#, "");
    for (first, second) in [(&guessed, part("two", 7, 0.25)), (&untold, part("two", 7, 0.25))] {
        for lines in [[first, &second], [&second, first]] {
            let usage = spoken(&format!("{}\n{}", lines[0], lines[1])).usage;
            assert_eq!((usage.output, usage.cost, usage.cost_source), (Some(12), None, None), "{lines:?}");
        }
    }
    // So does one model of several that has none.
    let two = part("one", 5, 0.5).replace(r#"{"m":"#, r#"{"n":{"outputTokens":1},"m":"#);
    let usage = spoken(&two).usage;
    assert_eq!((usage.output, usage.cost), (Some(6), None));
}
