//! Control beside a daemon that lives: it sees in the ledger what is asked, also while a stage runs, and the ledger says
//! the same as without one.

use std::time::{Duration, Instant};

use super::commands::{data, filtered, queue, script, task, task_with, well};
use super::control_queue::bring;
use super::following::Following;
use crate::support::repo::TestRepo;

/// How long something may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Each stage takes a moment.
const BRIEF: &str = "
stages:
  builder:
    - - write: {path: built.txt, content: \"built\\n\"}
      - sleep: 0.5
      - result: {terminal_result: BUILDER_COMPLETE}
  checker:
    - - sleep: 0.5
      - result: {terminal_result: CHECKER_PASS}
  updater:
    - - sleep: 0.5
      - result: {terminal_result: UPDATE_COMPLETE}
";

/// The first stage goes on until somebody ends it.
const STUCK: &str = "
stages:
  builder:
    - - write: {path: built.txt, content: \"half\\n\"}
      - sleep: 120
";

#[track_caller]
fn wait_until(mut done: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

fn launches(repo: &TestRepo) -> usize {
    repo.git(&["log", "--format=%s", "refs/millrace/state"])
        .lines()
        .filter(|line| line.starts_with("launch:"))
        .count()
}

#[test]
fn pause_holds_the_next_stage_back_and_resume_is_seen_within_a_second() {
    let repo = TestRepo::with_commit();
    script(&repo, BRIEF);
    queue(&repo, &task("a"));
    well(&repo, &["pause", "--reason", "step by step"]);
    let daemon = Following::start(&repo, &["run", "daemon"]);
    assert_eq!(daemon.line(), "waits: operator: step by step");
    let mut soonest = PATIENCE;
    for stage in 1..=3 {
        well(&repo, &["resume"]);
        // Of three times the quickest: the machine may be busy with something else.
        soonest = soonest.min(wait_until(|| launches(&repo) == stage));
        // While the stage runs: it goes on to its end, and the next one does not begin.
        well(&repo, &["pause", "--reason", "step by step"]);
        let handed = daemon.line();
        assert!(handed.starts_with("[time]  task/a  "), "{handed}");
        if stage < 3 {
            assert_eq!(daemon.line(), "waits: operator: step by step");
            assert_eq!(launches(&repo), stage);
        }
    }
    assert_eq!(daemon.interrupt().0, Some(0));
    assert!(soonest < Duration::from_secs(1), "{soonest:?}");
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "done");
}

#[test]
fn cancel_of_a_run_ends_its_stage() {
    let repo = TestRepo::with_commit();
    script(&repo, STUCK);
    queue(&repo, &task("a"));
    let daemon = Following::start(&repo, &["run", "daemon"]);
    wait_until(|| repo.path().join("built.txt").exists());
    let runs = data(&repo, "runs_ls", &["runs", "ls"]);
    let run = runs["runs"][0]["run"].as_str().expect("a run");
    let asked = data(&repo, "control", &["cancel", run]);
    assert_eq!(asked["detail"], format!("run {run} ends when its stage has stopped"));
    // It may have ended already.
    wait_until(|| data(&repo, "queue_show", &["queue", "show", "a"])["state"] == "archived");
    wait_until(|| !repo.path().join("built.txt").exists());
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[test]
fn an_idle_daemon_sees_what_is_released_and_in_which_order() {
    let repo = TestRepo::with_commit();
    script(&repo, super::commands::STRAIGHT);
    bring(&repo, "task/a", Some("a push"));
    bring(&repo, "task/b", Some("a push"));
    let daemon = Following::start(&repo, &["run", "daemon"]);
    assert_eq!(daemon.line(), "idle: waiting for work");
    well(&repo, &["set-priority", "b", "0"]);
    well(&repo, &["release", "--all"]);
    let first = daemon.line();
    assert!(first.starts_with("[time]  task/b  builder -> checker"), "{first}");
    wait_until(|| data(&repo, "queue_show", &["queue", "show", "a"])["state"] == "done");
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[test]
fn a_daemon_in_trouble_looks_again_when_something_is_asked() {
    let repo = TestRepo::with_commit();
    script(&repo, super::commands::STRAIGHT);
    queue(&repo, &task("a"));
    let approvals = repo.git_dir().join("millrace/approved-plans");
    std::fs::remove_file(&approvals).expect("removed");
    std::fs::create_dir(&approvals).expect("a folder in its place");
    let daemon = Following::start(&repo, &["run", "daemon"]);
    let trouble = daemon.line();
    assert!(trouble.starts_with("trouble, will try again: "), "{trouble}");
    let begun = Instant::now();
    well(&repo, &["pause", "--reason", "while it is mended"]);
    assert_eq!(daemon.line(), "waits: operator: while it is mended");
    // By itself it would look again after ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[test]
fn stop_is_a_wish_that_the_ledger_keeps() {
    let repo = TestRepo::with_commit();
    script(&repo, STUCK);
    queue(&repo, &task("a"));
    let daemon = Following::start(&repo, &["run", "daemon"]);
    wait_until(|| repo.path().join("built.txt").exists());
    let stop = data(&repo, "control", &["stop", "--reason", "the machine goes down", "--request-id", "s"]);
    assert_eq!(stop["applied"], true);
    let detail = stop["detail"].as_str().expect("words");
    assert!(detail.starts_with("session ") && detail.ends_with(" ends when its stage has ended"), "{detail}");
    assert!(
        repo.git(&["log", "-1", "--format=%s", stop["commit"].as_str().expect("a commit")])
            .ends_with(" (the machine goes down)")
    );
    // The stage goes on, and so does the daemon until then.
    let again = data(&repo, "control", &["control", "stop"]);
    assert_eq!((&again["applied"], &again["commit"]), (&false.into(), &serde_json::Value::Null));
    assert!(again["detail"].as_str().is_some_and(|why| why.ends_with(" is asked to end already")), "{again}");
    let now = data(&repo, "control", &["stop", "--now"]);
    assert_eq!(now["applied"], true);
    drop(daemon);
    // Nobody lives any more, and the request was answered all the same.
    let named = data(&repo, "control", &["stop", "--request-id", "s"]);
    assert_eq!(named["commit"], stop["commit"]);
}

#[test]
fn retry_active_is_asked_of_the_stage_that_is_under_way() {
    let repo = TestRepo::with_commit();
    script(&repo, STUCK);
    queue(&repo, &task("a"));
    let _daemon = Following::start(&repo, &["run", "daemon"]);
    wait_until(|| repo.path().join("built.txt").exists());
    let planning = data(&repo, "control", &["planning", "retry-active"]);
    assert_eq!((&planning["applied"], &planning["commit"]), (&false.into(), &serde_json::Value::Null));
    let asked = data(&repo, "control", &["retry-active", "--reason", "it hangs", "--request-id", "r"]);
    assert_eq!(asked["applied"], true);
    let detail = filtered(&repo, asked["detail"].as_str().expect("words"));
    assert_eq!(detail, "the stage of run [run] is ended and starts again");
    let commit = asked["commit"].as_str().expect("a commit");
    let subject = filtered(&repo, &repo.git(&["log", "-1", "--format=%s", commit]));
    assert_eq!(subject, "retry-active: the running stage of run [run] (it hangs)");
    // The stage that starts again is not ended by the same request.
    let again = data(&repo, "control", &["retry-active", "--reason", "it hangs", "--request-id", "r"]);
    assert_eq!(again["commit"], asked["commit"]);
}

/// What operators did, as the ledger keeps it, without times, numbers and random ids.
fn interventions(repo: &TestRepo) -> Vec<String> {
    let log = repo.git(&[
        "log",
        "--reverse",
        "--format=%H %(trailers:key=Millrace-Actor,valueonly,separator=)",
        "refs/millrace/state",
    ]);
    let commits =
        log.lines().filter_map(|line| line.split_once(' ').filter(|(_, actor)| *actor == "operator"));
    let varies = |line: &str| {
        ["at", "seq", "since", "taken_at", "created_at", "ledger"]
            .iter()
            .any(|key| line.trim_start().starts_with(&format!("{key} = ")))
    };
    commits
        .map(|(commit, _)| {
            let subject = repo.git(&["log", "-1", "--format=%s", commit]);
            let record = repo.git(&["show", &format!("{commit}:transition.toml")]);
            let lines: Vec<&str> = record.lines().filter(|line| !varies(line)).collect();
            format!("{subject}\n{}", lines.join("\n"))
        })
        .collect()
}

#[test]
fn with_and_without_a_daemon_the_ledger_says_the_same() {
    let played = |live: bool| {
        let repo = TestRepo::with_commit();
        well(&repo, &["init"]);
        well(&repo, &["pause", "--owner", "test"]);
        for document in [task("a"), task("b"), task("c"), task_with("d", "depends_on: [a]\n")] {
            queue(&repo, &document);
        }
        let daemon = live.then(|| {
            let daemon = Following::start(&repo, &["run", "daemon"]);
            assert_eq!(daemon.line(), "waits: operator: paused by the operator");
            daemon
        });
        for command in [
            &["pause", "--reason", "lunch"][..],
            &["set-priority", "c", "1"],
            &["retarget", "d", "--from", "a", "--to", "b"],
            &["supersede", "b", "c", "--reason", "smaller"],
            &["archive", "a"],
            &["cancel", "c", "--request-id", "r"],
            &["resume"],
        ] {
            assert_eq!(data(&repo, "control", command)["applied"], true, "{command:?}");
        }
        drop(daemon);
        interventions(&repo)
    };
    let (without, with) = (played(false), played(true));
    assert!(without.len() > 10, "{without:?}");
    assert_eq!(without, with);
}
