//! `standard_plain` against the decision tables of the reference (its contract, 3.1 to 3.6), through `decide`: every
//! stage, every result, every failure class, with every counter below, at and over its threshold.
//!
//! This is the one table. `domain::routing` plays what several decisions in a row come to, over a whole ledger;
//! `compile::standard_plain` looks at the plan itself. What the reference does is written down as its contract says it;
//! where this program differs on purpose, [`DIFFERENCES`] says so, and what is listed there is asserted as well.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::ids::FailureClass;
use millrace::domain::plan::{Ending, Plan, Plane};
use millrace::domain::result::{InfrastructureClass, Judgement, ResultClass};
use millrace::domain::transition::decision::Effect;

use super::moment::{Came, Counts, State, UNDER_REPAIR, came, failed_at};
use crate::support::play::{config, failure, interruption, outage, report, resuming};

/// What the reference does with a result, by its contract.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    /// Goes to a stage.
    To(&'static str),
    /// Goes to the stage under `metadata`, else to this one. (Nothing ever sets that metadata.)
    ResumeElse(&'static str),
    /// To the fixer while fewer than `max_fix_cycles` were made, then to recovery with `fix_cycle_exhausted`.
    FixCycle,
    /// To recovery (3.3), with `<stage>_blocked` where no class is current.
    Recovery,
    /// The item is done.
    Idle,
    /// The item is blocked and an incident goes to planning.
    Handoff,
    /// The item is blocked.
    Blocked,
}

use Says::{Blocked, FixCycle, Idle, Recovery as Repair, ResumeElse, To};

/// Sections 3.1 and 3.2 in the order of 1.2.
const REFERENCE: [(&str, &str, Says); 28] = [
    ("builder", "BUILDER_COMPLETE", To("checker")),
    ("builder", "BLOCKED", Repair),
    ("checker", "CHECKER_PASS", To("updater")),
    ("checker", "FIX_NEEDED", FixCycle),
    ("checker", "BLOCKED", Repair),
    ("fixer", "FIXER_COMPLETE", To("doublechecker")),
    ("fixer", "BLOCKED", Repair),
    ("doublechecker", "DOUBLECHECK_PASS", To("updater")),
    ("doublechecker", "FIX_NEEDED", FixCycle),
    ("doublechecker", "BLOCKED", Repair),
    ("updater", "UPDATE_COMPLETE", Idle),
    ("updater", "BLOCKED", Repair),
    ("troubleshooter", "TROUBLESHOOT_COMPLETE", ResumeElse("builder")),
    ("troubleshooter", "BLOCKED", Repair),
    ("consultant", "CONSULT_COMPLETE", ResumeElse("troubleshooter")),
    ("consultant", "NEEDS_PLANNING", Says::Handoff),
    ("consultant", "BLOCKED", Blocked),
    ("planner", "PLANNER_COMPLETE", To("manager")),
    ("planner", "BLOCKED", Repair),
    ("manager", "MANAGER_COMPLETE", Idle),
    ("manager", "BLOCKED", Repair),
    ("mechanic", "MECHANIC_COMPLETE", ResumeElse("planner")),
    ("mechanic", "BLOCKED", Repair),
    ("auditor", "AUDITOR_COMPLETE", To("planner")),
    ("auditor", "BLOCKED", Repair),
    ("arbiter", "ARBITER_COMPLETE", Idle),
    ("arbiter", "REMEDIATION_NEEDED", Says::Handoff),
    ("arbiter", "BLOCKED", Blocked),
];

/// Where this program differs from the reference on purpose. Each entry is a test below, by its name.
const DIFFERENCES: [(&str, &str); 8] = [
    (
        "repair_stages_resume_where_the_failure_was",
        "TROUBLESHOOT_COMPLETE, CONSULT_COMPLETE and MECHANIC_COMPLETE go on where the result says, else at the stage \
         that failed; the reference always goes to builder, troubleshooter and planner",
    ),
    (
        "the_consultant_is_capped",
        "max_consultant_invocations an item, then blocked; the reference calls it for ever, and counts by class what \
         it never compares",
    ),
    (
        "a_blocked_item_keeps_its_counters",
        "until it is finished or cancelled, so that a retry does not begin anew; the reference deletes them",
    ),
    (
        "infrastructure_is_not_work",
        "a missing binary and the like give the launch back and let the runner rest; the reference blocks the item",
    ),
    (
        "an_interruption_is_not_a_failure",
        "the stage runs again, a capped number of times; the reference calls it runner_transport_failure",
    ),
    (
        "launches_are_capped",
        "max_launches_per_item, whatever the counters say; the reference has no such limit",
    ),
    (
        "every_end_names_its_rule",
        "`<class>: every repair was tried` and the counter's value in every reason; the reference says `fix_needed`, \
         `<stage>_blocked` and, in planning alone, `mechanic_attempts_exhausted`",
    ),
    ("a_failed_arbiter_ends_its_run", "the reference runs it again on each tick, for ever"),
];

/// Three different thresholds, so that none can stand for another.
const FIX: u32 = 2;
const REPAIRS: u32 = 3;
const CONSULTANT: u32 = 4;

/// Failure classes of contract 1.6 that a stage's result can have.
const CLASSES: [&str; 6] = [
    "runner_transport_failure",
    "runner_timeout",
    "missing_terminal_result",
    "conflicting_terminal_results",
    "illegal_terminal_result",
    "missing_required_artifact",
];

fn plan() -> Rc<Plan> {
    let text = format!(
        "[recovery]\nmax_fix_cycles = {FIX}\nmax_troubleshoot_attempts_before_consult = {REPAIRS}\n\
         max_mechanic_attempts = {REPAIRS}\nmax_consultant_invocations = {CONSULTANT}\n"
    );
    let request = Request { mode: None, config: &config(&text), assets: &Assets::shipped() };
    Rc::new(compile(&request).expect("a plan").plan)
}

/// What the tables and the differences say.
fn expected(
    stage: &str,
    result: &str,
    says: Says,
    class: Option<&str>,
    plane: Plane,
    repairs: bool,
    counts: Counts,
) -> Came {
    let to = |stage: &str, why: String, counted: Vec<String>, repairing: Option<String>| Came {
        next: format!("{plane}/{stage}"),
        why,
        counted,
        repairing,
        item: None,
    };
    let end = |next: &str, why: String, item: &str| Came {
        next: next.to_owned(),
        why,
        counted: Vec::new(),
        repairing: None,
        item: Some(item.to_owned()),
    };
    // 3.3, and that the consultant is capped.
    let recovery = |class: &str| {
        let failed = if repairs { failed_at(plane) } else { stage };
        let rung = |stage: &str, counter: &str, key: String, count: u32, most: u32| {
            let why = format!("{class}: {counter} {} of {most}", count + 1);
            to(stage, why, vec![format!("{key}={}", count + 1)], Some(format!("{class} of {failed}")))
        };
        let (first, counter) = match plane {
            Plane::Execution => ("troubleshooter", "troubleshoot_attempts"),
            Plane::Planning => ("mechanic", "mechanic_attempts"),
        };
        if counts.repairs < REPAIRS {
            rung(first, counter, format!("{counter}/{class}"), counts.repairs, REPAIRS)
        } else if plane == Plane::Execution && counts.consultant < CONSULTANT {
            let counter = "consultant_invocations";
            rung("consultant", counter, counter.to_owned(), counts.consultant, CONSULTANT)
        } else {
            end("blocked", format!("{class}: every repair was tried"), "blocked")
        }
    };
    let said = format!("{stage}:{}", class.unwrap_or(result));
    match says {
        To(next) => to(next, said, Vec::new(), None),
        ResumeElse(_) => to(failed_at(plane), said, Vec::new(), None),
        FixCycle if counts.fix_cycle < FIX => {
            let count = counts.fix_cycle + 1;
            to("fixer", format!("fix_cycle {count} of {FIX}"), vec![format!("fix_cycle={count}")], None)
        }
        FixCycle => recovery("fix_cycle_exhausted"),
        Repair => recovery(&counted_class(stage, result, class, repairs)),
        Idle => end("done", said, "done"),
        Says::Handoff => end("needs_planning", said, "blocked"),
        Blocked => end("blocked", said, "blocked"),
    }
}

/// The failure-class resolution of section 3: the result's own, else the one under repair, else the default.
fn counted_class(stage: &str, result: &str, class: Option<&str>, repairs: bool) -> String {
    match class {
        Some(class) => class.to_owned(),
        None if repairs => UNDER_REPAIR.to_owned(),
        None if result == "FIX_NEEDED" => "fix_cycle_exhausted".to_owned(),
        None => format!("{stage}_blocked"),
    }
}

/// Below, at and over each threshold.
fn all_counts() -> impl Iterator<Item = Counts> {
    (0..=FIX + 1).flat_map(|fix_cycle| {
        (0..=REPAIRS + 1).flat_map(move |repairs| {
            (0..=CONSULTANT + 1).map(move |consultant| Counts { fix_cycle, repairs, consultant })
        })
    })
}

#[test]
fn every_decision_is_the_references_or_a_named_difference() {
    let plan = plan();
    let mut checked = 0;
    for (stage, result, says) in REFERENCE {
        let planned = &plan.stages[&stage.parse().expect("a stage")];
        // The row's own result, and for a failure every class that may stand behind it (3.6).
        let failures = CLASSES.into_iter().map(Some).filter(|_| result == "BLOCKED");
        for class in [None].into_iter().chain(failures) {
            let counted = counted_class(stage, result, class, planned.repair);
            for counts in all_counts() {
                let judgement = class.map_or_else(|| report(result), failure);
                let decision = State::at(&plan, stage, counts, &counted).decide(judgement);
                assert_eq!(
                    came(&decision),
                    expected(stage, result, says, class, planned.plane, planned.repair, counts),
                    "{stage} on {result} ({class:?}), {counts:?}"
                );
                checked += 1;
            }
        }
    }
    let failing = 12 * CLASSES.len();
    assert_eq!(checked, (28 + failing) * 4 * 5 * 6);
}

#[test]
fn the_table_and_the_plan_have_the_same_stages_and_results() {
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (stage, result, _) in REFERENCE {
        assert!(
            table.entry(stage.to_owned()).or_default().insert(result.to_owned()),
            "{stage} {result} twice"
        );
    }
    let plan = plan();
    let of_plan: BTreeMap<String, BTreeSet<String>> = plan
        .stages
        .iter()
        .map(|(name, stage)| (name.to_string(), stage.results.keys().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(of_plan, table);
    let edges = plan.execution.edges.len() + plan.planning.edges.len();
    assert_eq!(edges, REFERENCE.len(), "no edge beside the table's");
}

/// Contract 1.3: `BLOCKED` may be called recoverable by the result file; it is routed the same.
#[test]
fn a_recoverable_failure_is_routed_as_blocked() {
    let plan = plan();
    let counts = Counts { fix_cycle: 0, repairs: 0, consultant: 0 };
    for stage in ["builder", "consultant", "mechanic"] {
        let mut judgement = report("BLOCKED");
        if let Judgement::Reported { class, .. } = &mut judgement {
            *class = ResultClass::RecoverableFailure;
        }
        let state = State::at(&plan, stage, counts, "x");
        assert_eq!(came(&state.decide(judgement)), came(&state.decide(report("BLOCKED"))));
    }
}

const NONE: Counts = Counts { fix_cycle: 0, repairs: 0, consultant: 0 };

#[test]
fn every_difference_has_its_test() {
    let source = include_str!("decision_table.rs");
    for (name, why) in DIFFERENCES {
        assert!(source.contains(&format!("\n#[test]\nfn {name}() {{\n")), "{name}: {why}");
    }
}

#[test]
fn repair_stages_resume_where_the_failure_was() {
    let plan = plan();
    for (stage, result, says) in REFERENCE {
        let ResumeElse(instead) = says else { continue };
        let state = State::at(&plan, stage, NONE, "x");
        let plane = state.run.stage.plane;
        assert_ne!(failed_at(plane), instead);
        assert_eq!(came(&state.decide(report(result))).next, format!("{plane}/{}", failed_at(plane)));
        // Every stage of the plan, as what the result names.
        for (name, other) in &plan.stages {
            let decision = state.decide(resuming(result, name.as_str()));
            let judges = name.as_str() == "arbiter";
            let higher = stage == "troubleshooter" && name.as_str() == "consultant";
            let may = other.plane == plane && name.as_str() != stage && !higher && !judges;
            let expected = if may { name.as_str() } else { failed_at(plane) };
            assert_eq!(came(&decision).next, format!("{plane}/{expected}"), "{stage} names {name}");
            assert_eq!(
                decision.notes.is_empty(),
                may || name.as_str() == failed_at(plane),
                "{stage} names {name}"
            );
        }
        // With no failure to go back to, the run goes on at its entry.
        let mut state = state;
        state.run.failure = None;
        let entry = if plane == Plane::Execution { "builder" } else { "auditor" };
        assert_eq!(came(&state.decide(report(result))).next, format!("{plane}/{entry}"));
    }
}

#[test]
fn the_consultant_is_capped() {
    let plan = plan();
    let at = |consultant| {
        let counts = Counts { fix_cycle: 0, repairs: REPAIRS, consultant };
        came(&State::at(&plan, "builder", counts, "builder_blocked").decide(report("BLOCKED"))).next
    };
    assert_eq!(
        [CONSULTANT - 1, CONSULTANT, CONSULTANT + 1].map(at),
        ["execution/consultant", "blocked", "blocked"]
    );
}

#[test]
fn a_blocked_item_keeps_its_counters() {
    let plan = plan();
    let forgets = |stage: &str, result: &str| {
        let decision = State::at(&plan, stage, NONE, "x").decide(report(result));
        decision.effects.iter().any(|effect| matches!(effect, Effect::Forget { .. }))
    };
    assert!(forgets("updater", "UPDATE_COMPLETE"), "3.5: idle deletes them");
    assert!(!forgets("consultant", "BLOCKED") && !forgets("consultant", "NEEDS_PLANNING"));
}

#[test]
fn infrastructure_is_not_work() {
    let plan = plan();
    for class in
        [InfrastructureClass::MissingProgram, InfrastructureClass::Auth, InfrastructureClass::Network]
    {
        for stage in plan.stages.keys() {
            let state = State::at(&plan, stage.as_str(), NONE, "x");
            let decision = state.decide(outage(class));
            let came = came(&decision);
            assert_eq!((came.next, came.counted, came.item), (state.run.stage.to_string(), Vec::new(), None));
            assert!(decision.effects.iter().any(|effect| matches!(effect, Effect::Pause { .. })));
            let settled =
                |effect: &Effect| matches!(effect, Effect::Settle { spent: 1, interruptions: 0, .. });
            assert!(decision.effects.iter().any(settled), "{stage}: the launch is given back");
        }
    }
}

#[test]
fn an_interruption_is_not_a_failure() {
    let plan = plan();
    let most = plan.limits.max_interruptions;
    for (before, next) in
        [(0, "execution/fixer"), (most - 2, "execution/fixer"), (most - 1, "blocked"), (most, "blocked")]
    {
        let mut state = State::at(&plan, "fixer", NONE, "x");
        state.run.interruptions = before;
        let came = came(&state.decide(interruption()));
        assert_eq!((came.next.as_str(), came.counted.len()), (next, 0), "{before} before");
    }
}

#[test]
fn launches_are_capped() {
    let plan = plan();
    let most = plan.limits.max_launches_per_item;
    // Launches of earlier runs and of this one, which is one more.
    for (earlier, here, capped) in [
        (0, most - 2, false),
        (0, most - 1, true),
        (most - 1, 0, true),
        (most, most, true),
        (most - 3, 1, false),
    ] {
        for (stage, result) in [
            ("builder", "BUILDER_COMPLETE"),
            ("checker", "FIX_NEEDED"),
            ("fixer", "BLOCKED"),
            ("troubleshooter", "TROUBLESHOOT_COMPLETE"),
        ] {
            let mut state = State::at(&plan, stage, NONE, "x");
            state.recovery.spent = earlier;
            state.run.spent = here;
            let came = came(&state.decide(report(result)));
            assert_eq!(came.next == "blocked", capped, "{stage}, {earlier} and {here}: {came:?}");
            assert_eq!(came.why.contains("the plan allows"), capped);
        }
        let mut state = State::at(&plan, "updater", NONE, "x");
        (state.recovery.spent, state.run.spent) = (earlier, here);
        assert_eq!(
            came(&state.decide(report("UPDATE_COMPLETE"))).next,
            "done",
            "the last launch may finish the item"
        );
    }
}

#[test]
fn every_end_names_its_rule() {
    let plan = plan();
    let over = Counts { fix_cycle: FIX, repairs: REPAIRS, consultant: CONSULTANT };
    for (stage, result, _) in REFERENCE {
        let planned = &plan.stages[&stage.parse().expect("a stage")];
        let class = counted_class(stage, result, None, planned.repair);
        let decision = State::at(&plan, stage, over, &class).decide(report(result));
        let blocked = decision.effects.iter().find_map(|effect| match effect {
            Effect::Block { blocked, .. } => Some(blocked.clone()),
            _ => None,
        });
        let came = came(&decision);
        assert_eq!(blocked.is_some(), came.item.as_deref() == Some("blocked"), "{stage} {result}");
        if let Some(blocked) = blocked {
            assert_eq!(
                (blocked.reason, blocked.class),
                (came.why, FailureClass::normalised(&class)),
                "{stage} {result}"
            );
            let failed = if planned.repair { failed_at(planned.plane) } else { stage };
            assert_eq!(blocked.stage.as_str(), failed, "where a retry goes on");
        }
    }
}

#[test]
fn a_failed_arbiter_ends_its_run() {
    let plan = plan();
    let decision = State::at(&plan, "arbiter", NONE, "x").decide(failure("runner_timeout"));
    assert_eq!(came(&decision).next, Ending::Blocked.as_str());
}
