//! People: whoever brings work and whoever steers it, with and without a name for the request, twice, too late, and
//! about things that are not there.

use jiff::SignedDuration;
use millrace::domain::control::{PauseCause, PauseKind};
use millrace::domain::ids::{ItemId, SessionId};
use millrace::domain::item::{ItemKind, ItemRef, Priority};
use millrace::domain::place::OpenState;
use millrace::domain::result::{Interrupter, Judgement};
use millrace::domain::slot::Slot;
use millrace::domain::transition::input::{Claim, Files, Input, Launching, Retrying};
use millrace::domain::transition::record::Actor;
use millrace::domain::view::View as _;
use millrace::ledger::transact::{Outcome, Payloads, TransactError};

use crate::documents::Document;
use crate::plans;
use crate::world::{Temper, World};

const OWNERS: [&str; 3] = ["operator", "ops", "night-watch"];
const OPEN: [OpenState; 5] =
    [OpenState::Queued, OpenState::Waiting, OpenState::Held, OpenState::Active, OpenState::Blocked];

/// Somebody does something.
pub(crate) fn act(world: &mut World, session: &SessionId) {
    let mut payloads = Payloads::default();
    let input = match world.dice.below(40) {
        0..7 => enqueue(world, &mut payloads),
        7..9 => idea(world, &mut payloads),
        9 => return again(world),
        10 => return late(world),
        11 => return odd(world),
        12 => {
            let n = world.dice.below(100);
            return world.code.user_edits(n);
        }
        13 => plan(world, &mut payloads),
        14 => {
            let diagnostics = payloads.add(&world.memory, b"errors = [\"no such mode\"]\n".to_vec());
            Input::CompileFailed { diagnostics: diagnostics.expect("a payload") }
        }
        15 => pause(world),
        16..19 => resume(world),
        19 => {
            let now = world.dice.one_in(2);
            let session =
                if world.dice.one_in(8) { "f".repeat(32).parse().expect("an id") } else { session.clone() };
            Input::Stop { session, now, reason: reason() }
        }
        20..23 => match retry(world, &mut payloads) {
            Some(input) => input,
            None => return,
        },
        23 | 24 => match world.active() {
            Some(run) if !run.closure && world.dice.one_in(2) => {
                Input::RetryActive { run: run.run, reason: reason() }
            }
            Some(run) => Input::CancelRun { run: run.run, reason: reason() },
            None => return,
        },
        25 => {
            let roots: Vec<ItemRef> =
                world.items().into_iter().filter(|item| item.kind == ItemKind::Spec).collect();
            match world.dice.pick(&roots) {
                Some(root) if world.dice.one_in(3) => {
                    Input::CancelLineage { root: root.id, reason: reason() }
                }
                _ => return,
            }
        }
        _ => match about_an_item(world) {
            Some(input) => input,
            None => return,
        },
    };
    request(world, input, payloads);
}

/// The driver rests: work is brought, or what keeps it is looked at.
pub(crate) fn wake(world: &mut World) {
    let mut payloads = Payloads::default();
    let input = match world.dice.below(5) {
        _ if world.control().plan.is_none() => plan(world, &mut payloads),
        0 | 1 => retry(world, &mut payloads).unwrap_or_else(|| enqueue(world, &mut payloads)),
        2 if !world.control().pauses.is_empty() => resume(world),
        _ => enqueue(world, &mut payloads),
    };
    request(world, input, payloads);
}

fn reason() -> String {
    "somebody said so".to_owned()
}

/// Asks, in every second case under a name; now and then under one that is taken.
fn request(world: &mut World, input: Input, payloads: Payloads) {
    if world.dice.one_in(2) {
        let _ = world.ask(Actor::Operator, &input, &payloads);
        return;
    }
    let taken = world.requests.last().map(|(request, ..)| request.clone());
    let request = match taken.filter(|_| world.dice.one_in(10)) {
        Some(taken) => taken,
        None => format!("request-{}", world.number()).parse().expect("an id"),
    };
    let input = Input::Requested { request: request.clone(), asks: Box::new(input) };
    let answered = matches!(world.ask(Actor::Operator, &input, &payloads), Ok(Outcome::Committed { .. }));
    world.requests.push((request, input, payloads, answered));
}

/// A request is made again, as it was; one that was answered changes nothing.
fn again(world: &mut World) {
    let Some((_, input, payloads, answered)) = world.dice.pick(&world.requests.clone()) else { return };
    let asked = world.ask(Actor::Operator, &input, &payloads);
    if answered {
        world.tally.count("asked", "twice");
        assert!(
            matches!(
                asked,
                Ok(Outcome::Unchanged { .. }) | Err(TransactError::Store(_) | TransactError::Fault(_))
            ),
            "a request that was answered is not answered by its receipt: {asked:?}"
        );
    }
}

/// A result that was handed off comes again.
fn late(world: &mut World) {
    let Some(mut handoff) = world.dice.pick(&world.handed.clone()) else { return };
    let under_way =
        world.active().and_then(|run| run.launch).is_some_and(|launch| launch.nonce == handoff.nonce);
    if under_way {
        return;
    }
    handoff.judgement = Judgement::Interrupted { by: Interrupter::Unknown };
    handoff.documents.clear();
    let before = world.tip();
    let asked = world.ask(Actor::Daemon, &Input::Handoff(Box::new(handoff)), &Payloads::default());
    world.tally.count("late", "result");
    assert!(asked.is_err() && world.tip() == before, "a late result changed something");
}

/// What nobody should ask: it is refused, or there is nothing to do.
fn odd(world: &mut World) {
    let before = world.tip();
    let id = world.run_id().parse().expect("a run id");
    let items = world.items();
    let Some(item) = world.dice.pick(&items) else { return };
    let nonce = world.hex32().parse().expect("a nonce");
    let start = world.code.snapshot();
    let claim =
        Claim { item, turn: "5.9999999999".parse().expect("a turn"), base: None, branch: None, start };
    let input = match world.dice.below(6) {
        0 => Input::Genesis { ledger: "1".repeat(32).parse().expect("an id") },
        1 => Input::TreeSettled { run: id, paths: 1, to: None, snapshot: None },
        2 => Input::Unresumable { run: id, detail: reason() },
        3 => Input::Reopen { run: id, claim },
        4 => Input::EndSession { session: "e".repeat(32).parse().expect("an id"), reason: reason() },
        _ => Input::Launch(Launching {
            run: id,
            claim: Some(claim),
            judge: None,
            nonce,
            session: "f".repeat(32).parse().expect("an id"),
            evidence: Files::new(),
        }),
    };
    let _ = world.ask(Actor::Operator, &input, &Payloads::default());
    assert_eq!(world.tip(), before, "{} changed something", input.op());
}

fn a_document(world: &mut World) -> Document {
    let kinds: &[&str] = match world.temper {
        Temper::StrictJudges => &["spec", "spec", "task"],
        Temper::HopelessTasks => &["task"],
        Temper::Mild | Temper::Harsh => &["task", "task", "task", "spec", "incident"],
    };
    let kind = world.dice.pick(kinds).expect("a kind");
    let names = ["a", "b", "c", "d", "e", "f", "A", "B"];
    let id = if world.dice.one_in(2) {
        world.dice.pick(&names).expect("a name").to_owned()
    } else {
        format!("n{}", world.number())
    };
    let mut one = Document::new(kind, &id);
    one.priority = u8::try_from(world.dice.below(10)).expect("a digit");
    if world.dice.one_in(4) {
        let on = world.dice.pick(&names).expect("a name");
        one = one.after(on);
    }
    if world.dice.one_in(6) {
        one = one.other();
    }
    if world.dice.one_in(8) {
        one.origin = Some("a push".to_owned());
    }
    one
}

fn enqueue(world: &mut World, payloads: &mut Payloads) -> Input {
    let many = 1 + world.dice.below(3);
    let documents = (0..many).map(|_| a_document(world).submitted(&world.memory.clone(), payloads)).collect();
    Input::Enqueue { documents }
}

fn idea(world: &mut World, payloads: &mut Payloads) -> Input {
    let name = world.dice.pick(&["one", "two", "three", "four"]).expect("a name");
    let text = world.dice.below(6);
    let mut spec = Document::new("spec", &format!("idea-{name}-{text}"));
    if world.dice.one_in(4) {
        spec.origin = Some("an idea that was changed".to_owned());
    }
    let text = payloads.add(&world.memory, format!("Idea {text}.\n").into_bytes()).expect("a payload");
    Input::TakeIdea {
        idea: name.parse().expect("an id"),
        text,
        found_in: Some(format!("{name}.md")),
        spec: Box::new(spec.submitted(&world.memory, payloads)),
    }
}

/// Another plan is selected.
pub(crate) fn plan(world: &mut World, payloads: &mut Payloads) -> Input {
    let all = plans::all();
    let at = if world.quiet || world.dice.one_in(3) { usual(world) } else { world.dice.below(all.len()) };
    select(world, at, payloads)
}

/// The plan that this operator comes back to.
fn usual(world: &World) -> usize {
    if world.frugal { plans::FRUGAL } else { plans::USUAL }
}

pub(crate) fn select(world: &World, at: usize, payloads: &mut Payloads) -> Input {
    let plan = &plans::all()[at];
    Input::Compile {
        plan: plan.id.parse().expect("a plan id"),
        record: payloads.add(&world.memory, plan.record.clone()).expect("a payload"),
        files: Files::new(),
        diagnostics: payloads.add(&world.memory, b"errors = []\n".to_vec()).expect("a payload"),
    }
}

fn pause(world: &mut World) -> Input {
    let kind = match world.dice.below(5) {
        0 => PauseKind::Harness { runner: "codex_cli".parse().expect("a runner") },
        1 => PauseKind::Budget,
        _ => PauseKind::Operator,
    };
    let until = world
        .dice
        .one_in(2)
        .then(|| world.now.saturating_add(SignedDuration::from_mins(30)).expect("a time"));
    let owner = world.dice.pick(&OWNERS).expect("an owner").to_owned();
    Input::Pause(PauseCause {
        named: false,
        kind,
        owner,
        since: world.now,
        detail: "rest".to_owned(),
        until,
        times: 1,
    })
}

fn resume(world: &mut World) -> Input {
    let pauses = world.control().pauses;
    let (cause, owner) = match world.dice.pick(&pauses) {
        Some(cause) => (cause.kind.key(), cause.owner),
        None => ("operator".to_owned(), "operator".to_owned()),
    };
    let other = world.dice.one_in(4);
    Input::Resume {
        cause,
        owner: if other { world.dice.pick(&OWNERS).map(str::to_owned) } else { Some(owner) },
    }
}

fn retry(world: &mut World, payloads: &mut Payloads) -> Option<Input> {
    let mut items: Vec<ItemRef> =
        world.standing(&[OpenState::Blocked]).into_iter().map(|(item, _)| item).collect();
    items.extend(blocked_targets(world));
    if world.dice.one_in(10) {
        items.extend(world.items().into_iter().take(1));
    }
    let items = world.dice.some(items, 2);
    if items.is_empty() {
        return None;
    }
    let note = world
        .dice
        .one_in(3)
        .then(|| payloads.add(&world.memory, b"Try this.\n".to_vec()).expect("a payload"));
    Some(Input::Retry(Retrying { items, reason: reason(), from_start: world.dice.one_in(3), note }))
}

pub(crate) fn blocked_targets(world: &World) -> Vec<ItemRef> {
    world.view(|view| {
        let mut all = Vec::new();
        for root in view.control()?.targets {
            all.extend(
                view.target(&root)?
                    .filter(|target| target.state.as_str() == "blocked")
                    .map(|target| target.item()),
            );
        }
        Ok(all)
    })
}

fn about_an_item(world: &mut World) -> Option<Input> {
    let all = world.items();
    let open: Vec<ItemRef> = world.standing(&OPEN).into_iter().map(|(item, _)| item).collect();
    let item = if world.dice.one_in(5) { world.dice.pick(&all)? } else { world.dice.pick(&open)? };
    let same_kind: Vec<ItemId> =
        all.iter().filter(|other| other.kind == item.kind).map(|other| other.id.clone()).collect();
    let other = world.dice.pick(&same_kind)?;
    Some(match world.dice.below(9) {
        0 => Input::Cancel { item, reason: reason() },
        1 => Input::Archive { item, reason: reason() },
        2 | 3 => Input::Supersede { item, by: other, reason: reason() },
        4 | 5 => {
            let known = world.view(|view| view.known(&item))?.intake.depends_on;
            let from = world.dice.pick(&known).or_else(|| world.dice.pick(&same_kind))?;
            Input::Retarget { item, from, to: if world.dice.one_in(3) { None } else { Some(other) } }
        }
        6 => {
            let digit = u8::try_from(world.dice.below(10)).expect("a digit");
            Input::Prioritise { item, priority: Priority::try_from(digit).expect("a priority") }
        }
        _ => {
            let held = world.standing(&[OpenState::Held]).into_iter().map(|(item, _)| item).collect();
            let mut items = world.dice.some(held, 2);
            if items.is_empty() || world.dice.one_in(6) {
                items.push(item);
            }
            if world.dice.one_in(12) {
                items.push("task/nobody-knows".parse().expect("an item"));
            }
            Input::Release { items }
        }
    })
}

/// What a careful operator does at the end: nothing rests, and everything that waits for a person gets its answer. True
/// where there was something to do.
pub(crate) fn tend(world: &mut World) -> bool {
    let mut payloads = Payloads::default();
    let mut asked = Vec::new();
    asked.push(select(world, usual(world), &mut payloads));
    for cause in world.control().pauses {
        asked.push(Input::Resume { cause: cause.kind.key(), owner: Some(cause.owner) });
    }
    for (item, slot) in world.standing(&[OpenState::Held, OpenState::Blocked, OpenState::Waiting]) {
        match slot {
            Slot::Held(_) => asked.push(Input::Release { items: vec![item] }),
            Slot::Blocked if world.dice.one_in(6) => asked.push(Input::Archive { item, reason: reason() }),
            Slot::Blocked => {
                let from_start = world.dice.one_in(3);
                asked.push(Input::Retry(Retrying {
                    items: vec![item],
                    reason: reason(),
                    from_start,
                    note: None,
                }));
            }
            Slot::Waiting { on, .. } => {
                let dependency = ItemRef::new(item.kind, on.clone());
                let stands = world.view(|view| view.slot(&dependency));
                if stands.is_none_or(|slot| slot == Slot::Archived) {
                    asked.push(Input::Retarget { item, from: on, to: None });
                }
            }
            _ => {}
        }
    }
    for root in blocked_targets(world) {
        asked.push(Input::Retry(Retrying {
            items: vec![root],
            reason: reason(),
            from_start: false,
            note: None,
        }));
    }
    let before = world.tip();
    for input in asked {
        match world.ask(Actor::Operator, &input, &payloads) {
            Ok(_) | Err(TransactError::Store(_) | TransactError::Fault(_)) => {}
            Err(error) => panic!("{} is not possible at the end: {error}", crate::world::brief(&input)),
        }
    }
    world.tip() != before
}
