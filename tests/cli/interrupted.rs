//! What a user sees of a stage while it runs, when its runtime is killed, and when somebody cancels it.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::commands::{data, filtered, millrace, queue, script, task, well};
use crate::support::repo::TestRepo;

/// How long something may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first attempt of the builder takes its time; the second does not.
const SLOW: &str = "
stages:
  builder:
    - - write: {path: built.txt, content: \"half\\n\"}
      - sleep: 120
    - - write: {path: built.txt, content: \"whole\\n\"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker:
    - - result: {terminal_result: CHECKER_PASS}
  updater:
    - - result: {terminal_result: UPDATE_COMPLETE}
";

/// A builder that is done, and a checker that takes its time.
const SLOW_CHECKER: &str = "
stages:
  builder:
    - - result: {terminal_result: BUILDER_COMPLETE}
  checker:
    - - write: {path: built.txt, content: \"looked at\\n\"}
      - sleep: 120
";

/// A daemon whose builder is at work, when the file that it writes is there.
fn at_work(repo: &TestRepo) -> Child {
    started(repo, SLOW)
}

/// A daemon with this script, when the stage that writes `built.txt` has done so.
fn started(repo: &TestRepo, text: &str) -> Child {
    script(repo, text);
    queue(repo, &task("a"));
    let daemon = millrace(repo, &["run", "daemon"]).stdout(Stdio::null()).spawn().expect("a daemon");
    wait_until(|| repo.path().join("built.txt").exists());
    daemon
}

#[track_caller]
fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "it did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(daemon: &Child, signal: Signal) {
    kill_process(Pid::from_child(daemon), signal).expect("a signal");
}

#[test]
fn m02_m19_f19_a_killed_runtime_is_seen_and_the_next_one_goes_on() {
    let repo = TestRepo::with_commit();
    let mut daemon = at_work(&repo);
    let running = filtered(&repo, &well(&repo, &["status"]));
    signal(&daemon, Signal::KILL);
    daemon.wait().expect("its end");
    let left = filtered(&repo, &well(&repo, &["status"]));
    let doctor = well(&repo, &["doctor"]);
    assert!(running.contains("\ntask/a runs execution/builder (launch 1), since [time] ("), "{running}");
    assert!(!running.contains("nothing runs it"), "{running}");
    assert!(left.contains("\n!! work is queued and nothing runs it"), "{left}");
    assert!(left.contains("\ntask/a was left in execution/builder (launch 1): no runtime lives"), "{left}");
    assert!(
        left.contains("\nnext: find out what became of execution/builder of task/a, and go on\n"),
        "{left}"
    );
    assert!(doctor.contains("and no runtime lives; the next one goes on"), "{doctor}");

    let events = well(&repo, &["run", "daemon", "--until-idle"]);
    assert!(events.starts_with("settled: launch 1 of run "), "{events}");
    assert_eq!(repo.read("built.txt"), "whole\n");
    assert_eq!(data(&repo, "verify", &["verify"])["sound"], true);
    assert!(well(&repo, &["doctor"]).ends_with("\n0 errors, 0 warnings\n"));
}

#[test]
fn f03_the_stage_that_runs_is_shown_and_not_the_last_result() {
    let repo = TestRepo::with_commit();
    let mut daemon = started(&repo, SLOW_CHECKER);
    let said = filtered(&repo, &well(&repo, &["status"]));
    let status = data(&repo, "status", &["status"]);
    signal(&daemon, Signal::KILL);
    daemon.wait().expect("its end");
    assert!(said.contains("\ntask/a runs execution/checker (launch 2), since [time] ("), "{said}");
    assert!(!said.contains("BUILDER_COMPLETE"), "{said}");
    let run = &status["runs"][0];
    assert_eq!(
        (&run["stage"], &run["launch"], &run["attended"]),
        (&"execution/checker".into(), &2.into(), &true.into()),
        "{status:#}"
    );
    assert!(run["since"].is_string(), "{status:#}");
}

#[test]
fn a_run_is_reviewed_while_a_stage_works_and_after_one_was_interrupted() {
    let repo = TestRepo::with_commit();
    let mut daemon = at_work(&repo);
    let page = filtered(&repo, &well(&repo, &["review", "a"]));
    let stages = data(&repo, "review", &["review", "a"])["stages"].clone();
    let so_far = well(&repo, &["diff", "a"]);
    let of_launch = well(&repo, &["diff", "a", "builder"]);
    signal(&daemon, Signal::KILL);
    daemon.wait().expect("its end");
    assert!(page.contains("launch 1 of execution/builder is under way"), "{page}");
    assert_eq!((stages[0]["launch"].as_u64(), stages[0]["came_to"].as_str()), (Some(1), None), "{stages:#}");
    // What it has done so far is in no snapshot yet.
    assert_eq!((so_far.as_str(), of_launch.as_str()), ("", ""));

    well(&repo, &["run", "daemon", "--until-idle"]);
    let stages = data(&repo, "review", &["review", "a"])["stages"].clone();
    let came_to: Vec<&str> = (0..4).map(|n| stages[n]["came_to"].as_str().expect("a word")).collect();
    assert_eq!(came_to, ["interrupted", "BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"]);
    // The half is what the first launch left, and nothing that the second began with.
    assert!(well(&repo, &["diff", "a", "builder#1"]).contains("+half\n"));
    for counted in ["builder", "builder#2", "2"] {
        let diff = well(&repo, &["diff", "a", counted]);
        assert!(diff.contains("+whole\n") && !diff.contains("half"), "{counted}: {diff}");
    }
    assert_eq!(well(&repo, &["diff", "a"]), well(&repo, &["diff", "a", "builder"]));
}

#[test]
fn a_cancelled_run_stops_its_stage() {
    let repo = TestRepo::with_commit();
    let mut daemon = at_work(&repo);
    let said = data(&repo, "control", &["queue", "cancel", "a", "--reason", "not now"]);
    let said = filtered(&repo, said["detail"].as_str().expect("words"));
    wait_until(|| data(&repo, "queue_show", &["queue", "show", "a"])["state"] == "archived");
    wait_until(|| !repo.path().join("built.txt").exists());
    signal(&daemon, Signal::TERM);
    assert_eq!(daemon.wait().expect("its end").code(), Some(0));
    assert_eq!(said, "run [run] ends when its stage has stopped");
    assert_eq!(data(&repo, "runs_ls", &["runs", "ls"])["runs"][0]["state"], "cancelled");
    assert!(well(&repo, &["log", "-n", "1"]).contains("session: ends, signal"));
}

#[test]
fn a_second_signal_ends_the_stage_too() {
    let repo = TestRepo::with_commit();
    let mut daemon = at_work(&repo);
    signal(&daemon, Signal::TERM);
    std::thread::sleep(Duration::from_millis(500));
    let drains = daemon.try_wait().expect("a look").is_none();
    signal(&daemon, Signal::TERM);
    assert_eq!(daemon.wait().expect("its end").code(), Some(0));
    assert!(drains, "the first signal lets the stage go on");
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "active");
    let runs = data(&repo, "runs_ls", &["runs", "ls"]);
    assert_eq!(runs["runs"][0]["state"], "active");
    assert_eq!(data(&repo, "verify", &["verify"])["sound"], true);
}
