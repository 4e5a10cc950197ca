//! Snapshots of repositories that are set up in unusual ways: what is taken is right, or named as skipped, and nothing of
//! the user's is touched to the byte.

use std::path::Path;

use millrace::workspace::restore::{plan_restore, restore};
use millrace::workspace::snapshot::Snapshot;

use super::{assert_same_inventory, found, head, inventory, listed, publish, shown, skipped, take};
use crate::support::repo::TestRepo;

/// Takes a snapshot on `HEAD`, and sees that everything but our own folder is as it was, times included.
#[track_caller]
fn untouched(repo: &TestRepo) -> Snapshot {
    let ours = repo.git_dir().canonicalize().expect("a path").join("millrace");
    let root = repo.path().canonicalize().expect("a path");
    let before = inventory(&root, &[&ours]);
    let snapshot = take(repo, head(repo));
    assert_same_inventory(&before, &inventory(&root, &[&ours]));
    snapshot
}

#[track_caller]
fn commit_all(repo: &TestRepo) {
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
}

fn script(repo: &TestRepo, name: &str, text: &str) -> String {
    let path = repo.beside().join(name);
    std::fs::write(&path, text).expect("a script");
    format!("sh {}", path.display())
}

#[test]
fn filters_that_change_content_are_run_as_git_runs_them() {
    let repo = TestRepo::with_commit();
    // As a pointer filter does: what is stored is not what lies there.
    let clean = script(&repo, "clean.sh", "printf 'pointer '; wc -c | tr -d ' '");
    repo.git(&["config", "filter.pointer.clean", &clean]);
    repo.git(&["config", "filter.pointer.smudge", "cat"]);
    repo.git(&["config", "filter.pointer.required", "true"]);
    repo.write(
        ".gitattributes",
        "*.big filter=pointer\n*.txt ident\n*.crlf text eol=crlf\n*.u16 working-tree-encoding=UTF-16LE\n",
    );
    repo.write("a.big", "12345678");
    repo.write("id.txt", "$Id$\n");
    repo.write("lines.crlf", "one\r\ntwo\r\n");
    repo.write("wide.u16", b"h\0i\0\n\0");
    let commit = publish(&repo, &untouched(&repo));
    assert_eq!(shown(&repo, commit, "a.big"), "pointer 8\n");
    assert_eq!(shown(&repo, commit, "lines.crlf"), "one\ntwo\n");
    assert_eq!(shown(&repo, commit, "wide.u16"), "hi\n");
    commit_all(&repo);
    assert_eq!(
        repo.git(&["rev-parse", "HEAD^{tree}"]),
        repo.git(&["rev-parse", &format!("{commit}^{{tree}}")])
    );
    assert!(untouched(&repo).unchanged);
}

#[test]
fn a_filter_that_is_missing_takes_the_file_as_it_is_and_a_required_one_leaves_it_out() {
    let repo = TestRepo::with_commit();
    repo.write(".gitattributes", "*.a filter=optional\n*.b filter=needed\n");
    repo.git(&["config", "filter.optional.clean", "/nonexistent/filter"]);
    repo.git(&["config", "filter.needed.clean", "/nonexistent/filter"]);
    repo.git(&["config", "filter.needed.required", "true"]);
    repo.write("x.a", "plain");
    repo.write("x.b", "plain");
    let snapshot = untouched(&repo);
    let names: Vec<String> = skipped(&snapshot).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["x.b"]);
    let commit = publish(&repo, &snapshot);
    assert_eq!(listed(&repo, commit), [".gitattributes", "README.md", "x.a"]);
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_no_removal() {
    for cone in [&["--cone"][..], &["--no-cone"], &["--cone", "--sparse-index"]] {
        let repo = TestRepo::with_commit();
        repo.write("kept/a", "a");
        repo.write("left/b", "b");
        repo.write("left/deep/c", "c");
        commit_all(&repo);
        let pattern = if cone.contains(&"--no-cone") { "/kept/" } else { "kept" };
        let mut set = vec!["sparse-checkout", "set"];
        set.extend(cone);
        set.push(pattern);
        repo.git(&set);
        assert!(!repo.path().join("left").exists(), "{cone:?}");
        assert!(untouched(&repo).unchanged, "{cone:?}");
        repo.write("kept/a", "changed");
        repo.write("kept/new", "new");
        let first = publish(&repo, &untouched(&repo));
        let changed = repo.git(&["diff-tree", "-r", "--name-status", "HEAD", &first.to_string()]);
        assert_eq!(
            changed.lines().filter(|line| !line.ends_with("README.md")).collect::<Vec<_>>(),
            ["M\tkept/a", "A\tkept/new"],
            "{cone:?}"
        );
        assert!(take(&repo, Some(first)).unchanged, "{cone:?}");
    }
}

#[test]
fn entries_that_the_user_hides_are_no_removals_and_their_changes_are_taken() {
    let repo = TestRepo::with_commit();
    repo.write("skipped", "1");
    repo.write("assumed", "1");
    commit_all(&repo);
    repo.git(&["update-index", "--skip-worktree", "skipped"]);
    repo.git(&["update-index", "--assume-unchanged", "assumed"]);
    std::fs::remove_file(repo.path().join("skipped")).expect("removed");
    repo.write("assumed", "2");
    let snapshot = untouched(&repo);
    let commit = publish(&repo, &snapshot);
    assert_eq!(listed(&repo, commit), ["README.md", "assumed", "skipped"]);
    assert_eq!(shown(&repo, commit, "assumed"), "2");
    repo.write("skipped", "2");
    let commit = publish(&repo, &untouched(&repo));
    assert_eq!(shown(&repo, commit, "skipped"), "2");
}

#[test]
fn an_index_in_any_state_of_the_users_is_only_read() {
    let repo = TestRepo::with_commit();
    repo.write("both", "base\n");
    commit_all(&repo);
    repo.git(&["switch", "--quiet", "-c", "other"]);
    repo.write("both", "theirs\n");
    commit_all(&repo);
    repo.git(&["switch", "--quiet", "main"]);
    repo.write("both", "ours\n");
    commit_all(&repo);
    assert!(!repo.git_output(&["merge", "--quiet", "other"]).status.success());
    repo.write("intended", "new");
    repo.git(&["add", "--intent-to-add", "intended"]);
    repo.write(".gitignore", "*.out\n");
    repo.write("forced.out", "x");
    repo.git(&["add", "--force", "--intent-to-add", "forced.out"]);
    let commit = publish(&repo, &untouched(&repo));
    assert_eq!(listed(&repo, commit), [".gitignore", "README.md", "both", "forced.out", "intended"]);
    assert!(shown(&repo, commit, "both").contains("<<<<<<<"));
}

#[test]
fn settings_that_start_programs_or_keep_caches_change_nothing() {
    let repo = TestRepo::with_commit();
    let started = repo.beside().join("started");
    let watcher = script(&repo, "watcher.sh", &format!("touch '{}'", started.display()));
    repo.git(&["config", "core.fsmonitor", &watcher]);
    repo.git(&["config", "core.untrackedCache", "true"]);
    repo.git(&["config", "core.splitIndex", "true"]);
    repo.git(&["config", "core.preloadIndex", "false"]);
    repo.git(&["config", "core.autocrlf", "input"]);
    repo.write("excludes", "*.mine\n");
    repo.git(&["config", "core.excludesFile", &repo.path().join("excludes").display().to_string()]);
    repo.write(".git/info/exclude", "*.local\n");
    repo.write("a.mine", "x");
    repo.write("b.local", "x");
    repo.write("crlf.txt", "one\r\n");
    let _ = std::fs::remove_file(&started);
    let commit = publish(&repo, &untouched(&repo));
    assert!(!started.exists(), "the file system monitor was started");
    assert_eq!(listed(&repo, commit), ["README.md", "crlf.txt", "excludes"]);
    assert_eq!(shown(&repo, commit, "crlf.txt"), "one\n");
}

#[test]
fn modes_and_links_are_as_git_sees_them() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let repo = TestRepo::with_commit();
    repo.write("tool", "x");
    repo.write("folder/a", "a");
    commit_all(&repo);
    let at = |name: &str| repo.path().join(name);
    std::fs::set_permissions(at("tool"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    symlink("nowhere", at("dangling")).expect("a link");
    symlink("/etc", at("outside")).expect("a link");
    symlink("folder", at("to-folder")).expect("a link");
    std::fs::hard_link(at("tool"), at("twin")).expect("a link");
    std::fs::create_dir(at("empty-folder")).expect("a folder");
    let commit = publish(&repo, &untouched(&repo));
    let modes = repo.git(&["ls-tree", "--format=%(objectmode) %(path)", &commit.to_string()]);
    for line in ["100755 tool", "120000 dangling", "120000 outside", "120000 to-folder", "100755 twin"] {
        assert!(modes.lines().any(|mode| mode == line), "{line}: {modes}");
    }
    assert!(!modes.contains("empty-folder"));
    // Where modes do not count, a changed one is no change.
    repo.git(&["config", "core.fileMode", "false"]);
    let commit = publish(&repo, &untouched(&repo));
    let modes = repo.git(&["ls-tree", "--format=%(objectmode) %(path)", &commit.to_string(), "tool"]);
    assert_eq!(modes, "100644 tool");
}

#[test]
fn names_of_every_kind_and_nested_repositories() {
    use std::os::unix::ffi::OsStrExt as _;
    let repo = TestRepo::with_commit();
    for name in ["-dash", ":(glob)*", "a\nb", "with \"quotes\"", "\u{e4}\u{301}", "Twin", "twin"] {
        repo.write(name, name);
    }
    std::fs::write(repo.path().join(std::ffi::OsStr::from_bytes(b"bad\xff")), "x").expect("a file");
    let deep = (0..40).map(|_| "folder").collect::<Vec<_>>().join("/");
    repo.write(&format!("{deep}/file"), "deep");
    repo.git(&["init", "--quiet", "nested"]);
    repo.write("nested/inner", "theirs");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", "linked"]);
    let snapshot = untouched(&repo);
    let left: Vec<String> = skipped(&snapshot).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, ["linked", "nested"]);
    let commit = publish(&repo, &snapshot);
    let names = listed(&repo, commit);
    assert_eq!(names.len(), 10, "{names:?}");
    assert!(names.contains(&"twin".to_owned()) && names.contains(&"Twin".to_owned()));
    assert!(take(&repo, Some(commit)).unchanged);
}

#[test]
fn what_an_earlier_snapshot_took_goes_when_it_is_ignored_behind_a_link_too() {
    let repo = TestRepo::with_commit();
    repo.write("folder/a", "a");
    repo.write("gone.log", "x");
    let first = publish(&repo, &take(&repo, head(&repo)));
    std::fs::rename(repo.path().join("folder"), repo.path().join("moved")).expect("moved");
    std::os::unix::fs::symlink("moved", repo.path().join("folder")).expect("a link");
    repo.write(".gitignore", "*.log\n");
    let second = publish(&repo, &take(&repo, Some(first)));
    assert_eq!(listed(&repo, second), [".gitignore", "README.md", "folder", "moved/a"]);
}

#[test]
fn a_large_file_that_was_only_touched_is_not_named() {
    let repo = TestRepo::with_commit();
    repo.write("large", vec![b'x'; 5000]);
    commit_all(&repo);
    assert_eq!(skipped(&take(&repo, head(&repo))), vec![]);
    let file = std::fs::File::options().write(true).open(repo.path().join("large")).expect("a file");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("a time");
    assert_eq!(skipped(&take(&repo, head(&repo))), vec![]);
    assert!(Path::new(&repo.git_dir().join("millrace/index/main")).is_file());
}

/// A filter as one process for many files (`filter.<name>.process`), as large file storages have it: what is stored is in
/// capitals. What is called `refused` it does not store.
const PROCESS: &str = r#"
packet() {
    length=$(dd bs=1 count=4 2>/dev/null)
    [ -n "$length" ] || exit 0
    [ "$length" = 0000 ] && return 1
    text=$(dd bs=1 count=$((0x$length - 4)) 2>/dev/null)
}
say() { printf '%04x%s' $((${#1} + 5)) "$1"; echo; }
end() { printf 0000; }
all() { while packet; do :; done; }
echo started >> "$0.log"
all; say git-filter-server; say version=2; end
all; say capability=clean; say capability=smudge; end
while :; do
    kind= name=
    while packet; do
        case $text in command=*) kind=${text#command=} ;; pathname=*) name=${text#pathname=} ;; esac
    done
    content=
    while packet; do content=$content$text; done
    case $name in refused*) say status=error; end; continue ;; esac
    if [ "$kind" = clean ]; then content=$(printf %s "$content" | tr a-z A-Z)
    else content=$(printf %s "$content" | tr A-Z a-z); fi
    say status=success; end
    printf '%04x%s' $((${#content} + 4)) "$content"; end; end
done
"#;

#[test]
fn a_filter_that_is_one_process_goes_both_ways() {
    let repo = TestRepo::with_commit();
    let process = script(&repo, "process.sh", PROCESS);
    repo.git(&["config", "filter.capitals.process", &process]);
    repo.git(&["config", "filter.capitals.required", "true"]);
    repo.write(".gitattributes", "*.low filter=capitals\n");
    for n in 0..12 {
        repo.write(&format!("{n}.low"), "content");
    }
    repo.write("refused.low", "content");
    let snapshot = untouched(&repo);
    let names: Vec<String> = skipped(&snapshot).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["refused.low"], "{:?}", skipped(&snapshot));
    let first = publish(&repo, &snapshot);
    for n in 0..12 {
        assert_eq!(shown(&repo, first, &format!("{n}.low")), "CONTENT");
    }
    assert!(take(&repo, Some(first)).unchanged);
    repo.write("3.low", "other");
    std::fs::remove_file(repo.path().join("4.low")).expect("removed");
    let second = publish(&repo, &take(&repo, Some(first)));
    assert_eq!(shown(&repo, second, "3.low"), "OTHER");
    // And the way back, as git would check it out.
    let plan = plan_restore(&found(&repo), first, second).expect("a plan");
    restore(&found(&repo), &plan).expect("restored");
    assert_eq!((repo.read("3.low"), repo.read("4.low")), ("content".to_owned(), "content".to_owned()));
    assert!(plan_restore(&found(&repo), first, second).expect("a plan").is_done());
}

#[test]
fn attributes_that_a_stage_changes_hold_from_then_on_and_the_way_back_gives_every_byte() {
    let repo = TestRepo::with_commit();
    let clean = script(&repo, "clean.sh", "tr a-z A-Z");
    let smudge = script(&repo, "smudge.sh", "tr A-Z a-z");
    repo.git(&["config", "filter.capitals.clean", &clean]);
    repo.git(&["config", "filter.capitals.smudge", &smudge]);
    repo.write("stays.low", "stays");
    repo.write("changes.low", "before");
    repo.write("goes.low", "goes\r\n");
    commit_all(&repo);
    let start = publish(&repo, &untouched(&repo));
    repo.write(".gitattributes", "*.low filter=capitals\n");
    repo.write("changes.low", "after");
    repo.write("new.low", "new");
    std::fs::remove_file(repo.path().join("goes.low")).expect("removed");
    let last = publish(&repo, &take(&repo, Some(start)));
    assert_eq!(shown(&repo, last, "changes.low"), "AFTER");
    assert_eq!(shown(&repo, last, "new.low"), "NEW");
    assert!(take(&repo, Some(last)).unchanged);
    let plan = plan_restore(&found(&repo), start, last).expect("a plan");
    assert!(plan.unclear.is_empty(), "{:?}", plan.unclear);
    restore(&found(&repo), &plan).expect("restored");
    for (name, content) in [("stays.low", "stays"), ("changes.low", "before"), ("goes.low", "goes\r\n")] {
        assert_eq!(repo.read(name), content, "{name}");
    }
    assert!(!repo.path().join(".gitattributes").exists() && !repo.path().join("new.low").exists());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn where_links_are_kept_as_files_they_stay_links_and_go_back_as_files() {
    let repo = TestRepo::with_commit();
    std::os::unix::fs::symlink("README.md", repo.path().join("link")).expect("a link");
    std::os::unix::fs::symlink("nowhere", repo.path().join("other")).expect("a link");
    commit_all(&repo);
    repo.git(&["config", "core.symlinks", "false"]);
    for name in ["link", "other"] {
        std::fs::remove_file(repo.path().join(name)).expect("removed");
    }
    repo.git(&["checkout", "--quiet", "--", "link", "other"]);
    assert_eq!(repo.read("link"), "README.md");
    assert!(untouched(&repo).unchanged);
    let start = publish(&repo, &untouched(&repo));
    repo.write("link", "tool.sh");
    std::fs::remove_file(repo.path().join("other")).expect("removed");
    let last = publish(&repo, &take(&repo, Some(start)));
    let modes = repo.git(&["ls-tree", &last.to_string(), "link"]);
    assert!(modes.starts_with("120000 "), "{modes}");
    assert_eq!(shown(&repo, last, "link"), "tool.sh");
    let plan = plan_restore(&found(&repo), start, last).expect("a plan");
    restore(&found(&repo), &plan).expect("restored");
    assert_eq!((repo.read("link"), repo.read("other")), ("README.md".to_owned(), "nowhere".to_owned()));
    assert!(!repo.path().join("link").is_symlink());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn submodules_that_are_not_there_or_keep_their_git_elsewhere_are_their_commits() {
    let inner = TestRepo::with_commit();
    let repo = TestRepo::with_commit();
    let source = inner.path().to_string_lossy().into_owned();
    for part in ["absorbed", "absent", "gone"] {
        repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &source, part]);
    }
    repo.git(&["commit", "--quiet", "-m", "parts"]);
    // A new submodule keeps its git in ours: a file leads there. The others were never set up here.
    assert!(repo.path().join("absorbed/.git").is_file());
    for part in ["absent", "gone"] {
        repo.git(&["submodule", "--quiet", "deinit", "--force", part]);
    }
    assert_eq!(std::fs::read_dir(repo.path().join("absent")).expect("a folder").count(), 0);
    let snapshot = untouched(&repo);
    assert!(snapshot.unchanged, "{:?}", skipped(&snapshot));
    let start = publish(&repo, &snapshot);
    repo.write("made", "by the run");
    // What lies loose in a submodule is that repository's own, and its commit is ours.
    repo.write("absorbed/loose", "theirs");
    assert_eq!(
        repo.git(&[
            "diff-tree",
            "-r",
            "--name-status",
            &start.to_string(),
            &publish(&repo, &take(&repo, Some(start))).to_string()
        ]),
        "A\tmade"
    );
    repo.git(&["-C", "absorbed", "commit", "--quiet", "--allow-empty", "-m", "further"]);
    let last = publish(&repo, &take(&repo, Some(start)));
    assert_eq!(
        repo.git(&["diff-tree", "-r", "--name-status", &start.to_string(), &last.to_string()]),
        "M\tabsorbed\nA\tmade"
    );
    let plan = plan_restore(&found(&repo), start, last).expect("a plan");
    let unclear: Vec<String> = plan.unclear.iter().map(|one| one.path.to_string()).collect();
    assert_eq!(unclear, ["absorbed"]);
    assert!(repo.path().join("absorbed/loose").exists() && repo.path().join("absent").is_dir());
}
