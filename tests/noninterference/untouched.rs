//! Before and after: `init`, two tasks (one is done, one is blocked), the user's own `git gc`, `uninstall`.

use super::record::{Record, Times};
use super::sites::{self, HOPELESS, STRAIGHT, Site};

/// What the stages did in the work tree; that is their business.
const DONE: [&str; 3] = ["<tree>/built.txt", "<tree>/changed.txt", "git status: ? built.txt"];

/// What git's own housekeeping writes again in its own way; the record has git's words about what is in it.
const HOUSEKEEPING: [&str; 7] = [
    "<git>/objects/",
    "<git>/packed-refs",
    "<git>/refs/",
    "<git>/logs/",
    "<git>/info/refs",
    "<git>/gc.",
    "<git>/worktrees/linked/reftable/",
];

#[track_caller]
fn assert_untouched(before: &Record, after: &Record, also: &[&str], when: &str) {
    let differences = before.differences(after, also);
    assert!(differences.is_empty(), "{when}:\n{}", differences.join("\n"));
}

#[track_caller]
fn clean(site: &Site, when: &str) {
    let output = site.command("git", &["fsck", "--full", "--strict"]).output().expect("git runs");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let complaints: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("dangling ") && !line.starts_with("notice: ")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{when}: {} {text}", output.status);
    assert!(!site.beside().join("hook-ran").exists(), "{when}: a hook of the user's ran");
}

/// All of it in a repository with a work tree.
#[track_caller]
fn a_whole_life(site: &Site) {
    let lacking = sites::missing(site);
    let at_first = Record::of(site, Times::DoNot);
    let before = Record::of(site, Times::Count);
    site.millrace(&["init"]);
    assert_untouched(&before, &Record::of(site, Times::Count), &[], "after init");

    site.script(STRAIGHT);
    site.queue("good");
    site.millrace(&["run", "daemon", "--until-idle"]);
    assert!(site.path.join("built.txt").exists(), "{}", site.millrace(&["status"]));
    assert_untouched(&before, &Record::of(site, Times::Count), &DONE, "after a task that was done");
    site.script(HOPELESS);
    site.queue("hopeless");
    site.millrace(&["run", "daemon", "--until-idle"]);
    assert!(!site.path.join("half.txt").exists(), "what a blocked run changed goes back");
    let shown = site.millrace(&["runs", "ls"]);
    assert!(shown.contains("blocked") && shown.contains("done"), "{shown}");
    assert_untouched(&before, &Record::of(site, Times::Count), &DONE, "after a task that was blocked");
    clean(site, "after both");
    // The run branches are whole, by git alone.
    for run in site.git(&["for-each-ref", "--format=%(refname)", "refs/millrace/runs"]).lines() {
        site.git(&["diff", "--stat", &format!("{run}~1"), run]);
        assert!(site.git(&["log", "--format=%s", "-2", run]).lines().count() == 2);
    }
    site.millrace(&["verify"]);
    assert_eq!(sites::missing(site), lacking, "something was fetched");

    let settled = Record::of(site, Times::DoNot);
    let state = site.git(&["rev-parse", "refs/millrace/state"]);
    site.git(&["gc", "--quiet", "--prune=now"]);
    assert_untouched(&settled, &Record::of(site, Times::DoNot), &HOUSEKEEPING, "after gc");
    let _ = std::fs::remove_file(site.beside().join("hook-ran"));
    clean(site, "after gc");
    assert_eq!(site.git(&["rev-parse", "refs/millrace/state"]), state);
    site.millrace(&["verify"]);
    site.millrace(&["doctor"]);
    taken_out(site, &at_first);
}

/// `uninstall` leaves what people wrote, and the objects for the user's own gc.
#[track_caller]
fn taken_out(site: &Site, at_first: &Record) {
    site.millrace(&["uninstall", "--yes", "--no-bundle"]);
    assert_eq!(site.git(&["for-each-ref", "refs/millrace"]), "");
    let git = site.common_dir();
    for gone in ["millrace", "refs/millrace", "logs/refs/millrace"] {
        assert!(!git.join(gone).exists(), "{gone} is left");
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).unwrap_or_default();
    assert!(!packed.contains("refs/millrace"), "{packed}");
    clean(site, "after uninstall");
    let mut also = HOUSEKEEPING.to_vec();
    also.extend(DONE);
    also.extend(["<tree>/millrace-agents/", "git status: ? millrace-agents/"]);
    let traces = at_first.traces(&Record::of(site, Times::DoNot), &also);
    assert!(traces.is_empty(), "after uninstall:\n{}", traces.join("\n"));
    site.git(&["gc", "--quiet", "--prune=now"]);
    let _ = std::fs::remove_file(site.beside().join("hook-ran"));
    clean(site, "at the end");
}

#[test]
fn plain() {
    a_whole_life(&sites::plain());
}

#[test]
fn linked_work_tree() {
    a_whole_life(&sites::linked());
}

#[test]
fn sha256() {
    a_whole_life(&sites::sha256());
}

#[test]
fn reftable() {
    a_whole_life(&sites::reftable());
}

#[test]
fn linked_work_tree_with_reftable() {
    a_whole_life(&sites::linked_reftable());
}

#[test]
fn shallow_clone() {
    a_whole_life(&sites::shallow());
}

#[test]
fn partial_clone_without_blobs() {
    a_whole_life(&sites::without_blobs());
}

#[test]
fn partial_clone_without_trees() {
    a_whole_life(&sites::without_trees());
}

#[test]
fn partial_clone_that_is_sparse() {
    a_whole_life(&sites::sparse_partial());
}

#[test]
fn shared_by_a_group() {
    a_whole_life(&sites::shared_group());
}

#[test]
fn clone_that_borrows_objects() {
    a_whole_life(&sites::alternates());
}

#[test]
fn separate_git_directory() {
    a_whole_life(&sites::separate_git_dir());
}

#[test]
fn submodule() {
    a_whole_life(&sites::submodule());
}

/// A bare repository takes intake and review.
#[test]
fn bare() {
    let site = sites::bare();
    let before = Record::of(&site, Times::Count);
    let at_first = Record::of(&site, Times::DoNot);
    site.queue("good");
    site.millrace(&["queue", "ls"]);
    site.millrace(&["status"]);
    site.millrace(&["log"]);
    site.millrace(&["verify"]);
    assert_untouched(&before, &Record::of(&site, Times::Count), &[], "after intake and review");
    clean(&site, "after intake");
    let settled = Record::of(&site, Times::DoNot);
    site.git(&["gc", "--quiet", "--prune=now"]);
    assert_untouched(&settled, &Record::of(&site, Times::DoNot), &HOUSEKEEPING, "after gc");
    let _ = std::fs::remove_file(site.beside().join("hook-ran"));
    site.millrace(&["verify"]);
    taken_out(&site, &at_first);
}

/// The record sees each thing that could be touched.
#[test]
fn the_record_bites() {
    let site = sites::plain();
    let before = Record::of(&site, Times::Count);
    assert_untouched(&before, &Record::of(&site, Times::Count), &[], "nothing was done");
    let git = site.common_dir();
    let touch = |path: &std::path::Path| {
        let file = std::fs::File::options().append(true).open(path).expect("a file");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        file.set_modified(later).expect("a time");
    };
    for path in
        [git.join("HEAD"), git.join("index"), git.join("hooks/pre-commit"), site.path.join("kept.txt")]
    {
        touch(&path);
        let after = Record::of(&site, Times::Count);
        let differences = before.differences(&after, &[]);
        assert!(differences.iter().any(|line| line.starts_with("changed: ")), "{}", path.display());
    }
    let deeds: [(&[&str], &str); 6] = [
        (&["config", "core.pager", "less"], "git config: core.pager=less"),
        (&["branch", "new"], "git for-each-ref: refs/heads/new"),
        (&["update-ref", "refs/heads/other", "HEAD~1"], "gone: git for-each-ref: refs/heads/other"),
        (&["stash", "drop", "--quiet"], "gone: git stash list: "),
        (&["add", "untracked"], "git status: 1 A."),
        (&["reflog", "expire", "--expire=all", "--all"], "gone: git reflog: "),
    ];
    for (args, expected) in deeds {
        let before = Record::of(&site, Times::DoNot);
        site.git(args);
        let differences = before.differences(&Record::of(&site, Times::DoNot), &[]);
        assert!(differences.iter().any(|line| line.contains(expected)), "{args:?}: {differences:?}");
    }
    let before = Record::of(&site, Times::Count);
    for new in [git.join("info/stray"), git.join("objects/stray"), site.path.join("stray")] {
        std::fs::write(&new, "").expect("a file");
        assert!(!before.differences(&Record::of(&site, Times::Count), &[]).is_empty(), "{}", new.display());
        std::fs::remove_file(&new).expect("gone again");
    }
}
