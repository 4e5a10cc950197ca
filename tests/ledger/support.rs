//! What the tests of the store share: commits made by hand, and publications of them.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use millrace::domain::oid::Oid;
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::object::object_id;
use millrace::ledger::store::{
    NewObjects, Object, ObjectFormat, ObjectKind, Publication, RefName, Signature, Store, StoreError,
};

use crate::support::repo::TestRepo;

pub(super) const WAIT: Duration = Duration::from_secs(20);

pub(super) fn object(format: ObjectFormat, kind: ObjectKind, bytes: impl Into<Vec<u8>>) -> Object {
    let bytes = bytes.into();
    Object { kind, oid: object_id(format, kind, &bytes).expect("an id"), bytes }
}

/// A commit whose tree holds one file `state` with this content: blob, tree, commit.
pub(super) fn commit(format: ObjectFormat, parent: Option<Oid>, content: impl AsRef<[u8]>) -> Vec<Object> {
    let blob = object(format, ObjectKind::Blob, content.as_ref());
    let mut entry = b"100644 state\0".to_vec();
    entry.extend_from_slice(blob.oid.as_bytes());
    let tree = object(format, ObjectKind::Tree, entry);
    let mut text = format!("tree {}\n", tree.oid);
    if let Some(parent) = parent {
        let _ = writeln!(text, "parent {parent}");
    }
    text.push_str("author A <a@example.org> 1767225600 +0000\n");
    text.push_str("committer A <a@example.org> 1767225600 +0000\n\nstate\n");
    let commit = object(format, ObjectKind::Commit, text);
    vec![blob, tree, commit]
}

pub(super) fn tip(objects: &[Object]) -> Oid {
    objects.last().expect("a commit").oid
}

pub(super) fn publication(
    name: RefName,
    old: Option<Oid>,
    new: Option<Oid>,
    objects: NewObjects,
) -> Publication {
    Publication {
        name,
        old,
        new,
        objects,
        by: Signature {
            name: "Test Writer".to_owned(),
            email: "writer@example.org".to_owned(),
            at: Timestamp::from_second(1_767_225_600).expect("a time"),
        },
        message: "test: publish".to_owned(),
    }
}

/// Publishes under a lock of its own.
pub(super) fn publish(store: &dyn Store, publication: Publication) -> Result<(), StoreError> {
    store.writer(WAIT)?.publish(publication)
}

/// Appends one commit to the state, from whatever it is now.
pub(super) fn advance(store: &dyn Store, content: impl AsRef<[u8]>) -> Result<Oid, StoreError> {
    let mut writer = store.writer(WAIT)?;
    let old = store.resolve(&RefName::State)?;
    let objects = commit(store.object_format(), old, content);
    let new = tip(&objects);
    writer.publish(publication(RefName::State, old, Some(new), NewObjects::Given(objects)))?;
    Ok(new)
}

/// Reads every object of the chain that ends at `tip`; gives the number of commits.
pub(super) fn walk(store: &dyn Store, tip: Oid) -> usize {
    let mut commits = 0;
    let mut next = Some(tip);
    while let Some(oid) = next {
        let (kind, bytes) = store.read(oid).expect("a readable commit");
        assert_eq!(kind, ObjectKind::Commit);
        let text = String::from_utf8(bytes).expect("text");
        let value = |key: &str| {
            text.lines()
                .take_while(|line| !line.is_empty())
                .find_map(|line| line.strip_prefix(key).map(|hex| hex.parse::<Oid>().expect("an id")))
        };
        let (kind, tree) = store.read(value("tree ").expect("a tree")).expect("a readable tree");
        assert_eq!(kind, ObjectKind::Tree);
        let blob = Oid::from_bytes(&tree[b"100644 state\0".len()..]).expect("an entry");
        assert_eq!(store.read(blob).expect("a readable blob").0, ObjectKind::Blob);
        commits += 1;
        next = value("parent ");
    }
    commits
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is traced on this thread while `run` runs.
pub(super) fn traced(run: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let bytes = log.0.lock().expect("a log").clone();
    String::from_utf8(bytes).expect("text")
}

/// Fails where an object was read by asking git, because gix did not find it.
#[track_caller]
pub(super) fn assert_read_by_gix(run: impl FnOnce()) {
    let trace = traced(run);
    assert!(!trace.contains("git is asked"), "{trace}");
}

pub(super) fn open(repo: &TestRepo) -> GitStore {
    GitStore::open(&repo.git_dir(), Durability::Off).expect("a store")
}

/// `git fsck` finds nothing to complain about.
#[track_caller]
pub(super) fn assert_clean(repo: &TestRepo) {
    let output = repo.git_output(&["fsck", "--full", "--strict"]);
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let complaints: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("dangling ") && !line.starts_with("notice: ")).collect();
    assert!(output.status.success() && complaints.is_empty(), "fsck: {} {text}", output.status);
}

/// Names of files in the pack folder with this ending.
pub(super) fn pack_files(repo: &TestRepo, ending: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(repo.git_dir().join("objects/pack"))
        .expect("a pack folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    names
}

/// Every path below a folder, sorted.
pub(super) fn listing(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            all.push(path);
        }
    }
    all.sort();
    all
}
