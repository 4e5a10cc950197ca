//! What an invocation used, in one form for all harnesses, and what it cost.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Tokens that an invocation used, and their price. An absent field is unknown, which is not zero: a harness that was
/// killed has reported nothing, and has used something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens that were not read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_uncached: Option<u64>,
    /// Input tokens read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Output tokens, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// The part of the output that was reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// What that cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// Who says what it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_source: Option<CostSource>,
}

/// Who says what an invocation cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostSource {
    /// The harness: an estimate by list prices.
    Harness,
    /// The prices of our configuration, by the tokens that the harness told.
    Priced,
}

impl Usage {
    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// All tokens together, whatever they cost; none where neither input nor output is known. A part that is not known
    /// beside one that is was not told by a harness that has no such part.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        if self.input_uncached.is_none() && self.output.is_none() {
            return None;
        }
        let parts = [self.input_uncached, self.cache_read, self.cache_write, self.output];
        Some(parts.into_iter().flatten().fold(0, u64::saturating_add))
    }

    /// What was used since `before`, which the same session had used already. What is not known now stays unknown; what
    /// was not known before counts as nothing, so that the difference is never too small.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let less = |now: Option<u64>, then: Option<u64>| now.map(|now| now.saturating_sub(then.unwrap_or(0)));
        Self {
            input_uncached: less(self.input_uncached, before.input_uncached),
            cache_read: less(self.cache_read, before.cache_read),
            cache_write: less(self.cache_write, before.cache_write),
            output: less(self.output, before.output),
            reasoning: less(self.reasoning, before.reasoning),
            cost: self.cost_since(before),
            cost_source: self.cost_source,
        }
    }

    /// Both together. What only one of them knows counts as it is: the sum is what was used at least.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        fn add<T>(one: Option<T>, other: Option<T>, sum: impl Fn(T, T) -> T) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(sum(one, other)),
                (one, other) => one.or(other),
            }
        }
        Self {
            input_uncached: add(self.input_uncached, other.input_uncached, u64::saturating_add),
            cache_read: add(self.cache_read, other.cache_read, u64::saturating_add),
            cache_write: add(self.cache_write, other.cache_write, u64::saturating_add),
            output: add(self.output, other.output, u64::saturating_add),
            reasoning: add(self.reasoning, other.reasoning, u64::saturating_add),
            cost: add(self.cost, other.cost, Usd::plus),
            cost_source: self.cost_source.or(other.cost_source),
        }
    }

    /// The cost since `before`, see [`Self::since`].
    #[must_use]
    pub fn cost_since(&self, before: &Self) -> Option<Usd> {
        self.cost.map(|now| Usd(now.0.saturating_sub(before.cost.unwrap_or_default().0)))
    }
}

/// An amount of US dollars, in millionths; in records a decimal text: `0.0064`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Usd(pub u64);

/// Millionths of a dollar in one.
const MILLION: u64 = 1_000_000;

impl Usd {
    /// The amount nearest to a number of dollars; none where that is negative, not a number, or beyond what can be held.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let micros = (dollars * 1e6).round();
        (0.0..1e18).contains(&micros).then_some(Self(micros as u64))
    }

    /// The sum; the largest amount where it would be more.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of this amount when the other is taken away; never below nothing.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.0 / MILLION, self.0 % MILLION);
        let fraction = format!("{micros:06}");
        let fraction = fraction.trim_end_matches('0');
        // Cents at least: an amount of money is known by them.
        f.pad(&format!("{dollars}.{fraction:0<2}"))
    }
}

/// A text that is no amount.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("`{0}` is no amount of dollars: expected digits with at most six decimals, such as `2.50`")]
pub struct BadAmount(String);

impl FromStr for Usd {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let bad = || BadAmount(text.escape_debug().to_string());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(bad());
        }
        let micros: u64 = format!("{fraction:0<6}").parse().map_err(|_| bad())?;
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        whole.checked_mul(MILLION).and_then(|whole| whole.checked_add(micros)).map(Self).ok_or_else(bad)
    }
}

impl TryFrom<String> for Usd {
    type Error = BadAmount;

    fn try_from(text: String) -> Result<Self, BadAmount> {
        text.parse()
    }
}

impl From<Usd> for String {
    fn from(amount: Usd) -> Self {
        amount.to_string()
    }
}
