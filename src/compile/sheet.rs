//! One YAML file, read by key and type. What is wrong is noted with its place and the reading goes on, so that one
//! compile shows all of it.

use std::fmt::Write as _;
use std::str::FromStr;

use super::assets::Assets;
use super::diagnostics::{Problem, Problems};
use super::origin::Origin;
use crate::format::quote::quoted;
use crate::format::suggest::{nearest, one_of};
use crate::format::yaml::{self, Node, Scalar, Step};

/// A file that is YAML.
pub(super) struct Sheet<'a> {
    /// What messages call it.
    file: String,
    text: &'a str,
    root: Node,
    problems: &'a Problems,
}

impl<'a> Sheet<'a> {
    /// Opens a file of the assets; `None` where it is not there (the caller says who wanted it) or unreadable (which
    /// is noted).
    pub(super) fn open(assets: &'a Assets, path: &str, problems: &'a Problems) -> Option<Self> {
        Self::of(assets.shown(path), assets.text(path, problems)?, problems)
    }

    /// The same for a text that is at hand.
    pub(super) fn of(file: String, text: &'a str, problems: &'a Problems) -> Option<Self> {
        match yaml::read(text) {
            Ok(root) => Some(Self { file, text, root, problems }),
            Err(error) => {
                problems.add(Problem {
                    file,
                    line: Some(error.line),
                    key: None,
                    problem: error.problem,
                    expected: error.expected,
                });
                None
            }
        }
    }

    pub(super) fn root(&self) -> Field<'_> {
        Field { sheet: self, node: &self.root, path: Vec::new() }
    }

    /// The line of a place, from 1.
    fn line(&self, path: &[Step<'_>]) -> usize {
        yaml::locate(self.text, path).0
    }

    /// Notes what is wrong at a place.
    fn refuse(&self, path: &[Step<'_>], problem: impl Into<String>, expected: impl Into<String>) {
        if self.problems.full() {
            // Finding the line reads the text; nobody will see this one.
            self.problems.add(self.problem(None, path, problem.into(), expected.into()));
            return;
        }
        self.problems.add(self.problem(Some(self.line(path)), path, problem.into(), expected.into()));
    }

    fn problem(&self, line: Option<usize>, path: &[Step<'_>], problem: String, expected: String) -> Problem {
        let key = (!path.is_empty()).then(|| key_of(path));
        Problem { file: self.file.clone(), line, key, problem, expected }
    }
}

/// `edges[3].to`, list items from 1.
fn key_of(path: &[Step<'_>]) -> String {
    let mut key = String::new();
    for step in path {
        match step {
            Step::Key(name) => {
                if !key.is_empty() {
                    key.push('.');
                }
                key.push_str(name);
            }
            Step::Item(index) => {
                // Writing to a string cannot fail.
                let _ = write!(key, "[{}]", index + 1);
            }
        }
    }
    key
}

/// A value with its place.
#[derive(Clone)]
pub(super) struct Field<'s> {
    sheet: &'s Sheet<'s>,
    node: &'s Node,
    path: Vec<Step<'s>>,
}

/// Something that was read, with its place.
pub(super) struct Placed<'s, T> {
    pub(super) value: T,
    pub(super) field: Field<'s>,
}

impl<'s> Field<'s> {
    /// The line of the value, from 1.
    pub(super) fn line(&self) -> usize {
        self.sheet.line(&self.path)
    }

    /// The place, for whoever asks who said it.
    pub(super) fn origin(&self) -> Origin {
        Origin { file: Some(self.sheet.file.clone()), line: Some(self.line()), key: Some(key_of(&self.path)) }
    }

    pub(super) fn refuse(&self, problem: impl Into<String>, expected: impl Into<String>) {
        self.sheet.refuse(&self.path, problem, expected);
    }

    fn wrong(&self, expected: &str) {
        self.refuse(format!("found {}", self.node.describe()), expected);
    }

    fn inside(&self, step: Step<'s>, node: &'s Node) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { sheet: self.sheet, node, path }
    }

    /// Reads the value, keeping its place.
    pub(super) fn placed<T>(self, read: impl FnOnce(&Self) -> Option<T>) -> Option<Placed<'s, T>> {
        Some(Placed { value: read(&self)?, field: self })
    }

    /// Refuses everything but a mapping with these keys only; `false` where it is no mapping.
    pub(super) fn only(&self, known: &[&str]) -> bool {
        let Node::Map(entries) = self.node else {
            self.wrong(&format!("a mapping with the keys {}", one_of(known.iter().copied())));
            return false;
        };
        for (key, node) in entries {
            if !known.contains(&key.as_str()) {
                let expected = match nearest(key, known.iter().copied()) {
                    Some(meant) => format!("`{meant}`"),
                    None => one_of(known.iter().copied()),
                };
                self.inside(Step::Key(key), node).refuse("this key is not known", expected);
            }
        }
        true
    }

    /// The value of a key, unless it is left out or nothing.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Node::Map(entries) = self.node else { return None };
        let (key, node) = entries.iter().find(|(name, _)| name == key)?;
        (!matches!(node, Node::Scalar(Scalar::Null, _))).then(|| self.inside(Step::Key(key), node))
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &str, expected: &str) -> Option<Self> {
        let found = self.get(key);
        if found.is_none() && matches!(self.node, Node::Map(_)) {
            self.refuse(format!("`{key}` is missing"), expected);
        }
        found
    }

    /// The text of a scalar.
    pub(super) fn text(&self, expected: &str) -> Option<&'s str> {
        match self.node {
            Node::Scalar(Scalar::Bool | Scalar::Number | Scalar::Text, text) if text.trim().is_empty() => {
                self.refuse("the text is empty", expected);
            }
            Node::Scalar(Scalar::Bool | Scalar::Number | Scalar::Text, text) => return Some(text),
            Node::Scalar(Scalar::Null, _) | Node::List(_) | Node::Map(_) => self.wrong(expected),
        }
        None
    }

    /// A scalar that is a name of some kind.
    /// Whether it is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self.node, Node::Scalar(_, text) if text == word)
    }

    pub(super) fn name<T: FromStr>(&self, expected: &str) -> Option<T> {
        let text = self.text(expected)?;
        let name = text.parse().ok();
        if name.is_none() {
            self.refuse(format!("{} is not valid", quoted(text)), expected);
        }
        name
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let names = || words.iter().map(|(name, _)| *name);
        let expected = one_of(names());
        let text = self.text(&expected)?;
        let found = words.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            self.refuse(format!("found {}", quoted(text)), meant(text, &names().collect::<Vec<_>>()));
        }
        found.map(|(_, value)| *value)
    }

    /// `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        match self.node {
            Node::Scalar(Scalar::Bool, text) => Some(text.eq_ignore_ascii_case("true")),
            Node::Scalar(_, text) => {
                self.refuse(format!("found {}", quoted(text)), "`true` or `false`");
                None
            }
            Node::List(_) | Node::Map(_) => {
                self.wrong("`true` or `false`");
                None
            }
        }
    }

    /// The items of a list.
    pub(super) fn items(&self, expected: &str) -> Vec<Self> {
        let Node::List(items) = self.node else {
            self.wrong(expected);
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, item)| self.inside(Step::Item(index), item)).collect()
    }

    /// The items of a list, or the one value that stands for a list of one.
    pub(super) fn one_or_more(&self, expected: &str) -> Vec<Self> {
        match self.node {
            Node::Scalar(..) => vec![self.clone()],
            Node::List(items) if items.is_empty() => {
                self.refuse("the list is empty", expected);
                Vec::new()
            }
            Node::List(_) | Node::Map(_) => self.items(expected),
        }
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self, expected: &str) -> Vec<(&'s str, Self)> {
        let Node::Map(entries) = self.node else {
            self.wrong(expected);
            return Vec::new();
        };
        entries.iter().map(|(key, node)| (key.as_str(), self.inside(Step::Key(key), node))).collect()
    }
}

/// Names that a message lists although one of them is near.
const LISTED: usize = 4;

/// What a wrong name was meant to be: the nearest, and all that there are where they are few.
pub(super) fn meant(word: &str, known: &[&str]) -> String {
    let all = || one_of(known.iter().copied());
    match nearest(word, known.iter().copied()) {
        Some(meant) if known.len() > LISTED => format!("`{meant}`"),
        Some(meant) if known.len() > 1 => format!("{} (did you mean `{meant}`?)", all()),
        _ => all(),
    }
}
