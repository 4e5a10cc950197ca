//! A harness without a login (lesson M-03): nothing leaves the queue, and nothing has to be said when it is back.

use millrace::domain::result::InfrastructureClass;
use millrace::domain::schedule::Next;

use crate::support::play::{Document, Play, outage, report, task, well};

#[test]
fn m03_fifty_tasks_wait_for_a_login_and_finish_without_a_command() {
    let mut play = Play::new();
    play.looks = false;
    let fifty: Vec<Document> = (1..=50).map(|n| task(&format!("t{n:02}"))).collect();
    play.add_all(&fifty);
    let began = play.now;
    let mut rests = Vec::new();
    // A day without a login: whatever is launched ends in it.
    while play.now.duration_since(began).as_hours() < 24 {
        match play.next() {
            Next::Claim { item, .. } => {
                play.claim(&item.to_string());
            }
            Next::Launch(_) => {
                play.launch();
            }
            Next::Adopt(_) => {
                play.hand(outage(InfrastructureClass::Auth));
            }
            Next::Restore(_) => play.settle_if_owed(),
            Next::Wait(wait) => {
                assert_eq!(wait.cause, "harness:codex_cli");
                let told = wait.detail.strip_prefix("auth: no luck").expect("what was seen");
                assert_eq!(told.ends_with("an operator should look"), rests.len() >= 2, "{told}");
                let until = wait.until.expect("a time");
                rests.push((until.duration_since(play.now).as_secs() + 59) / 60);
                play.now = until;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rests[..5], [5, 15, 60, 60, 60], "it grows, and has an end");
    assert!(rests.len() < 30, "{}", rests.len());
    let cause = &play.control().pauses[0];
    assert_eq!((cause.owner.as_str(), cause.times as usize), ("runtime", rests.len()));
    let queued = fifty.len() - 1;
    let state = |play: &Play, word: &str| {
        (1..=50).filter(|n| play.state(&format!("task/t{n:02}")).starts_with(word)).count()
    };
    assert_eq!((state(&play, "queued"), state(&play, "active")), (queued, 1), "none left them");
    let run = play.run();
    assert_eq!(
        (run.spent, run.interruptions, play.recovery("task/t01")),
        (0, 0, None),
        "it cost the item nothing"
    );

    // The login is there again, and nobody says so.
    loop {
        match play.next() {
            Next::Claim { item, .. } => {
                play.claim(&item.to_string());
            }
            Next::Launch(_) => {
                play.launch();
            }
            Next::Adopt(run) => {
                play.hand(report(well(run.stage.stage.as_str())));
            }
            Next::Restore(_) => play.settle_if_owed(),
            Next::Wait(wait) => play.now = wait.until.expect("a time"),
            Next::Idle => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(state(&play, "done"), 50);
    assert_eq!(play.control().pauses, []);
    play.end();
}
