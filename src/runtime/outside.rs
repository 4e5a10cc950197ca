//! What comes to a runtime from outside its ledger: changes of the configuration, and documents in the inboxes.

use std::path::Path;
use std::time::{Duration, Instant};

use super::bell::{Bell, Learns};
use super::config_file::{ConfigFile, ConfigNews};
use super::inbox::{Inboxes, News, Took};
use super::project::Project;
use super::stop::Stop;
use crate::domain::view::View as _;

/// How long the end of a runtime waits for files that are still being written; what comes later is found by the next
/// start.
pub const MAX_SETTLE: Duration = Duration::from_secs(5);

/// One thing to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outer {
    /// A document of an inbox was taken.
    Took(Took),
    /// Something of an inbox cannot be taken.
    Warning(String),
    /// Something about the configuration.
    Config(ConfigNews),
}

/// The outside of one project.
pub struct Outside<'p> {
    project: &'p Project,
    config: ConfigFile,
    inboxes: Inboxes,
    bell: Bell,
    /// Whether a stage may have written what is found next.
    by_stage: bool,
    /// What is to be said with the next look.
    waiting: Vec<Outer>,
}

impl<'p> Outside<'p> {
    /// Begins to look. `config`: another file than the work tree's own.
    #[must_use]
    pub fn open(project: &'p Project, config: Option<&Path>, learns: Learns) -> Self {
        let (config, news) = ConfigFile::open(project, config);
        let mut waiting: Vec<Outer> = news.into_iter().map(Outer::Config).collect();
        let (bell, why) = Bell::new(learns);
        waiting.extend(why.filter(|_| config.watchers().enabled).as_deref().map(no_events));
        let work_tree = project.repository.work_tree.clone().unwrap_or_default();
        // A stage that a runtime left behind may have gone on until now.
        let by_stage = launched(project);
        Self { project, inboxes: Inboxes::new(&work_tree), config, bell, by_stage, waiting }
    }

    /// Whether something may have changed since the last look.
    #[must_use]
    pub fn rang(&self) -> bool {
        self.bell.rang()
    }

    /// How changes are learnt of between two looks.
    #[must_use]
    pub fn learns(&self) -> Learns {
        self.bell.learns()
    }

    /// A stage may have written what the next look finds.
    pub fn stage_ran(&mut self) {
        self.by_stage = true;
    }

    /// Looks, takes over what is to be taken, and gives what is to be said.
    pub fn look(&mut self) -> Vec<Outer> {
        self.bell.answer();
        let mut all = std::mem::take(&mut self.waiting);
        all.extend(self.config.look(self.project).into_iter().map(Outer::Config));
        let watchers = *self.config.watchers();
        let mut folders = vec![self.config.folder().to_owned()];
        folders.extend(self.inboxes.folders(&watchers));
        let refused = self.bell.hang(&folders);
        all.extend(refused.filter(|_| watchers.enabled).as_deref().map(no_events));
        let by_stage = std::mem::take(&mut self.by_stage);
        let news = self.inboxes.look(self.project, &watchers, by_stage);
        all.extend(news.into_iter().map(|news| match news {
            News::Took(took) => Outer::Took(took),
            News::Warning(what) => Outer::Warning(what),
        }));
        all
    }

    /// Looks until what lies in the inboxes is settled: before a runtime ends, a file that was just written counts.
    pub fn settle(&mut self, stop: &Stop) -> Vec<Outer> {
        let until = Instant::now() + MAX_SETTLE;
        let mut all = self.look();
        while let Some(soon) = self.soon() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.drains() {
                break;
            }
            stop.sleep(soon.min(left), || false);
            all.extend(self.look());
        }
        all
    }

    /// How long until a file that changed may be looked at; none where none did.
    #[must_use]
    pub fn soon(&self) -> Option<Duration> {
        [self.config.soon(), self.inboxes.soon(self.config.watchers())].into_iter().flatten().min()
    }

    /// How long an idle runtime sleeps at most before it looks again.
    #[must_use]
    pub fn idle_sleep(&self) -> Duration {
        self.config.idle_sleep()
    }
}

fn no_events(why: &str) -> Outer {
    Outer::Warning(format!("the system gives no events ({why}); the inboxes are looked into at intervals"))
}

/// Whether a launch has no end yet.
fn launched(project: &Project) -> bool {
    let trees = project.trees();
    let runs = project.view(&trees).ok().and_then(|view| view.runs().ok());
    runs.is_some_and(|runs| runs.iter().any(|run| run.launch.is_some()))
}
