//! Ends that somebody asks for. The first TERM or INT asks the runtime to drain (finish the stage, then end), the
//! second to cancel the stage; a wish in the ledger asks for the one or the other.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often somebody asked for the end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicUsize>,
    wish: Arc<OnceLock<String>>,
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

    /// Somebody asks by the ledger; `now`: the running stage is to end, too. Asking again changes nothing.
    pub fn ask(&self, reason: &str, now: bool) {
        if self.wish.set(reason.to_owned()).is_ok() {
            tracing::info!(reason, now, "asked to stop");
        }
        self.asked.fetch_max(if now { 2 } else { 1 }, Ordering::SeqCst);
    }

    /// Why, where it was asked by the ledger.
    #[must_use]
    pub fn wish(&self) -> Option<&str> {
        self.wish.get().map(String::as_str)
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
