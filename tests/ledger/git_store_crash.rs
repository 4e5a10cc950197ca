//! What a killed writer leaves, and that the next one clears it away; and nothing that is not ours.

use std::path::PathBuf;
use std::time::Duration;

use millrace::domain::oid::Oid;
use millrace::ledger::store::{NewObjects, ObjectFormat, RefName, Store, StoreError};

use super::support::{
    WAIT, advance, assert_clean, commit, listing, open, pack_files, publication, tip, walk,
};
use crate::support::repo::TestRepo;

/// A repository with two publications.
fn repo_with_state() -> (TestRepo, Oid) {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    advance(&store, "one").expect("published");
    let tip = advance(&store, "two").expect("published");
    (repo, tip)
}

fn path(repo: &TestRepo, name: &str) -> PathBuf {
    repo.git_dir().join(name)
}

fn nothing_is_left(repo: &TestRepo) {
    for file in listing(&repo.git_dir()) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let left = [".keep", ".new", ".lock"].iter().any(|ending| name.ends_with(ending));
        assert!(!left, "{} is left", file.display());
    }
    assert!(listing(&path(repo, "millrace/publishing")).is_empty());
    assert!(!path(repo, "millrace/fold").exists());
    assert_clean(repo);
}

#[test]
fn a_ref_lock_with_our_mark_is_removed() {
    let (repo, old) = repo_with_state();
    let marker = path(&repo, "millrace/publishing/refs:millrace:state");
    std::fs::write(&marker, format!("{old}\n")).expect("a marker");
    std::fs::hard_link(&marker, path(&repo, "refs/millrace/state.lock")).expect("our lock");
    let new = advance(&open(&repo), "three").expect("published over it");
    assert_eq!(walk(&open(&repo), new), 3);
    nothing_is_left(&repo);
}

#[test]
fn a_ref_lock_of_somebody_else_is_waited_for_and_stays() {
    let (repo, old) = repo_with_state();
    let lock = path(&repo, "refs/millrace/state.lock");
    std::fs::write(&lock, "").expect("their lock");
    // Even where a mark of ours lies about.
    std::fs::write(path(&repo, "millrace/publishing/refs:millrace:state"), "").expect("a marker");
    let store = open(&repo);
    match advance(&store, "three") {
        Err(error @ StoreError::Locked { .. }) => {
            assert!(error.to_string().contains("state.lock"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(lock.exists());
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(old));
    assert_eq!(pack_files(&repo, ".keep"), Vec::<String>::new());

    // It goes away while we wait.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            std::fs::remove_file(&lock).expect("they are done");
        });
        advance(&store, "three").expect("published after it");
    });
    nothing_is_left(&repo);
}

#[test]
fn a_pack_on_its_way_in_is_cleared_away() {
    let (repo, _) = repo_with_state();
    let hex = "ab".repeat(20);
    for name in [format!("pack-{hex}.keep"), format!("pack-{hex}.pack")] {
        std::fs::write(path(&repo, &format!("objects/pack/{name}")), "millrace is publishing")
            .expect("a leftover");
    }
    for ending in ["pack", "idx"] {
        let name = format!("objects/pack/millrace-{hex}.{ending}.new");
        std::fs::write(path(&repo, &name), "half").expect("a leftover");
    }
    std::fs::write(path(&repo, &format!("millrace/publishing/pack-{hex}")), "").expect("a mark");
    drop(open(&repo).writer(WAIT).expect("a writer, who cleans up"));
    assert_eq!(pack_files(&repo, "").len(), 4, "{:?}", pack_files(&repo, ""));
    nothing_is_left(&repo);
}

#[test]
fn a_pack_that_came_in_whole_stays_and_is_ours() {
    let (repo, old) = repo_with_state();
    let store = open(&repo);
    let list = std::fs::read_to_string(path(&repo, "millrace/packs")).expect("a list");
    let before = pack_files(&repo, ".pack");
    let new = advance(&store, "three").expect("published");
    let name = pack_files(&repo, ".pack").into_iter().find(|name| !before.contains(name)).expect("a pack");
    let hex = name.trim_start_matches("pack-").trim_end_matches(".pack");

    // As if it had been killed before the ref moved; the power cut took the text of the `.keep`.
    std::fs::write(path(&repo, "refs/millrace/state"), format!("{old}\n")).expect("the ref before");
    std::fs::write(path(&repo, "millrace/packs"), &list).expect("the list before");
    std::fs::write(path(&repo, &format!("objects/pack/pack-{hex}.keep")), "").expect("a keep");
    std::fs::write(path(&repo, &format!("millrace/publishing/pack-{hex}")), "").expect("a mark");
    let store = open(&repo);
    drop(store.writer(WAIT).expect("a writer, who cleans up"));
    assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(old), "no ref moves by cleaning up");
    let listed = std::fs::read_to_string(path(&repo, "millrace/packs")).expect("a list");
    assert_eq!(listed.lines().filter(|line| line.contains(hex)).count(), 1, "{listed}");
    store.read(new).expect("still there");
    nothing_is_left(&repo);

    // The very same publication again, over the pack that lies there.
    assert_eq!(advance(&store, "three").expect("published"), new);
    nothing_is_left(&repo);
}

#[test]
fn a_keep_of_the_user_stays() {
    let (repo, _) = repo_with_state();
    let name = pack_files(&repo, ".pack")[0].replace(".pack", "");
    let keep = path(&repo, &format!("objects/pack/{name}.keep"));
    std::fs::write(&keep, "mine\n").expect("a keep");
    std::fs::write(path(&repo, &format!("millrace/publishing/{name}")), "").expect("a mark");
    drop(open(&repo).writer(WAIT).expect("a writer, who cleans up"));
    assert_eq!(std::fs::read_to_string(keep).expect("there"), "mine\n");
}

#[test]
fn a_fold_that_was_killed_is_cleared_away() {
    let (repo, tip) = repo_with_state();
    std::fs::create_dir_all(path(&repo, "millrace/fold/pack")).expect("a folder");
    std::fs::write(path(&repo, "millrace/fold/pack/tmp_pack_x"), "half").expect("a leftover");
    let store = open(&repo);
    drop(store.writer(WAIT).expect("a writer, who cleans up"));
    assert_eq!(walk(&store, tip), 2);
    nothing_is_left(&repo);
}

#[test]
fn a_fold_that_fails_fails_no_publication() {
    let repo = TestRepo::with_commit();
    let store = open(&repo);
    for n in 0..22 {
        advance(&store, format!("{n}")).expect("published");
    }
    // Something else stands where the fold wants to work.
    let lost = pack_files(&repo, ".pack")[0].clone();
    let pack = path(&repo, &format!("objects/pack/{lost}"));
    let aside = repo.beside().join("aside");
    std::fs::rename(&pack, &aside).expect("moved aside");
    for n in 22..26 {
        let mut writer = store.writer(WAIT).expect("a writer");
        let old = store.resolve(&RefName::State).expect("a ref");
        let objects = commit(ObjectFormat::Sha1, old, format!("{n}"));
        let new = tip(&objects);
        writer
            .publish(publication(RefName::State, old, Some(new), NewObjects::Given(objects)))
            .expect("published all the same");
    }
    assert_eq!(pack_files(&repo, ".idx").len(), 26, "nothing was deleted");
    std::fs::rename(&aside, &pack).expect("moved back");
    let newest = advance(&store, "26").expect("published, and folded");
    assert_eq!(pack_files(&repo, ".idx").len(), 1);
    assert_eq!(walk(&store, newest), 27);
    nothing_is_left(&repo);
}

#[test]
fn a_torn_reflog_is_cut_to_its_last_whole_line() {
    let (repo, two) = repo_with_state();
    let log = path(&repo, "logs/refs/millrace/state");
    let whole = std::fs::read(&log).expect("a reflog");
    let one: Oid = repo.git(&["rev-parse", "refs/millrace/state~1"]).parse().expect("an id");
    let torn: [Vec<u8>; 5] = [
        format!("{one} {two} Test Wri").into_bytes(),
        vec![0; 9000],
        b"\0\0\0\n\n".to_vec(),
        format!("{one} {}\n", &two.to_string()[..12]).into_bytes(),
        vec![b'x'; 40_000],
    ];
    for tail in torn {
        let store = open(&repo);
        let tips = store.last_tips().expect("tips");
        let mut bytes = std::fs::read(&log).expect("a reflog");
        let lines = String::from_utf8(bytes.clone()).expect("text").lines().count();
        bytes.extend_from_slice(&tail);
        std::fs::write(&log, bytes).expect("a torn reflog");
        assert_eq!(store.last_tips().expect("tips"), tips, "a torn line is passed over");
        let new = advance(&store, format!("after {lines}")).expect("published");
        let text = String::from_utf8(std::fs::read(&log).expect("a reflog")).expect("text again");
        assert_eq!(text.lines().count(), lines + 1);
        assert!(text.as_bytes().starts_with(&whole));
        assert_eq!(store.last_tips().expect("tips")[0], new);
    }
    nothing_is_left(&repo);

    // Nothing whole in it at all.
    std::fs::write(&log, vec![0; 100_000]).expect("a zeroed reflog");
    let new = advance(&open(&repo), "last").expect("published");
    assert_eq!(open(&repo).last_tips().expect("one"), [new]);
    assert_clean(&repo);
}

#[test]
fn a_torn_list_of_packs_is_a_hint_that_is_lost() {
    let (repo, _) = repo_with_state();
    std::fs::write(path(&repo, "millrace/packs"), "0 abc\nnonsense\n\0\0").expect("a torn list");
    let store = open(&repo);
    for n in 0..30 {
        advance(&store, format!("{n}")).expect("published");
    }
    assert!(pack_files(&repo, ".pack").len() <= 2 + 1 + 6);
    nothing_is_left(&repo);
}

#[test]
fn the_lock_survives_its_file_being_removed() {
    let (repo, _) = repo_with_state();
    let store = open(&repo);
    let writer = store.writer(WAIT).expect("a writer");
    std::fs::remove_dir_all(path(&repo, "millrace")).expect("somebody tidied up");
    drop(writer);
    let new = advance(&store, "three").expect("published");
    assert_eq!(walk(&store, new), 3);
    nothing_is_left(&repo);
}
