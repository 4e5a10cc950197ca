//! Pausing, resuming, stopping, and what a dead runtime left: what each command answers, again, and in the wrong place.

use std::os::unix::fs::PermissionsExt as _;

use super::commands::{STRAIGHT, call, data, queue, said, script, task, well};
use super::errors::forge;
use super::following::Following;
use crate::support::repo::TestRepo;

fn told(repo: &TestRepo, arguments: &[&str]) -> String {
    said(repo, &call(repo, arguments))
}

/// The pause causes as status has them: cause and owner.
fn causes(repo: &TestRepo) -> Vec<String> {
    let status = data(repo, "status", &["status"]);
    let cause = |one: &serde_json::Value| {
        let word = |field: &str| one[field].as_str().expect("a word").to_owned();
        format!("{} of {}", word("cause"), word("owner"))
    };
    status["pauses"].as_array().expect("causes").iter().map(cause).collect()
}

#[test]
fn one_answer_in_text_and_json_in_the_group_and_at_the_top() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(told(&repo, &["control", "pause", "--reason", "lunch"]), @"
    exit 0
    action   pause
    applied  true
    detail   dispatch rests for operator: lunch
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["pause", "--reason", "lunch"]), @"
    exit 0
    action   pause
    applied  false
    detail   operator has paused dispatch already
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["resume", "--json", "--request-id", "r-1"]), @r#"
    exit 0
    {"format":1,"kind":"control","data":{"action":"resume","applied":true,"detail":"the pause of operator is lifted","commit":"[oid]","request":"r-1"}}
    "#);
    insta::assert_snapshot!(told(&repo, &["control", "resume", "--json"]), @r#"
    exit 0
    {"format":1,"kind":"control","data":{"action":"resume","applied":false,"detail":"operator has not paused dispatch","commit":null}}
    "#);
    let first = data(&repo, "control", &["pause"]);
    assert_eq!(first["applied"], true);
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    assert_eq!(first["commit"], tip.as_str());
    assert_eq!(repo.git(&["log", "-1", "--format=%s", &tip]), "pause: operator (paused by the operator)");
}

/// F-14: pauses are a set with owners; a resume lifts only its own, and says what still stands.
#[test]
fn f14_a_resume_lifts_the_pause_of_its_owner_and_no_other() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    well(&repo, &["pause", "--owner", "night", "--reason", "until morning"]);
    well(&repo, &["pause"]);
    assert_eq!(causes(&repo), ["operator of night", "operator of operator"]);
    insta::assert_snapshot!(told(&repo, &["resume"]), @"
    exit 0
    action   resume
    applied  true
    detail   the pause of operator is lifted; dispatch still rests: operator (night)
    commit   [oid]
    ");
    assert_eq!(causes(&repo), ["operator of night"]);
    insta::assert_snapshot!(told(&repo, &["resume", "--owner", "day"]), @"
    exit 0
    action   resume
    applied  false
    detail   day has not paused dispatch; dispatch still rests: operator (night)
    commit   none
    ");
    assert_eq!(causes(&repo), ["operator of night"]);
    script(&repo, STRAIGHT);
    let waits = well(&repo, &["run", "daemon", "--until-idle"]);
    assert!(waits.ends_with("waits: operator: until morning\n"), "{waits}");
    well(&repo, &["resume", "--owner", "night"]);
    assert!(causes(&repo).is_empty());
    assert!(well(&repo, &["run", "daemon", "--until-idle"]).contains("ended: idle, 3 stages"));
}

#[test]
fn owners_and_causes_that_are_none() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(told(&repo, &["pause", "--owner", "runtime"]), @"
    exit 2
    ! millrace: invalid value 'runtime' for '--owner <NAME>': that is what the runtime calls itself
    ! hint: `millrace pause --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["pause", "--owner", "a b"]), @"
    exit 2
    ! millrace: invalid value 'a b' for '--owner <NAME>': expected at most 128 letters, digits, `.`, `_` or `-`
    ! hint: `millrace pause --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["resume", "--cause", "budget"]), @"
    exit 2
    ! millrace: budget is no harness that can be tried again
    ! hint: `harness:` and a runner, as `millrace status` has it, or `approval`; a pause is lifted with `--owner`
    ");
    insta::assert_snapshot!(told(&repo, &["resume", "--cause", "harness:x"]), @"
    exit 0
    action   resume
    applied  false
    detail   nothing to do: there is no ledger yet
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["resume", "--cause", "harness:x", "--owner", "y"]), @"
    exit 2
    ! millrace: the argument '--cause <CAUSE>' cannot be used with '--owner <NAME>'
    ! hint: `millrace resume --help` shows what there is
    ");
    insta::assert_snapshot!(told(&repo, &["pause", "--request-id", "a b"]), @"
    exit 2
    ! millrace: --request-id: the request id is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ! hint: `millrace pause --help` shows what there is
    ");
    assert!(repo.git_output(&["rev-parse", "--verify", "refs/millrace/state"]).status.code() != Some(0));
}

/// M-03: an outage rests with a cause, and what healed is tried again without waiting for its time.
#[test]
fn m03_a_harness_that_rests_is_tried_again_when_somebody_asks() {
    let repo = TestRepo::with_commit();
    let harness = repo.beside().join("harness");
    let runner =
        format!("[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [{harness:?}]\n");
    repo.write("millrace-agents/millrace.toml", runner);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    assert_eq!(causes(&repo), ["harness:command of runtime"]);
    // A pause of the operator's is another matter.
    insta::assert_snapshot!(told(&repo, &["resume"]).split(" until ").next().expect("text"), @"
    exit 0
    action   resume
    applied  false
    detail   operator has not paused dispatch; dispatch still rests: harness:command (runtime
    ");
    insta::assert_snapshot!(told(&repo, &["resume", "--cause", "harness:command"]), @"
    exit 0
    action   resume
    applied  true
    detail   harness:command is tried again at once
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["resume", "--cause", "harness:command"]), @"
    exit 0
    action   resume
    applied  false
    detail   the next try of harness:command is due already
    commit   none
    ");
    assert_eq!(causes(&repo), ["harness:command of runtime"], "it stands until a stage came to something");
    // Still broken: one try, and it rests again.
    let tried = well(&repo, &["run", "daemon", "--until-idle"]);
    assert!(tried.contains("\nwaits: harness:command: missing_program: "), "{tried}");
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "active");
    // Healed: the next try comes to something, and nothing rests any more.
    std::fs::write(&harness, "#!/bin/sh\necho '### BUILDER_COMPLETE'\n").expect("a harness");
    std::fs::set_permissions(&harness, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    well(&repo, &["resume", "--cause", "harness:command"]);
    let once = well(&repo, &["run", "once"]);
    assert!(once.contains("builder -> checker (BUILDER_COMPLETE)"), "{once}");
    assert!(causes(&repo).is_empty());
}

#[test]
fn stop_is_refused_where_there_is_nothing_to_stop() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(told(&repo, &["stop"]), @"
    exit 1
    ! millrace: no runtime lives here that could be stopped
    ! hint: `millrace pause` keeps the next one from starting stages
    ");
    insta::assert_snapshot!(told(&repo, &["control", "stop", "--now", "--json"]), @"
    exit 1
    ! millrace: no runtime lives here that could be stopped
    ! hint: `millrace pause` keeps the next one from starting stages
    ");
    script(&repo, "stages:\n  builder:\n    - - write: {path: built.txt, content: x}\n      - sleep: 120\n");
    queue(&repo, &task("a"));
    let _once = Following::start(&repo, &["run", "once"]);
    while !repo.path().join("built.txt").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let text = told(&repo, &["stop"]);
    let (before, after) = text.split_once("to stop: millrace ").expect("who works here");
    let after = after.split_once('\n').expect("a line").1;
    insta::assert_snapshot!(format!("{before}to stop: [who]\n{after}"), @"
    exit 1
    ! millrace: the runtime that works here has no session to stop: [who]
    ! hint: `millrace run once` ends by itself after its stage; a daemon that only just starts has one soon
    ");
}

#[test]
fn what_a_dead_runtime_left_is_said_and_only_its_session_is_struck_off() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(told(&repo, &["clear-stale-state"]), @"
    exit 0
    action   clear-stale-state
    applied  false
    detail   nothing to do: there is no ledger yet
    commit   none
    ");
    script(&repo, "stages:\n  builder:\n    - - write: {path: built.txt, content: x}\n      - sleep: 120\n");
    queue(&repo, &task("a"));
    let daemon = Following::start(&repo, &["run", "daemon"]);
    while !repo.path().join("built.txt").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    insta::assert_snapshot!(told(&repo, &["clear-stale-state"]), @"
    exit 0
    action   clear-stale-state
    applied  false
    detail   no session is left of a runtime that died; nothing else was found
    commit   none
    ");
    drop(daemon);
    well(&repo, &["pause", "--reason", "look first"]);
    let before = repo.git(&["ls-tree", "-r", "refs/millrace/state"]);
    insta::assert_snapshot!(told(&repo, &["control", "clear-stale-state", "--reason", "it was killed"]), @"
    exit 0
    action   clear-stale-state
    applied  true
    detail   session [oid] is over; found: nobody runs task/a at execution/builder (launch 1 has no end yet), dispatch rests: operator (operator); nothing is requeued, a runtime that starts goes on from there
    commit   [oid]
    ");
    insta::assert_snapshot!(told(&repo, &["clear-stale-state"]), @"
    exit 0
    action   clear-stale-state
    applied  false
    detail   no session is left of a runtime that died; found: nobody runs task/a at execution/builder (launch 1 has no end yet), dispatch rests: operator (operator); nothing is requeued, a runtime that starts goes on from there
    commit   none
    ");
    // Item, run and counters are as they were.
    let after = repo.git(&["ls-tree", "-r", "refs/millrace/state"]);
    let changed: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line))
        .filter_map(|line| line.split_once('\t'))
        .map(|(_, path)| path)
        .collect();
    assert_eq!(changed, ["control.toml", "transition.toml"]);
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "active");
    assert_eq!(data(&repo, "verify", &["verify"])["sound"], true);
}

/// M-18: a mode that does not exist is refused, and what was selected stays.
#[test]
fn m18_reloading_compiles_and_selects_or_leaves_all_as_it_was() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    insta::assert_snapshot!(told(&repo, &["reload-config"]), @"
    exit 0
    action   reload-config
    applied  false
    detail   plan-standard_plain-[id] is selected already; what runs keeps its plan
    commit   none
    ");
    insta::assert_snapshot!(told(&repo, &["config", "reload", "--mode", "nope"]), @"
    exit 2
    ! millrace: --mode: there is no mode `nope`; expected `standard_plain`
    ! hint: plan-standard_plain-[id] stays selected
    ");
    let config = repo.read("millrace-agents/millrace.toml");
    repo.write("millrace-agents/millrace.toml", format!("{config}\n[limits]\nmax_launches_per_item = 7\n"));
    let reloaded = data(&repo, "control", &["control", "reload-config"]);
    assert_eq!((&reloaded["action"], &reloaded["applied"]), (&"reload-config".into(), &true.into()));
    let subject = repo.git(&["log", "-1", "--format=%s", reloaded["commit"].as_str().expect("a commit")]);
    assert!(subject.starts_with("compile: plan-standard_plain-"), "{subject}");
    repo.write("millrace-agents/millrace.toml", "[limits]\nmax_launches_per_itm = 7\n");
    let selected = repo.git(&["show", "refs/millrace/state:control.toml"]);
    insta::assert_snapshot!(told(&repo, &["config", "reload"]), @"
    exit 2
    ! millrace: millrace-agents/millrace.toml:2: limits.max_launches_per_itm: this key is not known; expected `limits.max_launches_per_item`
    ! hint: plan-standard_plain-[id] stays selected
    ");
    assert_eq!(repo.git(&["show", "refs/millrace/state:control.toml"]), selected);
}

/// A receipt may outlive its commit only in a ledger that is not what our rules make.
#[test]
fn a_receipt_without_its_commit() {
    let repo = TestRepo::with_commit();
    well(&repo, &["pause", "--request-id", "r"]);
    let receipt = repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state", "receipts"]);
    let text = repo.git(&["show", &format!("refs/millrace/state:{receipt}")]).replace("seq = 2", "seq = 0");
    forge(&repo, &receipt, Some(&(text + "\n")));
    // As if this machine had never looked at what it builds on.
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    std::fs::write(repo.git_dir().join("millrace/believed"), format!("{tip}\n")).expect("a memory");
    insta::assert_snapshot!(told(&repo, &["pause", "--request-id", "r"]), @"
    exit 5
    ! millrace: the ledger cannot be read: number 0: a request was answered by it, and it is not in the chain
    ! hint: `millrace verify` names every commit that is wrong
    ");
}
