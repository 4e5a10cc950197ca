//! Spending: what launches used adds up for whatever it counts for, and nothing is launched where a limit is reached.

use std::collections::BTreeMap;

use super::{Book, Look, number, text, value};

/// What launches used together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    launches: u64,
    wall_ms: u64,
    tokens: u64,
    micros: u64,
    tokens_unknown: u64,
    cost_unknown: u64,
}

/// Everything that was spent.
#[derive(Default)]
pub(super) struct Money {
    /// The day of the last charge, and its sum.
    day: (String, Sum),
    sessions: BTreeMap<String, Sum>,
    runs: BTreeMap<String, Sum>,
    /// Of the ended runs of an item, since it was let go on.
    items: BTreeMap<String, Sum>,
    /// The session of the launch that is under way.
    launched_by: String,
}

fn micros(amount: &str) -> u64 {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
    let fraction: u64 = format!("{fraction:0<6}").parse().expect("digits");
    whole.parse::<u64>().expect("digits") * 1_000_000 + fraction
}

impl Sum {
    fn read(table: Option<&toml::Value>) -> Self {
        let Some(table) = table.and_then(toml::Value::as_table) else { return Self::default() };
        let of = |name: &str| number(table, name).unwrap_or(0);
        Self {
            launches: of("launches"),
            wall_ms: of("wall_ms"),
            tokens: of("tokens"),
            micros: text(table, "cost").map_or(0, micros),
            tokens_unknown: of("tokens_unknown"),
            cost_unknown: of("cost_unknown"),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            launches: self.launches + other.launches,
            wall_ms: self.wall_ms + other.wall_ms,
            tokens: self.tokens + other.tokens,
            micros: self.micros + other.micros,
            tokens_unknown: self.tokens_unknown + other.tokens_unknown,
            cost_unknown: self.cost_unknown + other.cost_unknown,
        }
    }

    /// What a launch used, but for the time that it took.
    fn of(result: &toml::Table) -> Self {
        let usage = |name: &str| number(result, &format!("usage.{name}"));
        let known = usage("input_uncached").is_some() || usage("output").is_some();
        let parts = ["input_uncached", "cache_read", "cache_write", "output"];
        let cost = text(result, "usage.cost").map(micros);
        // Who was not let in has used nothing, whatever nobody knows.
        let used = match (text(result, "judgement.judgement"), text(result, "judgement.class")) {
            (Some("infrastructure"), Some(class)) => ["server", "network", "declared"].contains(&class),
            _ => true,
        };
        Self {
            launches: 1,
            wall_ms: 0,
            tokens: if known { parts.into_iter().filter_map(usage).sum() } else { 0 },
            micros: cost.unwrap_or(0),
            tokens_unknown: u64::from(used && !known),
            cost_unknown: u64::from(used && cost.is_none()),
        }
    }

    /// Whether it is as much as a table of limits of a plan allows, or more.
    fn reaches(self, plan: &toml::Table, scope: &str) -> bool {
        let of = |name: &str| value(plan, &format!("limits.budget.{scope}.{name}"));
        let whole = |name: &str| {
            of(name).and_then(toml::Value::as_integer).map(|n| u64::try_from(n).expect("a limit"))
        };
        let assumed = number(plan, "limits.budget.assumed.tokens").unwrap_or(500_000);
        let assumed_cost = text(plan, "limits.budget.assumed.cost").map_or(2_000_000, micros);
        let tokens = self.tokens + self.tokens_unknown * assumed;
        let cost = self.micros + self.cost_unknown * assumed_cost;
        whole("tokens").is_some_and(|limit| tokens >= limit)
            || of("cost").and_then(toml::Value::as_str).is_some_and(|limit| cost >= micros(limit))
            // Of an item those count that no outage ended, which is looked at with its other limit on launches.
            || scope != "per_item" && whole("launches").is_some_and(|limit| self.launches >= limit)
            || whole("wall_seconds").is_some_and(|limit| self.wall_ms / 1000 >= limit)
    }
}

impl Book {
    pub(super) fn look_at_money(&mut self, look: &mut Look<'_>) {
        let active = self.active(look);
        let results: Vec<(String, toml::Table)> = look.results();
        for (run, result) in &results {
            self.charge(look, run, result);
        }
        self.look_at_items_money(look);
        let control = look.toml(self.files["control.toml"]);
        for session in control.get("sessions").and_then(toml::Value::as_array).into_iter().flatten() {
            let session = session.as_table().expect("a session");
            let id = text(session, "session").expect("an id");
            let known = self.money.sessions.get(id).copied().unwrap_or_default();
            assert_eq!(Sum::read(session.get("spent")), known, "what session {id} spent");
        }
        let Some((id, run)) = active else { return };
        let plan = self.plan(look, text(&run, "plan").expect("a plan"));
        if look.op == "launch" {
            assert!(!self.rests(look, &plan), "{id} is launched where a limit is reached");
            text(&run, "launch.session").expect("a session").clone_into(&mut self.money.launched_by);
        }
        if !results.is_empty() {
            assert!(!self.has_spent_all(&id, &run, &plan), "{id} goes on, and its item has spent all");
        }
    }

    /// The one active run, with its record.
    fn active(&self, look: &Look<'_>) -> Option<(String, toml::Table)> {
        let path = self.files.keys().find(|path| path.starts_with("active/"))?;
        let run = look.toml(self.files[path]);
        Some((text(&run, "run").expect("an id").to_owned(), run))
    }

    pub(super) fn plan(&self, look: &Look<'_>, id: &str) -> toml::Table {
        look.toml(self.files[&format!("plans/{id}/plan.toml")])
    }

    /// Whether a limit of the day or of the daemon is reached.
    fn rests(&self, look: &Look<'_>, plan: &toml::Table) -> bool {
        let control = look.toml(self.files["control.toml"]);
        let selected = text(&control, "plan").map(|id| self.plan(look, id));
        let plan = selected.as_ref().unwrap_or(plan);
        let day = if look.date() == self.money.day.0 { self.money.day.1 } else { Sum::default() };
        let sessions = control.get("sessions").and_then(toml::Value::as_array);
        let last = sessions.and_then(|all| all.last()?.as_table().cloned());
        let last = last.and_then(|session| text(&session, "session").map(str::to_owned));
        let daemon = last.and_then(|id| self.money.sessions.get(&id).copied()).unwrap_or_default();
        day.reaches(plan, "per_day") || daemon.reaches(plan, "per_daemon")
    }

    fn has_spent_all(&self, id: &str, run: &toml::Table, plan: &toml::Table) -> bool {
        let item = text(run, "item").expect("an item");
        let earlier = self.money.items.get(item).copied().unwrap_or_default();
        earlier.plus(self.money.runs.get(id).copied().unwrap_or_default()).reaches(plan, "per_item")
    }

    /// Whether an item that rests has used all that a plan allows.
    pub(super) fn item_has_spent_all(&self, item: &str, plan: &toml::Table) -> bool {
        self.money.items.get(item).is_some_and(|spent| spent.reaches(plan, "per_item"))
    }

    fn charge(&mut self, look: &mut Look<'_>, id: &str, result: &toml::Table) {
        let before = self.money.runs.get(id).copied().unwrap_or_default();
        let record = self
            .files
            .iter()
            .find(|(path, _)| path.starts_with("runs/") && path.ends_with(&format!("/{id}/run.toml")));
        let record = look.toml(*record.expect("a record").1);
        let active = self.files.get(&format!("active/{id}.toml")).map(|blob| look.toml(*blob));
        let told = match &active {
            Some(run) => Sum::read(run.get("used")),
            None => Sum::read(value(&record, "end.used")),
        };
        let mut now = Sum::of(result);
        // Where nobody measured it, it is what the ledger says.
        now.wall_ms = number(&look.asked, "wall_ms").unwrap_or(told.wall_ms.saturating_sub(before.wall_ms));
        let used = before.plus(now);
        assert_eq!(told, used, "{id}: what its launches used");
        self.money.runs.insert(id.to_owned(), used);
        let (date, control) = (look.date(), look.toml(self.files["control.toml"]));
        let day = if self.money.day.0 == date { self.money.day.1.plus(now) } else { now };
        assert_eq!(text(&control, "day.date"), Some(date.as_str()), "the day of a charge");
        assert_eq!(Sum::read(value(&control, "day.spent")), day, "what was spent on {date}");
        self.money.day = (date, day);
        let listed = control.get("sessions").and_then(toml::Value::as_array).into_iter().flatten();
        let mut listed = listed.filter_map(|session| text(session.as_table()?, "session"));
        if listed.any(|session| session == self.money.launched_by) {
            let spent = self.money.sessions.entry(self.money.launched_by.clone()).or_default();
            *spent = spent.plus(now);
        }
        let judges = value(&record, "closure").and_then(toml::Value::as_bool).unwrap_or(false);
        if active.is_none() && !judges && text(&record, "end.ending") != Some("done") {
            let item = text(&record, "item").expect("an item").to_owned();
            let spent = self.money.items.entry(item).or_default();
            *spent = spent.plus(used);
        }
        look.tally.count("charge", if now.tokens_unknown > 0 { "unknown" } else { "known" });
    }

    /// What the ended runs of items used, as their records have it.
    fn look_at_items_money(&mut self, look: &Look<'_>) {
        for change in look.changes {
            let Some(name) =
                change.path.strip_prefix("recovery/").and_then(|name| name.strip_suffix(".toml"))
            else {
                continue;
            };
            let item = name.replacen('.', "/", 1);
            let Some(after) = change.after else {
                self.money.items.remove(&item);
                continue;
            };
            if look.op == "retry" {
                self.money.items.remove(&item);
            }
            let known = self.money.items.get(&item).copied().unwrap_or_default();
            assert_eq!(Sum::read(look.toml(after).get("used")), known, "what {item} used");
        }
    }
}
