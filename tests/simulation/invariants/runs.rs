//! Runs: one at a time, each launch with exactly one result, and never more of them than the plan allows.

use std::collections::BTreeMap;

use super::{Book, Look, number, text, value};
use crate::tree::Change;

/// A run that was begun.
pub(crate) struct RunBook {
    pub(crate) id: String,
    pub(super) item: String,
    pub(crate) closure: bool,
    pub(super) plan: String,
    pub(crate) continues: Option<String>,
    pub(super) start: String,
    /// Its launches that have a result, and whether what they did counts as work.
    pub(crate) launches: BTreeMap<u32, bool>,
    launched: u32,
    interruptions: u32,
    pub(super) rejections: u32,
    /// Empty while it is active.
    pub(crate) ending: String,
    /// Whether its plan puts back what it leaves.
    pub(crate) restores: bool,
}

/// What a plan allows.
#[derive(Clone)]
pub(super) struct Limits {
    launches: u32,
    interruptions: u32,
    rejections: u32,
    pub(super) rounds: u32,
    pub(super) roots: usize,
    restores: bool,
}

impl Book {
    /// Every run, by id.
    pub(crate) fn runs(&self) -> &BTreeMap<String, RunBook> {
        &self.runs
    }

    pub(super) fn limits_of(&mut self, look: &Look<'_>, plan: &str) -> Limits {
        if let Some(limits) = self.limits.get(plan) {
            return limits.clone();
        }
        let table = look.toml(self.files[&format!("plans/{plan}/plan.toml")]);
        let of = |name: &str| -> u32 {
            number(&table, &format!("limits.{name}")).and_then(|n| u32::try_from(n).ok()).expect(name)
        };
        let limits = Limits {
            launches: of("max_launches_per_item"),
            interruptions: of("max_interruptions"),
            rejections: of("max_rejected_handoffs"),
            rounds: of("max_remediation_rounds"),
            roots: of("max_open_roots") as usize,
            restores: text(&table, "workspace.between_items") != Some("carry"),
        };
        self.limits.insert(plan.to_owned(), limits.clone());
        limits
    }

    pub(super) fn look_at_runs(&mut self, look: &mut Look<'_>) {
        for Change { path, after, .. } in look.changes {
            if let ["runs", _, id, "run.toml"] = path.split('/').collect::<Vec<_>>().as_slice() {
                let record = look.toml(after.unwrap_or_else(|| panic!("{path} is gone")));
                self.look_at_record(look, id, &record);
            }
        }
        let active: Vec<String> =
            self.files.keys().filter(|path| path.starts_with("active/")).cloned().collect();
        assert!(active.len() <= 1, "several runs in one work tree: {active:?}");
        let mut now = None;
        for path in &active {
            let run = look.toml(self.files[path]);
            let id = text(&run, "run").expect("an id").to_owned();
            assert!(self.runs[&id].ending.is_empty(), "{id} is ended, and active");
            if let (Some(nonce), Some(launch)) = (text(&run, "launch.nonce"), number(&run, "launch.number")) {
                now = Some((id, u32::try_from(launch).expect("a number"), nonce.to_owned()));
            }
        }
        let results: Vec<(String, u32, toml::Table)> = look
            .changes
            .iter()
            .filter_map(|change| {
                let parts: Vec<&str> = change.path.split('/').collect();
                let ["runs", _, run, folder, "result.toml"] = parts.as_slice() else { return None };
                let launch = folder.split('-').next()?.parse().ok()?;
                Some(((*run).to_owned(), launch, look.toml(change.after?)))
            })
            .collect();
        let before = self.outstanding.take();
        match (&before, results.as_slice()) {
            (Some((run, launch, nonce)), [(of, number, result)]) => {
                assert_eq!((run, launch), (of, number), "the result is of another launch");
                assert_ne!(before, now, "{run} {launch} has its result, and still runs");
                assert_eq!(look.op, "handoff", "{run} {launch} has its result");
                assert_eq!(
                    text(&look.asked, "nonce"),
                    Some(nonce.as_str()),
                    "the handoff is of another launch"
                );
                assert!(self.settled.insert(nonce.clone()), "{nonce} is handed off twice");
                let result = result.clone();
                self.look_at_result(look, &run.clone(), *launch, &result);
            }
            (Some(_), []) => assert_eq!(before, now, "a launch is gone without its result"),
            (None, []) => {}
            _ => panic!("{} results at once, and {before:?} was under way", results.len()),
        }
        if let Some(launched) = now.as_ref().filter(|launched| Some(*launched) != before.as_ref()) {
            self.look_at_launch(look, launched);
        }
        self.outstanding = now;
    }

    fn look_at_record(&mut self, look: &mut Look<'_>, id: &str, record: &toml::Table) {
        let told = |path: &str| text(record, path).unwrap_or_default().to_owned();
        if !self.runs.contains_key(id) {
            let plan = told("plan");
            let limits = self.limits_of(look, &plan);
            assert!(["launch", "reopen"].contains(&look.op.as_str()), "{id} is begun by {}", look.op);
            let begun = RunBook {
                id: id.to_owned(),
                item: told("item"),
                closure: value(record, "closure").and_then(toml::Value::as_bool).unwrap_or(false),
                plan,
                continues: text(record, "continues").map(str::to_owned),
                start: told("start"),
                launches: BTreeMap::new(),
                launched: 0,
                interruptions: 0,
                rejections: 0,
                ending: String::new(),
                restores: limits.restores,
            };
            let (kind, item) = begun.item.split_once('/').expect("an item");
            let state = &self.items[&(kind.to_owned(), item.to_owned())].state;
            if begun.closure {
                assert!(
                    ["done", "archived"].contains(&state.as_str()),
                    "{id} judges spec/{item}, which is {state}"
                );
                assert_eq!(
                    self.lineage(item),
                    Vec::<&super::Key>::new(),
                    "{id} judges a root that is not drained"
                );
            } else {
                assert_eq!(state, "active", "{id} works on {}", begun.item);
            }
            if let Some(earlier) = &begun.continues {
                assert_eq!(self.runs[earlier].item, begun.item, "{id} goes on with another item's work");
            }
            self.runs.insert(id.to_owned(), begun);
            return;
        }
        let run = self.runs.get_mut(id).expect("a run");
        assert!(run.ending.is_empty(), "{id} is ended, and its record changes");
        run.ending = told("end.ending");
        assert!(!run.ending.is_empty() && !told("end.reason").is_empty(), "{id} is changed and not ended");
        assert!(!self.files.contains_key(&format!("active/{id}.toml")), "{id} is ended and active");
        look.tally.count(if run.closure { "judging" } else { "ending" }, &run.ending);
    }

    /// A stage starts.
    fn look_at_launch(&mut self, look: &Look<'_>, (id, launch, nonce): &(String, u32, String)) {
        assert_eq!(look.op, "launch", "{id} is launched");
        assert!(!self.settled.contains(nonce), "{nonce} runs again");
        let control = look.toml(self.files["control.toml"]);
        assert!(!control.contains_key("owed"), "{id} is launched in a work tree that has to go back");
        let plan = self.runs[id].plan.clone();
        let limits = self.limits_of(look, &plan);
        let run = self.runs.get_mut(id).expect("a run");
        assert_eq!(run.launched + 1, *launch, "{id}: the numbers of its launches");
        run.launched = *launch;
        let (kind, item) = run.item.split_once('/').expect("an item");
        let state = &self.items[&(kind.to_owned(), item.to_owned())].state;
        assert!(run.closure || state == "active", "{id} is launched for {}, which is {state}", run.item);
        let spent = self.spent.get(spends(run)).copied().unwrap_or(0);
        assert!(spent < limits.launches, "{id}: launch {} of {}", spent + 1, limits.launches);
    }

    /// What a stage that ended without a word is asked; whether it is now.
    fn look_at_asks(
        &self,
        look: &mut Look<'_>,
        id: &str,
        before: &toml::Table,
        (result, launch, tripped): (&toml::Table, u32, bool),
    ) -> bool {
        let after = self.files.get(&format!("active/{id}.toml")).map(|blob| look.toml(*blob));
        let judgement = text(result, "judgement.judgement").expect("a judgement");
        let asks = |run: &toml::Table| number(run, "asks.launch");
        let (was, is) = (asks(before), after.as_ref().and_then(asks));
        let question = text(result, "why").is_some_and(|why| why.ends_with("asked for its result"));
        if question {
            assert_eq!((was, is), (None, Some(u64::from(launch))), "{id}: it is asked twice in a row");
            assert!(!before.contains_key("again"), "{id}: it was to start again");
            look.tally.count("ask", "asked");
            return true;
        }
        let came = ["reported", "failed", "rejected"].contains(&judgement);
        if was.is_some() && (came || tripped || before.contains_key("again")) {
            assert_eq!(is, None, "{id}: it has come to something, and is asked again");
            look.tally.count("ask", if judgement == "reported" { "answered" } else { "in vain" });
        } else if after.is_some() {
            assert_eq!(is, was, "{id}: a question that nobody has answered");
        }
        false
    }

    /// A stage has ended.
    fn look_at_result(&mut self, look: &mut Look<'_>, id: &str, launch: u32, result: &toml::Table) {
        let judgement = text(result, "judgement.judgement").expect("a judgement");
        look.tally.count("judgement", judgement);
        let asked = value(&look.asked, "asked").and_then(toml::Value::as_bool).unwrap_or(false);
        let before = self.stood(look, id);
        let tripped = self.look_at_streak(look, id, result);
        let question = self.look_at_asks(look, id, &before, (result, launch, tripped));
        let plan = self.runs[id].plan.clone();
        let limits = self.limits_of(look, &plan);
        let run = self.runs.get_mut(id).expect("a run");
        assert_eq!(run.launched, launch, "{id}: which launch it is");
        let worked = !tripped && ["reported", "failed", "rejected"].contains(&judgement);
        assert!(run.launches.insert(launch, worked).is_none(), "{id} {launch} has two results");
        if worked || (judgement == "interrupted" && !asked) {
            let spent = self.spent.entry(spends(run).to_owned()).or_default();
            *spent += 1;
            assert!(*spent <= limits.launches, "{id}: {spent} launches of {}", limits.launches);
        }
        match judgement {
            "interrupted" if !asked => run.interruptions += 1,
            _ if worked => run.interruptions = 0,
            _ => {}
        }
        assert!(run.interruptions <= limits.interruptions, "{id}: interruptions in a row");
        if run.interruptions == limits.interruptions {
            assert!(
                !run.ending.is_empty(),
                "{id} goes on after {} interruptions in a row",
                run.interruptions
            );
        }
        match judgement {
            "rejected" => run.rejections += 1,
            _ if tripped || question => {}
            "failed" if run.closure => run.rejections += 1,
            "reported" | "failed" => run.rejections = 0,
            _ => {}
        }
        assert!(run.rejections <= limits.rejections + 1, "{id}: rejected in a row");
        if run.rejections > limits.rejections {
            // That one counted as a failure: it went to repair, or was the end.
            let same = text(result, "next") == text(result, "stage");
            assert!(!same || !run.ending.is_empty(), "{id}: the same stage again");
            run.rejections = 0;
        }
    }
}

impl RunBook {
    pub(super) fn plan(&self) -> &str {
        &self.plan
    }
}

/// Whose launches these are: the item's, or of a run that judges its own.
fn spends(run: &RunBook) -> &str {
    if run.closure { &run.id } else { &run.item }
}
