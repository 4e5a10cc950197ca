//! Cancel, in each state.

use millrace::domain::plan::Ending;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;

use crate::support::play::{Play, cancelling, document, interruption, item, report, snapshot, task};

#[test]
fn what_no_run_works_on_is_archived_at_once() {
    let mut play = Play::new();
    play.add_all(&[task("queued"), task("waiting").after("queued"), task("held").outside("push")]);
    play.add(&document("spec/blocked"));
    play.claim("spec/blocked");
    while play.state("spec/blocked") == "active" {
        play.stage(report("BLOCKED"));
    }
    assert!(play.recovery("spec/blocked").is_some());
    for name in ["task/queued", "task/waiting", "task/held", "spec/blocked"] {
        play.cancel(name);
        assert_eq!(play.state(name), "archived");
        let refusal = play.refused(&cancelling(name));
        assert_eq!(refusal, Refusal::AlreadyClosed { item: item(name), state: "archived" });
    }
    assert_eq!(play.recovery("spec/blocked"), None);
    assert_eq!((play.control().closed.tasks.archived, play.control().closed.specs.archived), (3, 1));
    play.end();
}

#[test]
fn what_is_done_or_never_was_is_named() {
    let mut play = Play::new();
    play.add(&task("a"));
    play.finish("task/a");
    assert_eq!(
        play.refused(&cancelling("task/a")),
        Refusal::AlreadyClosed { item: item("task/a"), state: "done" }
    );
    assert_eq!(play.refused(&cancelling("task/b")), Refusal::NoSuchItem { item: item("task/b") });
    assert_eq!(play.refused(&cancelling("spec/a")), Refusal::NoSuchItem { item: item("spec/a") });
}

#[test]
fn a_stage_under_way_is_asked_first_and_the_end_comes_with_its_stop() {
    let mut play = Play::new();
    play.add(&task("a"));
    let run = play.claim("task/a");
    play.cancel("task/a");
    assert_eq!(play.state("task/a"), "active");
    assert_eq!(play.run().cancel.expect("a wish").reason, "not wanted");
    assert_eq!(play.unchanged(&cancelling("task/a")), ["task/a is being cancelled already"]);
    // Even a good result ends it now, and the work goes back.
    let result = play.hand(report("BUILDER_COMPLETE"));
    assert_eq!(crate::support::play::result_of(&result).next, "cancelled");
    assert_eq!(play.state("task/a"), "archived");
    let end = play.run_record(&run).and_then(|record| record.end).expect("an end");
    assert_eq!((end.ending, end.reason.as_str()), (Ending::Cancelled, "not wanted"));
    let owed = play.control().owed.expect("a debt");
    assert_eq!((owed.from, owed.to), (snapshot(1), snapshot(251)));
    play.end();
}

#[test]
fn between_stages_a_run_ends_at_once() {
    let mut play = Play::new();
    play.add(&task("a"));
    play.claim("task/a");
    play.stage(report("BUILDER_COMPLETE"));
    play.cancel("task/a");
    assert_eq!(play.state("task/a"), "archived");
    let owed = play.control().owed.expect("a debt");
    assert_eq!((owed.from, owed.to), (snapshot(1), snapshot(251)));
    play.end();
}

/// The work tree still holds what the interrupted stage left: that is what has to go, not the last good snapshot.
#[test]
fn a_cancel_before_the_tree_went_back_owes_from_what_is_there() {
    let mut play = Play::new();
    play.add(&task("a"));
    let run = play.claim("task/a");
    play.stage(report("BUILDER_COMPLETE"));
    play.stage(interruption());
    assert_eq!(play.control().owed.map(|owed| (owed.from, owed.to)), Some((snapshot(2), snapshot(1))));
    play.cancel("task/a");
    let owed = play.control().owed.expect("a debt");
    assert_eq!((owed.run, owed.from, owed.to), (run.clone(), snapshot(2), snapshot(251)));
    // Who was at it brought the tree back to what was owed before the cancel, which is not all of it now.
    let settled = |to| Input::TreeSettled { run: run.clone(), paths: 1, to: Some(to), snapshot: None };
    assert_eq!(play.refused(&settled(snapshot(1))), Refusal::NothingOwed { run: run.clone() });
    play.done(&settled(snapshot(251)));
    assert_eq!(play.next(), Next::Idle);
    play.end();
}

#[test]
fn a_cancelled_run_takes_nothing_more() {
    let mut play = Play::new();
    play.add(&task("a"));
    let run = play.claim("task/a");
    play.cancel("task/a");
    let launching = play.launching(&run);
    assert_eq!(
        play.refused(&Input::Launch(launching.clone())),
        Refusal::StageUnderWay { run: run.clone(), launch: 1 }
    );
    let handoff = play.handing(report("BUILDER_COMPLETE"));
    play.done(&Input::Handoff(Box::new(handoff.clone())));
    play.settle_if_owed();
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::NoSuchRun { run: run.clone() });
    assert_eq!(play.refused(&Input::Handoff(Box::new(handoff))), Refusal::LateResult { run });
    play.end();
}
