//! How a ledger got from one tip to another.

use millrace::domain::oid::Oid;
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::history::advance;

use crate::support::repo::TestRepo;

/// Chains of commits in a scratch repository; only their parents matter.
struct Chains {
    repo: TestRepo,
    store: GitStore,
}

impl Chains {
    fn new() -> Self {
        let repo = TestRepo::with_commit();
        let store = GitStore::open(&repo.git_dir(), Durability::Off).expect("a store");
        Self { repo, store }
    }

    /// So many commits on top of one, oldest first.
    fn grow(&self, from: Option<Oid>, name: &str, count: usize) -> Vec<Oid> {
        let mut parent = from;
        (0..count)
            .map(|n| {
                let message = format!("{name} {n}");
                let mut call = vec!["commit-tree", "-m", &message];
                let text = parent.map(|oid| oid.to_string());
                if let Some(text) = &text {
                    call.extend(["-p", text]);
                }
                call.push("HEAD^{tree}");
                let oid: Oid = self.repo.git(&call).parse().expect("an object id");
                parent = Some(oid);
                oid
            })
            .collect()
    }

    fn advance(&self, old: Option<Oid>, new: Oid) -> (Vec<Oid>, bool) {
        let advance = advance(&self.store, old, new).expect("readable commits");
        (advance.came.into_iter().map(|(oid, _)| oid).collect(), advance.set_back)
    }
}

#[test]
fn what_came_between_two_looks() {
    let chains = Chains::new();
    let a = chains.grow(None, "a", 6);
    let b = chains.grow(Some(a[1]), "b", 3);
    let other = chains.grow(None, "other", 2);
    // On, by one and by several; from before the first.
    assert_eq!(chains.advance(Some(a[4]), a[5]), (a[5..].to_vec(), false));
    assert_eq!(chains.advance(Some(a[0]), a[5]), (a[1..].to_vec(), false));
    assert_eq!(chains.advance(Some(a[3]), a[3]), (Vec::new(), false));
    assert_eq!(chains.advance(None, a[5]), (a.clone(), false));
    // Back, and back and on again, whichever side is the longer one.
    assert_eq!(chains.advance(Some(a[5]), a[2]), (Vec::new(), true));
    assert_eq!(chains.advance(Some(a[5]), b[0]), (b[..1].to_vec(), true));
    assert_eq!(chains.advance(Some(a[2]), b[2]), (b.clone(), true));
    // Another ledger altogether.
    assert_eq!(chains.advance(Some(a[5]), other[1]), (other, true));
}

#[test]
fn a_tip_that_is_gone_does_not_keep_the_new_one_from_being_read() {
    let chains = Chains::new();
    let a = chains.grow(None, "a", 2);
    let gone: Oid = "0123456789012345678901234567890123456789".parse().expect("an object id");
    assert_eq!(chains.advance(Some(gone), a[1]), (a.clone(), true));
    assert!(advance(&chains.store, Some(a[1]), gone).is_err());
}
