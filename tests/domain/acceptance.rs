//! Acceptance: a root opens a target, its lineage drains, a judge looks at the whole, and a verdict closes it.

use millrace::domain::closure::{Finding, TargetState};
use millrace::domain::roots::{self, Obstacle};
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::Input;
use millrace::domain::view::View as _;

use crate::support::play::{
    Play, document, failure, interruption, item, rejection, report, result_of, retrying, task,
};

use Finding::{Gap, Pass};

fn word(play: &Play, root: &str) -> String {
    match play.target(root).state {
        TargetState::Blocked { class, reason, .. } => format!("blocked {class}: {reason}"),
        other => other.as_str().to_owned(),
    }
}

fn obstacle(play: &Play, root: &str) -> Option<Obstacle> {
    let target = play.target(root);
    play.view(|view| roots::obstacle(view, &target)).expect("readable")
}

/// One round of remediation: the gap is judged, its incident planned into a task, and that done.
fn round(play: &mut Play, findings: &[Finding], fix: &str) {
    play.judge("r");
    play.hand_verdict("REMEDIATION_NEEDED", findings);
    let Next::Claim { item, .. } = play.next() else { panic!("{:?}", play.next()) };
    assert!(item.to_string().starts_with("incident/incident-r-"), "{item}");
    play.claim(&item.to_string());
    play.stage(report("AUDITOR_COMPLETE"));
    play.stage(report("PLANNER_COMPLETE"));
    play.bring("MANAGER_COMPLETE", &[task(fix)]);
    play.finish(&format!("task/{fix}"));
}

#[test]
fn f01_a_root_opens_a_target_and_its_drained_lineage_is_judged() {
    let mut play = Play::new();
    play.root("r", &[task("a"), task("b").after("a")]);
    assert_eq!((word(&play, "r").as_str(), play.control().targets.len()), ("open", 1));
    play.finish("task/a");
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "task/b"));
    let Some(Obstacle::Open { items }) = obstacle(&play, "r") else { panic!() };
    assert_eq!(items.iter().map(|(item, _)| item.to_string()).collect::<Vec<_>>(), ["task/b"]);
    play.finish("task/b");
    assert_eq!(
        (obstacle(&play, "r"), play.next()),
        (None, Next::Judge { root: "r".parse().expect("an id") })
    );
    let run = play.judge("r");
    assert!(play.run().closure);
    assert_eq!((play.run().item.to_string(), play.state("spec/r")), ("spec/r".into(), "done".into()));
    let transition = play.hand_verdict("ARBITER_COMPLETE", &[Pass, Pass]);
    assert_eq!(result_of(&transition).next, "done");
    let target = play.target("r");
    assert!(matches!(target.state, TargetState::Accepted { .. }));
    assert_eq!(target.verdict, Some(run.clone()));
    let verdict = play.view(|view| view.verdict(&target.root, &run)).expect("readable").expect("a verdict");
    assert_eq!(verdict.criteria.len(), 2);
    assert_eq!((play.next(), play.control().targets.len()), (Next::Idle, 0));
    assert_eq!(obstacle(&play, "r"), Some(Obstacle::Closed));
    play.end();
}

/// Lesson F-24: a root that waits for an operator is open and not actionable; the next one begins.
#[test]
fn f24_one_root_at_a_time_and_a_blocked_one_holds_no_other_up() {
    let mut play = Play::new();
    play.add_all(&[document("spec/r"), document("spec/s"), document("spec/t")]);
    play.root("r", &[task("a")]);
    let Next::Claim { item, .. } = play.next() else { panic!() };
    assert_eq!(item.to_string(), "task/a", "a root that waits holds no task up");
    play.claim("task/a");
    for _ in 0..4 {
        play.stage(report("BLOCKED"));
    }
    play.settle_if_owed();
    let Some(Obstacle::Open { items }) = obstacle(&play, "r") else { panic!() };
    assert_eq!(items[0].1.state(), "blocked", "it is named with where it stands");
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "spec/s"));
    play.root("s", &[task("b")]);
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "task/b"));
    // Let go on, the first one is not held back by the second.
    play.done(&Input::Retry(retrying(&["task/a"])));
    assert_eq!(play.drain(), ["reopen task/a", "judge r", "task/b", "judge s", "spec/t", "judge t"]);
    play.end();
}

#[test]
fn more_roots_at_a_time_where_the_plan_says_so() {
    let mut play = Play::with_config("[limits]\nmax_open_roots = 2\n");
    play.add_all(&[document("spec/r"), document("spec/s"), document("spec/t")]);
    play.root("r", &[task("a")]);
    play.root("s", &[task("b")]);
    let launching = play.claiming("spec/t");
    assert_eq!(
        play.refused(&Input::Launch(launching)).to_string(),
        "spec/t waits: spec/r, spec/s is to be accepted first; the plan opens 2 roots at a time"
    );
    play.end();
}

/// Lesson F-41: cancelled is closed. Who judges is told of it.
#[test]
fn f41_an_archived_descendant_is_named_and_does_not_keep_its_root_open() {
    let mut play = Play::new();
    play.root("r", &[task("a"), task("b")]);
    play.finish("task/a");
    play.cancel("task/b");
    assert_eq!(play.target("r").archived, [item("task/b")]);
    assert!(matches!(play.next(), Next::Judge { .. }));
    play.end();
}

#[test]
fn a_root_that_is_given_up_leaves_nothing_to_judge() {
    let mut play = Play::new();
    play.add(&document("spec/r"));
    play.claim("spec/r");
    play.cancel("spec/r");
    play.hand(report("PLANNER_COMPLETE"));
    play.settle_if_owed();
    let TargetState::Cancelled { reason, .. } = play.target("r").state else {
        panic!("{}", word(&play, "r"))
    };
    assert_eq!((reason.as_str(), play.next()), ("not wanted", Next::Idle));
    // With other work of it open, that is judged.
    let mut play = Play::new();
    play.add(&document("spec/r"));
    play.claim("spec/r");
    play.bring("PLANNER_COMPLETE", &[document("spec/child")]);
    play.cancel("spec/r");
    play.settle_if_owed();
    assert_eq!((word(&play, "r").as_str(), play.target("r").archived), ("open", vec![item("spec/r")]));
    assert_eq!(play.drain(), ["spec/child", "judge r"]);
    play.end();
}

#[test]
fn a_gap_opens_one_incident_and_the_fix_is_judged_again() {
    let mut play = Play::judging("r");
    play.hand_verdict("ARBITER_COMPLETE", &[Pass]);
    let mut play = Play::new();
    play.root("r", &[task("work")]);
    play.finish("task/work");
    round(&mut play, &[Pass, Gap], "fix");
    assert_eq!((play.target("r").rounds, word(&play, "r").as_str()), (1, "open"));
    play.judge("r");
    play.hand_verdict("ARBITER_COMPLETE", &[Pass, Pass]);
    assert_eq!((word(&play, "r").as_str(), play.next()), ("accepted", Next::Idle));
    play.end();
}

/// Lessons F-20 and M-04: the same gap twice in a row stops with a name.
#[test]
fn f20_the_same_gap_twice_in_a_row_blocks_the_root() {
    let mut play = Play::new();
    play.root("r", &[task("work")]);
    play.finish("task/work");
    round(&mut play, &[Pass, Gap], "fix");
    play.judge("r");
    let transition = play.hand_verdict("REMEDIATION_NEEDED", &[Gap, Gap]);
    assert_eq!(result_of(&transition).next, "blocked");
    assert_eq!(word(&play, "r"), "blocked same_gap_twice: the same gap twice in a row: c2");
    play.settle_if_owed();
    assert_eq!(play.next(), Next::Idle);
    assert_eq!(
        obstacle(&play, "r"),
        Some(Obstacle::Blocked { reason: "the same gap twice in a row: c2".into() })
    );
    // An operator who lets it go on gives it a round, also for that very gap.
    play.done(&Input::Retry(retrying(&["spec/r"])));
    assert_eq!((word(&play, "r").as_str(), play.target("r").rounds), ("open", 0));
    round(&mut play, &[Pass, Gap], "again");
    play.judge("r");
    play.hand_verdict("REMEDIATION_NEEDED", &[Pass, Gap]);
    assert!(word(&play, "r").starts_with("blocked same_gap_twice"));
    play.end();
}

/// Lesson F-35: what a round brings is known by its own id, not by its root; a later round overwrites nothing.
#[test]
fn f35_each_round_has_its_own_incident_and_verdict() {
    let mut play = Play::new();
    play.root("r", &[task("work")]);
    play.finish("task/work");
    round(&mut play, &[Gap, Pass], "one");
    let first = play.target("r").verdict.expect("a verdict");
    round(&mut play, &[Pass, Gap], "two");
    let second = play.target("r").verdict.expect("a verdict");
    let root = "r".parse().expect("an id");
    for (run, findings) in [(&first, [Gap, Pass]), (&second, [Pass, Gap])] {
        let verdict = play.view(|view| view.verdict(&root, run)).expect("readable").expect("a verdict");
        assert_eq!(verdict.criteria.iter().map(|it| it.finding).collect::<Vec<_>>(), findings);
    }
    assert_eq!(play.control().closed.of(millrace::domain::item::ItemKind::Incident).done, 2);
    play.end();
}

#[test]
fn m04_rounds_of_remediation_are_bounded() {
    let mut play = Play::with_config("[limits]\nmax_remediation_rounds = 2\n");
    play.root("r", &[task("work")]);
    play.finish("task/work");
    round(&mut play, &[Gap, Pass, Pass], "one");
    round(&mut play, &[Pass, Gap, Pass], "two");
    play.judge("r");
    play.hand_verdict("REMEDIATION_NEEDED", &[Pass, Pass, Gap]);
    assert_eq!(word(&play, "r"), "blocked remediation_exhausted: 2 rounds of remediation; the plan allows 2");
    play.end();
}

#[test]
fn a_gap_whose_incident_cannot_come_in_blocks_the_root() {
    use millrace::ledger::transact::Payloads;
    let mut play = Play::judging("r");
    let mut payloads = Payloads::default();
    let incident = play.incident(&mut payloads);
    let mut taken = incident.clone();
    let mut other = Payloads::default();
    taken.document = other.add(play.store(), b"another\n".to_vec()).expect("a payload");
    play.done_with(&Input::Enqueue { documents: vec![taken] }, &other);
    let mut handoff = play.handing(report("REMEDIATION_NEEDED"));
    handoff.verdict = Some(Box::new(play.judged(&[Gap], &mut payloads)));
    handoff.incident = Some(Box::new(incident));
    play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    assert!(word(&play, "r").contains("exists already with other content"), "{}", word(&play, "r"));
    play.end();
}

#[test]
fn a_gap_without_its_incident_is_refused() {
    use millrace::ledger::transact::Payloads;
    let mut play = Play::judging("r");
    let mut payloads = Payloads::default();
    let mut handoff = play.handing(report("REMEDIATION_NEEDED"));
    handoff.verdict = Some(Box::new(play.judged(&[Gap], &mut payloads)));
    assert_eq!(
        play.refused_with(&Input::Handoff(Box::new(handoff)), &payloads).to_string(),
        "a gap of r needs its incident"
    );
    play.end();
}

/// A judge that fails, or whose verdict is none, is tried again, boundedly; then the root stops with a name.
#[test]
fn f63_a_judge_that_fails_three_times_blocks_the_root_with_its_class() {
    for (judgement, class) in [
        (failure("runner_timeout"), "runner_timeout"),
        (
            rejection("ARBITER_COMPLETE", "planning_post_stage_apply_failed"),
            "planning_post_stage_apply_failed",
        ),
    ] {
        let mut play = Play::judging("r");
        for _ in 0..2 {
            let result = play.stage(judgement.clone());
            assert_eq!(result.next, "planning/arbiter");
            assert!(play.control().owed.is_some(), "a judge changes nothing: what it left goes back");
            play.settle_if_owed();
        }
        assert_eq!(play.stage(judgement).next, "blocked");
        assert!(word(&play, "r").starts_with(&format!("blocked {class}: ")), "{}", word(&play, "r"));
        play.settle_if_owed();
        assert_eq!(play.next(), Next::Idle);
        play.done(&Input::Retry(retrying(&["spec/r"])));
        assert_eq!(play.drain(), ["judge r"]);
        play.end();
    }
}

#[test]
fn a_judge_that_cannot_judge_or_is_interrupted_too_often_blocks_the_root() {
    let mut play = Play::judging("r");
    play.hand(report("BLOCKED"));
    assert_eq!(word(&play, "r"), "blocked arbiter_blocked: arbiter:BLOCKED");
    play.end();
    let mut play = Play::judging("r");
    for _ in 0..4 {
        play.stage(interruption());
        play.settle_if_owed();
    }
    play.stage(interruption());
    assert_eq!(word(&play, "r"), "blocked interruptions_exhausted: interrupted 5 times in a row");
    play.end();
}

/// What came in while it was judged was not judged: the verdict is kept, and does not close the root.
#[test]
fn f47_work_that_came_in_meanwhile_voids_the_verdict() {
    let mut play = Play::judging("r");
    play.add(&task("late").of("r"));
    let transition = play.hand_verdict("ARBITER_COMPLETE", &[Pass]);
    let why = "arbiter:ARBITER_COMPLETE, not accepted: task/late came in meanwhile";
    assert_eq!((result_of(&transition).why.as_str(), word(&play, "r").as_str()), (why, "open"));
    assert!(play.target("r").verdict.is_some());
    assert_eq!(play.drain(), ["task/late", "judge r"]);
    assert_eq!(word(&play, "r"), "accepted");
    play.end();
}

#[test]
fn a_later_item_opens_a_closed_root_again() {
    let mut play = Play::judging("r");
    play.hand(report("ARBITER_COMPLETE"));
    // One from outside does so when it is let in, not before.
    play.add(&task("push").of("r").outside("push by somebody"));
    assert_eq!((word(&play, "r").as_str(), play.lineage("r").len()), ("accepted", 0));
    play.done(&Input::Release { items: vec![item("task/push")] });
    assert_eq!((word(&play, "r").as_str(), play.control().targets.len()), ("open", 1));
    assert_eq!(play.drain(), ["task/push", "judge r"]);
    play.add_all(&[task("x").of("r"), task("y").of("r")]);
    assert_eq!(play.drain(), ["task/x", "task/y", "judge r"]);
    play.end();
}

/// Lesson F-20: a lineage has one name, also where a document names a spec in the middle of it.
#[test]
fn f20_a_document_that_names_a_derived_spec_is_of_its_root() {
    let mut play = Play::new();
    play.add_all(&[document("spec/r"), document("spec/child").of("r")]);
    play.add(&task("deep").of("child"));
    assert_eq!(play.lineage("r"), ["spec/child", "spec/r", "task/deep"]);
    assert_eq!(play.lineage("child"), [""; 0]);
    play.end();
}

#[test]
fn a_target_names_no_idea_that_was_never_kept() {
    let mut play = Play::new();
    let (mut input, payloads) = play.adding(&[document("spec/r")]);
    if let Input::Enqueue { documents } = &mut input {
        documents[0].intake.root_idea_id = Some("nowhere".parse().expect("an id"));
    }
    play.done_with(&input, &payloads);
    play.root("r", &[]);
    assert_eq!(play.target("r").idea, None);
    assert_eq!(play.drain(), ["judge r"]);
    play.end();
}

#[test]
fn a_lineage_is_cancelled_as_a_whole() {
    let cancel = |root: &str| Input::CancelLineage {
        root: root.parse().expect("an id"),
        reason: "other plans".into(),
    };
    let mut play = Play::new();
    assert_eq!(play.refused(&cancel("r")).to_string(), "r is no root whose acceptance was begun");
    play.root("r", &[task("a"), task("b").after("a"), task("c"), task("d")]);
    play.add(&task("other"));
    play.finish("task/c");
    play.claim("task/a");
    play.done(&cancel("r"));
    assert_eq!(word(&play, "r"), "cancelled");
    assert_eq!((play.state("task/b").as_str(), play.state("task/d").as_str()), ("archived", "archived"));
    assert_eq!(play.state("task/a"), "active", "its stage is under way");
    play.hand(report("BUILDER_COMPLETE"));
    play.settle_if_owed();
    assert_eq!((play.state("task/a").as_str(), play.state("task/c").as_str()), ("archived", "done"));
    assert_eq!(word(&play, "r"), "cancelled");
    assert_eq!(play.unchanged(&cancel("r")), ["spec/r is cancelled already"]);
    // One that was never begun, too.
    play.add(&document("spec/early"));
    assert_eq!(play.done(&cancel("early")).decision.effects.len(), 2);
    let again = play.unchanged(&cancel("early"));
    assert_eq!(again, ["spec/early is archived already, and nothing of its lineage is open"]);
    assert_eq!(play.drain(), ["task/other"]);
    play.end();
}

#[test]
fn a_lineage_is_cancelled_while_it_is_judged() {
    for under_way in [true, false] {
        let mut play = Play::judging("r");
        if !under_way {
            play.hand(interruption());
        }
        play.done(&Input::CancelLineage { root: "r".parse().expect("an id"), reason: "enough".into() });
        if under_way {
            play.hand_verdict("ARBITER_COMPLETE", &[Pass]);
        }
        assert_eq!(word(&play, "r"), "cancelled");
        play.settle_if_owed();
        assert_eq!(play.next(), Next::Idle);
        play.end();
    }
}

#[test]
fn a_judgement_is_cancelled_by_its_run() {
    let mut play = Play::judging("r");
    let run = play.run().run;
    let cancel = |run| Input::CancelRun { run, reason: "not now".into() };
    play.done(&cancel(run.clone()));
    assert_eq!(play.unchanged(&cancel(run.clone())), [format!("run {run} is being cancelled already")]);
    play.hand_verdict("ARBITER_COMPLETE", &[Pass]);
    assert_eq!(word(&play, "r"), "blocked cancelled: its judgement was cancelled: not now");
    assert_eq!(play.refused(&cancel(run.clone())).to_string(), format!("no run {run} is active"));
    play.settle_if_owed();
    // Between its stages it ends at once.
    play.done(&Input::Retry(retrying(&["spec/r"])));
    let run = play.judge("r");
    play.hand(interruption());
    play.done(&cancel(run));
    assert!(word(&play, "r").starts_with("blocked cancelled"));
    play.settle_if_owed();
    play.add(&task("t"));
    let run = play.claim("task/t");
    assert_eq!(
        play.refused(&cancel(run.clone())).to_string(),
        format!("run {run} works on task/t: cancel the item")
    );
    play.end();
}

#[test]
fn f26_what_cannot_be_judged_says_why() {
    let mut play = Play::new();
    let judging = |play: &mut Play, root: &str| {
        let run = play.run_id();
        let mut launching = play.launching(&run);
        launching.judge = Some(millrace::domain::transition::input::Judge {
            root: root.parse().expect("an id"),
            base: None,
            branch: None,
            start: crate::support::play::snapshot(9),
        });
        play.refused(&Input::Launch(launching)).to_string()
    };
    assert_eq!(judging(&mut play, "r"), "r is no root whose acceptance was begun");
    let tasks: Vec<_> = (1..=7).map(|n| task(&format!("t{n}"))).collect();
    play.root("r", &tasks);
    assert_eq!(
        judging(&mut play, "r"),
        "r cannot be judged: not done: task/t1, task/t2, task/t3, task/t4, task/t5, 2 more"
    );
    play.done(&Input::CancelLineage { root: "r".parse().expect("an id"), reason: "enough".into() });
    assert_eq!(judging(&mut play, "r"), "r cannot be judged: it is cancelled");
    let mut play = Play::judging("r");
    play.hand(report("BLOCKED"));
    play.settle_if_owed();
    assert_eq!(judging(&mut play, "r"), "r cannot be judged: arbiter:BLOCKED");
    play.end();
}

/// Lesson M-06: a plan that judges nothing is a visible wait, and holds nothing up.
#[test]
fn m06_without_a_judge_in_the_plan_the_root_waits_visibly() {
    let mut play = Play::new();
    play.root("r", &[task("a")]);
    play.finish("task/a");
    let path = millrace::domain::place::plan(&play.control().plan.expect("a plan"));
    let plan = play.view(|view| view.file(&path)).expect("readable").expect("a plan");
    let plan = String::from_utf8(plan).expect("text");
    let (before, completion) = plan.split_once("\n[completion]\n").expect("who judges");
    let after = completion.find("\n[").map_or("", |end| &completion[end..]);
    let without = format!("{before}{after}").into_bytes();
    let (input, payloads) = play.freezing("plan-x-0123456789ab", without, Vec::new(), Vec::new());
    play.done_with(&input, &payloads);
    let Next::Wait(wait) = play.next() else { panic!("{:?}", play.next()) };
    assert_eq!(
        (wait.cause.as_str(), wait.detail.as_str()),
        ("no_judge", "the selected plan judges no roots, and spec/r is drained")
    );
    play.add(&task("b"));
    play.finish("task/b");
    assert_eq!(word(&play, "r"), "open");
    // With the shipped plan again it is judged.
    play.select("");
    assert_eq!(play.drain(), ["judge r"]);
    play.end();
}
