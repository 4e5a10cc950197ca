//! What must hold of a repository at any moment, whoever was killed in it.

use std::path::Path;

use super::project::{add, millrace, said, states};
use crate::repo::TestRepo;

/// At most this many packs are ours (`limits::MAX_PACKS`).
pub(crate) const MAX_PACKS: usize = millrace::domain::limits::MAX_PACKS;

/// The user's own git works, and every object that a ref reaches is there and whole. Nothing of ours has cleaned up.
#[track_caller]
pub(crate) fn users_git_works(repo: &TestRepo, when: &str) {
    fsck(repo, when);
    for args in [
        &["status", "--porcelain"][..],
        &["log", "--all", "--oneline"],
        &["fetch", "--quiet", "origin"],
        &["for-each-ref"],
    ] {
        let output = repo.git_output(args);
        assert!(output.status.success(), "{when}: git {args:?}: {}", said(&output));
    }
}

/// `git fsck --full --strict` has nothing to say of anything that a ref reaches.
#[track_caller]
pub(crate) fn fsck(repo: &TestRepo, when: &str) {
    let output = repo.git_output(&["fsck", "--full", "--strict"]);
    let text = said(&output);
    let complaints = text
        .lines()
        .skip(1)
        .any(|line| !line.is_empty() && !line.starts_with("dangling ") && !line.starts_with("notice: "));
    assert!(output.status.success() && !complaints, "{when}: git fsck: {text}");
}

/// Millrace goes on by itself: the next command works, leaves nothing of the killed one behind, and the whole ledger is
/// sound; then the user's gc takes nothing of it.
#[track_caller]
pub(crate) fn millrace_goes_on(repo: &TestRepo, when: &str) {
    let output = millrace(repo, &["status"]).output().expect("it runs");
    assert!(output.status.success(), "{when}: status: {}", said(&output));
    add(repo, "afterwards");
    assert_eq!(states(repo, "afterwards").len(), 1, "{when}: the next task is taken in");
    nothing_is_left(repo, when);
    verified(repo, when);
    let gc = repo.git_output(&["gc", "--quiet", "--prune=now"]);
    assert!(gc.status.success(), "{when}: git gc: {}", said(&gc));
    verified(repo, when);
    users_git_works(repo, when);
}

/// `millrace verify` finds the whole ledger sound.
#[track_caller]
pub(crate) fn verified(repo: &TestRepo, when: &str) {
    let output = millrace(repo, &["verify"]).output().expect("it runs");
    assert!(output.status.success(), "{when}: verify: {}", said(&output));
}

/// No mark, lock, scratch or temporary file of ours after a command that ended, and no pack that is kept. (A power loss
/// may leave the name of a `.keep` whose pack never came: nothing looks at it.)
#[track_caller]
pub(crate) fn nothing_is_left(repo: &TestRepo, when: &str) {
    let git = repo.git_dir();
    let mut left = files(&git.join("millrace/publishing"));
    left.extend(files(&git.join("millrace/fold")));
    let names = |folder: &str, ending: &str| {
        files(&git.join(folder)).into_iter().filter(|path| has_ending(path, ending)).collect::<Vec<_>>()
    };
    left.extend(names("refs/millrace", "lock"));
    left.extend(names("reftable", "lock"));
    left.extend(keeps(repo).into_iter().filter(|keep| Path::new(keep).with_extension("pack").exists()));
    left.extend(names("objects/pack", "new"));
    assert!(left.is_empty(), "{when}: left behind: {left:?}");
}

/// Every `.keep`, with or without its pack.
pub(crate) fn keeps(repo: &TestRepo) -> Vec<String> {
    let mut found = files(&repo.git_dir().join("objects/pack"));
    found.retain(|path| has_ending(path, "keep"));
    found
}

/// The packs in the repository that are listed as ours, and those that are there at all.
pub(crate) fn packs(repo: &TestRepo) -> (usize, usize) {
    let git = repo.git_dir();
    let there: Vec<String> =
        files(&git.join("objects/pack")).into_iter().filter(|path| has_ending(path, "pack")).collect();
    let listed = std::fs::read_to_string(git.join("millrace/packs")).unwrap_or_default();
    let ours = there
        .iter()
        .filter(|path| {
            let hex = path.rsplit_once("pack-").map_or("", |(_, name)| name.trim_end_matches(".pack"));
            listed.lines().any(|line| line.split(' ').nth(1) == Some(hex))
        })
        .count();
    (ours, there.len())
}

/// The number of transitions, each with exactly one parent but the first.
#[track_caller]
pub(crate) fn linear(repo: &TestRepo) -> usize {
    let text = repo.git(&["rev-list", "--parents", "refs/millrace/state"]);
    let commits: Vec<usize> = text.lines().map(|line| line.split(' ').count() - 1).collect();
    let (first, others) = commits.split_last().expect("a ledger");
    assert_eq!(*first, 0, "the first transition has no parent");
    assert!(others.iter().all(|parents| *parents == 1), "one parent each: {commits:?}");
    commits.len()
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == ending)
}
