//! Clones of scratch repositories.

use super::repo::TestRepo;

/// A clone of another one, through a URL, with extra arguments for `git clone`.
pub(crate) fn clone_of(other: &TestRepo, args: &[&str]) -> TestRepo {
    let repo = TestRepo::init();
    std::fs::remove_dir_all(repo.path()).expect("an empty repository goes");
    let url = format!("file://{}", other.path().display());
    let path = repo.path().to_string_lossy().into_owned();
    let mut all = vec!["clone", "--quiet"];
    all.extend_from_slice(args);
    all.extend_from_slice(&[&url, &path]);
    let output = repo.command("git").args(&all).current_dir(repo.beside()).output().expect("git runs");
    assert!(output.status.success(), "git clone: {}", String::from_utf8_lossy(&output.stderr));
    repo
}
