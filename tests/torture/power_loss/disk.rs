//! A model of a file system that keeps nothing it was not asked to keep.
//!
//! * A file's content is safe up to its last fsync. What was written since may be there, may be missing (the old length)
//!   or may be NUL bytes (the new length).
//! * A name (created, moved, removed) is safe after an fsync of its folder, and only that: an fsync of a file does not
//!   keep its name. Of one folder's changes since then any number may be there, but always in their order.
//! * A move within one folder happens whole or not at all. Of a move between two folders the new name may be missing
//!   while the old one is still there; never both.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use crate::chance::Chance;

/// A file or folder, whatever its names.
pub(super) type Id = usize;

/// One change of a folder's names: those that it sets or removes, together.
#[derive(Debug, Clone)]
struct Change {
    names: Vec<(OsString, Option<Id>)>,
    /// The other half of a move from this folder to another one.
    leaves: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Folder { names: BTreeMap<OsString, Id>, safe: BTreeMap<OsString, Id>, since: Vec<Change> },
    File { bytes: Vec<u8>, safe: Vec<u8>, mode: u32 },
    Link(PathBuf),
}

/// The file system below one folder.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    nodes: Vec<Node>,
}

/// What is left of names or contents that are not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing of it: what was safe last.
    Dropped,
    /// All of it; but of contents only NUL bytes.
    Zeroed,
    /// All of it.
    Kept,
}

/// What a power loss leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The same for all names, and the same for all contents.
    Even { names: Left, contents: Left },
    /// For each file and folder something else, as this seed decides.
    Mixed(u64),
}

const ROOT: Id = 0;

impl Disk {
    /// What is below `folder` now, all of it safe.
    pub(super) fn scan(folder: &Path) -> Self {
        let mut disk = Self { nodes: vec![Node::folder()] };
        let mut known = BTreeMap::new();
        disk.scan_into(ROOT, folder, &mut known);
        disk.sync_all();
        disk
    }

    fn scan_into(&mut self, at: Id, folder: &Path, known: &mut BTreeMap<u64, Id>) {
        use std::os::unix::fs::MetadataExt as _;
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("its metadata");
            let path = entry.path();
            let id = if metadata.is_dir() {
                let id = self.add(Node::folder());
                self.scan_into(id, &path, known);
                id
            } else if metadata.is_symlink() {
                self.add(Node::Link(std::fs::read_link(&path).expect("a link")))
            } else if let Some(id) = known.get(&metadata.ino()) {
                *id
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                let mode = metadata.permissions().mode() & 0o777;
                let id = self.add(Node::File { safe: Vec::new(), bytes, mode });
                known.insert(metadata.ino(), id);
                id
            };
            self.names(at).insert(entry.file_name(), id);
        }
    }

    fn sync_all(&mut self) {
        for node in &mut self.nodes {
            node.sync();
        }
    }

    fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn names(&mut self, folder: Id) -> &mut BTreeMap<OsString, Id> {
        match &mut self.nodes[folder] {
            Node::Folder { names, .. } => names,
            other => panic!("not a folder: {other:?}"),
        }
    }

    /// What has this path (relative to the folder that was scanned) now.
    pub(super) fn find(&self, path: &Path) -> Option<Id> {
        let mut at = ROOT;
        for part in path.components() {
            let Component::Normal(name) = part else { panic!("{}: not a plain path", path.display()) };
            let Node::Folder { names, .. } = &self.nodes[at] else { return None };
            at = *names.get(name)?;
        }
        Some(at)
    }

    fn parent(&self, path: &Path) -> (Id, OsString) {
        let folder = path.parent().expect("not the root");
        let id = self.find(folder).unwrap_or_else(|| panic!("{}: its folder is not there", path.display()));
        (id, path.file_name().expect("a name").to_owned())
    }

    fn change(&mut self, folder: Id, change: Change) {
        let Node::Folder { names, since, .. } = &mut self.nodes[folder] else { panic!("not a folder") };
        change.apply(names);
        since.push(change);
    }

    fn name(&mut self, path: &Path, to: Option<Id>) {
        let (folder, name) = self.parent(path);
        self.change(folder, Change { names: vec![(name, to)], leaves: false });
    }

    /// Opens a file to write; makes it where it is missing.
    pub(super) fn open(&mut self, path: &Path, create: bool, truncate: bool) -> Option<Id> {
        let id = match self.find(path) {
            Some(id) => id,
            None if create => {
                let id = self.add(Node::File { bytes: Vec::new(), safe: Vec::new(), mode: 0o644 });
                self.name(path, Some(id));
                id
            }
            None => return None,
        };
        if truncate && let Node::File { bytes, .. } = &mut self.nodes[id] {
            bytes.clear();
        }
        Some(id)
    }

    /// The length of a file.
    pub(super) fn length(&self, file: Id) -> usize {
        match &self.nodes[file] {
            Node::File { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    pub(super) fn read(&self, file: Id, at: usize, count: usize) -> Vec<u8> {
        match &self.nodes[file] {
            Node::File { bytes, .. } => bytes[at.min(bytes.len())..(at + count).min(bytes.len())].to_vec(),
            other => panic!("not a file: {other:?}"),
        }
    }

    pub(super) fn write(&mut self, file: Id, at: usize, new: &[u8]) {
        let Node::File { bytes, .. } = &mut self.nodes[file] else { panic!("not a file") };
        if bytes.len() < at + new.len() {
            bytes.resize(at + new.len(), 0);
        }
        bytes[at..at + new.len()].copy_from_slice(new);
    }

    pub(super) fn resize(&mut self, file: Id, length: usize) {
        let Node::File { bytes, .. } = &mut self.nodes[file] else { panic!("not a file") };
        bytes.resize(length, 0);
    }

    pub(super) fn make_folder(&mut self, path: &Path) {
        let id = self.add(Node::folder());
        self.name(path, Some(id));
    }

    pub(super) fn make_link(&mut self, path: &Path, target: PathBuf) {
        let id = self.add(Node::Link(target));
        self.name(path, Some(id));
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) {
        let id = self.find(from).unwrap_or_else(|| panic!("{}: linked, and not there", from.display()));
        self.name(to, Some(id));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.name(path, None);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let id = self.find(from).unwrap_or_else(|| panic!("{}: renamed, and not there", from.display()));
        if self.find(to) == Some(id) {
            // Two names of one file: nothing happens.
            return;
        }
        let (old, old_name) = self.parent(from);
        let (new, new_name) = self.parent(to);
        if old == new {
            let names = vec![(old_name, None), (new_name, Some(id))];
            self.change(old, Change { names, leaves: false });
        } else {
            self.change(new, Change { names: vec![(new_name, Some(id))], leaves: false });
            self.change(old, Change { names: vec![(old_name, None)], leaves: true });
        }
    }

    /// An fsync of a file or of a folder.
    pub(super) fn sync(&mut self, id: Id) {
        self.nodes[id].sync();
    }

    /// What a power loss now leaves.
    pub(super) fn after(&self, loss: Loss) -> Remains {
        let mut chance = match loss {
            Loss::Mixed(seed) => Some(Chance::new(seed)),
            Loss::Even { .. } => None,
        };
        let mut nodes = Vec::new();
        for node in &self.nodes {
            nodes.push(match node {
                Node::Link(target) => Remain::Link(target.clone()),
                Node::File { bytes, safe, mode } => {
                    let left = match (loss, &mut chance) {
                        (Loss::Even { contents, .. }, _) => contents,
                        (Loss::Mixed(_), Some(chance)) => {
                            [Left::Dropped, Left::Zeroed, Left::Kept][chance.below(3)]
                        }
                        (Loss::Mixed(_), None) => Left::Dropped,
                    };
                    let bytes = match left {
                        Left::Dropped => safe.clone(),
                        Left::Kept => bytes.clone(),
                        Left::Zeroed => zeroed(bytes, safe),
                    };
                    Remain::File(bytes, *mode)
                }
                Node::Folder { safe, since, .. } => {
                    let mut names = safe.clone();
                    let applied = match (loss, &mut chance) {
                        (Loss::Even { names: Left::Dropped, .. }, _) => 0,
                        (Loss::Even { .. }, _) => since.len(),
                        (Loss::Mixed(_), chance) => {
                            let most = since.iter().position(|change| change.leaves).unwrap_or(since.len());
                            chance.as_mut().map_or(0, |chance| chance.below(most + 1))
                        }
                    };
                    for change in &since[..applied] {
                        change.apply(&mut names);
                    }
                    Remain::Folder(names)
                }
            });
        }
        Remains { nodes }
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<OsString, Id>) {
        for (name, to) in &self.names {
            match to {
                Some(id) => names.insert(name.clone(), *id),
                None => names.remove(name),
            };
        }
    }
}

impl Node {
    fn folder() -> Self {
        Self::Folder { names: BTreeMap::new(), safe: BTreeMap::new(), since: Vec::new() }
    }

    fn sync(&mut self) {
        match self {
            Self::Folder { names, safe, since } => {
                safe.clone_from(names);
                since.clear();
            }
            Self::File { bytes, safe, .. } => safe.clone_from(bytes),
            Self::Link(_) => {}
        }
    }
}

/// The new length, with NUL bytes wherever something was written since.
fn zeroed(bytes: &[u8], safe: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().map(|(at, byte)| if safe.get(at) == Some(byte) { *byte } else { 0 }).collect()
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Remain {
    Folder(BTreeMap<OsString, Id>),
    File(Vec<u8>, u32),
    Link(PathBuf),
}

/// A disk after a power loss.
#[derive(Debug)]
pub(super) struct Remains {
    nodes: Vec<Remain>,
}

impl Remains {
    /// Every path with what is there; files that are one keep that.
    pub(super) fn paths(&self) -> BTreeMap<PathBuf, (Id, Option<&[u8]>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![(PathBuf::new(), ROOT)];
        while let Some((path, id)) = folders.pop() {
            let Remain::Folder(names) = &self.nodes[id] else { continue };
            for (name, id) in names {
                let path = path.join(name);
                let bytes = match &self.nodes[*id] {
                    Remain::File(bytes, _) => Some(bytes.as_slice()),
                    Remain::Link(_) => None,
                    Remain::Folder(_) => {
                        folders.push((path.clone(), *id));
                        None
                    }
                };
                found.insert(path, (*id, bytes));
            }
        }
        found
    }

    /// Writes it all below an empty folder.
    pub(super) fn write_to(&self, root: &Path) {
        let mut written = BTreeMap::<Id, PathBuf>::new();
        for (path, (id, _)) in self.paths() {
            let path = root.join(path);
            match &self.nodes[id] {
                Remain::Folder(_) => std::fs::create_dir(&path).expect("a folder"),
                Remain::Link(target) => std::os::unix::fs::symlink(target, &path).expect("a link"),
                Remain::File(bytes, mode) => {
                    if let Some(first) = written.get(&id) {
                        std::fs::hard_link(first, &path).expect("a hard link");
                        continue;
                    }
                    std::fs::write(&path, bytes).expect("a file");
                    let mode = std::fs::Permissions::from_mode(*mode);
                    std::fs::set_permissions(&path, mode).expect("a mode");
                    written.insert(id, path);
                }
            }
        }
    }

    /// The same for two disks that look the same.
    pub(super) fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        for (path, (id, bytes)) in self.paths() {
            (path, id, bytes).hash(&mut hasher);
        }
        hasher.finish()
    }
}
