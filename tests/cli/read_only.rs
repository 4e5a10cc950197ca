//! Commands that only read write nothing: not a file, not a time of change, whatever the repository's state.

use super::commands::{STRAIGHT, call, everything, queue, said, script, task, task_with, well};
use super::following::Following;
use crate::support::repo::TestRepo;

const READING: [&[&str]; 17] = [
    &["status"],
    &["status", "--json"],
    &["queue", "ls"],
    &["queue", "ls", "--closed"],
    &["queue", "template", "task"],
    &["runs", "ls"],
    &["usage"],
    &["usage", "--json"],
    &["log", "-n", "0"],
    &["status", "show"],
    &["status", "watch", "--max-updates", "1"],
    &["completions", "zsh"],
    &["verify"],
    &["verify", "--signatures"],
    &["doctor"],
    &["--version"],
    &["--help"],
];

#[track_caller]
fn nothing_is_written(repo: &TestRepo, more: &[&[&str]]) {
    let before = everything(repo.beside());
    for command in READING.iter().chain(more) {
        let output = call(repo, command);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", said(repo, &output));
        assert!(everything(repo.beside()) == before, "{command:?} wrote something");
    }
}

#[test]
fn f12_reading_makes_nothing_where_there_is_nothing_yet() {
    nothing_is_written(&TestRepo::init(), &[]);
    nothing_is_written(&TestRepo::with_commit(), &[&["config", "show"], &["config", "validate"]]);
    nothing_is_written(&TestRepo::init_with(&["--bare"]), &[]);
}

#[test]
fn in_the_middle_of_a_run() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    queue(&repo, &task_with("b", "depends_on: [a]\n"));
    well(&repo, &["run", "once"]);
    let runs = well(&repo, &["runs", "ls"]);
    let run = runs.split_whitespace().next().expect("a run").to_owned();
    nothing_is_written(
        &repo,
        &[
            &["queue", "show", "a"],
            &["queue", "show", "b", "--raw"],
            &["runs", "show", &run],
            &["config", "show"],
            &["config", "validate"],
            &["runs", "tail", &run],
            &["runs", "tail", &run, "-f", "--launch", "1"],
            &["log", "--item", "a", "--stage", "builder"],
            &["log", "--since-seq", "3"],
            &["show", &run],
            &["show", "a"],
            &["show", "3", "--patch"],
            &["diff", &run],
            &["diff", "a", "builder", "--state"],
            &["diff", "a", "--json"],
            &["review", &run],
            &["review", "a", "--markdown"],
        ],
    );
}

#[test]
fn while_somebody_waits() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    let before = everything(repo.beside());
    let output = call(&repo, &["wait", "a", "--timeout", "0.5"]);
    assert_eq!(output.status.code(), Some(8), "{}", said(&repo, &output));
    let log = Following::start(&repo, &["log", "-f", "-n", "1"]);
    log.line();
    log.is_silent();
    assert_eq!(log.interrupt().0, Some(0));
    assert!(everything(repo.beside()) == before, "waiting wrote something");
}

#[test]
fn even_where_nothing_may_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; the other tests compare.
        return;
    }
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let git = repo.git_dir();
    let set = |mode| {
        for folder in [&git, &git.join("millrace"), &git.join("objects/pack")] {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
    };
    set(0o555);
    let outputs: Vec<_> = READING.iter().map(|command| call(&repo, command)).collect();
    set(0o755);
    for (command, output) in READING.iter().zip(outputs) {
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", said(&repo, &output));
    }
}
