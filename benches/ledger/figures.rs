//! Samples and what is said of them.

use std::fmt;
use std::time::Duration;

/// Durations of one thing, measured many times.
#[derive(Default)]
pub(crate) struct Samples {
    taken: Vec<Duration>,
    sizes: Vec<u64>,
}

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.taken.push(took);
    }

    /// Adds sizes, where there were any.
    pub(crate) fn extend(&mut self, size: Option<u64>) {
        self.sizes.extend(size);
    }

    fn at(&self, tenths: usize) -> Duration {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        sorted
            .get((sorted.len() * tenths / 10).min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.at(5)
    }

    pub(crate) fn p90(&self) -> Duration {
        self.at(9)
    }

    pub(crate) fn worst(&self) -> Duration {
        self.at(10)
    }

    pub(crate) fn mean(&self) -> Duration {
        let count = u32::try_from(self.taken.len()).unwrap_or(u32::MAX).max(1);
        self.taken.iter().sum::<Duration>() / count
    }

    /// The median of the sizes, in bytes.
    pub(crate) fn middle(&self) -> u64 {
        let mut sorted = self.sizes.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// How many times longer than the other one, by the medians.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median {}, p90 {}", ms(self.median()), ms(self.p90()))
    }
}

/// A duration in milliseconds.
pub(crate) fn ms(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1000.0)
}

/// A size in the unit that reads best.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KB", size.div_ceil(1024)),
        _ => format!("{}.{} MB", size / 1_048_576, size % 1_048_576 * 10 / 1_048_576),
    }
}

/// What the figures are meant to be, and whether they are.
#[derive(Default)]
pub(crate) struct Aims {
    all: Vec<(bool, String, String)>,
}

impl Aims {
    pub(crate) fn add(&mut self, met: bool, what: String, found: String) {
        self.all.push((met, what, found));
    }

    /// Prints the aims; gives how many were missed.
    pub(crate) fn report(&self) -> usize {
        println!("\naims");
        for (met, what, found) in &self.all {
            println!("{:<7} {what}: {found}", if *met { "met" } else { "MISSED" });
        }
        self.all.iter().filter(|(met, ..)| !met).count()
    }
}
