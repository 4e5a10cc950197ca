//! Roots: few are opened at a time, and one is accepted when all of it is done and a verdict on that very code says so.

use std::collections::BTreeSet;

use millrace::ledger::memory::MemoryStore;

use super::{Book, Look, text};
use crate::tree::{self, Change};

impl Book {
    /// The closure targets, by root.
    pub(super) fn targets(&self, store: &MemoryStore) -> Vec<(String, toml::Table)> {
        let all =
            self.files.range("closure/".to_owned()..).take_while(|(path, _)| path.starts_with("closure/"));
        all.filter_map(|(path, blob)| {
            let root = path.strip_prefix("closure/")?.strip_suffix("/target.toml")?;
            Some((root.to_owned(), tree::toml(store, *blob)))
        })
        .collect()
    }

    pub(super) fn look_at_roots(&mut self, look: &mut Look<'_>) {
        let rounds = self.look_at_verdicts(look);
        for Change { path, before, after } in look.changes {
            let parts: Vec<&str> = path.split('/').collect();
            let ["closure", root, "target.toml"] = parts.as_slice() else { continue };
            let target = look.toml(after.unwrap_or_else(|| panic!("{path} is gone")));
            let before = before.map(|before| look.toml(before));
            let was =
                before.as_ref().and_then(|table| text(table, "state.is")).unwrap_or("nothing").to_owned();
            let is = text(&target, "state.is").expect("a state").to_owned();
            if was == is {
                continue;
            }
            look.tally.count("target", &is);
            match (was.as_str(), is.as_str()) {
                ("nothing", "open") => self.is_opened(look, root),
                ("accepted" | "cancelled", "open") => {
                    let members = self.lineage(root).len();
                    assert!(members > 0, "spec/{root} was {was} and is open for nothing");
                    self.begins_anew(root);
                }
                ("blocked", "open") if look.op == "handoff" => {
                    assert!(self.trips(look), "spec/{root} goes on by a handoff");
                    look.tally.count("breaker", "judges again");
                }
                ("blocked", "open") => {
                    assert_eq!(look.op, "retry", "spec/{root} goes on");
                    self.begins_anew(root);
                }
                ("open", "accepted") => self.is_accepted(look, root, &target),
                ("open", "blocked") => {
                    for word in ["state.reason", "state.class", "state.run"] {
                        assert!(
                            text(&target, word).is_some_and(|text| !text.is_empty()),
                            "{root}: no {word}"
                        );
                    }
                    look.tally.count("class", text(&target, "state.class").expect("a class"));
                    assert!(
                        ["handoff", "cancel_run"].contains(&look.op.as_str()),
                        "{root} is blocked by {}",
                        look.op
                    );
                }
                (_, "cancelled") => {
                    let key = ("spec".to_owned(), (*root).to_owned());
                    let given_up = self.items[&key].state == "archived" && self.lineage(root).is_empty();
                    assert!(
                        look.op == "cancel_lineage" || given_up,
                        "spec/{root} is cancelled by {}",
                        look.op
                    );
                }
                _ => panic!("spec/{root} goes from {was} to {is}"),
            }
        }
        if let Some((root, plan)) = rounds {
            let most = self.limits_of(look, &plan).rounds;
            let rounds = self.rounds.entry(root.clone()).or_default();
            *rounds += 1;
            assert!(*rounds <= most, "spec/{root}: {rounds} rounds of remediation");
        }
    }

    /// No round has been tried since: the next gap may well be one that was found before.
    fn begins_anew(&mut self, root: &str) {
        self.rounds.remove(root);
        if let Some((_, gaps)) = self.verdicts.get_mut(root) {
            gaps.clear();
        }
    }

    /// What a run that judged found; gives its root and plan where that is another round of remediation.
    fn look_at_verdicts(&mut self, look: &mut Look<'_>) -> Option<(String, String)> {
        let mut round = None;
        for Change { path, after, .. } in look.changes {
            let parts: Vec<&str> = path.split('/').collect();
            let ["closure", root, "verdicts", name] = parts.as_slice() else { continue };
            let verdict = look.toml(after.expect("a verdict"));
            let id = name.strip_suffix(".toml").expect("a name");
            let run = &self.runs[id];
            assert!(run.closure && look.op == "handoff", "{path}: {id} does not judge");
            assert_eq!(
                text(&verdict, "snapshot"),
                Some(run.start.as_str()),
                "{path}: the code that it judged"
            );
            let (mut all, mut gaps, mut met) = (BTreeSet::new(), BTreeSet::new(), true);
            for criterion in verdict["criteria"].as_array().expect("criteria") {
                let criterion = criterion.as_table().expect("a criterion");
                let name = text(criterion, "id").expect("a name").to_owned();
                let finding = text(criterion, "finding");
                met &= finding == Some("pass");
                if finding == Some("gap") {
                    gaps.insert(name.clone());
                }
                assert!(all.insert(name), "{path}: a criterion twice");
            }
            let earlier = self.verdicts.insert((*root).to_owned(), (all.clone(), gaps.clone()));
            let (was, open) = earlier.unwrap_or_default();
            assert!(was.is_subset(&all), "{path}: {was:?} became {all:?}");
            assert_eq!(run.ending == "done", met, "{path}: {} with {gaps:?}", run.ending);
            if run.ending == "needs_planning" {
                assert!(open.is_disjoint(&gaps), "{path}: {gaps:?} was a gap before");
                let incidents = look
                    .changes
                    .iter()
                    .filter_map(|change| {
                        super::items::place(&change.path).filter(|_| change.before.is_none())
                    })
                    .filter(|((kind, id), _, _)| {
                        kind == "incident"
                            && self.items[&(kind.clone(), id.clone())].root.as_deref() == Some(root)
                    });
                assert_eq!(incidents.count(), 1, "{path}: a gap is one incident");
                round = self.runs.get(id).map(|run| ((*root).to_owned(), run.plan().to_owned()));
            }
        }
        round
    }

    /// A root is opened by its claim, while few enough others can be worked on.
    fn is_opened(&mut self, look: &Look<'_>, root: &str) {
        assert!(["launch", "reopen"].contains(&look.op.as_str()), "spec/{root} is opened by {}", look.op);
        let active = self.files.keys().find_map(|path| path.strip_prefix("active/")?.strip_suffix(".toml"));
        let plan = self.runs[active.expect("the run that claims it")].plan().to_owned();
        let most = self.limits_of(look, &plan).roots;
        let actionable = |other: &String, target: &toml::Table| {
            let members = self.lineage(other);
            let goes = |key: &&super::Key| ["queued", "active"].contains(&self.items[*key].state.as_str());
            text(target, "state.is") == Some("open") && (members.is_empty() || members.iter().any(goes))
        };
        let others: Vec<String> = self
            .targets(look.store)
            .into_iter()
            .filter(|(other, target)| other != root && actionable(other, target))
            .map(|(other, _)| other)
            .collect();
        assert!(others.len() < most, "spec/{root} is opened beside {others:?}; the plan allows {most}");
    }

    fn is_accepted(&self, look: &Look<'_>, root: &str, target: &toml::Table) {
        assert_eq!(look.op, "handoff", "spec/{root} is accepted");
        let open = self.lineage(root);
        assert!(open.is_empty(), "spec/{root} is accepted, and open are {open:?}");
        let run =
            text(target, "verdict").unwrap_or_else(|| panic!("spec/{root} is accepted without a verdict"));
        assert_eq!(text(&look.asked, "run"), Some(run), "spec/{root} is accepted on an older verdict");
        assert!(
            self.files.contains_key(&format!("closure/{root}/verdicts/{run}.toml")),
            "spec/{root}: no verdict"
        );
        assert!(self.verdicts[root].1.is_empty(), "spec/{root} is accepted with {:?}", self.verdicts[root].1);
    }

    /// The marks of open items are what their intake records say.
    pub(super) fn whole_lineage(&self, store: &MemoryStore) {
        let marks: BTreeSet<String> =
            self.files.keys().filter(|path| path.starts_with("lineage/")).cloned().collect();
        let open = self
            .items
            .iter()
            .filter(|(_, item)| !["done", "archived", "held"].contains(&item.state.as_str()));
        let expected: BTreeSet<String> = open
            .filter_map(|((kind, id), item)| {
                Some(format!("lineage/{}/{kind}.{id}.toml", item.root.as_ref()?))
            })
            .collect();
        assert_eq!(marks, expected, "the marks of lineage");
        let control = tree::toml(store, self.files["control.toml"]);
        let listed: BTreeSet<&str> = control
            .get("targets")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        let targets = self.targets(store);
        let open: BTreeSet<&str> = targets
            .iter()
            .filter(|(_, target)| ["open", "blocked"].contains(&text(target, "state.is").expect("a state")))
            .map(|(root, _)| root.as_str())
            .collect();
        assert_eq!(listed, open, "the targets that are not closed");
    }
}
