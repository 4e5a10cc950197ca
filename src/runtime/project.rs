//! The user's repository, opened with its ledger: what every command works on.

use std::cell::OnceCell;
use std::path::Path;

use thiserror::Error;

use super::{continuity, run_branch, source};
use crate::domain::ids::LedgerId;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::transition::input::Input;
use crate::domain::transition::record::Actor;
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::Fault;
use crate::ledger::commit::{Commit, Person};
use crate::ledger::git::{Durability, GitStore};
use crate::ledger::store::{RefName, Signature, Store as _, StoreError};
use crate::ledger::transact::{Act, Outcome, Payloads, TransactError, read_commit, transact};
use crate::ledger::tree::Trees;
use crate::ledger::view::TreeView;
use crate::workspace::discover::{DiscoverError, Repository};

/// The address of commits where the user has none.
const FALLBACK_EMAIL: &str = "millrace@localhost";

/// Why a project cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no repository there.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// It cannot hold a ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A repository and its ledger. Opening creates nothing.
pub struct Project {
    /// Where it is.
    pub repository: Repository,
    /// What keeps the ledger.
    pub store: GitStore,
    /// The user's identity, once it was asked for: it costs a process.
    person: OnceCell<Person>,
}

impl Project {
    /// Opens the repository that `path` lies in.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let repository = Repository::discover(path)?;
        let store = GitStore::open(&repository.git_dir, Durability::Strict)?;
        Ok(Self { repository, store, person: OnceCell::new() })
    }

    /// The ledger's tip, read; `None` where there is no ledger.
    pub fn tip(&self) -> Result<Option<(Oid, Commit)>, TransactError> {
        match self.store.resolve(&RefName::State)? {
            Some(oid) => Ok(Some((oid, read_commit(&self.store, oid)?))),
            None => Ok(None),
        }
    }

    /// Trees of this project's store.
    #[must_use]
    pub fn trees(&self) -> Trees<'_> {
        Trees::new(&self.store)
    }

    /// The state at the tip.
    pub fn view<'t, 's>(&self, trees: &'t Trees<'s>) -> Result<TreeView<'t, 's>, TransactError> {
        Ok(TreeView::new(trees, self.tip()?.map(|(_, commit)| commit.tree)))
    }

    /// The user's git identity, or the fallback.
    pub fn person(&self) -> Result<Person, StoreError> {
        if let Some(person) = self.person.get() {
            return Ok(person.clone());
        }
        let person = match self.repository.identity()? {
            Some(identity) => Person::new(&identity.name, &identity.email),
            None => Person::new("millrace", FALLBACK_EMAIL),
        };
        Ok(self.person.get_or_init(|| person).clone())
    }

    /// What somebody does now.
    pub fn act(&self, actor: Actor, author: Option<Person>) -> Result<Act, StoreError> {
        let committer = self.person()?;
        Ok(Act {
            at: source::now(),
            actor,
            author: author.unwrap_or_else(|| committer.clone()),
            committer,
            wait: LOCK_WAIT,
        })
    }

    /// The signature of this user now, for refs and snapshots.
    pub fn signature(&self) -> Result<Signature, StoreError> {
        let person = self.person()?;
        Ok(Signature { name: person.name, email: person.email, at: source::now() })
    }

    /// Makes a transition; begins the ledger first where there is none.
    pub fn transact(&self, act: &Act, input: &Input, payloads: &Payloads) -> Result<Outcome, TransactError> {
        let outcome = match transact(&self.store, act, input, payloads) {
            Err(TransactError::Refused(Refusal::NoLedger)) => {
                self.begin(act)?;
                transact(&self.store, act, input, payloads)
            }
            other => other,
        }?;
        if let Outcome::Committed { commit, transition } = &outcome {
            run_branch::close(self, *commit, transition);
        }
        Ok(outcome)
    }

    fn begin(&self, act: &Act) -> Result<(), TransactError> {
        // None is begun in the place of one that was lost while a stage ran.
        if let Some(known) = continuity::remembered(self).first() {
            let detail = format!("it is gone; it stood at {known} when a stage began");
            return Err(Fault { at: "refs/millrace/state".to_owned(), detail }.into());
        }
        let ledger: LedgerId =
            source::random_id().map_err(|error| TransactError::Internal(format!("no random id: {error}")))?;
        match transact(&self.store, act, &Input::Genesis { ledger }, &Payloads::default()) {
            // Somebody else was faster: that is as good.
            Ok(_) | Err(TransactError::Refused(Refusal::LedgerExists)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A transition of the runtime itself, without payloads.
    pub fn note(&self, input: &Input) -> Result<Outcome, TransactError> {
        self.transact(&self.act(Actor::Daemon, None)?, input, &Payloads::default())
    }
}
