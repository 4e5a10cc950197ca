//! The life of items, one transition at a time: taken in, launched and handed off through every stage, done.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use millrace::domain::ids::{Nonce, ResultName, RunId};
use millrace::domain::item::{ItemKind, ItemRef};
use millrace::domain::result::{Judgement, ResultChannel, ResultClass};
use millrace::domain::transition::input::{Claim, Files, Handoff, Input, Launching};
use millrace::domain::usage::Usage;
use millrace::domain::view::View as _;
use millrace::ledger::git::GitStore;
use millrace::ledger::store::{RefName, Store as _};
use millrace::ledger::transact::{Payloads, read_commit, transact};
use millrace::ledger::tree::Trees;
use millrace::ledger::view::TreeView;
use millrace::runtime::source;

use crate::scratch::{Scratch, act, document};

/// A kind of transition.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Enqueue,
    Launch,
    Handoff,
}

/// In the order in which they are made.
pub(crate) const KINDS: [Kind; 3] = [Kind::Enqueue, Kind::Launch, Kind::Handoff];

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Launch => "launch",
            Self::Handoff => "handoff",
        }
    }
}

/// The way of a task that goes well.
const WAY: [&str; 3] = ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"];

/// What a stage is given, in bytes: request and prompt.
const GIVEN: [(&str, usize); 2] = [("request.toml", 900), ("prompt.md", 6_000)];

/// What a stage leaves behind, in bytes.
const LEFT: [(&str, usize); 4] =
    [("exit.toml", 600), ("final-message.md", 1_500), ("report.md", 3_000), ("stdout.tail", 16_000)];

/// One transition that was made.
pub(crate) struct Step {
    /// How long it took, the hashing of its payloads included.
    pub(crate) took: Duration,
    /// How much of that a processor worked on it; a busy machine adds to the rest only. Not known everywhere.
    pub(crate) worked: Option<Duration>,
    /// The bytes of its pack; not known where a fold came along.
    pub(crate) bytes: Option<u64>,
}

/// A ledger in use.
pub(crate) struct Life<'s> {
    scratch: &'s Scratch,
    store: GitStore,
    arrivals: u32,
    /// The run that is under way, its outstanding launch, and how many stages it is through.
    run: Option<(RunId, Option<Nonce>, usize)>,
    texts: u32,
}

impl<'s> Life<'s> {
    pub(crate) fn begin(scratch: &'s Scratch) -> Result<Self> {
        Ok(Self { scratch, store: scratch.open()?, arrivals: scratch.arrivals, run: None, texts: 0 })
    }

    /// Makes one transition.
    pub(crate) fn step(&mut self, kind: Kind) -> Result<Step> {
        match kind {
            // One in for each that is done, so that the queue keeps its length.
            Kind::Enqueue => self.enqueue(),
            Kind::Launch => self.launch(),
            Kind::Handoff => self.handoff(),
        }
    }

    fn enqueue(&mut self) -> Result<Step> {
        let mut payloads = Payloads::default();
        let documents = vec![document(&self.store, self.arrivals, &mut payloads)?];
        self.arrivals += 1;
        self.made(|| Ok((Input::Enqueue { documents }, payloads)))
    }

    fn launch(&mut self) -> Result<Step> {
        let nonce: Nonce = source::random_id()?;
        let (run, stages, claim) = match self.run.take() {
            Some((run, None, stages)) => (run, stages, None),
            Some((run, Some(_), _)) => anyhow::bail!("run {run} has a launch"),
            None => (source::run_id(source::now())?, 0, Some(self.claim()?)),
        };
        self.run = Some((run.clone(), Some(nonce.clone()), stages));
        let files = self.files(&GIVEN);
        let session = source::random_id()?;
        self.made(|| {
            let (evidence, payloads) = evidence(&self.store, files)?;
            Ok((Input::Launch(Launching { run, claim, judge: None, nonce, session, evidence }), payloads))
        })
    }

    fn handoff(&mut self) -> Result<Step> {
        let Some((run, Some(nonce), stages)) = self.run.take() else { anyhow::bail!("nothing is launched") };
        self.run = (stages + 1 < WAY.len()).then(|| (run.clone(), None, stages + 1));
        let result: ResultName = WAY[stages].parse()?;
        let files = self.files(&LEFT);
        let snapshot = Some(self.scratch.head);
        self.made(|| {
            let (evidence, payloads) = evidence(&self.store, files)?;
            let judgement = Judgement::Reported {
                result,
                class: ResultClass::Success,
                summary: Some("Rewrote the session check; 14 tests pass.".to_owned()),
                resume_stage: None,
                target_stage: None,
                artifacts: Vec::new(),
                nothing_to_create: None,
                channel: ResultChannel::ResultFile,
                notes: Vec::new(),
            };
            let usage = Usage {
                input_uncached: Some(1200),
                cache_read: Some(900),
                output: Some(340),
                ..Usage::default()
            };
            let handoff = Handoff {
                resumable: None,
                left_nothing: false,
                wall_ms: None,
                run,
                nonce,
                ended_at: Timestamp::now(),
                judgement,
                asked: false,
                snapshot,
                usage,
                evidence,
                findings: Vec::new(),
                documents: Vec::new(),
                verdict: None,
                incident: None,
            };
            Ok((Input::Handoff(Box::new(handoff)), payloads))
        })
    }

    /// The next item of the queue.
    fn claim(&self) -> Result<Claim> {
        let tip = self.store.resolve(&RefName::State)?.context("no ledger")?;
        let trees = Trees::new(&self.store);
        let view = TreeView::new(&trees, Some(read_commit(&self.store, tip)?.tree));
        let (id, turn) = view.next_queued(ItemKind::Task)?.context("nothing is queued")?;
        Ok(Claim {
            item: ItemRef::new(ItemKind::Task, id),
            turn,
            base: Some(self.scratch.head),
            branch: Some("refs/heads/main".to_owned()),
            start: self.scratch.head,
        })
    }

    /// Texts of these lengths that no transition had before, and that compress as prose does.
    fn files(&mut self, sizes: &[(&'static str, usize)]) -> Vec<(&'static str, Vec<u8>)> {
        let mut state = u64::from(self.texts) << 8 | 0x9e37;
        self.texts += 1;
        sizes
            .iter()
            .map(|(name, size)| {
                let mut text = String::new();
                while text.len() < *size {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    text.push_str(WORDS[usize::from((state >> 60) as u8 & 15)]);
                    text.push(if (state >> 40) % 16 == 0 { '\n' } else { ' ' });
                }
                (*name, text.into_bytes())
            })
            .collect()
    }

    /// Makes the transition, with the time from its payloads' hashing to its acknowledgement.
    fn made(&self, input: impl FnOnce() -> Result<(Input, Payloads)>) -> Result<Step> {
        let before = self.packs()?;
        let act = act();
        let worked = on_processor();
        let started = Instant::now();
        let (input, payloads) = input()?;
        let outcome = transact(&self.store, &act, &input, &payloads)?;
        let took = started.elapsed();
        let worked = worked.zip(on_processor()).map(|(before, after)| after.saturating_sub(before));
        ensure!(outcome.commit().is_some(), "nothing was committed: {:?}", outcome.notes());
        let after = self.packs()?;
        let bytes = (after.0 == before.0 + 1).then(|| after.1.saturating_sub(before.1));
        Ok(Step { took, worked, bytes })
    }

    /// How many packs there are, and how many bytes they and their indexes have.
    fn packs(&self) -> Result<(usize, u64)> {
        let (mut count, mut bytes) = (0, 0);
        for entry in std::fs::read_dir(self.scratch.folder.join(".git/objects/pack"))? {
            let entry = entry?;
            count += usize::from(entry.path().extension().is_some_and(|ending| ending == "pack"));
            bytes += entry.metadata()?.len();
        }
        Ok((count, bytes))
    }
}

/// How long this thread has been on a processor, where the kernel tells.
fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn evidence(store: &GitStore, files: Vec<(&'static str, Vec<u8>)>) -> Result<(Files, Payloads)> {
    let mut payloads = Payloads::default();
    let mut evidence = Files::new();
    for (name, bytes) in files {
        evidence.insert(name.to_owned(), payloads.add(store, bytes)?);
    }
    Ok((evidence, payloads))
}

const WORDS: [&str; 16] = [
    "the",
    "session",
    "check",
    "test",
    "of",
    "passes",
    "src/login.rs",
    "and",
    "is",
    "in",
    "error[E0308]:",
    "12",
    "fn",
    "ok",
    "a",
    "wrote",
];
