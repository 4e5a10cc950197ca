//! Routing over several decisions in a row, on a whole ledger with the shipped plan: the observed sequences of the
//! reference contract (3.6) and what ends them here. Each single decision is in `domain::decision_table`.

use millrace::domain::plan::Ending;
use millrace::domain::result::Judgement;

use crate::support::play::{Play, document, failure, report, resuming, task};

/// A play whose active run is at this stage, with nothing counted.
fn at(stage: &str) -> Play {
    let mut play = Play::new();
    let (name, way): (&str, &[&str]) = match stage {
        "builder" => ("task/it", &[]),
        "checker" => ("task/it", &["BUILDER_COMPLETE"]),
        "fixer" => ("task/it", &["BUILDER_COMPLETE", "FIX_NEEDED"]),
        "doublechecker" => ("task/it", &["BUILDER_COMPLETE", "FIX_NEEDED", "FIXER_COMPLETE"]),
        "updater" => ("task/it", &["BUILDER_COMPLETE", "CHECKER_PASS"]),
        "troubleshooter" => ("task/it", &["BLOCKED"]),
        "consultant" => ("task/it", &["BLOCKED", "BLOCKED", "BLOCKED"]),
        "planner" => ("spec/it", &[]),
        "manager" => ("spec/it", &["PLANNER_COMPLETE"]),
        "mechanic" => ("spec/it", &["BLOCKED"]),
        "auditor" => ("incident/it", &[]),
        other => panic!("{other}"),
    };
    play.add(&document(name));
    play.claim(name);
    for result in way {
        play.stage(report(result));
    }
    assert_eq!(play.run().stage.stage.as_str(), stage);
    play
}

#[test]
fn a_report_that_the_graph_does_not_have_is_refused_by_name() {
    let mut play = at("builder");
    play.launch_if_needed();
    let handoff = play.handing(report("CHECKER_PASS"));
    let refusal = play.refused(&millrace::domain::transition::input::Input::Handoff(Box::new(handoff)));
    assert_eq!(refusal.to_string(), "the plan has no edge for builder CHECKER_PASS");
}

#[test]
fn a_failure_of_the_consultant_blocks_and_of_a_repair_stage_climbs() {
    let mut play = at("consultant");
    assert_eq!(play.stage(failure("missing_marker")).next, "blocked");
    assert_eq!(
        play.recovery("task/it").and_then(|it| it.blocked).expect("a reason").reason,
        "consultant:missing_marker"
    );
    play.end();

    let mut play = at("troubleshooter");
    let result = play.stage(failure("missing_marker"));
    assert_eq!(result.why, "missing_marker: troubleshoot_attempts 1 of 2");
    assert_eq!(play.run().failure.expect("a failure").stage.as_str(), "builder", "what is repaired stays");
    play.end();
}

#[test]
fn repair_stages_resume_where_they_say_else_where_it_failed() {
    for (stage, name) in [("checker", "CHECKER_PASS"), ("updater", "UPDATE_COMPLETE")] {
        let mut play = at(stage);
        play.stage(report("BLOCKED"));
        assert_eq!(play.stage(report("TROUBLESHOOT_COMPLETE")).next, format!("execution/{stage}"));
        play.stage(report(name));
        play.end();
    }
    let mut play = at("checker");
    play.stage(report("BLOCKED"));
    assert_eq!(play.stage(resuming("TROUBLESHOOT_COMPLETE", "fixer")).next, "execution/fixer");
    assert_eq!(play.run().failure, None, "what was repaired is no failure any more");
    play.end();

    let mut play = at("manager");
    play.stage(report("BLOCKED"));
    assert_eq!(play.stage(report("MECHANIC_COMPLETE")).next, "planning/manager");
    play.end();

    let mut play = at("auditor");
    play.stage(report("BLOCKED"));
    assert_eq!(play.stage(report("MECHANIC_COMPLETE")).next, "planning/auditor");
    play.end();
}

#[test]
fn the_consultant_may_send_to_the_troubleshooter_and_the_failure_goes_along() {
    let mut play = at("consultant");
    let mut judgement = report("CONSULT_COMPLETE");
    if let Judgement::Reported { target_stage, resume_stage, .. } = &mut judgement {
        // The target counts more than the stage to resume at.
        *target_stage = Some("troubleshooter".parse().expect("a stage"));
        *resume_stage = Some("checker".parse().expect("a stage"));
    }
    assert_eq!(play.stage(judgement).next, "execution/troubleshooter");
    assert_eq!(play.run().failure.expect("the failure").class.as_str(), "builder_blocked");
    play.end();
}

#[test]
fn what_a_repair_stage_must_not_name_is_ignored_and_said() {
    // (stage, result, said, where it goes)
    let rows = [
        ("troubleshooter", "TROUBLESHOOT_COMPLETE", "consultant", "execution/builder"),
        ("troubleshooter", "TROUBLESHOOT_COMPLETE", "troubleshooter", "execution/builder"),
        ("troubleshooter", "TROUBLESHOOT_COMPLETE", "planner", "execution/builder"),
        ("troubleshooter", "TROUBLESHOOT_COMPLETE", "no-such-stage", "execution/builder"),
        ("consultant", "CONSULT_COMPLETE", "consultant", "execution/builder"),
        ("mechanic", "MECHANIC_COMPLETE", "mechanic", "planning/planner"),
        ("mechanic", "MECHANIC_COMPLETE", "arbiter", "planning/planner"),
    ];
    for (stage, result, said, next) in rows {
        let mut play = at(stage);
        let transition = play.hand_launched(resuming(result, said));
        let came_to = crate::support::play::result_of(&transition);
        assert_eq!(came_to.next, next, "{stage} names {said}");
        let short = next.split_once('/').expect("a plane").1;
        assert!(
            transition.decision.notes.iter().any(|note| note.contains(said) && note.contains(short)),
            "{:?}",
            transition.decision.notes
        );
        play.end();
    }
}

#[test]
fn m04_after_two_fix_cycles_the_item_goes_to_repair() {
    let mut play = Play::new();
    play.add(&task("it"));
    play.claim("task/it");
    play.stage(report("BUILDER_COMPLETE"));
    for _ in 0..2 {
        assert_eq!(play.stage(report("FIX_NEEDED")).next, "execution/fixer");
        play.stage(report("FIXER_COMPLETE"));
    }
    let result = play.stage(report("FIX_NEEDED"));
    assert_eq!(result.why, "fix_cycle_exhausted: troubleshoot_attempts 1 of 2");
    assert_eq!(play.run().failure.expect("a failure").stage.as_str(), "doublechecker");
    // A new pass does not give the cycles back.
    play.stage(resuming("TROUBLESHOOT_COMPLETE", "builder"));
    play.stage(report("BUILDER_COMPLETE"));
    assert_eq!(play.stage(report("FIX_NEEDED")).why, "fix_cycle_exhausted: troubleshoot_attempts 2 of 2");
    let counted: Vec<String> = play
        .recovery("task/it")
        .expect("counters")
        .counters
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(counted, ["fix_cycle=2", "troubleshoot_attempts/fix_cycle_exhausted=2"]);
    play.end();
}

/// Reference 3.6: `builder` always blocked, repairs always fine, goes on for ever there.
#[test]
fn m04_a_stage_that_is_always_blocked_ends_blocked_with_the_rule_named() {
    let mut play = Play::new();
    play.add(&task("it"));
    let run = play.claim("task/it");
    let mut stages = Vec::new();
    loop {
        let stage = play.run().stage.stage.to_string();
        stages.push(stage.clone());
        let result = match stage.as_str() {
            "builder" => "BLOCKED",
            "troubleshooter" => "TROUBLESHOOT_COMPLETE",
            _ => "CONSULT_COMPLETE",
        };
        if play.stage(report(result)).next == "blocked" {
            break;
        }
    }
    assert_eq!(
        stages,
        [
            "builder",
            "troubleshooter",
            "builder",
            "troubleshooter",
            "builder",
            "consultant",
            "builder",
            "consultant",
            "builder"
        ]
    );
    let blocked = play.recovery("task/it").and_then(|it| it.blocked).expect("a reason");
    assert_eq!(blocked.reason, "builder_blocked: every repair was tried");
    assert_eq!(blocked.stage.as_str(), "builder");
    assert_eq!(blocked.turn.to_string(), "5.0000000001", "its turn is kept");
    assert_eq!(play.run_record(&run).and_then(|it| it.end).expect("an end").ending, Ending::Blocked);
    play.end();
}

/// Reference 3.6: blocked, blocked twice in repair, then it needs planning.
#[test]
fn what_needs_planning_ends_its_run_and_blocks_the_item() {
    let mut play = at("consultant");
    let run = play.run().run;
    assert_eq!(play.stage(report("NEEDS_PLANNING")).next, "needs_planning");
    assert_eq!(play.state("task/it"), "blocked");
    assert_eq!(play.run_record(&run).and_then(|it| it.end).expect("an end").ending, Ending::NeedsPlanning);
    play.end();
}

#[test]
fn a_planner_that_is_always_blocked_ends_after_two_mechanics() {
    let mut play = at("planner");
    let mut stages = Vec::new();
    loop {
        let stage = play.run().stage.stage.to_string();
        let result = if stage == "mechanic" { "MECHANIC_COMPLETE" } else { "BLOCKED" };
        stages.push(stage);
        if play.stage(report(result)).next == "blocked" {
            break;
        }
    }
    assert_eq!(stages, ["planner", "mechanic", "planner", "mechanic", "planner"]);
    assert_eq!(play.state("spec/it"), "blocked");
    play.end();
}

/// Every class has troubleshooters of its own, so an agent that fails in a new way each time is stopped by the
/// limit on launches.
#[test]
fn m04_the_limit_on_launches_ends_what_no_counter_ends() {
    let mut play = Play::with_config("[limits]\nmax_launches_per_item = 7\n");
    play.add(&task("it"));
    play.claim("task/it");
    let mut launches = 0;
    loop {
        launches += 1;
        if play.stage(failure(&format!("kind_{launches}"))).next == "blocked" {
            break;
        }
    }
    assert_eq!(launches, 7);
    let recovery = play.recovery("task/it").expect("a record");
    assert_eq!(recovery.spent, 7);
    let blocked = recovery.blocked.expect("a reason");
    assert_eq!(
        (blocked.class.as_str(), blocked.reason.as_str()),
        ("launches_exhausted", "7 launches; the plan allows 7")
    );
    play.end();
}

#[test]
fn the_last_launch_may_still_finish_the_item() {
    let mut play = Play::with_config("[limits]\nmax_launches_per_item = 3\n");
    play.add(&task("it"));
    play.finish("task/it");
    play.end();
}
