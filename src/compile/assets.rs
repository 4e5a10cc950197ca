//! Where a compile's texts come from: the shipped ones, embedded in the binary, and the operator's overrides.

use std::collections::BTreeMap;

use super::diagnostics::{Problem, Problems};
use crate::domain::limits::MAX_DOCUMENT_BYTES;
use crate::format::quote::quoted;
use crate::format::secrets::Search;
use crate::format::suggest::one_of;

macro_rules! shipped {
    ($path:literal) => {
        ($path, include_str!(concat!("../assets/", $path)))
    };
}

/// Every text that ships, by its path, sorted.
pub const SHIPPED: [(&str, &str); 40] = [
    shipped!("entrypoints/execution/builder.md"),
    shipped!("entrypoints/execution/checker.md"),
    shipped!("entrypoints/execution/consultant.md"),
    shipped!("entrypoints/execution/doublechecker.md"),
    shipped!("entrypoints/execution/fixer.md"),
    shipped!("entrypoints/execution/troubleshooter.md"),
    shipped!("entrypoints/execution/updater.md"),
    shipped!("entrypoints/planning/arbiter.md"),
    shipped!("entrypoints/planning/auditor.md"),
    shipped!("entrypoints/planning/manager.md"),
    shipped!("entrypoints/planning/mechanic.md"),
    shipped!("entrypoints/planning/planner.md"),
    shipped!("loops/execution.standard.yaml"),
    shipped!("loops/planning.standard.yaml"),
    shipped!("modes/standard_plain.yaml"),
    shipped!("skills/skills_index.md"),
    shipped!("skills/stage/execution/builder-core/SKILL.md"),
    shipped!("skills/stage/execution/checker-core/SKILL.md"),
    shipped!("skills/stage/execution/consultant-core/SKILL.md"),
    shipped!("skills/stage/execution/doublechecker-core/SKILL.md"),
    shipped!("skills/stage/execution/fixer-core/SKILL.md"),
    shipped!("skills/stage/execution/troubleshooter-core/SKILL.md"),
    shipped!("skills/stage/execution/updater-core/SKILL.md"),
    shipped!("skills/stage/planning/arbiter-core/SKILL.md"),
    shipped!("skills/stage/planning/auditor-core/SKILL.md"),
    shipped!("skills/stage/planning/manager-core/SKILL.md"),
    shipped!("skills/stage/planning/mechanic-core/SKILL.md"),
    shipped!("skills/stage/planning/planner-core/SKILL.md"),
    shipped!("stages/execution/builder.yaml"),
    shipped!("stages/execution/checker.yaml"),
    shipped!("stages/execution/consultant.yaml"),
    shipped!("stages/execution/doublechecker.yaml"),
    shipped!("stages/execution/fixer.yaml"),
    shipped!("stages/execution/troubleshooter.yaml"),
    shipped!("stages/execution/updater.yaml"),
    shipped!("stages/planning/arbiter.yaml"),
    shipped!("stages/planning/auditor.yaml"),
    shipped!("stages/planning/manager.yaml"),
    shipped!("stages/planning/mechanic.yaml"),
    shipped!("stages/planning/planner.yaml"),
];

/// The folders of `millrace-agents/` whose files win over shipped ones of the same path, or stand beside them.
/// This list is the one authority: whoever reads the files reads these folders.
pub const OVERRIDE_FOLDERS: [&str; 5] = ["modes", "loops", "stages", "entrypoints", "skills"];

/// The shipped texts with the operator's overrides upon them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assets {
    overrides: BTreeMap<String, Vec<u8>>,
    /// What no text may hold.
    secrets: Search,
}

impl Assets {
    /// The shipped texts alone.
    #[must_use]
    pub fn shipped() -> Self {
        Self::default()
    }

    /// The shipped texts, each replaced by the override of the same path (`loops/execution.standard.yaml`), and the
    /// overrides that replace none. Paths are relative to `millrace-agents/`, with `/`.
    #[must_use]
    pub fn with_overrides(overrides: BTreeMap<String, Vec<u8>>) -> Self {
        Self { overrides, secrets: Search::default() }
    }

    /// The same, refusing what this finds in a text; without it only tokens of known shapes are found.
    #[must_use]
    pub fn without(self, secrets: Search) -> Self {
        Self { secrets, ..self }
    }

    /// Whether a text is the operator's.
    pub(super) fn is_overridden(&self, path: &str) -> bool {
        self.overrides.contains_key(path) && is_override(path)
    }

    /// What a message calls a text.
    pub(super) fn shown(&self, path: &str) -> String {
        if self.is_overridden(path) { format!("millrace-agents/{path}") } else { format!("shipped {path}") }
    }

    /// The bytes of a text, or `None` where there is none of this path.
    pub(super) fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.overrides.get(path).filter(|_| is_override(path)).map(Vec::as_slice).or_else(|| {
            let found = SHIPPED.binary_search_by_key(&path, |(path, _)| path).ok()?;
            Some(SHIPPED[found].1.as_bytes())
        })
    }

    /// The text of a path, checked: UTF-8, not too long, without a secret. A text that is not there is `None`
    /// without a problem: the caller knows who wanted it.
    pub(super) fn text(&self, path: &str, problems: &Problems) -> Option<&str> {
        let bytes = self.bytes(path)?;
        let refuse = |line: usize, problem: String, expected: &str| {
            problems.add(Problem {
                file: self.shown(path),
                line: Some(line),
                key: None,
                problem,
                expected: expected.to_owned(),
            });
        };
        if bytes.len() > MAX_DOCUMENT_BYTES {
            let expected = format!("at most {MAX_DOCUMENT_BYTES}");
            refuse(1, format!("the file has {} bytes", bytes.len()), &expected);
            return None;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let line = before.split(|byte| *byte == b'\n').count();
                refuse(line, "the file is not UTF-8".to_owned(), "text");
                return None;
            }
        };
        // What a plan is made of is committed with it. What ships is known to everybody.
        if self.is_overridden(path)
            && let Some((line, what)) = self.secrets.line(text)
        {
            let problem = format!("this line holds {what}, and commits are for ever");
            refuse(line, problem, "no secret in a text that is frozen into plans");
            return None;
        }
        Some(text)
    }

    /// Every path, sorted, each once.
    pub(super) fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> =
            self.overrides.keys().map(String::as_str).chain(SHIPPED.iter().map(|(path, _)| *path)).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// The paths below a folder, sorted.
    pub(super) fn below(&self, folder: &str) -> Vec<&str> {
        let inside = |path: &&str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
        };
        self.paths().into_iter().filter(inside).collect()
    }

    /// The names of a folder's YAML files, without their ending, sorted.
    pub(super) fn names(&self, folder: &str) -> Vec<&str> {
        let name = |path: &'_ str| -> Option<usize> {
            let name = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".yaml")?;
            (!name.contains('/')).then_some(name.len())
        };
        self.paths()
            .into_iter()
            .filter_map(|path| Some(&path[folder.len() + 1..folder.len() + 1 + name(path)?]))
            .collect()
    }

    /// The overrides' paths.
    pub(super) fn overridden(&self) -> impl Iterator<Item = &str> {
        self.overrides.keys().map(String::as_str)
    }

    /// Refuses overrides that lie where none can.
    pub(super) fn check_places(&self, problems: &Problems) {
        for path in self.overridden() {
            if !is_override(path) {
                problems.add(Problem {
                    file: format!("millrace-agents/{path}"),
                    line: None,
                    key: None,
                    problem: format!("{} is no place for an override", quoted(path)),
                    expected: format!("a file below {}", one_of(OVERRIDE_FOLDERS)),
                });
            }
        }
    }
}

/// Whether a file of this path can win over a shipped one, or stand beside them.
fn is_override(path: &str) -> bool {
    let folder = path.split_once('/').map(|(folder, _)| folder);
    is_plain_path(path) && folder.is_some_and(|folder| OVERRIDE_FOLDERS.contains(&folder))
}

/// Whether a path is relative, made of plain components, and so the same on every machine.
pub(super) fn is_plain_path(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
}
