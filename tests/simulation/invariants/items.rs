//! Items: in one state each, never lost, never begun again, and with a reason where they rest.

use std::collections::BTreeSet;

use millrace::domain::oid::Oid;
use millrace::ledger::memory::MemoryStore;
use sha2::{Digest, Sha256};

use super::{Book, Look, number, text};
use crate::tree::{self, Change};

/// Kind and id.
pub(crate) type Key = (String, String);

/// An item that was taken in.
pub(super) struct Item {
    pub(super) places: BTreeSet<String>,
    pub(super) document: Oid,
    pub(super) state: String,
    /// What it waits for, where it waits.
    pub(super) on: Option<String>,
    /// Its root spec.
    pub(super) root: Option<String>,
    pub(super) depends_on: Vec<String>,
    arrival: u64,
}

/// Where a document lies: its item, its state, what it waits for.
pub(super) fn place(path: &str) -> Option<(Key, String, Option<String>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let kind = match *parts.first()? {
        "tasks" => "task",
        "specs" => "spec",
        "incidents" => "incident",
        _ => return None,
    };
    let name = parts.last()?.strip_suffix(".md")?;
    // `5.0000000012.some.id`
    let after_turn = || name.splitn(3, '.').nth(2).unwrap_or_else(|| panic!("{path} has no turn")).to_owned();
    let (id, state, on) = match parts[1..] {
        ["queued" | "incoming", _, _] => (after_turn(), "queued", None),
        ["held", _, _] => (after_turn(), "held", None),
        ["waiting", on, _] => (after_turn(), "waiting", Some(on.to_owned())),
        ["active", _] => (name.to_owned(), "active", None),
        ["blocked", _] => (name.to_owned(), "blocked", None),
        ["done" | "resolved", _, _, _] => (name.to_owned(), "done", None),
        ["archived", _, _, _] => (name.to_owned(), "archived", None),
        _ => panic!("{path} is nowhere"),
    };
    Some(((kind.to_owned(), id), state.to_owned(), on))
}

fn intake_path((kind, id): &Key) -> String {
    let hash = Sha256::digest(id.to_lowercase().as_bytes());
    format!("{kind}s/intake/{:02x}/{:02x}/{id}.toml", hash[0], hash[1])
}

fn closed(state: &str) -> bool {
    ["done", "archived"].contains(&state)
}

impl Book {
    /// Every item that was ever taken in.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Key> {
        self.items.keys()
    }

    pub(super) fn look_at_items(&mut self, look: &mut Look<'_>) {
        let mut touched: BTreeSet<Key> = BTreeSet::new();
        for Change { path, before, after } in look.changes {
            let Some((key, _, _)) = place(path) else {
                if let ([folder, "intake", ..], Some(_)) =
                    (path.split('/').collect::<Vec<_>>().as_slice(), after)
                {
                    let kind = folder.trim_end_matches('s').to_owned();
                    let id =
                        path.rsplit('/').next().and_then(|name| name.strip_suffix(".toml")).expect("an id");
                    touched.insert((kind, id.to_owned()));
                }
                continue;
            };
            let item = self.items.entry(key.clone()).or_insert_with(|| Item {
                places: BTreeSet::new(),
                document: after.expect("a document that comes in"),
                state: "new".to_owned(),
                on: None,
                root: None,
                depends_on: Vec::new(),
                arrival: 0,
            });
            match (before, after) {
                (Some(_), None) => assert!(item.places.remove(path), "{path}"),
                (_, Some(after)) => {
                    assert_eq!(*after, item.document, "{path}: its document is another one");
                    item.places.insert(path.clone());
                }
                (None, None) => {}
            }
            touched.insert(key);
        }
        let mut archived = 0;
        for key in &touched {
            let known =
                self.files.get(&intake_path(key)).unwrap_or_else(|| panic!("{key:?} has no intake record"));
            let known = look.toml(*known);
            let item = self.items.get_mut(key).unwrap_or_else(|| panic!("{key:?} is known and nowhere"));
            assert!(!item.places.is_empty(), "{key:?} is lost");
            assert_eq!(item.places.len(), 1, "{key:?} is in two states: {:?}", item.places);
            let (_, state, on) = place(item.places.first().expect("one")).expect("a place");
            let arrival = number(&known, "arrival").expect("an arrival");
            let root = text(&known, "intake.root_spec_id").map(str::to_owned);
            if item.state == "new" {
                assert!(
                    ["enqueue", "take_idea", "handoff"].contains(&look.op.as_str()),
                    "{key:?} comes in with {}",
                    look.op
                );
                let last = self.arrivals.last().copied().unwrap_or(0);
                assert!(self.arrivals.insert(arrival), "{key:?}: the arrival {arrival} is given twice");
                // In one commit they come in any order here; none is before an earlier commit's.
                assert!(last < arrival + 1000, "{key:?}: {arrival} comes after {last}");
                item.arrival = arrival;
                item.root.clone_from(&root);
                if text(&known, "origin").is_some() {
                    assert_eq!(state, "held", "{key:?} came from outside, and nobody released it");
                }
            } else if item.state != state {
                assert!(!closed(&item.state), "{key:?} was {} and is {state}", item.state);
                let by: &[&str] = match (item.state.as_str(), state.as_str()) {
                    ("queued", "active") => &["launch", "reopen"],
                    ("held", "queued" | "waiting") => &["release"],
                    // By a handoff only what the breaker gives back, which is looked at there.
                    ("blocked", "queued" | "waiting") => &["retry", "handoff"],
                    ("active", "done") => &["handoff"],
                    ("active", "blocked") => &["handoff", "unresumable"],
                    ("waiting", "queued") => &["handoff", "supersede", "retarget"],
                    ("queued", "waiting") => &["retarget", "handoff", "supersede"],
                    (_, "archived") => &["cancel", "cancel_lineage", "archive", "supersede", "handoff"],
                    _ => &[],
                };
                assert!(
                    by.contains(&look.op.as_str()),
                    "{key:?} goes from {} to {state} with {}",
                    item.state,
                    look.op
                );
                if item.state == "blocked" && state != "archived" {
                    if look.op == "handoff" {
                        self.let_go.insert(key.clone());
                    }
                    self.spent.remove(&format!("{}/{}", key.0, key.1));
                }
                if item.state == "blocked" && state == "archived" && look.op == "handoff" {
                    archived += 1;
                }
            }
            assert_eq!(
                (item.arrival, &item.root),
                (arrival, &root),
                "{key:?}: what is known of its coming changed"
            );
            item.depends_on = known["intake"]
                .as_table()
                .and_then(|intake| intake.get("depends_on")?.as_array())
                .map(|all| all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
                .unwrap_or_default();
            item.state = state;
            item.on = on;
        }
        if archived > 0 {
            look.tally.count("superseded", "by planning");
        }
        for key in &touched {
            self.look_at_item(look, key);
        }
    }

    /// Why an item rests, or that nothing is between it and its work.
    fn look_at_item(&self, look: &mut Look<'_>, key: &Key) {
        let item = &self.items[key];
        let done =
            |id: &String| self.items.get(&(key.0.clone(), id.clone())).is_some_and(|it| it.state == "done");
        match item.state.as_str() {
            "waiting" => {
                let on = item.on.as_ref().expect("what it waits for");
                assert!(item.depends_on.contains(on), "{key:?} waits for {on}, on which it does not depend");
                assert!(!done(on), "{key:?} waits for {on}, which is done");
            }
            "queued" | "active" | "done" => {
                assert!(
                    item.depends_on.iter().all(done),
                    "{key:?} is {} before its dependencies",
                    item.state
                );
            }
            "blocked" => {
                let path = format!("recovery/{}.{}.toml", key.0, key.1);
                let why =
                    self.files.get(&path).unwrap_or_else(|| panic!("{key:?} is blocked without a reason"));
                let why = look.toml(*why);
                for word in ["blocked.reason", "blocked.class", "blocked.stage", "blocked.run"] {
                    assert!(text(&why, word).is_some_and(|text| !text.is_empty()), "{key:?}: no {word}");
                }
                look.tally.count("class", text(&why, "blocked.class").expect("a class"));
            }
            _ => {}
        }
        if item.state == "done" {
            let waiting = format!("{}s/waiting/{}/", key.0, key.1);
            let left =
                self.files.range(waiting.clone()..).next().filter(|(path, _)| path.starts_with(&waiting));
            assert!(left.is_none(), "{left:?} waits for what is done");
        }
    }

    pub(super) fn whole_items(&self, store: &MemoryStore) {
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        for path in self.files.keys() {
            if let Some((key, state, _)) = place(path) {
                assert!(seen.insert(key.clone()), "{key:?} is in two states");
                assert_eq!(self.items[&key].state, state, "{key:?}");
            }
        }
        assert_eq!(seen, self.items.keys().cloned().collect(), "items that were taken in and are nowhere");
        let folded: BTreeSet<(&String, String)> =
            seen.iter().map(|(kind, id)| (kind, id.to_lowercase())).collect();
        assert_eq!(folded.len(), seen.len(), "ids that differ only in case");
        for (key, item) in &self.items {
            if item.state == "held" {
                let known = tree::toml(store, self.files[&intake_path(key)]);
                assert!(text(&known, "origin").is_some(), "{key:?} is held, and came from nowhere");
            }
        }
    }

    /// When the driver has nothing to do, what is open rests for a named reason: it waits for a person, or for an item
    /// that does, or that nobody brings.
    pub(crate) fn reasons(&self, store: &MemoryStore) {
        let control = tree::toml(store, self.files["control.toml"]);
        let paused = control.get("pauses").and_then(toml::Value::as_array).is_some_and(|all| !all.is_empty());
        let judges = text(&control, "plan").is_some_and(|plan| {
            tree::toml(store, self.files[&format!("plans/{plan}/plan.toml")]).contains_key("completion")
        });
        let excused = paused || text(&control, "plan").is_none();
        for (key, item) in &self.items {
            let mut at = (key.clone(), item);
            for _ in 0..=self.items.len() {
                let Some(on) = at.1.on.clone() else { break };
                let next = (key.0.clone(), on);
                match self.items.get(&next) {
                    Some(item) => at = (next, item),
                    None => break,
                }
            }
            let rests = match at.1.state.as_str() {
                "blocked" | "held" | "done" | "archived" => true,
                // What is nowhere, or archived, is waited for.
                "waiting" => {
                    let on = at.1.on.clone().expect("what it waits for");
                    let there = self.items.get(&(key.0.clone(), on)).map(|it| it.state.as_str());
                    there.is_none_or(|state| state == "archived")
                }
                _ => excused,
            };
            assert!(rests, "{key:?} is {} and nothing is done about {:?}", item.state, at.0);
        }
        for (root, target) in self.targets(store) {
            let state = text(&target, "state.is").expect("a state");
            let drained = self.lineage(&root).is_empty();
            assert!(
                state != "open" || !drained || excused || !judges,
                "spec/{root} is drained, and nobody judges it"
            );
        }
    }

    /// What has not come to its end.
    pub(crate) fn open(&self, store: &MemoryStore) -> Vec<String> {
        let items = self.items.iter().filter(|(_, item)| !closed(&item.state));
        let mut open: Vec<String> =
            items.map(|((kind, id), item)| format!("{kind}/{id} ({})", item.state)).collect();
        for (root, target) in self.targets(store) {
            let state = text(&target, "state.is").expect("a state");
            if !["accepted", "cancelled"].contains(&state) {
                open.push(format!("closure/{root} ({state})"));
            }
        }
        open.extend(self.files.keys().filter(|path| path.starts_with("active/")).cloned());
        open
    }

    /// The items of a root that are released and not closed.
    pub(super) fn lineage(&self, root: &str) -> Vec<&Key> {
        let of =
            |item: &Item| item.root.as_deref() == Some(root) && !closed(&item.state) && item.state != "held";
        self.items.iter().filter(|(_, item)| of(item)).map(|(key, _)| key).collect()
    }
}
