//! Which refusal of a handoff is told to the stage, and under which of the four codes.

use std::collections::{BTreeMap, BTreeSet};

use millrace::domain::ids::FailureClass;
use millrace::domain::item::{ItemKind, ItemRef};
use millrace::domain::plan::Plane;
use millrace::domain::runtime_error::RuntimeError;
use millrace::domain::transition::refusal::Refusal;

use crate::support::project::read;

fn item() -> ItemRef {
    ItemRef::new(ItemKind::Task, "it".parse().expect("an id"))
}

/// The refusals that a stage can do something about, each with the code it gets.
fn told() -> BTreeMap<&'static str, (Refusal, RuntimeError)> {
    use RuntimeError::{ApplyFailed, CompletionConflict};
    let result = || "MANAGER_COMPLETE".parse().expect("a result");
    let root = || "root".parse().expect("an id");
    let criterion = || "c1".parse().expect("a criterion");
    BTreeMap::from([
        (
            "DifferentDocument",
            (Refusal::DifferentDocument { item: item(), state: "queued".to_owned() }, CompletionConflict),
        ),
        (
            "CaseTwin",
            (Refusal::CaseTwin { item: item(), twin: "IT".parse().expect("an id") }, CompletionConflict),
        ),
        ("TwiceInOneCall", (Refusal::TwiceInOneCall { item: item() }, CompletionConflict)),
        ("TooManyDocuments", (Refusal::TooManyDocuments { count: 2, limit: 1 }, ApplyFailed)),
        ("DependencyCycle", (Refusal::DependencyCycle { item: item(), cycle: Vec::new() }, ApplyFailed)),
        ("NotAnIncident", (Refusal::NotAnIncident { item: item() }, ApplyFailed)),
        ("OutboxFull", (Refusal::OutboxFull { count: 2, limit: 1 }, ApplyFailed)),
        (
            "MayNotCreate",
            (
                Refusal::MayNotCreate {
                    stage: "builder".parse().expect("a stage"),
                    item: item(),
                    allowed: "nothing".to_owned(),
                },
                ApplyFailed,
            ),
        ),
        ("NothingCreated", (Refusal::NothingCreated { result: result(), kind: ItemKind::Task }, ApplyFailed)),
        ("DocumentsOfFailure", (Refusal::DocumentsOfFailure, ApplyFailed)),
        ("SeveralIncidents", (Refusal::SeveralIncidents { count: 2 }, ApplyFailed)),
        ("NoVerdict", (Refusal::NoVerdict { result: result(), root: root() }, ApplyFailed)),
        ("OtherCode", (Refusal::OtherCode { named: "a".to_owned(), judged: "b".to_owned() }, ApplyFailed)),
        ("NoCriterion", (Refusal::NoCriterion, ApplyFailed)),
        ("CriterionTwice", (Refusal::CriterionTwice { criterion: criterion() }, ApplyFailed)),
        ("CriterionLost", (Refusal::CriterionLost { criterion: criterion() }, ApplyFailed)),
        ("NoIncident", (Refusal::NoIncident { root: root() }, ApplyFailed)),
        (
            "VerdictDisagrees",
            (
                Refusal::VerdictDisagrees { result: result(), criterion: criterion(), finding: "gap" },
                ApplyFailed,
            ),
        ),
        ("NoGap", (Refusal::NoGap { result: result() }, ApplyFailed)),
        (
            "WaitsForEver",
            (Refusal::WaitsForEver { item: item(), on: item(), state: "archived".to_owned() }, ApplyFailed),
        ),
        (
            "IncidentTaken",
            (Refusal::IncidentTaken { item: item(), state: "done".to_owned() }, CompletionConflict),
        ),
    ])
}

#[test]
fn f27_every_refusal_about_what_a_stage_brings_has_its_code() {
    for (name, (refusal, error)) in told() {
        assert_eq!(RuntimeError::of_refusal(&refusal), Some(error), "{name}");
    }
    let code = |error: RuntimeError, plane| error.code(plane).to_string();
    assert_eq!(
        [Plane::Execution, Plane::Planning].map(|plane| RuntimeError::ALL.map(|error| code(error, plane))),
        [
            ["execution_work_item_completion_conflict", "execution_post_stage_apply_failed"],
            ["planning_work_item_completion_conflict", "planning_post_stage_apply_failed"],
        ]
    );
}

#[test]
fn no_other_refusal_is_told_to_a_stage() {
    let run = || "20261122-0930-7f3a1c".parse().expect("a run");
    let others = [
        Refusal::LateResult { run: run() },
        Refusal::NoSuchRun { run: run() },
        Refusal::TreeOwed { run: run() },
        Refusal::NoPlan,
        Refusal::NoSuchItem { item: item() },
        Refusal::BadName { name: "x".to_owned() },
        Refusal::NoEdge {
            stage: "builder".parse().expect("a stage"),
            result: "BLOCKED".parse().expect("a result"),
        },
    ];
    for refusal in others {
        assert_eq!(RuntimeError::of_refusal(&refusal), None, "{refusal}");
    }
    // The compiler sees to it that every refusal is on one side; the table has all of the one side.
    let source = read("src/domain/runtime_error.rs");
    let (source, _) = source.split_once("Refusal::LedgerExists").expect("the first that is not told");
    let word = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let in_source: BTreeSet<String> = source.split(" Refusal::").skip(1).map(word).collect();
    assert_eq!(in_source, told().into_keys().map(str::to_owned).collect());
}

#[test]
fn a_code_names_its_plane_and_its_error() {
    for plane in [Plane::Execution, Plane::Planning] {
        for error in RuntimeError::ALL {
            assert_eq!(RuntimeError::of_code(&error.code(plane)), Some((plane, error)));
        }
    }
    for other in ["builder_blocked", "post_stage_apply_failed", "runner_timeout"] {
        assert_eq!(RuntimeError::of_code(&FailureClass::normalised(other)), None, "{other}");
    }
}
