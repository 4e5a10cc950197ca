//! The breaker: it trips when launches of one runner end one after the other, of several items, with nothing, and then
//! all that they cost is as if they had not been.

use std::collections::BTreeMap;

use super::{Book, Look, number, text, value};

/// Ends with nothing, in a row.
#[derive(Default)]
pub(super) struct Streak {
    ends: u32,
    items: BTreeMap<String, Stood>,
}

/// How an item stood before the first of them.
#[derive(Clone)]
struct Stood {
    run: String,
    stage: String,
    spent: u32,
    /// What counts against the item's limit, by the book.
    counted: u32,
    rejections: u32,
    counters: toml::Table,
}

/// What is in a counter's table.
fn counters(record: Option<&toml::Table>) -> toml::Table {
    let table = record.and_then(|record| record.get("counters")?.as_table());
    table.cloned().unwrap_or_default()
}

fn small(table: &toml::Table, path: &str) -> u32 {
    number(table, path).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

impl Book {
    /// What a file held before the commit.
    fn was(&self, look: &Look<'_>, path: &str) -> Option<toml::Table> {
        let blob = match look.changes.iter().find(|change| change.path == path) {
            Some(change) => change.before,
            None => self.files.get(path).copied(),
        };
        blob.map(|blob| look.toml(blob))
    }

    fn is(&self, look: &Look<'_>, path: &str) -> Option<toml::Table> {
        self.files.get(path).map(|blob| look.toml(*blob))
    }

    /// Whether this handoff says that the harness is out of order.
    pub(super) fn trips(&self, look: &Look<'_>) -> bool {
        let control = look.toml(self.files["control.toml"]);
        look.op == "handoff" && suspected(&control, None)
    }

    /// The run's record before the handoff of its launch.
    pub(super) fn stood(&self, look: &Look<'_>, id: &str) -> toml::Table {
        self.was(look, &format!("active/{id}.toml")).expect("a run with a launch")
    }

    /// A launch has ended; whether the breaker trips with it.
    pub(super) fn look_at_streak(&mut self, look: &mut Look<'_>, id: &str, result: &toml::Table) -> bool {
        let before = self.stood(look, id);
        let plan = self.plan(look, text(&before, "plan").expect("a plan"));
        let stage = text(result, "stage").expect("a stage").to_owned();
        let name = stage.rsplit('/').next().expect("a name");
        let runner = text(&plan, &format!("stages.{name}.runner")).expect("a runner").to_owned();
        let item = text(&before, "item").expect("an item").to_owned();
        let asked = |name: &str| value(&look.asked, name).and_then(toml::Value::as_bool).unwrap_or(false);
        let nothing = asked("left_nothing");
        let wanted = asked("asked") || before.contains_key("cancel");
        let path = format!("recovery/{}.toml", item.replacen('/', ".", 1));
        let trips = match text(result, "judgement.judgement") {
            Some("failed") if nothing && wanted => false,
            Some("failed") if nothing => {
                let judges = self.runs[id].closure;
                let spends = if judges { id } else { &item };
                let stood = Stood {
                    run: id.to_owned(),
                    stage,
                    spent: small(&before, "spent"),
                    counted: self.spent.get(spends).copied().unwrap_or(0),
                    rejections: self.runs[id].rejections,
                    counters: counters(self.was(look, &path).as_ref()),
                };
                let streak = self.streaks.entry(runner.clone()).or_default();
                streak.ends += 1;
                streak.items.entry(item.clone()).or_insert(stood);
                streak.ends >= 3 && streak.items.len() >= 2
            }
            Some("reported" | "failed" | "rejected") => {
                self.streaks.remove(&runner);
                false
            }
            _ => false,
        };
        let let_go = std::mem::take(&mut self.let_go);
        let goes_on = self.files.contains_key(&format!("active/{id}.toml"));
        let why = text(result, "why").unwrap_or_default();
        assert_eq!(why == "infrastructure:suspected_outage", trips && goes_on, "{id}: {why}");
        if !trips {
            assert!(let_go.is_empty(), "{let_go:?} go on, and nothing was out of order");
            return false;
        }
        look.tally.count("breaker", "tripped");
        let control = look.toml(self.files["control.toml"]);
        assert!(suspected(&control, Some(&runner)), "{runner} is out of order, and does not rest");
        let items: Vec<(String, Stood)> =
            self.streaks[&runner].items.iter().map(|(item, stood)| (item.clone(), stood.clone())).collect();
        for (other, stood) in &items {
            if *other == item {
                self.own_is_given_back(look, id, stood, &path);
            } else {
                self.other_is_given_back(look, other, stood, &let_go);
            }
        }
        for (kind, name) in &let_go {
            assert!(items.iter().any(|(item, _)| *item == format!("{kind}/{name}")), "{kind}/{name} goes on");
        }
        true
    }

    fn own_is_given_back(&mut self, look: &Look<'_>, id: &str, stood: &Stood, path: &str) {
        if stood.run != id {
            return;
        }
        let run = self.runs.get_mut(id).expect("a run");
        run.rejections = stood.rejections;
        let spends = if run.closure { id.to_owned() } else { run.item.clone() };
        self.spent.insert(spends, stood.counted);
        if let Some(now) = self.is(look, &format!("active/{id}.toml")) {
            let left = (text(&now, "stage"), small(&now, "spent"), small(&now, "rejections"));
            assert_eq!(left, (Some(stood.stage.as_str()), stood.spent, stood.rejections), "{id}: given back");
            assert!(!now.contains_key("asks"), "{id}: a session that was part of it is asked");
        }
        same_counters(path, &counters(self.is(look, path).as_ref()), &stood.counters);
    }

    fn other_is_given_back(
        &mut self,
        look: &mut Look<'_>,
        item: &str,
        stood: &Stood,
        let_go: &std::collections::BTreeSet<super::Key>,
    ) {
        let path = format!("recovery/{}.toml", item.replacen('/', ".", 1));
        let (kind, name) = item.split_once('/').expect("an item");
        let goes_on = let_go.contains(&(kind.to_owned(), name.to_owned()));
        let before = self.was(look, &path);
        let blocked =
            before.as_ref().filter(|record| text(record, "blocked.run") == Some(stood.run.as_str()));
        let plan = self.plan(look, &self.runs[&stood.run].plan.clone());
        let given = blocked.is_some_and(|record| value(record, "blocked.incident").is_none())
            && !self.item_has_spent_all(item, &plan);
        assert_eq!(goes_on, given, "{item} was blocked by a harness that is out of order");
        if given {
            look.tally.count("breaker", "gives back");
            self.spent.insert(item.to_owned(), stood.counted);
            same_counters(&path, &counters(self.is(look, &path).as_ref()), &stood.counters);
        }
    }
}

/// Whether a runner, or any, rests because it is out of order.
fn suspected(control: &toml::Table, runner: Option<&str>) -> bool {
    let pauses = control.get("pauses").and_then(toml::Value::as_array).into_iter().flatten();
    let mut pauses = pauses.filter_map(toml::Value::as_table);
    pauses.any(|cause| {
        text(cause, "detail").is_some_and(|detail| detail.starts_with("suspected_outage"))
            && runner.is_none_or(|runner| text(cause, "runner") == Some(runner))
    })
}

/// A counter that is not there counts nothing.
fn same_counters(what: &str, now: &toml::Table, before: &toml::Table) {
    let counted = |table: &toml::Table| -> BTreeMap<String, i64> {
        let all = table.iter().filter_map(|(name, value)| Some((name.clone(), value.as_integer()?)));
        all.filter(|(_, value)| *value > 0).collect()
    };
    assert_eq!(counted(now), counted(before), "{what}: its counters");
}
