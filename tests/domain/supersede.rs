//! One item in the place of another, and other dependencies than the document says.

use millrace::domain::transition::input::Input;

use crate::support::play::{Play, interruption, item, report, task};

fn supersede(name: &str, by: &str) -> Input {
    Input::Supersede { item: item(name), by: by.parse().expect("an id"), reason: "better".to_owned() }
}

fn retarget(name: &str, from: &str, to: Option<&str>) -> Input {
    Input::Retarget {
        item: item(name),
        from: from.parse().expect("an id"),
        to: to.map(|to| to.parse().expect("an id")),
    }
}

#[test]
fn those_that_wait_for_it_wait_for_the_other_from_now_on() {
    let mut play = Play::new();
    play.add_all(&[
        task("old"),
        task("new"),
        task("a").after("old"),
        task("b").after("first").after("old"),
        task("c").after("old").after("new"),
        task("held").after("old").outside("push"),
        task("first"),
    ]);
    play.done(&supersede("task/old", "new"));
    assert_eq!(play.state("task/old"), "archived");
    for (name, state) in
        [("a", "waiting/new/"), ("b", "waiting/first/"), ("c", "waiting/new/"), ("held", "held/")]
    {
        assert!(
            play.state(&format!("task/{name}")).starts_with(state),
            "{name}: {}",
            play.state(&format!("task/{name}"))
        );
    }
    play.done(&Input::Release { items: vec![item("task/held")] });
    assert_eq!(play.drain(), ["task/new", "task/a", "task/c", "task/held", "task/first", "task/b"]);
    play.end();
}

#[test]
fn what_is_done_already_frees_those_that_waited() {
    let mut play = Play::new();
    play.add_all(&[task("old").after("never"), task("a").after("old"), task("new")]);
    play.finish("task/new");
    play.done(&supersede("task/old", "new"));
    assert!(play.state("task/a").starts_with("queued/"));
    play.end();
}

#[test]
fn m08_a_cycle_is_refused_with_the_way_printed() {
    let mut play = Play::new();
    play.add_all(&[task("old"), task("new").after("mid"), task("mid").after("old")]);
    assert_eq!(
        play.refused(&supersede("task/old", "new")).to_string(),
        "task/mid depends on itself: mid -> new -> mid"
    );
    assert_eq!(
        play.refused(&retarget("task/mid", "old", Some("new"))).to_string(),
        "task/mid depends on itself: mid -> new -> mid"
    );
    assert_eq!(
        play.refused(&retarget("task/mid", "old", Some("mid"))).to_string(),
        "task/mid depends on itself: mid -> mid"
    );
    play.end();
}

#[test]
fn what_cannot_take_a_place_is_refused() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b"), task("gone")]);
    play.cancel("task/gone");
    assert_eq!(play.refused(&supersede("task/a", "a")).to_string(), "task/a cannot take the place of itself");
    assert_eq!(play.refused(&supersede("task/a", "none")).to_string(), "there is no task/none");
    assert_eq!(play.refused(&supersede("task/none", "a")).to_string(), "there is no task/none");
    assert_eq!(play.refused(&supersede("task/a", "gone")).to_string(), "task/gone is archived already");
    play.finish("task/b");
    assert_eq!(play.refused(&supersede("task/b", "a")).to_string(), "task/b is done already");
    play.end();
}

#[test]
fn what_waits_for_an_archived_item_can_still_wait_for_another() {
    let mut play = Play::new();
    play.add_all(&[task("old"), task("a").after("old"), task("new")]);
    play.cancel("task/old");
    play.done(&supersede("task/old", "new"));
    assert!(play.state("task/a").starts_with("waiting/new/"));
    let again = play.unchanged(&supersede("task/old", "new"));
    assert_eq!(again, ["task/old is archived already, and nothing waits for it"]);
    assert_eq!(play.drain(), ["task/new", "task/a"]);
    play.end();
}

/// Worked on, it ends first; between its stages it ends at once.
#[test]
fn an_active_item_is_superseded_as_it_is_cancelled() {
    for under_way in [true, false] {
        let mut play = Play::new();
        play.add_all(&[task("old"), task("a").after("old"), task("new")]);
        play.claim("task/old");
        if !under_way {
            play.hand(interruption());
        }
        play.done(&supersede("task/old", "new"));
        assert!(play.state("task/a").starts_with("waiting/new/"));
        if under_way {
            assert_eq!(play.run().cancel.expect("a wish").reason, "superseded by task/new: better");
            play.hand(report("BUILDER_COMPLETE"));
        }
        assert_eq!(play.state("task/old"), "archived");
        assert_eq!(play.drain(), ["task/new", "task/a"]);
        play.end();
    }
}

#[test]
fn a_dependency_is_exchanged_or_goes() {
    let mut play = Play::new();
    play.add_all(&[task("x"), task("y"), task("a").after("x").after("never")]);
    play.done(&retarget("task/a", "never", None));
    assert!(play.state("task/a").starts_with("waiting/x/"));
    play.done(&retarget("task/a", "x", Some("y")));
    assert!(play.state("task/a").starts_with("waiting/y/"));
    assert_eq!(play.unchanged(&retarget("task/a", "x", Some("y"))), ["task/a does not depend on x any more"]);
    assert_eq!(play.unchanged(&retarget("task/a", "y", Some("y"))), ["task/a depends on y already"]);
    assert_eq!(play.refused(&retarget("task/a", "z", None)).to_string(), "task/a does not depend on z");
    play.done(&retarget("task/a", "y", None));
    assert!(play.state("task/a").starts_with("queued/"));
    assert_eq!(play.refused(&retarget("task/none", "y", None)).to_string(), "there is no task/none");
    play.finish("task/a");
    assert_eq!(play.refused(&retarget("task/a", "y", None)).to_string(), "task/a is done already");
    play.end();
}

#[test]
fn what_has_begun_cannot_be_made_to_wait() {
    let mut play = Play::new();
    play.add_all(&[task("x"), task("y"), task("z"), task("a").after("x")]);
    play.finish("task/x");
    play.finish("task/z");
    play.claim("task/a");
    assert_eq!(
        play.refused(&retarget("task/a", "x", Some("y"))).to_string(),
        "task/a is active: it cannot be made to wait for something that is not done"
    );
    play.done(&retarget("task/a", "x", Some("z")));
    play.end();
}

#[test]
fn m08_an_archived_dependency_is_got_rid_of_by_hand() {
    let mut play = Play::new();
    play.add_all(&[task("x"), task("a").after("x")]);
    play.cancel("task/x");
    assert!(play.state("task/a").starts_with("waiting/x/"), "it names what it waits for");
    play.done(&retarget("task/a", "x", None));
    assert_eq!(play.drain(), ["task/a"]);
    play.end();
}

/// An incident can be about an incident: those that wait for both move once.
#[test]
fn what_waits_for_the_planner_and_for_the_planned_moves_once() {
    use crate::support::play::document;
    let mut play = Play::new();
    play.add_all(&[task("it"), document("incident/w").after("own")]);
    play.claim("task/it");
    for _ in 0..3 {
        play.stage(report("BLOCKED"));
    }
    play.bring("NEEDS_PLANNING", &[document("incident/own")]);
    play.settle_if_owed();
    play.finish("incident/own");
    assert!(play.state("incident/w").starts_with("queued/"));
    play.end();
}
