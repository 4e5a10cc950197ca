//! What a snapshot takes, what it leaves out, and what it leaves alone.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use millrace::domain::oid::Oid;
use millrace::workspace::discover::Repository;
use millrace::workspace::snapshot::{SkipReason, SnapshotError, Snapshots};
use millrace::workspace::snapshot_rules::SnapshotRules;

use super::{
    assert_same_inventory, by, fixture, found, head, inventory, is_root, listed, publish, rules, shown,
    skipped, snap, take, take_with,
};
use crate::support::repo::TestRepo;

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

fn skip(path: &str, why: &str) -> (String, String) {
    (path.to_owned(), why.to_owned())
}

#[test]
fn it_takes_tracked_and_untracked_and_not_ignored() {
    let repo = TestRepo::with_commit();
    repo.write(".gitignore", "*.log\n/out/\n");
    repo.write("gone", "x");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    repo.write("README.md", "changed\n");
    repo.write("new/file", "new\n");
    repo.write("noise.log", "noise");
    repo.write("out/binary", "noise");
    std::fs::remove_file(repo.path().join("gone")).expect("removed");
    let snapshot = take(&repo, head(&repo));
    assert_eq!(snapshot.have, vec![head(&repo).expect("a commit")]);
    assert!(!snapshot.unchanged);
    assert_eq!(skipped(&snapshot), vec![]);
    let commit = publish(&repo, &snapshot);
    assert_eq!(listed(&repo, commit), [".gitignore", "README.md", "new/file"]);
    assert_eq!(shown(&repo, commit, "README.md"), "changed\n");
    assert_eq!(repo.git(&["rev-parse", &format!("{commit}^{{tree}}")]), snapshot.tree.to_string());
    let format = "--format=%P %an <%ae> %at / %cn <%ce> %ct / %B";
    let parent = head(&repo).expect("a commit");
    assert_eq!(
        repo.git(&["log", "-1", format, &commit.to_string()]).trim_end(),
        format!(
            "{parent} builder <builder@example.org> 1767225600 / user <user@example.org> 1767225600 / a snapshot"
        )
    );
    repo.git(&["fsck", "--full", "--strict"]);
}

#[test]
fn the_users_repository_stays_untouched_to_the_byte() {
    let repo = TestRepo::init();
    fixture(&repo, "odd-names.sh", &[]);
    repo.write("staged", "staged");
    repo.git(&["add", "staged"]);
    repo.write("staged", "and changed again");
    repo.write("untracked", "new");
    let ours = repo.git_dir().canonicalize().expect("a path").join("millrace");
    let root = repo.path().canonicalize().expect("a path");
    let before = inventory(&root, &[&ours]);
    let first = take(&repo, head(&repo));
    assert_same_inventory(&before, &inventory(&root, &[&ours]));
    assert!(!first.unchanged);
    drop(first);
    assert_same_inventory(&before, &inventory(&root, &[&ours]));
    assert_eq!(std::fs::read_dir(ours.join("quarantine")).expect("a folder").count(), 0);
}

#[test]
fn settings_that_hide_changes_or_split_the_index_do_not_reach_it() {
    let repo = TestRepo::with_commit();
    let shared = |repo: &TestRepo| -> Vec<_> {
        let entries = std::fs::read_dir(repo.git_dir()).expect("a folder").map(|entry| entry.expect("entry"));
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("sharedindex.")).collect()
    };
    for setting in ["core.splitIndex", "core.ignoreStat", "core.untrackedCache", "feature.manyFiles"] {
        repo.git(&["config", setting, "true"]);
    }
    repo.write("new", "one");
    let first = snap(&repo, head(&repo));
    repo.write("new", "two");
    assert_eq!(shown(&repo, snap(&repo, Some(first)), "new"), "two");
    assert_eq!(shared(&repo), Vec::<String>::new());
}

#[test]
fn odd_names_and_kinds_come_through() {
    let repo = TestRepo::init();
    fixture(&repo, "odd-names.sh", &[]);
    let base = head(&repo);
    let unchanged = take(&repo, base);
    assert!(unchanged.unchanged);
    assert_eq!(unchanged.tree.to_string(), repo.git(&["rev-parse", "HEAD^{tree}"]));

    std::fs::write(repo.path().join("line\nbreak.txt"), "changed").expect("written");
    std::fs::write(repo.path().join(std::ffi::OsStr::from_bytes(b"new\xff\xfe")), "new").expect("written");
    mode(&repo.path().join("tool.sh"), 0o644);
    mode(&repo.path().join("empty"), 0o755);
    std::fs::remove_file(repo.path().join("link")).expect("removed");
    std::os::unix::fs::symlink("empty", repo.path().join("link")).expect("a link");
    let commit = snap(&repo, base);
    let raw =
        repo.git_output(&["diff-tree", "-r", "-z", "--name-status", "HEAD", &commit.to_string()]).stdout;
    assert_eq!(
        raw,
        b"M\0empty\0M\0line\nbreak.txt\0M\0link\0A\0new\xff\xfe\0M\0tool.sh\0".to_vec(),
        "{}",
        String::from_utf8_lossy(&raw)
    );
    let modes = repo.git(&["ls-tree", &commit.to_string(), "tool.sh", "empty", "link"]);
    let modes: Vec<&str> = modes.lines().map(|line| &line[..6]).collect();
    assert_eq!(modes, ["100755", "120000", "100644"]);
}

#[test]
fn a_file_becomes_a_folder_a_link_and_back() {
    let repo = TestRepo::with_commit();
    repo.write("thing", "a file");
    repo.write("folder/a", "a");
    repo.write("folder/b", "b");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    let at = |name: &str| repo.path().join(name);
    std::fs::remove_file(at("thing")).expect("removed");
    repo.write("thing/inside", "now a folder");
    std::fs::rename(at("folder"), at("moved")).expect("moved");
    std::os::unix::fs::symlink("moved", at("folder")).expect("a link");
    let first = snap(&repo, head(&repo));
    assert_eq!(listed(&repo, first), ["README.md", "folder", "moved/a", "moved/b", "thing/inside"]);
    assert_eq!(shown(&repo, first, "folder"), "moved");

    std::fs::remove_dir_all(at("thing")).expect("removed");
    repo.write("thing", "a file again");
    std::fs::remove_file(at("folder")).expect("removed");
    std::fs::rename(at("moved"), at("folder")).expect("moved");
    let second = snap(&repo, Some(first));
    assert_eq!(listed(&repo, second), ["README.md", "folder/a", "folder/b", "thing"]);
}

#[test]
fn what_is_left_out_is_named_and_the_parent_stands() {
    let repo = TestRepo::with_commit();
    repo.write("grows", "small");
    repo.write("fixed/tracked.dat", "as it was");
    repo.write("tracked.pem", "a test certificate");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    repo.write("grows", vec![b'x'; 1001]);
    repo.write("fits", vec![b'x'; 1000]);
    repo.write("huge", vec![b'x'; 5000]);
    repo.write("fixed/tracked.dat", "changed");
    repo.write("fixed/new.dat", "new");
    repo.write("tracked.pem", "changed");
    repo.write("deploy/.env", "TOKEN=1");
    repo.write(".env.example", "TOKEN=");
    repo.write("ID_RSA", "key");
    repo.write("millrace-agents/runs/x/01-builder/prompt.md", "scratch");
    for name in ["pipe", ":(odd) pipe"] {
        repo.command("mkfifo").arg(name).status().expect("mkfifo");
    }
    std::fs::create_dir(repo.path().join("pipes")).expect("a folder");
    repo.command("mkfifo").arg("pipes/only").status().expect("mkfifo");
    let _socket = std::os::unix::net::UnixListener::bind(repo.path().join("sock")).expect("a socket");
    repo.git(&["init", "--quiet", "nested/repo"]);
    repo.write("nested/repo/inner", "theirs");
    repo.write("nested/ours", "ours");
    let snapshot =
        take_with(&repo, head(&repo), SnapshotRules::new(1000, &["/fixed", "*.unused"]).expect("rules"));
    assert_eq!(
        skipped(&snapshot),
        [
            skip(":(odd) pipe", "is a FIFO"),
            skip("ID_RSA", "looks like a secret and is not tracked"),
            skip("deploy/.env", "looks like a secret and is not tracked"),
            skip("fixed/new.dat", "is excluded by `[snapshot] exclude`"),
            skip("fixed/tracked.dat", "is excluded by `[snapshot] exclude`"),
            skip("grows", "has 1001 bytes, the cap is 1000"),
            skip("huge", "has 5000 bytes, the cap is 1000"),
            skip("nested/repo", "is a repository of its own"),
            skip("pipe", "is a FIFO"),
            skip("pipes/only", "is a FIFO"),
            skip("sock", "is a socket"),
        ]
    );
    let commit = publish(&repo, &snapshot);
    assert_eq!(
        listed(&repo, commit),
        [".env.example", "README.md", "fits", "fixed/tracked.dat", "grows", "nested/ours", "tracked.pem"]
    );
    assert_eq!(shown(&repo, commit, "grows"), "small");
    assert_eq!(shown(&repo, commit, "fixed/tracked.dat"), "as it was");
    assert_eq!(shown(&repo, commit, "tracked.pem"), "changed");
}

#[test]
fn special_files_in_ignored_folders_are_not_named() {
    let repo = TestRepo::with_commit();
    repo.write(".gitignore", "out\n*.pipe\n");
    std::fs::create_dir(repo.path().join("out")).expect("a folder");
    for name in ["out/p", "x.pipe"] {
        repo.command("mkfifo").arg(name).status().expect("mkfifo");
    }
    assert_eq!(skipped(&take(&repo, head(&repo))), vec![]);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_taken() {
    if is_root() {
        return; // root reads everything
    }
    let repo = TestRepo::with_commit();
    repo.write("closed/inside", "kept");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    repo.write("README.md", "changed");
    repo.write("secretive", "x");
    repo.write("dark/x", "x");
    repo.write("fine", "fine");
    for (path, bits) in [("README.md", 0), ("secretive", 0), ("dark", 0), ("closed", 0)] {
        mode(&repo.path().join(path), bits);
    }
    let snapshot = take(&repo, head(&repo));
    for path in ["dark", "closed"] {
        mode(&repo.path().join(path), 0o755);
    }
    let names: Vec<String> = skipped(&snapshot).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["README.md", "closed", "dark", "secretive"]);
    assert!(snapshot.skipped.iter().all(|skip| matches!(skip.why, SkipReason::Unreadable(_))));
    let commit = publish(&repo, &snapshot);
    assert_eq!(listed(&repo, commit), ["README.md", "closed/inside", "fine"]);
    assert_eq!(shown(&repo, commit, "README.md"), "# A project\n");
}

#[test]
fn a_file_that_git_refuses_does_not_stop_the_others() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "filter.broken.clean", "false"]);
    repo.git(&["config", "filter.broken.required", "true"]);
    repo.write(".gitattributes", "*.bin filter=broken\n");
    repo.write("a.txt", "a");
    repo.write("b.bin", "b");
    repo.write("c.txt", "c");
    repo.write("d.bin", "d");
    let snapshot = take(&repo, head(&repo));
    let names: Vec<String> = skipped(&snapshot).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["b.bin", "d.bin"]);
    assert!(snapshot.skipped.iter().all(|skip| matches!(skip.why, SkipReason::Refused(_))));
    let commit = publish(&repo, &snapshot);
    assert_eq!(listed(&repo, commit), [".gitattributes", "README.md", "a.txt", "c.txt"]);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_left_out() {
    let repo = TestRepo::with_commit();
    // Whenever git reads it, it grows.
    repo.git(&["config", "filter.grow.clean", "cat; echo more >>busy"]);
    repo.write(".git/info/attributes", "busy filter=grow\n");
    repo.write("busy", "x");
    let snapshot = take(&repo, head(&repo));
    assert_eq!(skipped(&snapshot), [skip("busy", "changes while it is read")]);
    assert_eq!(repo.read("busy"), "xmore\nmore\n");
    assert!(snapshot.unchanged);
}

#[test]
fn a_file_that_is_stable_when_read_again_is_taken() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "filter.once.clean", "cat; [ -e .git/done ] || echo more >>busy; : >.git/done"]);
    repo.write(".git/info/attributes", "busy filter=once\n");
    repo.write("busy", "x");
    let snapshot = take(&repo, head(&repo));
    assert_eq!(skipped(&snapshot), vec![]);
    assert_eq!(shown(&repo, publish(&repo, &snapshot), "busy"), "xmore\n");
}

#[test]
fn the_second_snapshot_sees_every_change_since_the_first() {
    let repo = TestRepo::with_commit();
    repo.write("untracked", "one");
    let first = snap(&repo, head(&repo));
    assert!(take(&repo, Some(first)).unchanged);
    // The same length, within the same tick of the clock.
    repo.write("untracked", "two");
    repo.write("README.md", "# A PROJECT\n");
    let second = snap(&repo, Some(first));
    assert_eq!(shown(&repo, second, "untracked"), "two");
    assert_eq!(shown(&repo, second, "README.md"), "# A PROJECT\n");
    std::fs::remove_file(repo.path().join("untracked")).expect("removed");
    let third = snap(&repo, Some(second));
    assert_eq!(listed(&repo, third), ["README.md"]);
    repo.git(&["fsck", "--full", "--strict"]);
}

#[test]
fn one_that_was_never_published_leaves_no_trace() {
    let repo = TestRepo::with_commit();
    repo.write("new", "content that only the quarantine had");
    drop(take(&repo, head(&repo)));
    let again = take(&repo, head(&repo));
    let commit = publish(&repo, &again);
    drop(again);
    assert_eq!(shown(&repo, commit, "new"), "content that only the quarantine had");
    repo.git(&["fsck", "--full", "--strict"]);
}

#[test]
fn a_kept_index_that_is_damaged_or_locked_is_built_again() {
    let repo = TestRepo::with_commit();
    repo.write("new", "new");
    let tree = take(&repo, head(&repo)).tree;
    let kept = repo.git_dir().join("millrace/index/main");
    assert!(kept.is_file());
    for damage in [&b""[..], b"DIRC and no more", &[0; 4096]] {
        std::fs::write(&kept, damage).expect("written");
        assert_eq!(take(&repo, head(&repo)).tree, tree);
    }
    std::fs::write(repo.git_dir().join("millrace/index/main.lock"), "").expect("written");
    std::fs::write(repo.git_dir().join("index.lock"), "").expect("written");
    assert_eq!(take(&repo, head(&repo)).tree, tree);
}

#[test]
fn a_kept_index_that_is_damaged_behind_its_back_is_built_again() {
    let repo = TestRepo::with_commit();
    repo.write("new", "new");
    let first = snap(&repo, head(&repo));
    let tree = take(&repo, Some(first)).tree;
    // As after a power cut: the same file, of the same size and time, and nothing in it.
    let kept = repo.git_dir().join("millrace/index/main");
    let meta = std::fs::metadata(&kept).expect("kept");
    let zeros = vec![0; usize::try_from(meta.len()).expect("small")];
    std::fs::write(&kept, zeros).expect("written");
    let file = std::fs::File::options().write(true).open(&kept).expect("opened");
    file.set_modified(meta.modified().expect("a time")).expect("set");
    let again = take(&repo, Some(first));
    assert!(again.unchanged && again.tree == tree);
}

#[test]
fn what_the_kept_index_holds_is_believed_of_that_very_file_alone() {
    let repo = TestRepo::with_commit();
    repo.write("x", "x");
    let first = snap(&repo, head(&repo));
    let kept = repo.git_dir().join("millrace/index/main");
    let with_x = std::fs::read(&kept).expect("kept");
    repo.write(".gitignore", "x\n");
    let second = snap(&repo, Some(first));
    assert_eq!(listed(&repo, second), [".gitignore", "README.md"]);
    std::fs::write(&kept, with_x).expect("written");
    let third = take(&repo, Some(second));
    assert!(third.unchanged, "an entry of another snapshot came along");
}

#[test]
fn where_nothing_changed_the_kept_index_is_not_written() {
    use std::os::unix::fs::MetadataExt;
    let repo = TestRepo::with_commit();
    repo.write("new", "new");
    let first = snap(&repo, head(&repo));
    let kept = || {
        let meta = std::fs::metadata(repo.git_dir().join("millrace/index/main")).expect("kept");
        (meta.ino(), meta.mtime(), meta.mtime_nsec())
    };
    let before = kept();
    let second = snap(&repo, Some(first));
    assert_eq!(kept(), before);
    snap(&repo, Some(second));
    assert_eq!(kept(), before);
    repo.write("new", "other");
    assert_eq!(shown(&repo, snap(&repo, Some(second)), "new"), "other");
    assert_ne!(kept(), before);
}

/// How git stores a file that nobody touched may change with the attributes; whether it does is not to hang on what a
/// cache knows of the file's time.
#[test]
fn what_changed_attributes_make_of_untouched_files_does_not_depend_on_the_kept_times() {
    let repo = TestRepo::with_commit();
    repo.write("lines.txt", "one\r\ntwo\r\n");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let file = std::fs::File::options().write(true).open(repo.path().join("lines.txt")).expect("opened");
    file.set_modified(old).expect("set");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "lines"]);
    let first = snap(&repo, head(&repo));
    repo.write(".gitattributes", "*.txt text\n");
    let known = take(&repo, Some(first)).tree;
    std::fs::remove_file(repo.git_dir().join("millrace/index/main")).expect("kept");
    let unknown = take(&repo, Some(first)).tree;
    assert_eq!(known, unknown);
    let commit = publish(&repo, &take(&repo, Some(first)));
    assert_eq!(shown(&repo, commit, "lines.txt"), "one\ntwo\n");
    assert!(take(&repo, Some(commit)).unchanged);
}

#[test]
fn what_a_dead_process_left_behind_is_swept() {
    let repo = TestRepo::with_commit();
    let quarantines = repo.git_dir().join("millrace/quarantine");
    std::fs::create_dir_all(quarantines.join("q-dead/objects/aa")).expect("a folder");
    let live = take(&repo, head(&repo));
    assert!(!quarantines.join("q-dead").exists());
    let other = take(&repo, head(&repo));
    assert!(live.quarantine.path().is_dir() && other.quarantine.path().is_dir());
}

#[test]
fn the_tree_does_not_depend_on_what_a_cache_remembers() {
    let repo = TestRepo::with_commit();
    repo.write("run-a-only", "a");
    let a = snap(&repo, head(&repo));
    // Another run starts from HEAD; the file is ignored by now.
    repo.write(".gitignore", "run-a-only\n");
    let b = snap(&repo, head(&repo));
    assert_eq!(listed(&repo, b), [".gitignore", "README.md"]);
    // The first run goes on: what the ignore rules name now is not the user's to lose, and not taken any more.
    let c = snap(&repo, Some(a));
    assert_eq!(listed(&repo, c), [".gitignore", "README.md"]);
}

#[test]
fn ignored_files_that_the_user_tracks_are_taken() {
    let repo = TestRepo::with_commit();
    repo.write(".gitignore", "*.out\n");
    repo.write("committed.out", "1");
    repo.git(&["add", "-f", "committed.out", ".gitignore"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    repo.write("added.out", "1");
    repo.git(&["add", "-f", "added.out"]);
    repo.write("neither.out", "1");
    repo.write("committed.out", "2");
    let first = snap(&repo, head(&repo));
    assert_eq!(listed(&repo, first), [".gitignore", "README.md", "added.out", "committed.out"]);
    assert_eq!(shown(&repo, first, "committed.out"), "2");
    let second = snap(&repo, Some(first));
    assert_eq!(listed(&repo, second), listed(&repo, first));
}

#[test]
fn a_secret_that_is_no_longer_tracked_is_not_followed() {
    let repo = TestRepo::with_commit();
    repo.write(".env", "A=1");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "oops"]);
    repo.write(".env", "A=2");
    let first = snap(&repo, head(&repo));
    assert_eq!(shown(&repo, first, ".env"), "A=2");
    repo.git(&["rm", "--quiet", "--cached", ".env"]);
    repo.git(&["commit", "--quiet", "-m", "no longer"]);
    repo.write(".env", "A=3, the new one");
    let second = take(&repo, Some(first));
    assert_eq!(skipped(&second), [skip(".env", "looks like a secret and is not tracked")]);
    assert_eq!(shown(&repo, publish(&repo, &second), ".env"), "A=2");
}

#[test]
fn without_a_commit_everything_is_new() {
    let repo = TestRepo::init();
    let empty = take(&repo, None);
    assert!(empty.unchanged && empty.have.is_empty());
    repo.write("first", "first");
    let first = snap(&repo, None);
    assert_eq!(listed(&repo, first), ["first"]);
    assert_eq!(repo.git(&["log", "--format=%P", &first.to_string()]), "");
    repo.write("second", "second");
    assert_eq!(listed(&repo, snap(&repo, Some(first))), ["first", "second"]);
    assert!(!repo.git_dir().join("index").exists());
}

#[test]
fn each_work_tree_has_its_own_index() {
    let repo = TestRepo::with_commit();
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "--detach", &linked.to_string_lossy()]);
    std::fs::write(linked.join("there"), "there").expect("written");
    repo.write("here", "here");
    let repository = Repository::discover(&linked).expect("found");
    let there = Snapshots::new(&repository, rules())
        .take(head(&repo), "there", &by("builder"), &by("user"))
        .expect("a snapshot");
    assert_eq!(listed(&repo, publish(&repo, &there)), ["README.md", "there"]);
    assert_eq!(listed(&repo, snap(&repo, head(&repo))), ["README.md", "here"]);
    let indexes = repo.git_dir().join("millrace/index");
    assert!(indexes.join("main").is_file() && indexes.join("linked-linked").is_file());
}

#[test]
fn in_the_middle_of_a_merge_the_files_are_taken_as_they_are() {
    let repo = TestRepo::init();
    fixture(&repo, "in-progress.sh", &["merge"]);
    let commit = snap(&repo, head(&repo));
    assert!(shown(&repo, commit, "story").contains("<<<<<<<"));
    assert!(repo.git(&["ls-files", "--unmerged"]).contains("story"));
}

#[test]
fn line_endings_are_stored_as_git_stores_them() {
    let repo = TestRepo::init();
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.git(&["config", "core.safecrlf", "true"]);
    repo.write("text", "one\r\ntwo\r\n");
    let commit = snap(&repo, None);
    assert_eq!(shown(&repo, commit, "text"), "one\ntwo\n");
    repo.git(&["add", "-A"]);
    assert_eq!(repo.git(&["write-tree"]), repo.git(&["rev-parse", &format!("{commit}^{{tree}}")]));
}

#[test]
fn a_submodule_is_its_commit() {
    let inner = TestRepo::with_commit();
    let repo = TestRepo::with_commit();
    let source = inner.path().to_string_lossy().into_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &source, "part"]);
    repo.git(&["commit", "--quiet", "-m", "a part"]);
    repo.write("part/README.md", "dirty");
    repo.write("part/untracked", "new");
    assert!(take(&repo, head(&repo)).unchanged);
    repo.git(&["-C", "part", "commit", "--quiet", "-a", "-m", "further"]);
    let commit = snap(&repo, head(&repo));
    let moved = repo.git(&["-C", "part", "rev-parse", "HEAD"]);
    assert_eq!(repo.git(&["rev-parse", &format!("{commit}:part")]), moved);
}

#[test]
fn a_sha256_repository_works_the_same() {
    let repo = TestRepo::init_with(&["--object-format=sha256"]);
    repo.write("a", "a");
    repo.write("gone", "x");
    let first = snap(&repo, None);
    std::fs::remove_file(repo.path().join("gone")).expect("removed");
    assert_eq!(listed(&repo, snap(&repo, Some(first))), ["a"]);
}

#[test]
fn a_path_that_git_would_split_works_as_object_directory() {
    let root = tempfile::tempdir().expect("a folder");
    let odd = root.path().join("a:b \"c\"");
    let repo = TestRepo::with_commit();
    let copied = repo.command("cp").arg("-r").arg(repo.path()).arg(&odd).status().expect("cp");
    assert!(copied.success());
    std::fs::write(odd.join("new"), "new").expect("written");
    let repository = Repository::discover(&odd).expect("found");
    let snapshot = Snapshots::new(&repository, rules())
        .take(repository.head().expect("HEAD").oid, "odd", &by("builder"), &by("user"))
        .expect("a snapshot");
    assert!(!snapshot.unchanged);
}

#[test]
fn a_bare_repository_and_a_missing_parent_are_refused() {
    let bare = TestRepo::init_with(&["--bare"]);
    let repository = found(&bare);
    let taken = Snapshots::new(&repository, rules()).take(None, "x", &by("a"), &by("b"));
    assert!(matches!(taken, Err(SnapshotError::Bare(_))));
    let repo = TestRepo::with_commit();
    let missing: Oid = "1".repeat(40).parse().expect("an id");
    let repository = found(&repo);
    let error = Snapshots::new(&repository, rules()).take(Some(missing), "x", &by("a"), &by("b"));
    let error = error.expect_err("no such parent").to_string();
    assert!(error.starts_with("no snapshot of ") && !error.contains('\n'), "{error}");
}

#[test]
fn times_that_git_cannot_hold_are_brought_into_its_range() {
    let repo = TestRepo::with_commit();
    let repository = found(&repo);
    let mut far = by("builder");
    far.at = jiff::Timestamp::MAX;
    let mut early = by("user");
    early.at = jiff::Timestamp::MIN;
    let snapshot =
        Snapshots::new(&repository, rules()).take(head(&repo), "x", &far, &early).expect("a snapshot");
    let commit = publish(&repo, &snapshot);
    assert_eq!(repo.git(&["log", "-1", "--format=%at %ct", &commit.to_string()]), "17179869183 0");
}

#[test]
fn a_pattern_that_cannot_be_read_is_named() {
    let error = SnapshotRules::new(1, &["fine", "a[b"]).expect_err("a bad pattern").to_string();
    assert!(error.contains("`a[b`"), "{error}");
    assert!(SnapshotRules::new(1, &["/"]).is_err());
}
