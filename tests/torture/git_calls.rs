//! SIGKILL inside the git processes that Millrace starts: at a writing call of one of them git alone dies, or git and
//! its caller at once.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::kill_at_call::goes_on_and_repeats_at_most_one_stage;
use super::project::{add, copy, fixture, millrace, project, said, states, succeeds};
use super::size::Proof;
use super::soundness::{millrace_goes_on, packs, users_git_works};
use super::strace::{At, WRITING, needed, writing_calls};
use crate::repo::TestRepo;

/// The program with `fixtures/torture/git.sh` in git's place.
fn with_shim(repo: &TestRepo, args: &[&str]) -> Command {
    let shims = repo.beside().join("shims");
    let _ = std::fs::create_dir(&shims);
    let link = shims.join("git");
    if !link.exists() {
        std::os::unix::fs::symlink(fixture("git.sh"), link).expect("a link");
    }
    let path = std::env::var("PATH").expect("a PATH");
    let mut command = millrace(repo, args);
    command
        .env("PATH", format!("{}:{path}", shims.display()))
        .env("TORTURE_GIT", real_git(&path))
        .env("TORTURE_CALLS", calls(repo));
    let _ = std::fs::create_dir(calls(repo));
    command
}

/// Where the calls of git are counted.
fn calls(repo: &TestRepo) -> PathBuf {
    repo.beside().join("git-calls")
}

fn real_git(path: &str) -> PathBuf {
    std::env::split_paths(path)
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file())
        .expect("git on the PATH")
}

/// Which git call, and where in it.
fn recorded(template: &TestRepo, args: &[&str]) -> Vec<(String, At)> {
    let repo = copy(template);
    let mut command = with_shim(&repo, args);
    command.env("TORTURE_TRACE", WRITING);
    succeeds(command);
    let mut names: Vec<String> = std::fs::read_dir(calls(&repo))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let log = std::fs::read_to_string(calls(&repo).join(&name).join("log")).expect("a recording");
        // What goes to a pipe is no state of git's, and it opens /dev/null to be sure of its descriptors.
        let quiet = |at: &At| !at.shown.starts_with("write(1,") && !at.shown.contains("\"/dev/null\"");
        all.extend(writing_calls(&log).into_iter().filter(quiet).map(|at| (name.clone(), at)));
    }
    assert!(!all.is_empty(), "git writes something");
    all
}

fn torture(
    proof: &Proof,
    template: &TestRepo,
    args: &[&str],
    most: usize,
    mut then: impl FnMut(&TestRepo, &str, bool),
) -> String {
    let points = recorded(template, args);
    let all = points.len();
    let mut seen = BTreeMap::<&str, usize>::new();
    let mut chance = proof.chance();
    for (call, at) in chance.some(points, most) {
        let together = proof.size(vec![chance.below(2) == 0], vec![false, true]);
        for with_caller in together {
            let repo = copy(template);
            let when = format!("git {call} killed at {} (its caller too: {with_caller})", at.shown);
            let mut command = with_shim(&repo, args);
            command.env("TORTURE_CALL", &call).env("TORTURE_INJECT", at.inject());
            if with_caller {
                command.env("TORTURE_PARENT", "yes");
            }
            let output = command.output().expect("it runs");
            let hit = calls(&repo).join("killed").exists();
            let kind = match (hit, output.status.signal(), output.status.code()) {
                (false, ..) => "not reached",
                (true, Some(9), _) => "both killed",
                (true, _, Some(0)) => "went on without it",
                (true, _, Some(_)) => "failed with a message",
                other => panic!("{when}: {other:?} {}", said(&output)),
            };
            *seen.entry(kind).or_default() += 1;
            users_git_works(&repo, &when);
            then(&repo, &when, output.status.success());
        }
    }
    assert!(seen.get("not reached").is_none_or(|missed| missed * 5 <= all), "{seen:?}");
    format!("{} kills at {all} calls, {seen:?}", seen.values().sum::<usize>())
}

#[test]
fn killed_in_gits_part_of_a_fold() {
    needed();
    let proof = Proof::begin("SIGKILL in git: fold");
    let template = project();
    let mut n = 0;
    while packs(&template).0 < millrace::domain::limits::FOLD_AT - 1 {
        add(&template, &format!("filler-{n}"));
        n += 1;
    }
    super::project::task(&template, "wanted");
    let seen = torture(
        &proof,
        &template,
        &["queue", "add-task", "../documents/wanted.md"],
        proof.size(4, usize::MAX),
        |repo, when, acknowledged| {
            let there = states(repo, "wanted").len();
            assert!(
                there <= 1 && (there == 1 || !acknowledged),
                "{when}: acknowledged, and {there} times there"
            );
            millrace_goes_on(repo, when);
        },
    );
    proof.end(&seen);
}

#[test]
fn killed_in_gits_part_of_a_launch_and_a_handoff() {
    needed();
    let proof = Proof::begin("SIGKILL in git: launch and handoff");
    let template = project();
    add(&template, "wanted");
    let seen = torture(&proof, &template, &["run", "once"], proof.size(4, usize::MAX), |repo, when, _| {
        goes_on_and_repeats_at_most_one_stage(repo, when);
    });
    proof.end(&seen);
}
