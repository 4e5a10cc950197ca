//! The git store beside the user's git: what it refuses, what it leaves alone, and what it survives.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use millrace::domain::oid::Oid;
use millrace::ledger::git::{Durability, Finding, GitStore};
use millrace::ledger::store::{NewObjects, ObjectFormat, RefName, Store, StoreError};

use super::support::{
    WAIT, advance, assert_clean, assert_read_by_gix, commit, listing, open, pack_files, publication, publish,
    tip, walk,
};
use crate::support::clones::clone_of;
use crate::support::repo::TestRepo;

#[track_caller]
fn refusal(git_dir: &Path) -> String {
    match GitStore::open(git_dir, Durability::Off) {
        Err(StoreError::Unsupported(line)) => {
            assert_eq!(line.lines().count(), 1, "{line}");
            line
        }
        Err(other) => panic!("refused as {other}"),
        Ok(_) => panic!("not refused"),
    }
}

fn state(store: &dyn Store) -> Oid {
    store.resolve(&RefName::State).expect("a readable ref").expect("a value")
}

#[test]
fn refs_that_are_kept_in_another_way_are_refused_at_open_and_under_the_lock() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    advance(&store, "as files").expect("published");
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    repo.git(&["config", "extensions.refStorage", "clay"]);
    assert!(refusal(&repo.git_dir()).contains("clay"));
    let before = listing(&repo.git_dir());
    let Err(StoreError::Unsupported(line)) = advance(&store, "as clay") else { panic!("not refused") };
    assert!(line.contains("clay"), "{line}");
    assert_eq!(listing(&repo.git_dir()), before, "nothing was written");
}

#[test]
fn a_partial_clone_holds_a_ledger_and_nothing_is_fetched_for_it() {
    let repo = TestRepo::with_commit();
    for n in 0..3 {
        repo.write("README.md", format!("# A project, {n}\n"));
        repo.git(&["commit", "--quiet", "-am", "more"]);
    }
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    for filter in ["blob:none", "tree:0"] {
        let clone = clone_of(&repo, &[&format!("--filter={filter}")]);
        let missing = || {
            let listed = clone.git(&["rev-list", "--objects", "--all", "--missing=print"]);
            listed.lines().filter(|line| line.starts_with('?')).count()
        };
        let before = missing();
        assert!(before > 0, "{filter}: nothing is elsewhere");
        let store = open(&clone);
        for n in 0..30 {
            advance(&store, format!("{n}")).expect("published");
        }
        clone.git(&["gc", "--quiet", "--prune=now"]);
        clone.git(&["repack", "-adq"]);
        assert_eq!(walk(&open(&clone), state(&store)), 30);
        assert_eq!(store.health().expect("healthy"), []);
        assert_eq!(missing(), before, "{filter}: something was fetched");
        assert_clean(&clone);
        // An object that is nowhere is missing: git is not sent out for it.
        std::fs::remove_dir_all(repo.git_dir().join("objects/pack")).ok();
        let nowhere = tip(&commit(ObjectFormat::Sha1, None, "nowhere"));
        assert!(matches!(store.read(nowhere), Err(StoreError::Missing(_))));
    }
}

#[test]
fn other_formats_and_places_are_refused() {
    let repo = TestRepo::init();
    assert!(refusal(repo.path()).contains("not a git directory"));
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    repo.git(&["config", "extensions.fromTheFuture", "true"]);
    assert!(refusal(&repo.git_dir()).contains("fromthefuture"));
    assert!(matches!(
        GitStore::open(&repo.beside().join("nowhere"), Durability::Off),
        Err(StoreError::Io { .. })
    ));
}

#[test]
fn a_repository_of_another_user_is_refused_as_git_does() {
    let repo = TestRepo::with_commit();
    if !rustix_is_root() {
        // Only root can give files away; then git's own rule is what is tested.
        return;
    }
    let dir = repo.git_dir();
    for path in [repo.path(), dir.as_path()] {
        std::os::unix::fs::chown(path, Some(54321), Some(54321)).expect("chown");
    }
    let git = repo.git_output(&["rev-parse", "--git-dir"]);
    assert!(!git.status.success(), "git trusts it: this machine cannot run the test");
    assert!(refusal(&dir).contains("safe.directory"));
}

fn rustix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[test]
fn reading_creates_nothing() {
    let repo = TestRepo::with_commit();
    let before = listing(repo.beside());
    let store = open(&repo);
    assert_eq!(store.resolve(&RefName::State).expect("no ref"), None);
    assert_eq!(store.runs().expect("no runs"), []);
    let head: Oid = repo.git(&["rev-parse", "HEAD"]).parse().expect("an id");
    store.read(head).expect("the user's commit");
    let nothing = tip(&commit(ObjectFormat::Sha1, None, "nowhere"));
    assert!(matches!(store.read(nothing), Err(StoreError::Missing(_))));
    assert_eq!(store.health().expect("healthy"), []);
    assert_eq!(store.last_tips().expect("none"), []);
    assert_eq!(listing(repo.beside()), before);
}

#[test]
fn git_reads_what_was_published() {
    let repo = TestRepo::with_commit();
    let store = GitStore::open(&repo.git_dir(), Durability::Strict).expect("a store");
    let one = advance(&store, "one").expect("published");
    let mut writer = store.writer(WAIT).expect("a writer");
    let objects = commit(ObjectFormat::Sha1, Some(one), "two");
    let two = tip(&objects);
    let mut second = publication(RefName::State, Some(one), Some(two), NewObjects::Given(objects));
    second.by.name = "A <b>\nC".to_owned();
    second.message = "handoff: a\nb\0c\td".to_owned();
    writer.publish(second).expect("published");
    drop(writer);
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), two.to_string());
    let log = repo.git(&["log", "-g", "--format=%H %gn <%ge> %gs", "refs/millrace/state"]);
    assert_eq!(
        log,
        format!(
            "{two} A  b  C <writer@example.org> handoff: a b c d\n{one} Test Writer <writer@example.org> test: publish"
        )
    );
    assert_eq!(store.last_tips().expect("two"), [two, one]);
    assert_eq!(store.newest_intact_tip().expect("intact"), Some(two));
    assert_eq!(pack_files(&repo, ".keep"), Vec::<String>::new());
    assert!(listing(&repo.git_dir().join("millrace/publishing")).is_empty(), "no mark is left");
    assert_clean(&repo);
}

#[test]
fn objects_that_lie_elsewhere_are_packed_all_the_same() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    repo.write("state", "first add me, then publish me");
    repo.git(&["add", "state"]);
    let objects = commit(ObjectFormat::Sha1, None, "first add me, then publish me");
    let blob = objects[0].oid.to_string();
    let loose = repo.git_dir().join("objects").join(&blob[..2]).join(&blob[2..]);
    assert!(loose.exists());
    let new = tip(&objects);
    publish(&store, publication(RefName::State, None, Some(new), NewObjects::Given(objects)))
        .expect("published");
    std::fs::remove_file(&loose).expect("gone, as after a power cut");
    assert_eq!(walk(&open(&repo), new), 1);
}

#[test]
fn a_quarantine_becomes_one_pack() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    let head: Oid = repo.git(&["rev-parse", "HEAD"]).parse().expect("an id");
    // A colon in the path: lists of alternates are separated by it.
    let quarantine = repo.beside().join("quarantine: \"1\"");
    std::fs::create_dir_all(&quarantine).expect("a folder");
    repo.write("new.txt", "new\n");
    // This blob lies in the user's store already, unsynced.
    repo.git(&["hash-object", "-w", "new.txt"]);
    repo.write("other.txt", "other\n");
    let git = |args: &[&str]| {
        let output = repo
            .command("git")
            .args(args)
            .env("GIT_OBJECT_DIRECTORY", &quarantine)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", repo.git_dir().join("objects"))
            .env("GIT_INDEX_FILE", repo.beside().join("index"))
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    git(&["add", "-A"]);
    let tree = git(&["write-tree"]);
    let snapshot: Oid =
        git(&["commit-tree", "-p", &head.to_string(), "-m", "snapshot", &tree]).parse().expect("an id");
    assert!(matches!(store.read(snapshot), Err(StoreError::Missing(_))));

    let name = RefName::Run("20260101-0000-abcdef".parse().expect("a run id"));
    let objects = |want| NewObjects::Quarantine { directory: quarantine.clone(), want, have: vec![head] };
    let other = publication(name.clone(), None, Some(head), objects(snapshot));
    assert!(publish(&store, other).is_err(), "the ref gets what the quarantine is for");
    publish(&store, publication(name.clone(), None, Some(snapshot), objects(snapshot))).expect("published");
    std::fs::remove_dir_all(&quarantine).expect("done with it");
    assert_eq!(store.runs().expect("one").len(), 1);
    let [index] = pack_files(&repo, ".idx").try_into().expect("one pack");
    let inside = repo.git(&["verify-pack", "-v", &format!(".git/objects/pack/{index}")]);
    let blob = repo.git(&["hash-object", "new.txt"]);
    assert!(inside.contains(&blob), "also what lay in the user's store");
    assert!(!inside.contains(&head.to_string()), "not what is durable already");
    assert_clean(&repo);

    // Nothing new in it: the ref moves without a pack.
    std::fs::create_dir_all(&quarantine).expect("a folder");
    let again = publication(name.clone(), Some(snapshot), Some(head), objects(head));
    publish(&store, again).expect("published");
    assert_eq!(store.resolve(&name).expect("a ref"), Some(head));
    assert_eq!(pack_files(&repo, ".idx").len(), 1);
}

#[test]
fn packed_values_are_read_and_replaced() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    repo.git(&["tag", "-a", "-m", "peeled lines follow annotated tags", "v1"]);
    repo.git(&["pack-refs", "--all"]);
    assert!(!repo.git_dir().join("refs/millrace/state").exists());
    assert_eq!(state(&store), one);
    let two = advance(&store, "two").expect("published");
    assert_eq!(state(&store), two);
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), two.to_string());
    repo.git(&["pack-refs", "--all"]);
    assert_eq!(state(&store), two);
}

#[test]
fn a_torn_ref_is_named_and_not_moved() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    let two = advance(&store, "two").expect("published");
    let file = repo.git_dir().join("refs/millrace/state");
    let half = two.to_string()[..20].to_owned();
    let long = format!("{two}{two}\n");
    let contents: [&[u8]; 6] =
        [b"", &[0; 41], half.as_bytes(), b"garbage \x1b[31m\n", b"ref: refs/heads/main\n", long.as_bytes()];
    for content in contents {
        std::fs::write(&file, content).expect("a torn ref");
        match store.resolve(&RefName::State) {
            Err(StoreError::DamagedRef { name, detail }) => {
                assert_eq!(name, "refs/millrace/state");
                assert!(!detail.contains('\x1b'), "{detail}");
            }
            other => panic!("{content:?}: {other:?}"),
        }
        assert!(matches!(advance(&store, "three"), Err(StoreError::DamagedRef { .. })));
        let objects = commit(ObjectFormat::Sha1, Some(two), "three");
        let new = tip(&objects);
        let blind = publication(RefName::State, Some(two), Some(new), NewObjects::Given(objects));
        assert!(matches!(publish(&store, blind), Err(StoreError::DamagedRef { .. })));
        assert_eq!(std::fs::read(&file).expect("still there"), content);
        let findings = store.health().expect("findings");
        assert!(matches!(&findings[..], [Finding::Ref { name, .. }] if name == "refs/millrace/state"));
        assert_eq!(store.newest_intact_tip().expect("one"), Some(two));
    }
    std::fs::write(&file, format!("{one}\n")).expect("a ref");
    assert_eq!(store.health().expect("healthy"), []);
}

#[test]
fn a_tip_that_cannot_be_read_is_a_finding() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    let packs_before = pack_files(&repo, ".pack");
    let two = advance(&store, "two").expect("published");
    let lost =
        pack_files(&repo, ".pack").into_iter().find(|name| !packs_before.contains(name)).expect("its pack");
    let pack = repo.git_dir().join("objects/pack").join(&lost);
    let bytes = std::fs::read(&pack).expect("a pack");

    // Zeroed by a power cut that the disk lied about.
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o644)).expect("writable");
    std::fs::write(&pack, vec![0; bytes.len()]).expect("zeroed");
    let store = open(&repo);
    assert!(matches!(store.read(two), Err(StoreError::Damaged { .. })), "{:?}", store.read(two));
    let findings = store.health().expect("findings");
    assert!(matches!(&findings[..], [Finding::Tip { oid, .. }] if *oid == two), "{findings:?}");
    assert_eq!(store.newest_intact_tip().expect("one"), Some(one));

    // Gone altogether.
    std::fs::remove_file(&pack).expect("removed");
    std::fs::remove_file(pack.with_extension("idx")).expect("removed");
    let store = open(&repo);
    assert!(matches!(store.read(two), Err(StoreError::Missing(_))), "{:?}", store.read(two));
    assert_eq!(store.newest_intact_tip().expect("one"), Some(one));
}

#[test]
fn replacement_refs_do_not_change_what_is_read() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    let one = advance(&store, "one").expect("published");
    let two = advance(&store, "two").expect("published");
    repo.git(&["replace", &two.to_string(), &one.to_string()]);
    let store = open(&repo);
    assert_eq!(walk(&store, two), 2);
}

#[test]
fn modes_follow_the_repository() {
    let repo = TestRepo::init_with(&["--shared=group"]);
    let store = open(&repo);
    for n in 0..25 {
        advance(&store, format!("{n}")).expect("published");
    }
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o7777;
    let dir = repo.git_dir();
    for name in pack_files(&repo, "") {
        assert_eq!(mode(&dir.join("objects/pack").join(&name)) & 0o770, 0o440, "{name}");
    }
    for name in ["refs/millrace/state", "logs/refs/millrace/state", "millrace/lock", "millrace/packs"] {
        assert_eq!(mode(&dir.join(name)) & 0o660, 0o660, "{name}");
    }
    for name in ["refs/millrace", "logs/refs/millrace", "millrace", "millrace/publishing"] {
        assert_eq!(mode(&dir.join(name)) & 0o2770, 0o2770, "{name}");
    }
    let repo = TestRepo::init_with(&["--shared=0640"]);
    advance(&open(&repo), "1").expect("published");
    let dir = repo.git_dir();
    assert_eq!(mode(&dir.join("refs/millrace/state")), 0o640);
    assert_eq!(mode(&dir.join("objects/pack").join(&pack_files(&repo, ".pack")[0])), 0o440);
    let repo = TestRepo::init();
    repo.git(&["config", "core.sharedRepository", "sometimes"]);
    assert!(refusal(&repo.git_dir()).contains("core.sharedRepository"));
}

#[test]
fn a_multi_pack_index_survives_no_fold() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    for n in 0..20 {
        advance(&store, format!("{n}")).expect("published");
    }
    repo.git(&["multi-pack-index", "write", "--bitmap", "--preferred-pack", &pack_files(&repo, ".idx")[0]]);
    let reader = open(&repo);
    assert_eq!(walk(&reader, state(&reader)), 20);
    for n in 20..24 {
        advance(&store, format!("{n}")).expect("published");
    }
    assert_eq!(pack_files(&repo, ".pack").len(), 1, "the last one folded");
    assert_eq!(pack_files(&repo, "multi-pack-index"), Vec::<String>::new());
    assert_eq!(pack_files(&repo, ".bitmap"), Vec::<String>::new());
    assert_read_by_gix(|| {
        for store in [&store, &reader, &open(&repo)] {
            assert_eq!(walk(store, state(store)), 24);
        }
    });
    assert_clean(&repo);

    // One that names none of the packs that go is the user's business.
    repo.git(&["repack", "-adbq"]);
    repo.git(&["multi-pack-index", "write"]);
    for n in 24..60 {
        advance(&store, format!("{n}")).expect("published");
    }
    assert!(repo.git_dir().join("objects/pack/multi-pack-index").exists());
    assert_eq!(walk(&store, state(&store)), 60);
    assert_clean(&repo);
}

#[test]
fn a_multi_pack_index_that_names_lost_packs_is_found_and_removed() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    advance(&store, "1").expect("published");
    repo.git(&["multi-pack-index", "write"]);
    let index = repo.git_dir().join("objects/pack/multi-pack-index");
    let stale = std::fs::read(&index).expect("an index");
    // As if it had been written by a maintenance that looked before the fold and wrote after it.
    for n in 2..30 {
        advance(&store, format!("{n}")).expect("published");
    }
    assert!(!index.exists());
    std::fs::write(&index, stale).expect("a stale index");
    assert_read_by_gix(|| {
        assert_eq!(walk(&open(&repo), state(&store)), 29, "it gets in nobody's way");
    });
    let findings = store.health().expect("findings");
    assert!(matches!(&findings[..], [Finding::MultiPackIndex { .. }]), "{findings:?}");
    advance(&store, "30").expect("published");
    assert!(!index.exists());
    assert_eq!(store.health().expect("healthy"), []);
    assert_clean(&repo);
}

#[test]
fn more_packs_than_the_open_store_has_room_for() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    advance(&store, "0").expect("published");
    store.read(state(&store)).expect("read, so packs are loaded");
    // 300 packs arrive after opening, each a copy of one pack under a name of its own.
    let folder = repo.git_dir().join("objects/pack");
    let base = pack_files(&repo, ".pack")[0].trim_end_matches(".pack").to_owned();
    for n in 0..300 {
        for ending in ["pack", "idx"] {
            let copy = folder.join(format!("pack-{n:040x}.{ending}"));
            std::fs::copy(folder.join(format!("{base}.{ending}")), copy).expect("a copy");
        }
    }
    let other = open(&repo);
    let new = advance(&other, "1").expect("published");
    assert_read_by_gix(|| assert_eq!(walk(&store, new), 2));
}

#[test]
fn a_pack_that_the_user_keeps_is_not_folded() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    advance(&store, "0").expect("published");
    let kept = pack_files(&repo, ".pack")[0].clone();
    let keep = repo.git_dir().join("objects/pack").join(&kept).with_extension("keep");
    std::fs::write(&keep, "mine\n").expect("a keep");
    for n in 1..30 {
        advance(&store, format!("{n}")).expect("published");
    }
    assert!(pack_files(&repo, ".pack").contains(&kept));
    assert_eq!(std::fs::read_to_string(&keep).expect("still there"), "mine\n");
    assert!(pack_files(&repo, ".pack").len() < 10, "the others were folded");
    assert_eq!(walk(&store, state(&store)), 30);
}

#[test]
fn a_pack_is_kept_until_its_ref_moved() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    advance(&store, "one").expect("published");
    // Somebody holds the ref's lock, so the publication stands between its pack and its ref.
    let lock = repo.git_dir().join("refs/millrace/state.lock");
    std::fs::write(&lock, "").expect("a lock");
    let new = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| advance(&store, "two"));
        let started = Instant::now();
        while pack_files(&repo, ".pack").len() < 2 && started.elapsed() < WAIT {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Nothing refers to the new pack yet: this would throw it away.
        repo.git(&["repack", "-adq"]);
        std::fs::remove_file(&lock).expect("released");
        publishing.join().expect("no panic")
    });
    assert_eq!(walk(&open(&repo), new.expect("published")), 2);
    assert_eq!(pack_files(&repo, ".keep"), Vec::<String>::new());
    assert_clean(&repo);
}

const HOUSEKEEPING: [&[&str]; 5] = [
    &["gc", "--quiet", "--prune=now"],
    &["repack", "-adbq"],
    &["pack-refs", "--all"],
    &["maintenance", "run", "--quiet", "--task=incremental-repack"],
    &["reflog", "expire", "--expire=now", "--all"],
];

#[test]
fn the_users_housekeeping_between_publications_loses_nothing() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    for n in 0..60 {
        advance(&store, format!("{n}")).expect("published");
        repo.git(HOUSEKEEPING[n % HOUSEKEEPING.len()]);
        assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), state(&store).to_string());
        assert!(pack_files(&repo, ".pack").len() <= 40);
    }
    for store in [&store, &open(&repo)] {
        assert_eq!(walk(store, state(store)), 60);
    }
    assert_clean(&repo);
}

#[test]
fn the_users_housekeeping_beside_publications_loses_nothing() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    let done = AtomicBool::new(false);
    let rounds = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for args in &HOUSEKEEPING[..4] {
                    // It may lose a race against a fold and say so; it must not lose an object.
                    repo.git_output(args);
                }
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for n in 0..100 {
                let new = advance(&store, format!("{n}")).expect("published");
                assert_eq!(state(&store), new);
                store.read(new).expect("the tip");
            }
        }));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    assert!(rounds.load(Ordering::Relaxed) > 0, "it ran beside at least once");
    // One more, in peace: it removes a multi-pack-index that was written across a fold.
    let last = advance(&store, "last").expect("published");
    for store in [&store, &open(&repo)] {
        assert_eq!(walk(store, last), 101);
    }
    assert_eq!(repo.git(&["rev-list", "--count", "--objects", "refs/millrace/state"]), (101 * 3).to_string());
    assert_eq!(pack_files(&repo, ".keep"), Vec::<String>::new());
    assert_clean(&repo);
}
