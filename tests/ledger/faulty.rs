//! The decorator fails where it was told to, and as it was told to.

use millrace::ledger::faulty::{Call, Failure, Fault, Faulty};
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{ObjectFormat, RefName, Store, StoreError};

use super::support::{WAIT, advance, commit, open, tip};
use crate::support::repo::TestRepo;

fn failing(call: Call, nth: u64, failure: Failure) -> Faulty<MemoryStore> {
    Faulty::new(MemoryStore::new(ObjectFormat::Sha1), vec![Fault { call, nth, failure }])
}

#[test]
fn before_means_nothing_happened() {
    let store = failing(Call::Publish, 2, Failure::Before);
    let first = advance(&store, "1").expect("the first is not told to fail");
    let objects = store.inner().object_count();
    assert!(matches!(advance(&store, "2"), Err(StoreError::Io { .. })));
    assert_eq!(store.inner().resolve(&RefName::State).expect("a ref"), Some(first));
    assert_eq!(store.inner().object_count(), objects);
    advance(&store, "3").expect("only the second fails");
    assert_eq!(store.calls(Call::Publish), 3);
}

#[test]
fn after_means_it_happened() {
    let store = failing(Call::Publish, 1, Failure::After);
    assert!(matches!(advance(&store, "1"), Err(StoreError::Io { .. })));
    let expected = tip(&commit(ObjectFormat::Sha1, None, "1"));
    assert_eq!(store.inner().resolve(&RefName::State).expect("a ref"), Some(expected));
}

#[test]
fn torn_means_objects_without_the_ref() {
    let store = failing(Call::Publish, 1, Failure::Torn);
    assert!(matches!(advance(&store, "1"), Err(StoreError::Io { .. })));
    let expected = tip(&commit(ObjectFormat::Sha1, None, "1"));
    assert_eq!(store.resolve(&RefName::State).expect("no fault here"), None);
    store.read(expected).expect("the object is there");

    let repo = TestRepo::init();
    let plan = vec![Fault { call: Call::Publish, nth: 1, failure: Failure::Torn }];
    let store = Faulty::new(open(&repo), plan);
    assert!(matches!(advance(&store, "1"), Err(StoreError::Io { .. })));
    assert_eq!(store.resolve(&RefName::State).expect("no fault here"), None);
    store.read(expected).expect("the object is there");
    assert_eq!(repo.git(&["for-each-ref"]), "");
}

#[test]
fn every_kind_of_call_can_fail() {
    let oid = tip(&commit(ObjectFormat::Sha1, None, "1"));
    assert!(failing(Call::Resolve, 1, Failure::Before).resolve(&RefName::State).is_err());
    assert!(failing(Call::Resolve, 1, Failure::After).runs().is_err());
    assert!(matches!(failing(Call::Read, 1, Failure::Before).read(oid), Err(StoreError::Io { .. })));
    let store = failing(Call::Writer, 1, Failure::After);
    assert!(store.writer(WAIT).is_err());
    drop(store.writer(WAIT).expect("a lock that was taken and failed is free again"));
}
