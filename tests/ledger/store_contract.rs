//! What every store must do: one suite, run on each of them.

use std::time::{Duration, Instant};

use millrace::domain::ids::RunId;
use millrace::ledger::faulty::Faulty;
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{NewObjects, ObjectFormat, ObjectKind, RefName, Store, StoreError};

use super::support::{
    WAIT, advance, assert_clean, commit, object, open, pack_files, publication, publish, tip, walk,
};
use crate::support::repo::TestRepo;

/// A store to be tested, with a second handle on the same content, and the repository where there is one.
struct Subject {
    store: Box<dyn Store + Send + Sync>,
    other: Box<dyn Store + Send + Sync>,
    repo: Option<TestRepo>,
}

fn git(repo: TestRepo, git_dir: &std::path::Path) -> Subject {
    let open = || Box::new(GitStore::open(git_dir, Durability::Off).expect("a store"));
    Subject { store: open(), other: open(), repo: Some(repo) }
}

fn memory(format: ObjectFormat) -> Subject {
    let store = MemoryStore::new(format);
    Subject { store: Box::new(store.clone()), other: Box::new(store), repo: None }
}

fn git_sha1() -> Subject {
    let repo = TestRepo::with_commit();
    let dir = repo.git_dir();
    git(repo, &dir)
}

fn git_sha256() -> Subject {
    let repo = TestRepo::init_with(&["--object-format=sha256"]);
    let dir = repo.git_dir();
    git(repo, &dir)
}

fn git_bare() -> Subject {
    let repo = TestRepo::init_with(&["--bare"]);
    let dir = repo.git_dir();
    git(repo, &dir)
}

fn git_linked() -> Subject {
    let repo = TestRepo::with_commit();
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", &linked.to_string_lossy()]);
    let dir = repo.git_dir().join("worktrees/linked");
    git(repo, &dir)
}

fn faultless() -> Subject {
    let repo = TestRepo::init();
    let store = Faulty::new(open(&repo), Vec::new());
    let other = Box::new(open(&repo));
    Subject { store: Box::new(store), other, repo: Some(repo) }
}

fn run(text: &str) -> RunId {
    text.parse().expect("a run id")
}

fn publishes_resolves_and_reads(subject: &Subject) {
    let store = subject.store.as_ref();
    let format = store.object_format();
    assert_eq!(store.resolve(&RefName::State).expect("no ref"), None);
    let objects = commit(format, None, "first");
    let new = tip(&objects);
    assert!(matches!(store.read(new), Err(StoreError::Missing(oid)) if oid == new));
    publish(store, publication(RefName::State, None, Some(new), NewObjects::Given(objects.clone())))
        .expect("published");
    for store in [store, subject.other.as_ref()] {
        assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(new));
        for object in &objects {
            assert_eq!(store.read(object.oid).expect("an object"), (object.kind, object.bytes.clone()));
        }
    }
    let second = advance(subject.other.as_ref(), "second").expect("published");
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(second));
    assert_eq!(walk(store, second), 2);
}

fn a_moved_ref_changes_nothing(subject: &Subject) {
    let store = subject.store.as_ref();
    let format = store.object_format();
    let one = advance(store, "one").expect("published");
    let two = advance(store, "two").expect("published");
    let late = commit(format, Some(one), "late");
    for old in [Some(one), None] {
        let result = publish(
            store,
            publication(RefName::State, old, Some(tip(&late)), NewObjects::Given(late.clone())),
        );
        match result {
            Err(StoreError::Moved { name, expected, found }) => {
                assert_eq!((name.as_str(), expected, found), ("refs/millrace/state", old, Some(two)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(two));
    assert!(matches!(store.read(tip(&late)), Err(StoreError::Missing(_))), "its objects did not come in");
    // A ref that must have a value and has none.
    let run = RefName::Run(run("20260101-0000-abcdef"));
    let result = publish(store, publication(run, Some(one), Some(two), NewObjects::None));
    assert!(matches!(result, Err(StoreError::Moved { found: None, .. })), "{result:?}");
}

fn a_ref_needs_a_commit_that_is_there(subject: &Subject) {
    let store = subject.store.as_ref();
    let format = store.object_format();
    let objects = commit(format, None, "nowhere");
    let result = publish(store, publication(RefName::State, None, Some(tip(&objects)), NewObjects::None));
    assert!(matches!(result, Err(StoreError::Missing(_))), "{result:?}");
    let blob = objects[0].oid;
    let result =
        publish(store, publication(RefName::State, None, Some(blob), NewObjects::Given(objects.clone())));
    assert!(matches!(result, Err(StoreError::Damaged { .. })), "{result:?}");
    let mut lying = objects;
    lying[0].bytes = b"something else".to_vec();
    let new = tip(&lying);
    let result = publish(store, publication(RefName::State, None, Some(new), NewObjects::Given(lying)));
    assert!(matches!(result, Err(StoreError::Damaged { .. })), "{result:?}");
    assert_eq!(store.resolve(&RefName::State).expect("no ref"), None);
}

fn refs_are_deleted_and_reset(subject: &Subject) {
    let store = subject.store.as_ref();
    let one = advance(store, "one").expect("published");
    let two = advance(store, "two").expect("published");
    let name = RefName::Backup("2026-01-01/state".to_owned());
    publish(store, publication(name.clone(), None, Some(two), NewObjects::None)).expect("created");
    publish(store, publication(name.clone(), Some(two), Some(one), NewObjects::None)).expect("reset");
    let wrong = publish(store, publication(name.clone(), Some(two), None, NewObjects::None));
    assert!(matches!(wrong, Err(StoreError::Moved { .. })), "{wrong:?}");
    assert_eq!(store.resolve(&name).expect("a ref"), Some(one));
    publish(store, publication(name.clone(), Some(one), None, NewObjects::None)).expect("deleted");
    assert_eq!(store.resolve(&name).expect("no ref"), None);
    publish(store, publication(name.clone(), None, Some(two), NewObjects::None)).expect("created again");
    assert_eq!(store.resolve(&name).expect("a ref"), Some(two));
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(two));
}

fn runs_are_listed(subject: &Subject) {
    let store = subject.store.as_ref();
    assert_eq!(store.runs().expect("none"), []);
    let tip = advance(store, "one").expect("published");
    let ids = [run("20260102-0000-00000b"), run("20260101-0000-00000a")];
    for id in &ids {
        let name = RefName::Run(id.clone());
        publish(store, publication(name, None, Some(tip), NewObjects::None)).expect("created");
    }
    let expected = vec![(ids[1].clone(), tip), (ids[0].clone(), tip)];
    assert_eq!(store.runs().expect("two"), expected);
    if let Some(repo) = &subject.repo {
        repo.git(&["pack-refs", "--all"]);
        assert_eq!(store.runs().expect("two, packed"), expected);
    }
    let gone = publication(RefName::Run(ids[0].clone()), Some(tip), None, NewObjects::None);
    publish(store, gone).expect("deleted");
    assert_eq!(store.runs().expect("one"), expected[..1]);
}

fn refs_are_listed(subject: &Subject) {
    let store = subject.store.as_ref();
    assert_eq!(store.refs().expect("none"), []);
    let tip = advance(store, "one").expect("published");
    let id = run("20260102-0000-00000b");
    let mut names = vec![
        RefName::Backup("20260101-120000-restore".to_owned()),
        RefName::Remote("origin".to_owned()),
        RefName::Remote("team/origin".to_owned()),
        RefName::RemoteRun("team/origin".to_owned(), id.clone()),
        RefName::Run(id),
    ];
    for name in &names {
        assert_eq!(RefName::parse(&name.full()).as_ref(), Some(name));
        publish(store, publication(name.clone(), None, Some(tip), NewObjects::None)).expect("created");
    }
    names.push(RefName::State);
    names.sort_by_key(RefName::full);
    let expected: Vec<_> = names.into_iter().map(|name| (name, tip)).collect();
    assert_eq!(store.refs().expect("six"), expected);
    if let Some(repo) = &subject.repo {
        // Another program's, below ours: not ours to list.
        repo.git(&["update-ref", "refs/millrace/other", &tip.to_string()]);
        repo.git(&["pack-refs", "--all"]);
        assert_eq!(store.refs().expect("six, packed"), expected);
        assert_eq!(store.runs().expect("one").len(), 1);
    }
}

fn names_that_lead_elsewhere_are_refused(subject: &Subject) {
    let store = subject.store.as_ref();
    for bad in ["", "..", "../state", "a/../../heads/main", "a..b", "x.lock", ".hidden", "a b", "a//b", "a\n"]
    {
        for name in [RefName::Backup(bad.to_owned()), RefName::Remote(bad.to_owned())] {
            assert!(matches!(store.resolve(&name), Err(StoreError::Unsupported(_))), "{bad:?}");
            let result = publish(store, publication(name, None, None, NewObjects::None));
            assert!(matches!(result, Err(StoreError::Unsupported(_))), "{bad:?}");
        }
    }
    assert_eq!(store.resolve(&RefName::Remote("origin".to_owned())).expect("fine"), None);
}

fn big_and_odd_objects_come_back(subject: &Subject) {
    let store = subject.store.as_ref();
    let format = store.object_format();
    let mut noise = 0x2545_f491_4f6c_dd1du64;
    let big: Vec<u8> = (0..1 << 20)
        .map(|_| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[0]
        })
        .collect();
    let mut objects = vec![
        object(format, ObjectKind::Blob, big),
        object(format, ObjectKind::Blob, vec![b'x'; 4 << 20]),
        object(format, ObjectKind::Blob, ""),
        object(format, ObjectKind::Tree, ""),
    ];
    // Sizes around every boundary of the entry header's length.
    for size in [1, 15, 16, 17, 2047, 2048, 2049, (1 << 18) - 1, 1 << 18] {
        objects.push(object(format, ObjectKind::Blob, vec![b'a'; size]));
    }
    objects.push(objects[0].clone());
    objects.extend(commit(format, None, "with much beside"));
    let new = tip(&objects);
    publish(store, publication(RefName::State, None, Some(new), NewObjects::Given(objects.clone())))
        .expect("published");
    for object in objects {
        let read = store.read(object.oid).expect("an object");
        assert!(read == (object.kind, object.bytes), "{}", object.oid);
    }
}

fn sixty_publications_are_folded(subject: &Subject) {
    let store = subject.store.as_ref();
    let mut last = None;
    for n in 0..60 {
        last = Some(advance(store, format!("state {n}\n")).expect("published"));
    }
    let last = last.expect("a tip");
    for store in [store, subject.other.as_ref()] {
        assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(last));
        assert_eq!(walk(store, last), 60);
    }
    let Some(repo) = &subject.repo else { return };
    // 24 + 24 folded, 12 since.
    assert_eq!(pack_files(repo, ".pack").len(), 14);
    assert_eq!(pack_files(repo, ".idx").len(), 14);
    assert_eq!(pack_files(repo, "").len(), 28, "nothing else is left: {:?}", pack_files(repo, ""));
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), last.to_string());
    assert_eq!(repo.git(&["rev-list", "--count", "refs/millrace/state"]), "60");
    assert_eq!(
        repo.git(&["count-objects", "-v"]).lines().find(|line| line.starts_with("garbage")),
        Some("garbage: 0")
    );
    assert_clean(repo);
}

fn one_writer_at_a_time(subject: &Subject) {
    let (store, other) = (subject.store.as_ref(), subject.other.as_ref());
    let writer = store.writer(WAIT).expect("free");
    let started = Instant::now();
    match other.writer(Duration::from_millis(60)).map(drop) {
        Err(StoreError::Locked { waited, holder, .. }) => {
            assert!(waited >= Duration::from_millis(60) && started.elapsed() < Duration::from_secs(5));
            if subject.repo.is_some() {
                assert!(holder.contains(&std::process::id().to_string()), "{holder}");
            }
        }
        result => panic!("{result:?}"),
    }
    drop(writer);
    // Not at once: a program that another test starts meanwhile shares the lock between its fork and its exec.
    drop(other.writer(Duration::from_secs(1)).expect("free again"));

    std::thread::scope(|scope| {
        for (name, store) in [("a", store), ("b", other)] {
            scope.spawn(move || {
                for n in 0..15 {
                    advance(store, format!("{name} {n}")).expect("never refused, never moved");
                }
            });
        }
    });
    let tip = store.resolve(&RefName::State).expect("a ref").expect("a value");
    assert_eq!(walk(store, tip), 30, "linear, nothing lost");
}

type Part = fn(&Subject);

const SUITE: [(&str, Part); 10] = [
    ("publishes_resolves_and_reads", publishes_resolves_and_reads),
    ("a_moved_ref_changes_nothing", a_moved_ref_changes_nothing),
    ("a_ref_needs_a_commit_that_is_there", a_ref_needs_a_commit_that_is_there),
    ("refs_are_deleted_and_reset", refs_are_deleted_and_reset),
    ("runs_are_listed", runs_are_listed),
    ("refs_are_listed", refs_are_listed),
    ("names_that_lead_elsewhere_are_refused", names_that_lead_elsewhere_are_refused),
    ("big_and_odd_objects_come_back", big_and_odd_objects_come_back),
    ("sixty_publications_are_folded", sixty_publications_are_folded),
    ("one_writer_at_a_time", one_writer_at_a_time),
];

/// Runs the suite, each part on a store of its own.
fn contract(make: impl Fn() -> Subject) {
    for (name, part) in SUITE {
        // Shown when the part fails.
        println!("contract: {name}");
        let subject = make();
        part(&subject);
        if let Some(repo) = &subject.repo {
            assert_eq!(pack_files(repo, ".keep"), Vec::<String>::new(), "{name}");
            assert_clean(repo);
        }
    }
}

#[test]
fn memory_sha1_keeps_the_contract() {
    contract(|| memory(ObjectFormat::Sha1));
}

#[test]
fn memory_sha256_keeps_the_contract() {
    contract(|| memory(ObjectFormat::Sha256));
}

#[test]
fn git_sha1_keeps_the_contract() {
    contract(git_sha1);
}

#[test]
fn git_sha256_keeps_the_contract() {
    contract(git_sha256);
}

#[test]
fn git_bare_keeps_the_contract() {
    contract(git_bare);
}

#[test]
fn git_in_a_linked_work_tree_keeps_the_contract() {
    contract(git_linked);
}

#[test]
fn a_decorator_without_faults_keeps_the_contract() {
    contract(faultless);
}
