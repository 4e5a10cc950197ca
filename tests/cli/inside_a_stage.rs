//! Inside a stage nothing that governs it can be changed, and everything can be read.

use super::commands::{STRAIGHT, data, everything, millrace, queue, said, script, task, well};
use crate::support::repo::TestRepo;

const CHANGING: [&[&str]; 43] = [
    &["init"],
    &["init", "--mode", "standard_plain"],
    &["run", "once", "--mode", "standard_plain"],
    &["compile", "validate", "--config", "README.md"],
    &["queue", "add-task", "README.md"],
    &["add-task", "README.md"],
    &["queue", "cancel", "a"],
    &["run", "once"],
    &["run", "daemon", "--until-idle"],
    &["compile", "validate"],
    &["demo"],
    &["doctor", "--repair"],
    &["doctor", "--accept", "none"],
    &["pause"],
    &["control", "pause", "--owner", "me"],
    &["resume"],
    &["control", "resume", "--cause", "harness:scripted"],
    &["stop"],
    &["cancel", "a"],
    &["cancel", "--lineage", "a"],
    &["archive", "a"],
    &["retry", "--all-blocked"],
    &["retry-active"],
    &["planning", "retry-active"],
    &["supersede", "a", "b"],
    &["retarget", "a", "--from", "b", "--drop"],
    &["set-priority", "a", "0"],
    &["release", "--all"],
    &["clear-stale-state"],
    &["config", "reload"],
    &["restore", "a", "--to", "start"],
    &["restore", "--backup", "x", "--dry-run"],
    &["recover"],
    &["recover", "--code", "--dry-run"],
    &["share", "origin", "--dry-run"],
    &["fetch", "origin", "--no-adopt"],
    &["run-branch", "publish", "2026", "x"],
    &["hooks", "install"],
    &["hooks", "install", "reference-transaction", "--shared"],
    &["hooks", "uninstall"],
    &["hooks", "catch-up", "--dry-run"],
    &["uninstall"],
    &["uninstall", "--yes", "--even-active"],
];

const READING: [&[&str]; 15] = [
    &["status"],
    // Without items: their ages would differ between two calls.
    &["queue", "ls", "--state", "blocked"],
    &["queue", "ls", "--closed"],
    &["queue", "template", "task"],
    &["config", "show"],
    &["config", "validate"],
    &["queue", "show", "a"],
    &["queue", "show", "a", "--raw"],
    &["runs", "ls"],
    &["log"],
    &["log", "--item", "a"],
    &["status", "show"],
    &["verify"],
    &["verify", "--since", "1", "--signatures"],
    &["doctor"],
];

#[test]
fn changing_refuses_and_names_the_outbox() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    let before = everything(repo.path());
    for command in CHANGING {
        let output = millrace(&repo, command)
            .env("MILLRACE_INVOCATION", "0123456789abcdef0123456789abcdef")
            .env("MILLRACE_OUTBOX", "/somewhere/outbox")
            .output()
            .expect("millrace runs");
        let expected = "exit 1\n! millrace: a stage cannot change what governs it (MILLRACE_INVOCATION is set)\n\
                        ! hint: write a document into the outbox instead: /somewhere/outbox\n";
        assert_eq!(said(&repo, &output), expected, "{command:?}");
    }
    assert_eq!(everything(repo.path()), before);
}

#[test]
fn reading_works() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    for command in READING {
        let output = millrace(&repo, command).env("MILLRACE_INVOCATION", "").output().expect("millrace runs");
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", said(&repo, &output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), well(&repo, command), "{command:?}");
    }
    assert_eq!(data(&repo, "status", &["status"])["unattended"], true);
}

/// What a reviewer reads of a run, of the hooks and of a remote: a stage may read it as well.
#[test]
fn reading_of_runs_works() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    for _ in 0..3 {
        well(&repo, &["run", "once"]);
    }
    let run = data(&repo, "runs_ls", &["runs", "ls"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    let bundle = repo.beside().join("run.bundle");
    let bundle = bundle.to_str().expect("UTF-8");
    well(&repo, &["export", &run, "--output", bundle]);
    repo.git(&["update-ref", "refs/millrace/remotes/origin/state", "refs/millrace/state"]);
    let before = everything(repo.path());
    for command in [
        &["show", &run][..],
        &["diff", &run],
        &["review", &run],
        &["verify", "--bundle", bundle],
        &["hooks", "status"],
        &["log", "--remote", "origin"],
    ] {
        let output = millrace(&repo, command).env("MILLRACE_INVOCATION", "").output().expect("millrace runs");
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", said(&repo, &output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), well(&repo, command), "{command:?}");
    }
    assert_eq!(everything(repo.path()), before);
}
