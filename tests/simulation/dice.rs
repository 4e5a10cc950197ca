//! Decisions that a seed makes.

use crate::chance::Chance;

/// Numbers of one run.
pub(crate) struct Dice(Chance);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number from `from` up to and with `to`.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = usize::try_from(to - from + 1).expect("a span");
        from + i64::try_from(self.below(span)).expect("a number")
    }

    /// One of these; none where there are none.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.below(of.len())].clone()) }
    }

    /// At most `most` of these.
    pub(crate) fn some<T>(&mut self, of: Vec<T>, most: usize) -> Vec<T> {
        if of.is_empty() { of } else { self.0.some(of, most.max(2)) }
    }
}
