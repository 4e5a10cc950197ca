//! Rings when something changes in a folder that is looked into, so that who sleeps can wake at once.
//!
//! It is a hint and no more: what changed is found by looking, and one looks at intervals anyway. So an event that is
//! lost costs a moment, and where there are no events (a file system that has none, a limit of the machine) nothing
//! else is different.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How one learns of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learns {
    /// By events of the system, where it has them.
    ByEvents,
    /// By looking at intervals alone.
    ByLooking,
}

/// A bell on some folders.
pub struct Bell {
    rang: Arc<AtomicBool>,
    /// What the system's events come by; none where there are none.
    watcher: Option<RecommendedWatcher>,
    /// The folders it hangs in, each as it was then: one that was made anew is another.
    hangs: BTreeMap<PathBuf, (u64, u64)>,
}

impl Bell {
    /// A bell that hangs nowhere yet; with the reason where it will never ring.
    #[must_use]
    pub fn new(learns: Learns) -> (Self, Option<String>) {
        let rang = Arc::new(AtomicBool::new(false));
        let (watcher, why) = match learns {
            Learns::ByLooking => (None, None),
            Learns::ByEvents => {
                let rings = Arc::clone(&rang);
                let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                    if event.is_ok_and(|event| is_change(event.kind)) {
                        rings.store(true, Ordering::SeqCst);
                    }
                });
                match made {
                    Ok(watcher) => (Some(watcher), None),
                    Err(error) => (None, Some(error.to_string())),
                }
            }
        };
        (Self { rang, watcher, hangs: BTreeMap::new() }, why)
    }

    /// How changes are learnt of.
    #[must_use]
    pub fn learns(&self) -> Learns {
        if self.watcher.is_some() { Learns::ByEvents } else { Learns::ByLooking }
    }

    /// Hangs it in these folders, as far as they are there, and nowhere else. Gives the reason where the system refuses:
    /// then it will never ring again.
    pub fn hang(&mut self, folders: &[PathBuf]) -> Option<String> {
        let watcher = self.watcher.as_mut()?;
        let there: BTreeMap<PathBuf, (u64, u64)> =
            folders.iter().filter_map(|folder| Some((folder.clone(), identity(folder)?))).collect();
        if there == self.hangs {
            return None;
        }
        for (folder, _) in self.hangs.iter().filter(|(folder, was)| there.get(*folder) != Some(*was)) {
            // A folder that is gone took its watch with it.
            let _ = watcher.unwatch(folder);
        }
        let mut refused = None;
        for (folder, _) in there.iter().filter(|(folder, is)| self.hangs.get(*folder) != Some(*is)) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It went between the two looks; the next one sees that.
                Err(_) if identity(folder).is_none() => {}
                Err(error) => refused = Some(error.to_string()),
            }
        }
        self.hangs = there;
        // Whatever came before the bell hung there is to be looked at.
        self.rang.store(true, Ordering::SeqCst);
        if refused.is_some() {
            self.watcher = None;
            self.hangs.clear();
        }
        refused
    }

    /// Whether it rang since it was last answered.
    #[must_use]
    pub fn rang(&self) -> bool {
        self.rang.load(Ordering::SeqCst)
    }

    /// Answers it: whoever does looks afterwards.
    pub fn answer(&self) {
        self.rang.store(false, Ordering::SeqCst);
    }
}

/// Looking opens and reads; that is no change.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// Which folder stands at a path; none where there is none, or a link.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = path.symlink_metadata().ok().filter(std::fs::Metadata::is_dir)?;
    Some((found.dev(), found.ino()))
}
