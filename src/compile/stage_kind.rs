//! A stage kind: what a stage of this name may report, what it leaves with each report, and which texts it works by.

use std::collections::{BTreeMap, BTreeSet};

use super::assets::Assets;
use super::diagnostics::Problems;
use super::sheet::{Field, Sheet, meant};
use crate::domain::ids::{EvidenceName, ResultName, StageName};
use crate::domain::item::ItemKind;
use crate::domain::plan::Plane;
use crate::domain::result::ResultClass;
use crate::domain::stage_file;
use crate::format::quote::quoted;

/// The result that stands for every failure of a stage; a stage that could not report it could fail nowhere to.
pub(super) const BLOCKED: &str = "BLOCKED";

/// The classes of results.
const CLASSES: [(&str, ResultClass); 5] = [
    ("success", ResultClass::Success),
    ("followup_needed", ResultClass::FollowupNeeded),
    ("recoverable_failure", ResultClass::RecoverableFailure),
    ("escalate_planning", ResultClass::EscalatePlanning),
    ("blocked", ResultClass::Blocked),
];

/// What stands for all results of a stage, however many it has.
const EVERY: &str = "every";

/// What stands for no result at all: the stage may create such documents, and need not.
const OPTIONAL: &str = "optional";

/// Files with the results that each is wanted with.
pub(super) type Evidence = BTreeMap<EvidenceName, BTreeSet<ResultName>>;

/// Kinds of document with the results that need at least one.
pub(super) type Creates = BTreeMap<ItemKind, BTreeSet<ResultName>>;

/// A stage kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StageKind {
    pub(super) plane: Plane,
    pub(super) repair: bool,
    pub(super) results: BTreeMap<ResultName, ResultClass>,
    /// The files that it leaves, each with the results that it is wanted with.
    pub(super) evidence: Evidence,
    /// The kinds of document that it may create, each with the results that need one.
    pub(super) creates: Creates,
    /// Its instructions, a path of the assets.
    pub(super) entrypoint: String,
    /// Its own skill, a path of the assets.
    pub(super) skill: String,
}

/// The two planes by name.
pub(super) const PLANES: [(&str, Plane); 2] =
    [("execution", Plane::Execution), ("planning", Plane::Planning)];

/// The path of a stage kind, if there is one of this name in either plane.
pub(super) fn path_of(assets: &Assets, stage: &StageName) -> Option<String> {
    PLANES
        .iter()
        .map(|(plane, _)| format!("stages/{plane}/{stage}.yaml"))
        .find(|path| assets.bytes(path).is_some())
}

/// The names of all stage kinds.
pub(super) fn names(assets: &Assets) -> Vec<&str> {
    PLANES
        .iter()
        .flat_map(|(plane, _)| match plane {
            &"execution" => assets.names("stages/execution"),
            _ => assets.names("stages/planning"),
        })
        .collect()
}

/// Reads a stage kind; `None` where something that it needs is missing or wrong, which is noted.
pub(super) fn read(assets: &Assets, path: &str, stage: &StageName, problems: &Problems) -> Option<StageKind> {
    kind(&Sheet::open(assets, path, problems)?, path, stage, problems)
}

fn kind(sheet: &Sheet<'_>, file: &str, stage: &StageName, problems: &Problems) -> Option<StageKind> {
    let before = problems.count();
    let root = sheet.root();
    if !root.only(&["stage", "plane", "repair", "results", "evidence", "creates", "entrypoint", "skill"]) {
        return None;
    }
    let as_file = format!("`{stage}`, as the file is called");
    if let Some(field) = root.need("stage", &as_file)
        && let Some(text) = field.text(&as_file)
        && text != stage.as_str()
    {
        field.refuse(format!("found {}", quoted(text)), as_file);
    }
    let plane = root.need("plane", "`execution` or `planning`").and_then(|field| {
        let plane = field.word(&PLANES)?;
        let fits = file.starts_with(&format!("stages/{plane}/"));
        if !fits {
            field.refuse(format!("found `{plane}`"), "the plane whose folder it lies in");
        }
        fits.then_some(plane)
    });
    let repair = root.get("repair").is_some_and(|field| field.truth() == Some(true));
    let results =
        root.need("results", "results with their classes").map(|field| results(&field)).unwrap_or_default();
    let evidence = root.get("evidence").map(|field| evidence(&field, &results)).unwrap_or_default();
    let creates = root.get("creates").map(|field| creates(&field, &results)).unwrap_or_default();
    let path = |key: &str, expected: &str| {
        root.need(key, expected).and_then(|field| field.text(expected)).map(str::to_owned)
    };
    let entrypoint = path("entrypoint", "the path of its instructions, `entrypoints/...md`");
    let skill = path("skill", "the path of its skill, `skills/.../SKILL.md`");
    if problems.count() > before {
        return None;
    }
    Some(StageKind {
        plane: plane?,
        repair,
        results,
        evidence,
        creates,
        entrypoint: entrypoint?,
        skill: skill?,
    })
}

fn results(field: &Field<'_>) -> BTreeMap<ResultName, ResultClass> {
    let mut results = BTreeMap::new();
    for (name, class) in field.entries("results with their classes, such as `BLOCKED: blocked`") {
        let Ok(result) = name.parse::<ResultName>() else {
            class.refuse(
                format!("{} is not valid", quoted(name)),
                "a result: upper-case letters, digits or `_`",
            );
            continue;
        };
        if let Some(class) = class.word(&CLASSES) {
            results.insert(result, class);
        }
    }
    let blocked = results.iter().find(|(result, _)| result.as_str() == BLOCKED);
    if blocked.is_none_or(|(_, class)| *class != ResultClass::Blocked) {
        field.refuse("a failure has no result", "`BLOCKED: blocked` among the results");
    }
    results
}

fn evidence(field: &Field<'_>, results: &BTreeMap<ResultName, ResultClass>) -> Evidence {
    const FILES: &str =
        "file names with the results that each is wanted with, such as `builder_summary.md: every`";
    let mut evidence = Evidence::new();
    for (name, with) in field.entries(FILES) {
        let Ok(file) = name.parse::<EvidenceName>() else {
            with.refuse(
                format!("{} is no plain file name", quoted(name)),
                "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`",
            );
            continue;
        };
        if stage_file::is_the_runtimes(name) {
            with.refuse(
                format!("{} is a name of the runtime's in a stage's folder", quoted(name)),
                "another file name",
            );
            continue;
        }
        evidence.insert(file, wanted(&with, results));
    }
    evidence
}

fn creates(field: &Field<'_>, results: &BTreeMap<ResultName, ResultClass>) -> Creates {
    const KINDS: &str =
        "kinds of document with the results that need one, such as `task: [MANAGER_COMPLETE]`";
    let mut creates = Creates::new();
    for (name, with) in field.entries(KINDS) {
        let Ok(kind) = name.parse::<ItemKind>() else {
            let kinds: Vec<&str> = ItemKind::ALL.iter().map(|kind| kind.as_str()).collect();
            with.refuse(format!("{} is no kind of document", quoted(name)), meant(name, &kinds));
            continue;
        };
        let may = with.is(OPTIONAL);
        creates.insert(kind, if may { BTreeSet::new() } else { wanted(&with, results) });
    }
    creates
}

/// The results that a file is wanted with.
fn wanted(with: &Field<'_>, results: &BTreeMap<ResultName, ResultClass>) -> BTreeSet<ResultName> {
    let expected = format!("`{EVERY}`, or a list of results of this stage");
    let legal: Vec<&str> = results.keys().map(ResultName::as_str).collect();
    let mut wanted = BTreeSet::new();
    for item in with.one_or_more(&expected) {
        let Some(text) = item.text(&expected) else { continue };
        if text == EVERY {
            wanted.extend(results.keys().cloned());
        } else if let Some((result, _)) = results.iter().find(|(result, _)| result.as_str() == text) {
            wanted.insert(result.clone());
        } else if !legal.is_empty() {
            item.refuse(format!("the stage never reports {}", quoted(text)), meant(text, &legal));
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "\
stage: checker
plane: execution
results:
  CHECKER_PASS: success
  FIX_NEEDED: followup_needed
  BLOCKED: blocked
evidence:
  checker_summary.md: every
  fix_contract.md: [FIX_NEEDED]
entrypoint: entrypoints/execution/checker.md
skill: skills/stage/execution/checker-core/SKILL.md
";

    /// A kind with one passage changed, or what is wrong with it.
    fn changed(from: &str, to: &str) -> Result<StageKind, String> {
        assert_eq!(KIND.matches(from).count(), 1, "`{from}` once");
        let text = KIND.replacen(from, to, 1);
        let problems = Problems::default();
        let read =
            Sheet::of("stages/execution/checker.yaml".to_owned(), &text, &problems).and_then(|sheet| {
                kind(&sheet, "stages/execution/checker.yaml", &"checker".parse().expect("a stage"), &problems)
            });
        let said: Vec<String> = problems.into_parts().0.iter().map(ToString::to_string).collect();
        read.ok_or(said.join("\n"))
    }

    #[track_caller]
    fn wrong(from: &str, to: &str) -> String {
        changed(from, to).expect_err("it is wrong")
    }

    #[test]
    fn every_is_every_result_and_a_list_is_these() {
        let kind = changed("plane: execution", "plane: execution").expect("it is right");
        let with: Vec<String> = kind
            .evidence
            .iter()
            .map(|(name, with)| {
                let results: Vec<&str> = with.iter().map(ResultName::as_str).collect();
                format!("{name}: {}", results.join(" "))
            })
            .collect();
        assert_eq!(
            with,
            ["checker_summary.md: BLOCKED CHECKER_PASS FIX_NEEDED", "fix_contract.md: FIX_NEEDED"]
        );
        let one = changed("[FIX_NEEDED]", "FIX_NEEDED").expect("one result stands for a list of one");
        assert_eq!(one, kind);
        let (before, rest) = KIND.split_once("evidence:").expect("evidence");
        let rest = &rest[rest.find("entrypoint:").expect("an entrypoint")..];
        let none =
            changed(&KIND[before.len()..KIND.len() - rest.len()], "").expect("a stage may leave nothing");
        assert!(none.evidence.is_empty());
    }

    #[test]
    fn names_are_plain_and_not_the_runtimes() {
        for name in ["../x.md", "a/b.md", ".hidden", "\"a b.md\"", "\"\""] {
            let said = wrong("fix_contract.md", name);
            assert!(said.contains(" is no plain file name; expected an ASCII letter or digit, "), "{said}");
        }
        insta::assert_snapshot!(wrong("fix_contract.md", "reports/contract.md"), @"stages/execution/checker.yaml:9: evidence.reports/contract.md: `reports/contract.md` is no plain file name; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`");
        for name in stage_file::GIVEN.iter().chain(&stage_file::WITNESSED).chain(&["outbox", "Result.JSON"]) {
            let said = wrong("fix_contract.md", name);
            assert!(said.contains(" is a name of the runtime's in a stage's folder; "), "{said}");
        }
        insta::assert_snapshot!(wrong("fix_contract.md", "result.json"), @"stages/execution/checker.yaml:9: evidence.result.json: `result.json` is a name of the runtime's in a stage's folder; expected another file name");
        insta::assert_snapshot!(wrong("fix_contract.md", "checker_summary.md"), @"stages/execution/checker.yaml:9: the key `checker_summary.md` occurs twice; expected each key once");
    }

    #[test]
    fn results_are_those_of_the_stage() {
        insta::assert_snapshot!(wrong("[FIX_NEEDED]", "[FIX_NEDED]"), @"stages/execution/checker.yaml:9: evidence.fix_contract.md[1]: the stage never reports `FIX_NEDED`; expected `BLOCKED`, `CHECKER_PASS` or `FIX_NEEDED` (did you mean `FIX_NEEDED`?)");
        insta::assert_snapshot!(wrong("[FIX_NEEDED]", "[FIX_NEEDED, UPDATE_COMPLETE]"), @"stages/execution/checker.yaml:9: evidence.fix_contract.md[2]: the stage never reports `UPDATE_COMPLETE`; expected `BLOCKED`, `CHECKER_PASS` or `FIX_NEEDED`");
        insta::assert_snapshot!(wrong("[FIX_NEEDED]", "[]"), @"stages/execution/checker.yaml:9: evidence.fix_contract.md: the list is empty; expected `every`, or a list of results of this stage");
        insta::assert_snapshot!(wrong("[FIX_NEEDED]", "{FIX_NEEDED: true}"), @"stages/execution/checker.yaml:9: evidence.fix_contract.md: found a mapping; expected `every`, or a list of results of this stage");
        insta::assert_snapshot!(wrong("[FIX_NEEDED]", "\"\""), @"stages/execution/checker.yaml:9: evidence.fix_contract.md: the text is empty; expected `every`, or a list of results of this stage");
    }

    #[test]
    fn what_it_creates_is_kinds_with_the_results_that_need_one() {
        let with = |creates: &str| changed("entrypoint:", &format!("creates: {creates}\nentrypoint:"));
        let kind = with("{task: [CHECKER_PASS], spec: optional}").expect("it is right");
        let kinds: Vec<(ItemKind, usize)> =
            kind.creates.iter().map(|(kind, with)| (*kind, with.len())).collect();
        assert_eq!(kinds, [(ItemKind::Task, 1), (ItemKind::Spec, 0)]);
        let wrong = |creates: &str| with(creates).expect_err("it is wrong");
        insta::assert_snapshot!(wrong("{taks: optional}"), @"stages/execution/checker.yaml:10: creates.taks: `taks` is no kind of document; expected `task`, `spec` or `incident` (did you mean `task`?)");
        insta::assert_snapshot!(wrong("{task: [FIX_NEDED]}"), @"stages/execution/checker.yaml:10: creates.task[1]: the stage never reports `FIX_NEDED`; expected `BLOCKED`, `CHECKER_PASS` or `FIX_NEEDED` (did you mean `FIX_NEEDED`?)");
        insta::assert_snapshot!(wrong("[task]"), @"stages/execution/checker.yaml:10: creates: found a list; expected kinds of document with the results that need one, such as `task: [MANAGER_COMPLETE]`");
    }

    #[test]
    fn evidence_is_a_mapping() {
        insta::assert_snapshot!(wrong("  checker_summary.md: every\n  fix_contract.md: [FIX_NEEDED]\n", "  [fix_contract.md]\n"), @"stages/execution/checker.yaml:7: evidence: found a list; expected file names with the results that each is wanted with, such as `builder_summary.md: every`");
        insta::assert_snapshot!(wrong("evidence:", "evidense:"), @"stages/execution/checker.yaml:7: evidense: this key is not known; expected `evidence`");
    }
}
