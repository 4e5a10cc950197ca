//! Trees of the ledger: read lazily, edited in memory, written as objects.
//!
//! A tree holds two kinds of entry: files (mode 100644) and folders (40000). Editing reads only the folders on the
//! way to what changes, and makes only the objects that changed, so that the cost of a transition does not grow
//! with the ledger.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::object::object_id;
use super::store::{Object, ObjectFormat, ObjectKind, Store, StoreError};
use crate::domain::oid::Oid;
use crate::domain::place::TreePath;
use crate::domain::plan::Plan;
use crate::domain::view::Fault;
use crate::format::records;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its object.
    pub oid: Oid,
}

/// The folders of one object database, each read once.
pub struct Trees<'s> {
    store: &'s dyn Store,
    folders: RefCell<HashMap<Oid, Rc<Vec<Entry>>>>,
    plans: RefCell<HashMap<Oid, Rc<Plan>>>,
}

impl<'s> Trees<'s> {
    /// No folder read yet.
    #[must_use]
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store, folders: RefCell::default(), plans: RefCell::default() }
    }

    /// How objects are named here.
    #[must_use]
    pub fn format(&self) -> ObjectFormat {
        self.store.object_format()
    }

    /// A folder's entries, in tree order.
    pub fn folder(&self, oid: Oid) -> Result<Rc<Vec<Entry>>, Fault> {
        if let Some(found) = self.folders.borrow().get(&oid) {
            return Ok(Rc::clone(found));
        }
        let bytes = self.object(oid, ObjectKind::Tree)?;
        let entries = parse(&bytes, oid)?;
        // Bounded: a replay of a long ledger reads each folder of each commit once.
        let mut folders = self.folders.borrow_mut();
        if folders.len() > 4096 {
            folders.clear();
        }
        let entries = Rc::new(entries);
        folders.insert(oid, Rc::clone(&entries));
        Ok(entries)
    }

    /// A frozen plan, decoded once however many commits have it: it never changes, and every launch and handoff of a
    /// replay asks for it.
    pub fn plan(&self, oid: Oid, path: &TreePath) -> Result<Rc<Plan>, Fault> {
        if let Some(found) = self.plans.borrow().get(&oid) {
            return Ok(Rc::clone(found));
        }
        let plan: Plan = records::decode(&self.file(oid)?)
            .map_err(|error| Fault { at: path.to_string(), detail: error.to_string() })?;
        let plan = Rc::new(plan);
        self.plans.borrow_mut().insert(oid, Rc::clone(&plan));
        Ok(plan)
    }

    /// A file's bytes.
    pub fn file(&self, oid: Oid) -> Result<Vec<u8>, Fault> {
        self.object(oid, ObjectKind::Blob)
    }

    /// The entry at a path below `root`, or `None`.
    pub fn find(&self, root: Oid, path: &TreePath) -> Result<Option<Entry>, Fault> {
        let mut at = root;
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let folder = self.folder(at)?;
            let Some(entry) = folder.iter().find(|entry| entry.name == part) else { return Ok(None) };
            if parts.peek().is_none() {
                return Ok(Some(entry.clone()));
            }
            if !entry.folder {
                return Ok(None);
            }
            at = entry.oid;
        }
        Ok(None)
    }

    /// The bytes of the file at a path below `root`, or `None` where there is no file.
    pub fn read(&self, root: Oid, path: &TreePath) -> Result<Option<Vec<u8>>, Fault> {
        match self.find(root, path)? {
            Some(entry) if !entry.folder => self.file(entry.oid).map(Some),
            _ => Ok(None),
        }
    }

    /// The entries of the folder at a path below `root`; none where there is no folder.
    pub fn list(&self, root: Oid, path: &TreePath) -> Result<Rc<Vec<Entry>>, Fault> {
        match self.find(root, path)? {
            Some(entry) if entry.folder => self.folder(entry.oid),
            _ => Ok(Rc::new(Vec::new())),
        }
    }

    fn object(&self, oid: Oid, expected: ObjectKind) -> Result<Vec<u8>, Fault> {
        let (kind, bytes) = self.store.read(oid).map_err(|error| unreadable(oid, &error))?;
        if kind != expected {
            return Err(Fault {
                at: oid.to_string(),
                detail: format!("expected a {expected:?}, found a {kind:?}"),
            });
        }
        Ok(bytes)
    }
}

fn unreadable(oid: Oid, error: &StoreError) -> Fault {
    Fault { at: oid.to_string(), detail: error.to_string() }
}

/// A tree object's entries.
fn parse(bytes: &[u8], oid: Oid) -> Result<Vec<Entry>, Fault> {
    let broken =
        |detail: &str| Fault { at: oid.to_string(), detail: format!("not a tree of ours: {detail}") };
    let width = oid.as_bytes().len();
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = rest.iter().position(|b| *b == b' ').ok_or_else(|| broken("no mode"))?;
        let folder = match &rest[..space] {
            b"40000" => true,
            b"100644" => false,
            _ => return Err(broken("a mode other than file and folder")),
        };
        rest = &rest[space + 1..];
        let nul = rest.iter().position(|b| *b == 0).ok_or_else(|| broken("no end of a name"))?;
        let name =
            std::str::from_utf8(&rest[..nul]).map_err(|_| broken("a name that is not UTF-8"))?.to_owned();
        rest = &rest[nul + 1..];
        let raw = rest.get(..width).ok_or_else(|| broken("a cut entry"))?;
        let oid = Oid::from_bytes(raw).ok_or_else(|| broken("a cut entry"))?;
        rest = &rest[width..];
        entries.push(Entry { name, folder, oid });
    }
    Ok(entries)
}

/// A folder that is being edited.
#[derive(Default)]
struct Folder {
    /// By git's order of entries: a folder's name sorts as if it ended in `/`.
    entries: BTreeMap<SortedName, Node>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SortedName(Vec<u8>);

impl SortedName {
    fn file(name: &str) -> Self {
        Self(name.as_bytes().to_vec())
    }

    fn folder(name: &str) -> Self {
        let mut bytes = name.as_bytes().to_vec();
        bytes.push(b'/');
        Self(bytes)
    }

    fn name(&self) -> &[u8] {
        self.0.strip_suffix(b"/").unwrap_or(&self.0)
    }
}

enum Node {
    File(Oid),
    /// Not looked into.
    Closed(Oid),
    /// Read, and perhaps changed.
    Open(Folder),
}

/// A tree that is being edited, in memory.
pub struct TreeEditor<'t, 's> {
    trees: &'t Trees<'s>,
    root: Folder,
}

impl<'t, 's> TreeEditor<'t, 's> {
    /// Edits the tree `root`, or an empty one.
    pub fn new(trees: &'t Trees<'s>, root: Option<Oid>) -> Result<Self, Fault> {
        let root = match root {
            Some(oid) => open(trees, oid)?,
            None => Folder::default(),
        };
        Ok(Self { trees, root })
    }

    /// Puts a file at a path, in place of whatever is there; a file on the way there becomes a folder.
    pub fn put(&mut self, path: &TreePath, oid: Oid) -> Result<(), Fault> {
        let (folder, name) = self.made(path)?;
        folder.entries.remove(&SortedName::folder(&name));
        folder.entries.insert(SortedName::file(&name), Node::File(oid));
        Ok(())
    }

    /// Takes the file at a path away and gives its object; `None` where there is none.
    pub fn take(&mut self, path: &TreePath) -> Result<Option<Oid>, Fault> {
        let Some((folder, name)) = self.found(path)? else { return Ok(None) };
        let key = SortedName::file(&name);
        match folder.entries.get(&key) {
            Some(Node::File(oid)) => {
                let oid = *oid;
                folder.entries.remove(&key);
                Ok(Some(oid))
            }
            _ => Ok(None),
        }
    }

    /// The folder that holds a path, opened, and the path's last component; `None` where there is no such folder.
    fn found(&mut self, path: &TreePath) -> Result<Option<(&mut Folder, String)>, Fault> {
        let trees = self.trees;
        let mut parts: Vec<&str> = path.components().collect();
        let name = parts.pop().unwrap_or_default().to_owned();
        let mut folder = &mut self.root;
        for part in parts {
            let Some(node) = folder.entries.get_mut(&SortedName::folder(part)) else { return Ok(None) };
            if let Node::Closed(oid) = node {
                *node = Node::Open(open(trees, *oid)?);
            }
            let Node::Open(inner) = node else { return Ok(None) };
            folder = inner;
        }
        Ok(Some((folder, name)))
    }

    /// The same folder, made where it is not there.
    fn made(&mut self, path: &TreePath) -> Result<(&mut Folder, String), Fault> {
        let trees = self.trees;
        let mut parts: Vec<&str> = path.components().collect();
        let name = parts.pop().unwrap_or_default().to_owned();
        let mut folder = &mut self.root;
        for part in parts {
            folder.entries.remove(&SortedName::file(part));
            let node = folder
                .entries
                .entry(SortedName::folder(part))
                .or_insert_with(|| Node::Open(Folder::default()));
            if let Node::Closed(oid) = node {
                *node = Node::Open(open(trees, *oid)?);
            }
            match node {
                Node::Open(inner) => folder = inner,
                Node::File(_) | Node::Closed(_) => {
                    return Err(Fault { at: path.to_string(), detail: "a file is in the way".to_owned() });
                }
            }
        }
        Ok((folder, name))
    }

    /// The root of the edited tree, and every object of it that was read for editing and may have changed. Empty
    /// folders vanish, as in git.
    pub fn finish(self) -> Result<(Oid, Vec<Object>), StoreError> {
        let format = self.trees.format();
        let mut objects = Vec::new();
        let bytes = serialise(self.root, format, &mut objects)?;
        let oid = object_id(format, ObjectKind::Tree, &bytes)?;
        objects.push(Object { kind: ObjectKind::Tree, oid, bytes });
        Ok((oid, objects))
    }
}

fn open(trees: &Trees<'_>, oid: Oid) -> Result<Folder, Fault> {
    let mut folder = Folder::default();
    for entry in trees.folder(oid)?.iter() {
        let (key, node) = if entry.folder {
            (SortedName::folder(&entry.name), Node::Closed(entry.oid))
        } else {
            (SortedName::file(&entry.name), Node::File(entry.oid))
        };
        folder.entries.insert(key, node);
    }
    Ok(folder)
}

fn serialise(folder: Folder, format: ObjectFormat, objects: &mut Vec<Object>) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for (key, node) in folder.entries {
        let (mode, oid) = match node {
            Node::File(oid) => ("100644", oid),
            Node::Closed(oid) => ("40000", oid),
            Node::Open(inner) => {
                let inner = serialise(inner, format, objects)?;
                if inner.is_empty() {
                    continue;
                }
                let oid = object_id(format, ObjectKind::Tree, &inner)?;
                objects.push(Object { kind: ObjectKind::Tree, oid, bytes: inner });
                ("40000", oid)
            }
        };
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(key.name());
        bytes.push(0);
        bytes.extend_from_slice(oid.as_bytes());
    }
    Ok(bytes)
}
