//! `millrace uninstall`: everything of ours goes, nothing of anybody else's, and no record without a copy.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::commands::{STRAIGHT, call, data, filtered, queue, said, script, task, well};
use super::hooks::{contents, hook_of_theirs};
use crate::support::repo::TestRepo;

/// Everything of the user's: all but objects, which only git's gc removes.
fn of_the_user(repo: &TestRepo) -> BTreeMap<PathBuf, String> {
    let objects = repo.git_dir().join("objects");
    let mut found = contents(repo.path());
    found.retain(|path, _| !path.starts_with(&objects));
    found
}

/// A repository with a ledger, one finished run, and hooks beside one of the user's.
fn used() -> (TestRepo, BTreeMap<PathBuf, String>) {
    let repo = TestRepo::with_commit();
    hook_of_theirs(&repo, "pre-push", "#!/bin/sh\nexit 0\n");
    let before = of_the_user(&repo);
    script(&repo, STRAIGHT);
    queue(&repo, &task("one"));
    for _ in 0..3 {
        well(&repo, &["run", "once"]);
    }
    well(&repo, &["hooks", "install"]);
    well(&repo, &["hooks", "install", "reference-transaction"]);
    (repo, before)
}

/// The run that a listing of refs names.
fn run_of(refs: &str) -> &str {
    refs.split("refs/millrace/runs/").nth(1).expect("a run").split_whitespace().next().expect("an id")
}

/// The time in a bundle's name.
fn named(repo: &TestRepo, text: &str) -> String {
    let text = filtered(repo, text);
    match text.split_once("millrace-") {
        Some((start, rest)) if rest.len() > 15 && rest.as_bytes()[8] == b'-' => {
            format!("{start}millrace-[time]{}", &rest[15..])
        }
        _ => text,
    }
}

#[test]
fn afterwards_everything_is_as_it_was_before() {
    let (repo, before) = used();
    insta::assert_snapshot!(named(&repo, &well(&repo, &["uninstall", "--yes"])), @"
    wrote the record to [repo]/.git/millrace-[time].bundle
    removed refs/millrace/runs/[run]
    removed refs/millrace/state
    removed [repo]/.git/millrace
    removed [repo]/millrace-agents/runs
    removed [repo]/millrace-agents/.gitignore
    removed the hook [repo]/.git/hooks/pre-push, and put back what was there before
    removed the hook [repo]/.git/hooks/post-commit
    removed the hook [repo]/.git/hooks/post-merge
    removed the hook [repo]/.git/hooks/reference-transaction
    left [repo]/millrace-agents, with the configuration and what else people wrote there
    git objects that nothing refers to stay until git's own gc
    ");
    let mut after = of_the_user(&repo);
    // What is documented to stay: the operator's folder, the copy of the record; and what the run built.
    let agents = repo.path().join("millrace-agents");
    after.retain(|path, _| {
        !path.starts_with(&agents)
            && path.extension().is_none_or(|ending| ending != "bundle")
            && !path.ends_with("built.txt")
    });
    assert_eq!(after, before);
    let left: Vec<_> =
        std::fs::read_dir(&agents).expect("a folder").flatten().map(|one| one.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    repo.git(&["fsck", "--strict"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    repo.git(&["fsck", "--strict"]);
    // A second time there is nothing.
    let again = well(&repo, &["uninstall", "--yes"]);
    assert!(again.contains("nothing to do") || again.contains("left"), "{again}");
    // And it can be used again.
    queue(&repo, &task("two"));
    well(&repo, &["verify"]);
}

#[test]
fn without_yes_it_lists_and_changes_nothing() {
    let (repo, _) = used();
    let before = contents(repo.beside());
    insta::assert_snapshot!(named(&repo, &well(&repo, &["uninstall"])), @"
    would write the record to [repo]/.git/millrace-[time].bundle
    would remove refs/millrace/runs/[run]
    would remove refs/millrace/state
    would remove [repo]/.git/millrace
    would remove [repo]/millrace-agents/runs
    would remove [repo]/millrace-agents/.gitignore
    would remove the hook [repo]/.git/hooks/pre-push, and put back what was there before
    would remove the hook [repo]/.git/hooks/post-commit
    would remove the hook [repo]/.git/hooks/post-merge
    would remove the hook [repo]/.git/hooks/reference-transaction
    left [repo]/millrace-agents, with the configuration and what else people wrote there
    git objects that nothing refers to stay until git's own gc

    nothing was changed; `--yes` does it
    ");
    assert_eq!(contents(repo.beside()), before);
}

#[test]
fn the_bundle_brings_the_record_back() {
    let (repo, _) = used();
    let refs = |repo: &TestRepo| repo.git(&["for-each-ref", "refs/millrace/"]);
    let (before, log) = (refs(&repo), well(&repo, &["log"]));
    let file = repo.beside().join("record.bundle");
    let name = file.to_str().expect("UTF-8");
    well(&repo, &["uninstall", "--yes", "--bundle", name]);
    assert_eq!(refs(&repo), "");
    repo.git(&["gc", "--quiet", "--prune=now"]);
    repo.git(&["fetch", "--quiet", name, "refs/millrace/*:refs/millrace/*"]);
    assert_eq!(refs(&repo), before);
    assert_eq!(well(&repo, &["log"]), log);
    well(&repo, &["verify"]);
    // What a branch of the user's has is in no bundle, and is made again from the record, as the page on this says.
    let run = run_of(&before);
    repo.git(&["branch", "mine", &format!("refs/millrace/runs/{run}")]);
    let file = repo.beside().join("second.bundle");
    let name = file.to_str().expect("UTF-8");
    let text = well(&repo, &["uninstall", "--yes", "--bundle", name]);
    assert!(text.contains(&format!("refs/millrace/runs/{run} is not in it")), "{text}");
    repo.git(&["fetch", "--quiet", name, "refs/millrace/*:refs/millrace/*"]);
    assert_ne!(refs(&repo), before);
    well(&repo, &["recover"]);
    assert_eq!(refs(&repo), before);
    well(&repo, &["review", run]);
}

#[test]
fn no_copy_is_made_where_none_is_wanted_and_none_is_overwritten() {
    let (repo, _) = used();
    let file = repo.beside().join("there");
    std::fs::write(&file, "mine").expect("a file");
    let before = contents(repo.path());
    for (name, why) in [
        (file.clone(), "is there already, and is not overwritten; give another name with `--bundle`"),
        (
            repo.git_dir().join("millrace/x"),
            "lies in what is to be removed; give another name with `--bundle`",
        ),
        (repo.path().join("millrace-agents/x"), "lies in what is to be removed"),
    ] {
        let output = call(&repo, &["uninstall", "--yes", "--bundle", name.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&repo, &output));
        assert!(said(&repo, &output).contains(why), "{}", said(&repo, &output));
    }
    let output = call(&repo, &["uninstall", "--yes", "--bundle", "/nowhere/x"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&repo, &output));
    let hooks = |all: BTreeMap<PathBuf, String>| {
        all.into_iter().filter(|(path, _)| !path.ends_with("daemon.lock")).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(hooks(contents(repo.path())), hooks(before));
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "mine");
    let answer = data(&repo, "uninstall", &["uninstall", "--yes", "--no-bundle"]);
    assert!(answer["bundle"].is_null() && answer["done"] == true, "{answer}");
    let bundles =
        contents(repo.beside()).into_keys().filter(|path| path.extension().is_some_and(|e| e == "bundle"));
    assert_eq!(bundles.count(), 0);
}

#[test]
fn work_in_progress_is_not_taken_away_in_passing() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("one"));
    well(&repo, &["run", "once"]);
    let before = of_the_user(&repo);
    let output = call(&repo, &["uninstall", "--yes"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    ! millrace: still being worked on: task/one
    ! hint: `--even-active` takes Millrace out all the same
    ");
    assert_eq!(of_the_user(&repo), before);
    // A runtime that lives is not taken away at all.
    let lock = std::fs::File::open(repo.git_dir().join("millrace/daemon.lock")).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let output = call(&repo, &["uninstall", "--yes", "--even-active"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&repo, &output));
    drop(lock);
    // Nor is a stage whose runtime is gone.
    let invocation = repo.git_dir().join("millrace/inv/left");
    std::fs::create_dir_all(&invocation).expect("a folder");
    let lock = std::fs::File::create(invocation.join("lock")).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let output = call(&repo, &["uninstall", "--yes", "--even-active"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 4
    ! millrace: a stage still runs here ([repo]/.git/millrace/inv/left); `millrace stop --now` ends it
    ");
    drop(lock);
    well(&repo, &["uninstall", "--yes", "--even-active"]);
    assert_eq!(repo.git(&["for-each-ref", "refs/millrace/"]), "");
}

#[test]
fn what_people_wrote_stays_and_is_named() {
    let repo = TestRepo::init_with(&["--bare"]);
    repo.git(&["config", "millrace.incoming.tasks", "tasks/*.md"]);
    queue(&repo, &task("one"));
    std::fs::write(repo.git_dir().join("millrace/rules.toml"), "").expect("a file");
    well(&repo, &["hooks", "install"]);
    let hook = repo.git_dir().join("hooks/post-receive");
    let text = std::fs::read_to_string(&hook).expect("a hook") + "# mine\n";
    std::fs::write(&hook, text).expect("a hook");
    insta::assert_snapshot!(named(&repo, &well(&repo, &["uninstall", "--yes", "--no-bundle"])), @"
    removed refs/millrace/state
    removed [repo]/millrace/believed
    removed [repo]/millrace/daemon.lock
    removed [repo]/millrace/lock
    removed [repo]/millrace/packs
    removed [repo]/millrace/publishing
    left the hook post-receive: [repo]/hooks/post-receive was edited since it was installed; take Millrace's part out by hand
    left [repo]/millrace/rules.toml, the rules of this repository's hooks
    left millrace.incoming.tasks in the repository's configuration, which somebody set
    git objects that nothing refers to stay until git's own gc
    ");
    assert!(hook.exists());
    let left: Vec<_> =
        std::fs::read_dir(repo.git_dir().join("millrace")).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    // Then there is nothing to do any more, however often it is asked.
    std::fs::remove_file(&hook).expect("removed");
    for words in [&["uninstall"][..], &["uninstall", "--yes"], &["uninstall", "--yes"]] {
        let before = contents(repo.path());
        assert!(
            well(&repo, words).starts_with("nothing to do: nothing of Millrace's is here\n"),
            "{words:?}"
        );
        assert_eq!(contents(repo.path()), before, "{words:?}");
    }
}

/// Pushes that were kept go with the rest.
#[test]
fn of_a_reftable_every_ref_goes_and_the_bundle_brings_it_back() {
    let repo = TestRepo::init_with(&["--ref-format=reftable"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "start"]);
    let refs = || repo.git(&["for-each-ref"]);
    let before = refs();
    queue(&repo, &task("one"));
    std::fs::write(repo.git_dir().join("millrace/missed-pushes.1"), "").expect("a file");
    let (with, tip) = (refs(), repo.git(&["rev-parse", "refs/millrace/state"]));
    let file = repo.beside().join("record.bundle");
    let name = file.to_str().expect("UTF-8");
    well(&repo, &["uninstall", "--yes", "--bundle", name]);
    assert_eq!(refs(), before);
    assert!(!repo.git_dir().join("millrace").exists());
    repo.git(&["fsck", "--strict"]);
    repo.git(&["fetch", "--quiet", name, "refs/millrace/*:refs/millrace/*"]);
    assert_eq!((refs(), repo.git(&["rev-parse", "refs/millrace/state"])), (with, tip));
    well(&repo, &["verify"]);
}

/// A ref that cannot be read hurts the user's own git; it goes as well.
#[test]
fn a_damaged_ledger_goes_too() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("one"));
    std::fs::write(repo.git_dir().join("refs/millrace/state"), "").expect("a file");
    let output = call(&repo, &["uninstall", "--yes"]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&repo, &output));
    well(&repo, &["uninstall", "--yes", "--even-active"]);
    repo.git(&["fsck", "--strict"]);
    assert!(!repo.git_dir().join("refs/millrace").exists());
}
