//! Commands that look again and again until somebody asks for the end, however the ledger fares meanwhile.

use std::collections::HashSet;
use std::time::Duration;

use super::failure::Failure;
use super::stdout::say;
use crate::runtime::stop::Stop;

/// Time between two looks at the ledger. A look reads one small file; people see no delay.
pub(crate) const LOOK: Duration = Duration::from_millis(200);

/// A look that is taken again and again.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    stop: Stop,
    said: HashSet<String>,
    trouble: Option<String>,
}

impl Watch {
    /// From now on INT, TERM and HUP ask for the end instead of being it.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let stop = Stop::on_signals()
            .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))?;
        Ok(Self { stop, ..Self::default() })
    }

    /// One that a signal ends like any other program: there is nothing to say at its end.
    pub(crate) fn until_killed() -> Self {
        Self::default()
    }

    /// Rests, and tells whether to go on.
    pub(crate) fn rest(&self, time: Duration) -> bool {
        self.stop.sleep(time, || false);
        !self.stop.drains()
    }

    /// Says something on stderr that was not said before.
    pub(crate) fn say_once(&mut self, what: &str) {
        if self.said.insert(what.to_owned()) {
            say(what);
        }
    }

    /// What was seen. A look that failed is said, and not again while it fails in the same way: what is damaged may be
    /// repaired, and what is full may get room.
    pub(crate) fn seen<T>(&mut self, look: Result<T, impl Into<Failure>>) -> Option<T> {
        match look {
            Ok(seen) => {
                self.trouble = None;
                Some(seen)
            }
            Err(failure) => {
                let trouble = failure.into().lines.join("; ");
                if self.trouble.as_ref() != Some(&trouble) {
                    say(&format!("cannot look now, and go on trying: {trouble}"));
                    self.trouble = Some(trouble);
                }
                None
            }
        }
    }
}
