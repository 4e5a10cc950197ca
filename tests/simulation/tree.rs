//! A ledger's tree as git has it: paths and blobs, read from the objects' own bytes.

use std::collections::BTreeMap;

use millrace::domain::oid::Oid;
use millrace::ledger::store::Store;

/// One path that is not as it was.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Option<Oid>,
    pub(crate) after: Option<Oid>,
}

fn bytes(store: &dyn Store, oid: Oid) -> Vec<u8> {
    store.read(oid).expect("a readable object").1
}

/// The tree and the parents of a commit.
pub(crate) fn commit(store: &dyn Store, oid: Oid) -> (Oid, Vec<Oid>) {
    let text = String::from_utf8(bytes(store, oid)).expect("text");
    let values = |key: &str| -> Vec<Oid> {
        let head = text.lines().take_while(|line| !line.is_empty());
        head.filter_map(|line| line.strip_prefix(key)).map(|hex| hex.parse().expect("an id")).collect()
    };
    (values("tree ")[0], values("parent "))
}

/// A record.
pub(crate) fn toml(store: &dyn Store, blob: Oid) -> toml::Table {
    String::from_utf8(bytes(store, blob)).expect("text").parse().expect("TOML")
}

/// A folder's entries: by name, whether it is a folder, and what it is.
fn folder(store: &dyn Store, tree: Option<Oid>) -> BTreeMap<String, (bool, Oid)> {
    let mut entries = BTreeMap::new();
    let all = tree.map(|tree| bytes(store, tree)).unwrap_or_default();
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        let zero = rest.iter().position(|byte| *byte == 0).expect("an entry");
        let head = std::str::from_utf8(&rest[..zero]).expect("a name");
        let (mode, name) = head.split_once(' ').expect("a mode");
        let oid = Oid::from_bytes(&rest[zero + 1..zero + 21]).expect("an id");
        let twice = entries.insert(name.to_owned(), (mode == "40000", oid));
        assert!(twice.is_none(), "{name} is in a folder twice");
        rest = &rest[zero + 21..];
    }
    entries
}

/// What differs between two trees, by path.
pub(crate) fn changes(store: &dyn Store, before: Option<Oid>, after: Oid) -> Vec<Change> {
    fn walk(store: &dyn Store, prefix: &str, before: Option<Oid>, after: Option<Oid>, all: &mut Vec<Change>) {
        let (old, new) = (folder(store, before), folder(store, after));
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let (old, new) = (old.get(name), new.get(name));
            if old == new {
                continue;
            }
            let path = format!("{prefix}{name}");
            let part = |entry: Option<&(bool, Oid)>, is: bool| {
                entry.filter(|(folder, _)| *folder == is).map(|(_, oid)| *oid)
            };
            if part(old, true).is_some() || part(new, true).is_some() {
                walk(store, &format!("{path}/"), part(old, true), part(new, true), all);
            }
            let (before, after) = (part(old, false), part(new, false));
            if before.is_some() || after.is_some() {
                all.push(Change { path, before, after });
            }
        }
    }
    let mut all = Vec::new();
    walk(store, "", before, Some(after), &mut all);
    all
}
