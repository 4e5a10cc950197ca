//! Hooks of a work tree: commits, merges, and pushes that have not happened yet.

use super::{Scene, WORK, called, install, origin, queue, script, told};
use crate::cli::commands::{MILLRACE, millrace, task};

/// A client with these rules in its own file, and all three hooks.
fn client(rules: &str) -> Scene {
    let scene = Scene::new("");
    std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
    let git_dir = scene.client.git_dir();
    for name in ["post-commit", "post-merge", "pre-push"] {
        install(&git_dir, name);
    }
    std::fs::create_dir_all(git_dir.join("millrace")).expect("a folder");
    std::fs::write(git_dir.join("millrace/rules.toml"), rules).expect("rules");
    scene
}

fn on(rules: &str, hook: &str) -> String {
    format!("{rules}on = [\"{hook}\"]\n")
}

/// What git's hooks said of a command that went well.
#[track_caller]
fn says(scene: &Scene, arguments: &[&str]) -> Vec<String> {
    let output = scene.client.git_output(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {said}");
    told(&said)
}

#[test]
fn a_commit_brings_its_documents_and_trailers() {
    let scene = client(&on(&format!("{WORK}trailers = true\n"), "post-commit"));
    let repo = &scene.client;
    repo.write("work/a.md", task("a"));
    repo.git(&["add", "-A"]);
    let said = says(&scene, &["commit", "--quiet", "-m", "a\n\nMillrace-Task: see to it\n"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: task/a, task/see-to-it-"), "{said}");
    let from = origin(repo, repo.path(), "task/a");
    assert!(from.starts_with("commit on refs/heads/main by "), "{from}");
    // An amended one is the same work.
    assert!(says(&scene, &["commit", "--quiet", "--amend", "--no-edit"]).is_empty());
    // Commits of a detached HEAD are on no branch.
    repo.git(&["checkout", "--quiet", "--detach"]);
    repo.write("work/b.md", task("b"));
    repo.git(&["add", "-A"]);
    assert!(says(&scene, &["commit", "--quiet", "-m", "b"]).is_empty());
    assert_eq!(queue(repo, repo.path()).len(), 2);
}

#[test]
fn the_first_commit_of_all_is_new() {
    let scene = Scene::empty("");
    let repo = &scene.client;
    install(&repo.git_dir(), "post-commit");
    std::fs::create_dir_all(repo.git_dir().join("millrace")).expect("a folder");
    std::fs::write(repo.git_dir().join("millrace/rules.toml"), WORK).expect("rules");
    repo.write("work/a.md", task("a"));
    repo.git(&["add", "-A"]);
    assert_eq!(says(&scene, &["commit", "--quiet", "-m", "a"]), ["held until `millrace release`: task/a"]);
}

#[test]
fn a_merge_brings_what_came() {
    let scene = client(&on(WORK, "post-merge"));
    let repo = &scene.client;
    repo.git(&["checkout", "--quiet", "-b", "theirs"]);
    scene.task("a");
    scene.task("b");
    repo.git(&["checkout", "--quiet", "main"]);
    assert!(
        says(&scene, &["merge", "--squash", "--quiet", "theirs"]).is_empty(),
        "a squash merges nothing yet"
    );
    repo.git(&["reset", "--quiet", "--hard"]);
    // Fast forward: HEAD's parent is not where it stood.
    assert_eq!(
        says(&scene, &["merge", "--quiet", "theirs"]),
        ["held until `millrace release`: task/a, task/b"]
    );
    let from = origin(repo, repo.path(), "task/b");
    assert!(from.starts_with("merge into refs/heads/main by "), "{from}");
    repo.git(&["checkout", "--quiet", "-b", "more", "theirs"]);
    scene.task("c");
    repo.git(&["checkout", "--quiet", "main"]);
    assert_eq!(
        says(&scene, &["merge", "--quiet", "--no-ff", "more"]),
        ["held until `millrace release`: task/c"]
    );
}

#[test]
fn what_is_on_its_way_is_held_whoever_pushes_it() {
    let scene = client(&on(&format!("{WORK}trust = true\n"), "pre-push"));
    let repo = &scene.client;
    scene.task("a");
    assert_eq!(scene.pushed(&["main"]), ["held until `millrace release`: task/a"]);
    let from = origin(repo, repo.path(), "task/a");
    assert!(from.starts_with("push on its way to refs/heads/main by "), "{from}");
    // A new branch brings what the remote has not.
    repo.git(&["checkout", "--quiet", "-b", "feature"]);
    scene.task("b");
    assert_eq!(scene.pushed(&["HEAD:refs/heads/other"]), ["held until `millrace release`: task/b"]);
    assert!(scene.pushed(&["--delete", "other"]).is_empty());
    // What the other side has is not known here, and the push is rejected.
    script(&scene.server.join("hooks/pre-receive"), "#!/bin/sh\nexit 1\n");
    scene.task("c");
    let output = scene.push(&["feature"]);
    assert!(!output.status.success());
    assert_eq!(queue(repo, repo.path()), ["held task/a", "held task/b", "held task/c"]);
    let unknown = format!(
        "refs/heads/feature {} refs/heads/feature {}\n",
        repo.git(&["rev-parse", "HEAD"]),
        "1".repeat(40)
    );
    let mut command = millrace(repo, &["hook", "pre-push", "origin", "file:///nowhere"]);
    command.env("GIT_DIR", repo.git_dir());
    assert_eq!(called(command, &unknown), (0, Vec::new()));
}

#[test]
fn a_rule_that_blocks_stops_a_push_and_nothing_else() {
    let rules = format!("{WORK}block = true\n");
    let scene = client(&rules);
    let repo = &scene.client;
    repo.write("work/bad.md", "no front matter\n");
    repo.git(&["add", "-A"]);
    let said = says(&scene, &["commit", "--quiet", "-m", "bad"]).join("\n");
    assert!(said.starts_with("not taken: main:work/bad.md:1: ") && !said.contains("stopped"), "{said}");
    let output = scene.push(&["main"]);
    let said = told(&String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
    assert_eq!(said[1], "the push is stopped: the rule work says so (`block`)", "{said:?}");
    std::fs::write(repo.git_dir().join("millrace/rules.toml"), WORK).expect("rules");
    scene.pushed(&["main"]);
}

#[test]
fn a_dry_call_takes_nothing_and_says_what_it_would() {
    let scene = client(&format!("{WORK}ideas = [\"ideas/*\"]\n"));
    let repo = &scene.client;
    std::fs::remove_file(repo.git_dir().join("hooks/post-commit")).expect("removed");
    repo.write("ideas/x.md", "# X\n");
    scene.task("a");
    let expected =
        ["would take task/a of main:work/a.md (held)", "would take the idea x of main:ideas/x.md (held)"];
    let dry = millrace(repo, &["hook", "--dry-run", "post-commit"]);
    let (code, mut said) = called(dry, "");
    said.reverse();
    assert_eq!((code, said.iter().map(String::as_str).collect::<Vec<_>>()), (0, expected.to_vec()));
    let mut by_variable = millrace(repo, &["hook", "post-commit"]);
    by_variable.env("MILLRACE_HOOK_DRY_RUN", "1");
    assert_eq!(called(by_variable, "").1.len(), 2);
    assert!(repo.git(&["for-each-ref", "refs/millrace"]).is_empty());
}

#[test]
fn in_a_linked_work_tree_and_with_gits_variables_it_is_the_same_ledger() {
    let scene = client(&on(WORK, "post-commit"));
    let repo = &scene.client;
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", linked.to_str().expect("UTF-8")]);
    std::fs::create_dir_all(linked.join("work")).expect("a folder");
    std::fs::write(linked.join("work/a.md"), task("a")).expect("a file");
    let git = |arguments: &[&str]| {
        let output = repo.command("git").args(arguments).current_dir(&linked).output().expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        told(&String::from_utf8_lossy(&output.stderr))
    };
    git(&["add", "-A"]);
    // A commit of some paths is made with another index, which hooks are told of.
    assert_eq!(git(&["commit", "--quiet", "-m", "a", "work"]), ["held until `millrace release`: task/a"]);
    assert_eq!(queue(repo, repo.path()), ["held task/a"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    // The work tree is elsewhere than the repository.
    let far = repo.beside().join("far");
    std::fs::create_dir_all(far.join("work")).expect("a folder");
    std::fs::write(far.join("work/b.md"), task("b")).expect("a file");
    let output = repo
        .command("git")
        .arg(format!("--git-dir={}", repo.git_dir().display()))
        .arg(format!("--work-tree={}", far.display()))
        .args(["-c", "core.bare=false", "add", "-A"])
        .current_dir(&far)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = repo
        .command("git")
        .arg(format!("--git-dir={}", repo.git_dir().display()))
        .arg(format!("--work-tree={}", far.display()))
        .args(["commit", "--quiet", "-m", "b"])
        .current_dir(&far)
        .output()
        .expect("git runs");
    assert_eq!(told(&String::from_utf8_lossy(&output.stderr)), ["held until `millrace release`: task/b"]);
}

#[test]
fn a_name_that_is_no_hook_is_refused() {
    let scene = Scene::new("");
    let output =
        scene.client.command(MILLRACE).args(["hook", "pre-receive"]).output().expect("millrace runs");
    assert_eq!(output.status.code(), Some(2));
    let output = scene.client.command(MILLRACE).args(["hook", "reference-transaction", "prepared"]).output();
    assert_eq!(output.expect("millrace runs").status.code(), Some(0));
}

#[test]
fn nothing_that_is_wrong_around_it_breaks_a_push() {
    use std::os::unix::ffi::OsStrExt as _;
    let scene = client(&on(WORK, "pre-push"));
    let head = scene.client.git(&["rev-parse", "HEAD"]);
    let line = format!("refs/heads/main {head} refs/heads/main {head}\n");
    let mut command = scene.client.command(MILLRACE);
    command.args(["hook", "pre-push", "--dry-run"]).arg(std::ffi::OsStr::from_bytes(b"file:///\xff"));
    command.env("MILLRACE_LOG", "=,=");
    assert_eq!(called(command, &line), (0, Vec::new()));
}

#[test]
fn a_list_of_pushers_trusts_nobody_with_what_others_wrote() {
    let rules = on(&format!("{WORK}trust = [\"{}\"]\n", super::user()), "post-merge");
    let scene = client(&rules);
    let repo = &scene.client;
    repo.git(&["checkout", "--quiet", "-b", "theirs"]);
    scene.task("a");
    repo.git(&["checkout", "--quiet", "main"]);
    assert_eq!(says(&scene, &["merge", "--quiet", "theirs"]), ["held until `millrace release`: task/a"]);
    let rules = on(&format!("{WORK}trust = true\n"), "post-merge");
    std::fs::write(repo.git_dir().join("millrace/rules.toml"), rules).expect("rules");
    repo.git(&["checkout", "--quiet", "theirs"]);
    scene.task("b");
    repo.git(&["checkout", "--quiet", "main"]);
    assert_eq!(says(&scene, &["merge", "--quiet", "theirs"]), ["taken into the queue: task/b"]);
}

/// While a run is under way an agent works in this work tree, and its commits are told from its user's by nothing that it
/// could not change.
#[test]
fn what_is_committed_while_a_run_is_under_way_is_held_whatever_is_trusted() {
    let scene = client(&on(&format!("{WORK}trust = true\n"), "post-commit"));
    let repo = &scene.client;
    scene.task("before");
    crate::cli::commands::script(repo, crate::cli::commands::STRAIGHT);
    assert!(crate::cli::commands::call(repo, &["run", "once"]).status.success());
    assert_eq!(queue(repo, repo.path()), ["active task/before"]);
    repo.write("work/meanwhile.md", task("meanwhile"));
    repo.git(&["add", "work"]);
    assert_eq!(
        says(&scene, &["commit", "--quiet", "-m", "x"]),
        ["held until `millrace release`: task/meanwhile"]
    );
    assert!(super::origin(repo, repo.path(), "task/meanwhile").ends_with("; a run was under way"));
    for _ in 0..2 {
        assert!(crate::cli::commands::call(repo, &["run", "once"]).status.success());
    }
    repo.write("work/after.md", task("after"));
    repo.git(&["add", "work"]);
    assert_eq!(says(&scene, &["commit", "--quiet", "-m", "x"]), ["taken into the queue: task/after"]);
}

/// A squash moves nothing: what was committed before it is not what it brings.
#[test]
fn a_squash_brings_nothing() {
    let scene = client(&on(WORK, "post-merge"));
    let repo = &scene.client;
    scene.task("a");
    let merged = |flag: &str| called(millrace(repo, &["hook", "post-merge", flag]), "").1;
    assert!(merged("1").is_empty());
    assert_eq!(merged("0"), ["held until `millrace release`: task/a"]);
}
