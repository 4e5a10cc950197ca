//! Intake: all documents of a call or none, each id once, dependencies enforced.

use millrace::domain::item::ItemKind;
use millrace::domain::place::OpenState;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;
use millrace::domain::view::View as _;

use crate::support::play::{Document, Play, document, item, task};

fn chain(length: usize) -> Vec<Document> {
    (0..length).map(|n| task(&format!("t{n}")).after(&format!("t{}", (n + 1) % length))).collect()
}

#[test]
fn a_document_stands_in_the_queue_byte_for_byte() {
    let mut play = Play::new();
    play.add(&task("fix-login").body("# Fix\r\n\n\u{feff}as it came\n"));
    assert_eq!(play.state("task/fix-login"), "queued/5.0000000001");
    let path = "tasks/queued/5.00000000/5.0000000001.fix-login.md".to_owned();
    let bytes = play.view(|view| view.file(&path.try_into().expect("a path"))).expect("readable");
    assert_eq!(bytes.as_deref(), Some("# Fix\r\n\n\u{feff}as it came\n".as_bytes()));
    play.end();
}

#[test]
fn the_same_bytes_again_change_nothing_in_any_state() {
    let mut play = Play::new();
    play.add(&task("a"));
    let (again, _) = play.adding(&[task("a")]);
    assert_eq!(play.unchanged(&again), ["task/a is here already, with the same content"]);
    play.claim("task/a");
    play.unchanged(&again);
    play.cancel("task/a");
    play.hand(crate::support::play::interruption());
    assert_eq!(play.state("task/a"), "archived");
    play.unchanged(&again);
    play.end();
}

#[test]
fn f23_an_id_is_taken_once_whatever_became_of_the_first() {
    let mut play = Play::new();
    play.add(&task("a"));
    let other = [task("a").body("other\n")];
    let refused = |state: &str| Refusal::DifferentDocument { item: item("task/a"), state: state.to_owned() };
    assert_eq!(play.add_refused(&other), refused("queued"));
    play.finish("task/a");
    assert_eq!(play.add_refused(&other), refused("done"));
    // Kinds have ids of their own.
    play.add(&document("spec/a"));
    play.end();
}

#[test]
fn ids_that_differ_only_in_case_are_refused() {
    let mut play = Play::new();
    play.add(&task("Fix"));
    let twin =
        |new: &str, old: &str| Refusal::CaseTwin { item: item(new), twin: old.parse().expect("an id") };
    assert_eq!(play.add_refused(&[task("fIX")]), twin("task/fIX", "Fix"));
    assert_eq!(play.add_refused(&[task("new"), task("NEW")]), twin("task/NEW", "new"));
    play.add(&document("incident/fix"));
    play.end();
}

#[test]
fn one_call_may_repeat_a_document_but_not_change_it() {
    let mut play = Play::new();
    let transition = play.add_all(&[task("a"), task("a"), task("b")]);
    assert_eq!(transition.decision.effects.len(), 2);
    let twice = play.add_refused(&[task("c"), task("c").body("other\n")]);
    assert_eq!(twice, Refusal::TwiceInOneCall { item: item("task/c") });
    assert_eq!(play.state("task/c"), "nowhere");
    play.end();
}

#[test]
fn one_bad_document_keeps_all_of_a_call_out() {
    let mut play = Play::new();
    play.add(&task("there"));
    play.add_refused(&[task("a"), task("b"), task("there").body("other\n")]);
    for id in ["task/a", "task/b"] {
        assert_eq!(play.state(id), "nowhere");
    }
    assert_eq!(play.control().arrivals, 1);
    // What is there already does not keep the others out.
    let transition = play.add_all(&[task("a"), task("there"), task("b")]);
    assert_eq!(transition.decision.notes, ["task/there is here already, with the same content"]);
    assert_eq!(play.state("task/b"), "queued/5.0000000003");
    play.end();
}

#[test]
fn a_call_takes_a_thousand_documents_and_no_more() {
    let mut play = Play::new();
    play.looks = false;
    let many: Vec<Document> =
        (0..1001).map(|n| task(&format!("t{n}")).after(&format!("t{}", n + 1))).collect();
    assert_eq!(play.add_refused(&many), Refusal::TooManyDocuments { count: 1001, limit: 1000 });
    // The longest chain there can be: this has to stay quick.
    play.add_all(&many[..1000]);
    assert_eq!(play.view(|view| view.count(ItemKind::Task, OpenState::Waiting)), Ok(1000));
}

#[test]
fn nothing_to_add_adds_nothing() {
    let mut play = Play::new();
    play.unchanged(&Input::Enqueue { documents: Vec::new() });
}

#[test]
fn what_comes_from_outside_is_held_and_waits_for_nothing_else() {
    let mut play = Play::new();
    play.add(&task("a").outside("push").after("b"));
    assert_eq!(play.state("task/a"), "held/5.0000000001");
    play.add(&task("b"));
    play.finish("task/b");
    assert_eq!(play.state("task/a"), "held/5.0000000001");
    play.end();
}

#[test]
fn what_comes_from_outside_by_somebody_trusted_may_be_worked_on() {
    let mut play = Play::judging("r");
    play.add(&task("b"));
    play.add_all(&[
        task("a").outside("push").trusted(),
        task("c").outside("push").trusted().after("b").of("r"),
    ]);
    assert_eq!(play.state("task/a"), "queued/5.0000000004");
    assert_eq!(play.state("task/c"), "waiting/b/5.0000000005");
    assert!(play.lineage("r").contains(&"task/c".to_owned()), "{:?}", play.lineage("r"));
    let known = play.view(|view| view.known(&item("task/a"))).expect("readable").expect("known");
    assert_eq!(known.origin.as_deref(), Some("push"));
}

#[test]
fn m08_f02_an_item_waits_for_its_first_unmet_dependency_then_for_the_next() {
    let mut play = Play::new();
    play.add_all(&[task("last").after("one").after("two").priority(1), task("one"), task("two")]);
    assert_eq!(play.state("task/last"), "waiting/one/1.0000000001");
    play.finish("task/one");
    assert_eq!(play.state("task/last"), "waiting/two/1.0000000001");
    play.finish("task/two");
    assert_eq!(play.state("task/last"), "queued/1.0000000001");
    play.finish("task/last");
    // Everything it needs is done: it does not wait.
    play.add(&task("more").after("last").after("one"));
    assert_eq!(play.state("task/more"), "queued/5.0000000004");
    play.end();
}

#[test]
fn a_finished_item_releases_all_who_wait_in_one_commit() {
    let mut play = Play::new();
    play.add(&task("base"));
    play.add_all(&[task("x").after("base"), task("y").after("base"), task("z").after("other").after("base")]);
    play.finish("task/base");
    assert_eq!(play.state("task/x"), "queued/5.0000000002");
    assert_eq!(play.state("task/y"), "queued/5.0000000003");
    assert_eq!(play.state("task/z"), "waiting/other/5.0000000004");
    play.add(&task("other"));
    play.finish("task/other");
    assert_eq!(play.state("task/z"), "queued/5.0000000004");
    play.end();
}

#[test]
fn m08_an_unknown_dependency_waits_and_may_come_later() {
    let mut play = Play::new();
    play.add(&task("a").after("not-there"));
    assert_eq!(play.state("task/a"), "waiting/not-there/5.0000000001");
    // A spec of that name is something else.
    play.add(&document("spec/not-there"));
    play.finish("spec/not-there");
    assert_eq!(play.state("task/a"), "waiting/not-there/5.0000000001");
    play.add(&task("not-there"));
    play.finish("task/not-there");
    assert_eq!(play.state("task/a"), "queued/5.0000000001");
    play.end();
}

#[test]
fn a_cancelled_or_blocked_dependency_is_still_waited_for() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b").after("a")]);
    play.cancel("task/a");
    assert_eq!(play.state("task/b"), "waiting/a/5.0000000002");
    play.end();
}

#[test]
fn m08_f02_cycles_of_every_length_are_refused_with_the_way_round() {
    for length in 1..=5 {
        let mut play = Play::new();
        let refusal = play.add_refused(&chain(length));
        let Refusal::DependencyCycle { item: at, cycle } = &refusal else { panic!("{refusal}") };
        assert_eq!(at, &item("task/t0"));
        let way: Vec<String> = (0..=length).map(|n| format!("t{}", n % length)).collect();
        assert_eq!(cycle.iter().map(ToString::to_string).collect::<Vec<_>>(), way);
        assert_eq!(refusal.to_string(), format!("task/t0 depends on itself: {}", way.join(" -> ")));
    }
}

#[test]
fn a_cycle_over_items_that_are_there_is_refused() {
    for length in 2..=5 {
        let mut play = Play::new();
        let documents = chain(length);
        for document in &documents[..length - 1] {
            play.add(document);
        }
        let refusal = play.add_refused(&documents[length - 1..]);
        assert!(matches!(refusal, Refusal::DependencyCycle { .. }), "{length}: {refusal}");
        play.end();
    }
}

#[test]
fn a_diamond_and_a_done_item_are_no_cycle() {
    let mut play = Play::new();
    play.add_all(&[
        task("top").after("left").after("right"),
        task("left").after("bottom"),
        task("right").after("bottom"),
        task("bottom"),
    ]);
    for id in ["task/bottom", "task/left", "task/right", "task/top"] {
        play.finish(id);
    }
    play.end();
}

#[test]
fn a_dependency_that_differs_in_case_is_not_the_item() {
    let mut play = Play::new();
    play.add_all(&[task("a").after("B"), task("b").after("a")]);
    assert_eq!(play.state("task/a"), "waiting/B/5.0000000001");
    assert_eq!(play.state("task/b"), "waiting/a/5.0000000002");
    play.end();
}
