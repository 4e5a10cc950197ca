//! A rule: which pushes become work, and whose.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::domain::hook::Hook;

/// The refs of a rule that names none: every branch.
pub const DEFAULT_REFS: &str = "refs/heads/*";

/// New items of one push by one rule, where it says no other number: what a person still looks through.
pub const DEFAULT_MAX_ITEMS: u32 = 20;

/// The most that a rule may say: one commit of the ledger.
pub const MAX_MAX_ITEMS: u32 = 1000;

/// Rules of one file. Every one is held against every pushed ref.
pub const MAX_RULES: usize = 64;

/// A rule. At least one of what it takes is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name: an item says which rule took it.
    pub name: String,
    /// The hooks that it counts in.
    pub on: Vec<Hook>,
    /// The refs, by full name.
    pub refs: Patterns,
    /// Paths of task documents.
    pub tasks: Patterns,
    /// Paths of spec documents.
    pub specs: Patterns,
    /// Paths of ideas.
    pub ideas: Patterns,
    /// Whether `Millrace-Task:` trailers of new commits become tasks.
    pub trailers: bool,
    /// The text of the one task that a push becomes.
    pub template: Option<String>,
    /// Whose items are not held.
    pub trust: Trust,
    /// The variable that names the pusher, where the operating system's user does not.
    pub pusher_env: Option<String>,
    /// Whether a failure breaks what called the hook.
    pub block: bool,
    /// New items of one call at most.
    pub max_items: u32,
}

/// Whose items are not held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's.
    Nobody,
    /// Everybody's who can push.
    Everybody,
    /// Those of these.
    These(Vec<String>),
}

/// The kind of document at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A task document.
    Task,
    /// A spec document.
    Spec,
    /// An idea.
    Idea,
}

/// Globs, as they are written and compiled.
#[derive(Debug, Clone)]
pub struct Patterns {
    written: Vec<String>,
    set: GlobSet,
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Patterns {
    /// Globs of paths: `*` stays within a folder, `**` crosses them.
    pub fn of_paths(written: Vec<String>) -> Result<Self, String> {
        Self::compiled(written, true)
    }

    /// Globs of full ref names: `*` crosses `/`, as in a refspec.
    pub fn of_refs(written: Vec<String>) -> Result<Self, String> {
        Self::compiled(written, false)
    }

    /// The number of the pattern that is none, from 1, is in the error.
    fn compiled(written: Vec<String>, separator: bool) -> Result<Self, String> {
        let mut builder = GlobSetBuilder::new();
        for (number, pattern) in (1..).zip(&written) {
            let glob = GlobBuilder::new(pattern)
                .literal_separator(separator)
                .build()
                .ok()
                .filter(|_| !pattern.is_empty());
            let glob = glob.ok_or_else(|| format!("item {number} is no pattern"))?;
            builder.add(glob);
        }
        let set = builder.build().map_err(|_| "together they are too much".to_owned())?;
        Ok(Self { written, set })
    }

    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self { written: Vec::new(), set: GlobSet::empty() }
    }

    /// As they are written.
    #[must_use]
    pub fn written(&self) -> &[String] {
        &self.written
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether one of them fits these bytes, which may be no UTF-8.
    #[must_use]
    pub fn fit(&self, name: &[u8]) -> bool {
        !self.is_empty() && self.set.is_match(Path::new(OsStr::from_bytes(name)))
    }
}

impl Rule {
    /// A rule that takes nothing yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            on: Hook::INTAKE.to_vec(),
            refs: Patterns::of_refs(vec![DEFAULT_REFS.to_owned()]).unwrap_or_else(|_| Patterns::none()),
            tasks: Patterns::none(),
            specs: Patterns::none(),
            ideas: Patterns::none(),
            trailers: false,
            template: None,
            trust: Trust::Nobody,
            pusher_env: None,
            block: false,
            max_items: DEFAULT_MAX_ITEMS,
        }
    }

    /// Whether it looks at documents.
    #[must_use]
    pub fn takes_documents(&self) -> bool {
        [&self.tasks, &self.specs, &self.ideas].into_iter().any(|patterns| !patterns.is_empty())
    }

    /// Whether it takes anything.
    #[must_use]
    pub fn takes_anything(&self) -> bool {
        self.takes_documents() || self.trailers || self.template.is_some()
    }

    /// Whether it counts for this hook and this ref.
    #[must_use]
    pub fn is_about(&self, hook: Hook, name: &[u8]) -> bool {
        self.on.contains(&hook) && self.refs.fit(name)
    }

    /// What a document at this path is to it.
    #[must_use]
    pub fn kind_of(&self, path: &[u8]) -> Option<Kind> {
        let kinds = [(&self.tasks, Kind::Task), (&self.specs, Kind::Spec), (&self.ideas, Kind::Idea)];
        kinds.into_iter().find(|(patterns, _)| patterns.fit(path)).map(|(_, kind)| kind)
    }

    /// Whether what this pusher brings may be worked on at once.
    #[must_use]
    pub fn trusts(&self, pusher: Option<&str>) -> bool {
        match &self.trust {
            Trust::Nobody => false,
            Trust::Everybody => true,
            Trust::These(names) => pusher.is_some_and(|pusher| names.iter().any(|name| name == pusher)),
        }
    }
}
