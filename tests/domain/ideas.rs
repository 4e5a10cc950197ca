//! Ideas: kept once as they were written, and planned as root specs.

use millrace::domain::ids::ItemId;
use millrace::domain::schedule::Next;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;
use millrace::domain::view::View as _;

use crate::support::play::{Play, document, item, report, task};

/// Lessons F-01 and M-11: an idea is in the ledger when the command returns, and its lineage is stamped, not asked for.
#[test]
fn f01_an_idea_is_planned_by_itself_and_its_lineage_is_stamped() {
    let mut play = Play::new();
    let (input, payloads) = play.taking("faster", "Make it faster.\n", &document("spec/faster").of("forged"));
    play.done_with(&input, &payloads);
    let text = play.view(|view| view.file(&millrace::domain::place::idea(&"faster".parse().expect("an id"))));
    assert_eq!(text.expect("readable").expect("the text"), b"Make it faster.\n");
    let known = play.view(|view| view.known(&item("spec/faster"))).expect("readable").expect("known").intake;
    assert_eq!(
        (known.root_spec_id.as_ref().map(ItemId::as_str), known.root_idea_id.as_ref().map(ItemId::as_str)),
        (Some("faster"), Some("faster"))
    );
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "spec/faster"));
    // Whatever the stage's documents say of their lineage.
    play.root("faster", &[task("a").of("elsewhere")]);
    let known = play.view(|view| view.known(&item("task/a"))).expect("readable").expect("known").intake;
    assert_eq!(known.root_spec_id.as_ref().map(ItemId::as_str), Some("faster"));
    assert_eq!(known.root_idea_id.as_ref().map(ItemId::as_str), Some("faster"));
    assert_eq!(known.spec_id.as_ref().map(ItemId::as_str), Some("faster"));
    assert_eq!(play.target("faster").idea.as_ref().map(ItemId::as_str), Some("faster"));
    assert_eq!(play.drain(), ["task/a", "judge faster"]);
    play.end();
}

#[test]
fn f40_the_same_text_is_never_taken_twice_whatever_it_is_called() {
    let mut play = Play::new();
    let (first, payloads) = play.taking("one", "The same.\n", &document("spec/one"));
    play.done_with(&first, &payloads);
    for (idea, spec) in [("one", "spec/one"), ("two", "spec/two")] {
        let (again, payloads) = play.taking(idea, "The same.\n", &document(spec));
        match play.ask(&again, &payloads) {
            Ok(millrace::ledger::transact::Outcome::Unchanged { notes }) => {
                assert_eq!(notes, ["this text was taken already, as idea one"]);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(play.state("spec/two"), "nowhere");
    let (other, payloads) = play.taking("one", "Another.\n", &document("spec/three"));
    let refusal = play.refused_with(&other, &payloads);
    assert_eq!(refusal.to_string(), "the idea one exists already with other text; give it another name");
    play.end();
}

#[test]
fn an_idea_becomes_a_spec_and_nothing_else() {
    let mut play = Play::new();
    let (input, payloads) = play.taking("one", "Text.\n", &task("one"));
    let refusal = play.refused_with(&input, &payloads);
    assert_eq!(refusal.to_string(), "an idea becomes a root spec, and task/one is none");
    // And all of it or nothing: the spec's id is taken.
    play.add(&document("spec/one").body("Another.\n"));
    let (input, payloads) = play.taking("one", "Text.\n", &document("spec/one"));
    assert!(matches!(play.refused_with(&input, &payloads), Refusal::DifferentDocument { .. }));
    let idea = play.view(|view| view.idea(&"one".parse().expect("an id"))).expect("readable");
    assert_eq!(idea, None);
    play.end();
}

/// A file that changed after it was taken: a new idea, which nobody works on before an operator says so.
#[test]
fn a_changed_idea_is_held_and_of_no_lineage_until_it_is_released() {
    let mut play = Play::new();
    let (input, payloads) =
        play.taking("faster-2", "More.\n", &document("spec/faster-2").outside("faster.md changed"));
    play.done_with(&input, &payloads);
    assert!(play.state("spec/faster-2").starts_with("held/"));
    assert_eq!(play.next(), Next::Idle);
    assert_eq!(play.lineage("faster-2"), [""; 0]);
    play.done(&Input::Release { items: vec![item("spec/faster-2")] });
    assert_eq!(play.lineage("faster-2"), ["spec/faster-2"]);
    assert!(matches!(play.next(), Next::Claim { .. }));
    play.end();
}

/// Lesson F-16 and M-06: several ideas at once are no error; the later ones wait, and say for what.
#[test]
fn f16_many_ideas_at_once_queue_up_and_say_what_they_wait_for() {
    let mut play = Play::new();
    for n in 1..=7 {
        let name = format!("i{n}");
        let (input, payloads) =
            play.taking(&name, &format!("Idea {n}.\n"), &document(&format!("spec/{name}")));
        play.done_with(&input, &payloads);
    }
    play.root("i1", &[task("a")]);
    play.claim("task/a");
    for _ in 0..4 {
        play.stage(report("BLOCKED"));
    }
    play.settle_if_owed();
    // Nothing can be done for the first one without help: the next one is opened.
    play.claim("spec/i2");
    let refusal = {
        let launching = play.claiming("spec/i3");
        play.refused(&Input::Launch(launching))
    };
    assert_eq!(
        refusal.to_string(),
        "spec/i3 waits: spec/i2 is to be accepted first; the plan opens 1 root at a time"
    );
    play.stage(report("PLANNER_COMPLETE"));
    play.stage(report("MANAGER_COMPLETE"));
    let begun = play.drain();
    assert_eq!(
        begun,
        [
            "judge i2", "spec/i3", "judge i3", "spec/i4", "judge i4", "spec/i5", "judge i5", "spec/i6",
            "judge i6", "spec/i7", "judge i7"
        ]
    );
    assert_eq!(play.next(), Next::Idle);
    play.end();
}
