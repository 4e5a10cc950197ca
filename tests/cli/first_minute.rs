//! The first minute with a repository that has never seen us: `compile validate`, `run once`, `status`, nothing else.

use std::process::Output;

use super::commands::{MILLRACE, everything, names, said};
use crate::support::repo::TestRepo;

const COMMANDS: [&[&str]; 3] = [&["compile", "validate"], &["run", "once"], &["status"]];

/// The three commands on a path, with everything that they said.
fn minute(repo: &TestRepo, workspace: &str) -> String {
    let mut text = String::new();
    for command in COMMANDS {
        text.extend(["$ ", &command.join(" "), "\n"]);
        let output: Output = repo
            .command(MILLRACE)
            .args(command)
            .args(["--workspace", workspace])
            .current_dir(repo.beside())
            .output()
            .expect("millrace runs");
        text.push_str(&said(repo, &output));
    }
    text
}

const WELL: &str = "\
$ compile validate
exit 0
ok        true
plan      plan-standard_plain-[id]
mode      standard_plain
selected  now
! created [repo]/millrace-agents
! created [repo]/millrace-agents/millrace.toml
! created [repo]/millrace-agents/.gitignore
$ run once
exit 0
run_mode  once
plan      plan-standard_plain-[id]
mode      standard_plain
outcome   no_work
$ status
exit 0
workspace  [repo]
ledger     number 2, [oid]
plan       plan-standard_plain-[id]
mode       standard_plain
runtime    none

       queued  waiting  held  active  blocked  done  archived
tasks  0       0        0     0       0        0     0

next: nothing to do
";

/// What a repository holds after it, beside what it held before.
const MADE: [&str; 11] = [
    ".git/millrace",
    ".git/millrace/approved-plans",
    ".git/millrace/believed",
    ".git/millrace/daemon.lock",
    ".git/millrace/lock",
    ".git/millrace/packs",
    ".git/millrace/publishing",
    "README.md",
    "millrace-agents",
    "millrace-agents/.gitignore",
    "millrace-agents/millrace.toml",
];

#[track_caller]
fn made_nothing_else(repo: &TestRepo, readme: bool) {
    let expected: Vec<&str> = MADE.into_iter().filter(|name| readme || *name != "README.md").collect();
    let found: Vec<String> = names(repo).into_iter().filter(|name| name != ".git").collect();
    assert_eq!(found, expected);
    assert!(repo.read("millrace-agents/millrace.toml").contains("[runners.codex]"));
    assert!(repo.read("millrace-agents/millrace.toml").contains("permission_default = \"maximum\""));
    assert_eq!(repo.git(&["for-each-ref", "--format=%(refname)", "refs/millrace"]), "refs/millrace/state");
    assert!(repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state"]).contains("/plan.toml"));
}

#[test]
fn a_fresh_repository() {
    let repo = TestRepo::with_commit();
    assert_eq!(minute(&repo, "repo"), WELL);
    made_nothing_else(&repo, true);
}

#[test]
fn a_repository_without_a_commit() {
    let repo = TestRepo::init();
    assert_eq!(minute(&repo, "repo"), WELL);
    made_nothing_else(&repo, false);
}

#[test]
fn a_folder_of_a_repository() {
    let repo = TestRepo::with_commit();
    repo.write("deep/down/file", "");
    assert_eq!(minute(&repo, "repo/deep/down"), WELL);
    assert!(!repo.path().join("deep/down/millrace-agents").exists());
    assert!(!repo.path().join("deep/millrace-agents").exists());
}

#[test]
fn a_detached_head() {
    let repo = TestRepo::with_commit();
    repo.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(minute(&repo, "repo"), WELL);
    made_nothing_else(&repo, true);
}

#[test]
fn in_the_middle_of_a_merge() {
    let repo = TestRepo::with_commit();
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("README.md", "side\n");
    repo.git(&["commit", "--quiet", "-am", "side"]);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("README.md", "main\n");
    repo.git(&["commit", "--quiet", "-am", "main"]);
    assert!(!repo.git_output(&["merge", "side"]).status.success());
    let index = std::fs::read(repo.git_dir().join("index")).expect("an index");
    // Looking at an empty queue needs no work tree.
    assert_eq!(minute(&repo, "repo"), WELL);
    assert_eq!(std::fs::read(repo.git_dir().join("index")).expect("an index"), index);
    assert!(repo.git_dir().join("MERGE_HEAD").exists());
}

#[test]
fn a_bare_repository() {
    let repo = TestRepo::init_with(&["--bare"]);
    let before = everything(repo.path());
    insta::assert_snapshot!(minute(&repo, "repo"), @"
    $ compile validate
    exit 3
    ! millrace: [repo] is a bare repository: a plan is compiled in a work tree of it
    ! hint: no plan is selected, so nothing runs yet
    $ run once
    exit 3
    ! millrace: [repo] is a bare repository: it takes intake and review; run in a work tree of it
    $ status
    exit 0
    workspace  [repo]
    ledger     none yet
    plan       none
    mode       none
    runtime    none
    ");
    assert_eq!(everything(repo.path()), before);
}

#[test]
fn a_plain_folder() {
    let repo = TestRepo::init();
    let plain = repo.beside().join("plain");
    std::fs::create_dir(&plain).expect("a folder");
    insta::assert_snapshot!(minute(&repo, "plain"), @r"
    $ compile validate
    exit 3
    ! millrace: [root]/plain is not in a git repository: run `git init` in the project's top folder first
    $ run once
    exit 3
    ! millrace: [root]/plain is not in a git repository: run `git init` in the project's top folder first
    $ status
    exit 3
    ! millrace: [root]/plain is not in a git repository: run `git init` in the project's top folder first
    ");
    assert_eq!(everything(&plain).len(), 1);
}

#[test]
fn m18_a_path_that_is_mistyped() {
    let repo = TestRepo::with_commit();
    let before = everything(repo.beside());
    insta::assert_snapshot!(minute(&repo, "rpeo"), @r"
    $ compile validate
    exit 3
    ! millrace: rpeo does not exist: check the path
    $ run once
    exit 3
    ! millrace: rpeo does not exist: check the path
    $ status
    exit 3
    ! millrace: rpeo does not exist: check the path
    ");
    assert_eq!(everything(repo.beside()), before);
}

#[test]
fn a_file_is_no_workspace() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(minute(&repo, "repo/README.md"), @r"
    $ compile validate
    exit 3
    ! millrace: [repo]/README.md is not a folder: name the work tree or a folder in it
    $ run once
    exit 3
    ! millrace: [repo]/README.md is not a folder: name the work tree or a folder in it
    $ status
    exit 3
    ! millrace: [repo]/README.md is not a folder: name the work tree or a folder in it
    ");
    assert!(!repo.path().join("millrace-agents").exists());
}

#[test]
fn init_says_what_it_made_and_a_second_one_changes_nothing() {
    let repo = TestRepo::with_commit();
    let call = || {
        let output = repo.command(MILLRACE).arg("init").output().expect("millrace runs");
        said(&repo, &output)
    };
    insta::assert_snapshot!(call(), @r"
    exit 0
    created [repo]/millrace-agents
    created [repo]/millrace-agents/millrace.toml
    created [repo]/millrace-agents/.gitignore
    began the ledger refs/millrace/state
    compiled and selected plan-standard_plain-[id]
    ");
    let before = everything(repo.path());
    insta::assert_snapshot!(call(), @r"
    exit 0
    nothing to do: [repo] is set up, with plan-standard_plain-[id]
    ");
    assert_eq!(everything(repo.path()), before);
}
