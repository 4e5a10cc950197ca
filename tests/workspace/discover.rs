//! Where a repository is found from, and what is said where none is.

use std::path::Path;

use millrace::workspace::discover::{DiscoverError, Repository};

use super::{found, is_root};
use crate::support::repo::TestRepo;

#[track_caller]
fn refused(path: &Path) -> DiscoverError {
    let error = Repository::discover(path).expect_err("no repository");
    assert!(!error.to_string().contains('\n'), "one line: {error}");
    error
}

fn real(path: &Path) -> std::path::PathBuf {
    path.canonicalize().expect("a real path")
}

#[test]
fn from_the_root_a_folder_and_a_linked_folder() {
    let repo = TestRepo::with_commit();
    repo.write("src/deep/file.rs", "");
    std::os::unix::fs::symlink(repo.path().join("src"), repo.beside().join("short-cut")).expect("a link");
    let root = found(&repo);
    assert_eq!(root.git_dir, real(&repo.git_dir()));
    assert_eq!(root.common_dir, root.git_dir);
    assert_eq!(root.work_tree, Some(real(repo.path())));
    assert_eq!(root.work_tree_key(), "main");
    for start in
        [repo.path().join("src/deep"), repo.beside().join("short-cut/deep"), repo.path().join("src/..")]
    {
        assert_eq!(Repository::discover(&start).expect("found"), root, "{}", start.display());
    }
}

#[test]
fn from_a_git_directory_its_work_tree_is_known() {
    let repo = TestRepo::with_commit();
    assert_eq!(Repository::discover(&repo.git_dir()).expect("found"), found(&repo));
}

#[test]
fn a_linked_work_tree_shares_the_common_dir() {
    let repo = TestRepo::with_commit();
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "--detach", &linked.to_string_lossy()]);
    let second = Repository::discover(&linked).expect("found");
    assert_eq!(second.common_dir, found(&repo).common_dir);
    assert_eq!(second.git_dir, real(&repo.git_dir().join("worktrees/linked")));
    assert_eq!(second.work_tree, Some(real(&linked)));
    assert_eq!(second.work_tree_key(), "linked-linked");
}

#[test]
fn a_bare_repository_has_no_work_tree() {
    let repo = TestRepo::init_with(&["--bare"]);
    let bare = found(&repo);
    assert!(bare.is_bare());
    assert_eq!(bare.git_dir, real(repo.path()));
    assert_eq!(Repository::discover(&repo.path().join("refs")).expect("found"), bare);
}

#[test]
fn a_sha256_repository_is_found() {
    let repo = TestRepo::init_with(&["--object-format=sha256"]);
    repo.write("a", "a");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "start"]);
    let oid = found(&repo).head().expect("HEAD").oid.expect("a commit");
    assert_eq!(oid.to_string(), repo.git(&["rev-parse", "HEAD"]));
}

#[test]
fn a_git_directory_that_lies_elsewhere_has_the_work_tree_that_names_it() {
    let repo = TestRepo::with_commit();
    let elsewhere = repo.beside().join("elsewhere.git");
    repo.git(&["init", "--quiet", "--separate-git-dir", &elsewhere.to_string_lossy()]);
    repo.write("deep/er/file", "");
    for start in [repo.path().to_owned(), repo.path().join("deep/er")] {
        let found = Repository::discover(&start).expect("found");
        assert_eq!(found.work_tree, Some(repo.path().canonicalize().expect("a path")));
        assert_eq!(found.git_dir, elsewhere.canonicalize().expect("a path"));
        assert!(!found.is_bare());
    }
    // The user says that it has none.
    repo.git(&["config", "core.bare", "true"]);
    assert!(Repository::discover(repo.path()).expect("found").is_bare());
}

#[test]
fn a_submodule_is_a_repository_of_its_own() {
    let inner = TestRepo::with_commit();
    let repo = TestRepo::with_commit();
    let source = inner.path().to_string_lossy().into_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &source, "part"]);
    let part = Repository::discover(&repo.path().join("part")).expect("found");
    assert_eq!(part.work_tree, Some(real(&repo.path().join("part"))));
    assert_eq!(part.git_dir, real(&repo.git_dir().join("modules/part")));
    assert_eq!(part.common_dir, part.git_dir);
}

#[test]
fn a_work_tree_that_the_configuration_names_is_used() {
    let repo = TestRepo::with_commit();
    let elsewhere = repo.beside().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a folder");
    repo.git(&["config", "core.worktree", &elsewhere.to_string_lossy()]);
    let found = Repository::discover(&repo.git_dir()).expect("found");
    assert_eq!(found.work_tree, Some(real(&elsewhere)));
}

#[test]
fn what_is_not_a_repository_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(refused(folder.path()), DiscoverError::NotARepository(_)));
    assert!(refused(folder.path()).to_string().contains("git init"));
    assert!(matches!(refused(&folder.path().join("mistyped")), DiscoverError::NoSuchPath(_)));
    std::fs::write(folder.path().join("file"), "").expect("a file");
    assert!(matches!(refused(&folder.path().join("file")), DiscoverError::NotAFolder(_)));
    assert!(matches!(refused(&folder.path().join("file/below")), DiscoverError::NotAFolder(_)));
}

#[test]
fn a_broken_repository_is_not_called_none() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".git"), "gitdir: /nowhere/at/all\n").expect("a file");
    assert!(matches!(refused(folder.path()), DiscoverError::Broken { .. }));
    let repo = TestRepo::with_commit();
    std::fs::write(repo.git_dir().join("config"), "[core\nnonsense").expect("a file");
    assert!(matches!(refused(repo.path()), DiscoverError::Broken { .. }));
}

#[test]
fn a_repository_of_another_user_is_gits_decision() {
    if !is_root() {
        return; // only root can give a folder away
    }
    let repo = TestRepo::with_commit();
    for path in [repo.path().to_owned(), repo.git_dir()] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).expect("given away");
    }
    let error = refused(repo.path());
    assert!(matches!(error, DiscoverError::NotTrusted { .. }), "{error}");
    assert!(error.to_string().contains("safe.directory"), "{error}");
}

/// A hook's environment names the hook's repository. Variables of a running process cannot be changed safely, so
/// some of the tests are run once more in a process that has them from the start.
#[test]
fn the_git_variables_of_a_hook_do_not_mislead() {
    let other = TestRepo::with_commit();
    let suite = std::env::current_exe().expect("this program");
    let git_dir = other.git_dir();
    for test in [
        "workspace::discover::from_the_root_a_folder_and_a_linked_folder",
        "workspace::head::on_a_branch_detached_and_unborn",
        "workspace::snapshot::the_users_repository_stays_untouched_to_the_byte",
        "workspace::snapshot::ignored_files_that_the_user_tracks_are_taken",
        "workspace::restore::everything_goes_back_and_nothing_else_moves",
    ] {
        let output = std::process::Command::new(&suite)
            .args([test, "--exact"])
            .env("GIT_DIR", &git_dir)
            .env("GIT_WORK_TREE", other.path())
            .env("GIT_INDEX_FILE", git_dir.join("index"))
            .env("GIT_OBJECT_DIRECTORY", git_dir.join("objects"))
            .env("GIT_CEILING_DIRECTORIES", "/")
            .env("GIT_CONFIG_COUNT", "nonsense")
            .output()
            .expect("the suite runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{test}: {text}");
    }
    assert_eq!(other.git(&["status", "--porcelain"]), "");
}
