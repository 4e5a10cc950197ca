//! Launch and claim: the order, and every way in which one is refused.

use millrace::domain::slot::Slot;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;
use millrace::ledger::transact::Payloads;

use crate::support::play::{Play, document, genesis, item, operator_pause, report, task};

#[test]
fn a_claim_moves_the_item_opens_the_run_and_keeps_what_the_stage_gets() {
    let mut play = Play::new();
    play.add(&task("a").priority(3));
    let run = play.claim("task/a");
    assert_eq!(play.slot("task/a"), Some(Slot::Active));
    let state = play.run();
    assert_eq!((state.run, state.turn.to_string()), (run, "3.0000000001".to_owned()));
    let launch = state.launch.expect("a launch");
    assert_eq!((launch.number, state.launches, state.spent), (1, 1, 0));
    assert!(launch.reserved_seconds > 0);
    play.end();
}

#[test]
fn without_a_plan_nothing_is_claimed() {
    let mut play = Play::empty();
    play.done(&genesis());
    play.add(&task("a"));
    let launching = play.claiming("task/a");
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::NoPlan);
    play.end();
}

#[test]
fn f02_only_what_is_queued_with_that_turn_is_claimed() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b").after("a"), task("held").outside("push")]);
    for name in ["task/b", "task/held", "task/none"] {
        let launching = play.claiming(name);
        let turn = launching.claim.as_ref().expect("a claim").turn;
        let expected = Slot::Queued(turn);
        assert_eq!(play.refused(&Input::Launch(launching)), Refusal::NotThere { item: item(name), expected });
    }
    let mut launching = play.claiming("task/a");
    let turn = "5.0000000009".parse().expect("a turn");
    launching.claim.as_mut().expect("a claim").turn = turn;
    let expected = Slot::Queued(turn);
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::NotThere { item: item("task/a"), expected });
    play.end();
}

#[test]
fn one_run_at_a_time_in_a_work_tree() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b")]);
    let run = play.claim("task/a");
    let launching = play.claiming("task/b");
    assert_eq!(play.refused(&Input::Launch(launching.clone())), Refusal::RunActive { run: run.clone() });
    let more = play.launching(&run);
    assert_eq!(play.refused(&Input::Launch(more)), Refusal::StageUnderWay { run: run.clone(), launch: 1 });
    play.hand(report("BUILDER_COMPLETE"));
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::RunActive { run });
    play.end();
}

#[test]
fn a_run_has_its_id_alone() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b")]);
    let run = play.claim("task/a");
    let mut launching = play.claiming("task/b");
    launching.run = run.clone();
    assert_eq!(play.refused(&Input::Launch(launching.clone())), Refusal::RunExists { run: run.clone() });
    for result in ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"] {
        play.stage(report(result));
    }
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::RunExists { run: run.clone() });
    let more = play.launching(&run);
    assert_eq!(play.refused(&Input::Launch(more)), Refusal::NoSuchRun { run });
    play.end();
}

#[test]
fn a_pause_is_named_with_its_end() {
    let mut play = Play::new();
    play.add(&task("a"));
    let until = play.now.checked_add(jiff::SignedDuration::from_mins(10)).expect("a time");
    let mut cause = operator_pause("lunch", play.now);
    cause.until = Some(until);
    play.done(&Input::Pause(cause));
    let launching = play.claiming("task/a");
    let refusal = play.refused(&Input::Launch(launching.clone()));
    assert_eq!(
        refusal,
        Refusal::Paused { cause: "operator".to_owned(), detail: "lunch".to_owned(), until: Some(until) }
    );
    play.pass(10);
    play.done(&Input::Launch(launching));
    play.end();
}

#[test]
fn what_a_stage_gets_needs_a_name_that_can_be_placed() {
    let mut play = Play::new();
    play.add(&task("a"));
    let mut launching = play.claiming("task/a");
    let mut payloads = Payloads::default();
    launching.evidence.extend([play.kept("a/b", "text", &mut payloads)]);
    let refusal = play.refused_with(&Input::Launch(launching), &payloads);
    assert_eq!(refusal, Refusal::BadName { name: "a/b".to_owned() });
    assert_eq!(play.state("task/a"), "queued/5.0000000001");
}

#[test]
fn f28_a_plan_without_an_entry_for_the_kind_is_named() {
    let mut play = Play::new();
    let selected = play.control().plan.expect("a plan");
    let path = millrace::domain::place::plan(&selected);
    let bytes = play.view(|view| view.file(&path)).expect("readable").expect("a plan");
    let text = String::from_utf8(bytes).expect("text");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("task = ")).collect();
    let without = kept.join("\n") + "\n";
    assert_ne!(without, text);
    let (input, payloads) =
        play.freezing("plan-x-0123456789ab", without.into_bytes(), Vec::new(), Vec::new());
    play.done_with(&input, &payloads);
    play.add(&task("t"));
    let launching = play.claiming("task/t");
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::NoEntry { item: item("task/t") });
    let next = play.next();
    assert!(
        matches!(&next, millrace::domain::schedule::Next::Wait(wait) if wait.cause == "no_entry"),
        "{next:?}"
    );
    // It does not hold up the kinds that the plan takes.
    play.add(&document("incident/i"));
    play.finish("incident/i");
    play.end();
}
