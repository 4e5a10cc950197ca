//! The user's repository, opened with its ledger: what every command works on.

use std::cell::{Cell, OnceCell};
use std::path::Path;

use thiserror::Error;

use super::{approval, continuity, run_branch, runner, source};
use crate::domain::ids::LedgerId;
use crate::domain::limits::LOCK_WAIT;
use crate::domain::oid::Oid;
use crate::domain::transition::input::Input;
use crate::domain::transition::record::Actor;
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::{Fault, View as _};
use crate::format::config::Sign;
use crate::ledger::commit::{Commit, Person};
use crate::ledger::git::{Durability, GitStore, Signing};
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
    /// The user's identity and whether git is told to sign commits, once it was asked for: it costs a process.
    user: OnceCell<(Person, bool)>,
    /// What the plan that was looked at last says of signatures.
    sign: Cell<Option<(Oid, Sign)>>,
    /// What the store was told of them.
    signed_as: Cell<Option<Signing>>,
}

impl Project {
    /// Opens the repository that `path` lies in.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let repository = Repository::discover(path)?;
        let store = GitStore::open(&repository.git_dir, Durability::Strict)?;
        Ok(Self {
            repository,
            store,
            user: OnceCell::new(),
            sign: Cell::new(None),
            signed_as: Cell::new(None),
        })
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
        Ok(self.user()?.0)
    }

    fn user(&self) -> Result<(Person, bool), StoreError> {
        if let Some(user) = self.user.get() {
            return Ok(user.clone());
        }
        let (identity, signs) = self.repository.identity_and_signing()?;
        let person = match identity {
            Some(identity) => Person::new(&identity.name, &identity.email),
            None => Person::new("millrace", FALLBACK_EMAIL),
        };
        Ok(self.user.get_or_init(|| (person, signs)).clone())
    }

    /// Whether commits of the ledger are signed: by the selected plan's `[ledger] sign`, if that plan may run here, else
    /// as git is told.
    pub fn signing(&self) -> Result<Signing, TransactError> {
        let trees = self.trees();
        let said = match self.tip() {
            Ok(Some((_, commit))) => self.said_of_signing(&TreeView::new(&trees, Some(commit.tree))),
            _ => None,
        };
        Ok(match said.unwrap_or_default() {
            Sign::Always => Signing::Must,
            Sign::Auto if self.user()?.1 => Signing::Try,
            Sign::Auto | Sign::Never => Signing::Off,
        })
    }

    /// What the selected plan says; none where it cannot be read: what depends on it says so.
    fn said_of_signing(&self, view: &TreeView<'_, '_>) -> Option<Sign> {
        let plan = view.control().ok()?.plan?;
        let content = approval::content(view, &plan).ok()??;
        if let Some((_, sign)) = self.sign.get().filter(|(of, _)| *of == content) {
            return Some(sign);
        }
        if !approval::is_approved(self, view, &plan).ok()? {
            return None;
        }
        let sign = runner::frozen_config(view, &plan).ok()?.ledger.sign;
        self.sign.set(Some((content, sign)));
        Some(sign)
    }

    /// Tells the store whether it signs; what it could not do once it is not asked for again.
    fn settle_signing(&self) -> Result<(), TransactError> {
        let signing = self.signing()?;
        if self.signed_as.replace(Some(signing)) != Some(signing) {
            self.store.sign(signing);
        }
        Ok(())
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
        self.settle_signing()?;
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
