//! An item that one call names twice: found by the simulation, as an internal error.

use millrace::domain::transition::input::{Input, Retrying};

use crate::support::play::{Play, item, report, task};

#[test]
fn releasing_an_item_twice_releases_it_once() {
    let mut play = Play::new();
    play.add(&task("it").outside("a push"));
    play.done(&Input::Release { items: vec![item("task/it"), item("task/it")] });
    assert_eq!(play.state("task/it"), "queued/5.0000000001");
    play.end();
}

#[test]
fn retrying_an_item_twice_retries_it_once() {
    let mut play = Play::with_config("[limits]\nmax_launches_per_item = 1\n");
    play.add(&task("it"));
    play.claim("task/it");
    play.stage(report("BUILDER_COMPLETE"));
    assert_eq!(play.state("task/it"), "blocked");
    play.settle_if_owed();
    let items = vec![item("task/it"), item("task/it")];
    play.done(&Input::Retry(Retrying { items, reason: "fixed".to_owned(), from_start: true, note: None }));
    assert_eq!(play.state("task/it"), "queued/5.0000000001");
    play.end();
}
