//! What tokens cost, where the harness does not say it.

use super::usage::{CostSource, Usage, Usd};

/// Tokens that a price is a price for.
const TOKENS: u128 = 1_000_000;

/// The price of a model, in US dollars for a million tokens of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Input that was not read from the provider's cache.
    pub input: Usd,
    /// Input read from the cache.
    pub cache_read: Usd,
    /// Input written to the cache.
    pub cache_write: Usd,
    /// Output, reasoning included.
    pub output: Usd,
}

impl Price {
    /// What this use costs at least: what is not known of it counts as nothing. None where nothing of it is known.
    #[must_use]
    pub fn at_least(&self, usage: &Usage) -> Option<Usd> {
        usage.tokens()?;
        let output = Some(usage.output.unwrap_or(0));
        self.of(&Usage { input_uncached: Some(usage.input_uncached.unwrap_or(0)), output, ..*usage })
    }

    /// What this use costs, rounded up to a millionth of a dollar; none where input or output is not known: half a
    /// price is none. Cached tokens that a harness does not tell apart are in its input.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Option<Usd> {
        let (input, output) = (usage.input_uncached?, usage.output?);
        let parts = [
            (input, self.input),
            (usage.cache_read.unwrap_or(0), self.cache_read),
            (usage.cache_write.unwrap_or(0), self.cache_write),
            (output, self.output),
        ];
        let cost = |(tokens, price): (u64, Usd)| u128::from(tokens) * u128::from(price.0);
        let sum = parts.into_iter().map(cost).fold(0, u128::saturating_add);
        Some(Usd(u64::try_from(sum.div_ceil(TOKENS)).unwrap_or(u64::MAX)))
    }
}

impl CostSource {
    /// Its word, as records spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Harness => "harness",
            Self::Priced => "priced",
        }
    }
}

impl Usage {
    /// With the cost by this price, where the harness told tokens and no cost.
    #[must_use]
    pub fn priced(self, price: Option<&Price>) -> Self {
        match price.and_then(|price| price.of(&self)) {
            Some(cost) if self.cost.is_none() => {
                Self { cost: Some(cost), cost_source: Some(CostSource::Priced), ..self }
            }
            _ => self,
        }
    }

    /// What it cost, in US dollars, with who says so; none where that is not known.
    #[must_use]
    pub fn cost_in_words(&self) -> Option<String> {
        let cost = self.cost?;
        Some(
            self.cost_source
                .map_or_else(|| cost.to_string(), |source| format!("{cost} ({})", source.as_str())),
        )
    }

    /// Nothing, and that is known: a harness that never started has used nothing.
    #[must_use]
    pub fn nothing() -> Self {
        let none = Some(0);
        Self { input_uncached: none, output: none, cost: Some(Usd(0)), ..Self::default() }
    }

    /// What was used where two have looked: of each part the larger number, for none of them saw more than there was.
    #[must_use]
    pub fn at_least(self, seen: &Self) -> Self {
        Self {
            input_uncached: self.input_uncached.max(seen.input_uncached),
            cache_read: self.cache_read.max(seen.cache_read),
            cache_write: self.cache_write.max(seen.cache_write),
            output: self.output.max(seen.output),
            reasoning: self.reasoning.max(seen.reasoning),
            cost: self.cost.max(seen.cost),
            cost_source: if seen.cost > self.cost { seen.cost_source } else { self.cost_source },
        }
    }
}
