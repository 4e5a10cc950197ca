//! Forging: a ledger copied into a map, where any commit can be replaced and those after it be rebuilt on top, so that
//! only the replaced one is inconsistent.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use millrace::domain::oid::Oid;
use millrace::domain::place::TreePath;
use millrace::domain::transition::record::Transition;
use millrace::format::message::render;
use millrace::format::records::{decode, encode};
use millrace::ledger::commit::Commit;
use millrace::ledger::object::object_id;
use millrace::ledger::store::{ObjectFormat, ObjectKind, RefName, Store, StoreError, Writer};
use millrace::ledger::transact::{edited, read_commit};
use millrace::ledger::tree::{TreeEditor, Trees};
use millrace::ledger::view::TreeView;

use crate::support::consistent::files;

/// Objects without a ref: what verification reads.
#[derive(Clone, Default)]
pub(super) struct Objects {
    objects: HashMap<Oid, (ObjectKind, Vec<u8>)>,
}

impl Store for Objects {
    fn object_format(&self) -> ObjectFormat {
        ObjectFormat::Sha1
    }

    fn resolve(&self, _: &RefName) -> Result<Option<Oid>, StoreError> {
        Ok(None)
    }

    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        Ok(Vec::new())
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        let (kind, bytes) = self.objects.get(&oid).cloned().ok_or(StoreError::Missing(oid))?;
        let is = object_id(ObjectFormat::Sha1, kind, &bytes)?;
        if is == oid {
            Ok((kind, bytes))
        } else {
            Err(StoreError::Damaged { oid, detail: format!("it is {is}") })
        }
    }

    fn writer(&self, _: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        Err(StoreError::Unsupported("read only".to_owned()))
    }
}

impl Objects {
    pub(super) fn add(&mut self, kind: ObjectKind, bytes: Vec<u8>) -> Oid {
        let oid = object_id(ObjectFormat::Sha1, kind, &bytes).expect("an id");
        self.objects.insert(oid, (kind, bytes));
        oid
    }

    pub(super) fn remove(&mut self, oid: Oid) {
        self.objects.remove(&oid).expect("an object to remove");
    }

    /// Other bytes under the same id.
    pub(super) fn spoil(&mut self, oid: Oid) {
        self.objects.get_mut(&oid).expect("an object to spoil").1.push(b'x');
    }

    pub(super) fn commit(&self, oid: Oid) -> Commit {
        read_commit(self, oid).expect("a readable commit")
    }

    /// Everything there is.
    pub(super) fn all(&self) -> impl Iterator<Item = (Oid, ObjectKind, Vec<u8>)> + '_ {
        self.objects.iter().map(|(oid, (kind, bytes))| (*oid, *kind, bytes.clone()))
    }

    pub(super) fn add_commit(&mut self, commit: &Commit) -> Oid {
        self.add(ObjectKind::Commit, commit.render())
    }

    pub(super) fn files(&self, root: Oid) -> BTreeMap<String, Oid> {
        files(self, root).into_iter().collect()
    }

    pub(super) fn text(&self, root: Oid, path: &str) -> String {
        let path = TreePath::new(path).expect("a path");
        let bytes = Trees::new(self).read(root, &path).expect("readable").expect("a file");
        String::from_utf8(bytes).expect("text")
    }

    pub(super) fn transition(&self, root: Oid) -> Transition {
        decode(self.text(root, "transition.toml").as_bytes()).expect("a transition")
    }

    /// A tree with other files: `None` removes one.
    pub(super) fn with_files(&mut self, root: Oid, changes: &[(&str, Option<Vec<u8>>)]) -> Oid {
        let blobs: Vec<(TreePath, Option<Oid>)> = changes
            .iter()
            .map(|(path, bytes)| {
                let oid = bytes.clone().map(|bytes| self.add(ObjectKind::Blob, bytes));
                (TreePath::new(*path).expect("a path"), oid)
            })
            .collect();
        let (root, made) = {
            let trees = Trees::new(self);
            let mut editor = TreeEditor::new(&trees, Some(root)).expect("an editor");
            for (path, oid) in blobs {
                match oid {
                    Some(oid) => editor.put(&path, oid).expect("put"),
                    None => assert!(editor.take(&path).expect("taken").is_some(), "{path} is there"),
                }
            }
            editor.finish().expect("a tree")
        };
        for object in made {
            self.add(object.kind, object.bytes);
        }
        root
    }

    /// A tree with another transition record.
    pub(super) fn with_transition(&mut self, root: Oid, transition: &Transition) -> Oid {
        let bytes = encode(transition).expect("a record");
        self.with_files(root, &[("transition.toml", Some(bytes))])
    }

    /// The commit that this transition would make on top of `parent`, its tree by `apply` and its message rendered.
    pub(super) fn made(
        &mut self,
        parent: Option<Oid>,
        like: &Commit,
        transition: &Transition,
    ) -> Option<Oid> {
        let before = parent.map(|oid| self.commit(oid).tree);
        let (root, objects) = {
            let trees = Trees::new(self);
            let view = TreeView::new(&trees, before);
            let edits = millrace::domain::transition::apply::apply(&view, &transition.decision).ok()?;
            edited(&trees, before, &edits, transition).ok()?
        };
        for object in objects {
            self.add(object.kind, object.bytes);
        }
        let commit = Commit {
            tree: root,
            parents: parent.into_iter().collect(),
            message: render(transition),
            ..like.clone()
        };
        Some(self.add_commit(&commit))
    }
}

/// A ledger as a list of commits, oldest first, with everything that they need.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) objects: Objects,
    pub(super) chain: Vec<Oid>,
}

impl Ledger {
    /// Copies the ledger that ends at `tip`.
    pub(super) fn copy(store: &dyn Store, tip: Oid) -> Self {
        fn tree(store: &dyn Store, objects: &mut Objects, oid: Oid) {
            if objects.objects.contains_key(&oid) {
                return;
            }
            let (kind, bytes) = store.read(oid).expect("a readable tree");
            objects.objects.insert(oid, (kind, bytes));
            for entry in Trees::new(store).folder(oid).expect("a folder").iter() {
                if entry.folder {
                    tree(store, objects, entry.oid);
                } else {
                    let read = || store.read(entry.oid).expect("a readable file");
                    objects.objects.entry(entry.oid).or_insert_with(read);
                }
            }
        }
        let mut objects = Objects::default();
        let mut chain = Vec::new();
        let mut next = Some(tip);
        while let Some(oid) = next {
            objects.objects.insert(oid, store.read(oid).expect("a readable commit"));
            let commit = objects.commit(oid);
            tree(store, &mut objects, commit.tree);
            chain.push(oid);
            next = commit.parents.first().copied();
        }
        chain.reverse();
        Self { objects, chain }
    }

    pub(super) fn tip(&self) -> Oid {
        *self.chain.last().expect("a commit")
    }

    /// The word of what the n-th commit says that it is.
    pub(super) fn op(&self, n: usize) -> String {
        let message = self.objects.commit(self.chain[n]).message;
        message.split(':').next().unwrap_or_default().to_owned()
    }

    pub(super) fn at(&self, n: usize) -> Commit {
        self.objects.commit(self.chain[n])
    }

    /// Puts another commit in place of the n-th and rebuilds what comes after it. Where the rest can be decided and
    /// applied on the new one it is; where not, the rest keeps its trees.
    pub(super) fn replace(&mut self, n: usize, commit: Oid) {
        let old: Vec<Commit> = (n + 1..self.chain.len()).map(|at| self.at(at)).collect();
        self.chain.truncate(n);
        self.chain.push(commit);
        for commit in old {
            let parent = self.tip();
            let transition = self.objects.transition(commit.tree);
            let made = self.objects.made(Some(parent), &commit, &transition);
            let oid = made.unwrap_or_else(|| {
                let moved = Commit { parents: vec![parent], ..commit };
                self.objects.add_commit(&moved)
            });
            self.chain.push(oid);
        }
    }

    /// The same with a changed commit.
    pub(super) fn forge(&mut self, n: usize, change: impl FnOnce(&mut Objects, &mut Commit)) -> Oid {
        let mut commit = self.at(n);
        change(&mut self.objects, &mut commit);
        let oid = self.objects.add_commit(&commit);
        self.replace(n, oid);
        oid
    }
}
