//! Which hooks are put in, again, anew, and out.

use super::super::commands::{call, data, millrace, said, well};
use super::{HOOKS, contents, hook_of_theirs, refused, shown};
use crate::support::project::{files, root};
use crate::support::repo::TestRepo;

/// Every shell that is here reads the files as they are shipped; `shellcheck` has nothing to say where it is here.
#[test]
fn the_files_are_plain_sh() {
    let all = files("hooks");
    for name in HOOKS {
        assert!(all.contains(&format!("hooks/{name}")), "{all:?}");
    }
    let repo = TestRepo::init();
    for path in all {
        for (shell, arguments) in [
            ("sh", &["-n"][..]),
            ("dash", &["-n"]),
            ("bash", &["--posix", "-n"]),
            ("shellcheck", &["-s", "sh"]),
        ] {
            let call = repo.command(shell).args(arguments).arg(root().join(&path)).output();
            let Ok(output) = call else {
                println!("{shell} is not on this machine: {path} is not read by it");
                continue;
            };
            let text = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{shell} {path}: {}", String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn a_work_tree_and_a_bare_repository_get_what_fits_them() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(shown(&repo, &well(&repo, &["hooks", "install"])), @"
    pre-push: installed at [repo]/.git/hooks/pre-push
    post-commit: installed at [repo]/.git/hooks/post-commit
    post-merge: installed at [repo]/.git/hooks/post-merge
    ");
    let bare = TestRepo::init_with(&["--bare"]);
    insta::assert_snapshot!(shown(&bare, &well(&bare, &["hooks", "install"])), @"post-receive: installed at [repo]/hooks/post-receive");
    let named = TestRepo::with_commit();
    let answer =
        data(&named, "hooks_install", &["hooks", "install", "reference-transaction", "post-receive"]);
    let hooks: Vec<&str> = answer["hooks"]
        .as_array()
        .expect("hooks")
        .iter()
        .map(|one| one["hook"].as_str().expect("a name"))
        .collect();
    assert_eq!(hooks, ["post-receive", "reference-transaction"]);
    assert_eq!(answer["hooks"][0]["done"], "installed");
    let output = call(&named, &["hooks", "install", "pre-recieve"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&named, &output));
}

#[test]
fn a_second_time_changes_nothing() {
    let repo = TestRepo::with_commit();
    hook_of_theirs(&repo, "pre-push", "#!/bin/sh\nexit 0\n");
    well(&repo, &["hooks", "install"]);
    let before = contents(repo.path());
    let again = data(&repo, "hooks_install", &["hooks", "install"]);
    assert!(
        again["hooks"].as_array().expect("hooks").iter().all(|one| one["done"] == "unchanged"),
        "{again}"
    );
    assert_eq!(contents(repo.path()), before);
}

#[test]
fn one_of_another_version_is_brought_up_to_date_and_one_that_was_edited_is_left() {
    let repo = TestRepo::with_commit();
    let theirs = hook_of_theirs(&repo, "post-commit", "#!/bin/sh\nexit 0\n");
    let original = contents(repo.path());
    well(&repo, &["hooks", "install"]);
    // The same program by another path: as after it has moved.
    let elsewhere = repo.beside().join("millrace");
    // By a process of its own: another test that forks meanwhile would hold it open for writing, and it could not be run.
    let copied = repo.command("cp").arg(env!("CARGO_BIN_EXE_millrace")).arg(&elsewhere).status();
    assert!(copied.expect("cp runs").success());
    let moved = repo.command(&elsewhere).args(["hooks", "install"]).output().expect("runs");
    let text = shown(&repo, &String::from_utf8_lossy(&moved.stdout));
    assert_eq!(text.matches("brought up to date").count(), 3, "{text}");
    let hook = std::fs::read_to_string(&theirs).expect("a hook");
    assert!(hook.contains(&format!("millrace_program='{}'", elsewhere.display())), "{hook}");
    // The link to the one that was there is as it was.
    assert!(theirs.with_file_name("post-commit.before-millrace").exists());

    let edited = repo.git_dir().join("hooks/post-merge");
    let text = std::fs::read_to_string(&edited).expect("a hook") + "echo mine\n";
    std::fs::write(&edited, &text).expect("a file");
    insta::assert_snapshot!(refused(&repo, &["hooks", "install"]), @"
    exit 1
    ! millrace: no hook was put in
    ! millrace: [repo]/.git/hooks/post-merge is Millrace's and was edited since
    ! hint: take the edit out, or move the file away
    ");
    let output = call(&repo, &["hooks", "uninstall"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    pre-push: removed [repo]/.git/hooks/pre-push
    post-commit: removed; the hook that was there before is at [repo]/.git/hooks/post-commit again
    post-merge: left: [repo]/.git/hooks/post-merge was edited since it was installed; take Millrace's part out by hand
    ");
    assert_eq!(std::fs::read_to_string(&edited).expect("a hook"), text);
    std::fs::remove_file(&edited).expect("removed");
    std::fs::remove_file(&elsewhere).expect("removed");
    assert_eq!(contents(repo.path()), original);
}

#[test]
fn what_stands_in_the_way_is_named_and_nothing_is_put_in() {
    let repo = TestRepo::with_commit();
    std::fs::create_dir(repo.git_dir().join("hooks/pre-push")).expect("a folder");
    hook_of_theirs(&repo, "post-commit", "#!/bin/sh\ncase $(basename \"$0\") in post-commit) ;; esac\n");
    hook_of_theirs(&repo, "post-merge", "#!/bin/sh\n");
    hook_of_theirs(&repo, "post-merge.before-millrace", "#!/bin/sh\n");
    insta::assert_snapshot!(refused(&repo, &["hooks", "install"]), @r#"
    exit 1
    ! millrace: no hook was put in
    ! millrace: [repo]/.git/hooks/pre-push is no file, so nothing can be put in its place
    ! millrace: [repo]/.git/hooks/post-commit may look at the name that it is called by, and would get another one
    ! millrace: [repo]/.git/hooks/post-merge.before-millrace is there already, so the hook that is there now cannot be kept under that name
    ! hint: move away what stands in the way; leave the hook as it is, and add to it: millrace hook post-commit "$@" (docs/hooks.md, By hand)
    "#);
    // What is in nobody's way can be put in.
    well(&repo, &["hooks", "install", "reference-transaction"]);
}

#[test]
fn a_hook_that_calls_the_program_by_hand_is_left() {
    let repo = TestRepo::with_commit();
    hook_of_theirs(&repo, "pre-push", "#!/bin/sh\nexec millrace hook pre-push \"$@\"\n");
    let before = contents(repo.path());
    let answer = data(&repo, "hooks_install", &["hooks", "install", "pre-push"]);
    assert_eq!(answer["hooks"][0]["done"], "by_hand");
    let output = call(&repo, &["hooks", "uninstall"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    pre-push: left: [repo]/.git/hooks/pre-push is not Millrace's and calls `millrace hook pre-push`; take that line out
    ");
    assert_eq!(contents(repo.path()), before);
}

#[test]
fn inside_a_stage_nothing_is_put_in_or_out() {
    let repo = TestRepo::with_commit();
    for words in [&["hooks", "install"][..], &["hooks", "uninstall"], &["uninstall", "--yes"]] {
        let before = contents(repo.path());
        let output = millrace(&repo, words).env("MILLRACE_INVOCATION", "x").output().expect("runs");
        assert_eq!(output.status.code(), Some(1), "{}", said(&repo, &output));
        assert_eq!(contents(repo.path()), before);
    }
}

#[test]
fn status_tells_how_each_stands() {
    let repo = TestRepo::with_commit();
    hook_of_theirs(&repo, "pre-push", "#!/bin/sh\n");
    hook_of_theirs(&repo, "reference-transaction", "#!/bin/sh\n");
    let before = contents(repo.path());
    insta::assert_snapshot!(shown(&repo, &well(&repo, &["hooks", "status"])), @"
    git looks in [repo]/.git/hooks

    post-receive           none
    pre-push               not Millrace's
    post-commit            none
    post-merge             none
    reference-transaction  not Millrace's

    no rule: nothing becomes work
    ");
    assert_eq!(contents(repo.path()), before);
    well(&repo, &["hooks", "install"]);
    repo.git(&["config", "hook.mine.event", "post-commit"]);
    repo.git(&["config", "hook.mine.command", "true"]);
    repo.git(&["config", "millrace.incoming.tasks", "tasks/*.md"]);
    repo.git(&["config", "core.hooksPath", "elsewhere"]);
    insta::assert_snapshot!(shown(&repo, &well(&repo, &["hooks", "status"])), @"
    git looks in [repo]/elsewhere, by core.hooksPath (local, file:[repo]/.git/config)
    git does not look in [repo]/.git/hooks

    post-receive           none
    pre-push               none
    post-commit            none
    post-merge             none
    reference-transaction  none
    pre-push               installed  runs [repo]/.git/hooks/pre-push.before-millrace first; shadowed: core.hooksPath names another folder
    post-commit            installed  shadowed: core.hooksPath names another folder
    post-merge             installed  shadowed: core.hooksPath names another folder
    post-commit: git's configuration runs as well: true

    rule incoming (on post-receive, pre-push, post-commit, post-merge), said by git config
    ");
}
