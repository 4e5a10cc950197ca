//! Signals: the first TERM or INT asks the runtime to drain (finish the stage, then end), the second to cancel the
//! stage.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often somebody asked for the end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicUsize>,
}

/// How long a wait sleeps before it looks again whether somebody asked.
const LOOK: Duration = Duration::from_millis(100);

impl Stop {
    /// Counts TERM, INT and HUP from now on.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let asked = Arc::clone(&stop.asked);
        std::thread::spawn(move || {
            for _ in signals.forever() {
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(stop)
    }

    /// Whether nothing new may start.
    #[must_use]
    pub fn drains(&self) -> bool {
        self.asked.load(Ordering::SeqCst) >= 1
    }

    /// Whether the running stage is to end, too.
    #[must_use]
    pub fn cancels(&self) -> bool {
        self.asked.load(Ordering::SeqCst) >= 2
    }

    /// Sleeps until `done` says so, somebody asks for the end, or the time is over.
    pub fn sleep(&self, duration: Duration, mut done: impl FnMut() -> bool) {
        let until = Instant::now() + duration;
        while !self.drains() && !done() {
            let now = Instant::now();
            if now >= until {
                return;
            }
            std::thread::sleep(LOOK.min(until - now));
        }
    }
}
