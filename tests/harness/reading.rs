//! From recorded streams to the judge's word: evidence as each parser reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use millrace::domain::result::{InfrastructureClass, Judgement, ResultClass};
use millrace::domain::usage::{CostSource, Usage, Usd};
use millrace::harness::evidence::{Reading, collect};
use millrace::harness::invocation::Invocation;
use millrace::harness::judge::{Evidence, Legal, Session, TerminalRecord, asked_for_result, judge};
use millrace::harness::parser::{Mapping, Parser};

use super::bench::Bench;
use super::parser::fixture;

fn legal() -> Legal {
    let name = |text: &str| text.parse().unwrap();
    Legal {
        stage: "builder".parse().unwrap(),
        results: vec![
            (name("BUILDER_COMPLETE"), ResultClass::Success),
            (name("BLOCKED"), ResultClass::Blocked),
        ],
        known: ["BUILDER_COMPLETE", "CHECKER_PASS", "BLOCKED"].map(name).to_vec(),
    }
}

/// A program in a harness's place, and how it is read.
struct Fake {
    bench: Bench,
    parser: Parser,
    final_file: Option<PathBuf>,
    ok_exits: Vec<i32>,
    infra_exits: Vec<i32>,
    environment: BTreeMap<String, String>,
    baseline: Option<Usage>,
}

impl Fake {
    fn new(parser: Parser) -> Self {
        Self {
            bench: Bench::new(),
            parser,
            final_file: None,
            ok_exits: vec![0],
            infra_exits: vec![75],
            environment: BTreeMap::new(),
            baseline: None,
        }
    }

    fn codex() -> Self {
        Self::new(Parser::CodexJsonl)
    }

    fn claude() -> Self {
        Self::new(Parser::ClaudeStream)
    }

    fn json(mapping: &str) -> Self {
        let mapping: Mapping = toml::from_str(mapping).unwrap();
        Self::new(Parser::Json(mapping))
    }

    /// Runs a shell script as the harness.
    fn run(&self, script: &str) -> (Evidence, Judgement) {
        self.invoked(&self.bench.sh(script))
    }

    /// The same, and our clock ends it.
    fn hangs(&self, script: &str) -> (Evidence, Judgement) {
        let mut invocation = self.bench.sh(script);
        invocation.wall_limit_ms = 900;
        invocation.test_grace_ms = Some(5_000);
        self.invoked(&invocation)
    }

    fn invoked(&self, invocation: &Invocation) -> (Evidence, Judgement) {
        let exit = self.bench.run(invocation);
        let reading = Reading {
            parser: self.parser.clone(),
            final_file: self.final_file.clone(),
            ok_exits: self.ok_exits.clone(),
            infra_exits: self.infra_exits.clone(),
            environment: &self.environment,
            baseline: self.baseline.as_ref(),
        };
        let evidence = collect(&reading, &self.bench.call(), exit).unwrap();
        let judgement = judge(&evidence, &legal());
        (evidence, judgement)
    }

    /// Prints a recorded stream, and exits.
    fn prints(&self, name: &str, exit: i32) -> (Evidence, Judgement) {
        self.run(&format!("cat '{}'; exit {exit}", fixture(name).display()))
    }

    /// Keeps a rollout below a home, as of a run that begins now.
    fn keeps(&self, home: &str, name: &str, thread: &str) {
        let folder = self.bench.path(home).join("sessions/2026/11/28");
        std::fs::create_dir_all(&folder).unwrap();
        let text = std::fs::read_to_string(fixture(name)).unwrap();
        // Everything in it happened after the start that is to come, as far as milliseconds tell.
        let now = Timestamp::now() + SignedDuration::from_secs(60);
        let lines = text.lines().map(|line| {
            let (_, rest) = line.split_once("Z\"").unwrap();
            format!("{{\"timestamp\":\"{}\"{rest}\n", now.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        });
        let path = folder.join(format!("rollout-2026-11-28T22-17-28-{thread}.jsonl"));
        std::fs::write(path, lines.collect::<String>()).unwrap();
    }
}

/// A judgement in one word.
fn word(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Reported { result, .. } => result.to_string(),
        Judgement::Failed { class, .. } => class.to_string(),
        Judgement::Infrastructure { class, .. } => format!("{class:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_claude_run_is_judged_by_its_result_line() {
    for (name, exit, expected) in [
        ("basic.jsonl", 0, "BUILDER_COMPLETE"),
        ("basic.jsonl", 1, "runner_transport_failure"),
        ("failcmd.jsonl", 0, "BLOCKED"),
        ("flaky.jsonl", 0, "BUILDER_COMPLETE"),
        ("resume-2.jsonl", 0, "illegal_terminal_result"),
        ("401.jsonl", 1, "Auth"),
        ("401.jsonl", 0, "Auth"),
        ("403.jsonl", 1, "Auth"),
        ("429.jsonl", 1, "RateLimit"),
        ("quota.jsonl", 1, "Quota"),
        ("500.jsonl", 1, "Server"),
        ("529.jsonl", 1, "Server"),
        ("drop.jsonl", 1, "Network"),
        ("badmodel.jsonl", 1, "BadModel"),
        ("context.jsonl", 1, "context_overflow"),
        ("incomplete.jsonl", 1, "provider_failure"),
        ("maxturns.jsonl", 1, "limit_reached"),
        ("maxbudget.jsonl", 1, "limit_reached"),
        ("killed.jsonl", 143, "runner_transport_failure"),
        ("killed.jsonl", 0, "no_terminal_record"),
    ] {
        let (_, judgement) = Fake::claude().prints(&format!("claude/{name}"), exit);
        assert_eq!(word(&judgement), expected, "{name} {exit}: {judgement:?}");
    }
}

#[test]
fn a_marker_that_was_claimed_though_tools_were_denied_is_a_result_with_a_note() {
    let (evidence, judgement) = Fake::claude().prints("claude/denied.jsonl", 0);
    let Judgement::Reported { result, notes, .. } = judgement else { panic!("{judgement:?}") };
    assert_eq!(result.as_str(), "BUILDER_COMPLETE");
    assert_eq!(notes, ["denied: Bash: printf 'hello\\n' > built.txt"]);
    assert_eq!(evidence.denials.len(), 1);
}

#[test]
fn what_a_resumed_session_had_used_before_is_not_used_again() {
    let totals = |evidence: &Evidence| evidence.session.clone().unwrap().totals;
    let (first, _) = Fake::codex().prints("codex/resume-1.jsonl", 0);
    let before = totals(&first);
    assert_eq!(first.usage, before, "the first run is all of its session");
    let (second, _) = Fake { baseline: Some(before), ..Fake::codex() }.prints("codex/resume-2.jsonl", 0);
    assert_eq!(second.session.as_ref().unwrap().id, first.session.unwrap().id);
    assert_eq!(second.usage, totals(&second).since(&before));
    assert!(second.usage.tokens() < totals(&second).tokens());

    let (first, _) = Fake::claude().prints("claude/resume-1.jsonl", 0);
    let (second, _) =
        Fake { baseline: Some(totals(&first)), ..Fake::claude() }.prints("claude/resume-2.jsonl", 0);
    assert_eq!((second.usage.cost, second.usage.output), (Some(Usd(15_584)), Some(23)));
    assert_eq!(second.usage.cost_source, Some(CostSource::Harness));

    // A line that tells the session's cost only, and the run's tokens.
    let line = r#"{"type":"result","session_id":"s","is_error":false,"result":"x","total_cost_usd":0.5,"usage":{"output_tokens":9}}"#;
    let before = Usage { cost: Some(Usd(400_000)), output: Some(1_000), ..Usage::default() };
    let (evidence, _) = Fake { baseline: Some(before), ..Fake::claude() }.run(&format!("echo '{line}'"));
    assert_eq!((evidence.usage.cost, evidence.usage.output), (Some(Usd(100_000)), Some(9)));
    let totals = totals(&evidence);
    assert_eq!((totals.cost, totals.output), (Some(Usd(500_000)), None));
}

#[test]
fn unknown_usage_stays_unknown_and_the_session_keeps_its_past() {
    let before = Usage { output: Some(7), ..Usage::default() };
    let (evidence, _) = Fake { baseline: Some(before), ..Fake::codex() }.prints("codex/killed.jsonl", 137);
    assert!(evidence.usage.is_unknown());
    assert_eq!(evidence.session.unwrap().totals, before);
    let (evidence, _) = Fake::claude().prints("claude/killed.jsonl", 137);
    assert!(evidence.usage.is_unknown());
    assert_eq!(Fake::new(Parser::Text).run("echo hello").0.session, None);
}

const LATE: &str = "01a2243c-1c5b-7483-906d-2bfa8bdda3f6";
const KILLED: &str = "01a2243c-1fee-7113-bffa-e42cb458311a";

#[test]
fn a_codex_run_that_failed_has_its_class_and_its_usage_from_its_rollout() {
    // A relative path is relative to the work tree, where the harness was started.
    for (variable, home, relative) in [
        ("CODEX_HOME", "codex-home", None),
        ("HOME", "home/.codex", None),
        ("CODEX_HOME", "work/h", Some("h")),
    ] {
        let mut fake = Fake::codex();
        fake.keeps(home, "codex-rollouts/late500.jsonl", LATE);
        let value = fake.bench.path(home.trim_end_matches("/.codex")).display().to_string();
        let value = relative.map_or(value, str::to_owned);
        fake.environment.insert(variable.to_owned(), value);
        fake.baseline = Some(Usage { output: Some(1), ..Usage::default() });
        let (evidence, judgement) = fake.prints("codex/late500.jsonl", 1);
        assert_eq!(word(&judgement), "Server", "{variable}");
        assert_eq!((evidence.usage.input_uncached, evidence.usage.output), (Some(2_529), Some(31)));
        assert_eq!(evidence.session, Some(Session { id: LATE.to_owned(), totals: evidence.usage }));
    }
    // The sentence alone is nobody's word; the machine's is.
    let sentence = "Something new went wrong.";
    let stream = format!(
        r#"echo '{{"type":"thread.started","thread_id":"{LATE}"}}'; echo '{{"type":"turn.failed","error":{{"message":"{sentence}"}}}}'; exit 1"#
    );
    assert_eq!(word(&Fake::codex().run(&stream).1), "provider_failure", "no rollout");
    let kept = || {
        let mut fake = Fake::codex();
        fake.keeps("h", "codex-rollouts/late500.jsonl", LATE);
        let path = fake
            .bench
            .path("h/sessions/2026/11/28")
            .join(format!("rollout-2026-11-28T22-17-28-{LATE}.jsonl"));
        let text = std::fs::read_to_string(&path).unwrap();
        let said = "We\u{2019}re currently experiencing high demand, which may cause temporary errors.";
        assert!(text.contains(said));
        std::fs::write(&path, text.replace(said, sentence)).unwrap();
        fake.environment.insert("CODEX_HOME".to_owned(), fake.bench.path("h").display().to_string());
        fake
    };
    assert_eq!(word(&kept().run(&stream).1), "Server");
    // Of another sentence it says nothing.
    assert_eq!(word(&kept().run(&stream.replace(sentence, "Something else.")).1), "provider_failure");
    // Usage that the stream told stands.
    let told = r#"echo '{"type":"turn.completed","usage":{"input_tokens":7,"output_tokens":2}}'; "#;
    let usage = kept().run(&format!("{told}{stream}")).0.usage;
    assert_eq!((usage.input_uncached, usage.output), (Some(7), Some(2)));
}

#[test]
fn a_codex_run_that_was_killed_has_used_what_its_rollout_says() {
    let mut fake = Fake::codex();
    fake.keeps("h", "codex-rollouts/killed.jsonl", KILLED);
    fake.environment.insert("CODEX_HOME".to_owned(), fake.bench.path("h").display().to_string());
    let (evidence, judgement) = fake.prints("codex/killed.jsonl", 137);
    assert_eq!(word(&judgement), "runner_transport_failure");
    assert_eq!((evidence.usage.input_uncached, evidence.usage.output), (Some(2_528), Some(31)));
}

/// What the rollout knows of the end is not put into the mouth of a harness that hung before it.
#[test]
fn a_codex_run_that_hung_without_a_word_is_judged_by_the_clock() {
    let mut fake = Fake::codex();
    fake.keeps("h", "codex-rollouts/late500.jsonl", LATE);
    fake.environment.insert("CODEX_HOME".to_owned(), fake.bench.path("h").display().to_string());
    let begins = format!(r#"echo '{{"type":"thread.started","thread_id":"{LATE}"}}'"#);
    let (evidence, judgement) = fake.hangs(&format!("{begins}; sleep 300"));
    assert_eq!(word(&judgement), "runner_timeout");
    assert!(evidence.whole.terminal.complaint().is_some(), "the rollout was read");
}

/// A time that was named after our signal belongs to no word that counts.
#[test]
fn at_a_limit_the_time_that_counts_is_one_that_was_named_before_the_signal() {
    let says = |text: &str| format!(r#"echo '{{"type":"error","message":"{text}"}}'"#);
    let (before, after) = (says("rate limit"), says("rate limit: try again in 35 seconds"));
    let script = |first: &str| format!("trap \"$LATE\" TERM; {first}; while :; do sleep 0.05; done");
    for (first, last, named) in [(&before, &after, false), (&after, &before, true)] {
        let fake = Fake::codex();
        let mut invocation = fake.bench.sh(&script(first));
        invocation.wall_limit_ms = 900;
        invocation.test_grace_ms = Some(5_000);
        invocation.environment.insert("LATE".to_owned(), format!("{last}; exit 0"));
        let (evidence, judgement) = fake.invoked(&invocation);
        assert_eq!(word(&judgement), "RateLimit");
        assert_eq!(evidence.retry_at.is_some(), named, "{first}");
    }
}

#[test]
fn the_time_that_a_provider_names_is_one_on_the_clock() {
    let (evidence, judgement) = Fake::codex().prints("codex/ratelimit.jsonl", 1);
    assert_eq!(evidence.retry_at, Some(evidence.exit.ended_at + SignedDuration::from_secs(35)));
    let Judgement::Infrastructure { class, retry_at, .. } = judgement else { panic!("{judgement:?}") };
    assert_eq!((class, retry_at), (InfrastructureClass::RateLimit, evidence.retry_at));

    let at = Timestamp::from_second(Timestamp::now().as_second() + 3_600).unwrap();
    let limit = |text: &str| {
        let line = format!(r#"{{"type":"result","is_error":true,"api_error_status":429,"result":"{text}"}}"#);
        Fake::claude().run(&format!("echo '{line}'; exit 1")).0.retry_at
    };
    assert_eq!(limit(&format!("Claude AI usage limit reached|{}", at.as_second())), Some(at));
    assert_eq!(limit("usage limit reached|1000000000"), None, "it has passed");
    let (overflow, _) = Fake::codex().run(
        r#"echo '{"type":"turn.failed","error":{"message":"context window: try again in 5 minutes"}}'; exit 1"#,
    );
    assert_eq!(overflow.retry_at, None, "waiting does not help");
}

#[test]
fn exit_codes_mean_what_the_contract_says() {
    let fake = Fake { ok_exits: vec![0, 3], ..Fake::claude() };
    assert_eq!(word(&fake.prints("claude/basic.jsonl", 3).1), "BUILDER_COMPLETE");
    let (evidence, judgement) = Fake::claude().prints("claude/basic.jsonl", 75);
    assert!(matches!(judgement, Judgement::Infrastructure { class: InfrastructureClass::Declared, .. }));
    assert!(evidence.usage.output.is_some(), "what it used stays known");
}

#[test]
fn one_json_value_is_read_from_stdout_or_from_the_final_file() {
    let mapping = r#"rules = [{ take = { final_message = "text", session_id = "id", output = "tokens" } }]"#;
    let script = r####"echo '{"text": "### BLOCKED", "id": "j", "tokens": 3}'"####;
    let (evidence, judgement) = Fake::json(mapping).run(script);
    assert_eq!((word(&judgement).as_str(), evidence.usage.output), ("BLOCKED", Some(3)));
    let fake = Fake::json(mapping);
    let file = fake.bench.path("answer.json");
    let script = format!("{script} > {}; echo chatter", file.display());
    assert_eq!(word(&fake.run(&script).1), "no_terminal_record", "stdout is no JSON");
    let mut fake = Fake::json(mapping);
    let file = fake.bench.path("answer.json");
    fake.final_file = Some(file.clone());
    let script =
        format!(r####"echo '{{"text": "### BUILDER_COMPLETE"}}' > {}; echo chatter"####, file.display());
    assert_eq!(word(&fake.run(&script).1), "BUILDER_COMPLETE");
}

#[test]
fn a_run_that_completed_and_said_nothing_can_be_asked() {
    let line = r#"{"type":"result","session_id":"s","is_error":false,"result":"All done."}"#;
    let (evidence, judgement) = Fake::claude().run(&format!("echo '{line}'"));
    assert_eq!(word(&judgement), "missing_terminal_result");
    assert_eq!(evidence.whole.terminal, TerminalRecord::Completed);
    assert!(asked_for_result(&evidence, &judgement));
    let (evidence, judgement) = Fake::codex().prints("codex/patch.jsonl", 0);
    assert!(asked_for_result(&evidence, &judgement));
    let (evidence, judgement) = Fake::new(Parser::Text).run("echo All done.");
    assert_eq!(word(&judgement), "missing_terminal_result");
    assert!(!asked_for_result(&evidence, &judgement));
}
