//! The outbox: what a stage creates comes in with its handoff, or the handoff does not happen.

use millrace::domain::limits::{DEFAULT_MAX_REJECTED_HANDOFFS, MAX_OUTBOX_DOCUMENTS};
use millrace::domain::result::Judgement;
use millrace::domain::transition::decision::Effect;
use millrace::domain::transition::input::Input;
use millrace::domain::view::View as _;

use crate::support::play::{Document, Play, document, item, rejection, report, result_of, task};

fn planning() -> Play {
    let mut play = Play::new();
    play.add(&document("spec/r"));
    play.claim("spec/r");
    play.stage(report("PLANNER_COMPLETE"));
    play
}

/// The manager's report without a word on why nothing is created.
fn silent() -> Judgement {
    let mut judgement = report("MANAGER_COMPLETE");
    if let Judgement::Reported { nothing_to_create, .. } = &mut judgement {
        *nothing_to_create = None;
    }
    judgement
}

#[test]
fn documents_come_in_with_the_handoffs_own_commit() {
    let mut play = planning();
    play.launch();
    let before = play.transition().seq;
    let transition = play.bring("MANAGER_COMPLETE", &[task("b").after("a"), task("a").priority(1)]);
    assert_eq!(transition.seq, before + 1);
    assert_eq!(play.state("spec/r"), "done");
    assert_eq!(
        (play.state("task/a"), play.state("task/b")),
        ("queued/1.0000000003".into(), "waiting/a/5.0000000002".into())
    );
    assert_eq!(play.lineage("r"), ["task/a", "task/b"]);
    play.end();
}

#[test]
fn m09_f25_a_result_that_promises_documents_brings_one_or_says_why_not() {
    let mut play = planning();
    let refusal = play.bring_refused(silent(), &[]);
    assert_eq!(
        refusal.to_string(),
        "MANAGER_COMPLETE needs a task in the outbox, or `nothing_to_create` in the result file with the reason why none is needed"
    );
    play.hand(report("MANAGER_COMPLETE"));
    assert_eq!(play.state("spec/r"), "done");
    play.end();
}

#[test]
fn what_a_stage_may_not_create_is_refused_by_name() {
    let mut play = planning();
    let refusal = play.bring_refused(report("MANAGER_COMPLETE"), &[document("incident/i")]);
    assert_eq!(refusal.to_string(), "manager may not create incident/i: the plan lets it create tasks");
    play.hand(report("MANAGER_COMPLETE"));
    play.add(&task("t"));
    play.judge("r");
    play.hand(report("ARBITER_COMPLETE"));
    play.claim("task/t");
    let refusal = play.bring_refused(report("BUILDER_COMPLETE"), &[task("u")]);
    assert_eq!(refusal.to_string(), "builder may not create task/u: the plan lets it create nothing");
    play.end();
}

#[test]
fn a_failing_stage_brings_nothing() {
    let mut play = planning();
    let failed =
        Judgement::Failed { class: "runner_timeout".parse().expect("a class"), detail: "late".into() };
    for judgement in
        [report("BLOCKED"), failed, rejection("MANAGER_COMPLETE", "planning_post_stage_apply_failed")]
    {
        let refusal = play.bring_refused(judgement, &[task("a")]);
        assert_eq!(refusal.to_string(), "the stage did not succeed: its documents are not taken in");
    }
    assert_eq!(play.state("task/a"), "nowhere");
    play.end();
}

#[test]
fn a_cancelled_run_brings_nothing_in_and_says_so() {
    for judgement in [report("MANAGER_COMPLETE"), report("BLOCKED")] {
        let mut play = planning();
        play.launch();
        play.cancel("spec/r");
        let (handoff, payloads) = play.bringing(judgement, &[task("a"), task("b")]);
        let transition = play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
        assert_eq!(transition.decision.notes, ["2 documents were not taken in: the run was cancelled"]);
        assert_eq!((play.state("task/a").as_str(), play.state("spec/r").as_str()), ("nowhere", "archived"));
        play.end();
    }
}

#[test]
fn more_documents_than_one_handoff_takes_are_refused_together() {
    let mut play = planning();
    play.looks = false;
    let many: Vec<Document> = (0..=MAX_OUTBOX_DOCUMENTS).map(|n| task(&format!("t{n}"))).collect();
    let refusal = play.bring_refused(report("MANAGER_COMPLETE"), &many);
    assert_eq!(refusal.to_string(), "51 documents in the outbox; at most 50 are taken with one handoff");
    let transition = play.bring("MANAGER_COMPLETE", &many[1..]);
    let admitted = transition.decision.effects.iter().filter(|it| matches!(it, Effect::Admit { .. })).count();
    assert_eq!(admitted, MAX_OUTBOX_DOCUMENTS);
    play.end();
}

#[test]
fn ids_and_cycles_are_held_to_the_rules_of_intake() {
    let mut play = planning();
    play.add_all(&[task("taken"), task("one").after("two")]);
    for (documents, said) in [
        (
            vec![task("taken").body("Other.\n")],
            "task/taken exists already (queued) with other content; take another id",
        ),
        (vec![task("TAKEN")], "task/TAKEN differs from the existing taken only in case; take another id"),
        (vec![task("x"), task("x").body("Other.\n")], "task/x is in this call twice, with different content"),
        (vec![task("two").after("one")], "task/two depends on itself: two -> one -> two"),
        (
            vec![task("x").after("y"), task("y").after("z"), task("z").after("x")],
            "task/x depends on itself: x -> y -> z -> x",
        ),
    ] {
        assert_eq!(play.bring_refused(report("MANAGER_COMPLETE"), &documents).to_string(), said);
    }
    // The same again is no second one.
    play.bring("MANAGER_COMPLETE", &[task("taken"), task("new")]);
    assert!(play.state("task/new").starts_with("queued/"));
    play.end();
}

/// Lesson F-21: nothing that the runtime takes in by itself can wait for ever.
#[test]
fn f21_a_document_that_would_wait_for_ever_is_refused() {
    let mut play = planning();
    play.add(&task("gone"));
    play.cancel("task/gone");
    let refusal = play.bring_refused(report("MANAGER_COMPLETE"), &[task("a").after("gone")]);
    assert_eq!(refusal.to_string(), "task/a would wait for ever: task/gone is archived");
    play.bring("MANAGER_COMPLETE", &[task("a")]);
    // Planning that is in the place of a blocked item cannot wait for it.
    play.claim("task/a");
    for _ in 0..3 {
        play.stage(report("BLOCKED"));
    }
    play.bring("NEEDS_PLANNING", &[document("incident/i")]);
    play.settle_if_owed();
    play.claim("incident/i");
    play.stage(report("AUDITOR_COMPLETE"));
    play.stage(report("PLANNER_COMPLETE"));
    let refusal = play.bring_refused(report("MANAGER_COMPLETE"), &[task("b").after("a")]);
    assert_eq!(
        refusal.to_string(),
        "task/b would wait for ever: task/a is blocked, and what incident/i plans is in its place"
    );
    play.bring("MANAGER_COMPLETE", &[task("b")]);
    assert_eq!(play.drain(), ["task/b", "judge r"]);
    play.end();
}

/// Lesson F-42: what a stage can mend it is told, as often as the plan says; then it counts as a failure of its work.
#[test]
fn f42_a_rejected_handoff_is_tried_again_and_then_repaired() {
    let mut play = planning();
    let code = "planning_post_stage_apply_failed";
    for attempt in 1..=DEFAULT_MAX_REJECTED_HANDOFFS {
        let result = play.stage(rejection("MANAGER_COMPLETE", code));
        assert_eq!(result.next, "planning/manager");
        assert_eq!(result.why, format!("{code}: attempt {attempt} of 2 more"));
        assert_eq!(play.run().rejections, attempt);
        assert_eq!(play.control().owed, None, "its work stays: it mends it");
    }
    let result = play.stage(rejection("MANAGER_COMPLETE", code));
    assert_eq!((result.next.as_str(), play.run().rejections), ("planning/mechanic", 0));
    assert_eq!(play.run().failure.expect("a failure").class.as_str(), code);
    // Each class has its attempts at repair, and then the item is blocked by name.
    loop {
        play.stage(report("MECHANIC_COMPLETE"));
        for _ in 0..DEFAULT_MAX_REJECTED_HANDOFFS {
            play.stage(rejection("MANAGER_COMPLETE", code));
        }
        if play.stage(rejection("MANAGER_COMPLETE", code)).next == "blocked" {
            break;
        }
    }
    let blocked = play.recovery("spec/r").expect("trouble").blocked.expect("a reason");
    assert_eq!((blocked.class.as_str(), blocked.stage.as_str()), (code, "manager"));
    play.end();
}

#[test]
fn interruptions_and_outages_do_not_give_rejected_attempts_back() {
    use crate::support::play::{interruption, outage};
    let mut play = planning();
    let rejected = || rejection("MANAGER_COMPLETE", "planning_work_item_completion_conflict");
    play.stage(rejected());
    play.stage(interruption());
    play.stage(outage(millrace::domain::result::InfrastructureClass::Network));
    play.pass(61);
    play.stage(rejected());
    assert_eq!(play.run().rejections, 2);
    assert_eq!(play.stage(rejected()).next, "planning/mechanic");
    play.end();
}

/// A task at its consultant.
fn consulting() -> Play {
    let mut play = Play::new();
    play.add_all(&[task("it"), task("next").after("it")]);
    play.claim("task/it");
    for _ in 0..3 {
        play.stage(report("BLOCKED"));
    }
    play
}

/// Lesson F-52: one escalation is one incident, the stage's own where it wrote one.
#[test]
fn f52_the_stages_own_incident_is_adopted_and_none_is_written_beside_it() {
    let mut play = consulting();
    let (mut handoff, mut payloads) =
        play.bringing(report("NEEDS_PLANNING"), &[document("incident/own").after("x")]);
    handoff.incident = Some(Box::new(play.incident(&mut payloads)));
    play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    assert!(play.state("incident/own").starts_with("queued/"), "{}", play.state("incident/own"));
    let count = play.view(|view| {
        view.standing(millrace::domain::item::ItemKind::Incident, millrace::domain::place::OpenState::Queued)
    });
    assert_eq!(count.expect("readable").len(), 1);
    let known = play.view(|view| view.known(&item("incident/own"))).expect("readable").expect("known").intake;
    assert_eq!(known.about, Some(item("task/it")));
    let blocked = play.recovery("task/it").expect("trouble").blocked.expect("a reason");
    assert_eq!(blocked.incident.expect("an incident").as_str(), "own");
    play.end();
}

#[test]
fn two_incidents_of_one_escalation_are_refused() {
    let mut play = consulting();
    let refusal =
        play.bring_refused(report("NEEDS_PLANNING"), &[document("incident/a"), document("incident/b")]);
    assert_eq!(refusal.to_string(), "2 incidents in the outbox; one matter is one incident");
    play.end();
}

/// Lesson F-35: an incident is what its id says. One of another matter is not taken for this one.
#[test]
fn f35_an_escalation_cannot_take_another_matters_incident() {
    let mut play = consulting();
    play.add_all(&[document("incident/i"), document("incident/j").body("Other.\n")]);
    for (document, said) in [
        (
            document("incident/i"),
            "incident/i is taken (queued): this matter needs an incident with another id",
        ),
        (document("incident/j"), "incident/j exists already (queued) with other content; take another id"),
        (document("incident/I"), "incident/I differs from the existing i only in case; take another id"),
    ] {
        assert_eq!(play.bring_refused(report("NEEDS_PLANNING"), &[document]).to_string(), said);
    }
    // Once rejected for it, the stage writes another one, and the matter is not lost.
    play.hand(rejection("NEEDS_PLANNING", "execution_work_item_completion_conflict"));
    play.bring("NEEDS_PLANNING", &[document("incident/k")]);
    assert_eq!(play.state("task/it"), "blocked");
    play.end();
}

/// A resolved incident is in the place of its item; those that waited for that wait for what was planned instead.
#[test]
fn f23_a_resolved_incident_supersedes_its_item_and_dependents_move_on() {
    let mut play = consulting();
    play.bring("NEEDS_PLANNING", &[document("incident/own")]);
    play.settle_if_owed();
    play.claim("incident/own");
    play.stage(report("AUDITOR_COMPLETE"));
    play.stage(report("PLANNER_COMPLETE"));
    play.bring("MANAGER_COMPLETE", &[task("p"), task("q").after("p")]);
    assert_eq!(play.state("task/it"), "archived");
    assert!(play.state("task/next").starts_with("waiting/p/"), "{}", play.state("task/next"));
    assert_eq!(play.drain(), ["task/p", "task/q", "task/next"]);
    play.end();
}

#[test]
fn an_item_that_was_let_go_on_is_its_own_matter_again() {
    let mut play = consulting();
    play.bring("NEEDS_PLANNING", &[document("incident/own")]);
    play.settle_if_owed();
    let transition = play.done(&Input::Retry(crate::support::play::retrying(&["task/it"])));
    assert_eq!(
        transition.decision.notes,
        ["incident/own plans for task/it as well; archive it if it is not wanted"]
    );
    play.claim("incident/own");
    play.stage(report("AUDITOR_COMPLETE"));
    play.stage(report("PLANNER_COMPLETE"));
    // And so planning may wait for it.
    play.bring("MANAGER_COMPLETE", &[task("p").after("it")]);
    assert!(play.state("task/it").starts_with("queued/"), "{}", play.state("task/it"));
    assert_eq!(play.drain(), ["reopen task/it", "task/next", "task/p"]);
    play.end();
}

#[test]
fn a_capped_stages_documents_come_in_with_its_block() {
    let mut play = Play::with_config("[limits]\nmax_launches_per_item = 1\n");
    play.add(&document("spec/r"));
    play.claim("spec/r");
    let transition = play.bring("PLANNER_COMPLETE", &[document("spec/child")]);
    assert_eq!(result_of(&transition).next, "blocked");
    assert_eq!(play.lineage("r"), ["spec/child", "spec/r"]);
    play.end();
}
