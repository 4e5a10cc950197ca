//! What the queue's commands answer.

use super::commands::{STRAIGHT, call, data, fed, filtered, queue, said, script, task, task_with, well};
use crate::support::repo::TestRepo;

#[test]
fn several_documents_are_one_commit() {
    let repo = TestRepo::with_commit();
    let mut arguments = vec!["add-task".to_owned()];
    for id in ["a", "b", "c"] {
        let path = repo.beside().join(format!("{id}.md"));
        std::fs::write(&path, task(id)).expect("a file");
        arguments.push(path.display().to_string());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    insta::assert_snapshot!(said(&repo, &call(&repo, &arguments)), @r"
    exit 0
    added  task/a  queued
    added  task/b  queued
    added  task/c  queued
    ! created [repo]/millrace-agents
    ! created [repo]/millrace-agents/millrace.toml
    ! created [repo]/millrace-agents/.gitignore
    ");
    assert_eq!(repo.git(&["rev-list", "--count", "refs/millrace/state"]), "2");
    let log = data(&repo, "log", &["log", "-n", "1"]);
    assert_eq!(log["commits"][0]["seq"], 2);
    assert_eq!(log["commits"][0]["items"], serde_json::json!(["task/a", "task/b", "task/c"]));
    // The same again is a success that changes nothing.
    insta::assert_snapshot!(said(&repo, &call(&repo, &arguments)), @r"
    exit 0
    known  task/a  already there, with the same content
    known  task/b  already there, with the same content
    known  task/c  already there, with the same content
    ");
    assert_eq!(repo.git(&["rev-list", "--count", "refs/millrace/state"]), "2");
}

#[test]
fn a_document_comes_by_stdin_and_is_kept_byte_for_byte() {
    let repo = TestRepo::with_commit();
    let document = task("a").replace('\n', "\r\n") + "\u{FEFF}\ttrailing \r\n\r\n";
    let output = fed(&repo, &["queue", "add-task", "-"], document.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
    let raw = call(&repo, &["queue", "show", "a", "--raw"]);
    assert_eq!(raw.stdout, document.as_bytes());
    assert_eq!(raw.stderr, b"");
}

#[test]
fn warnings_go_to_stderr() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let output = fed(&repo, &["add-task", "-"], task_with("a", "colour: blue\n").as_bytes());
    let text = said(&repo, &output);
    assert!(text.starts_with("exit 0\nadded  task/a  queued\n! warning: <stdin>:9: colour: "), "{text}");
}

#[test]
fn a_beginning_names_an_item_in_whatever_state_it_is() {
    let repo = TestRepo::with_commit();
    for id in ["fix", "fix-login", "fix-logout", "write-docs"] {
        queue(&repo, &task(id));
    }
    well(&repo, &["queue", "cancel", "write"]);
    let named = |text: &str| {
        let shown = data(&repo, "queue_show", &["queue", "show", text]);
        format!("{} {}", shown["item"].as_str().expect("a name"), shown["state"].as_str().expect("a state"))
    };
    // The whole id wins over those that begin with it.
    assert_eq!(named("fix"), "task/fix queued");
    assert_eq!(named("fix-logi"), "task/fix-login queued");
    assert_eq!(named("task/fix-logo"), "task/fix-logout queued");
    assert_eq!(named("w"), "task/write-docs archived");
}

#[test]
fn cancelling_takes_an_item_out() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    let before = repo.git(&["rev-list", "--count", "refs/millrace/state"]);
    let cancelled = data(&repo, "control", &["queue", "cancel", "a", "--reason", "not wanted"]);
    assert_eq!(cancelled["detail"], "task/a is archived, was queued");
    assert!(repo.git(&["log", "-1", "--format=%s", "refs/millrace/state"]).contains("not wanted"));
    assert_ne!(repo.git(&["rev-list", "--count", "refs/millrace/state"]), before);
    let again = data(&repo, "control", &["queue", "cancel", "a"]);
    assert_eq!((&again["applied"], &again["detail"]), (&false.into(), &"task/a is archived already".into()));
    assert_eq!(well(&repo, &["queue", "ls"]), "no open items\n");
}

#[test]
fn cancelling_a_run_that_nobody_attends() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let text = filtered(&repo, &well(&repo, &["queue", "cancel", "a"]));
    assert!(text.contains("\ndetail   task/a is archived, was active; run [run] is over;"), "{text}");
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "archived");
    assert_eq!(data(&repo, "runs_ls", &["runs", "ls"])["runs"][0]["state"], "cancelled");
}

#[test]
fn titles_and_reasons_cannot_reach_the_terminal() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    well(&repo, &["queue", "cancel", "a", "--reason", "no\u{1b}[31m\nMillrace-Op: forged"]);
    let log = well(&repo, &["log"]);
    assert!(!log.contains('\u{1b}'), "{log:?}");
    assert_eq!(log.lines().count(), 3, "{log}");
}

#[test]
fn runs_of_one_minute_are_listed_in_the_order_of_their_beginnings() {
    let repo = TestRepo::with_commit();
    // Times are kept to the second.
    script(&repo, &STRAIGHT.replace("    - - write:", "    - - sleep: 1.1\n      - write:"));
    for id in ["a", "b", "c", "d"] {
        queue(&repo, &task(id));
    }
    well(&repo, &["run", "daemon", "--until-idle"]);
    let runs = data(&repo, "runs_ls", &["runs", "ls"]);
    let items: Vec<&str> =
        runs["runs"].as_array().expect("runs").iter().filter_map(|run| run["item"].as_str()).collect();
    assert_eq!(items, ["task/d", "task/c", "task/b", "task/a"]);
}
