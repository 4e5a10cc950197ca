//! What the lint has to say, and where it is gathered.

use std::fmt;

use super::super::diagnostics::{MAX_PROBLEMS, Problem};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The text cannot do what it is for.
    Structural,
    /// It contradicts its stage, or this runtime.
    Compatibility,
    /// It will probably not do what its writer wants.
    Policy,
}

impl Level {
    /// The level's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Structural => "structural",
            Self::Compatibility => "compatibility",
            Self::Policy => "policy",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that is wrong with a text. Its key is the section that it is about, or the key of the front matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub level: Level,
    /// What is wrong, and where.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.problem)
    }
}

/// The findings of one text: the first [`MAX_PROBLEMS`], and how many more there were.
pub(super) struct Notes {
    file: String,
    pub(super) list: Vec<Finding>,
    pub(super) more: usize,
}

impl Notes {
    /// `file` is what messages call the text.
    pub(super) fn of(file: String) -> Self {
        Self { file, list: Vec::new(), more: 0 }
    }

    /// Notes something about a place: a line where it is about one, a section where it is about one.
    pub(super) fn add(
        &mut self,
        level: Level,
        (line, section): (Option<usize>, Option<&str>),
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) {
        let problem = Problem {
            file: self.file.clone(),
            line,
            key: section.map(str::to_owned),
            problem: problem.into(),
            expected: expected.into(),
        };
        self.take(level, problem);
    }

    /// Notes what a reader of files had to say.
    pub(super) fn take(&mut self, level: Level, problem: Problem) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(Finding { level, problem });
        } else {
            self.more += 1;
        }
    }
}

/// About the text as a whole.
pub(super) const WHOLE: (Option<usize>, Option<&str>) = (None, None);

/// About a line.
pub(super) fn at(line: usize) -> (Option<usize>, Option<&'static str>) {
    (Some(line), None)
}
