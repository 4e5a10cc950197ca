//! From a harness's start to the judge's word: evidence gathered from real invocations.

use std::path::Path;

use millrace::domain::permission::PermissionLevel;
use millrace::domain::result::{InfrastructureClass, Interrupter, Judgement, ResultChannel, ResultClass};
use millrace::domain::usage::Usage;
use millrace::harness::adapter::{Call, RunnerSpec};
use millrace::harness::evidence::{Reading, collect};
use millrace::harness::exit::Exit;
use millrace::harness::invocation::Invocation;
use millrace::harness::judge::{Evidence, Legal, judge};

use super::bench::{Bench, ended, runner};

fn legal() -> Legal {
    let name = |text: &str| text.parse().unwrap();
    Legal {
        stage: name_of("builder"),
        results: vec![
            (name("BUILDER_COMPLETE"), ResultClass::Success),
            (name("BLOCKED"), ResultClass::Blocked),
        ],
        known: ["BUILDER_COMPLETE", "CHECKER_PASS", "BLOCKED"].map(name).to_vec(),
    }
}

fn name_of(stage: &str) -> millrace::domain::ids::StageName {
    stage.parse().unwrap()
}

fn invocation(bench: &Bench, spec: &RunnerSpec, call: &Call) -> Invocation {
    let argv = spec.argv(call).unwrap();
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    bench.invocation(&argv)
}

fn gather(spec: &RunnerSpec, call: &Call, exit: Exit) -> (Evidence, Judgement) {
    let environment = Invocation::read(&call.inv_dir).unwrap().environment;
    let evidence = collect(&Reading::of(spec, call, &environment, None), call, exit).unwrap();
    let judgement = judge(&evidence, &legal());
    (evidence, judgement)
}

/// Runs a spec, its invocation changed a little, and judges it.
fn run(bench: &Bench, spec: &RunnerSpec, change: impl FnOnce(&mut Invocation)) -> Judgement {
    let call = bench.call();
    let mut invocation = invocation(bench, spec, &call);
    change(&mut invocation);
    gather(spec, &call, bench.run(&invocation)).1
}

fn sh(script: &str) -> RunnerSpec {
    let script = toml::Value::String(script.replace('{', "{{").replace('}', "}}"));
    runner("command", &format!("argv = [\"sh\", \"-c\", {script}]\ninfra_exits = [75]"))
}

/// A script of one attempt of the builder.
fn scripted(bench: &Bench, steps: &str) -> RunnerSpec {
    let path = bench.path("script.yaml");
    std::fs::write(&path, format!("stages: {{builder: [[{steps}]]}}")).unwrap();
    runner("scripted", &format!("script = '{}'", path.display()))
}

/// A program that prints a recorded stream in Codex's place.
fn codex(bench: &Bench, name: &str, exit: i32) -> RunnerSpec {
    use std::os::unix::fs::PermissionsExt;
    let stream = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/harness/codex").join(name);
    let program = bench.path("codex");
    std::fs::write(&program, format!("#!/bin/sh\ncat '{}'\nexit {exit}\n", stream.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    runner("codex", &format!("command = '{}'", program.display()))
}

#[track_caller]
fn assert_reported(judgement: &Judgement, expected: &str, through: ResultChannel) {
    match judgement {
        Judgement::Reported { result, channel, .. } => {
            assert_eq!((result.as_str(), *channel), (expected, through));
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_failed(judgement: &Judgement, expected: &str) {
    match judgement {
        Judgement::Failed { class, .. } => assert_eq!(class.as_str(), expected),
        other => panic!("{other:?}"),
    }
}

const RESULT: &str = "result: {terminal_result: BUILDER_COMPLETE, summary: s}";

#[test]
fn the_embedded_harness_reports_by_file_and_by_marker() {
    let bench = Bench::new();
    let spec = scripted(&bench, &format!("{{write: {{path: a, content: b}}}}, {{{RESULT}}}"));
    assert_reported(&run(&bench, &spec, |_| {}), "BUILDER_COMPLETE", ResultChannel::ResultFile);
    assert_eq!(std::fs::read_to_string(bench.work().join("a")).unwrap(), "b");

    let bench = Bench::new();
    let spec = scripted(&bench, "{say: '### SUMMARY'}, {marker: BLOCKED}");
    assert_reported(&run(&bench, &spec, |_| {}), "BLOCKED", ResultChannel::Marker);

    let bench = Bench::new();
    let spec = scripted(&bench, &format!("{{{RESULT}}}, {{marker: BLOCKED}}"));
    assert_failed(&run(&bench, &spec, |_| {}), "conflicting_terminal_results");
}

/// Lesson M-14: one bad byte voided a good result.
#[test]
fn m14_bytes_that_are_not_utf8_do_not_void_a_result() {
    let bench = Bench::new();
    let judgement = run(&bench, &sh(r"printf 'caf\351\n### BUILDER_COMPLETE\n\n'"), |_| {});
    assert_reported(&judgement, "BUILDER_COMPLETE", ResultChannel::Marker);
}

#[test]
fn the_marker_is_found_at_the_end_of_very_long_output() {
    let bench = Bench::new();
    let spec = sh("echo '### BLOCKED'; seq 1 300000; echo '### BUILDER_COMPLETE'");
    let judgement = run(&bench, &spec, |invocation| invocation.keep_bytes = 1_000);
    assert_reported(&judgement, "BUILDER_COMPLETE", ResultChannel::Marker);
    let bench = Bench::new();
    let judgement = run(&bench, &spec, |_| {});
    assert_reported(&judgement, "BUILDER_COMPLETE", ResultChannel::Marker);
}

#[test]
fn exit_codes_of_a_command_go_by_its_configuration() {
    let with = |script: &str| run(&Bench::new(), &sh(script), |_| {});
    assert_failed(&with("echo '### BUILDER_COMPLETE'; exit 1"), "runner_transport_failure");
    assert_failed(&with("echo hello"), "missing_terminal_result");
    let declared = with("echo '### BUILDER_COMPLETE'; exit 75");
    assert!(
        matches!(declared, Judgement::Infrastructure { class: InfrastructureClass::Declared, .. }),
        "{declared:?}"
    );
    let missing = runner("command", "argv = ['no-such-harness-here']");
    let missing = run(&Bench::new(), &missing, |_| {});
    assert!(
        matches!(missing, Judgement::Infrastructure { class: InfrastructureClass::MissingProgram, .. }),
        "{missing:?}"
    );
}

#[test]
fn f05_a_result_that_was_there_before_the_limit_counts_and_a_later_one_does_not() {
    let limit = |invocation: &mut Invocation| {
        invocation.wall_limit_ms = 900;
        invocation.test_grace_ms = Some(5_000);
    };
    for step in [RESULT, "marker: BUILDER_COMPLETE"] {
        let bench = Bench::new();
        let spec = scripted(&bench, &format!("{{{step}}}, {{sleep: 300}}"));
        match run(&bench, &spec, limit) {
            Judgement::Reported { notes, .. } => assert_eq!(notes.len(), 1, "{notes:?}"),
            other => panic!("{other:?}"),
        }
    }
    let report = r#"printf '{"nonce":"%s","terminal_result":"BUILDER_COMPLETE"}' $MILLRACE_INVOCATION > $MILLRACE_RESULT_FILE"#;
    for late in [report, "echo '### BUILDER_COMPLETE'"] {
        let script = format!("trap \"$LATE\" TERM; {}", "while :; do sleep 0.05; done");
        let bench = Bench::new();
        let late = format!("{late}; exit 0");
        let judgement = run(&bench, &sh(&script), |invocation| {
            limit(invocation);
            invocation.environment.insert("LATE".to_owned(), late);
        });
        assert_failed(&judgement, "runner_timeout");
    }
    // A report that was there, and was changed after the signal, is not the one that was there.
    let bench = Bench::new();
    let script =
        format!("{report}; trap 'echo >> $MILLRACE_RESULT_FILE; exit 0' TERM; while :; do sleep 0.05; done");
    assert_failed(&run(&bench, &sh(&script), limit), "runner_timeout");
}

#[test]
fn a_stage_that_was_cancelled_is_interrupted_whatever_it_reported() {
    let bench = Bench::new();
    let up = r#"{write: {path: up, content: "1\n"}}"#;
    let spec = scripted(&bench, &format!("{{{RESULT}}}, {up}, {{sleep: 300}}"));
    let call = bench.call();
    let mut supervised = bench.launch(&invocation(&bench, &spec, &call));
    bench.pid("up");
    supervised.cancel();
    let (evidence, judgement) = gather(&spec, &call, ended(&mut supervised));
    assert_eq!(judgement, Judgement::Interrupted { by: Interrupter::Runtime });
    assert_ne!(evidence.before_signal.unwrap().result_file.sha256(), None, "it is kept as evidence");
}

#[test]
fn artifacts_have_to_lie_in_the_run_directory() {
    let secret = "/etc/passwd";
    for (artifacts, whole) in [
        ("[report.md, sub/x]", true),
        ("[report.md, gone.md]", false),
        ("[/etc/passwd]", false),
        ("[../outbox]", false),
        ("[../run/report.md]", false),
        ("[link]", false),
        ("[sub]", false),
    ] {
        let bench = Bench::new();
        let run_dir = bench.path("run");
        std::fs::create_dir(run_dir.join("sub")).unwrap();
        std::fs::write(run_dir.join("report.md"), "r").unwrap();
        std::fs::write(run_dir.join("sub/x"), "x").unwrap();
        std::os::unix::fs::symlink(secret, run_dir.join("link")).unwrap();
        let steps = format!("{{result: {{terminal_result: BLOCKED, artifacts: {artifacts}}}}}");
        let judgement = run(&bench, &scripted(&bench, &steps), |_| {});
        if whole {
            assert_reported(&judgement, "BLOCKED", ResultChannel::ResultFile);
        } else {
            assert_failed(&judgement, "missing_required_artifact");
        }
    }
}

#[test]
fn a_codex_turn_is_judged_by_its_stream() {
    let bench = Bench::new();
    let spec = codex(&bench, "basic.jsonl", 0);
    let call = bench.call();
    let (evidence, judgement) = gather(&spec, &call, bench.run(&invocation(&bench, &spec, &call)));
    assert_reported(&judgement, "BUILDER_COMPLETE", ResultChannel::Marker);
    assert_eq!(evidence.usage.output, Some(136));

    for (name, class) in [
        ("401.jsonl", InfrastructureClass::Auth),
        ("429.jsonl", InfrastructureClass::RateLimit),
        ("500.jsonl", InfrastructureClass::Server),
        ("quota.jsonl", InfrastructureClass::Quota),
    ] {
        let bench = Bench::new();
        let judgement = run(&bench, &codex(&bench, name, 1), |_| {});
        assert!(
            matches!(judgement, Judgement::Infrastructure { class: found, .. } if found == class),
            "{name}"
        );
    }
    for (name, exit, class) in [
        ("context.jsonl", 1, "context_overflow"),
        ("incomplete.jsonl", 1, "provider_failure"),
        ("patch.jsonl", 0, "missing_terminal_result"),
        ("resume-2.jsonl", 0, "illegal_terminal_result"),
        ("basic.jsonl", 1, "runner_transport_failure"),
    ] {
        let bench = Bench::new();
        assert_failed(&run(&bench, &codex(&bench, name, exit), |_| {}), class);
    }
    let bench = Bench::new();
    assert_failed(&run(&bench, &codex(&bench, "no-such.jsonl", 0), |_| {}), "no_terminal_record");
    let bench = Bench::new();
    assert_failed(&run(&bench, &codex(&bench, "no-such.jsonl", 2), |_| {}), "runner_transport_failure");
}

#[test]
fn the_final_message_in_codexs_own_file_wins_over_the_stream() {
    let bench = Bench::new();
    let spec = codex(&bench, "basic.jsonl", 0);
    let program = bench.path("codex");
    let script = std::fs::read_to_string(&program).unwrap();
    let script =
        script.replace("exit 0", "while [ \"$1\" != -o ]; do shift; done; printf '### BLOCKED' > \"$2\"");
    std::fs::write(&program, script).unwrap();
    assert_reported(&run(&bench, &spec, |_| {}), "BLOCKED", ResultChannel::Marker);
    // A blank one says nothing, and takes nothing back.
    let bench = Bench::new();
    let spec = codex(&bench, "basic.jsonl", 0);
    let program = bench.path("codex");
    let blank = std::fs::read_to_string(&program).unwrap();
    let blank = blank.replace("exit 0", "while [ \"$1\" != -o ]; do shift; done; printf ' \\n' > \"$2\"");
    std::fs::write(&program, blank).unwrap();
    assert_reported(&run(&bench, &spec, |_| {}), "BUILDER_COMPLETE", ResultChannel::Marker);
}

#[test]
fn a_stage_that_cannot_write_reports_in_its_final_message() {
    let bench = Bench::new();
    let spec =
        sh("printf 'Looked.\\n```json\\n{\"terminal_result\": \"BLOCKED\", \"summary\": \"s\"}\\n```\\n'");
    let call = Call { permission: PermissionLevel::Basic, ..bench.call() };
    let (evidence, judgement) = gather(&spec, &call, bench.run(&invocation(&bench, &spec, &call)));
    assert!(!evidence.can_write);
    assert_eq!(evidence.usage, Usage::default());
    assert_reported(&judgement, "BLOCKED", ResultChannel::FencedJson);
}
