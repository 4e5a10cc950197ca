//! A ledger in a repository that keeps its refs as a reftable: what is particular to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use millrace::ledger::git::{Durability, Finding, GitStore};
use millrace::ledger::store::{NewObjects, ObjectFormat, RefName, Signature, Store, StoreError};

use super::support::{
    advance, assert_clean, commit, listing, open, pack_files, publication, publish, tip, walk,
};
use crate::support::repo::TestRepo;

fn repository() -> TestRepo {
    let repo = TestRepo::init_with(&["--ref-format=reftable"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "start"]);
    repo
}

#[test]
fn git_sees_the_ref_and_its_reflog_and_no_file_lies_about() {
    let repo = repository();
    let store = GitStore::open(&repo.git_dir(), Durability::Strict).expect("a store");
    let one = advance(&store, "one").expect("published");
    let objects = commit(ObjectFormat::Sha1, Some(one), "two");
    let two = tip(&objects);
    let mut second = publication(RefName::State, Some(one), Some(two), NewObjects::Given(objects));
    second.by.name = "A <b>\nC".to_owned();
    second.message = "handoff: a\nb\tc".to_owned();
    publish(&store, second).expect("published");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), two.to_string());
    let log = repo.git(&["log", "-g", "--format=%H %gn <%ge> %gd %gs", "--date=unix", "refs/millrace/state"]);
    let shown: Vec<&str> = log.lines().collect();
    assert_eq!(
        shown,
        [
            format!("{two} A  b  C <writer@example.org> millrace/state@{{1767225600}} handoff: a b c"),
            format!("{one} Test Writer <writer@example.org> millrace/state@{{1767225600}} test: publish"),
        ]
    );
    assert_eq!(store.last_tips().expect("two"), [two, one]);
    // A loose file here is one that git never sees.
    let files: Vec<_> = listing(&repo.git_dir().join("refs"));
    assert_eq!(files, [repo.git_dir().join("refs/heads")]);
    assert!(!repo.git_dir().join("logs").exists());
    assert_eq!(pack_files(&repo, ".keep"), Vec::<String>::new());
    assert!(listing(&repo.git_dir().join("millrace/publishing")).is_empty(), "no mark is left");
    assert_clean(&repo);
}

#[test]
fn the_reflog_remembers_tips_whose_commits_are_gone() {
    let repo = repository();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    let before = pack_files(&repo, ".pack");
    let two = advance(&store, "two").expect("published");
    let lost = pack_files(&repo, ".pack").into_iter().find(|name| !before.contains(name)).expect("a pack");
    for ending in ["pack", "idx"] {
        let file = repo.git_dir().join("objects/pack").join(&lost).with_extension(ending);
        std::fs::remove_file(file).expect("lost");
    }
    let store = open(&repo);
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(two));
    assert_eq!(store.last_tips().expect("two"), [two, one]);
    assert_eq!(store.newest_intact_tip().expect("one"), Some(one));
    assert!(matches!(&store.health().expect("findings")[..], [Finding::Tip { oid, .. }] if *oid == two));
    let by = Signature {
        name: "Test".to_owned(),
        email: "test@example.org".to_owned(),
        at: jiff::Timestamp::from_second(1_767_225_600).expect("a time"),
    };
    let kept = store.replace_damaged(one, &by).expect("mended");
    assert_eq!(std::fs::read_to_string(kept).expect("kept"), format!("{two}\n"));
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(one));
    assert_eq!(walk(&open(&repo), advance(&store, "three").expect("published")), 2);
}

#[test]
fn what_others_write_is_seen_at_once_and_what_is_unchanged_is_not_asked_again() {
    let repo = repository();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    let two = advance(&store, "two").expect("published");
    for to in [one, two, one] {
        repo.git(&["update-ref", "refs/millrace/state", &to.to_string()]);
        assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(to));
    }
    repo.git(&["pack-refs", "--all"]);
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(one));
    let started = Instant::now();
    for _ in 0..500 {
        store.resolve(&RefName::State).expect("a ref");
    }
    // A process each would be a second.
    assert!(started.elapsed() < Duration::from_millis(250), "{:?}", started.elapsed());
    repo.git(&["update-ref", "-d", "refs/millrace/state"]);
    assert_eq!(store.resolve(&RefName::State).expect("no ref"), None);
}

#[test]
fn a_symbolic_ref_in_our_place_is_named() {
    let repo = repository();
    let store = open(&repo);
    repo.git(&["symbolic-ref", "refs/millrace/state", "refs/heads/main"]);
    match store.resolve(&RefName::State) {
        Err(StoreError::DamagedRef { name, detail }) => {
            assert_eq!(name, "refs/millrace/state");
            assert!(detail.contains("symbolic"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(advance(&store, "one"), Err(StoreError::DamagedRef { .. })));
    assert_eq!(repo.git(&["rev-list", "--count", "main"]), "1");
}

#[test]
fn the_users_lock_is_waited_for_and_then_named() {
    let repo = repository();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    let lock = repo.git_dir().join("reftable/tables.list.lock");
    std::fs::write(&lock, "").expect("a lock");
    match advance(&store, "two") {
        Err(StoreError::Locked { lock: named, holder, .. }) => {
            assert!(named.ends_with("reftable/tables.list.lock"), "{}", named.display());
            assert!(holder.contains("git command"), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert!(lock.exists(), "it is not ours to remove");
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| advance(&store, "three"));
        std::thread::sleep(Duration::from_millis(200));
        std::fs::remove_file(&lock).expect("released");
        publishing.join().expect("no panic").expect("published")
    });
    let two = store.resolve(&RefName::State).expect("a ref").expect("a value");
    assert_eq!(walk(&store, two), 2);
    assert_ne!(one, two);
    assert_eq!(pack_files(&repo, ".keep"), Vec::<String>::new());
    assert_clean(&repo);
}

#[test]
fn a_repository_that_is_converted_meanwhile_is_followed() {
    let repo = TestRepo::with_commit();
    let (store, reader) = (open(&repo), open(&repo));
    let one = advance(&store, "one").expect("published");
    assert_eq!(reader.resolve(&RefName::State).expect("a ref"), Some(one));
    // git below 2.48 converts no repository that has reflogs.
    std::fs::remove_dir_all(repo.git_dir().join("logs")).expect("no reflogs");
    repo.git(&["refs", "migrate", "--ref-format=reftable"]);
    assert_eq!(reader.resolve(&RefName::State).expect("a ref"), Some(one));
    let two = advance(&store, "two").expect("published");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), two.to_string());
    assert_eq!(walk(&reader, two), 2);
    assert!(!repo.git_dir().join("refs/millrace").exists());
    assert_clean(&repo);
}

#[test]
fn the_users_housekeeping_beside_a_reftable_loses_nothing() {
    let repo = repository();
    let store = open(&repo);
    let housekeeping: [&[&str]; 4] = [
        &["gc", "--quiet", "--prune=now"],
        &["repack", "-adbq"],
        &["pack-refs", "--all"],
        &["update-ref", "--create-reflog", "refs/heads/beside", "HEAD"],
    ];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for args in &housekeeping {
                    // git compacts a reftable or gives up at once: beside any other git as beside us.
                    repo.git_output(args);
                }
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for n in 0..40 {
                advance(&store, format!("{n}")).expect("published");
            }
        }));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    let last = advance(&store, "last").expect("published");
    assert_eq!(walk(&open(&repo), last), 41);
    assert_clean(&repo);
}

#[test]
fn a_clash_of_file_and_folder_is_refused() {
    let repo = repository();
    let store = open(&repo);
    repo.git(&["update-ref", "refs/millrace/backup", "HEAD"]);
    let objects = commit(ObjectFormat::Sha1, None, "one");
    let new = tip(&objects);
    let name = RefName::Backup("one".to_owned());
    let refused = publish(&store, publication(name, None, Some(new), NewObjects::Given(objects)));
    let Err(StoreError::Unsupported(line)) = refused else { panic!("{refused:?}") };
    assert!(line.contains("refs/millrace/backup is a ref"), "{line}");
}
