//! The inboxes of the work tree: what people drop there is taken into the ledger, once, and stays where it is.
//!
//! What was taken is known by the ledger alone, by content: a copy under another name is the same idea, and a file that
//! was changed is another one. That one is held, because nobody but its writer knows whether it replaces the first.
//! Whatever changes in the work tree while a stage runs is that stage's; so what came then is held as well, or an agent
//! could give itself work.

mod taking;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};

use self::taking::{Taken, take_idea, take_spec};
use super::intake::IntakeError;
use super::project::Project;
use crate::domain::item::ItemRef;
use crate::domain::limits::MAX_DOCUMENT_BYTES;
use crate::format::config::Watchers;
use crate::ledger::transact::TransactError;
use crate::workspace::inbox::{Dropped, Inbox, MAX_INBOX_NAMES, Print};

/// Where ideas are dropped, below the work tree.
pub const IDEAS_INBOX: &str = "ideas/inbox";

/// Where specs are dropped, below the work tree. The reference watched the folder that was its queue; here the queue is
/// the ledger.
pub const SPECS_INBOX: &str = "specs/inbox";

/// Documents that one look takes, a commit each: some seconds of work, after which a command to the runtime counts.
pub const MAX_TAKEN_AT_ONCE: usize = 100;

/// What a look at the inboxes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A document was taken.
    Took(Took),
    /// A document, or a whole inbox, cannot be taken. Said once.
    Warning(String),
}

/// A document that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Took {
    /// The file, below the work tree.
    pub file: String,
    /// What it became.
    pub item: ItemRef,
    /// Where that stands.
    pub state: &'static str,
    /// Why it is held, if it is.
    pub held: Option<String>,
}

/// What is known of the inboxes since the runtime began.
pub struct Inboxes {
    work_tree: PathBuf,
    seen: BTreeMap<(&'static str, OsString), Seen>,
    /// What was said of a file, or of a whole inbox, and which content it was said of: it is not said again.
    said: BTreeSet<(&'static str, OsString, Vec<u8>, String)>,
}

/// A file, as it was when it was last looked at.
#[derive(Debug)]
struct Seen {
    print: Print,
    since: Instant,
    /// Whether it came, or changed, while a stage ran.
    by_stage: bool,
    stands: Stands,
}

/// How far one is with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It may still be being written.
    Moving,
    /// Its turn comes with the next look.
    Ready,
    /// The ledger or the store failed; every look tries again.
    Failed,
    /// Nothing is to be done before it changes: it is taken, or refused.
    Settled,
}

impl Inboxes {
    /// The inboxes of a work tree.
    #[must_use]
    pub fn new(work_tree: &Path) -> Self {
        Self { work_tree: work_tree.to_owned(), seen: BTreeMap::new(), said: BTreeSet::new() }
    }

    /// The folders in which a change is of interest, outermost first.
    #[must_use]
    pub fn folders(&self, watchers: &Watchers) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for inbox in watched(watchers) {
            // The folders above it tell when it is made.
            let mut above: Vec<&Path> = Path::new(inbox).ancestors().collect();
            above.reverse();
            folders.extend(above.iter().map(|folder| self.work_tree.join(folder)));
        }
        folders.dedup();
        folders
    }

    /// Looks into the inboxes, and takes what lies there and rests. `by_stage`: a stage may have written what is new.
    pub fn look(&mut self, project: &Project, watchers: &Watchers, by_stage: bool) -> Vec<News> {
        let mut news = Vec::new();
        let watched = watched(watchers);
        self.seen.retain(|(folder, _), _| watched.contains(folder));
        for folder in watched {
            self.look_into(project, folder, watchers, by_stage, &mut news);
        }
        news
    }

    /// How long until there is something to take; none where nothing is coming.
    #[must_use]
    pub fn soon(&self, watchers: &Watchers) -> Option<Duration> {
        let debounce = Duration::from_millis(watchers.debounce_ms);
        let left = |seen: &Seen| match seen.stands {
            Stands::Moving => Some(debounce.saturating_sub(seen.since.elapsed())),
            Stands::Ready => Some(Duration::ZERO),
            Stands::Failed | Stands::Settled => None,
        };
        self.seen.values().filter_map(left).min()
    }

    fn look_into(
        &mut self,
        project: &Project,
        folder: &'static str,
        watchers: &Watchers,
        by_stage: bool,
        news: &mut Vec<News>,
    ) {
        let debounce = Duration::from_millis(watchers.debounce_ms);
        let inbox = Inbox::new(&self.work_tree, folder);
        let (files, more) = match inbox.list() {
            Ok(listed) => listed,
            Err(error) => {
                return self.warn(folder, OsStr::new(""), None, error.to_string(), news);
            }
        };
        if more {
            let message =
                format!("{folder} has more than {MAX_INBOX_NAMES} entries; what is beyond is not seen");
            self.warn(folder, OsStr::new(""), None, message, news);
        }
        self.forget(folder, &files);
        let mut taken = 0;
        for file in files {
            let key = (folder, file.name.clone());
            let same = self.seen.get(&key).filter(|seen| seen.print == file.print);
            let rests = match same {
                Some(Seen { stands: Stands::Settled, .. }) => continue,
                Some(Seen { stands: Stands::Moving, since, .. }) => since.elapsed() >= debounce,
                Some(_) => true,
                None => file.print.rests_for(debounce, SystemTime::now()),
            };
            let since = same.map_or_else(Instant::now, |seen| seen.since);
            // What a stage may have written stays that until it is settled.
            let by_stage = match self.seen.get(&key) {
                Some(seen) if seen.stands != Stands::Settled => seen.by_stage || (by_stage && same.is_none()),
                _ => by_stage,
            };
            let stands = if !rests {
                Stands::Moving
            } else if taken == MAX_TAKEN_AT_ONCE {
                Stands::Ready
            } else {
                self.take(project, &inbox, &file, by_stage, &mut taken, news)
            };
            self.seen.insert(key, Seen { print: file.print, since, by_stage, stands });
        }
    }

    /// What is gone is forgotten: if it comes again, the ledger knows it.
    fn forget(&mut self, folder: &'static str, files: &[Dropped]) {
        let names: BTreeSet<&OsString> = files.iter().map(|file| &file.name).collect();
        self.seen.retain(|(of, name), _| *of != folder || names.contains(name));
        self.said.retain(|(of, name, ..)| *of != folder || name.is_empty() || names.contains(name));
    }

    /// Takes one file, or says why not.
    fn take(
        &mut self,
        project: &Project,
        inbox: &Inbox,
        file: &Dropped,
        by_stage: bool,
        taken: &mut usize,
        news: &mut Vec<News>,
    ) -> Stands {
        let (folder, name) = (inbox.folder(), &file.name);
        let shown = inbox.shown(name);
        let bytes = match inbox.read(file, MAX_DOCUMENT_BYTES as u64) {
            Ok(Some(bytes)) => bytes,
            // It changed while it was read, or is gone: the next look sees what is there.
            Ok(None) => return Stands::Moving,
            Err(error) => {
                self.warn(folder, name, None, format!("{error}; it is not taken"), news);
                return Stands::Settled;
            }
        };
        let came = by_stage.then(|| format!("{shown} came while a stage ran, which may have written it"));
        let answer = if folder == SPECS_INBOX {
            take_spec(project, &bytes, &shown, came)
        } else {
            let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
            take_idea(project, &stem, &bytes, &shown, came)
        };
        match answer {
            Ok(None) => Stands::Settled,
            Ok(Some(Taken { item, state, held, warnings })) => {
                *taken += 1;
                news.push(News::Took(Took { file: shown, item, state, held }));
                news.extend(warnings.iter().map(|warning| News::Warning(warning.to_string())));
                Stands::Settled
            }
            Err(IntakeError::Document(error)) => {
                self.warn(folder, name, Some(&bytes), format!("{error}; it is not taken"), news);
                Stands::Settled
            }
            Err(error @ (IntakeError::Id(_) | IntakeError::Transact(TransactError::Refused(_)))) => {
                self.warn(folder, name, Some(&bytes), format!("{shown}: {error}; it is not taken"), news);
                Stands::Settled
            }
            Err(error) => {
                self.warn(folder, name, None, format!("{shown} is not taken yet: {error}"), news);
                Stands::Failed
            }
        }
    }

    /// Says it, unless it was said of this content already.
    fn warn(
        &mut self,
        folder: &'static str,
        name: &OsStr,
        content: Option<&[u8]>,
        message: String,
        news: &mut Vec<News>,
    ) {
        let of = content.map(|bytes| Sha256::digest(bytes).to_vec()).unwrap_or_default();
        if self.said.insert((folder, name.to_owned(), of, message.clone())) {
            news.push(News::Warning(message));
        }
    }
}

/// The inboxes that are watched.
fn watched(watchers: &Watchers) -> Vec<&'static str> {
    let all = [(IDEAS_INBOX, watchers.watch_ideas_inbox), (SPECS_INBOX, watchers.watch_specs_queue)];
    all.into_iter().filter(|(_, on)| watchers.enabled && *on).map(|(folder, _)| folder).collect()
}
