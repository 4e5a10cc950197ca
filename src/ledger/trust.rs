//! Whether the ledger goes on from where this machine left it.
//!
//! Replay alone cannot name a ledger that was rewound, replaced or rewritten as a whole: each of its commits follows from
//! the one before. So a store remembers the tip that it wrote or verified last, and nothing is built on another one before
//! what came since is replayed. The costs are those of what others wrote; where nobody else writes, one comparison.

use thiserror::Error;

use super::history::advance;
use super::store::{Belief, RefName, Store, StoreError};
use super::transact::{TransactError, read_commit};
use super::tree::Trees;
use super::verify::{Finding, verify, verify_since};
use super::view::TreeView;
use crate::domain::ids::LedgerId;
use crate::domain::oid::Oid;
use crate::domain::transition::record::{FORMAT, RULES};

/// How often a look is repeated because the memory moved meanwhile: each time, another writer was faster.
const LOOKS: u32 = 5;

/// Why the ledger is not believed.
#[derive(Debug, Error)]
pub enum Distrust {
    /// It is gone.
    #[error("refs/millrace/state is gone; this machine left it at {known}")]
    Gone {
        /// Where it stood.
        known: Oid,
    },
    /// It went back to an earlier state of its own.
    #[error(
        "refs/millrace/state was rewound: it holds {found}, which came before {known}, where this machine left it"
    )]
    Rewound {
        /// Where it stood.
        known: Oid,
        /// What it holds.
        found: Oid,
    },
    /// It goes on from somewhere else.
    #[error(
        "refs/millrace/state was rewritten: it holds {found}, which does not follow {known}, where this machine left it"
    )]
    Rewritten {
        /// Where it stood.
        known: Oid,
        /// What it holds.
        found: Oid,
    },
    /// It is another ledger.
    #[error(
        "refs/millrace/state was replaced: it holds {found} of ledger {theirs}; this machine left it at {known} of ledger \
         {ours}"
    )]
    Replaced {
        /// Where it stood.
        known: Oid,
        /// What it holds.
        found: Oid,
        /// The ledger that it was.
        ours: LedgerId,
        /// The ledger that it is.
        theirs: LedgerId,
    },
    /// Something came that no command of ours makes.
    #[error("refs/millrace/state was given commit {commit}, which the rules do not make: {detail}")]
    False {
        /// The commit.
        commit: Oid,
        /// What is wrong with it.
        detail: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Distrust {
    /// The kind's word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "gone",
            Self::Rewound { .. } => "rewound",
            Self::Rewritten { .. } => "rewritten",
            Self::Replaced { .. } => "replaced",
            Self::False { .. } => "false",
            Self::Store(_) => "unreadable",
        }
    }
}

/// How the ledger's ref stands to what this machine remembers.
#[derive(Debug)]
pub struct Standing {
    /// What the ref holds.
    pub tip: Option<Oid>,
    /// Commits that were replayed for this answer: 0 where the tip was known.
    pub replayed: u64,
    /// Whether a newer version wrote the tip: it cannot be judged here, and nothing is written on it.
    pub newer: bool,
}

/// Looks at the ledger's ref: `Ok` where it holds what this machine wrote or verified last, or what follows that by the
/// rules. Writes nothing.
pub fn look(store: &dyn Store) -> Result<Standing, Distrust> {
    let mut looks = 1;
    loop {
        // The memory first: it never runs ahead of the ref.
        let belief = store.believed()?;
        let tip = store.resolve(&RefName::State)?;
        match judged(store, belief, tip) {
            Err(_) if looks < LOOKS && store.believed()? != belief => looks += 1,
            answer => return answer,
        }
    }
}

fn judged(store: &dyn Store, belief: Belief, tip: Option<Oid>) -> Result<Standing, Distrust> {
    let fine = |replayed| Standing { tip, replayed, newer: false };
    match (belief, tip) {
        (Belief::Unkept, _) | (Belief::Nothing, None) => Ok(fine(0)),
        (Belief::Tip(known), Some(found)) if known == found => Ok(fine(0)),
        (Belief::Tip(known), None) => Err(Distrust::Gone { known }),
        (Belief::Tip(known), Some(found)) => goes_on(store, found, known),
        (Belief::Nothing, Some(found)) => sound(store, found),
    }
}

/// That a ledger which this machine has never seen follows from itself.
pub fn sound(store: &dyn Store, found: Oid) -> Result<Standing, Distrust> {
    let standing = Standing { tip: Some(found), replayed: 0, newer: is_newer(store, found) };
    if standing.newer {
        return Ok(standing);
    }
    let report = verify(store, found)?;
    first(report.findings).map_or(Ok(()), Err)?;
    Ok(Standing { replayed: report.commits, ..standing })
}

/// That `found` is `known` or goes on from it, and by the rules.
pub fn goes_on(store: &dyn Store, found: Oid, known: Oid) -> Result<Standing, Distrust> {
    follows(store, found, known)?;
    let standing = Standing { tip: Some(found), replayed: 0, newer: is_newer(store, found) };
    if standing.newer || found == known {
        return Ok(standing);
    }
    let report = verify_since(store, found, known)?;
    first(report.findings).map_or(Ok(()), Err)?;
    Ok(Standing { replayed: report.commits, ..standing })
}

/// That `known` is `found` or came before it. What came between is not looked at.
pub fn follows(store: &dyn Store, found: Oid, known: Oid) -> Result<(), Distrust> {
    if found == known {
        return Ok(());
    }
    let way = advance(store, Some(known), found).map_err(|error| unread(found, error))?;
    if !way.set_back {
        return Ok(());
    }
    if way.came.is_empty() {
        return Err(Distrust::Rewound { known, found });
    }
    Err(match (ledger_of(store, known), ledger_of(store, found)) {
        (Some(ours), Some(theirs)) if ours != theirs => Distrust::Replaced { known, found, ours, theirs },
        _ => Distrust::Rewritten { known, found },
    })
}

fn first(findings: Vec<Finding>) -> Option<Distrust> {
    let finding = findings.into_iter().next()?;
    Some(Distrust::False { commit: finding.commit, detail: finding.detail })
}

fn unread(oid: Oid, error: TransactError) -> Distrust {
    match error {
        TransactError::Store(error) => Distrust::Store(error),
        other => Distrust::False { commit: oid, detail: other.to_string() },
    }
}

/// The ledger that a commit is of; none where that cannot be read.
fn ledger_of(store: &dyn Store, oid: Oid) -> Option<LedgerId> {
    let trees = Trees::new(store);
    let commit = read_commit(store, oid).ok()?;
    TreeView::new(&trees, Some(commit.tree)).ledger().ok().flatten().map(|record| record.ledger)
}

/// Whether a newer version wrote the commit. Nobody here can judge what that did.
fn is_newer(store: &dyn Store, oid: Oid) -> bool {
    let trees = Trees::new(store);
    let Ok(commit) = read_commit(store, oid) else { return false };
    let view = TreeView::new(&trees, Some(commit.tree));
    matches!(view.format(), Ok(Some(format)) if format > FORMAT)
        || matches!(view.rules(), Ok(Some(rules)) if rules > RULES)
}
