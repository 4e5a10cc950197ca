//! The way back: what the run changed goes back, what anybody touched since stops it, and nothing else moves.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use millrace::domain::oid::Oid;
use millrace::workspace::discover::Repository;
use millrace::workspace::restore::{RestoreError, RestorePlan, plan_restore, restore, still_held};
use millrace::workspace::snapshot::Snapshots;

use super::{assert_same_inventory, by, fixture, found, head, inventory, publish, rules, snap, take};
use crate::support::repo::TestRepo;

#[track_caller]
fn plan(repo: &TestRepo, to: Oid, last: Oid) -> RestorePlan {
    plan_restore(&found(repo), to, last).expect("a plan")
}

fn unclear(plan: &RestorePlan) -> Vec<String> {
    plan.unclear.iter().map(|one| format!("{}: {}", one.path, one.why)).collect()
}

fn remove(repo: &TestRepo, path: &str) {
    std::fs::remove_file(repo.path().join(path)).expect("removed");
}

/// A repository with all kinds of files, its snapshot, and a run's snapshot after it changed all of them.
fn after_a_run() -> (TestRepo, Oid, Oid) {
    let repo = TestRepo::init();
    fixture(&repo, "odd-names.sh", &[]);
    repo.write(".gitignore", "*.log\n");
    repo.write("dir-to-file/a", "a");
    repo.write("dir-to-file/deep/b", "b");
    repo.write("file-to-dir", "file");
    repo.write("dir-to-link/x", "x");
    repo.write("untracked before", "before");
    repo.write("noise.log", "theirs");
    let target = snap(&repo, head(&repo));

    let root = repo.path();
    std::fs::write(root.join("line\nbreak.txt"), "changed").expect("written");
    std::fs::write(root.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "changed").expect("written");
    repo.write("star*[a].txt", "changed");
    repo.write("-dash", "changed");
    std::fs::set_permissions(root.join("tool.sh"), std::fs::Permissions::from_mode(0o644)).expect("mode");
    std::fs::set_permissions(root.join("empty"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    remove(&repo, "link");
    symlink("elsewhere", root.join("link")).expect("a link");
    remove(&repo, "dangling");
    repo.write("dangling", "a file now");
    remove(&repo, "with some spaces.txt");
    remove(&repo, "deep er/folder/file");
    std::fs::remove_dir_all(root.join("deep er")).expect("removed");
    std::fs::remove_dir_all(root.join("dir-to-file")).expect("removed");
    repo.write("dir-to-file", "a file now");
    remove(&repo, "file-to-dir");
    repo.write("file-to-dir/inside/deep", "now a folder");
    repo.write("file-to-dir/other", "now a folder");
    std::fs::rename(root.join("dir-to-link"), root.join("moved")).expect("moved");
    symlink("moved", root.join("dir-to-link")).expect("a link");
    repo.write("untracked before", "after");
    repo.write("new/folder/file", "new");
    repo.write("more.log", "ignored");
    let last = snap(&repo, Some(target));
    (repo, target, last)
}

#[test]
fn everything_goes_back_and_nothing_else_moves() {
    let (repo, target, last) = after_a_run();
    repo.write("untouched by the run", "the user's");
    let git_before = inventory(&repo.git_dir(), &[&repo.git_dir().join("millrace")]);
    let todo = plan(&repo, target, last);
    assert_eq!(unclear(&todo), Vec::<String>::new());
    assert!(!todo.is_done());
    restore(&found(&repo), &todo).expect("restored");
    assert!(plan(&repo, target, last).is_done());
    assert_same_inventory(&git_before, &inventory(&repo.git_dir(), &[&repo.git_dir().join("millrace")]));
    assert_eq!(repo.read("untouched by the run"), "the user's");
    assert_eq!(repo.read("more.log"), "ignored");
    assert_eq!(repo.read("noise.log"), "theirs");
    remove(&repo, "untouched by the run");
    let now = take(&repo, Some(target));
    assert!(now.unchanged, "the work tree is the snapshot's");
    assert!(!repo.path().join("new").exists() && !repo.path().join("moved").exists());
    let mode = |path: &str| repo.path().join(path).metadata().expect("there").permissions().mode() & 0o111;
    assert_ne!(mode("tool.sh"), 0);
    assert_eq!(mode("empty"), 0);
    assert_eq!(
        std::fs::read_link(repo.path().join("dangling")).expect("a link"),
        Path::new("nowhere/at-all")
    );
    // Once more changes nothing.
    restore(&found(&repo), &plan(&repo, target, last)).expect("nothing to do");
}

#[test]
fn after_a_crash_in_the_middle_planning_again_finds_the_rest() {
    let (repo, target, last) = after_a_run();
    let whole = plan(&repo, target, last);
    let all = whole.remove.len() + whole.put_back.len();
    for done in 0..=all {
        let (repo, target, last) = after_a_run();
        // What the restore does first to last, stopped after `done` files.
        let mut part = plan(&repo, target, last);
        let removed = done.min(part.remove.len());
        part.remove.truncate(removed);
        part.put_back.truncate(done - removed);
        restore(&found(&repo), &part).expect("the first part");
        let rest = plan(&repo, target, last);
        assert_eq!(unclear(&rest), Vec::<String>::new(), "after {done}");
        assert_eq!(rest.remove.len() + rest.put_back.len(), all - done, "after {done}");
        restore(&found(&repo), &rest).expect("the rest");
        assert!(take(&repo, Some(target)).unchanged, "after {done}");
    }
}

#[test]
fn one_touched_file_stops_all_and_is_named() {
    let (repo, target, last) = after_a_run();
    repo.write("-dash", "the user was here");
    let before = inventory(repo.path(), &[&repo.git_dir()]);
    let todo = plan(&repo, target, last);
    assert_eq!(unclear(&todo), ["-dash: changed since"]);
    let error = restore(&found(&repo), &todo).expect_err("refused");
    assert!(matches!(&error, RestoreError::Unclear(paths) if paths.len() == 1));
    assert_eq!(
        error.to_string(),
        "1 changed since the run and cannot go back by themselves: -dash (changed since)"
    );
    assert_same_inventory(&before, &inventory(repo.path(), &[&repo.git_dir()]));
    // The user put it back by hand: that is no change of theirs any more.
    repo.write("-dash", "dash\n");
    let todo = plan(&repo, target, last);
    assert_eq!(unclear(&todo), Vec::<String>::new());
    assert!(todo.put_back.iter().all(|path| path.to_string() != "-dash"));
}

type Touch = &'static dyn Fn(&TestRepo);

#[test]
fn every_way_of_touching_is_seen() {
    let touches: [(&str, Touch, &str); 8] = [
        ("removed", &|repo| remove(repo, "untracked before"), "untracked before: missing"),
        (
            "other mode",
            &|repo| {
                let mode = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(repo.path().join("-dash"), mode).expect("mode");
            },
            "-dash: changed since",
        ),
        (
            "folder in the place of a file",
            &|repo| {
                remove(repo, "-dash");
                std::fs::create_dir(repo.path().join("-dash")).expect("a folder");
            },
            "-dash: a folder is there",
        ),
        (
            "the removed one is there again",
            &|repo| repo.write("with some spaces.txt", "mine"),
            "with some spaces.txt: changed since",
        ),
        (
            "something in the run's folder",
            &|repo| repo.write("file-to-dir/inside/mine", "mine"),
            "file-to-dir: a folder with other files is there",
        ),
        (
            "something ignored in the run's folder",
            &|repo| repo.write("file-to-dir/x.log", "mine"),
            "file-to-dir: a folder with other files is there",
        ),
        (
            "a link where a folder was",
            &|repo| symlink("/", repo.path().join("deep er")).expect("a link"),
            "deep er/folder/file: deep er is in the way",
        ),
        (
            "a socket",
            &|repo| {
                remove(repo, "-dash");
                repo.command("mkfifo").arg("./-dash").status().expect("mkfifo");
            },
            "-dash: neither a file nor a symbolic link",
        ),
    ];
    for (what, touch, expected) in touches {
        let (repo, target, last) = after_a_run();
        touch(&repo);
        let before = inventory(repo.path(), &[&repo.git_dir()]);
        let todo = plan(&repo, target, last);
        assert_eq!(unclear(&todo), [expected], "{what}");
        assert!(restore(&found(&repo), &todo).is_err(), "{what}");
        assert_same_inventory(&before, &inventory(repo.path(), &[&repo.git_dir()]));
    }
}

#[test]
fn what_cannot_be_read_cannot_go_back() {
    if super::is_root() {
        return; // root reads everything
    }
    let (repo, target, last) = after_a_run();
    std::fs::set_permissions(repo.path().join("star*[a].txt"), std::fs::Permissions::from_mode(0o000))
        .expect("mode");
    let todo = plan(&repo, target, last);
    assert_eq!(todo.unclear.len(), 1);
    assert_eq!(todo.unclear[0].path.to_string(), "star*[a].txt");
    assert!(todo.unclear[0].why.contains("Permission denied"), "{}", todo.unclear[0].why);
}

#[test]
fn a_change_between_plan_and_deed_is_noticed() {
    let (repo, target, last) = after_a_run();
    let todo = plan(&repo, target, last);
    repo.write("-dash", "just now");
    let before = inventory(repo.path(), &[&repo.git_dir()]);
    assert!(matches!(restore(&found(&repo), &todo), Err(RestoreError::Moved(_))));
    assert_same_inventory(&before, &inventory(repo.path(), &[&repo.git_dir()]));
}

#[test]
fn many_touched_files_are_counted_and_some_are_named() {
    let repo = TestRepo::with_commit();
    let target = snap(&repo, head(&repo));
    for at in 0..8 {
        repo.write(&format!("f{at}"), "run");
    }
    let last = snap(&repo, Some(target));
    for at in 0..8 {
        repo.write(&format!("f{at}"), "user");
    }
    let error = restore(&found(&repo), &plan(&repo, target, last)).expect_err("refused").to_string();
    assert!(error.starts_with("8 changed since the run"), "{error}");
    assert!(error.ends_with("f4 (changed since), and 3 more"), "{error}");
}

#[test]
fn filters_and_line_endings_go_both_ways() {
    let repo = TestRepo::init();
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.git(&["config", "filter.swap.clean", "tr ab ba"]);
    repo.git(&["config", "filter.swap.smudge", "tr ab ba"]);
    repo.write(".gitattributes", "*.swap filter=swap\n");
    repo.write("x.swap", "aabb\r\n");
    repo.write("text", "one\r\ntwo\r\n");
    let target = snap(&repo, None);
    // The run changes how files are written, and the files.
    repo.write(".gitattributes", "text -text\n");
    repo.write("x.swap", "other\r\n");
    repo.write("text", "three\r\n");
    let last = snap(&repo, Some(target));
    restore(&found(&repo), &plan(&repo, target, last)).expect("restored");
    assert_eq!(repo.read(".gitattributes"), "*.swap filter=swap\r\n");
    assert_eq!(repo.read("x.swap"), "aabb\r\n");
    assert_eq!(repo.read("text"), "one\r\ntwo\r\n");
    assert!(plan(&repo, target, last).is_done());
}

#[test]
fn a_submodule_is_never_moved() {
    let inner = TestRepo::with_commit();
    let repo = TestRepo::with_commit();
    let source = inner.path().to_string_lossy().into_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &source, "part"]);
    repo.git(&["commit", "--quiet", "-m", "a part"]);
    let target = snap(&repo, head(&repo));
    repo.git(&["-C", "part", "commit", "--quiet", "--allow-empty", "-m", "further"]);
    let last = snap(&repo, Some(target));
    assert_eq!(unclear(&plan(&repo, target, last)), ["part: it is a repository of its own"]);
    repo.git(&["-C", "part", "reset", "--quiet", "--hard", "HEAD~1"]);
    assert!(plan(&repo, target, last).is_done());
}

#[test]
fn what_is_still_held_is_what_nobody_took_over() {
    let repo = TestRepo::with_commit();
    let target = snap(&repo, head(&repo));
    repo.write("README.md", "by the run");
    repo.write("new", "by the run");
    repo.write("other", "by the run");
    let last = snap(&repo, Some(target));
    let held = || -> Vec<String> {
        let held = still_held(&found(&repo), target, last).expect("compared");
        held.iter().map(ToString::to_string).collect()
    };
    assert_eq!(held(), ["README.md", "new", "other"]);
    repo.write("other", "changed by the user");
    assert_eq!(held(), ["README.md", "new"]);
    repo.git(&["add", "new"]);
    repo.git(&["commit", "--quiet", "-m", "the user keeps it"]);
    assert_eq!(held(), ["README.md"]);
    repo.git(&["checkout", "--quiet", "README.md"]);
    assert_eq!(held(), Vec::<String>::new());
}

#[test]
fn without_a_commit_and_in_a_bare_repository() {
    let repo = TestRepo::init();
    let target = snap(&repo, None);
    repo.write("new", "by the run");
    let last = snap(&repo, Some(target));
    assert_eq!(still_held(&found(&repo), target, last).expect("compared").len(), 1);
    restore(&found(&repo), &plan(&repo, target, last)).expect("restored");
    assert!(!repo.path().join("new").exists() && repo.path().exists());
    let bare = TestRepo::init_with(&["--bare"]);
    assert!(plan_restore(&found(&bare), target, last).is_err());
}

/// Where a machine has a second file system that everybody may write to: nothing can be moved from one to the other.
#[test]
fn a_work_tree_on_another_file_system_goes_back_too() {
    use std::os::unix::fs::MetadataExt;
    let repo = TestRepo::with_commit();
    let device = |path: &Path| path.metadata().map(|meta| meta.dev()).ok();
    let shared = Path::new("/dev/shm");
    let Ok(folder) = tempfile::Builder::new().prefix("millrace-test-").tempdir_in(shared) else { return };
    if device(shared) == device(repo.path()) {
        return;
    }
    let tree = folder.path().join("tree");
    repo.git(&["worktree", "add", "--quiet", &tree.display().to_string()]);
    let repository = Repository::discover(&tree).expect("a repository");
    let taken = |parent| {
        let snapshot = Snapshots::new(&repository, rules())
            .take(parent, "a snapshot\n", &by("builder"), &by("user"))
            .expect("a snapshot");
        publish(&repo, &snapshot)
    };
    std::fs::write(tree.join("tool"), "before").expect("written");
    std::fs::set_permissions(tree.join("tool"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    symlink("tool", tree.join("link")).expect("a link");
    let target = taken(head(&repo));
    std::fs::write(tree.join("tool"), "after").expect("written");
    std::fs::set_permissions(tree.join("tool"), std::fs::Permissions::from_mode(0o644)).expect("mode");
    std::fs::remove_file(tree.join("link")).expect("removed");
    let last = taken(Some(target));
    let plan = plan_restore(&repository, target, last).expect("a plan");
    restore(&repository, &plan).expect("restored");
    assert_eq!(std::fs::read_to_string(tree.join("tool")).expect("a file"), "before");
    assert_eq!(tree.join("tool").metadata().expect("a file").permissions().mode() & 0o777, 0o755);
    assert_eq!(std::fs::read_link(tree.join("link")).expect("a link"), Path::new("tool"));
    // Nothing of ours is left beside them.
    let left = std::fs::read_dir(&tree).expect("a folder").count();
    assert_eq!(left, 4, "`.git`, README.md, tool and link");
}
