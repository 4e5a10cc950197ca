//! A transition that goes on from a tip which the ledger's ref does not have yet.

use millrace::domain::transition::input::{Adopting, Input};
use millrace::ledger::history::commits;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{NewObjects, ObjectFormat, Publication, RefName, Signature, Store, StoreError};
use millrace::ledger::transact::{TransactError, transact_onto};
use millrace::ledger::verify::verify;

use crate::support::play::{Play, genesis, item, start, task};

fn adopting(arrived: &[&str]) -> Input {
    Input::Adopt(Box::new(Adopting {
        remote: "origin".to_owned(),
        before: None,
        arrived: arrived.iter().map(|name| item(name)).collect(),
        runs: Vec::new(),
        roots: Vec::new(),
        pauses: Vec::new(),
        owed: None,
    }))
}

/// Sets the ledger's ref back to an earlier commit: what a fetch brings lies beside it.
fn set_back(store: &dyn Store, to: millrace::domain::oid::Oid) {
    let old = store.resolve(&RefName::State).expect("a ref");
    let by = Signature { name: "t".to_owned(), email: "t@localhost".to_owned(), at: start() };
    let publication = Publication {
        name: RefName::State,
        old,
        new: Some(to),
        objects: NewObjects::None,
        by,
        message: "back".to_owned(),
    };
    super::support::publish(store, publication).expect("published");
}

#[test]
fn the_ref_moves_over_the_fetched_tip_in_one_swap() {
    let store = MemoryStore::new(ObjectFormat::Sha1);
    let mut play = Play::on(Box::new(store.clone()));
    play.done(&genesis());
    let old = play.tip().unwrap();
    play.add(&task("a"));
    let theirs = play.tip().unwrap();
    set_back(&store, old);

    let act = Play::act(start());
    let outcome = transact_onto(&store, &act, &adopting(&["task/a"]), Some(old), theirs).unwrap();
    let tip = store.resolve(&RefName::State).unwrap().unwrap();
    assert_eq!(outcome.commit(), Some(tip));
    assert_eq!(play.state("task/a"), "held/5.0000000001");
    let chain: Vec<_> = commits(&store, Some(tip)).map(|read| read.unwrap().0).take(3).collect();
    assert_eq!(chain, [tip, theirs, old]);
    assert!(verify(&store, tip).unwrap().is_sound());

    // Nothing to decide: the ref is at the tip itself.
    set_back(&store, old);
    let outcome = transact_onto(&store, &act, &adopting(&[]), Some(old), theirs).unwrap();
    assert_eq!((outcome.commit(), store.resolve(&RefName::State).unwrap()), (None, Some(theirs)));

    // What was asked was true of another state.
    let moved = transact_onto(&store, &act, &adopting(&["task/a"]), Some(old), theirs);
    assert!(matches!(moved, Err(TransactError::Store(StoreError::Moved { .. }))), "{moved:?}");
    assert_eq!(store.resolve(&RefName::State).unwrap(), Some(theirs));
}
