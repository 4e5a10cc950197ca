//! What was spent of which limit, for whoever shows it. What nobody knows is told as unknown, never as nothing.

use std::fmt::Display;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::budget::{Assumed, BUDGET, Budget, Caps, Day, Measure, Scope, Spending};
use crate::domain::control::Control;
use crate::domain::run::{Launch, Run};
use crate::domain::schedule::Wait;
use crate::domain::usage::Usd;

/// What a scope has spent of each measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Account {
    pub(crate) scope: Scope,
    /// The item, the day, or the daemon's session.
    pub(crate) of: String,
    pub(crate) tokens: Measured<u64>,
    pub(crate) cost_usd: Measured<Usd>,
    pub(crate) launches: Measured<u64>,
    pub(crate) wall_seconds: Measured<u64>,
}

/// One measure of an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Measured<T> {
    /// As far as it is known; none where nothing of it is.
    pub(crate) spent: Option<T>,
    /// Launches of which it is not known.
    pub(crate) unknown_launches: u32,
    /// What counts for those.
    pub(crate) assumed: T,
    /// What is reserved for the launch that runs.
    pub(crate) reserved: T,
    pub(crate) limit: Option<T>,
    /// What the limit leaves.
    pub(crate) left: Option<T>,
}

/// The numbers of one measure.
#[derive(Default)]
struct Numbers {
    spent: u64,
    unknown_launches: u32,
    launches: u32,
    assumed: u64,
    reserved: u64,
    limit: Option<u64>,
}

impl Numbers {
    fn measured<T>(self, of: impl Fn(u64) -> T) -> Measured<T> {
        let Self { spent, unknown_launches, launches, assumed, reserved, limit } = self;
        let assumed = u64::from(unknown_launches).saturating_mul(assumed);
        let counted = spent.saturating_add(assumed).saturating_add(reserved);
        let nothing_known = spent == 0 && unknown_launches > 0 && unknown_launches >= launches;
        Measured {
            spent: (!nothing_known).then(|| of(spent)),
            unknown_launches,
            assumed: of(assumed),
            reserved: of(reserved),
            limit: limit.map(&of),
            left: limit.map(|limit| of(limit.saturating_sub(counted))),
        }
    }
}

impl Account {
    /// An account of what was spent, with the launch that runs for it.
    pub(crate) fn new(
        (scope, of): (Scope, String),
        caps: &Caps,
        assumed: &Assumed,
        spent: &Spending,
        running: Option<&Launch>,
    ) -> Self {
        let launches = spent.launches;
        let reserved = running.map(|launch| launch.reserved).unwrap_or_default();
        let number = |number| number;
        Self {
            scope,
            of,
            tokens: Numbers {
                spent: spent.tokens,
                unknown_launches: spent.tokens_unknown,
                launches,
                assumed: assumed.tokens,
                reserved: reserved.tokens.unwrap_or(0),
                limit: caps.tokens,
            }
            .measured(number),
            cost_usd: Numbers {
                spent: spent.cost.0,
                unknown_launches: spent.cost_unknown,
                launches,
                assumed: assumed.cost.0,
                reserved: reserved.cost.unwrap_or_default().0,
                limit: caps.cost.map(|limit| limit.0),
            }
            .measured(Usd),
            launches: Numbers {
                spent: launches.into(),
                reserved: u64::from(running.is_some()),
                limit: caps.launches.map(Into::into),
                ..Numbers::default()
            }
            .measured(number),
            wall_seconds: Numbers {
                spent: spent.wall_ms / 1000,
                reserved: running.map_or(0, |launch| launch.reserved_seconds),
                limit: caps.wall_seconds,
                ..Numbers::default()
            }
            .measured(number),
        }
    }

    /// The accounts of the day and of the daemon that was there last, held to these limits.
    pub(crate) fn whole(budget: &Budget, control: &Control, runs: &[Run], now: Timestamp) -> Vec<Self> {
        let running = || runs.iter().filter_map(|run| run.launch.as_ref());
        let day = Day::at(now, control.day.as_ref());
        let mut accounts = vec![Self::new(
            (Scope::Day, day.date.to_string()),
            &budget.per_day,
            &budget.assumed,
            &day.spent,
            running().next(),
        )];
        accounts.extend(control.sessions.last().map(|session| {
            Self::new(
                (Scope::Daemon, session.session.to_string()),
                &budget.per_daemon,
                &budget.assumed,
                &session.spent,
                running().find(|launch| launch.session == session.session),
            )
        }));
        accounts
    }

    /// The account of an item: what its runs have used since it was last let go on. `active`: its run.
    pub(crate) fn of_item(of: String, budget: &Budget, before: &Spending, active: Option<&Run>) -> Self {
        let spent = active.map_or(*before, |run| before.plus(&run.used));
        let running = active.and_then(|run| run.launch.as_ref());
        Self::new((Scope::Item, of), &budget.per_item, &budget.assumed, &spent, running)
    }

    /// Whether anything of it is limited.
    pub(crate) fn is_limited(&self) -> bool {
        self.tokens.limit.is_some()
            || self.cost_usd.limit.is_some()
            || self.launches.limit.is_some()
            || self.wall_seconds.limit.is_some()
    }

    /// Whether a model was used.
    pub(crate) fn has_used(&self) -> bool {
        self.tokens.is_something() || self.cost_usd.is_something()
    }

    /// Its name in text.
    pub(crate) fn title(&self) -> String {
        match self.scope {
            Scope::Item => self.of.clone(),
            Scope::Day => format!("today, {}", self.of),
            Scope::Daemon => format!("this daemon, session {}", self.of),
        }
    }

    /// Every measure with its line.
    pub(crate) fn rows(&self) -> [[String; 2]; 4] {
        [
            ["tokens".to_owned(), self.tokens.line()],
            ["cost in USD".to_owned(), self.cost_usd.line()],
            ["launches".to_owned(), self.launches.line()],
            ["seconds".to_owned(), self.wall_seconds.line()],
        ]
    }

    /// What was spent today where nothing limits it, in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let told = |spent: Option<String>, unknown: u32| match (spent, unknown) {
            (Some(spent), 0) => spent,
            (Some(spent), 1) => format!("{spent} and what 1 launch does not tell"),
            (Some(spent), unknown) => format!("{spent} and what {unknown} launches do not tell"),
            (None, _) => "unknown".to_owned(),
        };
        let tokens = told(self.tokens.spent.map(|tokens| tokens.to_string()), self.tokens.unknown_launches);
        let cost =
            told(self.cost_usd.spent.map(|cost| format!("{cost} USD")), self.cost_usd.unknown_launches);
        format!("spent today: tokens {tokens}; cost {cost}; no limit on a day")
    }

    /// The lines of what is limited, and of tokens and cost where a model was used.
    pub(crate) fn short_rows(&self) -> Vec<[String; 2]> {
        let [tokens, cost, launches, seconds] = self.rows();
        let used = self.has_used();
        [
            (tokens, used || self.tokens.limit.is_some()),
            (cost, used || self.cost_usd.limit.is_some()),
            (launches, self.launches.limit.is_some()),
            (seconds, self.wall_seconds.limit.is_some()),
        ]
        .into_iter()
        .filter_map(|(row, told)| told.then_some(row))
        .collect()
    }
}

impl<T: Display + PartialEq + Default> Measured<T> {
    fn is_something(&self) -> bool {
        self.unknown_launches > 0 || self.spent.as_ref().is_some_and(|spent| *spent != T::default())
    }

    fn line(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.spent.as_ref().map(|spent| format!("{spent} spent")));
        match self.unknown_launches {
            0 => {}
            1 => parts.push(format!("unknown of 1 launch ({} assumed)", self.assumed)),
            many => parts.push(format!("unknown of {many} launches ({} assumed)", self.assumed)),
        }
        if self.reserved != T::default() {
            parts.push(format!("{} reserved", self.reserved));
        }
        parts.push(match (&self.limit, &self.left) {
            (Some(limit), Some(left)) => format!("limit {limit}, {left} left"),
            _ => "no limit".to_owned(),
        });
        parts.join(", ")
    }
}

/// What ends a wait for a limit, to be put behind it; nothing of any other wait.
pub(crate) fn remedy(wait: &Wait) -> &'static str {
    match (&*wait.cause, wait.until) {
        (BUDGET, Some(_)) => {
            "; raise it in the configuration and `millrace compile validate`, or wait for the next day"
        }
        (BUDGET, None) => {
            "; raise it in the configuration and `millrace compile validate`, or end this daemon and start another"
        }
        _ => "",
    }
}

/// The limits that are set, and what is assumed where one is; each with its key.
pub(crate) fn limits(budget: &Budget) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for scope in Scope::ALL {
        let Caps { tokens, cost, launches, wall_seconds } = *budget.caps(scope);
        let limits = [
            (Measure::Tokens, tokens.map(|limit| limit.to_string())),
            (Measure::Cost, cost.map(|limit| limit.to_string())),
            (Measure::Launches, launches.map(|limit| limit.to_string())),
            (Measure::WallTime, wall_seconds.map(|limit| limit.to_string())),
        ];
        for (measure, limit) in limits {
            rows.extend(limit.map(|limit| vec![format!("{}.{}", scope.table(), measure.key()), limit]));
        }
    }
    if !budget.is_default() {
        let Assumed { tokens, cost } = budget.assumed;
        rows.push(vec![format!("assumed.{}", Measure::Tokens.key()), tokens.to_string()]);
        rows.push(vec![format!("assumed.{}", Measure::Cost.key()), cost.to_string()]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::Reserved;

    /// What is left is what a further launch could use: the running one's part of it is taken already.
    #[test]
    fn what_is_reserved_is_not_left() {
        let launch = Launch {
            nonce: "00000000000000000000000000000000".parse().unwrap(),
            number: 1,
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            session: "00000000000000000000000000000001".parse().unwrap(),
            reserved_seconds: 60,
            reserved: Reserved { tokens: Some(30), cost: Some(Usd(7)) },
        };
        let caps = Caps { tokens: Some(100), cost: Some(Usd(10)), launches: Some(3), wall_seconds: Some(90) };
        let spent = Spending { launches: 1, wall_ms: 5_000, tokens: 20, cost: Usd(1), ..Spending::default() };
        let of = |running: Option<&Launch>| {
            let account =
                Account::new((Scope::Day, "today".to_owned()), &caps, &Assumed::default(), &spent, running);
            (account.tokens.left, account.cost_usd.left, account.launches.left, account.wall_seconds.left)
        };
        assert_eq!(of(None), (Some(80), Some(Usd(9)), Some(2), Some(85)));
        assert_eq!(of(Some(&launch)), (Some(50), Some(Usd(2)), Some(1), Some(25)));
    }
}
