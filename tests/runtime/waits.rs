//! Why work does not start: what stands against it is named, nothing is lost, and it goes on when that is gone.

use rustix::process::Signal;
use serde_json::Value;

use super::site::{STRAIGHT, Site, task, text, wait_until};
use crate::support::repo::TestRepo;

/// Asks for one stage and expects that it waits, for this cause; the words.
#[track_caller]
fn waits(site: &Site, cause: &str) -> String {
    let answer = site.json(&["run", "once"]);
    assert_eq!(answer["outcome"], "waits", "{answer:#}");
    assert_eq!(answer["cause"], cause, "{answer:#}");
    let before = site.subjects().len();
    assert_eq!(site.run(&["run", "once"]).status.code(), Some(0));
    let daemon = site.json(&["run", "daemon", "--until-idle"]);
    assert_eq!(daemon["reason"], "waiting", "{daemon:#}");
    let status = site.json(&["status"]);
    assert_eq!(status["next"]["action"], "wait", "{status:#}");
    assert!(status["next"]["detail"].as_str().is_some_and(|said| said.starts_with(cause)), "{status:#}");
    // Waiting writes nothing, but for the daemon's life.
    assert_eq!(site.subjects().len(), before);
    answer["detail"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn goes_on(site: &Site) {
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn m03_a_harness_that_is_missing_costs_no_item() {
    let site = Site::commanded("", "");
    site.configure(
        "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"no-such-program-here\"]\n",
    );
    for id in ["one", "two", "three"] {
        site.add(id);
    }
    let output = site.run(&["run", "once", "--json"]);
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stdout));
    let detail = waits(&site, "harness:command");
    assert!(detail.contains("missing_program") && detail.contains("no-such-program-here"), "{detail}");
    assert_eq!(["one", "two", "three"].map(|id| site.state_of(id)), ["active", "queued", "queued"]);
    let run = site.show(&site.path("active/", ".toml"));
    assert!(run.contains("spent = 0"), "{run}");
    let status = site.json(&["status"]);
    let pause = &status["pauses"][0];
    assert_eq!(
        (&pause["cause"], &pause["owner"]),
        (&Value::from("harness:command"), &Value::from("runtime"))
    );
    assert!(pause["until"].is_string(), "{status:#}");
    assert_eq!(status["next"]["until"], pause["until"]);
    assert!(site.ok(&["status"]).contains("until "), "the time is said");
    site.sound();
}

#[test]
fn m03_exit_codes_that_are_declared_infrastructure_rest_the_runner() {
    let site = Site::commanded("infra_exits = [75]\n", "echo half > half.txt\necho no quota >&2\nexit 75\n");
    site.add("one");
    assert_eq!(site.run(&["run", "once"]).status.code(), Some(6));
    assert_eq!(site.story()[1], "interrupt: one builder runs again (infrastructure:declared)");
    // What the stage began goes back, also while the runner rests.
    site.json(&["run", "once"]);
    assert!(!site.repo.path().join("half.txt").exists());
    let branch = site.run_branch();
    assert_eq!(site.snapshots(&branch), ["start: one", "builder: interrupted by an outage"]);
    assert_eq!(site.repo.git(&["show", &format!("{branch}:half.txt")]), "half");
    let detail = waits(&site, "harness:command");
    assert!(detail.contains("exit code 75"), "{detail}");
    assert_eq!(site.state_of("one"), "active");
    site.sound();
}

/// A task is one stage, so that fifty of them are soon done.
const ONE_STAGE: &str = "loop_id: execution.standard\nplane: execution\nentry:\n  task: builder\nstages:\n  - builder\n\
    edges:\n  - from: builder\n    on: BUILDER_COMPLETE\n    end: done\n  - from: builder\n    on: BLOCKED\n    end: blocked\n";

/// The whole program, fifty tasks, and a harness without a login: not one task is lost to it.
#[test]
fn m03_fifty_tasks_outlast_a_harness_without_a_login() {
    let site = Site::commanded(
        "infra_exits = [75]\n",
        "[ -e @/login ] || { echo not logged in >&2; exit 75; }\necho '### BUILDER_COMPLETE'\n",
    );
    site.repo.write("millrace-agents/loops/execution.standard.yaml", ONE_STAGE);
    site.ok(&["compile", "validate"]);
    let mut adding = vec!["queue".to_owned(), "add-task".to_owned()];
    for n in 1..=50 {
        let path = site.repo.beside().join(format!("t{n}.md"));
        std::fs::write(&path, task(&format!("t{n}"))).expect("a document");
        adding.push(path.display().to_string());
    }
    site.ok(&adding.iter().map(String::as_str).collect::<Vec<_>>());
    let of_tasks = |word: &str| site.json(&["status"])["counts"][0][word].as_u64();

    // However often a daemon looks, it tries once, and then it rests.
    let launches = || site.lines("launch: ").len();
    for _ in 0..3 {
        let ended = site.work();
        assert_eq!(
            (&ended["reason"], &ended["waits"]["cause"]),
            (&"waiting".into(), &"harness:command".into())
        );
        assert_eq!(launches(), 1);
    }
    assert_eq!(["queued", "active", "blocked", "done"].map(of_tasks), [49, 1, 0, 0].map(Some));
    let pause = &site.json(&["status"])["pauses"][0];
    assert!(pause["left_seconds"].as_i64().is_some_and(|left| left > 200), "{pause:#}");
    assert!(pause["detail"].as_str().is_some_and(|said| said.contains("exit code 75")), "{pause:#}");
    let page = site.ok(&["status"]);
    assert!(page.contains("dispatch rests: harness:command: ") && page.contains(" left)"), "{page}");

    // The login is there. That the rest ends by itself takes minutes, and is shown on a clock of its own
    // (`domain::fifty`); here somebody brings the next attempt forward, and that is all that is done.
    site.give("login");
    site.ok(&["resume", "--cause", "harness:command"]);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(["queued", "active", "blocked", "done"].map(of_tasks), [0, 0, 0, 50].map(Some));
    assert_eq!((launches(), &site.json(&["status"])["pauses"]), (51, &serde_json::json!([])));
    site.sound();
}

#[test]
fn a_branch_that_was_switched_is_waited_for_until_it_is_back() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    site.repo.git(&["switch", "--quiet", "-c", "other"]);
    let detail = waits(&site, "branch_switched");
    assert!(detail.contains("began on main") && detail.contains("is on other"), "{detail}");
    site.repo.git(&["switch", "--quiet", "--detach"]);
    assert!(waits(&site, "branch_switched").contains("a detached HEAD"));
    site.repo.git(&["switch", "--quiet", "main"]);
    goes_on(&site);
}

#[test]
fn a_commit_of_the_users_during_a_run_is_noted_and_stops_nothing() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    site.repo.git(&["add", "made.txt"]);
    site.repo.git(&["commit", "--quiet", "-m", "taken over"]);
    goes_on(&site);
    let findings = site.result("02-checker")["findings"].to_string();
    assert!(findings.contains("HEAD moved from "), "{findings}");
}

/// A repository in the middle of a merge with a conflict in `conflict.txt`.
fn merge(site: &Site) {
    let commit = |content: &str| {
        site.repo.write("conflict.txt", content);
        site.repo.git(&["add", "conflict.txt"]);
        site.repo.git(&["commit", "--quiet", "-m", content]);
    };
    site.repo.git(&["switch", "--quiet", "-c", "theirs"]);
    commit("theirs");
    site.repo.git(&["switch", "--quiet", "main"]);
    commit("ours");
    assert!(!site.repo.git_output(&["merge", "theirs"]).status.success());
}

#[test]
fn nothing_starts_during_a_merge() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    merge(&site);
    let detail = waits(&site, "repository_busy");
    assert!(detail.contains("merge"), "{detail}");
    assert!(site.runs().is_empty());
    site.repo.git(&["merge", "--abort"]);
    goes_on(&site);
}

#[test]
fn the_work_tree_does_not_go_back_during_a_merge() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    site.ok(&["queue", "cancel", "one"]);
    merge(&site);
    let detail = waits(&site, "repository_busy");
    assert!(detail.contains("merge"), "{detail}");
    assert_eq!(site.repo.read("made.txt"), "made\n");
    site.repo.git(&["merge", "--abort"]);
    assert_eq!(site.work()["reason"], "idle");
    assert!(!site.repo.path().join("made.txt").exists());
    site.sound();
}

#[test]
fn a_plan_that_was_not_approved_here_does_not_run() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    let list = site.private().join("approved-plans");
    let approved = std::fs::read(&list).expect("a list");
    std::fs::remove_file(&list).expect("a list");
    let detail = waits(&site, "approval");
    assert!(detail.contains("plan-standard_plain-"), "{detail}");
    assert!(site.runs().is_empty());
    assert!(!site.repo.path().join("made.txt").exists());
    std::fs::write(&list, approved).expect("a list");
    goes_on(&site);
}

#[test]
fn a_claim_that_fails_leaves_no_run_branch_and_is_tried_again() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    let list = site.private().join("approved-plans");
    let approved = std::fs::read(&list).expect("a list");
    std::fs::remove_file(&list).expect("a list");
    let daemon = site.daemon(&[]);
    wait_until("a session", || site.json(&["status"])["runtime"].is_string());
    wait_until("its first commit", || {
        let tip = site.repo.git(&["log", "-1", "--format=%s", "refs/millrace/state"]);
        tip.starts_with("session: ")
    });
    // It can take the first snapshot, and cannot write the claim.
    let lock = site.repo.git_dir().join("refs/millrace/state.lock");
    std::fs::write(&lock, "").expect("a lock");
    std::fs::write(&list, approved).expect("a list");
    wait_until("the first snapshot", || site.runs().len() == 1);
    let orphan = site.run_branch();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    std::fs::remove_file(&lock).expect("a lock");
    wait_until("the end", || site.state_of("one") == "done");
    assert_ne!(site.run_branch(), orphan);
    daemon.signal(Signal::TERM);
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{err}");
    assert!(out.contains("trouble, will try again"), "{out}");
    site.sound();
}

#[test]
fn a_bare_repository_takes_work_in_and_runs_none() {
    let site = Site { repo: TestRepo::init_with(&["--bare"]) };
    site.add("one");
    assert_eq!(site.state_of("one"), "queued");
    for args in [&["run", "once"][..], &["run", "daemon", "--until-idle"]] {
        let output = site.run(args);
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        assert!(text(&output.stderr).contains("bare repository"), "{}", text(&output.stderr));
    }
    assert_eq!(site.state_of("one"), "queued");
    site.ok(&["status"]);
}

#[test]
fn a_detached_head_and_an_unborn_branch_are_as_good_as_a_branch() {
    let site = Site::scripted(STRAIGHT);
    site.repo.git(&["switch", "--quiet", "--detach"]);
    site.add("one");
    goes_on(&site);
    let head = site.repo.git(&["rev-parse", "HEAD"]);
    assert_eq!(site.repo.git(&["rev-parse", &format!("{}~5", site.run_branch())]), head);

    let site = Site::with(TestRepo::init(), "", STRAIGHT);
    site.add("one");
    goes_on(&site);
    let log = site.repo.git(&["log", "--reverse", "--format=%s", &site.run_branch()]);
    assert_eq!(log.lines().count(), 5, "{log}");
    assert!(!site.repo.git_output(&["rev-parse", "--verify", "--quiet", "HEAD"]).status.success());
}
