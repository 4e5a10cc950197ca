//! A request that has a name is answered once: asked again it gets the first answer, and its name stands for nothing
//! else.

use super::commands::{call, data, queue, said, script, task, well};
use super::control_queue::{HOPELESS, bring};
use crate::support::repo::TestRepo;

fn told(repo: &TestRepo, arguments: &[&str]) -> String {
    said(repo, &call(repo, arguments))
}

/// The answer to a call, and to the same call again; they have to name the same commit, and the second one makes none.
#[track_caller]
fn twice(repo: &TestRepo, arguments: &[&str]) -> String {
    let first = data(repo, "control", arguments);
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    let second = data(repo, "control", arguments);
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), tip);
    for field in ["action", "applied", "commit", "request"] {
        assert_eq!(first[field], second[field], "{field} of {arguments:?}");
    }
    let (was, is) = (first["detail"].as_str().expect("words"), second["detail"].as_str().expect("words"));
    let said = is.strip_prefix("answered before, by number ").and_then(|rest| rest.split_once(": "));
    assert_eq!(said.expect("said before").1, was);
    let subject = repo.git(&["log", "-1", "--format=%s%n%(trailers:key=Millrace-Request)", &tip]);
    subject.trim_end().to_owned()
}

#[test]
fn the_same_request_is_answered_by_the_same_commit() {
    let repo = TestRepo::with_commit();
    script(&repo, HOPELESS);
    queue(&repo, &task("a"));
    insta::assert_snapshot!(twice(&repo, &["pause", "--request-id", "p-1"]), @"
    pause: operator (paused by the operator)
    Millrace-Request: p-1
    ");
    insta::assert_snapshot!(twice(&repo, &["resume", "--request-id", "p-2"]), @"
    resume: operator
    Millrace-Request: p-2
    ");
    insta::assert_snapshot!(twice(&repo, &["set-priority", "a", "0", "--request-id", "p-3"]), @"
    set-priority: a 0
    Millrace-Request: p-3
    ");
    // Also where there was nothing to do.
    insta::assert_snapshot!(twice(&repo, &["set-priority", "a", "0", "--request-id", "p-4"]), @"
    set-priority: a 0
    Millrace-Request: p-4
    ");
    assert_eq!(data(&repo, "control", &["set-priority", "a", "0", "--request-id", "p-4"])["applied"], false);
    // What is chosen from the state is not chosen again from the next one.
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(twice(&repo, &["retry", "--all-blocked", "--request-id", "p-5"]), @"
    retry: a (retried by the operator)
    Millrace-Request: p-5
    ");
    bring(&repo, "task/held", Some("a push"));
    insta::assert_snapshot!(twice(&repo, &["release", "--all", "--request-id", "p-6"]), @"
    release: held
    Millrace-Request: p-6
    ");
    insta::assert_snapshot!(twice(&repo, &["cancel", "held", "--request-id", "p-7"]), @"
    cancel: held (cancelled by the operator)
    Millrace-Request: p-7
    ");
    assert_eq!(data(&repo, "verify", &["verify"])["sound"], true);
}

#[test]
fn a_run_that_was_cancelled_by_its_name_is_still_the_same_request() {
    let repo = TestRepo::with_commit();
    script(&repo, super::commands::STRAIGHT);
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let runs = data(&repo, "runs_ls", &["runs", "ls"]);
    let run = runs["runs"][0]["run"].as_str().expect("a run");
    insta::assert_snapshot!(twice(&repo, &["cancel", run, "--request-id", "c-1"]), @"
    cancel: a (cancelled by the operator)
    Millrace-Request: c-1
    ");
}

#[test]
fn a_request_does_not_stand_for_something_else() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    well(&repo, &["set-priority", "a", "1", "--request-id", "r"]);
    insta::assert_snapshot!(told(&repo, &["set-priority", "b", "1", "--request-id", "r"]), @"
    exit 1
    ! millrace: the request r was for something else: set-priority task/a
    ");
    insta::assert_snapshot!(told(&repo, &["set-priority", "a", "2", "--request-id", "r"]), @"
    exit 1
    ! millrace: the request r was for something else: set-priority task/a
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "a", "--request-id", "r"]), @"
    exit 1
    ! millrace: the request r was for something else: set-priority task/a
    ");
    well(&repo, &["pause", "--owner", "one", "--request-id", "q"]);
    insta::assert_snapshot!(told(&repo, &["pause", "--owner", "two", "--request-id", "q"]), @"
    exit 1
    ! millrace: the request q was for something else: pause
    ");
    assert_eq!(data(&repo, "status", &["status"])["pauses"].as_array().map(Vec::len), Some(1));
}
