//! Limits on what launches may use, and what they have used. Who sets no limit is held to none; what was used is
//! counted all the same.
//!
//! A limit is looked at before a launch, which reserves what a launch is assumed to use, and settled when it has ended.
//! A launch of which nobody knows what it used counts as what is assumed: unknown is not nothing.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::control::Control;
use super::ids::{FailureClass, SessionId};
use super::item::ItemRef;
use super::limits::{ASSUMED_COST, ASSUMED_TOKENS};
use super::plan::Plan;
use super::run::{Launch, Run, is_zero};
use super::usage::{Usage, Usd};
use super::view::{Fault, View};

/// All limits of a plan. An item is held to those of its run's plan; the day and the daemon to those of the selected
/// one, so that a limit that was raised takes effect at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// For one item, over all of its runs since it was last let go on. Of its launches those count that were no outage's
    /// and nobody's wish.
    #[serde(skip_serializing_if = "Caps::is_none")]
    pub per_item: Caps,
    /// For one day of universal time, all items together. A launch belongs to the day in which it is settled.
    #[serde(skip_serializing_if = "Caps::is_none")]
    pub per_day: Caps,
    /// For one daemon, or one `run once`, from its begin to its end.
    #[serde(skip_serializing_if = "Caps::is_none")]
    pub per_daemon: Caps,
    /// What a launch is assumed to use.
    #[serde(skip_serializing_if = "Assumed::is_default")]
    pub assumed: Assumed,
}

impl Budget {
    /// Whether nothing is limited and nothing assumed otherwise than usual.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The limits of a scope.
    #[must_use]
    pub fn caps(&self, scope: Scope) -> &Caps {
        match scope {
            Scope::Item => &self.per_item,
            Scope::Day => &self.per_day,
            Scope::Daemon => &self.per_daemon,
        }
    }

    /// The same, to be set.
    pub fn caps_mut(&mut self, scope: Scope) -> &mut Caps {
        match scope {
            Scope::Item => &mut self.per_item,
            Scope::Day => &mut self.per_day,
            Scope::Daemon => &mut self.per_daemon,
        }
    }
}

/// Limits of one scope; none of a kind: no such limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Caps {
    /// Tokens, cached ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// Launches of stages; of an item those that neither an outage nor somebody's wish ended, else all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launches: Option<u32>,
    /// Seconds that stages ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<u64>,
}

impl Caps {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The first limit of this scope that is reached.
    #[must_use]
    pub fn reached(&self, scope: Scope, assumed: &Assumed, spent: &Spending) -> Option<Reached> {
        let (tokens, cost) = (spent.tokens_counted(assumed), spent.cost_counted(assumed));
        let (launches, seconds) = (spent.launches, spent.wall_ms / 1000);
        let reached = |measure, spent: String, assumed: Option<String>, limit: String| {
            Some(Reached { scope, measure, spent, assumed, limit })
        };
        let unknown = |launches: u32, amount: String| (launches > 0).then_some(amount);
        let of_tokens = unknown(spent.tokens_unknown, (tokens - spent.tokens).to_string());
        let of_cost = unknown(spent.cost_unknown, cost.less(spent.cost).to_string());
        match self {
            Self { tokens: Some(limit), .. } if tokens >= *limit => {
                reached(Measure::Tokens, tokens.to_string(), of_tokens, limit.to_string())
            }
            Self { cost: Some(limit), .. } if cost >= *limit => {
                reached(Measure::Cost, cost.to_string(), of_cost, limit.to_string())
            }
            Self { launches: Some(limit), .. } if launches >= *limit => {
                reached(Measure::Launches, launches.to_string(), None, limit.to_string())
            }
            Self { wall_seconds: Some(limit), .. } if seconds >= *limit => {
                reached(Measure::WallTime, seconds.to_string(), None, limit.to_string())
            }
            _ => None,
        }
    }

    /// The limit on one measure alone.
    fn only(self, measure: Measure) -> Self {
        let none = Self::default();
        match measure {
            Measure::Tokens => Self { tokens: self.tokens, ..none },
            Measure::Cost => Self { cost: self.cost, ..none },
            Measure::Launches => Self { launches: self.launches, ..none },
            Measure::WallTime => Self { wall_seconds: self.wall_seconds, ..none },
        }
    }

    /// What is left of these limits.
    fn left(&self, assumed: &Assumed, spent: &Spending) -> Allowance {
        Allowance {
            tokens: self.tokens.map(|limit| limit.saturating_sub(spent.tokens_counted(assumed))),
            cost: self.cost.map(|limit| limit.less(spent.cost_counted(assumed))),
            wall_ms: self.wall_seconds.map(|limit| (limit * 1000).saturating_sub(spent.wall_ms)),
        }
    }
}

/// What a launch is assumed to use until it is known, and where it never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// Tokens.
    pub tokens: u64,
    /// US dollars.
    pub cost: Usd,
}

impl Default for Assumed {
    fn default() -> Self {
        Self { tokens: ASSUMED_TOKENS, cost: ASSUMED_COST }
    }
}

impl Assumed {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a limit is a limit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// An item.
    Item,
    /// A day.
    Day,
    /// A daemon.
    Daemon,
}

impl Scope {
    /// All scopes, from the smallest.
    pub const ALL: [Self; 3] = [Self::Item, Self::Day, Self::Daemon];

    /// The table of the configuration that sets its limits, below `limits`.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Item => "per_item",
            Self::Day => "per_day",
            Self::Daemon => "per_daemon",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Tokens.
    Tokens,
    /// US dollars.
    Cost,
    /// Launches.
    Launches,
    /// Seconds of wall clock.
    WallTime,
}

impl Measure {
    /// The key of the configuration that limits it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Cost => "cost_usd",
            Self::Launches => "launches",
            Self::WallTime => "wall_seconds",
        }
    }

    /// The failure class of an item that has reached a limit on it.
    #[must_use]
    pub fn exhausted(self) -> FailureClass {
        match self {
            Self::Tokens => FailureClass::normalised("tokens_exhausted"),
            Self::Cost => FailureClass::normalised("cost_exhausted"),
            Self::Launches => FailureClass::normalised("launches_exhausted"),
            Self::WallTime => FailureClass::normalised("wall_time_exhausted"),
        }
    }
}

/// A limit that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Whose.
    pub scope: Scope,
    /// Of what.
    pub measure: Measure,
    /// What was spent, as people read it.
    pub spent: String,
    /// How much of that nobody told, and is assumed; none: nothing.
    pub assumed: Option<String>,
    /// The limit.
    pub limit: String,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.scope {
            Scope::Item => "this item",
            Scope::Day => "today",
            Scope::Daemon => "this daemon",
        };
        let (spent, limit) = (&self.spent, &self.limit);
        let assumed = self.assumed.as_ref().map_or(String::new(), |part| format!(", {part} of it assumed"));
        let used = match self.measure {
            Measure::Tokens => format!("{whose}: {spent} tokens{assumed}, the limit is {limit}"),
            Measure::Cost => format!("{whose}: {spent} USD{assumed}, the limit is {limit}"),
            Measure::Launches => format!("{whose}: {spent} launches, the limit is {limit}"),
            Measure::WallTime => format!("{whose}: {spent} seconds of stages, the limit is {limit}"),
        };
        write!(f, "{used} (limits.{}.{})", self.scope.table(), self.measure.key())
    }
}

/// What launches have used together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spending {
    /// Launches.
    #[serde(skip_serializing_if = "is_zero")]
    pub launches: u32,
    /// Milliseconds that they ran.
    pub wall_ms: u64,
    /// Tokens, as far as harnesses told.
    #[serde(skip_serializing_if = "nothing")]
    pub tokens: u64,
    /// US dollars, as far as harnesses told or prices are known.
    #[serde(skip_serializing_if = "nothing")]
    pub cost: Usd,
    /// Launches whose tokens are not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_unknown: u32,
    /// Launches whose cost is not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown: u32,
}

fn nothing<T: Default + PartialEq>(amount: &T) -> bool {
    *amount == T::default()
}

impl Spending {
    /// Whether nothing was launched.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What one launch used. `metered`: it used a model, so that what is not known is something.
    #[must_use]
    pub fn of(usage: &Usage, wall_ms: u64, metered: bool) -> Self {
        let tokens = usage.tokens();
        Self {
            launches: 1,
            wall_ms,
            tokens: tokens.unwrap_or(0),
            cost: usage.cost.unwrap_or_default(),
            tokens_unknown: u32::from(metered && tokens.is_none()),
            cost_unknown: u32::from(metered && usage.cost.is_none()),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            launches: self.launches.saturating_add(other.launches),
            wall_ms: self.wall_ms.saturating_add(other.wall_ms),
            tokens: self.tokens.saturating_add(other.tokens),
            cost: self.cost.plus(other.cost),
            tokens_unknown: self.tokens_unknown.saturating_add(other.tokens_unknown),
            cost_unknown: self.cost_unknown.saturating_add(other.cost_unknown),
        }
    }

    /// Tokens, with what is assumed where nobody told.
    #[must_use]
    pub fn tokens_counted(&self, assumed: &Assumed) -> u64 {
        self.tokens.saturating_add(u64::from(self.tokens_unknown).saturating_mul(assumed.tokens))
    }

    /// US dollars, with what is assumed where nobody told.
    #[must_use]
    pub fn cost_counted(&self, assumed: &Assumed) -> Usd {
        self.cost.plus(Usd(u64::from(self.cost_unknown).saturating_mul(assumed.cost.0)))
    }
}

/// What was spent on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Which, of universal time.
    pub date: Date,
    /// How much.
    pub spent: Spending,
}

impl Day {
    /// The day of a moment, with what was spent on it if this is what is remembered.
    #[must_use]
    pub fn at(at: Timestamp, remembered: Option<&Self>) -> Self {
        let date = at.to_zoned(TimeZone::UTC).date();
        let spent = remembered.filter(|day| day.date == date).map(|day| day.spent).unwrap_or_default();
        Self { date, spent }
    }

    /// When the next day begins.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        Some(self.date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }
}

/// What one launch may use at most: the least that is left of all limits. None of a kind: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Allowance {
    tokens: Option<u64>,
    cost: Option<Usd>,
    wall_ms: Option<u64>,
}

impl Allowance {
    fn least(self, other: Self) -> Self {
        fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            }
        }
        Self {
            tokens: least(self.tokens, other.tokens),
            cost: least(self.cost, other.cost),
            wall_ms: least(self.wall_ms, other.wall_ms),
        }
    }

    /// What is exceeded by a launch that has used this so far, in `elapsed_ms`.
    fn exceeded(&self, usage: &Usage, elapsed_ms: u64) -> Option<Measure> {
        if self.wall_ms.is_some_and(|limit| elapsed_ms > limit) {
            return Some(Measure::WallTime);
        }
        if self.tokens.zip(usage.tokens()).is_some_and(|(limit, used)| used > limit) {
            return Some(Measure::Tokens);
        }
        self.cost.zip(usage.cost).is_some_and(|(limit, used)| used > limit).then_some(Measure::Cost)
    }
}

/// What a launch is held to: each limit with what was spent of it before.
#[derive(Debug, Clone)]
pub struct Holding {
    scopes: [(Scope, Caps, Assumed, Spending); 3],
}

impl Holding {
    /// The limits of a launch: the item's from its run's plan, the others from the selected one.
    #[must_use]
    pub fn of(
        item: &Budget,
        item_spent: &Spending,
        whole: &Budget,
        control: &Control,
        session: &SessionId,
        at: Timestamp,
    ) -> Self {
        let day = Day::at(at, control.day.as_ref());
        Self {
            scopes: [
                (Scope::Item, item.per_item, item.assumed, *item_spent),
                (Scope::Day, whole.per_day, whole.assumed, day.spent),
                (Scope::Daemon, whole.per_daemon, whole.assumed, control.spent_by(session)),
            ],
        }
    }

    /// The limits of a run's launch, from the state.
    pub fn of_launch(
        view: &dyn View,
        control: &Control,
        plan: &Plan,
        run: &Run,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Self, Fault> {
        let whole = governing(view, control, plan)?;
        let spent = spent_before(view, &run.item)?.plus(&run.used);
        Ok(Self::of(&plan.limits.budget, &spent, &whole, control, session, at))
    }

    fn allowance(&self) -> Allowance {
        let left = self.scopes.iter().map(|(_, caps, assumed, spent)| caps.left(assumed, spent));
        left.fold(Allowance::default(), Allowance::least)
    }

    /// What the launch reserves: what it is assumed to use, as far as that is limited.
    #[must_use]
    pub fn reserves(&self) -> Reserved {
        let Allowance { tokens, cost, .. } = self.allowance();
        // What is assumed is the selected plan's, as are the limits of the day.
        let [_, (_, _, assumed, _), _] = &self.scopes;
        Reserved {
            tokens: tokens.map(|left| left.min(assumed.tokens)),
            cost: cost.map(|left| left.min(assumed.cost)),
        }
    }

    /// Whether nothing is limited that a running launch can exceed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.allowance() == Allowance::default()
    }

    /// Whether only its clock can exceed anything.
    #[must_use]
    pub fn is_time_only(&self) -> bool {
        let Allowance { tokens, cost, .. } = self.allowance();
        tokens.is_none() && cost.is_none()
    }

    /// The limit that a launch exceeds which has used this so far, in `elapsed_ms`.
    #[must_use]
    pub fn exceeded(&self, usage: &Usage, elapsed_ms: u64) -> Option<Reached> {
        let measure = self.allowance().exceeded(usage, elapsed_ms)?;
        let now = Spending::of(usage, elapsed_ms, false);
        self.scopes.iter().find_map(|(scope, caps, assumed, spent)| {
            caps.only(measure).reached(*scope, assumed, &spent.plus(&now))
        })
    }
}

/// What a launch reserves of what is limited, until it is settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reserved {
    /// Tokens; none where they are not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// US dollars; none where they are not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
}

impl Reserved {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The cause that a reached limit of the day or of the daemon is a wait by.
pub const BUDGET: &str = "budget";

/// The limits of the selected plan; none where none is selected.
pub fn selected(view: &dyn View, control: &Control) -> Result<Option<Budget>, Fault> {
    let plan = control.plan.as_ref().map(|selected| view.plan(selected)).transpose()?.flatten();
    Ok(plan.map(|plan| plan.limits.budget))
}

/// The limits of the day and of the daemon: those of the selected plan, or where none is selected of this one.
pub fn governing(view: &dyn View, control: &Control, plan: &Plan) -> Result<Budget, Fault> {
    Ok(selected(view, control)?.unwrap_or(plan.limits.budget))
}

/// What the ended runs of an item have used since it was last let go on.
pub fn spent_before(view: &dyn View, item: &ItemRef) -> Result<Spending, Fault> {
    Ok(view.recovery(item)?.map(|recovery| recovery.used).unwrap_or_default())
}

/// The limit of the day or of the daemon that keeps anything from being launched at `at`, and when it is worth looking
/// again.
#[must_use]
pub fn rests(budget: &Budget, control: &Control, at: Timestamp) -> Option<(Reached, Option<Timestamp>)> {
    let day = Day::at(at, control.day.as_ref());
    if let Some(reached) = budget.per_day.reached(Scope::Day, &budget.assumed, &day.spent) {
        return Some((reached, day.end()));
    }
    // One daemon works at a time: whoever begins ends those that are still listed.
    let spent = control.sessions.last().map(|session| session.spent).unwrap_or_default();
    budget.per_daemon.reached(Scope::Daemon, &budget.assumed, &spent).map(|reached| (reached, None))
}

/// How long a launch ran, as far as anybody knows: what the supervisor measured, else the time until somebody looked,
/// which is no more than what was reserved.
#[must_use]
pub fn ran_ms(launch: &Launch, measured: Option<u64>, ended_at: Timestamp) -> u64 {
    measured.unwrap_or_else(|| {
        let until = ended_at.duration_since(launch.at).as_millis();
        u64::try_from(until).unwrap_or(0).min(launch.reserved_seconds.saturating_mul(1000))
    })
}
