//! `standard_plain` against the decision tables of the reference (its contract, sections 3.1 to 3.3), with the
//! deliberate differences named here.
//!
//! Every stage, every result, and every value of the counters up to and over the thresholds. What the reference does
//! is written down as its contract says it; what the frozen plan does is read from its graph.

use std::collections::BTreeMap;

use millrace::domain::plan::{Ending, Loop, Per, Plan, Plane, Target};

use super::support::{config, good, standard};

/// What the reference does with a result, by its contract.
#[derive(Clone, Copy)]
enum Says {
    /// Goes to a stage.
    To(&'static str),
    /// Goes to the stage under `metadata`, else to this one. (Nothing ever sets that metadata.)
    ResumeElse(&'static str),
    /// To the fixer while fewer than `max_fix_cycles` were made, then to recovery with `fix_cycle_exhausted`.
    FixCycle,
    /// To recovery with `<stage>_blocked`.
    Recovery,
    /// The item is done.
    Idle,
    /// The item is blocked and an incident goes to planning.
    Handoff,
    /// The item is blocked.
    Blocked,
}

use Says::{Blocked, FixCycle, Handoff, Idle, Recovery, ResumeElse, To};

/// Sections 3.1 and 3.2 in the order of 1.2.
const REFERENCE: [(&str, &str, Says); 27] = [
    ("builder", "BUILDER_COMPLETE", To("checker")),
    ("builder", "BLOCKED", Recovery),
    ("checker", "CHECKER_PASS", To("updater")),
    ("checker", "FIX_NEEDED", FixCycle),
    ("checker", "BLOCKED", Recovery),
    ("fixer", "FIXER_COMPLETE", To("doublechecker")),
    ("fixer", "BLOCKED", Recovery),
    ("doublechecker", "DOUBLECHECK_PASS", To("updater")),
    ("doublechecker", "FIX_NEEDED", FixCycle),
    ("doublechecker", "BLOCKED", Recovery),
    ("updater", "UPDATE_COMPLETE", Idle),
    ("updater", "BLOCKED", Recovery),
    ("troubleshooter", "TROUBLESHOOT_COMPLETE", ResumeElse("builder")),
    ("troubleshooter", "BLOCKED", Recovery),
    ("consultant", "CONSULT_COMPLETE", ResumeElse("troubleshooter")),
    ("consultant", "NEEDS_PLANNING", Handoff),
    ("consultant", "BLOCKED", Blocked),
    ("planner", "PLANNER_COMPLETE", To("manager")),
    ("planner", "BLOCKED", Recovery),
    ("manager", "MANAGER_COMPLETE", Idle),
    ("manager", "BLOCKED", Recovery),
    ("mechanic", "MECHANIC_COMPLETE", ResumeElse("planner")),
    ("mechanic", "BLOCKED", Recovery),
    ("auditor", "AUDITOR_COMPLETE", To("planner")),
    ("auditor", "BLOCKED", Recovery),
    ("arbiter", "ARBITER_COMPLETE", Idle),
    ("arbiter", "REMEDIATION_NEEDED", Handoff),
];

/// The arbiter's third result stands apart: the table above has one row for each of the others.
const ARBITER_BLOCKED: (&str, &str, Says) = ("arbiter", "BLOCKED", Blocked);

/// Where the shipped plan differs on purpose: stage, result, what it does instead, and why.
const DIFFERENCES: [(&str, &str, &str, &str); 3] = [
    (
        "troubleshooter",
        "TROUBLESHOOT_COMPLETE",
        "resume",
        "it goes on where the result says, else at the stage that failed, not always at the builder",
    ),
    (
        "consultant",
        "CONSULT_COMPLETE",
        "resume",
        "it goes on where the result says, else at the stage that failed, not always at the troubleshooter",
    ),
    (
        "mechanic",
        "MECHANIC_COMPLETE",
        "resume",
        "it goes on where the result says, else at the stage that failed, not always at the planner",
    ),
];

/// And one that is no row: the reference calls the consultant for ever, here it is capped by item, then blocked.
const CONSULTANT_IS_CAPPED: bool = true;

/// Counters that matter to one decision.
#[derive(Clone, Copy)]
struct Counts {
    fix_cycle: u32,
    /// Of the class that is being repaired.
    repairs: u32,
    consultant: u32,
}

const FIX: u32 = 2;
const REPAIRS: u32 = 3;
const CONSULTANT: u32 = 4;

fn plan() -> Plan {
    // Three different thresholds, so that none can stand for another.
    let text = format!(
        "[recovery]\nmax_fix_cycles = {FIX}\nmax_troubleshoot_attempts_before_consult = {REPAIRS}\n\
         max_mechanic_attempts = {REPAIRS}\nmax_consultant_invocations = {CONSULTANT}\n"
    );
    good(&config(&text), &millrace::compile::Assets::shipped()).plan
}

/// What the reference does, as one line.
fn reference(stage: &str, result: &str, says: Says, plane: Plane, counts: Counts) -> String {
    if let Some((.., instead, _)) = DIFFERENCES.iter().find(|(from, on, ..)| (*from, *on) == (stage, result))
    {
        return (*instead).to_owned();
    }
    let recovery = |class: String| match plane {
        _ if counts.repairs < REPAIRS => {
            let repair = if plane == Plane::Execution { "troubleshooter" } else { "mechanic" };
            format!("{repair} for {class}")
        }
        Plane::Execution if !CONSULTANT_IS_CAPPED || counts.consultant < CONSULTANT => {
            format!("consultant for {class}")
        }
        Plane::Execution | Plane::Planning => format!("blocked by {class}"),
    };
    match says {
        To(stage) => stage.to_owned(),
        ResumeElse(stage) => format!("resume, else {stage}"),
        FixCycle if counts.fix_cycle < FIX => "fixer, counting fix_cycle".to_owned(),
        FixCycle => recovery("fix_cycle_exhausted".to_owned()),
        Recovery => recovery(format!("{stage}_blocked")),
        Idle => "done".to_owned(),
        Handoff => "needs_planning".to_owned(),
        Blocked => "blocked".to_owned(),
    }
}

/// What the plan's graph says, as one line.
fn graph(graph: &Loop, stage: &str, result: &str, counts: Counts) -> String {
    let edge = graph
        .edge(&stage.parse().expect("a stage"), &result.parse().expect("a result"))
        .unwrap_or_else(|| panic!("{stage} has no edge on {result}"));
    let repair = |class: String| {
        let free = graph.repair.iter().find(|rung| {
            let (counter, per) = match rung.stage.as_str() {
                "consultant" => (counts.consultant, Per::Item),
                _ => (counts.repairs, Per::Class),
            };
            assert_eq!(rung.per, per, "{}", rung.stage);
            counter < rung.at_most
        });
        match free {
            Some(rung) => format!("{} for {class}", rung.stage),
            None => format!("blocked by {class}"),
        }
    };
    if let Some(bound) = &edge.bound {
        if counts.fix_cycle >= bound.at_most {
            return repair(bound.exhausted.to_string());
        }
        let Target::Stage(stage) = &edge.to else { panic!("{stage} on {result}: bounded and no stage") };
        return format!("{stage}, counting {}", bound.counter);
    }
    match &edge.to {
        Target::Stage(stage) => stage.to_string(),
        Target::Resume => "resume".to_owned(),
        Target::Repair => repair(format!("{stage}_blocked")),
        Target::End(Ending::Done) => "done".to_owned(),
        Target::End(ending) => ending.as_str().to_owned(),
    }
}

#[test]
fn every_decision_is_the_references_or_a_named_difference() {
    let plan = plan();
    let mut checked = 0;
    for (stage, result, says) in REFERENCE.into_iter().chain([ARBITER_BLOCKED]) {
        let name = stage.parse().expect("a stage");
        let plane = plan.stage_ref(&name).unwrap_or_else(|| panic!("no {stage}")).plane;
        for fix_cycle in 0..=FIX + 1 {
            for repairs in 0..=REPAIRS + 1 {
                for consultant in 0..=CONSULTANT + 1 {
                    let counts = Counts { fix_cycle, repairs, consultant };
                    assert_eq!(
                        graph(plan.graph(plane), stage, result, counts),
                        reference(stage, result, says, plane, counts),
                        "{stage} on {result}, {fix_cycle} fix cycles, {repairs} repairs, {consultant} calls"
                    );
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, 28 * 4 * 5 * 6);
}

#[test]
fn the_table_and_the_plan_have_the_same_stages_and_results() {
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (stage, result, _) in REFERENCE.into_iter().chain([ARBITER_BLOCKED]) {
        table.entry(stage.to_owned()).or_default().push(result.to_owned());
    }
    for results in table.values_mut() {
        results.sort();
    }
    let plan = standard().plan;
    let of_plan: BTreeMap<String, Vec<String>> = plan
        .stages
        .iter()
        .map(|(name, stage)| (name.to_string(), stage.results.keys().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(of_plan, table);
    let edges = plan.execution.edges.len() + plan.planning.edges.len();
    assert_eq!(edges, table.values().map(Vec::len).sum::<usize>(), "no edge beside the table's");
}

#[test]
fn every_difference_is_one() {
    for (stage, result, instead, why) in DIFFERENCES {
        let (.., says) = REFERENCE
            .into_iter()
            .find(|(from, on, _)| (*from, *on) == (stage, result))
            .unwrap_or_else(|| panic!("{stage} {result} is in the table"));
        assert!(matches!(says, ResumeElse(_)), "{stage} {result}: {why}");
        let plan = standard().plan;
        let plane = plan.stages[&stage.parse().expect("a stage")].plane;
        let counts = Counts { fix_cycle: 0, repairs: 0, consultant: 0 };
        assert_eq!(graph(plan.graph(plane), stage, result, counts), instead);
    }
}

#[test]
fn classes_are_those_of_the_contract() {
    use millrace::domain::result::ResultClass;
    for (name, stage) in &standard().plan.stages {
        for (result, class) in &stage.results {
            let expected = match result.as_str() {
                "FIX_NEEDED" | "REMEDIATION_NEEDED" => ResultClass::FollowupNeeded,
                "NEEDS_PLANNING" => ResultClass::EscalatePlanning,
                "BLOCKED" => ResultClass::Blocked,
                _ => ResultClass::Success,
            };
            assert_eq!(*class, expected, "{name} {result}");
        }
    }
}

#[test]
fn the_default_thresholds_are_two() {
    let plan = standard().plan;
    let rungs = |graph: &Loop| {
        graph.repair.iter().map(|rung| format!("{} {}", rung.stage, rung.at_most)).collect::<Vec<_>>()
    };
    assert_eq!(rungs(&plan.execution), ["troubleshooter 2", "consultant 2"]);
    assert_eq!(rungs(&plan.planning), ["mechanic 2"]);
    let bounds: Vec<u32> = plan
        .execution
        .edges
        .iter()
        .filter_map(|edge| edge.bound.as_ref())
        .map(|bound| bound.at_most)
        .collect();
    assert_eq!(bounds, [2, 2]);
}
