//! Retry: a blocked item goes on where it failed, with new counters and what an operator says about it.

use millrace::domain::ids::RunId;
use millrace::domain::place;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::{Input, Retrying};

use crate::support::play::{
    Play, cancelling, document, failure, interruption, item, rejection, report, retrying, task,
};

/// A task that failed its check until nothing was left to try; gives its run.
fn blocked() -> (Play, RunId) {
    let mut play = Play::new();
    play.add(&task("t").priority(3));
    let run = play.claim("task/t");
    play.stage(report("BUILDER_COMPLETE"));
    for result in ["BLOCKED", "BLOCKED", "BLOCKED", "BLOCKED"] {
        play.stage(report(result));
    }
    play.settle_if_owed();
    assert_eq!(play.state("task/t"), "blocked");
    (play, run)
}

fn noted(play: &Play, retrying: Retrying, text: &str) -> (Input, millrace::ledger::transact::Payloads) {
    let mut payloads = millrace::ledger::transact::Payloads::default();
    let note = payloads.add(play.store(), text.as_bytes().to_vec()).expect("a payload");
    (Input::Retry(Retrying { note: Some(note), ..retrying }), payloads)
}

fn note(play: &Play) -> Option<String> {
    let bytes = play.view(|view| view.file(&place::note(&item("task/t")))).expect("readable");
    bytes.map(|bytes| String::from_utf8(bytes).expect("text"))
}

#[test]
fn it_goes_on_at_the_stage_that_failed_and_owes_that_runs_work() {
    let (mut play, earlier) = blocked();
    let record = play.run_record(&earlier).expect("a record");
    play.done(&Input::Retry(retrying(&["task/t"])));
    assert_eq!(play.state("task/t"), "queued/3.0000000001", "its turn is its own");
    assert_eq!(
        play.next(),
        Next::Reopen { item: item("task/t"), turn: "3.0000000001".parse().expect("a turn") }
    );
    // It cannot be claimed as if nothing had been.
    let launching = play.claiming("task/t");
    assert_eq!(
        play.refused(&Input::Launch(launching)).to_string(),
        format!("task/t goes on with the work of run {earlier}: that is put back first")
    );
    let run = play.reopen("task/t");
    assert_eq!(play.run().continues, Some(earlier));
    assert_eq!(play.run().stage.to_string(), "execution/checker");
    let owed = play.control().owed.expect("a debt");
    assert_eq!(
        (owed.run, owed.from, owed.to),
        (run.clone(), record.start, record.end.expect("an end").snapshot)
    );
    // Nothing starts before it stands on that work, and it does not stand on nothing.
    let launching = play.launching(&run);
    assert_eq!(
        play.refused(&Input::Launch(launching)).to_string(),
        format!("the work tree still holds what run {run} left behind")
    );
    let without = Input::TreeSettled { run: run.clone(), paths: 0, to: None, snapshot: None };
    assert_eq!(
        play.refused(&without).to_string(),
        format!("run {run} goes on with earlier work: settling its tree takes a snapshot")
    );
    let stands = play.new_snapshot();
    play.done(&Input::TreeSettled { run, paths: 2, to: None, snapshot: Some(stands) });
    assert_eq!((play.run().snapshot, play.run().tip), (stands, stands));
    for result in ["CHECKER_PASS", "UPDATE_COMPLETE"] {
        play.stage(report(result));
    }
    assert_eq!(play.state("task/t"), "done");
    play.end();
}

#[test]
fn from_the_start_it_is_claimed_as_if_it_were_new() {
    let (mut play, _) = blocked();
    play.done(&Input::Retry(Retrying { from_start: true, ..retrying(&["task/t"]) }));
    assert!(matches!(play.next(), Next::Claim { .. }));
    let claim = play.claiming("task/t").claim.expect("a claim");
    let run = play.run_id();
    assert_eq!(
        play.refused(&Input::Reopen { run, claim }).to_string(),
        "task/t does not go on with an earlier run's work"
    );
    play.finish("task/t");
    assert_eq!(play.recovery("task/t"), None);
    play.end();
}

/// Lesson F-48: new counters, and the bounds hold for them as for the old ones.
#[test]
fn f48_all_counters_are_new_and_it_is_still_bounded() {
    let (mut play, _) = blocked();
    let before = play.recovery("task/t").expect("trouble");
    assert!(before.spent > 0 && !before.counters.is_empty());
    play.done(&Input::Retry(retrying(&["task/t"])));
    let after = play.recovery("task/t").expect("that it was let go on");
    assert_eq!((after.spent, after.counters.len(), after.blocked), (0, 0, None));
    play.reopen("task/t");
    let mut launches = 0;
    while play.state("task/t") != "blocked" {
        play.stage(failure("again"));
        launches += 1;
        assert!(launches <= 40);
    }
    assert_eq!(launches, 4, "the check, two repairs and the consultant, as the first time");
    assert_eq!(play.recovery("task/t").expect("trouble").retry, None);
    play.end();
}

#[test]
fn the_note_stays_until_a_stage_has_done_its_work() {
    let (mut play, _) = blocked();
    let (input, payloads) = noted(&play, retrying(&["task/t"]), "The server is up again.\n");
    play.done_with(&input, &payloads);
    play.reopen("task/t");
    for judgement in
        [interruption(), rejection("CHECKER_PASS", "execution_post_stage_apply_failed"), report("BLOCKED")]
    {
        play.stage(judgement);
        assert_eq!(note(&play).as_deref(), Some("The server is up again.\n"));
    }
    play.stage(report("TROUBLESHOOT_COMPLETE"));
    assert_eq!((note(&play), play.recovery("task/t").and_then(|it| it.retry)), (None, None));
    play.end();
}

/// What an operator said goes with what they said it about: a new retry has its own note, or none.
#[test]
fn a_block_ends_a_retry_with_its_note() {
    let (mut play, _) = blocked();
    let (input, payloads) = noted(&play, retrying(&["task/t"]), "First.\n");
    play.done_with(&input, &payloads);
    play.reopen("task/t");
    for _ in 0..5 {
        play.stage(interruption());
    }
    assert_eq!((play.state("task/t").as_str(), note(&play)), ("blocked", None));
    play.settle_if_owed();
    play.done(&Input::Retry(retrying(&["task/t"])));
    assert_eq!(note(&play), None);
    let (input, payloads) = noted(&play, retrying(&["task/t"]), "Too late.\n");
    assert!(matches!(play.ask(&input, &payloads), Ok(outcome) if outcome.commit().is_none()), "it is queued");
    play.cancel("task/t");
    play.end();
}

#[test]
fn work_that_cannot_be_put_back_blocks_the_item_again() {
    let (mut play, earlier) = blocked();
    play.done(&Input::Retry(retrying(&["task/t"])));
    let run = play.reopen("task/t");
    let unresumable =
        |run: &RunId| Input::Unresumable { run: run.clone(), detail: "a.txt was changed since".into() };
    play.done(&unresumable(&run));
    let recovery = play.recovery("task/t").expect("trouble");
    let blocked = recovery.blocked.expect("a reason");
    assert_eq!(
        (blocked.class.as_str(), blocked.reason.as_str()),
        (
            "resume_conflict",
            format!("the work of run {earlier} cannot be put back: a.txt was changed since").as_str()
        )
    );
    assert_eq!((blocked.run, blocked.stage.as_str(), recovery.retry), (earlier, "checker", None));
    assert_eq!((play.control().owed, play.next()), (None, Next::Idle));
    assert_eq!(play.refused(&unresumable(&run)).to_string(), format!("no run {run} is active"));
    // The tree is free again: it may be tried once more.
    play.done(&Input::Retry(retrying(&["task/t"])));
    assert_eq!(play.drain(), ["reopen task/t"]);
    assert_eq!(play.state("task/t"), "done");
    play.end();
}

#[test]
fn only_a_run_that_is_to_stand_can_be_unresumable() {
    let mut play = Play::new();
    play.add(&task("t"));
    let run = play.claim("task/t");
    play.hand(interruption());
    assert_eq!(
        play.refused(&Input::Unresumable { run, detail: "no".into() }).to_string(),
        "task/t does not go on with an earlier run's work"
    );
    play.end();
}

/// As much of the earlier work as is in the tree already goes out again.
#[test]
fn a_cancel_before_it_stands_turns_the_debt_around() {
    let (mut play, _) = blocked();
    play.done(&Input::Retry(retrying(&["task/t"])));
    let run = play.reopen("task/t");
    let forward = play.control().owed.expect("a debt");
    play.done(&cancelling("task/t"));
    let back = play.control().owed.expect("a debt");
    assert_eq!((back.run.clone(), back.from, back.to), (run, forward.to, forward.from));
    assert_eq!(play.state("task/t"), "archived");
    play.settle_if_owed();
    assert_eq!(play.next(), Next::Idle);
    play.end();
}

#[test]
fn what_is_not_blocked_stays_as_it_is_and_is_named() {
    let (mut play, _) = blocked();
    play.add(&task("queued"));
    // Named twice, it is let go on once.
    let transition = play.done(&Input::Retry(retrying(&["task/t", "task/queued", "task/t"])));
    assert_eq!(transition.decision.notes, ["task/queued is queued, not blocked"]);
    assert_eq!(play.unchanged(&Input::Retry(retrying(&["task/t"]))), ["task/t is queued, not blocked"]);
    let refusal = play.refused(&Input::Retry(retrying(&["task/queued", "task/nowhere"])));
    assert_eq!(refusal.to_string(), "there is no task/nowhere");
    play.end();
}

/// A root spec that is let go on has its target, also where the plan it failed under judged nothing.
#[test]
fn a_blocked_root_goes_on_with_its_target() {
    let mut play = Play::new();
    play.add_all(&[document("spec/r"), document("spec/s")]);
    play.claim("spec/r");
    for _ in 0..9 {
        if play.state("spec/r") == "blocked" {
            break;
        }
        play.stage(report("BLOCKED"));
    }
    play.settle_if_owed();
    play.claim("spec/s");
    play.stage(report("PLANNER_COMPLETE"));
    play.bring("MANAGER_COMPLETE", &[task("a")]);
    // Another root is actionable, and this one is open: it is not held back.
    play.done(&Input::Retry(retrying(&["spec/r"])));
    assert!(matches!(play.next(), Next::Reopen { item, .. } if item.to_string() == "spec/r"));
    assert_eq!(play.drain(), ["reopen spec/r", "judge r", "task/a", "judge s"]);
    play.end();
}

#[test]
fn a_retry_goes_by_the_plan_that_is_selected_now() {
    let (mut play, _) = blocked();
    play.select("[limits]\nmax_launches_per_item = 7\n");
    play.done(&Input::Retry(retrying(&["task/t"])));
    play.reopen("task/t");
    assert_eq!(play.run().stage.to_string(), "execution/checker", "by the plan that is selected now");
    assert_eq!(Some(play.run().plan), play.control().plan);
    play.end();
}

#[test]
fn the_running_launch_is_ended_and_its_stage_starts_again() {
    let mut play = Play::new();
    play.add(&task("t"));
    let run = play.claim("task/t");
    let again = |run: &RunId| Input::RetryActive { run: run.clone(), reason: "it hangs".into() };
    play.done(&again(&run));
    assert_eq!(play.run().again.expect("a wish").reason, "it hangs");
    assert_eq!(
        play.unchanged(&again(&run)),
        [format!("execution/builder of run {run} is being ended already")]
    );
    let mut handoff = play.handing(interruption());
    handoff.asked = true;
    play.done(&Input::Handoff(Box::new(handoff)));
    assert_eq!((play.run().again, play.run().interruptions, play.run().spent), (None, 0, 0));
    assert_eq!(
        play.unchanged(&again(&run)),
        [format!("no stage of run {run} is under way; execution/builder starts by itself")]
    );
    // A result that came first counts.
    play.launch_if_needed();
    play.done(&again(&run));
    play.hand(report("BUILDER_COMPLETE"));
    assert_eq!((play.run().stage.stage.as_str(), play.run().again), ("checker", None));
    play.launch();
    play.cancel("task/t");
    assert_eq!(play.refused(&again(&run)).to_string(), format!("run {run} is being cancelled"));
    play.hand(report("CHECKER_PASS"));
    assert_eq!(play.refused(&again(&run)).to_string(), format!("no run {run} is active"));
    play.end();
}
