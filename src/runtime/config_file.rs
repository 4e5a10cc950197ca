//! The configuration's file while a daemon runs: what it takes over at once when the file changes, and what it says of
//! the rest. A file that cannot be read changes nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::plans;
use super::project::Project;
use super::runner::frozen_config;
use crate::domain::view::View as _;
use crate::format::config::{Boundary, Config, Loaded, Watchers, changed_keys};
use crate::workspace::inbox::Print;

/// What changed about the configuration. Each is said once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigNews {
    /// The file cannot be read; what counted before counts on.
    Broken(String),
    /// It can be read again.
    Whole,
    /// These keys count from now on.
    Took(Vec<String>),
    /// These keys are not what the selected plan has: they count after a compile.
    Uncompiled(Vec<String>),
    /// These keys have no effect.
    Nothing(Vec<String>),
}

/// The file, as far as it was taken over.
pub struct ConfigFile {
    /// As it was named; none for the work tree's own.
    named: Option<PathBuf>,
    path: PathBuf,
    /// The file as it was when it was read.
    read: Option<Print>,
    /// The file as it is, and since when, while it may still be being written.
    moving: Option<(Option<Print>, Instant)>,
    /// What the file said when it could be read.
    said: Config,
    /// What is wrong with it now, if something is.
    broken: Option<String>,
}

impl ConfigFile {
    /// Reads it. Where it cannot be read, what the selected plan was made from counts.
    #[must_use]
    pub fn open(project: &Project, named: Option<&Path>) -> (Self, Vec<ConfigNews>) {
        let path = plans::config_path(project, named).unwrap_or_default();
        let read = Print::at(&path);
        let (said, broken) = match plans::load_or_defaults(project, named) {
            Ok((loaded, _)) => (loaded.config, None),
            Err(error) => (selected_config(project).unwrap_or_default(), Some(error.to_string())),
        };
        let news = broken.iter().cloned().map(ConfigNews::Broken).collect();
        (Self { named: named.map(Path::to_owned), path, read, moving: None, said, broken }, news)
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// What is watched.
    #[must_use]
    pub fn watchers(&self) -> &Watchers {
        &self.said.watchers
    }

    /// How long an idle daemon sleeps at most before it looks again.
    #[must_use]
    pub fn idle_sleep(&self) -> Duration {
        // The reader has seen that it is over 0 and below a year.
        Duration::try_from_secs_f64(self.said.runtime.idle_sleep_seconds).unwrap_or(Duration::from_secs(1))
    }

    fn debounce(&self) -> Duration {
        Duration::from_millis(self.said.watchers.debounce_ms)
    }

    /// How long until a change has rested long enough to be read; none where there is none.
    #[must_use]
    pub fn soon(&self) -> Option<Duration> {
        self.moving.map(|(_, since)| self.debounce().saturating_sub(since.elapsed()))
    }

    /// Looks whether the file changed; one that is still being written is left for later.
    pub fn look(&mut self, project: &Project) -> Vec<ConfigNews> {
        let is = Print::at(&self.path);
        if is == self.read {
            self.moving = None;
            return Vec::new();
        }
        let rests = match self.moving {
            Some((print, since)) if print == is => since.elapsed() >= self.debounce(),
            _ => is.is_some_and(|print| print.rests_for(self.debounce(), SystemTime::now())),
        };
        if !rests {
            if self.moving.is_none_or(|(print, _)| print != is) {
                self.moving = Some((is, Instant::now()));
            }
            return Vec::new();
        }
        self.moving = None;
        self.read = is;
        match self.load(project, is) {
            Err(problem) if self.broken.as_ref() == Some(&problem) => Vec::new(),
            Err(problem) => {
                self.broken = Some(problem.clone());
                vec![ConfigNews::Broken(problem)]
            }
            Ok(loaded) => self.take_over(project, loaded),
        }
    }

    fn load(&self, project: &Project, is: Option<Print>) -> Result<Loaded, String> {
        if is.is_none() {
            return Err(format!("{} is gone", plans::shown(self.named.as_deref())));
        }
        plans::load(project, self.named.as_deref()).map_err(|error| error.to_string())
    }

    fn take_over(&mut self, project: &Project, loaded: Loaded) -> Vec<ConfigNews> {
        let mut news = Vec::new();
        if self.broken.take().is_some() {
            news.push(ConfigNews::Whole);
        }
        let changed = changed_keys(&self.said, &loaded.config);
        let of = |boundary| {
            let keys = changed.iter().filter(move |(_, of)| *of == boundary);
            keys.map(|(key, _)| key.clone()).collect::<Vec<_>>()
        };
        let (taken, without) = (of(Boundary::AtOnce), of(Boundary::Nothing));
        let mut uncompiled = of(Boundary::Compile);
        // Somebody may have compiled it already.
        if let Some(selected) = selected_config(project).filter(|_| !uncompiled.is_empty()) {
            let differs = changed_keys(&selected, &loaded.config);
            uncompiled.retain(|key| differs.iter().any(|(other, _)| other == key));
        }
        self.said = loaded.config;
        let all = [
            (ConfigNews::Took as fn(Vec<String>) -> ConfigNews, taken),
            (ConfigNews::Uncompiled, uncompiled),
            (ConfigNews::Nothing, without),
        ];
        news.extend(all.into_iter().filter(|(_, keys)| !keys.is_empty()).map(|(said, keys)| said(keys)));
        news
    }
}

/// The configuration that the selected plan was made from.
fn selected_config(project: &Project) -> Option<Config> {
    let trees = project.trees();
    let view = project.view(&trees).ok()?;
    let plan = view.control().ok()?.plan?;
    frozen_config(&view, &plan).ok()
}
