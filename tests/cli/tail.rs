//! What a run's launches have to say, while they run and when they have ended.

use super::commands::{call, data, millrace, queue, said, script, task, well};
use super::following::Following;
use crate::support::repo::TestRepo;

/// Each stage says something and goes on when the test says so: a file that it waits for, for a minute at most.
const STEPWISE: &str = r#"
stages:
  builder:
    - - say: "building\tone"
      - say: "\e[31mred\x9b2J and \u202eback"
      - say: "the key is swordfish-99"
      - run: {argv: [sh, -c, "for i in $(seq 1200); do test -e go-on && exit; sleep 0.05; done"]}
      - say: built
      - write: {path: built.txt, content: "built\n"}
      - result: {terminal_result: BUILDER_COMPLETE, summary: Built it.}
  checker:
    - - say: checking
      - run: {argv: [sh, -c, "for i in $(seq 1200); do test -e go-further && exit; sleep 0.05; done"]}
      - say: checked
      - result: {terminal_result: CHECKER_PASS}
  updater:
    - - result: {terminal_result: UPDATE_COMPLETE}
"#;

/// A daemon whose harness was given a secret, with its builder at work; and the run.
fn at_work(repo: &TestRepo) -> (Following<'_>, String) {
    script(repo, STEPWISE);
    let config = repo.read("millrace-agents/millrace.toml") + "env_pass = [\"DEPLOY_TOKEN\"]\n";
    repo.write("millrace-agents/millrace.toml", config);
    well(repo, &["compile", "validate"]);
    queue(repo, &task("a"));
    let mut daemon = millrace(repo, &["run", "daemon", "--until-idle"]);
    let daemon = Following::spawn(repo, daemon.env("DEPLOY_TOKEN", "swordfish-99"));
    let runs = || data(repo, "runs_ls", &["runs", "ls"])["runs"][0]["run"].as_str().map(str::to_owned);
    wait_until(|| runs().is_some());
    (daemon, runs().expect("a run"))
}

/// A run that went to its end, with what its stages leave.
fn ended(stages: &str) -> (TestRepo, String) {
    let repo = TestRepo::with_commit();
    script(&repo, stages);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let run = data(&repo, "runs_ls", &["runs", "ls"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    (repo, run)
}

#[track_caller]
fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed().as_secs() < 60, "it did not happen");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// What is safe to show of the builder's first words.
const FIRST: [&str; 3] = [
    "building\tone",
    "\\u{1b}[31mred\\u{9b}2J and \\u{202e}back",
    "the key is [redacted: the value of DEPLOY_TOKEN]",
];

#[test]
fn a_run_is_followed_from_stage_to_stage_to_its_end() {
    let repo = TestRepo::with_commit();
    let (daemon, run) = at_work(&repo);
    let tail = Following::start(&repo, &["runs", "tail", &run, "-f"]);
    let json = Following::start(&repo, &["runs", "tail", &run[..12], "-f", "--json", "--launch", "1"]);
    assert_eq!(tail.complaint(), "! ==> 01-builder stdout");
    assert_eq!(tail.lines(3), FIRST);
    tail.is_silent();
    assert_eq!(json.complaint(), "! ==> 01-builder stdout");
    json.raw();
    let line = json.raw();
    assert!(!line.chars().any(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
    let envelope: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(envelope["kind"], "runs_tail_line");
    assert_eq!(envelope["data"]["text"], "\u{1b}[31mred\u{9b}2J and \u{202e}back");
    assert_eq!(envelope["data"]["launch"], "01-builder");
    assert!(json.raw().contains("[redacted: the value of DEPLOY_TOKEN]"));

    repo.write("go-on", "");
    assert_eq!(tail.line(), "built");
    assert_eq!(
        (tail.complaint(), tail.line()),
        ("! ==> 02-checker stdout".to_owned(), "checking".to_owned())
    );
    // One launch was asked for, and it has ended.
    let (code, lines) = json.ended();
    assert_eq!((code, lines.len()), (Some(0), 1), "{lines:?}");
    repo.write("go-further", "");
    assert_eq!(tail.line(), "checked");
    let (code, lines) = tail.ended();
    assert_eq!(code, Some(0));
    assert_eq!(lines.last().expect("a line"), "! run [run] ended done: updater:UPDATE_COMPLETE", "{lines:?}");
    assert_eq!(daemon.ended().0, Some(0));
    // The record has it as it was shown.
    let kept = said(&repo, &call(&repo, &["runs", "tail", &run, "--launch", "1", "-n", "4"]));
    assert_eq!(kept, format!("exit 0\n{}\nbuilt\n", FIRST.join("\n")));
}

#[test]
fn a_stage_under_way_is_looked_at_once() {
    let repo = TestRepo::with_commit();
    let (daemon, run) = at_work(&repo);
    let look = |more: &[&str]| said(&repo, &call(&repo, &[&["runs", "tail", &run], more].concat()));
    wait_until(|| look(&[]).contains("the key is"));
    assert_eq!(look(&[]), format!("exit 0\n{}\n", FIRST.join("\n")));
    assert_eq!(
        look(&["-n", "1"]),
        format!("exit 0\n{}\n! stdout: 2 earlier lines are left out (-n 0 shows all)\n", FIRST[2])
    );
    insta::assert_snapshot!(look(&["--stream", "stderr"]), @r"
    exit 0
    ! 01-builder is under way and has printed nothing yet
    ");
    insta::assert_snapshot!(look(&["--stream", "report"]), @r"
    exit 1
    ! millrace: 01-builder of run [run] is under way: what it reports is kept when it has ended
    ! hint: `--stream stdout` shows what it prints meanwhile
    ");
    let shown = data(&repo, "runs_tail", &["runs", "tail", &run]);
    assert_eq!(shown["under_way"], true);
    assert_eq!(shown["launch"], "01-builder");
    assert_eq!(shown["parts"][0]["name"], "stdout");
    // What it reports is shown when it has ended, and an INT ends the waiting for it.
    let report = Following::start(&repo, &["runs", "tail", &run, "-f", "--stream", "final"]);
    report.is_silent();
    repo.write("go-on", "");
    assert_eq!(report.complaint(), "! of 01-builder of run [run] the ledger keeps no final message");
    assert_eq!(report.interrupt(), (Some(0), Vec::new()));
    repo.write("go-further", "");
    assert_eq!(daemon.ended().0, Some(0));
}

#[test]
fn a_runtime_that_dies_is_told_of() {
    let repo = TestRepo::with_commit();
    let (daemon, run) = at_work(&repo);
    let tail = Following::start(&repo, &["runs", "tail", &run, "-f"]);
    tail.complaint();
    tail.lines(3);
    drop(daemon);
    assert_eq!(
        tail.complaint(),
        "! no runtime lives here: nothing happens until `millrace run daemon` is started"
    );
    tail.is_silent();
    assert_eq!(tail.interrupt(), (Some(0), Vec::new()));
}

const REPORTING: &str = r#"
stages:
  builder:
    - - say: building
      - run: {argv: [sh, -c, "cd millrace-agents/runs/*/01-builder && echo first > a.md && echo 'the \x1b[1msummary' > builder_summary.md"]}
      - result: {terminal_result: BUILDER_COMPLETE, artifacts: [builder_summary.md]}
  checker:
    - - say: checking
      - say: checked
      - result: {terminal_result: CHECKER_PASS}
  updater:
    - - result: {terminal_result: UPDATE_COMPLETE}
"#;

#[test]
fn of_an_ended_launch_the_best_that_is_kept_is_shown() {
    let (repo, run) = ended(REPORTING);
    let look = |more: &[&str]| said(&repo, &call(&repo, &[&["runs", "tail", &run], more].concat()));
    insta::assert_snapshot!(look(&["--launch", "1"]), @r"
    exit 0
    ==> builder_summary.md <==
    the \u{1b}[1msummary

    ==> a.md <==
    first
    ");
    insta::assert_snapshot!(look(&["--launch", "1", "--stream", "stdout"]), @r"
    exit 0
    building
    ");
    insta::assert_snapshot!(look(&["--launch", "2"]), @r"
    exit 0
    checking
    checked
    ");
    insta::assert_snapshot!(look(&["--launch", "2", "-n", "1"]), @r"
    exit 0
    checked
    ! stdout.tail: 1 earlier lines are left out (-n 0 shows all)
    ");
    insta::assert_snapshot!(look(&["--launch", "2", "--stream", "report"]), @r"
    exit 1
    ! millrace: of 02-checker of run [run] the ledger keeps no report
    ! hint: `millrace runs show [run]` lists what it keeps
    ");
    let last = look(&[]);
    assert!(
        last.starts_with("exit 0\nstage = \"execution/updater\"\n") && last.contains("UPDATE_COMPLETE"),
        "{last}"
    );
    let shown = data(&repo, "runs_tail", &["runs", "tail", &run, "--launch", "1"]);
    let names: Vec<&str> =
        shown["parts"].as_array().expect("parts").iter().filter_map(|part| part["name"].as_str()).collect();
    assert_eq!(names, ["builder_summary.md", "a.md"]);
    assert_eq!(shown["under_way"], false);
    // Following what has ended shows it, and ends.
    insta::assert_snapshot!(look(&["-f", "--launch", "2"]), @r"
    exit 0
    checking
    checked
    ! ==> 02-checker stdout.tail
    ! run [run] ended done: updater:UPDATE_COMPLETE
    ");
}

#[test]
fn what_cannot_be_shown() {
    let (repo, run) = ended(REPORTING);
    let look = |arguments: &[&str]| said(&repo, &call(&repo, arguments));
    insta::assert_snapshot!(look(&["runs", "tail", &run, "--launch", "9"]), @r"
    exit 1
    ! millrace: run [run] has no launch 9
    ! hint: `millrace runs show [run]` lists its launches
    ");
    insta::assert_snapshot!(look(&["runs", "tail", "../../etc"]), @"
    exit 2
    ! millrace: `..` is not a kind of work item: expected `task`, `spec` or `incident`
    ");
    insta::assert_snapshot!(look(&["runs", "tail", "1999"]), @"
    exit 1
    ! millrace: there is no run and no item 1999
    ! hint: `millrace queue ls` shows what is open, `millrace runs ls` the runs
    ");
    insta::assert_snapshot!(look(&["runs", "tail", &run, "--stream", "stdot"]), @r"
    exit 2
    ! millrace: invalid value 'stdot' for '--stream <STREAM>' [possible values: stdout, stderr, final, report]
    ! hint: a similar value exists: 'stdout'
    ");
}

#[test]
fn a_run_that_a_repair_took_away_ends_it() {
    let repo = TestRepo::with_commit();
    let before = {
        well(&repo, &["init"]);
        repo.git(&["rev-parse", "refs/millrace/state"])
    };
    let (daemon, run) = at_work(&repo);
    let tail = Following::start(&repo, &["runs", "tail", &run, "-f"]);
    tail.complaint();
    tail.lines(3);
    repo.git(&["update-ref", "refs/millrace/state", &before]);
    assert_eq!(
        tail.ended(),
        (
            Some(1),
            vec![
                "! millrace: run [run] is not there any more: the ledger was set back".to_owned(),
                "! hint: `millrace runs ls` shows the runs".to_owned(),
            ]
        )
    );
    drop(daemon);
}
