//! The user's work tree: paths and contents, and the snapshots that were taken of it.

use std::collections::{BTreeMap, BTreeSet};

use millrace::domain::oid::Oid;

type Files = BTreeMap<String, String>;

/// Paths that are the user's own, and no stage's.
const USERS: &str = "user/";

/// The work tree.
#[derive(Default)]
pub(crate) struct Code {
    files: Files,
    snapshots: BTreeMap<Oid, Files>,
    /// What stages wrote at any time.
    edited: BTreeSet<String>,
}

impl Code {
    /// A snapshot of all of it.
    pub(crate) fn snapshot(&mut self) -> Oid {
        let mut id = [0_u8; 20];
        id[..8].copy_from_slice(&(self.snapshots.len() as u64 + 1).to_be_bytes());
        let id = Oid::from_bytes(&id).expect("an id");
        self.snapshots.insert(id, self.files.clone());
        id
    }

    /// What a stage does to it: a file of its own, and a line that every stage writes.
    pub(crate) fn edit(&mut self, run: &str, launch: u32) {
        self.edited.insert(own(run, launch));
        self.files.insert(own(run, launch), "done".to_owned());
        self.files.insert("shared".to_owned(), format!("{run} {launch}"));
    }

    /// What the user does beside it.
    pub(crate) fn user_edits(&mut self, n: usize) {
        self.files.insert(format!("{USERS}{}", n % 4), n.to_string());
    }

    pub(crate) fn holds(&self, run: &str, launch: u32) -> bool {
        self.files.contains_key(&own(run, launch))
    }

    /// Whether it ever did.
    pub(crate) fn edited(&self, run: &str, launch: u32) -> bool {
        self.edited.contains(&own(run, launch))
    }

    /// Whether it is what this snapshot holds, apart from what is the user's.
    pub(crate) fn is(&self, snapshot: Oid) -> bool {
        stages(&self.files) == stages(&self.snapshots[&snapshot])
    }

    /// Whether it is exactly what this snapshot holds.
    pub(crate) fn is_exactly(&self, snapshot: Oid) -> bool {
        self.files == self.snapshots[&snapshot]
    }

    /// The paths that hold what `from` does and `to` does not.
    pub(crate) fn held(&self, from: Oid, to: Oid) -> Vec<String> {
        let (from, to) = (&self.snapshots[&from], &self.snapshots[&to]);
        let paths: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
        let differs = |path: &&&String| from.get(**path) != to.get(**path);
        let held = |path: &&&String| self.files.get(**path) == from.get(**path);
        paths.iter().filter(differs).filter(held).map(|path| (*path).clone()).collect()
    }

    /// Brings it from one snapshot to the other, at most so many paths of it.
    pub(crate) fn bring(&mut self, from: Oid, to: Oid, most: usize) {
        for path in self.held(from, to).into_iter().take(most) {
            match self.snapshots[&to].get(&path).cloned() {
                Some(content) => self.files.insert(path, content),
                None => self.files.remove(&path),
            };
        }
    }
}

fn own(run: &str, launch: u32) -> String {
    format!("src/{run}-{launch}")
}

fn stages(files: &Files) -> BTreeMap<&String, &String> {
    files.iter().filter(|(path, _)| !path.starts_with(USERS)).collect()
}
