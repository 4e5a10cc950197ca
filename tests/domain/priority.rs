//! Priority: an item's turn changes, its arrival stays.

use millrace::domain::item::Priority;
use millrace::domain::transition::input::Input;

use crate::support::play::{Play, document, interruption, item, report, retrying, task};

fn set(name: &str, digit: u8) -> Input {
    Input::Prioritise { item: item(name), priority: Priority::try_from(digit).expect("a priority") }
}

#[test]
fn every_open_place_keeps_the_new_turn() {
    let mut play = Play::new();
    play.add_all(&[task("q"), task("w").after("q"), task("h").outside("push"), document("spec/s")]);
    play.done(&set("task/q", 9));
    play.done(&set("task/w", 0));
    play.done(&set("task/h", 1));
    assert_eq!(play.state("task/q"), "queued/9.0000000001");
    assert_eq!(play.state("task/w"), "waiting/q/0.0000000002");
    assert_eq!(play.state("task/h"), "held/1.0000000003");
    assert_eq!(play.unchanged(&set("task/q", 9)), ["task/q has priority 9 already"]);
    play.add(&task("later").priority(8));
    play.done(&Input::Release { items: vec![item("task/h")] });
    assert_eq!(play.drain(), ["spec/s", "judge s", "task/h", "task/later", "task/q", "task/w"]);
    assert_eq!(play.refused(&set("task/q", 1)).to_string(), "task/q is done already");
    assert_eq!(play.refused(&set("task/none", 1)).to_string(), "there is no task/none");
    play.end();
}

#[test]
fn a_blocked_item_comes_back_with_it() {
    let mut play = Play::new();
    play.add(&task("t"));
    let run = play.claim("task/t");
    assert_eq!(play.refused(&set("task/t", 1)).to_string(), format!("task/t is worked on by run {run}"));
    for _ in 0..5 {
        play.stage(interruption());
    }
    play.settle_if_owed();
    play.done(&set("task/t", 1));
    assert_eq!(play.state("task/t"), "blocked");
    play.done(&Input::Retry(retrying(&["task/t"])));
    assert_eq!(play.state("task/t"), "queued/1.0000000001");
    play.done(&set("task/t", 2));
    play.reopen("task/t");
    play.settle_if_owed();
    for result in ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"] {
        play.stage(report(result));
    }
    play.end();
}
