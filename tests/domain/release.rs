//! The held lane, and what an operator puts aside.

use millrace::domain::schedule::Next;
use millrace::domain::transition::input::Input;

use crate::support::play::{Play, interruption, item, report, task};

fn release(names: &[&str]) -> Input {
    Input::Release { items: names.iter().map(|name| item(name)).collect() }
}

fn archive(name: &str) -> Input {
    Input::Archive { item: item(name), reason: "duplicate".to_owned() }
}

#[test]
fn what_came_from_outside_is_let_in_by_name() {
    let mut play = Play::new();
    play.add_all(&[task("a").outside("push").after("b"), task("b").outside("push"), task("c")]);
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "task/c"));
    // Named twice, it is let in once.
    let transition = play.done(&release(&["task/b", "task/a", "task/c", "task/b"]));
    assert_eq!(transition.decision.notes, ["task/c is queued, not held"]);
    assert_eq!(play.state("task/a"), "waiting/b/5.0000000001");
    assert_eq!(play.unchanged(&release(&["task/b"])), ["task/b is queued, not held"]);
    assert_eq!(play.refused(&release(&["task/c", "task/none"])).to_string(), "there is no task/none");
    assert_eq!(play.drain(), ["task/b", "task/a", "task/c"]);
    play.end();
}

/// What an outsider sends touches no root before an operator has let it in, and never, if it is put aside.
#[test]
fn what_is_held_is_of_no_lineage() {
    let mut play = Play::judging("r");
    play.add(&task("push").of("r").outside("push by somebody"));
    play.hand(report("ARBITER_COMPLETE"));
    assert_eq!(play.target("r").state.as_str(), "accepted");
    play.done(&archive("task/push"));
    assert_eq!((play.target("r").state.as_str(), play.target("r").archived.len()), ("accepted", 0));
    play.end();
}

#[test]
fn what_nothing_works_on_is_put_aside() {
    let mut play = Play::new();
    play.add_all(&[task("q"), task("w").after("q"), task("h").outside("push"), task("b")]);
    let run = play.claim("task/b");
    assert_eq!(play.refused(&archive("task/b")).to_string(), format!("task/b is worked on by run {run}"));
    for _ in 0..5 {
        play.stage(interruption());
    }
    play.settle_if_owed();
    for name in ["task/q", "task/w", "task/h", "task/b"] {
        play.done(&archive(name));
        assert_eq!(play.state(name), "archived");
        assert_eq!(play.refused(&archive(name)).to_string(), format!("{name} is archived already"));
    }
    assert_eq!(play.refused(&archive("task/none")).to_string(), "there is no task/none");
    assert_eq!((play.next(), play.recovery("task/b")), (Next::Idle, None));
    play.end();
}
