//! `millrace-agents/`: created where missing, never overwritten.

use std::os::unix::fs::symlink;

use millrace::workspace::bootstrap::{Bootstrapped, IgnoreRule, ReferenceStyle, ensure_millrace_dir};

use super::inventory;
use crate::support::repo::TestRepo;

const CONFIG: &str = "[runners.codex]\npermission_default = \"maximum\"\n";

#[test]
fn it_creates_what_is_missing_and_says_so() {
    let repo = TestRepo::with_commit();
    let agents = repo.path().join("millrace-agents");
    let done = ensure_millrace_dir(repo.path(), CONFIG).expect("created");
    let created = vec![agents.clone(), agents.join("millrace.toml"), agents.join(".gitignore")];
    assert_eq!(done, Bootstrapped::Ready { created, ignore: IgnoreRule::Created });
    assert_eq!(repo.read("millrace-agents/millrace.toml"), CONFIG);
    repo.write("millrace-agents/runs/x", "scratch");
    assert_eq!(repo.git(&["check-ignore", "millrace-agents/runs/x"]), "millrace-agents/runs/x");

    let before = inventory(repo.path(), &[]);
    let again = ensure_millrace_dir(repo.path(), "other = 1\n").expect("nothing to do");
    assert_eq!(again, Bootstrapped::Ready { created: vec![], ignore: IgnoreRule::Present });
    assert_eq!(inventory(repo.path(), &[]), before);
}

#[test]
fn what_the_operator_wrote_stays() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/millrace.toml", "mine = true\n");
    repo.write("millrace-agents/.gitignore", "*.tmp\n");
    let before = inventory(repo.path(), &[]);
    let done = ensure_millrace_dir(repo.path(), CONFIG).expect("nothing to do");
    assert_eq!(done, Bootstrapped::Ready { created: vec![], ignore: IgnoreRule::Missing });
    assert_eq!(inventory(repo.path(), &[]), before);
}

#[test]
fn a_config_that_is_a_dangling_link_is_not_written_through() {
    let repo = TestRepo::with_commit();
    std::fs::create_dir(repo.path().join("millrace-agents")).expect("a folder");
    let outside = repo.beside().join("outside.toml");
    symlink(&outside, repo.path().join("millrace-agents/millrace.toml")).expect("a link");
    ensure_millrace_dir(repo.path(), CONFIG).expect("done");
    assert!(!outside.exists());
}

#[test]
fn another_runtimes_folder_is_reported_and_left_alone() {
    for found in ["state", "tasks"] {
        let repo = TestRepo::with_commit();
        repo.write(&format!("millrace-agents/{found}/x"), "theirs");
        let before = inventory(repo.path(), &[]);
        let folder = repo.path().join("millrace-agents");
        let done = ensure_millrace_dir(repo.path(), CONFIG).expect("reported");
        assert_eq!(done, Bootstrapped::ReferenceStyle(ReferenceStyle { folder, found }));
        assert_eq!(inventory(repo.path(), &[]), before);
    }
}

#[test]
fn a_link_or_file_in_its_place_is_refused() {
    let repo = TestRepo::with_commit();
    let outside = repo.beside().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    symlink(&outside, repo.path().join("millrace-agents")).expect("a link");
    let error = ensure_millrace_dir(repo.path(), CONFIG).expect_err("refused").to_string();
    assert!(error.contains("millrace-agents is not a folder"), "{error}");
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
    std::fs::remove_file(repo.path().join("millrace-agents")).expect("removed");
    repo.write("millrace-agents", "a file");
    assert!(ensure_millrace_dir(repo.path(), CONFIG).is_err());
}
