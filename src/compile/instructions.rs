//! The texts that stages work by: that they are there, and what of them is frozen.

use std::collections::BTreeMap;

use super::assets::{Assets, is_plain_path};
use super::diagnostics::{Problem, Problems};
use super::origin::{Origin, TextOrigin};
use super::sheet::Field;
use crate::format::quote::quoted;
use crate::format::suggest::nearest;

/// The two kinds of texts.
#[derive(Clone, Copy)]
pub(super) enum Text {
    Entrypoint,
    Skill,
}

impl Text {
    fn fits(self, path: &str) -> bool {
        is_plain_path(path)
            && match self {
                Self::Entrypoint => path.starts_with("entrypoints/") && path.strip_suffix(".md").is_some(),
                Self::Skill => path.starts_with("skills/") && path.ends_with("/SKILL.md"),
            }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Entrypoint => "entrypoints",
            Self::Skill => "skills",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Entrypoint => "a path such as `entrypoints/execution/builder.md`",
            Self::Skill => "a path such as `skills/house-style/SKILL.md`",
        }
    }
}

/// Files of a plan that is being frozen.
pub(super) struct Freezer<'a> {
    assets: &'a Assets,
    problems: &'a Problems,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl<'a> Freezer<'a> {
    pub(super) fn new(assets: &'a Assets, problems: &'a Problems) -> Self {
        Self { assets, problems, files: BTreeMap::new() }
    }

    /// Freezes one file as it is.
    pub(super) fn keep(&mut self, path: &str) {
        if let Some(bytes) = self.assets.bytes(path) {
            self.files.insert(path.to_owned(), bytes.to_vec());
        }
    }

    /// Which file a path of the assets is.
    pub(super) fn origin(&self, path: &str) -> Origin {
        Origin::file(self.assets.shown(path))
    }

    /// Freezes a text that `named` names, a skill with everything in its folder; gives its path below `files/`.
    /// `owner` is the file that names it where `named` is none of the operator's fields.
    pub(super) fn text(
        &mut self,
        kind: Text,
        path: &str,
        owner: &str,
        named: Option<&Field<'_>>,
    ) -> Option<TextOrigin> {
        let refuse = |problem: String, expected: String| match named {
            Some(field) => field.refuse(problem, expected),
            None => self.problems.add(Problem {
                file: self.assets.shown(owner),
                line: None,
                key: Some(if matches!(kind, Text::Entrypoint) { "entrypoint" } else { "skill" }.to_owned()),
                problem,
                expected,
            }),
        };
        let path = path.strip_prefix("./").unwrap_or(path);
        if !kind.fits(path) {
            refuse(format!("{} is no path of such a text", quoted(path)), kind.expected().to_owned());
            return None;
        }
        if self.assets.bytes(path).is_none() {
            let known = self.assets.below(kind.folder());
            let fitting = known.into_iter().filter(|known| kind.fits(known));
            let expected = match nearest(path, fitting) {
                Some(meant) => format!("`{meant}`"),
                None => format!("that file below `millrace-agents/{}/`", kind.folder()),
            };
            refuse(format!("there is no file {}", quoted(path)), expected);
            return None;
        }
        let text = self.assets.text(path, self.problems)?;
        if text.trim().is_empty() {
            self.problems.add(Problem {
                file: self.assets.shown(path),
                line: None,
                key: None,
                problem: "the file is empty".to_owned(),
                expected: "instructions".to_owned(),
            });
            return None;
        }
        match kind {
            Text::Entrypoint => self.keep(path),
            Text::Skill => {
                let folder = path.strip_suffix("/SKILL.md").unwrap_or(path);
                for path in self.assets.below(folder) {
                    // A skill's other files may be anything but a secret or a burden.
                    if !self.files.contains_key(path) && self.assets.text(path, self.problems).is_some() {
                        self.keep(path);
                    }
                }
            }
        }
        Some(TextOrigin {
            path: path.to_owned(),
            named_by: named.map_or_else(|| self.origin(owner), Field::origin),
            text: self.origin(path),
        })
    }
}
