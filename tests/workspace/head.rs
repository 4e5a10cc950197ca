//! Where the user stands.

use millrace::workspace::discover::Repository;
use millrace::workspace::head::{Head, InProgress};

use super::{fixture, found};
use crate::support::repo::TestRepo;

#[test]
fn on_a_branch_detached_and_unborn() {
    let repo = TestRepo::with_commit();
    let oid = repo.git(&["rev-parse", "HEAD"]).parse().ok();
    let on_branch = Head { oid, branch: Some("refs/heads/main".to_owned()) };
    assert_eq!(found(&repo).head().expect("HEAD"), on_branch);
    repo.git(&["pack-refs", "--all"]);
    assert_eq!(found(&repo).head().expect("HEAD"), on_branch);
    repo.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(found(&repo).head().expect("HEAD"), Head { oid, branch: None });
    repo.git(&["checkout", "--quiet", "--orphan", "fresh/start"]);
    let unborn = Head { oid: None, branch: Some("refs/heads/fresh/start".to_owned()) };
    assert_eq!(found(&repo).head().expect("HEAD"), unborn);
}

#[test]
fn each_linked_work_tree_has_its_own_head() {
    let repo = TestRepo::with_commit();
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &linked.to_string_lossy()]);
    let head = Repository::discover(&linked).expect("found").head().expect("HEAD");
    assert_eq!(head.branch.as_deref(), Some("refs/heads/side"));
    assert_eq!(head.oid, found(&repo).head().expect("HEAD").oid);
}

#[test]
fn a_damaged_head_is_said_in_one_line() {
    let repo = TestRepo::with_commit();
    let found = found(&repo);
    std::fs::write(repo.git_dir().join("HEAD"), "0123").expect("written");
    let error = found.head().expect_err("a damaged HEAD").to_string();
    assert!(error.contains("cannot read HEAD") && !error.contains('\n'), "{error}");
}

#[test]
fn head_in_a_reftable_is_what_git_says() {
    let repo = TestRepo::init_with(&["--ref-format=reftable"]);
    let unborn = Head { oid: None, branch: Some("refs/heads/main".to_owned()) };
    assert_eq!(found(&repo).head().expect("HEAD"), unborn);
    repo.write("a", "a");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "start"]);
    let oid = repo.git(&["rev-parse", "HEAD"]).parse().ok();
    let on_branch = Head { oid, branch: Some("refs/heads/main".to_owned()) };
    assert_eq!(found(&repo).head().expect("HEAD"), on_branch);
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &linked.to_string_lossy()]);
    let on_side = Head { oid, branch: Some("refs/heads/side".to_owned()) };
    assert_eq!(Repository::discover(&linked).expect("found").head().expect("HEAD"), on_side);
    repo.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(found(&repo).head().expect("HEAD"), Head { oid, branch: None });
    std::fs::write(repo.git_dir().join("reftable/tables.list"), "nowhere.ref\n").expect("damaged");
    let error = found(&repo).head().expect_err("damaged").to_string();
    assert!(error.contains("cannot read HEAD") && !error.contains('\n'), "{error}");
}

#[test]
fn every_operation_in_progress_is_named() {
    for (operation, expected) in [
        ("merge", InProgress::Merge),
        ("rebase", InProgress::Rebase),
        ("rebase-apply", InProgress::Rebase),
        ("am", InProgress::Am),
        ("cherry-pick", InProgress::CherryPick),
        ("cherry-pick-series", InProgress::CherryPick),
        ("revert", InProgress::Revert),
        ("bisect", InProgress::Bisect),
    ] {
        let repo = TestRepo::init();
        assert_eq!(found(&repo).in_progress(), None);
        fixture(&repo, "in-progress.sh", &[operation]);
        assert_eq!(found(&repo).in_progress(), Some(expected), "{operation}");
    }
}

#[test]
fn an_operation_in_one_work_tree_is_not_one_in_another() {
    let repo = TestRepo::init();
    fixture(&repo, "in-progress.sh", &["merge"]);
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "--detach", &linked.to_string_lossy()]);
    assert_eq!(Repository::discover(&linked).expect("found").in_progress(), None);
    assert_eq!(found(&repo).in_progress(), Some(InProgress::Merge));
}

#[test]
fn the_identity_is_the_configured_one() {
    let repo = TestRepo::init();
    repo.git(&["config", "user.name", "First"]);
    repo.git(&["config", "--add", "user.name", "Ada L."]);
    repo.git(&["config", "user.email", "ada@example.org"]);
    let identity = found(&repo).identity().expect("read").expect("set");
    assert_eq!((identity.name.as_str(), identity.email.as_str()), ("Ada L.", "ada@example.org"));
    repo.git(&["config", "committer.name", "Ada at work"]);
    assert_eq!(found(&repo).identity().expect("read").expect("set").name, "Ada at work");
    repo.git(&["config", "user.email", ""]);
    assert_eq!(found(&repo).identity().expect("read"), None);
}
