//! Which folder hooks go to: the one that git looks into, and nobody else's without being told.

use super::super::commands::{call, data, millrace, said, well};
use super::{contents, program, refused, shown};
use crate::support::repo::TestRepo;

/// What is put into a folder that this setting names: where it stands, and that git runs it.
#[track_caller]
fn goes_to(repo: &TestRepo, expected: &std::path::Path) {
    let before = contents(repo.beside());
    let output = millrace(repo, &["hooks", "install", "post-commit", "--json"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(repo, &output));
    let hook = expected.join("post-commit");
    assert!(hook.is_file(), "{}", said(repo, &output));
    // git runs it: with another program in it, it is seen to.
    let text = std::fs::read_to_string(&hook).expect("a hook");
    let mark = repo.beside().join("ran");
    program(&repo.beside().join("witness"), &format!("#!/bin/sh\necho \"$@\" >'{}'\n", mark.display()));
    let line = text.lines().find(|line| line.starts_with("millrace_program='")).expect("a line");
    let swapped =
        text.replace(line, &format!("millrace_program='{}'", repo.beside().join("witness").display()));
    std::fs::write(&hook, swapped).expect("a hook");
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
    assert_eq!(std::fs::read_to_string(&mark).expect("it ran"), "hook post-commit\n");
    std::fs::write(&hook, text).expect("a hook");
    std::fs::remove_file(repo.beside().join("witness")).expect("removed");
    std::fs::remove_file(mark).expect("removed");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    well(repo, &["hooks", "uninstall"]);
    let git = repo.git_dir();
    let kept = |path: &std::path::PathBuf| !path.starts_with(&git) || path.starts_with(git.join("hooks"));
    let after: Vec<_> = contents(repo.beside()).into_iter().filter(|(path, _)| kept(path)).collect();
    let before: Vec<_> = before.into_iter().filter(|(path, _)| kept(path)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_folder_that_is_missing_is_made_and_goes_again() {
    let repo = TestRepo::init_with(&["--template="]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "start"]);
    assert!(!repo.git_dir().join("hooks").exists());
    goes_to(&repo, &repo.git_dir().join("hooks"));
    assert!(!repo.git_dir().join("hooks").exists());
    // One after the other, the folder goes with the last.
    well(&repo, &["hooks", "install", "pre-push"]);
    well(&repo, &["hooks", "install", "post-merge"]);
    well(&repo, &["hooks", "uninstall", "pre-push"]);
    assert!(repo.git_dir().join("hooks").exists());
    well(&repo, &["hooks", "uninstall"]);
    assert!(!repo.git_dir().join("hooks").exists());
}

#[test]
fn hooks_path_of_this_repository() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "core.hooksPath", ".myhooks"]);
    goes_to(&repo, &repo.path().join(".myhooks"));
    // Folders above it are made and go as well.
    repo.git(&["config", "core.hooksPath", "tools/git/hooks"]);
    goes_to(&repo, &repo.path().join("tools/git/hooks"));
    assert!(!repo.path().join("tools").exists());
    std::fs::create_dir(repo.path().join("tools")).expect("a folder");
    goes_to(&repo, &repo.path().join("tools/git/hooks"));
    std::fs::remove_dir(repo.path().join("tools")).expect("it was there before");
    let absolute = repo.git_dir().join("other hooks");
    repo.git(&["config", "core.hooksPath", absolute.to_str().expect("UTF-8")]);
    goes_to(&repo, &absolute);
    // From a folder of the work tree it is the same one.
    std::fs::create_dir(repo.path().join("deep")).expect("a folder");
    repo.git(&["config", "core.hooksPath", ".myhooks"]);
    let output =
        millrace(&repo, &["hooks", "install", "pre-push"]).current_dir(repo.path().join("deep")).output();
    assert_eq!(output.expect("runs").status.code(), Some(0));
    assert!(repo.path().join(".myhooks/pre-push").is_file());
}

#[test]
fn hooks_path_of_one_linked_work_tree() {
    let repo = TestRepo::with_commit();
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", linked.to_str().expect("UTF-8"), "-b", "other"]);
    let there = |words: &[&str]| millrace(&repo, words).current_dir(&linked).output().expect("runs");
    // Hooks are shared by all work trees.
    assert_eq!(there(&["hooks", "install", "post-commit"]).status.code(), Some(0));
    assert!(repo.git_dir().join("hooks/post-commit").is_file());
    well(&repo, &["hooks", "uninstall"]);
    // Unless one of them says otherwise.
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    let path = linked.to_str().expect("UTF-8");
    repo.git(&["-C", path, "config", "--worktree", "core.hooksPath", "own"]);
    assert_eq!(there(&["hooks", "install", "post-commit"]).status.code(), Some(0));
    assert!(linked.join("own/post-commit").is_file());
    assert!(!repo.git_dir().join("hooks/post-commit").exists());
    assert_eq!(data(&repo, "hooks_status", &["hooks", "status"])["folders"][0]["setting"], "default");
}

#[test]
fn a_folder_of_all_repositories_is_not_touched_unless_that_is_said() {
    let repo = TestRepo::with_commit();
    let home = repo.beside().join("home");
    let global = home.join(".gitconfig");
    std::fs::write(&global, "[core]\n\thooksPath = ~/hooks\n").expect("a file");
    let here =
        |words: &[&str]| millrace(&repo, words).env("GIT_CONFIG_GLOBAL", &global).output().expect("runs");
    let before = contents(repo.beside());
    let output = here(&["hooks", "install", "post-commit"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    ! millrace: no hook was put in
    ! millrace: [root]/home/hooks is outside of this repository, and others may use it (core.hooksPath, global, file:[root]/home/.gitconfig)
    ! hint: `--shared` puts hooks there all the same
    ");
    assert_eq!(contents(repo.beside()), before);
    assert_eq!(here(&["hooks", "install", "post-commit", "--shared"]).status.code(), Some(0));
    assert!(home.join("hooks/post-commit").is_file());
    let output = here(&["hooks", "uninstall"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    post-commit: left: [root]/home/hooks is used by others as well; say `--shared` to take hooks out of it all the same
    ");
    assert_eq!(here(&["hooks", "uninstall", "--shared"]).status.code(), Some(0));
    assert_eq!(contents(repo.beside()), before);
}

#[test]
fn a_folder_under_version_control_is_the_project_s() {
    let repo = TestRepo::with_commit();
    program(&repo.path().join(".githooks/pre-commit"), "#!/bin/sh\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "hooks of the project"]);
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    insta::assert_snapshot!(refused(&repo, &["hooks", "install", "pre-push"]), @r#"
    exit 1
    ! millrace: no hook was put in
    ! millrace: [repo]/.githooks is under version control, and everybody who clones the project gets it
    ! hint: `--shared` puts hooks there all the same, or add to the project's own pre-push: millrace hook pre-push "$@"
    "#);
    // A link from the repository's own folder leads to the same.
    repo.git(&["config", "--unset", "core.hooksPath"]);
    std::fs::remove_dir_all(repo.git_dir().join("hooks")).expect("removed");
    std::os::unix::fs::symlink("../.githooks", repo.git_dir().join("hooks")).expect("a link");
    assert!(refused(&repo, &["hooks", "install", "pre-push"]).contains("under version control"));
    well(&repo, &["hooks", "install", "pre-push", "--shared"]);
    assert!(repo.path().join(".githooks/pre-push").is_file());
}

#[test]
fn hooks_that_are_switched_off_are_not_put_in() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "core.hooksPath", "/dev/null"]);
    assert_eq!(call(&repo, &["hooks", "status"]).status.code(), Some(0));
    assert_eq!(call(&repo, &["uninstall", "--yes"]).status.code(), Some(0));
    insta::assert_snapshot!(refused(&repo, &["hooks", "install"]), @"
    exit 1
    ! millrace: no hook was put in
    ! millrace: /dev/null is not a folder, so no hook can be in it
    ! hint: move away what stands in the way, or set core.hooksPath
    ");
}

#[test]
fn a_folder_that_cannot_be_looked_at_is_named() {
    let repo = TestRepo::with_commit();
    let hooks = repo.git_dir().join("hooks");
    std::fs::remove_dir_all(&hooks).expect("removed");
    std::os::unix::fs::symlink("hooks", &hooks).expect("a link to itself");
    let text = refused(&repo, &["hooks", "install"]);
    assert!(text.contains("cannot look at the hooks folder [repo]/.git/hooks"), "{text}");
}

/// Ours in the repository's own folder are taken out as well once another one is named.
#[test]
fn what_is_shadowed_is_taken_out_too() {
    let repo = TestRepo::with_commit();
    let before = contents(&repo.git_dir().join("hooks"));
    well(&repo, &["hooks", "install"]);
    repo.git(&["config", "core.hooksPath", "elsewhere"]);
    let text = shown(&repo, &well(&repo, &["hooks", "uninstall"]));
    assert_eq!(text.matches("removed [repo]/.git/hooks/").count(), 3, "{text}");
    assert_eq!(contents(&repo.git_dir().join("hooks")), before);
}

#[test]
fn a_folder_that_cannot_be_written_into_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        println!("root writes into every folder: nothing to see here");
        return;
    }
    let repo = TestRepo::with_commit();
    let hooks = repo.git_dir().join("hooks");
    std::fs::set_permissions(&hooks, PermissionsExt::from_mode(0o555)).expect("a mode");
    let text = refused(&repo, &["hooks", "install"]);
    assert!(text.contains("cannot write into [repo]/.git/hooks"), "{text}");
    std::fs::set_permissions(&hooks, PermissionsExt::from_mode(0o755)).expect("a mode");
}

/// What a user with another umask installs, others of a shared repository run.
#[test]
fn in_a_shared_repository_hooks_are_everybody_s() {
    use std::os::unix::fs::PermissionsExt;
    let repo = TestRepo::init_with(&["--bare", "--shared=group"]);
    let line = format!("umask 077 && exec '{}' hooks install", env!("CARGO_BIN_EXE_millrace"));
    let output = repo.command("sh").args(["-c", &line]).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
    let mode = repo.git_dir().join("hooks/post-receive").metadata().expect("a hook").permissions().mode();
    assert_eq!(mode & 0o777, 0o770);
    assert_eq!(call(&repo, &["hooks", "test"]).status.code(), Some(0));
}
