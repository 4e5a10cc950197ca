//! Which texts there are, whose they are, which stages work by them; and the rules over all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::assets::{Assets, SHIPPED};
use super::super::diagnostics::{MAX_PROBLEMS, Problems};
use super::super::mode;
use super::super::stage_kind::{self, StageKind};
use super::finding::{Finding, Level, Notes, WHOLE};
use super::markdown::Markdown;
use super::{claims, entrypoint, house, index, skill};
use crate::domain::ids::{EvidenceName, ModeId, ResultName, StageName};

/// The index of skills.
const INDEX: &str = "skills/skills_index.md";

/// What the lint came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linted {
    /// Texts that were linted.
    pub texts: usize,
    /// What is wrong with them, by file and line: the first [`MAX_PROBLEMS`].
    pub findings: Vec<Finding>,
    /// Findings beyond these, which are not listed.
    pub more: usize,
}

/// Whose a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It ships.
    Shipped,
    /// It is the operator's, in the place of one that ships.
    Replaces,
    /// It is the operator's own.
    Added,
}

/// What the texts have to agree with: every stage kind, and what modes say of them.
pub(super) struct Survey<'a> {
    pub(super) assets: &'a Assets,
    pub(super) kinds: BTreeMap<StageName, StageKind>,
    /// Every result of every stage.
    pub(super) results: BTreeSet<String>,
    /// The stages that modes send to other entrypoints, by path.
    entrypoints: BTreeMap<String, BTreeSet<StageName>>,
    /// Skills that modes add.
    skills: BTreeSet<String>,
    /// Whether every text counts as one that ships.
    as_shipped: bool,
}

/// Lints every text that a stage may be sent to: the shipped ones, with the operator's in their place and beside them.
/// Stage kinds and modes that cannot be read are passed over: a compile says what is wrong with them.
#[must_use]
pub fn lint(assets: &Assets) -> Linted {
    linted(&Survey::of(assets, false))
}

/// The same, with all that is asked of what ships asked of every text: for those who write such texts.
#[must_use]
pub fn lint_as_shipped(assets: &Assets) -> Linted {
    linted(&Survey::of(assets, true))
}

fn linted(survey: &Survey<'_>) -> Linted {
    let assets = survey.assets;
    let written: BTreeSet<&EvidenceName> =
        survey.kinds.values().flat_map(|kind| kind.evidence.keys()).collect();
    let mut linted = Linted { texts: 0, findings: Vec::new(), more: 0 };
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in assets.paths() {
        let is_entrypoint = path.starts_with("entrypoints/") && path.strip_suffix(".md").is_some();
        let is_skill = path.starts_with("skills/") && path.ends_with("/SKILL.md");
        if !(is_entrypoint || is_skill || path == INDEX) || assets.bytes(path).is_none() {
            continue;
        }
        linted.texts += 1;
        let mut notes = Notes::of(assets.shown(path));
        if let Some(id) = survey.text(path, is_entrypoint, &written, &mut notes) {
            ids.entry(id).or_default().push(path.to_owned());
        }
        linted.more += notes.more;
        linted.findings.extend(notes.list);
    }
    for problem in skill::duplicates(ids, assets) {
        linted.findings.push(Finding { level: Level::Structural, problem });
    }
    linted.findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.problem.file.clone(), finding.problem.line, finding.level);
        key(a).cmp(&key(b))
    });
    linted.more += linted.findings.len().saturating_sub(MAX_PROBLEMS);
    linted.findings.truncate(MAX_PROBLEMS);
    linted
}

impl<'a> Survey<'a> {
    fn of(assets: &'a Assets, as_shipped: bool) -> Self {
        let unheard = Problems::default();
        let kinds: BTreeMap<StageName, StageKind> = stage_kind::names(assets)
            .into_iter()
            .filter_map(|name| {
                let stage: StageName = name.parse().ok()?;
                let path = stage_kind::path_of(assets, &stage)?;
                let kind = stage_kind::read(assets, &path, &stage, &unheard)?;
                Some((stage, kind))
            })
            .collect();
        let results =
            kinds.values().flat_map(|kind| kind.results.keys().map(ResultName::to_string)).collect();
        let mut survey = Self {
            assets,
            kinds,
            results,
            entrypoints: BTreeMap::new(),
            skills: BTreeSet::new(),
            as_shipped,
        };
        for id in assets.names("modes").into_iter().filter_map(|name| name.parse::<ModeId>().ok()) {
            survey.mode(&id, &unheard);
        }
        survey
    }

    /// What a mode sends its stages to.
    fn mode(&mut self, id: &ModeId, unheard: &Problems) {
        let Some(sheet) = mode::open(self.assets, id, unheard) else { return };
        let mode = mode::read(&sheet, id);
        let plain = |path: &str| path.strip_prefix("./").unwrap_or(path).to_owned();
        for (stage, path) in &mode.entrypoints {
            self.entrypoints.entry(plain(path.value)).or_default().insert(stage.clone());
        }
        self.skills.extend(mode.skills.values().flatten().map(|path| plain(path.value)));
    }

    fn standing(&self, path: &str) -> Standing {
        let ships = SHIPPED.iter().any(|(shipped, _)| *shipped == path);
        if self.as_shipped || !self.assets.is_overridden(path) {
            Standing::Shipped
        } else if ships {
            Standing::Replaces
        } else {
            Standing::Added
        }
    }

    /// Lints one text; gives a skill's id.
    fn text(
        &self,
        path: &str,
        is_entrypoint: bool,
        written: &BTreeSet<&EvidenceName>,
        notes: &mut Notes,
    ) -> Option<String> {
        let problems = Problems::default();
        let text = self.assets.text(path, &problems);
        for problem in problems.into_parts().0 {
            notes.take(Level::Structural, problem);
        }
        let text = text?;
        if text.trim().is_empty() {
            notes.add(Level::Structural, WHOLE, "the file is empty", "instructions");
            return None;
        }
        let text = Markdown::of(text);
        let standing = self.standing(path);
        if standing == Standing::Shipped {
            house::form(&text, notes);
        } else {
            house::length(&text, notes);
        }
        claims::claims(&text, notes);
        claims::foreign(&text, notes);
        claims::reports(&text, written, notes);
        if path == INDEX {
            index::index(&text, self, notes);
            return None;
        }
        if is_entrypoint {
            let named = self.entrypoints.get(path);
            let stages: Vec<_> = self
                .kinds
                .iter()
                .filter(|(stage, kind)| {
                    kind.entrypoint == path || named.is_some_and(|named| named.contains(*stage))
                })
                .collect();
            if stages.is_empty() {
                unused(notes);
            }
            entrypoint::entrypoint(&text, &stages, standing, self, notes);
            return None;
        }
        let core_of: Vec<_> = self.kinds.iter().filter(|(_, kind)| kind.skill == path).collect();
        if core_of.is_empty() && !self.skills.contains(path) {
            unused(notes);
        }
        skill::skill(&text, path, &core_of, standing, self, notes)
    }
}

fn unused(notes: &mut Notes) {
    notes.add(
        Level::Policy,
        WHOLE,
        "no stage of any mode works by this text",
        "a mode or a stage that names it",
    );
}
