//! An entrypoint against the stages that work by it: their results, their evidence, their skill.

use std::collections::BTreeSet;

use super::super::stage_kind::StageKind;
use super::finding::{Level, Notes, WHOLE, at};
use super::house;
use super::markdown::{Markdown, Section};
use super::survey::{Standing, Survey};
use crate::domain::ids::{EvidenceName, ResultName, StageName};
use crate::domain::stage_file;
use crate::format::quote::quoted;
use crate::format::suggest::one_of;

/// Lints the entrypoint of these stages.
pub(super) fn entrypoint(
    text: &Markdown<'_>,
    stages: &[(&StageName, &StageKind)],
    standing: Standing,
    survey: &Survey<'_>,
    notes: &mut Notes,
) {
    match standing {
        Standing::Shipped => {
            if let [(stage, _)] = stages {
                title(text, stage, notes);
            }
            house::sections(text, &house::ENTRYPOINT, notes);
            house::lines(text, &house::ENTRYPOINT_LINES, notes);
        }
        Standing::Replaces | Standing::Added => house::left_out(text, &house::ENTRYPOINT, notes),
    }
    for (stage, kind) in stages {
        skill(text, stage, kind, survey, notes);
        missing_results(text, stage, kind, notes);
        evidence(text, stage, kind, standing, notes);
    }
    if !stages.is_empty() {
        foreign_results(text, stages, survey, notes);
    }
}

/// The title of a shipped entrypoint: its stage's name.
fn title(text: &Markdown<'_>, stage: &StageName, notes: &mut Notes) {
    let (first, rest) = stage.as_str().split_at(1);
    let wanted = format!("{}{rest}", first.to_ascii_uppercase());
    let found = text.title();
    if found.is_none_or(|(line, title)| line != 1 || title != wanted) {
        let line = found.map_or(1, |(line, _)| line);
        notes.add(
            Level::Structural,
            at(line),
            "the title is not the stage's name",
            format!("`# {wanted}` as the first line"),
        );
    }
}

/// The stage's own skill is there, and the stage is sent to it.
fn skill(text: &Markdown<'_>, stage: &StageName, kind: &StageKind, survey: &Survey<'_>, notes: &mut Notes) {
    if survey.assets.bytes(&kind.skill).is_none() {
        notes.add(
            Level::Structural,
            WHOLE,
            format!("`{}`, the skill of `{stage}`, is not there", kind.skill),
            "that file",
        );
        return;
    }
    let folder = kind.skill.rsplit('/').nth(1).unwrap_or_default();
    let lies = format!("{}/{folder}/SKILL.md", stage_file::SKILLS);
    if !text.text.contains(&lies) {
        notes.add(
            Level::Structural,
            WHOLE,
            format!("the skill of `{stage}` is not referred to"),
            format!("`{lies}`, as it lies in the stage directory"),
        );
    }
}

/// Every result that the stage may report is named: in its section where there is one, else anywhere.
fn missing_results(text: &Markdown<'_>, stage: &StageName, kind: &StageKind, notes: &mut Notes) {
    let sections = text.sections();
    let section = sections.iter().find(|section| section.name == "Legal results");
    let named: BTreeSet<&str> = match section {
        Some(section) => section.entries().iter().map(|entry| entry.name).collect(),
        None => text.words().map(|(_, word)| word).collect(),
    };
    for result in kind.results.keys().filter(|result| !named.contains(result.as_str())) {
        notes.add(
            Level::Compatibility,
            section.map_or(WHOLE, place),
            format!("`{result}`, which `{stage}` may report, is not named"),
            format!("when to report `{result}`"),
        );
    }
}

/// Results that none of the stages may report: an error where the text makes them look legal, else a remark.
fn foreign_results(
    text: &Markdown<'_>,
    stages: &[(&StageName, &StageKind)],
    survey: &Survey<'_>,
    notes: &mut Notes,
) {
    let legal: BTreeSet<&str> =
        stages.iter().flat_map(|(_, kind)| kind.results.keys().map(ResultName::as_str)).collect();
    let expected = || one_of(legal.iter().copied());
    let mut said: BTreeSet<(usize, &str)> = BTreeSet::new();
    for section in text.sections().iter().filter(|section| section.name == "Legal results") {
        for entry in section.entries().iter().filter(|entry| entry.name.parse::<ResultName>().is_ok()) {
            if !legal.contains(entry.name) {
                said.insert((entry.line, entry.name));
                notes.add(
                    Level::Compatibility,
                    (Some(entry.line), Some(section.name)),
                    format!("{} is no result of this stage", quoted(entry.name)),
                    expected(),
                );
            }
        }
    }
    for (line, word) in text.words() {
        let foreign = survey.results.contains(word) && !legal.contains(word);
        if !foreign || !said.insert((line, word)) {
            continue;
        }
        let marker =
            text.lines().nth(line - 1).is_some_and(|(_, text)| text.contains(&format!("### {word}")));
        let (level, problem) = if marker {
            (Level::Compatibility, format!("`### {word}` is no marker of this stage"))
        } else {
            (
                Level::Policy,
                format!("`{word}` is a result of another stage, and could be taken for a legal one"),
            )
        };
        notes.add(level, at(line), problem, expected());
    }
}

/// Every file that the stage is asked for is named, with the results that want it where not all do.
fn evidence(text: &Markdown<'_>, stage: &StageName, kind: &StageKind, standing: Standing, notes: &mut Notes) {
    let sections = text.sections();
    let Some(section) = sections.iter().find(|section| section.name == "Evidence") else {
        for name in kind.evidence.keys().filter(|name| !text.text.contains(name.as_str())) {
            not_named(name, stage, WHOLE, notes);
        }
        return;
    };
    let entries = section.entries();
    for (name, with) in &kind.evidence {
        let Some(entry) = entries.iter().find(|entry| entry.name == name.as_str()) else {
            not_named(name, stage, place(section), notes);
            continue;
        };
        let always = with.len() == kind.results.len();
        let lacks = |result: &&ResultName| !entry.text.contains(&format!("`{result}`"));
        let unsaid: Vec<&str> = with.iter().filter(lacks).map(ResultName::as_str).collect();
        if !always && !unsaid.is_empty() {
            notes.add(
                Level::Policy,
                (Some(entry.line), Some(section.name)),
                format!("`{name}` is not said to be wanted with {} only", house::listed(&unsaid)),
                "the results that want it",
            );
        }
    }
    // An operator's stage may leave more than it is asked for: all of it is kept.
    for entry in entries.iter().filter(|_| standing == Standing::Shipped) {
        if !kind.evidence.keys().any(|name| name.as_str() == entry.name) {
            notes.add(
                Level::Policy,
                (Some(entry.line), Some(section.name)),
                format!("{} is no evidence file of `{stage}`", quoted(entry.name)),
                one_of(kind.evidence.keys().map(EvidenceName::as_str)),
            );
        }
    }
}

fn not_named(
    name: &EvidenceName,
    stage: &StageName,
    place: (Option<usize>, Option<&str>),
    notes: &mut Notes,
) {
    notes.add(
        Level::Policy,
        place,
        format!("`{name}`, which `{stage}` is asked for, is not named"),
        format!("what belongs into `{name}`"),
    );
}

fn place<'a>(section: &Section<'_, 'a>) -> (Option<usize>, Option<&'a str>) {
    (Some(section.line), Some(section.name))
}
