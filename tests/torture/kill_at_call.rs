//! SIGKILL at the k-th system call that writes, k from 1 to the end: of one `queue add-task`, of one that folds, and of
//! one `run once` (a claim with its snapshot, a launch, a stage, a snapshot, a handoff).

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use super::project::{add, copy, millrace, project, project_in_reftable, said, states, succeeds, task};
use super::size::Proof;
use super::soundness::{MAX_PACKS, keeps, millrace_goes_on, packs, users_git_works};
use super::strace::{At, WRITING, needed, traced, writing_calls};
use crate::repo::TestRepo;

/// The writing calls that the program makes on a copy of `template`.
pub(crate) fn recorded(template: &TestRepo, args: &[&str]) -> Vec<At> {
    let repo = copy(template);
    let log = repo.beside().join("calls");
    let words: Vec<&str> = std::iter::once(super::project::program()).chain(args.iter().copied()).collect();
    let trace = format!("trace={WRITING}");
    succeeds(traced(&repo, &["-e", &trace], &log, &words));
    let calls = writing_calls(&std::fs::read_to_string(log).expect("a recording"));
    assert!(calls.len() > 10, "a recording of {} calls", calls.len());
    calls
}

/// What a run that was to be killed came to.
pub(crate) struct Ended {
    pub(crate) killed: bool,
    /// It had said that it was done.
    pub(crate) acknowledged: bool,
}

/// Runs the program on this copy and kills it at that call.
fn killed(repo: &TestRepo, at: &At, args: &[&str]) -> Ended {
    let words: Vec<&str> = std::iter::once(super::project::program()).chain(args.iter().copied()).collect();
    let inject = format!("inject={}", at.inject());
    let log = repo.beside().join("calls");
    let trace = format!("trace={}", at.name);
    let output = traced(repo, &["-e", &trace, "-e", &inject], &log, &words).output().expect("strace runs");
    let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
    assert!(killed || output.status.success(), "at {}: {}", at.shown, said(&output));
    Ended { killed, acknowledged: output.status.success() || !output.stdout.is_empty() }
}

/// Kills one `queue add-task` of a copy at each of these calls.
fn torture_intake(proof: &Proof, template: &TestRepo, most: usize, folds: bool) -> String {
    let document = "../documents/wanted.md";
    task(template, "wanted");
    let args = ["queue", "add-task", document];
    let mut calls = recorded(template, &args);
    if folds && most < calls.len() {
        // A part of it is the fold's part, and one call before.
        let swap =
            calls.iter().position(|at| at.shown.starts_with("rename") && at.shown.contains("state.lock"));
        calls.drain(1..swap.expect("the swap"));
    }
    let all = calls.len();
    let mut seen = BTreeMap::<&str, usize>::new();
    for at in proof.chance().some(calls, most) {
        let repo = copy(template);
        let when = format!("killed at {}", at.shown);
        let ended = killed(&repo, &at, &args);
        users_git_works(&repo, &when);
        let there = states(&repo, "wanted");
        assert!(there.len() <= 1, "{when}: {there:?}");
        assert!(!ended.acknowledged || there.len() == 1, "{when}: acknowledged, and not there");
        *seen
            .entry(if !ended.killed {
                "not reached"
            } else if there.is_empty() {
                "as before"
            } else {
                "done"
            })
            .or_default() += 1;
        millrace_goes_on(&repo, &when);
        // The very same once more is a success, whatever became of the first.
        succeeds(millrace(&repo, &args));
        assert_eq!(states(&repo, "wanted").len(), 1, "{when}");
        assert_eq!(keeps(&repo), Vec::<String>::new(), "{when}");
        let (ours, _) = packs(&repo);
        assert!(ours <= MAX_PACKS, "{when}: {ours} packs");
    }
    assert!(seen.contains_key("as before") && seen.contains_key("done"), "both sides of the swap: {seen:?}");
    assert!(seen.get("not reached").is_none_or(|missed| missed * 10 <= all), "{seen:?}");
    format!("{} of {all} calls, {seen:?}", seen.values().sum::<usize>())
}

#[test]
fn killed_at_any_call_of_an_intake() {
    needed();
    let proof = Proof::begin("SIGKILL at a call: queue add-task");
    let template = project();
    add(&template, "first");
    let seen = torture_intake(&proof, &template, proof.size(10, usize::MAX), false);
    proof.end(&seen);
}

/// There git writes the refs, in a process that goes on to its end.
#[test]
fn killed_at_any_call_of_an_intake_in_a_reftable() {
    needed();
    let proof = Proof::begin("SIGKILL at a call: queue add-task, reftable");
    let template = project_in_reftable();
    add(&template, "first");
    let seen = torture_intake(&proof, &template, proof.size(10, usize::MAX), false);
    proof.end(&seen);
}

#[test]
fn killed_at_any_call_of_a_fold() {
    needed();
    let proof = Proof::begin("SIGKILL at a call: fold");
    let template = project();
    let mut n = 0;
    // One more brings the fold.
    while packs(&template).0 < millrace::domain::limits::FOLD_AT - 1 {
        add(&template, &format!("filler-{n}"));
        n += 1;
    }
    let folded = copy(&template);
    add(&folded, "trigger");
    assert_eq!(packs(&folded).0, 1, "the next one folds");
    let seen = torture_intake(&proof, &template, proof.size(8, usize::MAX), true);
    proof.end(&seen);
}

#[test]
fn killed_at_any_call_of_a_launch_and_a_handoff() {
    needed();
    let proof = Proof::begin("SIGKILL at a call: launch and handoff");
    let template = project();
    add(&template, "wanted");
    let calls = recorded(&template, &["run", "once"]);
    let all = calls.len();
    let mut seen = BTreeMap::<String, usize>::new();
    for at in proof.chance().some(calls, proof.size(8, usize::MAX)) {
        let repo = copy(&template);
        let when = format!("killed at {}", at.shown);
        let ended = killed(&repo, &at, &["run", "once"]);
        users_git_works(&repo, &when);
        let reached = if ended.killed { states(&repo, "wanted").join("+") } else { "not reached".to_owned() };
        *seen.entry(reached).or_default() += 1;
        goes_on_and_repeats_at_most_one_stage(&repo, &when);
    }
    assert!(
        seen.contains_key("queued") && seen.contains_key("active"),
        "before and after the claim: {seen:?}"
    );
    proof.end(&format!("{} of {all} calls, {seen:?}", seen.values().sum::<usize>()));
}

/// After one kill in the first stage: everything is done unattended, only that stage may have started twice, and never
/// beside itself.
#[track_caller]
pub(crate) fn goes_on_and_repeats_at_most_one_stage(repo: &TestRepo, when: &str) {
    let handed_off = repo.git(&["log", "--format=%s", "refs/millrace/state"]).contains("handoff: ");
    succeeds(millrace(repo, &["run", "daemon", "--until-idle"]));
    assert_eq!(states(repo, "wanted"), ["done"], "{when}");
    let log = std::fs::read_to_string(repo.beside().join("harness.log")).expect("a log");
    let starts = |stage: &str| {
        log.lines().filter(|line| line.starts_with("start ") && line.split(' ').nth(2) == Some(stage)).count()
    };
    assert!(!log.contains("overlap"), "{when}: two at once\n{log}");
    assert!((1..=if handed_off { 1 } else { 2 }).contains(&starts("builder")), "{when}:\n{log}");
    assert_eq!((starts("checker"), starts("updater")), (1, 1), "{when}:\n{log}");
    let done = repo.read("work.txt");
    for stage in ["builder", "checker", "updater"] {
        let ends = done.lines().filter(|line| line.ends_with(&format!("{stage} ended"))).count();
        assert_eq!(ends, 1, "{when}: the work of {stage} is there once\n{done}");
    }
    millrace_goes_on(repo, when);
    assert_eq!(keeps(repo), Vec::<String>::new(), "{when}");
}
