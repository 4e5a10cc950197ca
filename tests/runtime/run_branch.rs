//! The run branch as one story, for `git log` alone: what was uncommitted, a commit a stage, and how it ended.

use super::site::{STRAIGHT, STUCK, Site};
use crate::support::repo::TestRepo;

/// A trailer of a commit, as git reads it.
fn trailer(site: &Site, commit: &str, key: &str) -> String {
    let format = format!("--format=%(trailers:key=Millrace-{key},valueonly)");
    site.repo.git(&["log", "-1", &format, commit]).trim().to_owned()
}

fn body(site: &Site, commit: &str) -> String {
    site.repo.git(&["log", "-1", "--format=%b", commit])
}

fn last_subject(site: &Site) -> String {
    site.repo.git(&["log", "-1", "--format=%s", &site.run_branch()])
}

#[test]
fn one_log_tells_the_run() {
    let site = Site::scripted(STRAIGHT);
    site.repo.write("loose.txt", "mine\n");
    site.add("one");
    site.work();
    let branch = site.run_branch();
    assert_eq!(
        site.told(&branch),
        [
            "start: one",
            "builder: BUILDER_COMPLETE",
            "checker: CHECKER_PASS",
            "updater: UPDATE_COMPLETE",
            "done: one (updater:UPDATE_COMPLETE)",
        ]
    );
    // The first one holds the user's uncommitted work alone, and says so.
    let start = format!("{branch}~4");
    let names = |commit: &str| site.repo.git(&["show", "--format=", "--name-status", commit]);
    assert!(
        names(&start).contains("A\tloose.txt") && !names(&start).contains("made.txt"),
        "{}",
        names(&start)
    );
    assert!(
        body(&site, &start).starts_with("What was not committed when the run began"),
        "{}",
        body(&site, &start)
    );
    // The last one changes nothing, and bears the trailers of the ledger's commit.
    assert_eq!(names(&branch), "");
    let ended = site.repo.git(&["log", "--format=%H", "--grep=updater -> done", "refs/millrace/state"]);
    for key in ["Run", "Item", "Stage", "Result", "Plan", "Snapshot"] {
        assert_eq!(trailer(&site, &branch, key), trailer(&site, &ended, key), "{key}");
    }
    let run = branch.rsplit('/').next().expect("an id").to_owned();
    for back in 0..5 {
        let commit = format!("{branch}~{back}");
        assert_eq!(trailer(&site, &commit, "Run"), run, "{commit}");
        assert_eq!(trailer(&site, &commit, "Item"), "task/one", "{commit}");
        assert_eq!(trailer(&site, &commit, "Plan").len(), trailer(&site, &start, "Plan").len(), "{commit}");
    }
    assert_eq!(trailer(&site, &format!("{branch}~1"), "Launch"), "3");
    site.sound();
}

#[test]
fn a_clean_beginning_says_that_nothing_was_uncommitted() {
    let site = Site::scripted(STRAIGHT);
    site.repo.git(&["add", "-A"]);
    site.repo.git(&["commit", "--quiet", "-m", "all of it"]);
    site.add("one");
    site.work();
    let start = format!("{}~4", site.run_branch());
    assert!(
        body(&site, &start).starts_with("Nothing was uncommitted when the run began"),
        "{}",
        body(&site, &start)
    );
    assert_eq!(site.repo.git(&["show", "--format=", &start]), "");
}

#[test]
fn every_ending_has_its_word() {
    let blocked =
        Site::scripted("stages:\n  builder: [[{result: {terminal_result: BLOCKED, summary: No.}}]]\n");
    blocked.add("one");
    blocked.json(&["run", "daemon", "--until-idle", "--max-ticks", "12"]);
    let subjects: Vec<String> =
        blocked.runs().iter().map(|run| blocked.repo.git(&["log", "-1", "--format=%s", run])).collect();
    assert!(subjects.iter().any(|subject| subject.starts_with("blocked: one (")), "{subjects:?}");

    let cancelled = Site::scripted(STRAIGHT);
    cancelled.add("one");
    cancelled.ok(&["run", "once"]);
    cancelled.ok(&["queue", "cancel", "one", "--reason", "not wanted"]);
    // By the command itself: no runtime has to come for it.
    assert_eq!(last_subject(&cancelled), "cancelled: one (not wanted)");
    assert_eq!(trailer(&cancelled, &cancelled.run_branch(), "Run").len(), cancelled.run_branch().len() - 19);
    cancelled.sound();
}

#[test]
fn what_takes_an_items_place_or_gives_its_root_up_ends_its_branch_too() {
    // Between two stages: by the command itself.
    let superseded = Site::scripted(STRAIGHT);
    superseded.add("one");
    superseded.ok(&["run", "once"]);
    superseded.add("two");
    superseded.ok(&["supersede", "one", "two", "--reason", "smaller"]);
    assert!(last_subject(&superseded).starts_with("cancelled: one ("), "{}", last_subject(&superseded));
    superseded.work();
    assert_eq!(superseded.state_of("two"), "done");
    superseded.sound();

    // While a stage works: when that has stopped.
    let stopped = Site::scripted(STUCK);
    stopped.add("one");
    let daemon = stopped.daemon(&["--until-idle"]);
    stopped.await_sign("stage");
    stopped.ok(&["queue", "cancel", "one", "--reason", "not wanted"]);
    assert!(daemon.ended().0.success());
    let branch = stopped.run_branch();
    assert_eq!(last_subject(&stopped), "cancelled: one (not wanted)");
    assert_eq!(stopped.snapshots(&branch), ["start: one", "builder: interrupted"]);
    assert!(!stopped.repo.path().join("half.txt").exists());
    stopped.sound();
    // What is derived is as the ledger has it, and `recover` says so of each.
    for site in [&superseded, &stopped] {
        assert_eq!(site.json(&["recover"])["found"].as_array().map(Vec::len), Some(0));
    }
}

#[test]
fn a_branch_that_lost_its_end_gets_it_again_and_the_same_one() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    let branch = site.run_branch();
    let closing = site.repo.git(&["rev-parse", &branch]);
    // As a crash between the two refs, or an earlier version, leaves it.
    site.repo.git(&["update-ref", &branch, &format!("{closing}~1")]);
    site.ok(&["run", "daemon", "--until-idle"]);
    assert_eq!(site.repo.git(&["rev-parse", &branch]), closing);
    // What somebody put on top is kept before the branch goes where the ledger says.
    let foreign = site.repo.git(&["commit-tree", "-p", &format!("{closing}~1"), "-m", "mine", "HEAD^{tree}"]);
    site.repo.git(&["update-ref", &branch, &foreign]);
    site.ok(&["run", "daemon", "--until-idle"]);
    assert_eq!(site.repo.git(&["rev-parse", &branch]), closing);
    let kept = site.repo.git(&["for-each-ref", "--format=%(objectname)", "refs/millrace/backup/"]);
    assert_eq!(kept, foreign);
    // A branch that was deleted stays so.
    site.repo.git(&["update-ref", "-d", &branch]);
    site.ok(&["run", "daemon", "--until-idle"]);
    assert_eq!(site.runs(), Vec::<String>::new());
    site.sound();
}

#[test]
fn a_branch_is_made_again_wholly_from_the_ledger() {
    use millrace::runtime::project::Project;
    use millrace::runtime::run_branch::rebuild;
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    let branch = site.run_branch();
    let closing = site.repo.git(&["rev-parse", &branch]);
    let run = branch.rsplit('/').next().expect("an id").parse().expect("an id");
    let project = Project::open(site.repo.path()).expect("a project");
    let again = || rebuild(&project, &run).expect("made again");
    let there = again();
    assert_eq!((there.before, there.now, there.missing.len()), (there.now, Some(there.due), 0));
    assert_eq!(there.due.to_string(), closing);

    site.repo.git(&["update-ref", "-d", &branch]);
    let made = again();
    assert_eq!((made.before, made.now.map(|oid| oid.to_string())), (None, Some(closing.clone())));
    assert_eq!(site.repo.git(&["rev-parse", &branch]), closing);

    let foreign = site.repo.git(&["commit-tree", "-m", "mine", "HEAD^{tree}"]);
    site.repo.git(&["update-ref", &branch, &foreign]);
    let kept = again().kept.expect("it is kept");
    assert_eq!(site.repo.git(&["rev-parse", &kept]), foreign);
    assert_eq!(site.repo.git(&["rev-parse", &branch]), closing);
    let nobody = "20200101-0000-aaaaaa".parse().expect("an id");
    assert!(
        rebuild(&project, &nobody).expect_err("no such run").to_string().contains("is not in the ledger")
    );
    site.sound();
}

const MOVES: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - run: {argv: [sh, -c, 'git add -A && git -c user.name=h -c user.email=h@h commit -qm harness'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

#[test]
fn a_head_that_moves_is_recorded_and_not_followed() {
    let site = Site::scripted(MOVES);
    let before = site.repo.git(&["rev-parse", "HEAD"]);
    site.add("one");
    site.work();
    assert_eq!(site.state_of("one"), "done");
    let branch = site.run_branch();
    let after = site.repo.git(&["rev-parse", "HEAD"]);
    assert_ne!(before, after);
    let builder = format!("{branch}~3");
    assert_eq!(trailer(&site, &builder, "Head"), format!("{before} {after}"));
    assert_eq!(trailer(&site, &builder, "Index"), "changed");
    assert_eq!(trailer(&site, &builder, "Branch"), "");
    // Said once, where it happened.
    assert_eq!(trailer(&site, &format!("{branch}~2"), "Head"), "");
    let findings = site.result("01-builder")["findings"].to_string();
    assert!(findings.contains("HEAD moved from ") && findings.contains("the index changed"), "{findings}");
    // The branch goes on from the tree: the harness's commit is none of its ancestors.
    assert_eq!(site.repo.git(&["rev-parse", &format!("{branch}~5")]), before);
    let ancestor = site.repo.git_output(&["merge-base", "--is-ancestor", &after, &branch]);
    assert!(!ancestor.status.success());
    site.sound();
}

const SWITCHES: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - run: {argv: [sh, -c, 'git switch -qc other && git switch -q main && git -c user.name=h -c user.email=h@h stash push -q -u -- made.txt && git stash pop -q'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker:
    - - run: {argv: [sh, -c, 'git switch -q other'], expect: 0}
      - result: {terminal_result: CHECKER_PASS}
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

#[test]
fn a_branch_that_stays_switched_is_recorded_and_waited_for() {
    let site = Site::scripted(SWITCHES);
    site.repo.git(&["add", "-A"]);
    site.repo.git(&["commit", "--quiet", "-m", "all of it"]);
    site.add("one");
    let answer = site.work();
    assert_eq!(answer["waits"]["cause"], "branch_switched", "{answer}");
    let branch = site.run_branch();
    // There and back again within a stage is no move.
    assert_eq!(trailer(&site, &format!("{branch}~1"), "Branch"), "");
    assert_eq!(trailer(&site, &branch, "Branch"), "main -> other");
    let findings = site.result("02-checker")["findings"].to_string();
    assert!(findings.contains("the branch changed from main to other"), "{findings}");
    site.repo.git(&["switch", "--quiet", "main"]);
    site.work();
    assert_eq!(site.state_of("one"), "done");
    assert_eq!(trailer(&site, &format!("{branch}~1"), "Branch"), "other -> main");
    site.sound();
}

#[test]
fn an_interrupted_end_closes_on_what_was_left() {
    let site = Site::with(TestRepo::with_commit(), "[limits]\nmax_interruptions = 1\n", STUCK);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("stage");
    daemon.kill();
    site.work();
    let branch = site.run_branch();
    assert_eq!(site.snapshots(&branch)[..2], ["start: one", "builder: interrupted"].map(str::to_owned));
    assert!(last_subject(&site).starts_with("blocked: one ("), "{}", last_subject(&site));
    site.sound();
}
