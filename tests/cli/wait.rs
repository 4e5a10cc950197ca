//! Waiting for an item's end.

use super::commands::{STRAIGHT, call, data, millrace, queue, said, script, task, task_with, well};
use super::following::Following;
use crate::support::repo::TestRepo;

const BLOCKED: &str = "
stages:
  builder:
    - - result: {terminal_result: BLOCKED, summary: No.}
  troubleshooter:
    - - result: {terminal_result: BLOCKED, summary: No.}
  consultant:
    - - result: {terminal_result: BLOCKED, summary: Never.}
";

const UNATTENDED: &str = "! no runtime lives here: nothing happens until `millrace run daemon` is started";

#[test]
fn an_item_that_ended_is_told_at_once() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a"])), @r"
    exit 0
    item     task/a
    outcome  done
    state    done
    reason   updater:UPDATE_COMPLETE
    run      [run]
    ");
    queue(&repo, &task("unwanted"));
    well(&repo, &["queue", "cancel", "unwanted", "--reason", "not now"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "unw"])), @r"
    exit 7
    item     task/unwanted
    outcome  cancelled
    state    archived
    reason   not now
    ");
}

#[test]
fn a_blocked_item_is_an_end_with_its_reason() {
    let repo = TestRepo::with_commit();
    script(&repo, BLOCKED);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "task/a"])), @r"
    exit 7
    item     task/a
    outcome  blocked
    state    blocked
    reason   consultant:BLOCKED (builder_blocked) at builder
    run      [run]
    ");
    let output = call(&repo, &["wait", "task/a", "--json"]);
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(envelope["kind"], "wait");
    assert_eq!(envelope["data"]["outcome"], "blocked");
    // Cancelled after that, the run is no longer what it ended with.
    well(&repo, &["queue", "cancel", "a"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "task/a"])), @r"
    exit 7
    item     task/a
    outcome  cancelled
    state    archived
    reason   cancelled by the operator
    ");
}

#[test]
fn a_run_that_was_cancelled_is_named() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    well(&repo, &["queue", "cancel", "a", "--reason", "changed my mind"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a"])), @r"
    exit 7
    item     task/a
    outcome  cancelled
    state    archived
    reason   changed my mind
    run      [run]
    ");
}

#[test]
fn it_ends_when_the_item_does_and_says_what_kept_it() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    queue(&repo, &task_with("b", "depends_on: [a]\n"));
    let wait = Following::start(&repo, &["wait", "b"]);
    assert_eq!([wait.complaint(), wait.complaint()], ["! task/b waits for a (queued)", UNATTENDED]);
    wait.is_silent();
    well(&repo, &["run", "daemon", "--until-idle"]);
    let (code, lines) = wait.ended();
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(lines.contains(&"outcome  done".to_owned()), "{lines:?}");
    assert!(!lines.contains(&UNATTENDED.to_owned()), "said once: {lines:?}");
}

#[test]
fn a_runtime_that_rests_is_told_of() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    std::fs::write(repo.git_dir().join("MERGE_HEAD"), repo.git(&["rev-parse", "HEAD"])).expect("a file");
    let daemon = Following::start(&repo, &["run", "daemon"]);
    daemon.line();
    let wait = Following::start(&repo, &["wait", "a"]);
    assert_eq!(
        wait.complaint(),
        "! the runtime waits: repository_busy: a merge is in progress in this work tree; finish or abort it"
    );
    std::fs::remove_file(repo.git_dir().join("MERGE_HEAD")).expect("it was there");
    assert_eq!(wait.ended().0, Some(0));
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[test]
fn the_time_may_be_up_first() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a", "--timeout", "0"])), @r"
    exit 8
    item     task/a
    outcome  the time is up
    state    queued
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a", "--timeout", "0.5s"])), @r"
    exit 8
    item     task/a
    outcome  the time is up
    state    queued
    ! no runtime lives here: nothing happens until `millrace run daemon` is started
    ");
    let output = millrace(&repo, &["wait", "a", "--timeout", "0", "--json"]).output().expect("it runs");
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(envelope["data"]["outcome"], "time_up");
    assert_eq!(envelope["data"]["state"], "queued");
}

#[test]
fn what_cannot_be_waited_for() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a"])), @r"
    exit 1
    ! millrace: there is no ledger yet, and so no item to wait for
    ! hint: `millrace queue add-task` brings work in
    ");
    queue(&repo, &task("a"));
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "b"])), @r"
    exit 1
    ! millrace: there is no item b
    ! hint: `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a", "--timeout", "5x"])), @r"
    exit 2
    ! millrace: invalid value '5x' for '--timeout <DURATION>': expected seconds, such as `90`, or `30s`, `10m`, `2h`
    ! hint: `millrace wait --help` shows what there is
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["wait", "a", "--timeout", "9000h"])), @r"
    exit 2
    ! millrace: invalid value '9000h' for '--timeout <DURATION>': that is more than a year
    ! hint: `millrace wait --help` shows what there is
    ");
}

#[test]
fn an_item_that_a_repair_took_away_ends_the_wait() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    queue(&repo, &task("a"));
    let wait = Following::start(&repo, &["wait", "a"]);
    assert_eq!(wait.complaint(), UNATTENDED);
    let before = repo.git(&["rev-parse", "refs/millrace/state~1"]);
    repo.git(&["update-ref", "refs/millrace/state", &before]);
    assert_eq!(
        wait.ended(),
        (
            Some(1),
            vec![
                "! millrace: task/a is not there any more: the ledger was set back".to_owned(),
                "! hint: `millrace queue ls` shows what is open".to_owned(),
            ]
        )
    );
}

#[test]
fn a_signal_ends_it_as_it_ends_any_program() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    let wait = Following::start(&repo, &["wait", "a"]);
    assert_eq!(wait.complaint(), UNATTENDED);
    assert_eq!(wait.interrupt(), (None, Vec::new()));
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "queued");
}
