//! A scripted task all the way: add-task, run, and everything that tells of it afterwards.

use super::commands::{STRAIGHT, call, data, filtered, queue, said, script, task, well};
use crate::support::repo::TestRepo;

#[test]
fn a_task_goes_to_its_end() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    insta::assert_snapshot!(filtered(&repo, &queue(&repo, &task("a"))), @"added  task/a  queued");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["run", "once"])), @r"
    exit 0
    run_mode  once
    plan      plan-standard_plain-[id]
    mode      standard_plain
    outcome   stage
    run       [run]
    handoff   task/a  builder -> checker (BUILDER_COMPLETE)
    why       builder:BUILDER_COMPLETE
    ");
    let status = filtered(&repo, &well(&repo, &["status"]));
    assert!(
        status.contains("\n!! work is queued and nothing runs it: start `millrace run daemon`\n"),
        "{status}"
    );
    assert!(status.contains("\ntask/a is routed to execution/checker, since [time]"), "{status}");
    assert!(status.contains("\nnext: start execution/checker for task/a\n"), "{status}");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["run", "daemon", "--until-idle"])), @r"
    exit 0
    [time]  task/a  checker -> updater (CHECKER_PASS)
    [time]  task/a  updater -> done (UPDATE_COMPLETE)
    ended: idle, 2 stages, plan-standard_plain-[id]
    ");
    assert_eq!(repo.read("built.txt"), "built\n");
    let status = data(&repo, "status", &["status"]);
    assert_eq!(status["unattended"], false);
    assert_eq!(status["counts"][0]["done"], 1);
    insta::assert_snapshot!(filtered(&repo, &well(&repo, &["runs", "ls"])), @"[run]  done  task/a  execution/updater  3 launches  [time]  updater:UPDATE_COMPLETE");
    let verified = data(&repo, "verify", &["verify"]);
    assert_eq!(verified["sound"], true);
    let commits: u64 = repo.git(&["rev-list", "--count", "refs/millrace/state"]).parse().expect("a number");
    assert_eq!(verified["commits"], commits);
    let log = data(&repo, "log", &["log", "-n", "0"]);
    assert_eq!(log["commits"].as_array().expect("commits").len() as u64, commits);
    let subjects: Vec<&str> = log["commits"]
        .as_array()
        .expect("commits")
        .iter()
        .filter_map(|one| one["subject"].as_str())
        .collect();
    assert_eq!(subjects.join("\n"), repo.git(&["log", "--format=%s", "refs/millrace/state"]));
}

#[test]
fn a_run_is_shown_with_its_launches() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let runs = data(&repo, "runs_ls", &["runs", "ls"]);
    let run = runs["runs"][0]["run"].as_str().expect("a run").to_owned();
    // A beginning that no other run has is enough.
    let shown = data(&repo, "runs_show", &["runs", "show", &run[..9]]);
    assert_eq!(shown["run"], run.as_str());
    assert_eq!(shown["end"]["ending"], "done");
    assert_eq!(shown["tokens"], serde_json::Value::Null);
    let launches = shown["launches"].as_array().expect("launches");
    let names: Vec<&str> = launches.iter().filter_map(|launch| launch["name"].as_str()).collect();
    assert_eq!(names, ["01-builder", "02-checker", "03-updater"]);
    let evidence = launches[0]["evidence"].as_array().expect("evidence");
    assert!(evidence.iter().any(|name| name == "prompt.md"), "{evidence:?}");
    // Every name can be looked at with git alone.
    for launch in launches {
        for file in launch["evidence"].as_array().expect("evidence") {
            let folder = shown["evidence_folder"].as_str().expect("a folder");
            let name = launch["name"].as_str().expect("a name");
            let path = format!("refs/millrace/state:{folder}/{name}/{}", file.as_str().expect("a name"));
            assert!(!repo.git(&["cat-file", "-t", &path]).is_empty());
        }
    }
    let text = filtered(&repo, &well(&repo, &["runs", "show", &run]));
    assert!(text.contains("\n01-builder\n  started   [time], took "), "{text}");
    assert!(text.contains("\n  result    BUILDER_COMPLETE: Built it.\n"), "{text}");
}

#[test]
fn max_ticks_bounds_a_daemon_and_json_is_an_envelope_to_a_line() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    let text = well(&repo, &["run", "daemon", "--max-ticks", "2", "--json"]);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["run_daemon_event", "run_daemon_event", "run_daemon"]);
    assert_eq!(lines[0]["data"]["event"], "stage");
    assert_eq!(lines[0]["data"]["next"], "execution/checker");
    assert_eq!(lines[2]["data"]["reason"], "max_ticks");
    assert_eq!(lines[2]["data"]["stages"], 2);
}

#[test]
fn a_merge_in_progress_is_a_named_wait() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    std::fs::write(repo.git_dir().join("MERGE_HEAD"), repo.git(&["rev-parse", "HEAD"])).expect("a file");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["run", "once"])), @r"
    exit 0
    run_mode  once
    plan      plan-standard_plain-[id]
    mode      standard_plain
    outcome   waits
    waits     repository_busy: a merge is in progress in this work tree; finish or abort it
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["run", "daemon", "--until-idle"])), @r"
    exit 0
    ended: waiting, 0 stages, plan-standard_plain-[id]
    waits: repository_busy: a merge is in progress in this work tree; finish or abort it
    ");
    let status = data(&repo, "status", &["status"]);
    assert_eq!(status["next"]["action"], "wait");
    assert_eq!(status["next"]["item"], "task/a");
    let doctor = well(&repo, &["doctor"]);
    assert!(doctor.contains("a merge is in progress; no stage starts meanwhile"), "{doctor}");
}

#[test]
fn a_bare_repository_takes_work_and_does_not_run_it() {
    let repo = TestRepo::init_with(&["--bare"]);
    queue(&repo, &task("a"));
    let listed = well(&repo, &["queue", "ls"]);
    assert!(listed.starts_with("queued  task/a  p5  "), "{listed}");
    assert!(
        listed.ends_with(
            "  The task a  next; dispatch rests: no_plan: no plan is selected; no runtime lives\n"
        )
    );
    let output = call(&repo, &["run", "once"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&repo, &output));
    assert!(!repo.path().join("millrace-agents").exists());
}
