//! Interruptions: no failure of the work, run again, and capped.

use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;

use crate::support::play::{Play, interruption, outage, report, snapshot, task};
use millrace::domain::result::InfrastructureClass;

fn launched() -> Play {
    let mut play = Play::new();
    play.add(&task("it"));
    play.claim("task/it");
    play
}

#[test]
fn an_interrupted_stage_runs_again_once_the_tree_went_back() {
    let mut play = launched();
    let run = play.run().run;
    let transition = play.hand(interruption());
    let result = crate::support::play::result_of(&transition);
    assert_eq!((result.next.as_str(), result.why.as_str()), ("execution/builder", "interrupted"));
    let state = play.run();
    assert_eq!((state.snapshot, state.tip), (snapshot(251), snapshot(1)), "nothing to build on");
    let owed = play.control().owed.expect("a debt");
    assert_eq!((owed.from, owed.to), (snapshot(1), snapshot(251)));
    let launching = play.launching(&run);
    assert_eq!(play.refused(&Input::Launch(launching)), Refusal::TreeOwed { run: run.clone() });
    play.done(&Input::TreeSettled { run, paths: 2, to: None, snapshot: None });
    play.launch();
    assert_eq!(play.run().stage.stage.as_str(), "builder");
    play.end();
}

#[test]
fn five_interruptions_in_a_row_block_the_item() {
    let mut play = launched();
    for n in 1..=5 {
        let next = play.stage(interruption()).next;
        assert_eq!(next, if n == 5 { "blocked" } else { "execution/builder" }, "{n}");
    }
    let blocked = play.recovery("task/it").and_then(|it| it.blocked).expect("a reason");
    assert_eq!(blocked.class.as_str(), "interruptions_exhausted");
    assert_eq!(blocked.reason, "interrupted 5 times in a row");
    // The last one's edits go back all the way.
    let owed = play.control().owed.expect("a debt");
    assert_eq!((owed.from, owed.to), (snapshot(5), snapshot(251)));
    play.end();
}

#[test]
fn work_ends_a_row_of_interruptions_and_a_wish_or_an_outage_does_not() {
    let mut play = launched();
    for _ in 0..4 {
        play.stage(interruption());
    }
    play.stage(report("BUILDER_COMPLETE"));
    assert_eq!(play.run().interruptions, 0);
    for _ in 0..4 {
        play.stage(interruption());
    }
    play.launch_if_needed();
    let mut asked = play.handing(interruption());
    asked.asked = true;
    play.done(&Input::Handoff(Box::new(asked)));
    assert_eq!(play.run().interruptions, 4);
    play.stage(outage(InfrastructureClass::Network));
    assert_eq!(play.run().interruptions, 4);
    play.pass(6);
    assert_eq!(play.stage(interruption()).next, "blocked");
    play.end();
}

#[test]
fn an_asked_interruption_counts_for_nothing() {
    let mut play = launched();
    for _ in 0..12 {
        play.launch_if_needed();
        let mut asked = play.handing(interruption());
        asked.asked = true;
        play.done(&Input::Handoff(Box::new(asked)));
    }
    let run = play.run();
    assert_eq!((run.launches, run.spent, run.interruptions), (12, 0, 0));
    play.end();
}

#[test]
fn interruptions_count_as_launches_of_the_item() {
    let mut play = Play::with_config("[limits]\nmax_launches_per_item = 3\n");
    play.add(&task("it"));
    play.claim("task/it");
    play.stage(interruption());
    play.stage(interruption());
    assert_eq!(play.stage(interruption()).next, "blocked");
    assert_eq!(
        play.recovery("task/it").and_then(|it| it.blocked).expect("a reason").class.as_str(),
        "launches_exhausted"
    );
    play.end();
}
