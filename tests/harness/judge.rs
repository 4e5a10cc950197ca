//! The judge's table, row by row: never one signal alone.

use std::collections::BTreeSet;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::ids::{Nonce, ResultName};
use millrace::domain::result::{InfrastructureClass, Interrupter, Judgement, ResultChannel, ResultClass};
use millrace::domain::usage::Usage;
use millrace::harness::exit::{EndedBy, Exit, FirstSignal, How, SpawnFailure, StreamRecord};
use millrace::harness::judge::{Evidence, Legal, Said, Session, TerminalRecord, asked_for_result, judge};
use millrace::harness::parser::{Complaint, Trouble};
use millrace::harness::result_file::FoundFile;

const NONCE: &str = "0123456789abcdef0123456789abcdef";
const MARKER: &str = "All done.\n\n### BUILDER_COMPLETE\n";

fn nonce() -> Nonce {
    NONCE.parse().unwrap()
}

/// A builder in a plan that has checkers too.
fn legal() -> Legal {
    let name = |text: &str| text.parse().unwrap();
    Legal {
        stage: "builder".parse().unwrap(),
        results: vec![
            (name("BUILDER_COMPLETE"), ResultClass::Success),
            (name("BLOCKED"), ResultClass::Blocked),
        ],
        known: ["BUILDER_COMPLETE", "CHECKER_PASS", "FIX_NEEDED", "BLOCKED"].map(name).to_vec(),
    }
}

fn stream() -> StreamRecord {
    StreamRecord { total: 0, kept: 0, head: 0, cut: false, sha256: String::new(), error: None }
}

fn exit(how: How, ended_by: EndedBy) -> Exit {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    Exit {
        how,
        first_signal: (ended_by != EndedBy::Itself).then_some(FirstSignal {
            at,
            stdout_bytes: 0,
            result_file_sha256: None,
        }),
        ended_by,
        started_at: at,
        ended_at: at,
        duration_ms: 0,
        leftovers: 0,
        proof: None,
        stdout: stream(),
        stderr: stream(),
        survivors: Vec::new(),
    }
}

fn said(message: &str) -> Said {
    Said {
        terminal: TerminalRecord::NotExpected,
        final_message: (!message.is_empty()).then(|| message.to_owned()),
        result_file: FoundFile::Absent,
    }
}

fn with_file(message: &str, rest: &str) -> Said {
    let file = format!(r#"{{"nonce": "{NONCE}", {rest}}}"#);
    Said { result_file: FoundFile::Bytes(file.into_bytes()), ..said(message) }
}

/// A harness that ended by itself with exit code 0.
fn well(whole: Said) -> Evidence {
    Evidence {
        nonce: nonce(),
        exit: exit(How::Exited { code: 0 }, EndedBy::Itself),
        whole,
        before_signal: None,
        missing_artifacts: Vec::new(),
        denials: Vec::new(),
        usage: Usage::default(),
        session: None,
        ok_exits: vec![0],
        retry_at: None,
        can_write: true,
    }
}

fn complaint(message: &str, trouble: Trouble) -> Complaint {
    Complaint { message: message.to_owned(), trouble, retry: None }
}

/// A harness that our clock ended.
fn late(whole: Said, before: Option<Said>) -> Evidence {
    Evidence {
        exit: exit(How::Signalled { signal: 15 }, EndedBy::WallLimit),
        before_signal: before,
        ..well(whole)
    }
}

#[track_caller]
fn class(evidence: &Evidence) -> String {
    match judge(evidence, &legal()) {
        Judgement::Failed { class, detail } => {
            assert!(!detail.is_empty() && !detail.contains('\n'), "{detail:?}");
            class.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn outage(evidence: &Evidence) -> InfrastructureClass {
    match judge(evidence, &legal()) {
        Judgement::Infrastructure { class, .. } => class,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn report(evidence: &Evidence) -> (String, ResultClass, ResultChannel, Vec<String>) {
    match judge(evidence, &legal()) {
        Judgement::Reported { result, class, channel, notes, .. } => {
            (result.to_string(), class, channel, notes)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn result(evidence: &Evidence) -> String {
    report(evidence).0
}

#[test]
fn a_marker_that_ends_the_final_message_is_a_result() {
    let (result, class, channel, notes) = report(&well(said(MARKER)));
    assert_eq!((result.as_str(), class), ("BUILDER_COMPLETE", ResultClass::Success));
    assert_eq!((channel, notes), (ResultChannel::Marker, vec![]));
    for message in
        ["### BLOCKED", "x\n### BLOCKED  \n \n\n", "x\r\n### BLOCKED\r\n", "### BLOCKED\nx\n### BLOCKED"]
    {
        assert_eq!(self::result(&well(said(message))), "BLOCKED", "{message:?}");
    }
}

#[test]
fn only_the_exact_line_at_the_end_is_a_marker() {
    for message in [
        "",
        "  \n",
        "done",
        "### BUILDER_COMPLETE\nAnything else I can do?",
        "I will end with ### BUILDER_COMPLETE",
        "> ### BUILDER_COMPLETE",
        "  ### BUILDER_COMPLETE",
        "#### BUILDER_COMPLETE",
        "###BUILDER_COMPLETE",
        "###  BUILDER_COMPLETE",
        "### BUILDER_COMPLETE.",
        "**### BUILDER_COMPLETE**",
        "### builder_complete",
        "### SUMMARY",
        "### MANAGER_COMPLETE",
    ] {
        assert_eq!(class(&well(said(message))), "missing_terminal_result", "{message:?}");
    }
}

/// Lesson M-14: any `### SUMMARY` heading voided a good result.
#[test]
fn m14_headings_that_the_plan_does_not_know_are_prose() {
    let message = "### SUMMARY\nfine\n### IDLE\n### MANAGER_COMPLETE\n### Next steps\n\n### BUILDER_COMPLETE";
    assert_eq!(result(&well(said(message))), "BUILDER_COMPLETE");
}

/// One table: what counts as a stage's result is what its graph has an edge for, for every stage and result there is.
#[test]
fn f04_f06_a_result_counts_where_the_plan_has_an_edge_for_it_and_nowhere_else() {
    let config = millrace::format::config::parse("", "millrace.toml").unwrap();
    let request = Request { mode: None, config: &config, assets: &Assets::shipped() };
    let plan = compile(&request).unwrap().plan;
    let all: BTreeSet<&ResultName> = plan.stages.values().flat_map(|stage| stage.results.keys()).collect();
    assert!(all.len() > 12, "{all:?}");
    for (name, stage) in &plan.stages {
        let legal = Legal::of(&plan, name).unwrap();
        for result in &all {
            let counts = matches!(
                judge(&well(said(&format!("### {result}"))), &legal),
                Judgement::Reported { result: found, .. } if found == **result
            );
            let edge = plan.graph(stage.plane).edge(name, result).is_some();
            assert_eq!(counts, edge, "{name} says {result}");
        }
    }
}

#[test]
fn another_stages_marker_is_illegal_and_two_markers_conflict() {
    assert_eq!(class(&well(said("### CHECKER_PASS"))), "illegal_terminal_result");
    for message in [
        "### BLOCKED\n### BUILDER_COMPLETE",
        "### CHECKER_PASS\n\n### BUILDER_COMPLETE",
        "### BLOCKED\n### FIX_NEEDED\nprose",
    ] {
        assert_eq!(class(&well(said(message))), "conflicting_terminal_results", "{message:?}");
    }
}

#[test]
fn the_result_file_comes_first() {
    let rest = r#""terminal_result": "BUILDER_COMPLETE", "summary": "s", "resume_stage": "checker",
                  "target_stage": "fixer", "artifacts": ["a.md"], "extra": 1"#;
    let Judgement::Reported {
        result,
        class,
        summary,
        resume_stage,
        target_stage,
        artifacts,
        channel,
        notes,
        ..
    } = judge(&well(with_file("done, no marker", rest)), &legal())
    else {
        panic!("not reported")
    };
    assert_eq!((result.as_str(), class), ("BUILDER_COMPLETE", ResultClass::Success));
    assert_eq!((summary.as_deref(), channel), (Some("s"), ResultChannel::ResultFile));
    assert_eq!(resume_stage.unwrap().as_str(), "checker");
    assert_eq!(target_stage.unwrap().as_str(), "fixer");
    assert_eq!(artifacts, ["a.md"]);
    assert_eq!(notes.len(), 1);

    let agreed = with_file(MARKER, r#""terminal_result": "BUILDER_COMPLETE""#);
    assert_eq!(report(&well(agreed)).2, ResultChannel::ResultFile);
}

#[test]
fn file_and_message_must_not_contradict() {
    let blocked = r#""terminal_result": "BLOCKED""#;
    assert_eq!(class(&well(with_file(MARKER, blocked))), "conflicting_terminal_results");
    let earlier = "### BUILDER_COMPLETE\nno, wait";
    assert_eq!(class(&well(with_file(earlier, blocked))), "conflicting_terminal_results");
    assert_eq!(result(&well(with_file("### SUMMARY\n### Blocked", blocked))), "BLOCKED");
}

#[test]
fn f37_a_bad_file_is_not_made_good_by_a_marker() {
    let bytes = |text: &str| Said { result_file: FoundFile::Bytes(text.into()), ..said(MARKER) };
    for text in ["", "{", "[]", r#"{"terminal_result": "BUILDER_COMPLETE"}"#] {
        assert_eq!(class(&well(bytes(text))), "illegal_terminal_result", "{text:?}");
    }
    let unusable = Said { result_file: FoundFile::Unusable("it is a pipe".to_owned()), ..said(MARKER) };
    assert_eq!(class(&well(unusable)), "illegal_terminal_result");
    let other = r#"{"nonce": "ffffffffffffffffffffffffffffffff", "terminal_result": "BUILDER_COMPLETE"}"#;
    assert_eq!(class(&well(bytes(other))), "runner_transport_failure", "another invocation's report");
    let checker = with_file("", r#""terminal_result": "CHECKER_PASS""#);
    assert_eq!(class(&well(checker)), "illegal_terminal_result");
    let unknown = with_file("", r#""terminal_result": "ALL_GOOD""#);
    assert_eq!(class(&well(unknown)), "illegal_terminal_result");
}

#[test]
fn the_class_in_a_file_must_fit_the_plans() {
    let with = |result: &str, class: &str| {
        well(with_file("", &format!(r#""terminal_result": "{result}", "result_class": "{class}""#)))
    };
    assert_eq!(report(&with("BLOCKED", "blocked")).1, ResultClass::Blocked);
    assert_eq!(report(&with("BLOCKED", "recoverable_failure")).1, ResultClass::RecoverableFailure);
    assert_eq!(report(&with("BUILDER_COMPLETE", "success")).1, ResultClass::Success);
    for (result, named) in [
        ("BLOCKED", "success"),
        ("BUILDER_COMPLETE", "recoverable_failure"),
        ("BUILDER_COMPLETE", "followup_needed"),
    ] {
        assert_eq!(class(&with(result, named)), "illegal_terminal_result", "{result} {named}");
    }
}

#[test]
fn artifacts_have_to_be_there() {
    let mut evidence = well(with_file("", r#""terminal_result": "BUILDER_COMPLETE", "artifacts": ["a"]"#));
    assert_eq!(result(&evidence), "BUILDER_COMPLETE");
    evidence.missing_artifacts = vec!["a".to_owned()];
    assert_eq!(class(&evidence), "missing_required_artifact");
}

#[test]
fn a_json_block_counts_only_where_the_stage_cannot_write_and_only_at_the_end() {
    let block =
        "Read it all.\n\n```json\n{\n \"terminal_result\": \"BLOCKED\", \"summary\": \"why\"\n}\n```\n";
    let mut evidence = well(said(block));
    assert_eq!(class(&evidence), "missing_terminal_result", "a stage that can write writes");
    evidence.can_write = false;
    assert_eq!(report(&evidence).2, ResultChannel::FencedJson);
    assert_eq!(result(&evidence), "BLOCKED");

    let cannot_write = |message: &str| Evidence { can_write: false, ..well(said(message)) };
    assert_eq!(result(&cannot_write(MARKER)), "BUILDER_COMPLETE", "the marker is a channel as well");
    let one = r#"{"terminal_result": "BLOCKED"}"#;
    for (message, expected) in [
        (format!("```json\n{one}\n```\nThat is all."), "missing_terminal_result"),
        (format!("```\n{one}\n```"), "missing_terminal_result"),
        (format!("see ```json\n{one}\n```"), "missing_terminal_result"),
        (format!("```json5\n{one}\n```"), "missing_terminal_result"),
        (format!("```json\n{one}\n```\n```\nplain\n```"), "missing_terminal_result"),
        ("```json\n{oops}\n```".to_owned(), "illegal_terminal_result"),
        (format!("### BUILDER_COMPLETE\n```json\n{one}\n```"), "conflicting_terminal_results"),
        (
            r#"```json
{"nonce": "ffffffffffffffffffffffffffffffff", "terminal_result": "BLOCKED"}
```"#
                .to_owned(),
            "runner_transport_failure",
        ),
    ] {
        assert_eq!(class(&cannot_write(&message)), expected, "{message}");
    }
    let two = format!("```json\n{{\"terminal_result\": \"BUILDER_COMPLETE\"}}\n```\n\n```json\n{one}\n```");
    assert_eq!(result(&cannot_write(&two)), "BLOCKED", "the block at the end");
}

#[test]
fn an_exit_code_outweighs_a_marker() {
    for how in [How::Exited { code: 1 }, How::Signalled { signal: 11 }] {
        let evidence = Evidence { exit: exit(how, EndedBy::Itself), ..well(said(MARKER)) };
        assert_eq!(class(&evidence), "runner_transport_failure");
    }
}

#[test]
fn which_exit_codes_are_good_is_the_contracts_word() {
    let with = |code| Evidence {
        exit: exit(How::Exited { code }, EndedBy::Itself),
        ok_exits: vec![3, 4],
        ..well(said(MARKER))
    };
    assert_eq!(result(&with(3)), "BUILDER_COMPLETE");
    for code in [0, 1] {
        assert_eq!(class(&with(code)), "runner_transport_failure");
    }
}

#[test]
fn a_session_that_ended_well_and_reported_nothing_can_be_asked_once_more() {
    let session = || Some(Session { id: "s".to_owned(), totals: Usage::default() });
    let silent = |terminal| Evidence { session: session(), ..well(Said { terminal, ..said("All done.") }) };
    let asked = |evidence: &Evidence| asked_for_result(evidence, &judge(evidence, &legal()));
    let good = silent(TerminalRecord::Completed);
    assert!(asked(&good));
    assert!(asked(&Evidence {
        exit: exit(How::Exited { code: 3 }, EndedBy::Itself),
        ok_exits: vec![3],
        ..good.clone()
    }));

    let reported = Said { final_message: Some(MARKER.to_owned()), ..good.whole.clone() };
    let two =
        Said { final_message: Some("### BLOCKED\n### BUILDER_COMPLETE".to_owned()), ..good.whole.clone() };
    let killed = exit(How::Signalled { signal: 15 }, EndedBy::WallLimit);
    for (why, evidence) in [
        ("it reported", Evidence { whole: reported, ..good.clone() }),
        ("it reported too much", Evidence { whole: two, ..good.clone() }),
        ("it has no session", Evidence { session: None, ..good.clone() }),
        ("it writes no terminal record", silent(TerminalRecord::NotExpected)),
        ("it has no terminal record", silent(TerminalRecord::Missing { stuck_on: None })),
        ("it failed", silent(TerminalRecord::Failed(complaint("no", Trouble::Other)))),
        (
            "its exit is bad",
            Evidence { exit: exit(How::Exited { code: 1 }, EndedBy::Itself), ..good.clone() },
        ),
        (
            "our clock ended it",
            Evidence { exit: killed, before_signal: Some(good.whole.clone()), ..good.clone() },
        ),
    ] {
        assert!(!asked(&evidence), "{why}");
    }
    let judgement = judge(&good, &legal());
    let late = Evidence { exit: exit(How::Exited { code: 0 }, EndedBy::SilenceLimit), ..good };
    assert!(!asked_for_result(&late, &judgement), "it ended because of our signal");
}

#[test]
fn the_terminal_record_outweighs_exit_code_and_channel() {
    let with = |terminal: TerminalRecord, code: i32| Evidence {
        exit: exit(How::Exited { code }, EndedBy::Itself),
        ..well(Said { terminal, ..said(MARKER) })
    };
    let failed = |trouble| TerminalRecord::Failed(complaint("it\nbroke", trouble));
    assert_eq!(result(&with(TerminalRecord::Completed, 0)), "BUILDER_COMPLETE");
    assert_eq!(class(&with(TerminalRecord::Completed, 1)), "runner_transport_failure");
    for code in [0, 1] {
        let quota = Trouble::Infrastructure(InfrastructureClass::Quota);
        assert_eq!(outage(&with(failed(quota), code)), InfrastructureClass::Quota);
        assert_eq!(class(&with(failed(Trouble::Other), code)), "provider_failure");
        assert_eq!(class(&with(failed(Trouble::ContextOverflow), code)), "context_overflow");
        assert_eq!(class(&with(failed(Trouble::LimitReached), code)), "limit_reached");
    }
    let missing = TerminalRecord::Missing { stuck_on: None };
    assert_eq!(class(&with(missing.clone(), 0)), "no_terminal_record");
    assert_eq!(class(&with(missing, 1)), "runner_transport_failure");
    let stuck = |trouble| TerminalRecord::Missing { stuck_on: Some(complaint("waiting", trouble)) };
    let network = Trouble::Infrastructure(InfrastructureClass::Network);
    assert_eq!(outage(&with(stuck(network), 1)), InfrastructureClass::Network);
    assert_eq!(class(&with(stuck(Trouble::Other), 1)), "runner_transport_failure");
}

#[test]
fn a_harness_that_never_started_is_infrastructure() {
    for (reason, expected) in [
        (SpawnFailure::MissingProgram, InfrastructureClass::MissingProgram),
        (SpawnFailure::Other, InfrastructureClass::NotStartable),
    ] {
        let how = How::SpawnFailed { reason, message: "no".to_owned() };
        let evidence = Evidence { exit: exit(how, EndedBy::Itself), ..well(said(MARKER)) };
        assert_eq!(outage(&evidence), expected);
    }
}

/// Lesson F-05: a completed stage was thrown away because its process then timed out.
#[test]
fn at_a_limit_what_came_before_the_first_signal_counts() {
    let file = || with_file("", r#""terminal_result": "BUILDER_COMPLETE""#);
    for before in [said(MARKER), file()] {
        let (result, _, _, notes) = report(&late(before.clone(), Some(before)));
        assert_eq!(result, "BUILDER_COMPLETE");
        assert!(notes.iter().any(|note| note.contains("wall-clock limit")), "{notes:?}");
    }
    let missing = Said { terminal: TerminalRecord::Missing { stuck_on: None }, ..said(MARKER) };
    assert_eq!(result(&late(missing.clone(), Some(missing))), "BUILDER_COMPLETE");

    assert_eq!(class(&late(said(MARKER), Some(said("")))), "runner_timeout", "only after the signal");
    assert_eq!(class(&late(file(), Some(said("working")))), "runner_timeout");
    assert_eq!(class(&late(said(MARKER), None)), "runner_timeout");
    let two = said("### BLOCKED\n### BUILDER_COMPLETE");
    assert_eq!(class(&late(two.clone(), Some(two))), "runner_timeout");
    let zero = Evidence {
        exit: exit(How::Exited { code: 0 }, EndedBy::SilenceLimit),
        ..late(said(MARKER), Some(said("")))
    };
    assert_eq!(class(&zero), "runner_timeout", "exit code 0 after our signal is no success");
}

#[test]
fn a_harness_that_hung_on_the_provider_until_the_limit_is_infrastructure() {
    let network = Trouble::Infrastructure(InfrastructureClass::Network);
    let with = |terminal| Said { terminal, ..said("") };
    let stuck = with(TerminalRecord::Missing { stuck_on: Some(complaint("no route", network)) });
    assert_eq!(outage(&late(stuck.clone(), Some(stuck))), InfrastructureClass::Network);
    let failed = with(TerminalRecord::Failed(complaint("no route", network)));
    assert_eq!(outage(&late(failed.clone(), Some(failed.clone()))), InfrastructureClass::Network);
    assert_eq!(class(&late(failed, Some(said("")))), "runner_timeout", "failed by our own signal");
}

#[test]
fn what_the_runtime_ended_runs_again_whatever_was_reported() {
    let evidence = Evidence {
        exit: exit(How::Exited { code: 0 }, EndedBy::Runtime),
        before_signal: Some(said(MARKER)),
        ..well(said(MARKER))
    };
    assert_eq!(judge(&evidence, &legal()), Judgement::Interrupted { by: Interrupter::Runtime });
}

#[test]
fn denials_are_noted_and_text_from_outside_stays_one_short_line() {
    let mut evidence = well(said(MARKER));
    evidence.denials = vec!["Bash:\n\u{1b}[31m rm ".to_owned() + &"x".repeat(5_000)];
    let notes = report(&evidence).3;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("denied: Bash: [31m rm x"), "{}", &notes[0][..40]);
    assert!(notes[0].len() < 600);
}

#[test]
fn a_judgement_survives_its_record() {
    for judgement in [
        judge(&well(said(MARKER)), &legal()),
        judge(&well(said("")), &legal()),
        Judgement::Interrupted { by: Interrupter::Unknown },
        Judgement::Infrastructure {
            class: InfrastructureClass::RateLimit,
            detail: "429".to_owned(),
            retry_at: None,
        },
    ] {
        let text = toml::to_string(&judgement).unwrap();
        assert_eq!(toml::from_str::<Judgement>(&text).unwrap(), judgement, "{text}");
    }
    assert_eq!(toml::to_string(&Usage::default()).unwrap(), "", "unknown is not zero");
}
