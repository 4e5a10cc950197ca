//! Harnesses that nobody here has seen: their JSON by a mapping. The samples are made by hand, by the shapes that the
//! harnesses document.

use millrace::domain::usage::{CostSource, Usage, Usd};
use millrace::harness::judge::TerminalRecord;
use millrace::harness::parser::{Mapping, Parser, Scope, Spoken, Trouble, read};

use super::{complaint, trouble};

fn mapping(text: &str) -> Mapping {
    toml::from_str(text).unwrap()
}

fn lines(mapping: &Mapping, stream: &[&str]) -> Spoken {
    read(&Parser::Jsonl(mapping.clone()), stream.join("\n").as_bytes()).unwrap()
}

fn value(mapping: &Mapping, text: &str) -> Spoken {
    read(&Parser::Json(mapping.clone()), text.as_bytes()).unwrap()
}

/// Deltas of messages between tool events; no final text in the result; input includes what was cached.
const GEMINI: &str = r#"
input_includes_cached = true
[[rules]]
when = { type = "init" }
take = { session_id = "session_id" }
[[rules]]
when = { type = "message", role = "assistant" }
take = { final_message = "content" }
gather = "join"
[[rules]]
when = { type = "result" }
take = { terminal = "status", input = "stats.input_tokens", cache_read = "stats.cached", output = "stats.output_tokens" }
[[rules]]
when = { type = "result", status = "error" }
take = { error = "error.message" }
"#;

#[test]
fn a_stream_like_geminis() {
    let start = [
        r#"{"type":"init","session_id":"g-1","model":"m"}"#,
        r#"{"type":"message","role":"user","content":"do it"}"#,
        r#"{"type":"message","role":"assistant","content":"I will ","delta":true}"#,
        r#"{"type":"message","role":"assistant","content":"write.","delta":true}"#,
        r#"{"type":"tool_use","tool_name":"write_file"}"#,
        r#"{"type":"tool_result","status":"success"}"#,
        r#"{"type":"message","role":"assistant","content":"Done.\n\n### BUILDER","delta":true}"#,
        "a warning that is no JSON",
        r#"{"type":"result","status":"success"} and more on the line"#,
        r#"{"type":"message","role":"assistant","content":"_COMPLETE","delta":true}"#,
    ];
    let result = |rest: &str| format!(r#"{{"status":{rest},"type":"result"}}"#);
    let stats = r#""stats":{"total_tokens":150,"input_tokens":120,"output_tokens":30,"cached":"100"}"#;
    let mapping = mapping(GEMINI);
    let well = result(&format!(r#""success",{stats}"#));
    let said = lines(&mapping, &[&start[..], &[&well]].concat());
    let usage =
        Usage { input_uncached: Some(20), cache_read: Some(100), output: Some(30), ..Usage::default() };
    let expected = Spoken {
        session: Some("g-1".to_owned()),
        final_message: Some("Done.\n\n### BUILDER_COMPLETE".to_owned()),
        terminal: TerminalRecord::Completed,
        usage,
        tokens_are: Scope::Run,
        cost_is: Scope::Run,
        denials: Vec::new(),
    };
    assert_eq!(said, expected);

    let ill = result(r#""error","error":{"type":"Api","message":"status 429"}"#);
    let said = lines(&mapping, &[&start[..], &[&ill]].concat());
    assert_eq!(complaint(&said).message, "status 429");
    assert!(matches!(trouble(&said), Trouble::Infrastructure(_)));
    assert_eq!(lines(&mapping, &start).terminal, TerminalRecord::Missing { stuck_on: None });
}

/// Numbers of steps, which are added; the last text counts; an error is a line of its own.
const OPENCODE: &str = r#"
[[rules]]
take = { session_id = "sessionID" }
[[rules]]
when = { type = "text" }
take = { final_message = "part.text" }
[[rules]]
when = { type = "step_finish" }
take = { input = "part.tokens.input", output = "part.tokens.output", reasoning = "part.tokens.reasoning", cache_read = "part.tokens.cache.read", cache_write = "part.tokens.cache.write", cost = "part.cost" }
gather = "sum"
[[rules]]
when = { type = "done" }
take = { terminal = "reason", denial = "rejected" }
[[rules]]
when = { type = "error" }
take = { error = "error" }
"#;

#[test]
fn a_stream_like_opencodes() {
    let step = r#"{"type":"step_finish","sessionID":"o-1","part":{"tokens":{"input":10,"output":4,"reasoning":1,"cache":{"read":5,"write":2}},"cost":0.0125}}"#;
    let stream = [
        r#"{"type":"step_start","sessionID":"o-1"}"#,
        r#"{"type":"text","sessionID":"o-1","part":{"text":"I will."}}"#,
        step,
        r#"{"part":{"text":"All done.\n\n### BUILDER_COMPLETE"},"type":"text","sessionID":"o-1"}"#,
        step,
    ];
    let mapping = mapping(OPENCODE);
    let done = r#"{"type":"done","reason":"stop","rejected":["bash rm"]}"#;
    let said = lines(&mapping, &[&stream[..], &[done]].concat());
    let usage = Usage {
        input_uncached: Some(20),
        cache_read: Some(10),
        cache_write: Some(4),
        output: Some(8),
        reasoning: Some(2),
        cost: Some(Usd(25_000)),
        cost_source: Some(CostSource::Harness),
    };
    assert_eq!(said.usage, usage);
    assert_eq!(said.session.as_deref(), Some("o-1"));
    assert_eq!(said.final_message.as_deref(), Some("All done.\n\n### BUILDER_COMPLETE"));
    assert_eq!((said.terminal, said.denials), (TerminalRecord::Completed, vec!["bash rm".to_owned()]));

    let error =
        r#"{"type":"error","error":{"name":"APIError","data":{"message":"Rate limit","statusCode":429}}}"#;
    let said = lines(&mapping, &[&stream[..], &[error, done]].concat());
    assert_eq!(complaint(&said).message, "APIError Rate limit 429", "the words of a table");
}

/// Every answer of the agent has its usage and its reason to stop; an error may be tried again.
const PI: &str = r#"
[[rules]]
when = { type = "session" }
take = { session_id = "id" }
[[rules]]
when = { type = "message_end", "message.role" = "assistant" }
take = { final_message = "message.content.*.text" }
gather = "join"
[[rules]]
when = { type = "message_end", "message.role" = "assistant" }
take = { input = "message.usage.input", output = "message.usage.output", cache_read = "message.usage.cacheRead", cost = "message.usage.cost.total" }
gather = "sum"
[[rules]]
when = { type = "message_end", "message.stopReason" = "error" }
take = { error = "message.errorMessage" }
[[rules]]
when = { type = "agent_end" }
take = { terminal = "type" }
"#;

#[test]
fn a_stream_like_pis() {
    let answer = |content: &str, rest: &str| {
        format!(
            r#"{{"type":"message_end","message":{{"role":"assistant","content":[{content}],"usage":{{"input":7,"output":3,"cacheRead":1,"cost":{{"total":0.001}}}},{rest}}}}}"#
        )
    };
    let text = |text: &str| {
        format!(
            r#"{{"type":"thinking","thinking":"hm"}},{{"type":"text","text":"{text}"}},{{"type":"text","text":"!"}}"#
        )
    };
    let first = answer(&text("working"), r#""stopReason":"toolUse""#);
    let failed = answer("", r#""stopReason":"error","errorMessage":"503 overloaded""#);
    let last = answer(&text("done"), r#""stopReason":"stop""#);
    let (session, end) = (r#"{"type":"session","id":"p-1"}"#, r#"{"type":"agent_end","messages":[]}"#);
    let tool = r#"{"type":"tool_execution_end"}"#;
    let mapping = mapping(PI);
    let said = lines(&mapping, &[session, &first, tool, &failed, tool, &last, end]);
    assert_eq!(said.terminal, TerminalRecord::Completed, "an error that was tried again is not the end");
    assert_eq!(said.final_message.as_deref(), Some("done!"));
    assert_eq!((said.usage.input_uncached, said.usage.cost), (Some(21), Some(Usd(3_000))));
    assert_eq!(said.session.as_deref(), Some("p-1"));
    let said = lines(&mapping, &[session, &first, tool, &failed, end]);
    assert_eq!(complaint(&said).message, "503 overloaded");
}

#[test]
fn one_json_value_is_a_terminal_record_of_its_own() {
    let mapping = mapping(
        r#"
        tokens_are = "session"
        cost_is = "session"
        [[rules]]
        take = { session_id = "session_id", final_message = "response", error = "error.message", output = "stats.models.0.tokens" }
        "#,
    );
    let said = value(
        &mapping,
        "\n{\n \"session_id\": \"j-1\",\n \"response\": \"### BLOCKED\", \"stats\": {\"models\": [{\"tokens\": 9}]}, \"error\": null}\n",
    );
    assert_eq!(
        (said.terminal, said.final_message.as_deref()),
        (TerminalRecord::Completed, Some("### BLOCKED"))
    );
    assert_eq!((said.usage.output, said.tokens_are, said.cost_is), (Some(9), Scope::Session, Scope::Session));
    let said =
        value(&mapping, r#"{"session_id":"j-1","error":{"type":"x","message":"Invalid API key","code":41}}"#);
    assert_eq!(complaint(&said).message, "Invalid API key");
    for broken in ["", "{", "{} {}", "Warning: x\n{}"] {
        assert_eq!(value(&mapping, broken).terminal, TerminalRecord::Missing { stuck_on: None }, "{broken}");
    }
}

#[test]
fn a_mapping_that_takes_no_terminal_record_expects_none() {
    let plain = mapping(r#"rules = [{ take = { final_message = "text" } }]"#);
    assert_eq!(lines(&plain, &[r#"{"text":"hi"}"#]).terminal, TerminalRecord::NotExpected);
    let errors = mapping(r#"rules = [{ take = { error = "error" } }]"#);
    assert_eq!(lines(&errors, &[r#"{"text":"hi"}"#]).terminal, TerminalRecord::NotExpected);
    for none in [r#"{"error":null}"#, r#"{"error":false}"#, r#"{"error":""}"#] {
        assert_eq!(lines(&errors, &[none]).terminal, TerminalRecord::NotExpected, "{none}");
    }
    for (some, message) in [
        (r#"{"error":true}"#, "the harness says that it failed"),
        (r#"{"error":{}}"#, "the harness says that it failed"),
        (r#"{"error":7}"#, "7"),
    ] {
        assert_eq!(complaint(&lines(&errors, &[some])).message, message, "{some}");
    }
    let silent = mapping(r#"rules = [{ when = { type = "end" }, take = { terminal = "status" } }]"#);
    let ended = |line: &str| lines(&silent, &[line]).terminal;
    assert_eq!(ended(r#"{"type":"end","status":null}"#), TerminalRecord::Completed, "whatever stands there");
    assert_eq!(ended(r#"{"type":"end"}"#), TerminalRecord::Missing { stuck_on: None });
}

#[test]
fn values_are_gathered_as_the_rule_says() {
    let gathered = |gather: &str| {
        let text = format!(
            r#"rules = [{{ take = {{ output = "n", cost = "c", final_message = "t" }}, gather = "{gather}" }}]"#
        );
        let said = lines(
            &mapping(&text),
            &[
                r#"{"n":5,"c":"0.5","t":"a"}"#,
                r#"{"n":"9","c":0.75,"t":"b"}"#,
                r#"{"n":-1,"c":"much","t":null}"#,
                r#"{"n":[1],"c":0.25}"#,
                r#"{"n":2.0}"#,
                r#"{"t":"c"}"#,
            ],
        );
        (said.usage.output.unwrap(), said.usage.cost.unwrap().0, said.final_message.unwrap())
    };
    assert_eq!(gathered("last"), (2, 250_000, "c".to_owned()));
    assert_eq!(gathered("sum"), (16, 1_500_000, "c".to_owned()));
    assert_eq!(gathered("max"), (9, 750_000, "c".to_owned()));
    assert_eq!(gathered("join"), (2, 250_000, "c".to_owned()));
    let joined = mapping(r#"rules = [{ take = { final_message = "t" }, gather = "join" }]"#);
    assert_eq!(lines(&joined, &[r#"{"t":"a"}"#, r#"{"t":"b"}"#]).final_message.as_deref(), Some("ab"));
}

#[test]
fn a_path_goes_through_tables_and_lists() {
    let at = |path: &str, line: &str| {
        let text = format!(r#"rules = [{{ take = {{ final_message = "{path}" }}, gather = "join" }}]"#);
        lines(&mapping(&text), &[line]).final_message
    };
    let line = r#"{"a":{"b":[{"c":"x"},{"c":"y"},"z"],"1":"one"},"a.b":"dotted","n":1.5,"t":true}"#;
    for (path, expected) in [
        ("a.b.0.c", Some("x")),
        ("a.b.*.c", Some("xy")),
        ("a.b.2", Some("z")),
        ("a.1", Some("one")),
        ("n", Some("1.5")),
        ("t", Some("true")),
        ("a.b.1", Some("y")),
        ("a.b.9.c", None),
        ("a.b.c", None),
        ("n.x", None),
        ("gone", None),
    ] {
        assert_eq!(at(path, line).as_deref(), expected, "{path}");
    }
}
