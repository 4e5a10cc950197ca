//! How much of a proof is run, and the line it leaves in the table.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::chance::Chance;

/// One proof, from its start to its line in the table.
pub(crate) struct Proof {
    name: &'static str,
    full: bool,
    seed: u64,
    started: Instant,
}

impl Proof {
    pub(crate) fn begin(name: &'static str) -> Self {
        let full = std::env::var("MILLRACE_TORTURE").is_ok_and(|size| size == "full");
        let seed = std::env::var("MILLRACE_TORTURE_SEED").ok().map_or(20_261_122, |text| {
            text.parse().unwrap_or_else(|_| panic!("MILLRACE_TORTURE_SEED is a number, not `{text}`"))
        });
        println!("{name}: {}, MILLRACE_TORTURE_SEED={seed}", if full { "full" } else { "bounded" });
        Self { name, full, seed, started: Instant::now() }
    }

    /// The size of this run.
    pub(crate) fn size<T>(&self, bounded: T, full: T) -> T {
        if self.full { full } else { bounded }
    }

    pub(crate) fn chance(&self) -> Chance {
        Chance::new(self.seed)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says what was seen; `MILLRACE_TORTURE_TABLE` names a file that collects it.
    pub(crate) fn end(&self, seen: &str) {
        let size = if self.full { "full" } else { "bounded" };
        let line = format!("{} | {size} | {seen} | {:.1} s\n", self.name, self.elapsed().as_secs_f64());
        print!("{line}");
        if let Some(path) = std::env::var_os("MILLRACE_TORTURE_TABLE") {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .expect("a table to write to");
            file.write_all(line.as_bytes()).expect("a line in the table");
        }
    }
}
