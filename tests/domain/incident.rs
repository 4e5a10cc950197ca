//! The incident of a run that ends in planning: in the very commit of the handoff, once, with the item's lineage.

use millrace::domain::item::ItemRef;
use millrace::domain::place;
use millrace::domain::result::Judgement;
use millrace::domain::schedule::Next;
use millrace::domain::transition::decision::Effect;
use millrace::domain::transition::input::{Handoff, Input, Known, Submitted};
use millrace::domain::transition::record::Transition;
use millrace::domain::transition::refusal::Refusal;
use millrace::ledger::transact::{Payloads, TransactError};

use crate::support::play::{Play, cancelling, item, report, result_of, task};

/// A consultant under way on `task/it`, which came in with a lineage.
fn consulting() -> Play {
    let mut play = Play::new();
    let (mut input, payloads) = play.adding(&[task("it").title("Make it")]);
    if let Input::Enqueue { documents } = &mut input {
        let intake = &mut documents[0].intake;
        intake.root_spec_id = Some("root-spec".parse().expect("an id"));
        intake.root_idea_id = Some("idea".parse().expect("an id"));
        intake.spec_id = Some("the-spec".parse().expect("an id"));
    }
    play.done_with(&input, &payloads);
    play.claim("task/it");
    for _ in 0..3 {
        play.stage(report("BLOCKED"));
    }
    play.launch_if_needed();
    assert_eq!(play.run().stage.stage.as_str(), "consultant");
    play
}

/// A handoff with its incident, and the bytes of it.
fn with_incident(play: &mut Play, judgement: Judgement) -> (Handoff, Payloads) {
    let mut payloads = Payloads::default();
    let incident = play.incident(&mut payloads);
    let mut handoff = play.handing(judgement);
    handoff.incident = Some(Box::new(incident));
    (handoff, payloads)
}

fn admitted(transition: &Transition) -> Vec<&Known> {
    let known = transition.decision.effects.iter().filter_map(|effect| match effect {
        Effect::Admit { known, .. } => Some(known),
        _ => None,
    });
    known.collect()
}

fn reason(play: &Play) -> String {
    play.recovery("task/it").and_then(|it| it.blocked).expect("a reason").reason
}

#[test]
fn it_comes_in_with_the_handoff_and_the_reason_names_it() {
    let mut play = consulting();
    let (handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
    let id = handoff.incident.as_ref().expect("an incident").intake.item.to_string();
    assert!(id.starts_with("incident/incident-it-0000"), "{id}");
    let before = play.transition().seq;
    let transition = play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    assert_eq!(transition.seq, before + 1, "one commit");
    assert_eq!(play.state("task/it"), "blocked");
    assert_eq!(play.state(&id), "queued/5.0000000002");
    let folder = play.view(|view| {
        view.list(&place::state_folder(millrace::domain::item::ItemKind::Incident, place::OpenState::Queued))
    });
    assert_eq!(folder.expect("readable").len(), 1, "incidents/incoming");
    assert_eq!(reason(&play), format!("consultant:NEEDS_PLANNING: opened {id}"));
    assert_eq!(result_of(&transition).why, reason(&play));
    assert_eq!(transition.decision.notes, [format!("opened {id}")]);
    let document = transition.payloads.keys().filter(|path| path.to_string().starts_with("incidents/"));
    assert_eq!(document.count(), 1, "{:?}", transition.payloads);
    play.end();
}

#[test]
fn lineage_is_the_items_whatever_the_handoff_says() {
    let mut play = consulting();
    let (mut handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
    let Submitted { intake, origin, .. } = &mut **handoff.incident.as_mut().expect("an incident");
    for id in
        [&mut intake.root_spec_id, &mut intake.root_idea_id, &mut intake.spec_id, &mut intake.parent_task_id]
    {
        *id = Some("forged".parse().expect("an id"));
    }
    intake.incident_id = Some("forged".parse().expect("an id"));
    // And nothing of it may keep the incident from being claimed (lesson F-21).
    intake.depends_on = vec!["never".parse().expect("an id")];
    *origin = Some("an agent".to_owned());
    let transition = play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    let known = admitted(&transition)[0];
    let ids = [&known.intake.root_spec_id, &known.intake.root_idea_id, &known.intake.spec_id];
    assert_eq!(ids.map(|id| id.as_ref().expect("an id").as_str()), ["root-spec", "idea", "the-spec"]);
    assert_eq!(known.intake.parent_task_id.as_ref().expect("an id").as_str(), "it");
    assert_eq!((known.intake.incident_id.as_ref(), known.origin.as_ref()), (None, None));
    assert!(play.state(&known.intake.item.to_string()).starts_with("queued/"));
    play.end();
}

#[test]
fn a_cancel_that_came_first_opens_none() {
    let mut play = consulting();
    play.done(&cancelling("task/it"));
    let (handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
    let id = handoff.incident.as_ref().expect("an incident").intake.item.to_string();
    let document = handoff.incident.as_ref().expect("an incident").document;
    let transition = play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    assert_eq!(result_of(&transition).next, "cancelled");
    assert!(admitted(&transition).is_empty());
    assert!(transition.payloads.is_empty(), "{:?}", transition.payloads);
    assert!(play.store().read(document.oid).is_err(), "its bytes are no object of the ledger");
    assert_eq!((play.state("task/it").as_str(), play.state(&id).as_str()), ("archived", "nowhere"));
    play.end();
}

#[test]
fn only_a_run_that_ends_in_planning_opens_one() {
    for result in ["CONSULT_COMPLETE", "BLOCKED"] {
        let mut play = consulting();
        let (handoff, payloads) = with_incident(&mut play, report(result));
        let transition = play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
        assert!(admitted(&transition).is_empty(), "{result}");
        play.end();
    }
}

#[test]
fn f52_a_handoff_that_comes_again_opens_no_second_one() {
    let mut play = consulting();
    let (handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
    play.done_with(&Input::Handoff(Box::new(handoff.clone())), &payloads);
    match play.ask(&Input::Handoff(Box::new(handoff)), &payloads) {
        Err(TransactError::Refused(refusal)) => {
            assert!(refusal.to_string().starts_with("late result"), "{refusal}");
        }
        other => panic!("{other:?}"),
    }
    let queued =
        play.view(|view| view.count(millrace::domain::item::ItemKind::Incident, place::OpenState::Queued));
    assert_eq!(queued.expect("readable"), 1);
    play.end();
}

/// Somebody took the id: the handoff goes on all the same, and the reason says what became of the incident.
#[test]
fn an_id_that_is_taken_never_holds_the_handoff_up() {
    // (whether the document is the same, whether the id is, what is said)
    for (same, case, said) in [
        (true, true, "is open already"),
        (false, true, "exists already with other content"),
        (false, false, "only in case"),
    ] {
        let mut play = consulting();
        let (handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
        let mut taken = handoff.incident.clone().expect("an incident");
        let mut other = payloads.clone();
        if !same {
            taken.document = other.add(play.store(), b"another\n".to_vec()).expect("a payload");
        }
        if !case {
            let name = taken.intake.item.to_string().replace("-it-", "-IT-");
            taken.intake.item = item(&name);
        }
        let name: ItemRef = taken.intake.item.clone();
        play.done_with(&Input::Enqueue { documents: vec![*taken] }, &other);
        let transition = play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
        assert!(admitted(&transition).is_empty());
        assert!(reason(&play).contains(said), "{}", reason(&play));
        assert!(reason(&play).contains(name.id.as_str()), "{}", reason(&play));
        assert_eq!(play.state("task/it"), "blocked");
        play.end();
    }
}

#[test]
fn a_handoff_brings_nothing_but_incidents() {
    let mut play = consulting();
    let (mut handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
    handoff.incident.as_mut().expect("an incident").intake.item = item("task/smuggled");
    let refusal = play.refused_with(&Input::Handoff(Box::new(handoff)), &payloads);
    assert_eq!(refusal.to_string(), "a handoff opens incidents, and task/smuggled is none");
}

#[test]
fn f21_it_is_claimed_at_once_and_before_tasks() {
    let mut play = consulting();
    let (handoff, payloads) = with_incident(&mut play, report("NEEDS_PLANNING"));
    let id = handoff.incident.as_ref().expect("an incident").intake.item.to_string();
    play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    play.settle_if_owed();
    play.add(&task("next"));
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == id));
    play.finish(&id);
    assert!(matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "task/next"));
    play.end();
}

/// The stage can still give its incident another name; once its run has ended, nobody could.
#[test]
fn f52_an_own_incident_whose_id_is_taken_is_refused() {
    let mut play = consulting();
    let mut payloads = Payloads::default();
    let own = play.incident(&mut payloads);
    let mut handoff = play.handing(report("NEEDS_PLANNING"));
    handoff.documents = vec![own.clone()];

    let other = payloads.add(play.store(), b"something else".to_vec()).expect("bytes");
    let twin = own.intake.item.id.to_string().to_uppercase().parse().expect("an id");
    let taken = Submitted { document: other, ..own.clone() };
    play.done_with(&Input::Enqueue { documents: vec![taken] }, &payloads);
    let refusal = play.refused_with(&Input::Handoff(Box::new(handoff.clone())), &payloads);
    assert!(
        matches!(&refusal, Refusal::DifferentDocument { item, .. } if item == &own.intake.item),
        "{refusal}"
    );

    handoff.documents[0].intake.item.id = twin;
    let refusal = play.refused_with(&Input::Handoff(Box::new(handoff.clone())), &payloads);
    assert!(matches!(&refusal, Refusal::CaseTwin { .. }), "{refusal}");

    // What is there already, byte for byte, is of another matter: this one would be lost in it.
    handoff.documents = vec![Submitted { document: other, ..own.clone() }];
    let refusal = play.refused_with(&Input::Handoff(Box::new(handoff)), &payloads);
    assert!(matches!(&refusal, Refusal::IncidentTaken { item, .. } if item == &own.intake.item), "{refusal}");
    play.end();
}
