//! What `log` picks from the chain, and how it follows it.

use super::commands::{STRAIGHT, call, data, queue, said, script, task, well};
use super::following::Following;
use crate::support::repo::TestRepo;

/// Two items that went straight to their ends.
fn worked() -> TestRepo {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("fix-login"));
    queue(&repo, &task("fix-logout"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    repo
}

/// The subjects that a call shows, newest first.
#[track_caller]
fn subjects(repo: &TestRepo, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["log"];
    all.extend_from_slice(arguments);
    let log = data(repo, "log", &all);
    let commits = log["commits"].as_array().expect("commits");
    commits.iter().map(|commit| commit["subject"].as_str().expect("a subject").to_owned()).collect()
}

#[test]
fn filters_narrow_and_n_counts_what_is_shown() {
    let repo = worked();
    let of_item = subjects(&repo, &["--item", "fix-logi", "-n", "0"]);
    assert_eq!(
        of_item,
        [
            "handoff: fix-login updater -> done (UPDATE_COMPLETE)",
            "launch: fix-login updater (launch 3)",
            "handoff: fix-login checker -> updater (CHECKER_PASS)",
            "launch: fix-login checker (launch 2)",
            "handoff: fix-login builder -> checker (BUILDER_COMPLETE)",
            "launch: fix-login builder (launch 1, claimed)",
            "enqueue: fix-login",
        ]
    );
    let handoffs = subjects(&repo, &["--item", "task/fix-login", "--op", "handoff", "-n", "2"]);
    assert_eq!(handoffs, [of_item[0].clone(), of_item[2].clone()]);
    assert_eq!(subjects(&repo, &["--item", "fix-login", "--result", "CHECKER_PASS"]), [of_item[2].clone()]);
    // A stage has launches and handoffs, by either of its names.
    let checker = subjects(&repo, &["--stage", "checker"]);
    assert_eq!(checker.len(), 4, "{checker:?}");
    assert_eq!(subjects(&repo, &["--stage", "execution/checker"]), checker);
    let run = data(&repo, "log", &["log", "--item", "fix-login", "-n", "1"])["commits"][0]["run"].clone();
    let run = run.as_str().expect("a run");
    assert_eq!(subjects(&repo, &["--run", run]), of_item[..6]);
    let plan = data(&repo, "status", &["status"])["plan"].as_str().expect("a plan").to_owned();
    let digits = plan.rsplit('-').next().expect("digits");
    for text in [plan.as_str(), &plan[..plan.len() - 3], &digits[..5]] {
        assert_eq!(subjects(&repo, &["--plan", text, "--op", "launch", "-n", "0"]).len(), 6, "{text}");
    }
    insta::assert_snapshot!(said(&repo, &call(&repo, &["log", "--item", "fix-login", "--op", "cancel"])), @r"
    exit 0
    no such commits
    ");
}

#[test]
fn a_stage_that_fails_counts_as_blocked() {
    let repo = TestRepo::with_commit();
    script(&repo, "stages:\n  builder:\n    - - exit: 3\n");
    queue(&repo, &task("a"));
    call(&repo, &["run", "once"]);
    let log = data(&repo, "log", &["log", "--result", "BLOCKED"]);
    assert_eq!(log["commits"][0]["result"], "BLOCKED (runner_transport_failure)");
    assert_eq!(log["commits"][0]["next"], "execution/troubleshooter");
}

#[test]
fn what_is_nowhere_is_refused() {
    let repo = worked();
    let refused = |arguments: &[&str]| said(&repo, &call(&repo, arguments));
    insta::assert_snapshot!(refused(&["log", "--item", "fix-logn"]), @r"
    exit 1
    ! millrace: there is no item fix-logn
    ! hint: did you mean `task/fix-login`? `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(refused(&["log", "--run", "1999"]), @"
    exit 1
    ! millrace: there is no run and no item 1999
    ! hint: `millrace queue ls` shows what is open, `millrace runs ls` the runs
    ");
    insta::assert_snapshot!(refused(&["log", "--stage", "bilder"]), @"
    exit 1
    ! millrace: no plan of this ledger knows a stage `bilder`
    ! hint: did you mean `builder`?
    ");
    insta::assert_snapshot!(refused(&["log", "--stage", "planning/builder"]), @"
    exit 1
    ! millrace: no plan of this ledger knows a stage `planning/builder`
    ! hint: did you mean `execution/builder`?
    ");
    insta::assert_snapshot!(refused(&["log", "--stage", "zzz\u{1b}[31m"]), @r"
    exit 1
    ! millrace: no plan of this ledger knows a stage `zzz\u{1b}[31m`
    ! hint: expected `arbiter`, `auditor`, `builder`, `checker`, `consultant`, `doublechecker`, `fixer`, `manager`, `mechanic`, `planner`, `troubleshooter` or `updater`
    ");
    insta::assert_snapshot!(refused(&["log", "--result", "checker_pas"]), @"
    exit 1
    ! millrace: no plan of this ledger knows a result `checker_pas`
    ! hint: did you mean `CHECKER_PASS`?
    ");
    insta::assert_snapshot!(refused(&["log", "--plan", "plan-standard_plain-0000000"]), @r"
    exit 1
    ! millrace: there is no plan plan-standard_plain-0000000
    ! hint: `millrace plan ls` shows the plans
    ");
    insta::assert_snapshot!(refused(&["log", "--plan", "a b"]), @"
    exit 2
    ! millrace: `a b` is not a plan id: expected `plan-<mode>-<12 hex>`, or a beginning of it or of its digits
    ! hint: `millrace plan ls` shows the plans
    ");
    insta::assert_snapshot!(refused(&["log", "--op", "handof"]), @"
    exit 2
    ! millrace: invalid value 'handof' for '--op <OP>' [possible values: genesis, enqueue, idea, compile, session, launch, handoff, interrupt, tree, cancel, archive, retry, retry-active, reopen, supersede, retarget, set-priority, release, pause, resume, stop, unresumable, adopt, land]
    ! hint: a similar value exists: 'handoff'
    ");
}

#[test]
fn a_stage_without_any_plan() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(said(&repo, &call(&repo, &["log", "--stage", "builder"])), @"
    exit 1
    ! millrace: no plan of this ledger knows a stage `builder`
    ! hint: there is no plan yet
    ");
}

#[test]
fn following_shows_the_last_ones_and_then_each_new_one() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    let all = Following::start(&repo, &["log", "-f", "-n", "2"]);
    let handoffs = Following::start(&repo, &["log", "-f", "--op", "handoff", "--json"]);
    assert_eq!(
        all.lines(2),
        ["2  [time]  compile: plan-standard_plain-[id] selected", "3  [time]  enqueue: a"]
    );
    well(&repo, &["run", "once"]);
    assert_eq!(
        all.lines(2),
        [
            "4  [time]  launch: a builder (launch 1, claimed)",
            "5  [time]  handoff: a builder -> checker (BUILDER_COMPLETE)"
        ]
    );
    let envelope: serde_json::Value = serde_json::from_str(&handoffs.raw()).expect("JSON");
    assert_eq!(envelope["kind"], "log_commit");
    assert_eq!(envelope["data"]["result"], "BUILDER_COMPLETE");
    all.is_silent();
    assert_eq!(all.interrupt(), (Some(0), Vec::new()));
    assert_eq!(handoffs.interrupt(), (Some(0), Vec::new()));
}

#[test]
fn following_begins_before_the_ledger_does() {
    let repo = TestRepo::with_commit();
    let log = Following::start(&repo, &["log", "-f"]);
    assert_eq!(log.complaint(), "! no ledger yet: waiting for one");
    well(&repo, &["init"]);
    assert_eq!(
        log.lines(2),
        ["1  [time]  genesis: a ledger begins", "2  [time]  compile: plan-standard_plain-[id] selected"]
    );
    assert_eq!(log.interrupt(), (Some(0), Vec::new()));
}

#[test]
fn following_outlives_damage_and_a_ledger_that_is_set_back() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    queue(&repo, &task("a"));
    let ref_file = repo.git_dir().join("refs/millrace/state");
    let before = repo.git(&["rev-parse", "refs/millrace/state~1"]);
    let log = Following::start(&repo, &["log", "-f", "-n", "1"]);
    assert_eq!(log.line(), "3  [time]  enqueue: a");
    std::fs::write(&ref_file, "garbage\n").expect("a ref");
    let trouble = log.complaint();
    assert!(
        trouble.starts_with("! cannot look now, and go on trying: refs/millrace/state is damaged"),
        "{trouble}"
    );
    log.is_silent();
    std::fs::write(&ref_file, format!("{before}\n")).expect("a ref");
    assert_eq!(log.complaint(), "! the ledger was set back: some commits above are no longer part of it");
    log.is_silent();
    // It was meant.
    well(&repo, &["doctor", "--accept", &before]);
    queue(&repo, &task("b"));
    assert_eq!(log.line(), "3  [time]  enqueue: b");
    repo.git(&["update-ref", "-d", "refs/millrace/state"]);
    assert_eq!(log.complaint(), "! the ledger is gone: waiting for one");
    assert_eq!(log.interrupt(), (Some(0), Vec::new()));
}
