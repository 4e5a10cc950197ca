//! Slots and places: text and back, and tree order that is claim order.

use millrace::domain::item::{Arrival, ItemKind, ItemRef, Priority};
use millrace::domain::place::{TreePath, document, evidence, intake_folder, parse_turn_name, plan_file};
use millrace::domain::slot::{Slot, Turn};
use proptest::prelude::*;

use crate::support::play::item;

fn turn(priority: u8, arrival: u64) -> Turn {
    Turn { priority: Priority::try_from(priority).expect("a priority"), arrival: Arrival(arrival) }
}

/// These are the paths of format 1: a change here is another format.
#[test]
fn the_paths_of_format_one() {
    let at = turn(5, 1234);
    let waits = Slot::Waiting { on: "x.y".parse().expect("an id"), turn: at };
    for (name, slot, path) in [
        ("task/a", Slot::Queued(at), "tasks/queued/5.00000012/5.0000001234.a.md"),
        ("incident/a", Slot::Queued(at), "incidents/incoming/5.00000012/5.0000001234.a.md"),
        ("task/a.b", Slot::Held(at), "tasks/held/5.00000012/5.0000001234.a.b.md"),
        ("spec/a", waits, "specs/waiting/x.y/5.0000001234.a.md"),
        ("task/a", Slot::Active, "tasks/active/a.md"),
        ("task/a", Slot::Blocked, "tasks/blocked/a.md"),
        ("task/a", Slot::Done, "tasks/done/ca/97/a.md"),
        ("incident/a", Slot::Done, "incidents/resolved/ca/97/a.md"),
        ("task/A", Slot::Archived, "tasks/archived/ca/97/A.md"),
    ] {
        assert_eq!(document(&item(name), &slot).as_str(), path);
        assert_eq!(slot.to_string().parse::<Slot>(), Ok(slot));
    }
    assert_eq!(intake_folder(&item("task/A")).as_str(), "tasks/intake/ca/97");
}

#[test]
fn names_that_a_checkout_or_fsck_would_stumble_over_are_no_paths() {
    let run = "20261118-0930-7f3a1c".parse().expect("a run");
    let stage = "builder".parse().expect("a stage");
    for bad in [".git", "git~1", "GIT~2", "gitmod~1", "gi7eba~1", ".", "..", "", "a\tb", "a\\b", "\u{7f}"] {
        assert_eq!(evidence(&run, 1, &stage, bad), None, "{bad:?}");
        assert!(TreePath::new(format!("a/{bad}/b")).is_err(), "{bad:?}");
        let plan = "plan-x-0123456789ab".parse().expect("a plan");
        assert_eq!(plan_file(&plan, &format!("skills/{bad}")), None, "{bad:?}");
    }
    for good in ["report.md", "notes.md~", "a~b", "-x", "CON", "ä"] {
        assert!(evidence(&run, 1, &stage, good).is_some(), "{good:?}");
    }
    assert!(TreePath::new("x/".repeat(600) + "x").is_err());
}

proptest! {
    #[test]
    fn tree_order_is_claim_order(
        a in (0_u8..10, 0_u64..10_000_000_000), b in (0_u8..10, 0_u64..10_000_000_000), id in "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}",
    ) {
        let (one, two) = (turn(a.0, a.1), turn(b.0, b.1));
        let name = ItemRef::new(ItemKind::Task, id.parse().expect("an id"));
        let path = |turn| document(&name, &Slot::Queued(turn)).as_str().to_owned();
        prop_assert_eq!(one.cmp(&two), path(one).cmp(&path(two)));
        prop_assert_eq!(one.to_string().parse::<Turn>(), Ok(one));
        let file = path(one);
        let file = file.rsplit('/').next().expect("a name");
        prop_assert_eq!(parse_turn_name(file), Some((one, name.id.clone())));
    }

    #[test]
    fn no_text_makes_a_slot_panic(text in ".{0,40}") {
        if let Ok(slot) = text.parse::<Slot>() {
            prop_assert_eq!(slot.to_string(), text);
        }
    }
}
