//! Receipts: a request is answered once, however often it is asked, and only so many answers are remembered.

use millrace::domain::ids::RequestId;
use millrace::domain::limits::MAX_RECEIPTS_OF_A_FOLDER;
use millrace::domain::transition::input::Input;
use millrace::domain::view::View as _;
use sha2::{Digest as _, Sha256};

use crate::support::play::{Play, cancelling, item, operator_pause, task};

fn requested(request: &str, asks: Input) -> Input {
    Input::Requested { request: request.parse().expect("an id"), asks: Box::new(asks) }
}

fn receipt(play: &Play, request: &str) -> Option<millrace::domain::receipt::Receipt> {
    let request: RequestId = request.parse().expect("an id");
    play.view(|view| view.receipt(&request)).expect("readable")
}

#[test]
fn f40_it_is_answered_once_and_names_the_commit() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b")]);
    let cancel = requested("req-1", cancelling("task/a"));
    let transition = play.done(&cancel);
    assert_eq!(transition.input.op(), "cancel");
    let receipt = receipt(&play, "req-1").expect("a receipt");
    assert_eq!(
        (receipt.seq, receipt.op.as_str(), receipt.items),
        (transition.seq, "cancel", vec![item("task/a")])
    );
    assert_eq!(
        play.unchanged(&cancel),
        [format!("the request req-1 was answered by number {}", transition.seq)]
    );
    // Whatever became of the state since.
    play.finish("task/b");
    assert_eq!(play.unchanged(&cancel).len(), 1);
    play.end();
}

/// Lesson F-66: what is asked again in another order is the same request.
#[test]
fn f66_the_same_items_in_another_order_are_the_same_request() {
    let mut play = Play::new();
    let (asks, payloads) = play.adding(&[task("a"), task("b")]);
    let first = play.done_with(&requested("req-1", asks), &payloads);
    let (again, _) = play.adding(&[task("b"), task("a")]);
    assert_eq!(
        play.unchanged(&requested("req-1", again.clone())),
        [format!("the request req-1 was answered by number {}", first.seq)]
    );
    // Also without a name: the bytes are compared, not their order.
    assert_eq!(play.unchanged(&again).len(), 2);
    // One more is another request.
    let (more, _) = play.adding(&[task("b"), task("a"), task("c")]);
    let refusal = play.refused(&requested("req-1", more)).to_string();
    assert_eq!(refusal, "the request req-1 was for something else: enqueue task/a, task/b");
    play.end();
}

#[test]
fn a_name_stands_for_one_request() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b")]);
    play.done(&requested("req-1", cancelling("task/a")));
    for other in [cancelling("task/b"), Input::Archive { item: item("task/a"), reason: "x".into() }] {
        assert_eq!(
            play.refused(&requested("req-1", other)).to_string(),
            "the request req-1 was for something else: cancel task/a"
        );
    }
    play.end();
}

#[test]
fn what_was_so_already_is_answered_too_and_what_is_refused_is_not() {
    let mut play = Play::new();
    let resume = |request: &str| {
        requested(request, Input::Resume { cause: "operator".to_owned(), owner: Some("operator".to_owned()) })
    };
    play.done(&resume("nothing-to-do"));
    assert!(receipt(&play, "nothing-to-do").is_some());
    play.done(&Input::Pause(operator_pause("lunch", play.now)));
    play.unchanged(&resume("nothing-to-do"));
    assert_eq!(play.control().pauses.len(), 1, "an old request does nothing new");
    let refusal = play.refused(&requested("refused", cancelling("task/none")));
    assert_eq!(refusal.to_string(), "there is no task/none");
    assert_eq!(receipt(&play, "refused"), None);
    play.add(&task("none"));
    play.done(&requested("refused", cancelling("task/none")));
    play.end();
}

#[test]
fn the_oldest_of_a_folder_are_forgotten() {
    let mut play = Play::new();
    play.looks = false;
    // Names whose receipts lie in one folder.
    let folder = |name: &str| Sha256::digest(name.as_bytes())[0];
    let names: Vec<String> = (0..)
        .map(|n| format!("r{n}"))
        .filter(|name| folder(name) == 7)
        .take(MAX_RECEIPTS_OF_A_FOLDER + 3)
        .collect();
    for name in &names {
        play.done(&requested(name, Input::Resume { cause: "operator".to_owned(), owner: None }));
    }
    let kept: Vec<bool> = names.iter().map(|name| receipt(&play, name).is_some()).collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), MAX_RECEIPTS_OF_A_FOLDER);
    assert_eq!(kept[..4], [false, false, false, true]);
    play.end();
}
