//! The user's own commands while runs are going on: none fails because of us, and nothing of either is lost.

use super::sites::{self, STRAIGHT, Site};

/// One round of what people do. Each must succeed.
fn round(site: &Site, n: usize, refs: Refs) {
    site.write("mine.txt", &format!("mine, {n}\n"));
    site.git(&["add", "mine.txt"]);
    site.git(&["commit", "--quiet", "--no-verify", "-m", &format!("by the user, {n}")]);
    if refs == Refs::AsFiles {
        site.write("mine.txt", "later\n");
        site.git(&["stash", "push", "--quiet", "--", "mine.txt"]);
        site.git(&["stash", "pop", "--quiet"]);
        site.git(&["checkout", "--quiet", "--", "mine.txt"]);
    }
    let tree = site.beside().join(format!("tree-{n}"));
    site.git(&["worktree", "add", "--quiet", "--detach", &tree.to_string_lossy()]);
    site.git(&["worktree", "remove", "--force", &tree.to_string_lossy()]);
    site.git(&["branch", &format!("topic-{n}")]);
    site.git(&["tag", &format!("tag-{n}")]);
    site.git(&["fetch", "--quiet", "origin"]);
    site.git(&["push", "--quiet", "--no-verify", "origin", &format!("topic-{n}")]);
    site.git(&["log", "--all", "--oneline"]);
}

/// How the repository keeps its refs. In a reftable, git's housekeeping and whatever shortens a reflog (`stash pop`) give
/// up where any other git writes a ref at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refs {
    AsFiles,
    InReftable,
}

/// git's housekeeping.
fn housekeeping(site: &Site, must: bool) {
    for args in
        [&["gc", "--quiet", "--prune=now"][..], &["repack", "-a", "-d", "--quiet"], &["pack-refs", "--all"]]
    {
        if must {
            site.git(args);
        } else {
            site.command("git", args).output().expect("git runs");
        }
    }
}

#[track_caller]
fn together(site: &Site, refs: Refs) {
    let remote = site.beside().join("remote.git");
    site.git(&["init", "--quiet", "--bare", &remote.to_string_lossy()]);
    site.git(&["remote", "add", "origin", &remote.to_string_lossy()]);
    site.script(STRAIGHT);
    for n in 0..3 {
        site.queue(&format!("task-{n}"));
    }
    let log = std::fs::File::create(site.beside().join("daemon.log")).expect("a log");
    let mut daemon =
        site.daemon().stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("a daemon");
    let mut rounds = 0;
    while daemon.try_wait().expect("its state").is_none() && rounds < 200 {
        round(site, rounds, refs);
        if rounds % 2 == 1 {
            housekeeping(site, refs == Refs::AsFiles);
        }
        rounds += 1;
    }
    let status = daemon.wait().expect("its end");
    let said = std::fs::read_to_string(site.beside().join("daemon.log")).unwrap_or_default();
    assert!(status.success(), "{status}\n{said}");
    assert!(rounds > 1, "the user did something meanwhile: {rounds} rounds");
    let shown = site.millrace(&["runs", "ls"]);
    assert_eq!(shown.matches("done").count(), 3, "{shown}\n{said}");
    site.millrace(&["verify"]);
    housekeeping(site, true);
    let fsck = site.command("git", &["fsck", "--full", "--strict"]).output().expect("git runs");
    assert!(fsck.status.success(), "{}", String::from_utf8_lossy(&fsck.stderr));
    site.millrace(&["verify"]);
    let commits = site.git(&["log", "--format=%s", "--author=Test Author", "HEAD"]);
    let theirs = commits.lines().filter(|subject| subject.starts_with("by the user")).count();
    assert_eq!(theirs, rounds, "every commit of the user's is there");
}

#[test]
fn the_users_commands_beside_a_daemon() {
    together(&sites::plain(), Refs::AsFiles);
}

#[test]
fn the_users_commands_beside_a_daemon_in_a_reftable() {
    together(&sites::reftable(), Refs::InReftable);
}
