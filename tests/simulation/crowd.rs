//! The simulation as tests: many seeds for a while, each one a run that can be repeated.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::episode::{Played, play};
use crate::tally::{IMPORTANT, RARE, Tally};

/// The runs of plain `cargo test`: always the same ones, and enough for everything to happen. About 20 seconds of two
/// processors.
const DEFAULT_RUNS: u64 = 60;

/// So many runs come to the rare things, too.
const MANY_RUNS: u64 = 600;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is no number")))
}

/// What all runs together came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    steps: u64,
    commits: u64,
    tally: Tally,
    failure: Option<String>,
}

/// Plays seed after seed: for so many seconds, or so many of them.
fn crowd(first: u64, seconds: Option<u64>) -> Sum {
    let (next, sum) = (AtomicU64::new(first), Mutex::new(Sum::default()));
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let goes_on = |seed: u64| match end {
        Some(end) => Instant::now() < end,
        None => seed < first + DEFAULT_RUNS,
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !goes_on(seed) || sum.lock().expect("a sum").failure.is_some() {
                        break;
                    }
                    let played = play(seed);
                    let mut sum = sum.lock().expect("a sum");
                    match played {
                        Ok(Played { steps, commits, tally, .. }) => {
                            sum.runs += 1;
                            sum.steps += steps;
                            sum.commits += commits;
                            sum.tally.add(tally);
                        }
                        Err(failure) => sum.failure = sum.failure.take().or(Some(failure)),
                    }
                }
            });
        }
    });
    sum.into_inner().expect("a sum")
}

#[test]
fn whatever_happens_the_invariants_hold_and_everything_comes_to_an_end() {
    if let Some(seed) = number("MILLRACE_SIM_SEED") {
        match play(seed) {
            Ok(played) => {
                println!("seed {seed}: {} steps, {} commits, {}", played.steps, played.commits, played.tip);
            }
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let seconds = number("MILLRACE_SIM_SECONDS");
    // A long run is another one each time, unless it is told where to begin; a short one is the same, so that what it
    // covers is known.
    let first = match (number("MILLRACE_SIM_FIRST"), seconds) {
        (Some(first), _) => first,
        (None, None) => 1,
        (None, Some(_)) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
            now.as_secs() * 100_000
        }
    };
    let began = Instant::now();
    let sum = crowd(first, seconds);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let per_minute =
        |count: u64| format!("{:.0}", f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / minutes);
    println!(
        "seeds from {first}: {} runs, {} steps, {} commits; in a minute {}, {}, {}",
        sum.runs,
        sum.steps,
        sum.commits,
        per_minute(sum.runs),
        per_minute(sum.steps),
        per_minute(sum.commits)
    );
    println!("{}", sum.tally.shown());
    if let Some(failure) = sum.failure {
        panic!("{failure}");
    }
    let important = if sum.runs < DEFAULT_RUNS { &[] } else { IMPORTANT };
    let rare = if sum.runs < MANY_RUNS { &[] } else { RARE };
    let never: Vec<&&str> = important.iter().chain(rare).filter(|key| sum.tally.of(key) == 0).collect();
    assert!(never.is_empty(), "these never happened: {never:?}");
}

#[test]
fn a_seed_is_one_run() {
    for seed in [7, 8, 9] {
        let (one, other) = (play(seed), play(seed));
        let tips = [one, other].map(|played| played.map(|played| (played.tip, played.steps)));
        assert!(tips[0].is_ok(), "{tips:?}");
        assert_eq!(tips[0], tips[1]);
    }
}
