//! One run of the simulation: a while in which everything happens, then peace, in which everything has to come to an
//! end.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use millrace::domain::oid::Oid;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::record::Actor;
use millrace::ledger::transact::Payloads;
use millrace::ledger::verify::verify;

use crate::consistent::assert_consistent;
use crate::driver::{Did, Driver};
use crate::operator;
use crate::tally::Tally;
use crate::world::World;

/// Steps between two looks at the whole tree.
const WHOLE_EVERY: u64 = 40;

/// Steps between two times that the suite's own look at a tree is asked, which costs far more.
const CONSISTENT_EVERY: u64 = 5 * WHOLE_EVERY;

/// One in so many runs is replayed, commit by commit.
const REPLAY_ONE_IN: u64 = 8;

/// How often the operator may have to tend to things before all is done, at the end.
const ROUNDS: u32 = 25;

/// Steps of the driver between two rounds of that; by far more than any number of items here needs.
const PEACEFUL_STEPS: u64 = 6000;

/// What a run came to.
pub(crate) struct Played {
    pub(crate) steps: u64,
    pub(crate) commits: u64,
    pub(crate) tip: Oid,
    pub(crate) tally: Tally,
}

/// Plays a seed; a failure comes with the seed and the last steps.
pub(crate) fn play(seed: u64) -> Result<Played, String> {
    let mut world = World::new(seed);
    let played = catch_unwind(AssertUnwindSafe(|| {
        storm(&mut world);
        if seed.is_multiple_of(REPLAY_ONE_IN) {
            let report = verify(&world.memory, world.tip().expect("a ledger")).expect("a readable store");
            assert!(report.is_sound(), "{:#?}", report.findings);
        }
    }));
    match played {
        Ok(()) => Ok(Played {
            steps: world.steps,
            commits: world.book.commits(),
            tip: world.tip().expect("a ledger"),
            tally: world.tally,
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let last: Vec<String> = world.log.into_iter().collect();
            Err(format!(
                "seed {seed}: {}\nthe last steps:\n{}\nagain: MILLRACE_SIM_SEED={seed} cargo test --test simulation",
                text.unwrap_or_else(|| "a panic without words".to_owned()),
                last.join("\n")
            ))
        }
    }
}

fn storm(world: &mut World) {
    let none = Payloads::default();
    let genesis = Input::Genesis { ledger: "0".repeat(32).parse().expect("an id") };
    world.must(Actor::Operator, &genesis, &none).expect("a store that works so far");
    let mut driver = Driver::new();
    if !world.dice.one_in(10) {
        let mut payloads = Payloads::default();
        let input = operator::plan(world, &mut payloads);
        let _ = world.ask(Actor::Operator, &input, &payloads);
    }
    let orderly = world.temper.is_orderly();
    let length = if orderly { 150 + world.dice.below(200) } else { 60 + world.dice.below(200) } as u64;
    let commands = if orderly { 3 } else { 5 + world.dice.below(30) };
    let mut rests = true;
    while world.steps < length {
        world.steps += 1;
        match world.dice.below(100) {
            0..2 => {
                let days = world.dice.one_in(3);
                let seconds =
                    if days { world.dice.between(-3, 3) * 86_400 } else { world.dice.between(-600, 4000) };
                world.pass(seconds);
            }
            2..5 => driver.crash(world),
            n if n < 5 + commands => operator::act(world, &driver.session().clone()),
            n if rests && n < 85 => {
                operator::wake(world);
                rests = false;
            }
            _ => {
                let did = driver.step(world);
                rests = did != Did::Something;
                if let Did::Waits(wait) = did
                    && let Some(until) = wait.until
                    && world.dice.one_in(2)
                {
                    world.now = world.now.max(until);
                }
            }
        }
        if world.steps.is_multiple_of(WHOLE_EVERY) {
            whole(world);
        }
    }
    peace(world, &mut driver);
    whole(world);
}

fn whole(world: &mut World) {
    let tip = world.tip().expect("a ledger");
    world.book.whole(&world.memory, tip);
    if world.quiet || world.steps.is_multiple_of(CONSISTENT_EVERY) {
        assert_consistent(&world.memory, tip);
    }
}

/// Outages are over, and the operator answers: everything comes to an end.
fn peace(world: &mut World, driver: &mut Driver) {
    world.quiet = true;
    world.say("peace");
    for _ in 0..ROUNDS {
        drain(world, driver);
        world.book.reasons(&world.memory);
        if !operator::tend(world) && world.book.open(&world.memory).is_empty() {
            break;
        }
    }
    let open = world.book.open(&world.memory);
    assert!(open.is_empty(), "there is peace, and these do not come to an end: {open:?}");
    the_work_is_there(world);
}

/// The driver goes on until it has nothing to do, or has to wait for somebody.
fn drain(world: &mut World, driver: &mut Driver) {
    for _ in 0..PEACEFUL_STEPS {
        world.steps += 1;
        match driver.step(world) {
            Did::Something => {}
            Did::Idle => return,
            Did::Waits(wait) => match wait.until {
                Some(until) => world.now = world.now.max(until),
                // What one daemon may spend is spent: there is another one.
                None if wait.detail.contains("limits.per_daemon") => driver.crash(world),
                None => return,
            },
        }
    }
    panic!("there is peace, and the driver finds no end");
}

/// The work tree holds what finished runs did, and nothing of what was to go back.
fn the_work_is_there(world: &World) {
    let runs = world.book.runs();
    // A run that was done, and those whose work it went on with.
    let mut kept = BTreeSet::new();
    for run in runs.values().filter(|run| run.ending == "done" && !run.closure) {
        let mut next = Some(run.id.clone());
        while let Some(id) = next.take() {
            next.clone_from(&runs[&id].continues);
            kept.insert(id);
        }
    }
    for run in runs.values() {
        let is_kept = kept.contains(&run.id);
        for (launch, worked) in &run.launches {
            let there = world.code.holds(&run.id, *launch);
            if *worked && is_kept {
                let edited = world.code.edited(&run.id, *launch);
                assert!(there || !edited, "{} {launch}: its work is lost", run.id);
            }
            // What an interrupted stage left goes back within its run; at the end of one, the plan may let it lie.
            let goes = if is_kept {
                !worked && (run.restores || run.ending == "done")
            } else {
                run.restores || run.closure
            };
            let id = &run.id;
            assert!(
                !goes || !there,
                "{id} {launch}: what it left was to go back ({}, kept: {is_kept})",
                run.ending
            );
        }
    }
}
