//! What in a push could become an item, by the rules.

use std::collections::{HashMap, HashSet};

use super::history::{Change, History, Is, MAX_COMMITS, Reached};
use super::pusher::Pushers;
use super::rules::SaidRule;
use super::{HookError, Report};
use crate::domain::hook::Hook;
use crate::domain::ids::ItemId;
use crate::domain::limits::MAX_DOCUMENT_BYTES;
use crate::domain::oid::Oid;
use crate::format::hooks::{By, Commit, Kind, Made, Origin, Push, Rule, Trust, of_push, of_trailer};

/// Something that could become an item.
pub(super) struct Candidate {
    /// The number of its rule.
    pub(super) rule: usize,
    /// What messages call it.
    pub(super) shown: String,
    /// What it is.
    pub(super) what: What,
    /// Where it comes from.
    pub(super) origin: String,
    /// Whether its pusher is trusted.
    pub(super) trusted: bool,
}

/// What something is.
pub(super) enum What {
    /// A document as it was pushed.
    Document { kind: Kind, path: String, blob: Oid },
    /// A task that was made.
    Made(Made),
}

/// A rule as far as taking asks it.
pub(super) struct RuleTerms {
    pub(super) name: String,
    pub(super) most: usize,
    pub(super) block: bool,
}

/// All of them, in the order in which they are taken.
pub(super) struct Candidates<'p> {
    hook: Hook,
    reached: &'p [Reached],
    pub(super) rules: Vec<RuleTerms>,
    pub(super) found: Vec<Candidate>,
    /// The rules of which something could not be looked at.
    pub(super) failed: HashSet<usize>,
    /// What was found already, on however many refs.
    seen: HashSet<Seen>,
}

/// What a candidate is told by.
#[derive(PartialEq, Eq, Hash)]
enum Seen {
    Document(Kind, String, Oid),
    Made(ItemId),
}

impl<'p> Candidates<'p> {
    pub(super) fn new(hook: Hook, reached: &'p [Reached]) -> Self {
        Self {
            hook,
            reached,
            rules: Vec::new(),
            found: Vec::new(),
            failed: HashSet::new(),
            seen: HashSet::new(),
        }
    }

    /// Looks for them.
    pub(super) fn gather(
        &mut self,
        git: &History<'_>,
        rules: &[SaidRule],
        pushers: &Pushers,
        before: &[Oid],
        report: &mut Report,
    ) -> Result<(), HookError> {
        let rules: Vec<&Rule> = rules.iter().map(|said| &said.rule).collect();
        self.rules = rules
            .iter()
            .map(|rule| RuleTerms {
                name: rule.name.clone(),
                most: rule.max_items as usize,
                block: rule.block,
            })
            .collect();
        let changes = if rules.iter().any(|rule| rule.takes_documents() || rule.template.is_some()) {
            git.changes(self.reached, before, &folders(&rules))?
        } else {
            vec![Vec::new(); self.reached.len()]
        };
        let mut commits = Commits { git, reached: self.reached, before, read: HashMap::new(), more: false };
        for (number, rule) in rules.iter().enumerate() {
            let pusher = pushers.by(rule);
            let mine: Vec<usize> = (0..self.reached.len())
                .filter(|at| rule.is_about(self.hook, &self.reached[*at].update.name))
                .collect();
            let (hook, reached) = (self.hook, self.reached);
            let bringing =
                |at: usize| Bringing { hook, rule, number, one: &reached[at], pusher: pusher.as_deref() };
            for &at in &mine {
                for change in &changes[at] {
                    if let Some(kind) = rule.kind_of(&change.path) {
                        self.document(&bringing(at), change, kind, report);
                    }
                }
            }
            if rule.trailers {
                // The oldest first: later work may build on it.
                for (at, commit) in commits.of(&mine)?.iter().rev() {
                    self.trailers(&bringing(*at), commit, report);
                }
            }
            if let Some(template) = &rule.template {
                let most = rule.max_items as usize;
                if mine.len() > most {
                    let more = mine.len() - most;
                    report.left_out.push(format!(
                        "refs beyond the first {most} by the template of rule {}: {more}",
                        rule.name
                    ));
                }
                for &at in mine.iter().take(most) {
                    let of_this: Vec<Commit> =
                        commits.of(&[at])?.iter().map(|(_, commit)| commit.clone()).collect();
                    self.push(&bringing(at), template, &of_this, &changes[at], report);
                }
            }
        }
        if commits.more {
            report
                .left_out
                .push(format!("commits beyond the newest {MAX_COMMITS} of one push: none of them was read"));
        }
        self.drop_large(git, report)?;
        Ok(())
    }

    fn problem(&mut self, rule: usize, line: String, report: &mut Report) {
        self.failed.insert(rule);
        report.problems.push(line);
    }

    fn document(&mut self, by: &Bringing<'_>, change: &Change, kind: Kind, report: &mut Report) {
        let path = String::from_utf8_lossy(&change.path).into_owned();
        let shown = format!("{}:{path}", by.branch());
        let not = match change.is {
            Is::File => None,
            Is::Link => Some("is a symbolic link"),
            Is::Submodule => Some("is a submodule"),
        };
        if let Some(not) = not {
            return self.problem(by.number, format!("{shown} {not}, not a document"), report);
        }
        if self.seen.insert(Seen::Document(kind, path.clone(), change.blob)) {
            let what = What::Document { kind, path: path.clone(), blob: change.blob };
            self.found.push(by.candidate(shown, what, &path));
        }
    }

    fn trailers(&mut self, by: &Bringing<'_>, commit: &Commit, report: &mut Report) {
        for text in &commit.tasks {
            let shown = format!("the trailer of {}", commit.oid.short());
            match of_trailer(by.rule, commit, text) {
                Ok(Some(made)) => self.made(by, shown, made, &format!("trailer of {}", commit.oid.short())),
                Ok(None) => self.problem(by.number, format!("{shown} has no text"), report),
                Err(error) => self.problem(by.number, format!("{shown}: {error}"), report),
            }
        }
    }

    fn push(
        &mut self,
        by: &Bringing<'_>,
        template: &str,
        commits: &[Commit],
        changes: &[Change],
        report: &mut Report,
    ) {
        let mut paths: Vec<String> =
            changes.iter().map(|change| String::from_utf8_lossy(&change.path).into_owned()).collect();
        paths.sort();
        let name = by.one.update.shown();
        let push = Push {
            name: &name,
            old: by.one.update.old,
            new: by.one.new,
            pusher: by.pusher,
            commits,
            paths: &paths,
        };
        match of_push(by.rule, template, &push) {
            Ok(made) => self.made(by, format!("the push to {name}"), made, "template"),
            Err(error) => self.problem(by.number, format!("the push to {name}: {error}"), report),
        }
    }

    fn made(&mut self, by: &Bringing<'_>, shown: String, made: Made, what: &str) {
        if self.seen.insert(Seen::Made(made.id.clone())) {
            self.found.push(by.candidate(shown, What::Made(made), what));
        }
    }

    /// Leaves away what is too large to be a document, before it is read.
    fn drop_large(&mut self, git: &History<'_>, report: &mut Report) -> Result<(), HookError> {
        let blobs: Vec<Oid> = self
            .found
            .iter()
            .filter_map(|one| match one.what {
                What::Document { blob, .. } => Some(blob),
                What::Made(_) => None,
            })
            .collect();
        let mut sizes = git.sizes(&blobs)?.into_iter();
        let mut large = Vec::new();
        self.found.retain(|one| {
            if matches!(one.what, What::Made(_)) {
                return true;
            }
            match sizes.next().flatten() {
                Some(size) if size <= MAX_DOCUMENT_BYTES as u64 => true,
                Some(size) => {
                    let line = format!("{} has {size} bytes; at most {MAX_DOCUMENT_BYTES}", one.shown);
                    large.push((one.rule, line));
                    false
                }
                None => {
                    large.push((one.rule, format!("{} is missing in the object database", one.shown)));
                    false
                }
            }
        });
        for (rule, line) in large {
            self.problem(rule, line, report);
        }
        Ok(())
    }
}

/// The commits of updates, each set of updates asked for once.
struct Commits<'a> {
    git: &'a History<'a>,
    reached: &'a [Reached],
    before: &'a [Oid],
    read: HashMap<Vec<usize>, Vec<(usize, Commit)>>,
    more: bool,
}

impl Commits<'_> {
    fn of(&mut self, updates: &[usize]) -> Result<&[(usize, Commit)], HookError> {
        if !self.read.contains_key(updates) {
            let reached: Vec<_> = updates.iter().map(|at| (*at, &self.reached[*at])).collect();
            let (commits, more) = self.git.commits(&reached, self.before)?;
            self.more |= more;
            self.read.insert(updates.to_vec(), commits);
        }
        Ok(self.read.get(updates).map_or(&[], Vec::as_slice))
    }
}

/// A rule, and an update that it is about.
struct Bringing<'a> {
    hook: Hook,
    rule: &'a Rule,
    number: usize,
    one: &'a Reached,
    pusher: Option<&'a str>,
}

impl Bringing<'_> {
    fn branch(&self) -> String {
        let name = self.one.update.shown();
        name.strip_prefix("refs/heads/").map(str::to_owned).unwrap_or(name)
    }

    fn trusted(&self) -> bool {
        match self.hook {
            // What may still be rejected is never worked on before somebody looked.
            hook if hook.is_before() => false,
            // Whoever merges did not write what is merged.
            Hook::PostMerge => self.rule.trust == Trust::Everybody,
            _ => self.rule.trusts(self.pusher),
        }
    }

    fn candidate(&self, shown: String, what: What, source: &str) -> Candidate {
        let name = self.one.update.shown();
        let origin = Origin {
            by: By { hook: self.hook, pusher: self.pusher },
            name: &name,
            old: self.one.update.old,
            new: self.one.new,
            rule: &self.rule.name,
            what: source,
        };
        Candidate { rule: self.number, shown, what, origin: origin.line(), trusted: self.trusted() }
    }
}

/// The folders that all rules together look into; none means everywhere.
fn folders(rules: &[&Rule]) -> Vec<Vec<u8>> {
    let mut folders = Vec::new();
    for rule in rules {
        if rule.template.is_some() {
            return Vec::new();
        }
        for patterns in [&rule.tasks, &rule.specs, &rule.ideas] {
            for pattern in patterns.written() {
                let plain = pattern.split(['*', '?', '[', '{', '\\', '!']).next().unwrap_or_default();
                let folder =
                    if plain == pattern { Some(plain) } else { plain.rfind('/').map(|at| &plain[..at]) };
                match folder {
                    Some(folder) if !folder.is_empty() => folders.push(folder.as_bytes().to_vec()),
                    _ => return Vec::new(),
                }
            }
        }
    }
    folders.sort();
    folders.dedup();
    folders
}
