//! Interventions on items (F-30): each does what it says, answers that there is nothing to do when asked again, and
//! refuses in a line what does not fit. All of it is in the ledger's log.

use millrace::domain::transition::input::{Input, Submitted};
use millrace::domain::transition::record::Actor;
use millrace::format::document::Stamp;
use millrace::format::task::{example_task, parse_task};
use millrace::ledger::transact::Payloads;
use millrace::runtime::project::Project;

use super::commands::{STRAIGHT, call, data, fed, filtered, queue, said, script, task, task_with, well};
use super::errors::{forge, kept};
use crate::support::repo::TestRepo;

/// A script in which nothing can be done.
pub(super) const HOPELESS: &str = "
stages:
  builder:
    - - result: {terminal_result: BLOCKED, summary: No.}
  troubleshooter:
    - - result: {terminal_result: BLOCKED, summary: No.}
  consultant:
    - - result: {terminal_result: BLOCKED, summary: Never.}
";

fn told(repo: &TestRepo, arguments: &[&str]) -> String {
    said(repo, &call(repo, arguments))
}

fn state(repo: &TestRepo, item: &str) -> String {
    data(repo, "queue_show", &["queue", "show", item])["state"].as_str().expect("a state").to_owned()
}

fn run(repo: &TestRepo) -> String {
    let runs = data(repo, "runs_ls", &["runs", "ls"]);
    runs["runs"][0]["run"].as_str().expect("a run").to_owned()
}

/// An item as no command brings it in: of this kind, perhaps from outside.
pub(super) fn bring(repo: &TestRepo, item: &str, origin: Option<&str>) {
    let project = Project::open(repo.path()).expect("a project");
    let act = project.act(Actor::Operator, None).expect("an act");
    let bytes = example_task("a").into_bytes();
    let mut intake = parse_task(&bytes, "a", &Stamp { now: act.at, by: "x" }).expect("a task").intake;
    intake.item = item.parse().expect("an item");
    let mut payloads = Payloads::default();
    let document = payloads.add(&project.store, bytes).expect("a payload");
    let submitted = Submitted { document, origin: origin.map(str::to_owned), trusted: false, intake };
    project.transact(&act, &Input::Enqueue { documents: vec![submitted] }, &payloads).expect("a commit");
}

#[test]
fn f30_cancel_takes_an_item_or_a_run_or_a_lineage() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    insta::assert_snapshot!(told(&repo, &["cancel", "a", "--reason", "not wanted"]), @"
    exit 0
    action   cancel
    applied  true
    detail   task/a is archived, was queued
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["queue", "cancel", "a"]), @"
    exit 0
    action   cancel
    applied  false
    detail   task/a is archived already
    commit   none
    ");
    assert_eq!(repo.git(&["log", "-1", "--format=%s", "refs/millrace/state"]), "cancel: a (not wanted)");
    well(&repo, &["run", "once"]);
    let run = run(&repo);
    insta::assert_snapshot!(told(&repo, &["control", "cancel", &run[..15]]), @"
    exit 0
    action   cancel
    applied  true
    detail   task/b is archived, was active; run [run] is over; the work tree goes back to where run [run] began
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", &run]), @"
    exit 1
    ! millrace: no run [run] is active
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "20010101-0000-abcdef"]), @"
    exit 1
    ! millrace: there is no run [run]
    ! hint: `millrace runs ls` shows the runs
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "nobody"]), @"
    exit 1
    ! millrace: there is no item nobody
    ! hint: `millrace queue ls` shows what is open
    ");
    // Done is done.
    well(&repo, &["run", "daemon", "--until-idle"]);
    queue(&repo, &task("c"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(told(&repo, &["cancel", "c"]), @"
    exit 1
    ! millrace: task/c is done already
    ");
    // A lineage is named by its root.
    bring(&repo, "spec/login", None);
    insta::assert_snapshot!(told(&repo, &["cancel", "--lineage", "task/a"]), @"
    exit 2
    ! millrace: task/a is no spec, and this takes one
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "--lineage", "log"]), @"
    exit 0
    action   cancel
    applied  true
    detail   spec/login is archived, was queued
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "--lineage", "login"]), @"
    exit 0
    action   cancel
    applied  false
    detail   spec/login is archived already, and nothing of its lineage is open
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "a", "--lineage", "login"]), @"
    exit 2
    ! millrace: the argument '[ITEM|RUN]' cannot be used with '--lineage <ROOT>'
    ! hint: `millrace cancel --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["cancel"]), @"
    exit 2
    ! millrace: the following required arguments were not provided: <ITEM|RUN>
    ! hint: `millrace cancel --help` shows what there is
    ");
}

#[test]
fn an_item_that_is_called_like_a_run() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("20260101-plan"));
    queue(&repo, &task("20260101"));
    insta::assert_snapshot!(told(&repo, &["cancel", "20260101-p"]), @"
    exit 0
    action   cancel
    applied  true
    detail   task/20260101-plan is archived, was queued
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["cancel", "task/20260101"]), @"
    exit 0
    action   cancel
    applied  true
    detail   task/20260101 is archived, was queued
    commit   [oid]
    ");
}

#[test]
fn f30_archive_is_for_what_nobody_works_on() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    insta::assert_snapshot!(told(&repo, &["archive", "b", "--reason", "later"]), @"
    exit 0
    action   archive
    applied  true
    detail   task/b is archived, was queued
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["control", "archive", "task/b"]), @"
    exit 0
    action   archive
    applied  false
    detail   task/b is archived already
    commit   none
    ");
    well(&repo, &["run", "once"]);
    insta::assert_snapshot!(told(&repo, &["archive", "a"]), @"
    exit 1
    ! millrace: task/a is worked on by run [run]
    ");
    insta::assert_snapshot!(told(&repo, &["archive", "c"]), @"
    exit 1
    ! millrace: there is no item c
    ! hint: `millrace queue ls` shows what is open
    ");
    assert_eq!(state(&repo, "a"), "active");
}

#[test]
fn f30_retry_lets_go_on_what_is_blocked() {
    let repo = TestRepo::with_commit();
    script(&repo, HOPELESS);
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    queue(&repo, &task_with("after-b", "depends_on: [b]\n"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(told(&repo, &["retry", "a", "a", "after-b", "--note", "The key is in vault."]), @"
    exit 0
    action   retry
    applied  true
    detail   task/a is queued, was blocked; task/a goes on at builder with the work of run [run]; the note goes to the next stage of task/a; task/after-b is waiting, not blocked
    commit   [oid]
    ");
    assert_eq!(repo.git(&["show", "refs/millrace/state:recovery/task.a.note.md"]), "The key is in vault.");
    insta::assert_snapshot!(told(&repo, &["control", "retry", "a"]), @"
    exit 0
    action   retry
    applied  false
    detail   task/a is queued, not blocked
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "--all-blocked", "--class", "runner_timeout"]), @"
    exit 0
    action   retry
    applied  false
    detail   nothing is blocked by runner_timeout
    commit   none
    ");
    insta::assert_snapshot!(
        told(&repo, &["retry", "--all-blocked", "--class", "builder_blocked", "--from-start"]), @"
    exit 0
    action   retry
    applied  true
    detail   task/b is queued, was blocked; task/b begins again
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "--all-blocked"]), @"
    exit 0
    action   retry
    applied  false
    detail   nothing is blocked
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["retry"]), @"
    exit 2
    ! millrace: the following required arguments were not provided: <ITEM>...
    ! hint: `millrace retry --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "a", "--all-blocked"]), @"
    exit 2
    ! millrace: the argument '[ITEM]...' cannot be used with '--all-blocked'
    ! hint: `millrace retry --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "zzz"]), @"
    exit 1
    ! millrace: there is no item zzz
    ! hint: `millrace queue ls` shows what is open
    ");
    assert_eq!((state(&repo, "a"), state(&repo, "b")), ("queued".to_owned(), "queued".to_owned()));
    assert_eq!(data(&repo, "verify", &["verify"])["sound"], true);
}

#[test]
fn a_root_whose_acceptance_is_blocked_is_retried_too() {
    let repo = TestRepo::with_commit();
    bring(&repo, "spec/login", None);
    let at = "2026-01-01T00:00:00Z";
    let target = format!(
        "root = \"login\"\nopened_at = \"{at}\"\nrounds = 3\n\n[state]\nis = \"blocked\"\nat = \"{at}\"\n\
         reason = \"the same gap twice\"\nclass = \"same_gap_twice\"\nrun = \"20260101-0000-abcdef\"\n"
    );
    forge(&repo, "closure/login/target.toml", Some(&target));
    let control = kept(&repo, "control.toml");
    forge(&repo, "control.toml", Some(&format!("targets = [\"login\"]\n{control}")));
    // As if this machine had never looked at what it builds on.
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    std::fs::write(repo.git_dir().join("millrace/believed"), format!("{tip}\n")).expect("a memory");
    insta::assert_snapshot!(told(&repo, &["retry", "--all-blocked", "--class", "other"]), @"
    exit 0
    action   retry
    applied  false
    detail   nothing is blocked by other
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "--all-blocked"]), @"
    exit 0
    action   retry
    applied  true
    detail   spec/login is judged again when its lineage is drained
    commit   [oid]
    ");
    let target = kept(&repo, "closure/login/target.toml");
    assert!(target.contains("is = \"open\"") && !target.contains("rounds"), "{target}");
}

/// Names are kept, too: an owner's, and a request's.
#[test]
fn a_name_that_is_kept_holds_no_secret() {
    let repo = TestRepo::with_commit();
    call(&repo, &["init"]);
    let secret = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
    for args in [
        &["pause", "--owner", &secret][..],
        &["pause", "--request-id", &secret],
        &["queue", "add-idea", "idea.md", "--request-id", &secret],
    ] {
        repo.write("idea.md", "I want it.\n");
        let said = told(&repo, args);
        assert!(
            said.starts_with("exit 2") && said.contains("holds an AWS access key id"),
            "{args:?}: {said}"
        );
        assert!(!said.contains(&secret), "{said}");
    }
    let objects = repo.git_output(&["cat-file", "--batch-all-objects", "--batch"]).stdout;
    assert!(!String::from_utf8_lossy(&objects).contains(&secret));
}

#[test]
fn a_note_is_a_bounded_text_without_secrets() {
    let repo = TestRepo::with_commit();
    script(&repo, HOPELESS);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let before = repo.git(&["rev-parse", "refs/millrace/state"]);
    let secret = format!("first line\nit is {}\n", ["AKIA", "IOSFODNN7EXAMPLE"].concat());
    insta::assert_snapshot!(told(&repo, &["retry", "a", "--note", &secret]), @"
    exit 2
    ! millrace: --note:2: this line holds an AWS access key id, and commits are for ever; expected a document without secrets; name the variable or the file that holds it
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "a", "--reason", &secret]), @"
    exit 2
    ! millrace: --reason:2: this line holds an AWS access key id, and commits are for ever; expected a document without secrets; name the variable or the file that holds it
    ");
    let from_stdin = |bytes: &[u8]| said(&repo, &fed(&repo, &["retry", "a", "--note-file", "-"], bytes));
    insta::assert_snapshot!(from_stdin(secret.as_bytes()), @"
    exit 2
    ! millrace: <stdin>:2: this line holds an AWS access key id, and commits are for ever; expected a document without secrets; name the variable or the file that holds it
    ");
    insta::assert_snapshot!(from_stdin(b"\xff"), @"
    exit 2
    ! millrace: <stdin> is not UTF-8 text
    ");
    insta::assert_snapshot!(from_stdin(b" \n"), @"
    exit 2
    ! millrace: <stdin> is an empty note
    ");
    insta::assert_snapshot!(from_stdin(&vec![b'x'; 64 * 1024 + 1]), @"
    exit 2
    ! millrace: <stdin> is longer than 65536 bytes, which a note may have
    ! hint: put it into a file of the repository, and name that file in the note
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "a", "--note-file", "none.md"]), @"
    exit 2
    ! millrace: cannot read the note none.md: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(told(&repo, &["retry", "a", "--reason", &"x".repeat(1001)]), @"
    exit 2
    ! millrace: the reason has 1001 bytes; at most 1000 are kept
    ! hint: say it in a sentence; `retry --note` takes more
    ");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), before);
    let longest = from_stdin(&vec![b'x'; 64 * 1024]);
    assert!(longest.contains("the note goes to the next stage of task/a"), "{longest}");
}

#[test]
fn f30_retry_active_needs_a_stage_that_is_under_way() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(told(&repo, &["retry-active"]), @"
    exit 0
    action   retry-active
    applied  false
    detail   nothing to do: there is no ledger yet
    commit   none
    ");
    script(&repo, STRAIGHT);
    insta::assert_snapshot!(told(&repo, &["control", "planning", "retry-active"]), @"
    exit 0
    action   planning retry-active
    applied  false
    detail   no run is active
    commit   none
    ");
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    insta::assert_snapshot!(told(&repo, &["retry-active"]), @"
    exit 0
    action   retry-active
    applied  false
    detail   no stage of run [run] is under way; execution/checker starts by itself
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["planning", "retry-active", "--json"]), @r#"
    exit 0
    {"format":1,"kind":"control","data":{"action":"planning retry-active","applied":false,"detail":"run [run] is at execution/checker, not on the planning plane","commit":null}}
    "#);
}

#[test]
fn f30_supersede_puts_one_item_in_the_place_of_another() {
    let repo = TestRepo::with_commit();
    for document in [task("old"), task("new"), task_with("after", "depends_on: [old]\n"), task("other")] {
        queue(&repo, &document);
    }
    insta::assert_snapshot!(told(&repo, &["supersede", "old", "old"]), @"
    exit 1
    ! millrace: task/old cannot take the place of itself
    ");
    insta::assert_snapshot!(told(&repo, &["supersede", "old", "missing"]), @"
    exit 1
    ! millrace: there is no item task/missing
    ! hint: `millrace queue ls` shows what is open
    ");
    bring(&repo, "spec/login", None);
    insta::assert_snapshot!(told(&repo, &["supersede", "old", "spec/login"]), @"
    exit 2
    ! millrace: spec/login is no task, and this takes one
    ");
    insta::assert_snapshot!(told(&repo, &["supersede", "old", "after"]), @"
    exit 1
    ! millrace: task/after depends on itself: after -> after
    ");
    insta::assert_snapshot!(told(&repo, &["supersede", "old", "new", "--reason", "smaller"]), @"
    exit 0
    action   supersede
    applied  true
    detail   task/old is archived, was queued; task/after depends on new
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["control", "supersede", "old", "new"]), @"
    exit 0
    action   supersede
    applied  false
    detail   task/old is archived already, and nothing waits for it
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["supersede", "other", "old"]), @"
    exit 1
    ! millrace: task/old is archived already
    ");
    assert_eq!(filtered(&repo, &well(&repo, &["queue", "ls", "--state", "waiting"])).lines().count(), 1);
}

#[test]
fn f30_retarget_exchanges_a_dependency() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    for document in [
        task("a"),
        task("b"),
        task_with("after", "depends_on: [lost]\n"),
        task_with("last", "depends_on: [after]\n"),
    ] {
        queue(&repo, &document);
    }
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "lost", "--to", "a"]), @"
    exit 0
    action   retarget
    applied  true
    detail   task/after depends on a
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["control", "retarget", "after", "--from", "lost", "--to", "a"]), @"
    exit 0
    action   retarget
    applied  false
    detail   task/after does not depend on lost any more
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "b", "--drop"]), @"
    exit 1
    ! millrace: task/after does not depend on b
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "a", "--to", "last"]), @"
    exit 1
    ! millrace: task/after depends on itself: after -> last -> after
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "a", "--to", "nothing"]), @"
    exit 1
    ! millrace: there is no item task/nothing
    ! hint: `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "a"]), @"
    exit 2
    ! millrace: the following required arguments were not provided: --to <ITEM>
    ! hint: `millrace retarget --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "../a", "--drop"]), @"
    exit 2
    ! millrace: invalid value '../a' for '--from <ID>': the id `../a` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ! hint: `millrace retarget --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "after", "--from", "a", "--drop"]), @"
    exit 0
    action   retarget
    applied  true
    detail   task/after depends on nothing; task/after is queued, was waiting
    commit   [oid]
    ");
    // What is begun does not wait any more.
    queue(&repo, &task_with("begun", "depends_on: [a]\npriority: 0\n"));
    well(&repo, &["set-priority", "a", "0"]);
    well(&repo, &["run", "daemon", "--max-ticks", "4"]);
    assert_eq!(state(&repo, "begun"), "active");
    insta::assert_snapshot!(told(&repo, &["retarget", "begun", "--from", "a", "--to", "b"]), @"
    exit 1
    ! millrace: task/begun is active: it cannot be made to wait for something that is not done
    ");
    insta::assert_snapshot!(told(&repo, &["retarget", "begun", "--from", "a", "--drop"]), @"
    exit 0
    action   retarget
    applied  true
    detail   task/begun depends on nothing
    commit   [oid]
    ");
}

#[test]
fn f30_set_priority_changes_the_turn_and_no_document() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    insta::assert_snapshot!(told(&repo, &["set-priority", "b", "1"]), @"
    exit 0
    action   set-priority
    applied  true
    detail   task/b has priority 1
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["control", "set-priority", "b", "1"]), @"
    exit 0
    action   set-priority
    applied  false
    detail   task/b has priority 1 already
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["set-priority", "b", "10"]), @"
    exit 2
    ! millrace: invalid value '10' for '<N>': 10 is not a priority: expected 0 (first) to 9 (last)
    ! hint: `millrace set-priority --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["set-priority", "b", "high"]), @"
    exit 2
    ! millrace: invalid value 'high' for '<N>': expected a digit, 0 (first) to 9 (last)
    ! hint: `millrace set-priority --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["set-priority", "c", "1"]), @"
    exit 1
    ! millrace: there is no item c
    ! hint: `millrace queue ls` shows what is open
    ");
    let once = well(&repo, &["run", "once"]);
    assert!(once.contains("task/b"), "{once}");
    insta::assert_snapshot!(told(&repo, &["set-priority", "b", "2"]), @"
    exit 1
    ! millrace: task/b is worked on by run [run]
    ");
    well(&repo, &["cancel", "a"]);
    insta::assert_snapshot!(told(&repo, &["set-priority", "a", "2"]), @"
    exit 1
    ! millrace: task/a is archived already
    ");
}

#[test]
fn f30_release_lets_in_what_came_from_outside() {
    let repo = TestRepo::with_commit();
    bring(&repo, "task/a", Some("a push of somebody"));
    bring(&repo, "task/b", Some("a push of somebody"));
    bring(&repo, "task/c", None);
    insta::assert_snapshot!(told(&repo, &["release", "a", "c"]), @"
    exit 0
    action   release
    applied  true
    detail   task/a is queued, was held; task/c is queued, not held
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["control", "release", "a"]), @"
    exit 0
    action   release
    applied  false
    detail   task/a is queued, not held
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["release", "--all"]), @"
    exit 0
    action   release
    applied  true
    detail   task/b is queued, was held
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["release", "--all"]), @"
    exit 0
    action   release
    applied  false
    detail   nothing is held
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["release"]), @"
    exit 2
    ! millrace: the following required arguments were not provided: <ITEM>...
    ! hint: `millrace release --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["release", "z"]), @"
    exit 1
    ! millrace: there is no item z
    ! hint: `millrace queue ls` shows what is open
    ");
    assert_eq!(state(&repo, "b"), "queued");
}
