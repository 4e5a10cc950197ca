//! A fetched ledger goes on here: what it brings is held, and what cannot be held keeps dispatch at rest.

use millrace::domain::schedule::Next;
use millrace::domain::transition::input::{Adopting, Input};
use millrace::domain::view::View as _;

use crate::support::play::{Play, item, operator_pause, start, task};

fn adopting(arrived: &[&str]) -> Adopting {
    Adopting {
        remote: "origin".to_owned(),
        before: None,
        arrived: arrived.iter().map(|name| item(name)).collect(),
        runs: Vec::new(),
        roots: Vec::new(),
        pauses: Vec::new(),
        owed: None,
    }
}

fn adopt(adopting: Adopting) -> Input {
    Input::Adopt(Box::new(adopting))
}

#[test]
fn what_arrives_is_held_with_its_origin_until_it_is_released() {
    let mut play = Play::new();
    play.add_all(&[task("here"), task("new"), task("later").after("new"), task("pushed").outside("push")]);
    play.finish("task/here");
    let arrived = ["task/here", "task/new", "task/later", "task/pushed", "task/unknown"];
    play.done(&adopt(adopting(&arrived)));
    assert_eq!(play.state("task/here"), "done");
    assert_eq!(play.state("task/new"), "held/5.0000000002");
    assert_eq!(play.state("task/later"), "held/5.0000000003");
    assert_eq!(play.state("task/pushed"), "held/5.0000000004");
    let origin = |play: &Play, name: &str| {
        play.view(|view| view.known(&item(name))).expect("readable").expect("known").origin
    };
    assert_eq!(origin(&play, "task/new").as_deref(), Some("fetched from origin"));
    assert_eq!(origin(&play, "task/pushed").as_deref(), Some("push"));
    // Asked again there is nothing left to do.
    play.unchanged(&adopt(adopting(&arrived)));
    play.done(&Input::Release { items: vec![item("task/later"), item("task/new")] });
    assert_eq!(play.state("task/later"), "waiting/new/5.0000000003");
    assert_eq!(play.drain(), ["task/new", "task/later"]);
    play.end();
}

#[test]
fn a_rest_that_stood_here_stands_after_it() {
    let mut play = Play::new();
    let pauses = vec![operator_pause("the day is over", start())];
    play.done(&adopt(Adopting { pauses: pauses.clone(), ..adopting(&[]) }));
    assert_eq!(play.control().pauses, pauses);
    play.unchanged(&adopt(Adopting { pauses, ..adopting(&[]) }));
    play.end();
}

#[test]
fn what_was_begun_elsewhere_waits_for_an_operator() {
    let mut play = Play::new();
    play.add(&task("a"));
    let run = play.claim("task/a");
    play.hand(crate::support::play::report("BUILDER_COMPLETE"));
    let begun = Adopting { runs: vec![run.clone()], roots: vec!["r".parse().unwrap()], ..adopting(&[]) };
    play.done(&adopt(begun));
    let pauses = play.control().pauses;
    assert_eq!(pauses.len(), 1);
    assert_eq!(pauses[0].kind.key(), "approval");
    assert_eq!(
        pauses[0].detail,
        format!("fetched from origin and begun there: run {run}, the closure of spec/r")
    );
    assert!(matches!(play.next(), Next::Wait(..)), "{:?}", play.next());
    play.done(&Input::Resume { cause: "approval".to_owned(), owner: None });
    assert!(matches!(play.next(), Next::Launch(..)), "{:?}", play.next());
    play.end();
}

#[test]
fn what_is_under_way_elsewhere_is_not_gone_on_with() {
    let mut play = Play::new();
    play.add(&task("a"));
    let run = play.claim("task/a");
    let refusal = play.refused(&adopt(adopting(&[]))).to_string();
    let (before, after) = refusal.split_once(" under way there, since ").expect(&refusal);
    assert_eq!(before, format!("run {run} has execution/builder"));
    assert!(after.ends_with("Z: stop its runtime, share it again, then fetch"), "{after}");
    play.hand(crate::support::play::report("BUILDER_COMPLETE"));
    play.unchanged(&adopt(adopting(&[])));
    // It owes its work tree something now; what was owed here as well is no obstacle.
    play.cancel("task/a");
    let refusal = play.refused(&adopt(adopting(&[]))).to_string();
    assert_eq!(
        refusal,
        format!(
            "run {run} has left changes in the work tree there, which have to go back first: run its runtime once more, \
             share it again, then fetch"
        )
    );
    play.unchanged(&adopt(Adopting { owed: Some(run), ..adopting(&[]) }));
    play.settle_if_owed();
    play.end();
}
