//! One transition, whole: load the tip, decide, apply in memory, write, swap.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::commit::{Commit, Person, second};
use super::object::object_id;
use super::store::{
    Belief, NewObjects, Object, ObjectKind, Publication, RefName, Signature, Store, StoreError, Writer,
};
use super::tree::{TreeEditor, Trees};
use super::trust::{self, Distrust, Standing};
use super::view::TreeView;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::transition::apply::{Edit, Misfit, apply, payloads};
use crate::domain::transition::decide::decide;
use crate::domain::transition::input::{Content, Input};
use crate::domain::transition::record::{Actor, FORMAT, RULES, Subject, Transition};
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::Fault;
use crate::format::message;
use crate::format::records::{RecordError, encode, encode_record};

/// How often a transition is decided anew because the ref moved under the lock: only a program that is not ours
/// does that, and one that does it all the time has to be named.
const ATTEMPTS: u32 = 5;

/// Why a transition did not happen.
#[derive(Debug, Error)]
pub enum TransactError {
    /// It is not allowed; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state cannot be read.
    #[error("the ledger cannot be read: {0}")]
    Fault(#[from] Fault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger is not what this machine left and what the rules made of it since.
    #[error(transparent)]
    Distrusted(#[from] Box<Distrust>),
    /// The ledger was written by a newer version.
    #[error(
        "the ledger was written by a newer version of millrace ({what} {theirs}; this one knows {ours}); it is left untouched: upgrade millrace"
    )]
    Newer {
        /// `format` or `rules`.
        what: &'static str,
        /// Theirs.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// A record could not be rendered, or a payload was not handed over.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl From<Misfit> for TransactError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Fault(fault) => Self::Fault(fault),
            Misfit::State(detail) => Self::Internal(detail),
        }
    }
}

impl From<RecordError> for TransactError {
    fn from(error: RecordError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// The bytes that an input places in the tree, by their blob id.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    bytes: BTreeMap<Oid, Vec<u8>>,
}

impl Payloads {
    /// Hands bytes over, and gives what an input calls them by.
    pub fn add(&mut self, store: &dyn Store, bytes: Vec<u8>) -> Result<Content, StoreError> {
        let oid = object_id(store.object_format(), ObjectKind::Blob, &bytes)?;
        let size = bytes.len() as u64;
        self.bytes.insert(oid, bytes);
        Ok(Content { oid, size })
    }
}

/// Who makes a transition, and when.
#[derive(Debug, Clone)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who asks.
    pub actor: Actor,
    /// The commit's author: the stage and its harness, or the CLI's user.
    pub author: Person,
    /// The commit's committer: the user's git identity.
    pub committer: Person,
    /// How long to wait for the lock.
    pub wait: Duration,
}

/// What a transition came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is a commit.
    Committed {
        /// The commit.
        commit: Oid,
        /// What made it.
        transition: Box<Transition>,
    },
    /// The state was already as asked; no commit was made.
    Unchanged {
        /// What the deciding noticed.
        notes: Vec<String>,
    },
}

impl Outcome {
    /// The commit, if one was made.
    #[must_use]
    pub fn commit(&self) -> Option<Oid> {
        match self {
            Self::Committed { commit, .. } => Some(*commit),
            Self::Unchanged { .. } => None,
        }
    }

    /// What the deciding noticed.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Committed { transition, .. } => &transition.decision.notes,
            Self::Unchanged { notes } => notes,
        }
    }
}

/// The tip to build on: one that this machine wrote, or has verified now.
fn believed(store: &dyn Store) -> Result<Option<Oid>, TransactError> {
    // What a newer version wrote is refused as that.
    trust::look(store).map(|standing| standing.tip).map_err(distrusted)
}

fn distrusted(distrust: Distrust) -> TransactError {
    match distrust {
        Distrust::Store(error) => error.into(),
        distrust => Box::new(distrust).into(),
    }
}

/// Makes one transition: all of it, or nothing.
///
/// What others wrote since this machine last looked is verified first, before the lock is taken: that may be much.
pub fn transact(
    store: &dyn Store,
    act: &Act,
    input: &Input,
    payloads: &Payloads,
) -> Result<Outcome, TransactError> {
    let remembers = store.believed()? != Belief::Unkept;
    let signs = store.signs();
    let mut verified = if remembers { believed(store)? } else { None };
    let mut attempt = 1;
    // A signature is paid for before the lock is taken: others write meanwhile, and then it was in vain. The last attempt
    // has the lock first.
    let mut writer = if signs { None } else { Some(store.writer(act.wait)?) };
    loop {
        if attempt == ATTEMPTS && writer.is_none() {
            writer = Some(store.writer(act.wait)?);
        }
        let mut tip = store.resolve(&RefName::State)?;
        if remembers && tip != verified {
            verified = believed(store)?;
            tip = verified;
        }
        let trees = Trees::new(store);
        let mut prepared = match prepare(store, &trees, tip, act, input, payloads)? {
            Prepared::Nothing(notes) => {
                if let Some(writer) = &mut writer {
                    remember(&mut **writer, tip);
                }
                return Ok(Outcome::Unchanged { notes });
            }
            Prepared::Commit(prepared) => *prepared,
        };
        if signs {
            prepared.sign(store)?;
        }
        let publication =
            act.publication(tip, prepared.oid, prepared.objects, message::subject(&prepared.transition));
        let mut held = match writer.take() {
            Some(writer) => writer,
            None => store.writer(act.wait)?,
        };
        match held.publish(publication) {
            Ok(()) => {
                remember(&mut *held, Some(prepared.oid));
                return Ok(Outcome::Committed {
                    commit: prepared.oid,
                    transition: Box::new(prepared.transition),
                });
            }
            Err(StoreError::Moved { .. }) if attempt < ATTEMPTS => {
                attempt += 1;
                writer = Some(held).filter(|_| !signs);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A memory that cannot be written costs a replay later, no more.
fn remember(writer: &mut dyn Writer, tip: Option<Oid>) {
    if let Err(error) = writer.believe(tip) {
        tracing::warn!(%error, "the tip cannot be remembered as verified; the next writer verifies it again");
    }
}

/// Makes one transition that goes on from `tip`, a commit that the ledger's ref does not have yet, and moves the ref from
/// `old` to what comes of it; to `tip` itself where there is nothing to decide. `tip` has to follow `old` by the rules where
/// the store keeps a memory; whether its objects are durable is the caller's to know.
///
/// # Errors
///
/// [`StoreError::Moved`] where the ref does not have `old` any more: what was asked may no longer be true.
pub fn transact_onto(
    store: &dyn Store,
    act: &Act,
    input: &Input,
    old: Option<Oid>,
    tip: Oid,
) -> Result<Outcome, TransactError> {
    swap(store, act, input, old, tip, || match old {
        Some(old) => trust::goes_on(store, tip, old),
        None => trust::sound(store, tip),
    })
}

/// The same where `tip` does not go on from `old`: the ledger here gives way to another one, which has to follow from
/// itself. That a ref keeps `old` is the caller's to see to.
///
/// # Errors
///
/// [`StoreError::Moved`] where the ref does not have `old` any more.
pub fn transact_instead(
    store: &dyn Store,
    act: &Act,
    input: &Input,
    old: Option<Oid>,
    tip: Oid,
) -> Result<Outcome, TransactError> {
    swap(store, act, input, old, tip, || trust::sound(store, tip))
}

/// `sound`: whether `tip` may take the place of `old`; asked where the store keeps a memory.
fn swap(
    store: &dyn Store,
    act: &Act,
    input: &Input,
    old: Option<Oid>,
    tip: Oid,
    sound: impl FnOnce() -> Result<Standing, Distrust>,
) -> Result<Outcome, TransactError> {
    if store.believed()? != Belief::Unkept {
        believed(store)?;
        sound().map_err(distrusted)?;
    }
    let trees = Trees::new(store);
    let (new, objects, subject, outcome) =
        match prepare(store, &trees, Some(tip), act, input, &Payloads::default())? {
            Prepared::Nothing(notes) => {
                let subject = format!("{}: nothing to change", input.op());
                (tip, Vec::new(), subject, Outcome::Unchanged { notes })
            }
            Prepared::Commit(mut prepared) => {
                if store.signs() {
                    prepared.sign(store)?;
                }
                let NewCommit { oid, objects, transition, .. } = *prepared;
                let subject = message::subject(&transition);
                (oid, objects, subject, Outcome::Committed { commit: oid, transition: Box::new(transition) })
            }
        };
    let mut writer = store.writer(act.wait)?;
    writer.publish(act.publication(old, new, objects, subject))?;
    remember(&mut *writer, Some(new));
    Ok(outcome)
}

impl Act {
    /// The move of the ledger's ref.
    fn publication(&self, old: Option<Oid>, new: Oid, objects: Vec<Object>, message: String) -> Publication {
        let objects = if objects.is_empty() { NewObjects::None } else { NewObjects::Given(objects) };
        let Person { name, email } = self.committer.clone();
        let by = Signature { name, email, at: self.at };
        Publication { name: RefName::State, old, new: Some(new), objects, by, message }
    }
}

enum Prepared {
    Nothing(Vec<String>),
    Commit(Box<NewCommit>),
}

struct NewCommit {
    oid: Oid,
    tree: Oid,
    objects: Vec<Object>,
    transition: Transition,
}

impl NewCommit {
    /// Puts a signature into the commit, where there is to be one. Nothing else of it changes.
    fn sign(&mut self, store: &dyn Store) -> Result<(), TransactError> {
        let bytes = |oid: Oid| {
            let object = self.objects.iter().find(|object| object.oid == oid);
            object.map_or(&[][..], |object| &object.bytes)
        };
        let Some(signed) = store.signed(bytes(self.oid), bytes(self.tree))? else { return Ok(()) };
        let oid = object_id(store.object_format(), ObjectKind::Commit, &signed)?;
        self.objects.retain(|object| object.oid != self.oid);
        self.objects.push(Object { kind: ObjectKind::Commit, oid, bytes: signed });
        self.oid = oid;
        Ok(())
    }
}

fn prepare(
    store: &dyn Store,
    trees: &Trees<'_>,
    tip: Option<Oid>,
    act: &Act,
    input: &Input,
    handed: &Payloads,
) -> Result<Prepared, TransactError> {
    let parent = tip.map(|oid| read_commit(store, oid).map(|commit| (oid, commit))).transpose()?;
    let view = TreeView::new(trees, parent.as_ref().map(|(_, commit)| commit.tree));
    writable(&view)?;
    let seq = view.transition()?.map_or(1, |before| before.seq.saturating_add(1));
    let decision = decide(&view, act.at, input)??;
    if decision.effects.is_empty() {
        return Ok(Prepared::Nothing(decision.notes));
    }
    let edits = apply(&view, &decision)?;
    let transition = Transition {
        rules: RULES,
        seq,
        at: act.at,
        actor: act.actor,
        subject: Subject::of(&view, input, &decision)?,
        input: input.clone(),
        decision,
        payloads: payloads(&edits),
    };
    let mut objects = Vec::new();
    for (path, content) in &transition.payloads {
        let bytes = handed
            .bytes
            .get(&content.oid)
            .ok_or_else(|| TransactError::Internal(format!("no bytes for {path}")))?;
        objects.push(Object { kind: ObjectKind::Blob, oid: content.oid, bytes: bytes.clone() });
    }
    let (root, more) = edited(trees, view.root(), &edits, &transition)?;
    objects.extend(more);
    let commit = Commit {
        tree: root,
        parents: parent.iter().map(|(oid, _)| *oid).collect(),
        author: act.author.clone(),
        committer: act.committer.clone(),
        second: second(act.at, parent.as_ref().map(|(_, commit)| commit.second)),
        message: message::render(&transition),
    };
    let bytes = commit.render();
    let oid = object_id(store.object_format(), ObjectKind::Commit, &bytes)?;
    objects.push(Object { kind: ObjectKind::Commit, oid, bytes });
    objects.sort_by_key(|object| object.oid);
    objects.dedup_by_key(|object| object.oid);
    Ok(Prepared::Commit(Box::new(NewCommit { oid, tree: root, objects, transition })))
}

/// A newer format or newer rules: this binary would lose what it does not know.
fn writable(view: &TreeView<'_, '_>) -> Result<(), TransactError> {
    if let Some(theirs) = view.format()?.filter(|theirs| *theirs > FORMAT) {
        return Err(TransactError::Newer { what: "format", theirs, ours: FORMAT });
    }
    if let Some(theirs) = view.rules()?.filter(|theirs| *theirs > RULES) {
        return Err(TransactError::Newer { what: "rules", theirs, ours: RULES });
    }
    Ok(())
}

/// A commit of the ledger, read and parsed.
pub fn read_commit(store: &dyn Store, oid: Oid) -> Result<Commit, TransactError> {
    let (kind, bytes) = store.read(oid)?;
    if kind != ObjectKind::Commit {
        return Err(Fault { at: oid.to_string(), detail: "not a commit".to_owned() }.into());
    }
    Ok(Commit::parse(oid, &bytes)?)
}

/// The tree after the edits and with the transition's record, and the objects it needs beyond the payloads.
pub fn edited(
    trees: &Trees<'_>,
    root: Option<Oid>,
    edits: &[Edit],
    transition: &Transition,
) -> Result<(Oid, Vec<Object>), TransactError> {
    let mut editor = TreeEditor::new(trees, root)?;
    let mut objects = Vec::new();
    let mut blob = |bytes: Vec<u8>| -> Result<Oid, StoreError> {
        let oid = object_id(trees.format(), ObjectKind::Blob, &bytes)?;
        objects.push(Object { kind: ObjectKind::Blob, oid, bytes });
        Ok(oid)
    };
    for edit in edits {
        match edit {
            Edit::Put(path, record) => {
                let oid = blob(encode_record(record)?)?;
                editor.put(path, oid)?;
            }
            Edit::Place(path, content) => editor.put(path, content.oid)?,
            Edit::Move(from, to) => {
                let oid = editor.take(from)?.ok_or_else(|| Misfit::State(format!("nothing is at {from}")))?;
                editor.put(to, oid)?;
            }
            Edit::Remove(path) => {
                editor.take(path)?;
            }
        }
    }
    let oid = blob(encode(transition)?)?;
    editor.put(&place::transition(), oid)?;
    let (root, trees) = editor.finish()?;
    objects.extend(trees);
    Ok((root, objects))
}
