//! What must be true of a ledger, told from its commits' paths and TOML alone. Nothing here knows how the program reads
//! or writes them: a rule that the program has wrong in both directions is still seen.

mod breaker;
mod control;
mod items;
mod money;
mod roots;
mod runs;

use std::collections::{BTreeMap, BTreeSet};

use millrace::domain::oid::Oid;
use millrace::ledger::memory::MemoryStore;

use crate::tally::Tally;
use crate::tree::{self, Change};

use breaker::Streak;
use items::Item;
pub(crate) use items::Key;
use money::Money;
use runs::{Limits, RunBook};

/// Everything that was seen so far of one ledger.
#[derive(Default)]
pub(crate) struct Book {
    seq: u64,
    /// The tree, by path.
    files: BTreeMap<String, Oid>,
    items: BTreeMap<Key, Item>,
    arrivals: BTreeSet<u64>,
    runs: BTreeMap<String, RunBook>,
    limits: BTreeMap<String, Limits>,
    /// The launch that has no result: its run, number and nonce.
    outstanding: Option<(String, u32, String)>,
    settled: BTreeSet<String>,
    /// Launches that count, by item, since it was let go on; of a run that judges, by run.
    spent: BTreeMap<String, u32>,
    /// Rounds of remediation, by root, since it was opened or let go on.
    rounds: BTreeMap<String, u32>,
    /// The criteria and the gaps of the latest verdict, by root.
    verdicts: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    money: Money,
    /// Ends with nothing in a row, by runner.
    streaks: BTreeMap<String, Streak>,
    /// Blocked items that the handoff which is looked at lets go on.
    let_go: BTreeSet<Key>,
}

/// One commit, while it is looked at.
struct Look<'a> {
    store: &'a MemoryStore,
    changes: &'a [Change],
    /// The operation's word, whatever name the request has.
    op: String,
    asked: toml::Table,
    /// When it was made.
    at: String,
    tally: &'a mut Tally,
}

impl Look<'_> {
    fn toml(&self, blob: Oid) -> toml::Table {
        tree::toml(self.store, blob)
    }

    /// The day of it, of universal time.
    fn date(&self) -> String {
        self.at.split('T').next().expect("a date").to_owned()
    }

    /// The results that came with it, with their runs.
    fn results(&self) -> Vec<(String, toml::Table)> {
        let result = |change: &Change| match change.path.split('/').collect::<Vec<_>>().as_slice() {
            ["runs", _, run, _, "result.toml"] => Some(((*run).to_owned(), self.toml(change.after?))),
            _ => None,
        };
        self.changes.iter().filter_map(result).collect()
    }
}

/// The text at a dotted path of keys.
fn text<'t>(table: &'t toml::Table, path: &str) -> Option<&'t str> {
    value(table, path)?.as_str()
}

fn number(table: &toml::Table, path: &str) -> Option<u64> {
    value(table, path)?.as_integer().and_then(|number| u64::try_from(number).ok())
}

fn value<'t>(table: &'t toml::Table, path: &str) -> Option<&'t toml::Value> {
    let mut keys = path.split('.');
    let mut found = table.get(keys.next()?)?;
    for key in keys {
        found = found.as_table()?.get(key)?;
    }
    Some(found)
}

impl Book {
    /// A commit was made: what it changed is held to everything that was before.
    pub(crate) fn commit(&mut self, store: &MemoryStore, before: Option<Oid>, after: Oid, tally: &mut Tally) {
        let (root, parents) = tree::commit(store, after);
        assert_eq!(parents, before.into_iter().collect::<Vec<_>>(), "one commit after the other");
        let changes = tree::changes(store, before.map(|before| tree::commit(store, before).0), root);
        for Change { path, before, after } in &changes {
            let was = match after {
                Some(after) => self.files.insert(path.clone(), *after),
                None => self.files.remove(path),
            };
            assert_eq!(was, *before, "{path}");
        }
        let told = tree::toml(store, self.files["transition.toml"]);
        self.seq += 1;
        assert_eq!(number(&told, "seq"), Some(self.seq), "the numbers have no gap");
        let mut asked = told["input"].as_table().expect("what was asked").clone();
        while let Some(inner) = asked.get("asks").and_then(toml::Value::as_table) {
            asked = inner.clone();
        }
        let op = text(&asked, "op").expect("an operation").to_owned();
        let at = text(&told, "at").expect("a time").to_owned();
        let mut look = Look { store, changes: &changes, op, asked, at, tally };
        self.what_stays(&look);
        self.look_at_items(&mut look);
        self.look_at_money(&mut look);
        self.look_at_runs(&mut look);
        self.look_at_roots(&mut look);
        self.look_at_control(&look);
    }

    pub(crate) fn commits(&self) -> u64 {
        self.seq
    }

    /// What is written once and never changed or removed.
    fn what_stays(&self, look: &Look<'_>) {
        for Change { path, before, .. } in look.changes {
            let parts: Vec<&str> = path.split('/').collect();
            let stays = match parts.as_slice() {
                ["runs", _, _, file] => *file != "run.toml",
                ["ledger.toml"]
                | ["ideas" | "runs", ..]
                | ["closure", _, "verdicts", _]
                | ["plans", _, "plan.toml" | "files", ..] => true,
                _ => false,
            };
            assert!(!stays || before.is_none(), "{path} was there and is changed");
            if let (["ideas", _], None) = (parts.as_slice(), before) {
                let same = self
                    .files
                    .iter()
                    .filter(|(other, oid)| other.starts_with("ideas/") && **oid == self.files[path]);
                assert_eq!(same.count(), 1, "{path}: the same text is taken twice");
            }
        }
    }

    /// The whole tree, read anew: it is what the changes came to, and contradicts itself nowhere.
    pub(crate) fn whole(&self, store: &MemoryStore, tip: Oid) {
        let all = tree::changes(store, None, tree::commit(store, tip).0);
        let files: BTreeMap<String, Oid> =
            all.into_iter().filter_map(|change| Some((change.path, change.after?))).collect();
        assert_eq!(files, self.files, "the tree");
        self.whole_items(store);
        self.whole_lineage(store);
    }
}
