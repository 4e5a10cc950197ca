//! Numbers that a seed decides.

/// A sequence of numbers (`SplitMix64`).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).expect("a number")).expect("below a usize")
    }

    /// At most `most` of these, in their order; always the first and the last.
    pub(crate) fn some<T>(&mut self, all: Vec<T>, most: usize) -> Vec<T> {
        let count = all.len();
        if count <= most {
            return all;
        }
        let mut chosen = std::collections::BTreeSet::from([0, count - 1]);
        while chosen.len() < most {
            chosen.insert(self.below(count));
        }
        all.into_iter().enumerate().filter(|(n, _)| chosen.contains(n)).map(|(_, one)| one).collect()
    }
}
