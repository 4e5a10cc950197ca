//! Trees, edited and compared with what git makes of the same files.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use millrace::domain::oid::Oid;
use millrace::domain::place::TreePath;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{NewObjects, Object, ObjectFormat, ObjectKind, RefName, Store};
use millrace::ledger::tree::{TreeEditor, Trees};
use proptest::prelude::*;

use super::support::{object, publication, publish};
use crate::support::consistent::files;
use crate::support::repo::TestRepo;

fn path(text: &str) -> TreePath {
    TreePath::new(text).expect("a path")
}

/// Puts objects into a store, behind a commit that holds them.
fn keep(store: &dyn Store, mut objects: Vec<Object>, root: Oid) {
    let text = format!(
        "tree {root}\nauthor A <a@example.org> 1 +0000\ncommitter A <a@example.org> 1 +0000\n\nkeep\n"
    );
    let commit = object(store.object_format(), ObjectKind::Commit, text);
    let tip = commit.oid;
    objects.push(commit);
    let old = store.resolve(&RefName::State).expect("a ref");
    publish(store, publication(RefName::State, old, Some(tip), NewObjects::Given(objects)))
        .expect("published");
}

/// The tree that git makes of these files, in a repository of its own.
fn made_by_git(repo: &TestRepo, files: &BTreeMap<String, Oid>) -> String {
    // A fresh index each time; entries need not exist as objects.
    let index = repo.beside().join("index");
    let _ = std::fs::remove_file(&index);
    let mut update = repo
        .command("git")
        .args(["update-index", "--index-info"])
        .env("GIT_INDEX_FILE", &index)
        .stdin(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut input = update.stdin.take().expect("a pipe");
    for (path, oid) in files {
        writeln!(input, "100644 {oid}\t{path}").expect("written");
    }
    drop(input);
    assert!(update.wait().expect("git ends").success());
    let output = repo
        .command("git")
        .args(["write-tree", "--missing-ok"])
        .env("GIT_INDEX_FILE", &index)
        .output()
        .expect("git runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn blob(n: u8) -> Object {
    object(ObjectFormat::Sha1, ObjectKind::Blob, [n])
}

#[derive(Debug, Clone)]
enum Step {
    Put(String, u8),
    Take(String),
    Move(String, String),
    /// Write what is there and read it again.
    Save,
}

/// Does the steps on both; gives the tree and the files.
fn play(store: &MemoryStore, steps: &[Step]) -> (Oid, BTreeMap<String, Oid>) {
    let mut model: BTreeMap<String, Oid> = BTreeMap::new();
    let mut root = None;
    let mut saved = 0;
    for batch in steps.split(|step| matches!(step, Step::Save)).chain([&[][..]]) {
        let trees = Trees::new(store);
        let mut editor = TreeEditor::new(&trees, root).expect("an editor");
        let put = |model: &mut BTreeMap<String, Oid>, at: &str, oid: Oid| {
            // A file takes the place of a folder, and the other way round.
            model.retain(|other, _| {
                !other.starts_with(&format!("{at}/")) && !at.starts_with(&format!("{other}/"))
            });
            model.insert(at.to_owned(), oid);
        };
        for step in batch {
            match step {
                Step::Put(at, n) => {
                    editor.put(&path(at), blob(*n).oid).expect("put");
                    put(&mut model, at, blob(*n).oid);
                }
                Step::Take(at) => {
                    assert_eq!(editor.take(&path(at)).expect("taken"), model.remove(at), "{at}");
                }
                Step::Move(from, to) => {
                    let taken = editor.take(&path(from)).expect("taken");
                    assert_eq!(taken, model.remove(from), "{from}");
                    if let Some(oid) = taken {
                        editor.put(&path(to), oid).expect("put");
                        put(&mut model, to, oid);
                    }
                }
                Step::Save => {}
            }
        }
        let (oid, mut objects) = editor.finish().expect("a tree");
        objects.extend((0..=255).map(blob));
        keep(store, objects, oid);
        saved += 1;
        root = Some(oid);
        let read: BTreeMap<String, Oid> = files(store, oid).into_iter().collect();
        assert_eq!(read, model, "after batch {saved}");
    }
    (root.expect("a tree"), model)
}

fn step() -> impl Strategy<Value = Step> {
    // Few names, so that files and folders meet; names around `/` in the order of bytes.
    let name = prop::sample::select(vec!["a", "a.b", "a0", "a-", "b", "A"]);
    let at = prop::collection::vec(name, 1..4).prop_map(|parts| parts.join("/"));
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, n)| Step::Put(at, n)),
        2 => at.clone().prop_map(Step::Take),
        2 => (at.clone(), at).prop_map(|(from, to)| Step::Move(from, to)),
        1 => Just(Step::Save),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_edited_tree_holds_what_a_map_would(steps in prop::collection::vec(step(), 0..40)) {
        play(&MemoryStore::new(ObjectFormat::Sha1), &steps);
    }
}

#[test]
fn git_makes_the_same_trees() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let repo = TestRepo::init();
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(step(), 0..30);
    for _ in 0..40 {
        let steps = strategy.new_tree(&mut runner).expect("steps").current();
        let (oid, model) = play(&MemoryStore::new(ObjectFormat::Sha1), &steps);
        assert_eq!(oid.to_string(), made_by_git(&repo, &model), "{steps:?}");
    }
}

#[test]
fn folders_sort_as_if_they_ended_in_a_slash() {
    let repo = TestRepo::init();
    let put = |at: &str, n| Step::Put(at.to_owned(), n);
    let steps = [put("a/x", 1), put("a.b", 2), put("a0", 3), put("a-", 4), put("ab", 5), put("a.b0/y", 6)];
    let store = MemoryStore::new(ObjectFormat::Sha1);
    let (oid, model) = play(&store, &steps);
    assert_eq!(oid.to_string(), made_by_git(&repo, &model));
    let names: Vec<String> =
        Trees::new(&store).folder(oid).expect("a folder").iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(names, ["a-", "a.b", "a.b0", "a", "a0", "ab"]);
}

#[test]
fn a_folder_vanishes_with_its_last_file() {
    let store = MemoryStore::new(ObjectFormat::Sha1);
    let (oid, _) = play(
        &store,
        &[
            Step::Put("x/y/z".to_owned(), 1),
            Step::Put("keep".to_owned(), 2),
            Step::Save,
            Step::Move("x/y/z".to_owned(), "v/w".to_owned()),
            Step::Save,
            Step::Take("v/w".to_owned()),
        ],
    );
    let names: Vec<String> =
        Trees::new(&store).folder(oid).expect("a folder").iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(names, ["keep"]);
}

#[test]
fn taking_what_is_not_there_changes_nothing() {
    let store = MemoryStore::new(ObjectFormat::Sha1);
    let (oid, _) = play(&store, &[Step::Put("a".to_owned(), 1)]);
    let trees = Trees::new(&store);
    let mut editor = TreeEditor::new(&trees, Some(oid)).expect("an editor");
    for at in ["a/b", "a/b/c", "b", "b/c"] {
        assert_eq!(editor.take(&path(at)), Ok(None));
    }
    assert_eq!(editor.finish().expect("a tree").0, oid);
}

#[test]
fn a_tree_that_is_not_ours_is_a_fault() {
    for (mode, what) in
        [("100755", "a program"), ("120000", "a link"), ("160000", "a commit"), ("040000", "a padded mode")]
    {
        let store = MemoryStore::new(ObjectFormat::Sha1);
        let mut entry = format!("{mode} x\0").into_bytes();
        entry.extend_from_slice(blob(1).oid.as_bytes());
        let tree = object(ObjectFormat::Sha1, ObjectKind::Tree, entry);
        let root = tree.oid;
        keep(&store, vec![tree], root);
        let fault = Trees::new(&store).folder(root).expect_err(what);
        assert_eq!(fault.at, root.to_string());
        assert!(fault.detail.contains("mode"), "{fault}");
    }
    for bytes in
        [&b"100644"[..], b"100644 x", b"100644 x\0", b"100644 x\0short", b"100644 \xff\0aaaaaaaaaaaaaaaaaaaa"]
    {
        let store = MemoryStore::new(ObjectFormat::Sha1);
        let tree = object(ObjectFormat::Sha1, ObjectKind::Tree, bytes);
        let root = tree.oid;
        keep(&store, vec![tree], root);
        assert!(Trees::new(&store).folder(root).is_err(), "{bytes:?}");
    }
}

#[test]
fn an_edit_makes_only_the_folders_on_its_way() {
    let store = MemoryStore::new(ObjectFormat::Sha1);
    let steps: Vec<Step> = (0..50).map(|n| Step::Put(format!("f{n}/g/h"), n)).collect();
    let (oid, _) = play(&store, &steps);
    let trees = Trees::new(&store);
    let mut editor = TreeEditor::new(&trees, Some(oid)).expect("an editor");
    editor.put(&path("f7/g/new"), blob(9).oid).expect("put");
    assert_eq!(editor.finish().expect("a tree").1.len(), 3);
}
