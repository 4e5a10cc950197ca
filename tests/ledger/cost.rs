//! What a transition reads and writes does not grow with what is in the ledger already.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use millrace::domain::oid::Oid;
use millrace::domain::result::InfrastructureClass;
use millrace::domain::transition::input::Input;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{
    NewObjects, ObjectFormat, ObjectKind, Publication, RefName, Store, StoreError, Writer,
};
use millrace::ledger::transact::Payloads;

use crate::support::play::{Play, genesis, outage, task};

/// What went through a store.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    reads: usize,
    written: usize,
    bytes: usize,
}

/// A store that counts; clones share the count.
#[derive(Clone)]
struct Counted {
    inner: MemoryStore,
    traffic: Rc<Cell<Traffic>>,
}

impl Store for Counted {
    fn object_format(&self) -> ObjectFormat {
        self.inner.object_format()
    }
    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        self.inner.resolve(name)
    }
    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        self.inner.refs()
    }
    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        let now = self.traffic.get();
        self.traffic.set(Traffic { reads: now.reads + 1, ..now });
        self.inner.read(oid)
    }
    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        Ok(Box::new(Counting { traffic: &self.traffic, inner: self.inner.writer(wait)? }))
    }
}

struct Counting<'a> {
    traffic: &'a Cell<Traffic>,
    inner: Box<dyn Writer + 'a>,
}

impl Writer for Counting<'_> {
    fn publish(&mut self, publication: Publication) -> Result<(), StoreError> {
        if let NewObjects::Given(objects) = &publication.objects {
            let now = self.traffic.get();
            self.traffic.set(Traffic {
                written: now.written + objects.len(),
                bytes: now.bytes + objects.iter().map(|object| object.bytes.len()).sum::<usize>(),
                ..now
            });
        }
        self.inner.publish(publication)
    }
}

/// A ledger with the shipped plan, and its count.
fn counted() -> (Play, Rc<Cell<Traffic>>) {
    let store = Counted { inner: MemoryStore::new(ObjectFormat::Sha1), traffic: Rc::default() };
    let traffic = store.traffic.clone();
    let mut play = Play::on(Box::new(store));
    play.looks = false;
    play.done(&genesis());
    play.select("");
    (play, traffic)
}

/// What the whole life of a task costs, where so many others are queued and done.
fn life(queued: usize, done: usize) -> Traffic {
    let (mut play, traffic) = counted();
    let names =
        |what: &str, many: usize| -> Vec<String> { (0..many).map(|n| format!("{what}{n:04}")).collect() };
    for name in names("old", done) {
        play.add(&task(&name));
        play.finish(&format!("task/{name}"));
    }
    play.add(&task("it"));
    for some in names("next", queued).chunks(1000) {
        play.add_all(&some.iter().map(|name| task(name)).collect::<Vec<_>>());
    }
    traffic.set(Traffic::default());
    play.next();
    play.finish("task/it");
    traffic.get()
}

/// Where two thousand wait a task costs what it costs where ten do, but for the names of some more folders.
#[test]
fn m20_a_task_costs_the_same_however_long_the_queue_is() {
    let (short, long) = (life(10, 0), life(2000, 0));
    assert!(short.reads > 50 && short.written > 50, "it is counted: {short:?}");
    assert!(long.reads <= short.reads + 10, "{short:?} {long:?}");
    assert!(long.written <= short.written + 10, "{short:?} {long:?}");
    assert!(long.bytes <= short.bytes * 3 / 2, "{short:?} {long:?}");
}

/// Of what is done only names are written again, with a claim and with each handoff: the runs of a day stand in one
/// folder.
#[test]
fn m20_a_task_costs_the_same_however_much_is_done() {
    const MORE: usize = 150;
    const NAME: usize = 64;
    const TRANSITIONS: usize = 4;
    let (young, old) = (life(10, 5), life(10, 5 + MORE));
    assert!(old.reads <= young.reads + 10, "{young:?} {old:?}");
    assert!(old.written <= young.written + 10, "{young:?} {old:?}");
    assert!(old.bytes <= young.bytes + MORE * NAME * TRANSITIONS, "{young:?} {old:?}");
}

/// What a stage leaves is written once: a later handoff of its run does not write what earlier ones left.
#[test]
fn f07_what_was_written_is_not_written_again() {
    const LEFT: usize = 20_000;
    let (mut play, traffic) = counted();
    play.add(&task("it"));
    play.claim("task/it");
    let mut costs = Vec::new();
    for launch in 1..=30 {
        traffic.set(Traffic::default());
        play.launch_if_needed();
        let mut payloads = Payloads::default();
        let mut handoff = play.handing(outage(InfrastructureClass::Network));
        let text = format!("{launch:05}").repeat(LEFT / 5);
        handoff.evidence.extend([play.kept("stdout.tail", &text, &mut payloads)]);
        play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
        play.pass(61);
        costs.push(traffic.get().bytes);
    }
    assert!(costs[1] > LEFT, "{costs:?}");
    assert!(costs[29] < costs[1] + LEFT / 4, "{costs:?}");
}
