//! `millrace verify`

mod bundle;
mod signatures;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::oid::Oid;
use crate::format::count::counted;
use crate::ledger::store::{RefName, Store as _};
use crate::ledger::verify::{Report, verify, verify_since};
use crate::runtime::anchors::{Anchor, Standing, anchors, veils};
use crate::runtime::project::Project;

/// Replay the ledger from its first commit, name every commit that is wrong, and hold the ledger against what this
/// machine remembers of it.
///
/// By hand, as far as git goes: `git log refs/millrace/state`, `git fsck`, `git log -g refs/millrace/state` for what the
/// ref held before, and `git log --format='%h %G? %GS' refs/millrace/state` for signatures.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Believe the ledger up to here, and replay what came after: a number of the ledger, a commit, or a run, for the
    /// newest commit about it; beginnings will do.
    #[arg(long, value_name = "SEQ|COMMIT|RUN", conflicts_with = "bundle")]
    since: Option<String>,

    /// Have git check the signatures, with the keys that it trusts.
    #[arg(long, conflicts_with = "bundle")]
    signatures: bool,

    /// Verify what `export` wrote, in no repository and without a network: the ledger in it, and that the run branch in it
    /// is the one that the ledger names.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

/// What replaying found.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// Whether nothing is wrong.
    pub(crate) sound: bool,
    /// The commit that it was replayed to; none where there is no ledger.
    tip: Option<Oid>,
    /// The commit that was believed, and everything before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Oid>,
    /// Commits that were replayed.
    commits: u64,
    /// Commits whose rules this binary does not have: applied again, not judged again.
    not_rejudged: u64,
    findings: Vec<Finding>,
    /// What this machine remembers of the ledger.
    remembered: Vec<Remembered>,
    signatures: signatures::Signatures,
    /// What none of this can name.
    not_named: String,
}

#[derive(Debug, Serialize)]
struct Finding {
    commit: Option<Oid>,
    seq: Option<u64>,
    kind: &'static str,
    detail: String,
}

impl Finding {
    fn line(&self) -> String {
        let seq = self.seq.map_or_else(String::new, |seq| format!(" (number {seq})"));
        let commit = self.commit.map_or_else(String::new, |commit| format!(" {}{seq}:", commit.short()));
        format!("{}:{commit} {}", self.kind, self.detail)
    }
}

/// A tip that is remembered.
#[derive(Debug, Serialize)]
struct Remembered {
    /// Where, in words.
    by: String,
    tip: Oid,
    /// `follows`: the ledger is there or goes on from it; `ahead`, `apart`, `other`, `gone`.
    standing: &'static str,
}

impl Verified {
    pub(crate) fn of(tip: Option<Oid>, report: Report) -> Self {
        let signatures = signatures::Signatures::of(&report);
        let findings: Vec<Finding> = report
            .findings
            .into_iter()
            .map(|finding| Finding {
                commit: Some(finding.commit),
                seq: finding.seq,
                kind: finding.kind.as_str(),
                detail: finding.detail,
            })
            .collect();
        Self {
            sound: findings.is_empty(),
            tip,
            since: None,
            commits: report.commits,
            not_rejudged: report.not_rejudged,
            findings,
            remembered: Vec::new(),
            not_named: not_named(&signatures),
            signatures,
        }
    }

    fn add(&mut self, commit: Option<Oid>, kind: &'static str, detail: String) {
        self.sound = false;
        self.findings.push(Finding { commit, seq: None, kind, detail });
    }

    /// Where nothing remembers the ledger: what only a ledger leaves.
    fn orphaned(&mut self, project: &Project) -> Result<(), Failure> {
        let refs = project.store.refs()?;
        let of_runs: Vec<String> = refs
            .iter()
            .filter(|(name, _)| matches!(name, RefName::Run(_)))
            .map(|(name, _)| name.full())
            .collect();
        if let Some(first) = of_runs.first() {
            let more = match of_runs.len() - 1 {
                0 => String::new(),
                more => format!(" and {}", counted(more, "other run branch")),
            };
            self.add(None, "gone", format!("{first}{more} were made by a ledger, and there is none"));
        }
        Ok(())
    }

    /// Adds what the machine remembers. One accusation for each kind: several memories of the same are no more than one.
    fn hold_against(&mut self, anchors: Vec<Anchor>) {
        for anchor in anchors {
            if let Some((kind, detail)) = anchor.accusation()
                && !self.findings.iter().any(|finding| finding.kind == kind)
            {
                self.add(Some(anchor.tip), kind, detail);
            }
            self.remembered.push(Remembered {
                by: anchor.place.in_words(),
                tip: anchor.tip,
                standing: anchor.standing.as_str(),
            });
        }
    }
}

/// What nothing of this can see: said with every answer, so that nobody takes it for more than it is.
fn not_named(signatures: &signatures::Signatures) -> String {
    let rewritten = "a ledger that was rewritten consistently before this machine first saw it, or together with what it \
                     remembers";
    if signatures.proves() {
        return format!("{rewritten}, by one who has a key that git trusts; inputs that lie");
    }
    let who = match (signatures.signed, signatures.checked) {
        (0, _) => "no commit is signed".to_owned(),
        (_, false) => "`millrace verify --signatures` has git check those that are there".to_owned(),
        (_, true) => "not every commit has a good signature of a key that git trusts".to_owned(),
    };
    format!("{rewritten}; who wrote a commit, which only a signature proves ({who}); inputs that lie")
}

impl VerifyArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if let Some(file) = &self.bundle {
            return bundle::verify_bundle(context, file);
        }
        let project = context.open()?;
        // The ref alone: a tip that cannot be read is a finding, not a reason to give up.
        let tip = project.store.resolve(&RefName::State)?;
        let since = self.since.as_ref().map(|text| lookup::commit(&project.store, tip, text)).transpose()?;
        let report = match (tip, since) {
            (Some(tip), Some(since)) => verify_since(&project.store, tip, since)?,
            (Some(tip), None) => verify(&project.store, tip)?,
            (None, _) => Report::default(),
        };
        let signed = report.signed.clone();
        let mut verified = Verified::of(tip, report);
        verified.since = since;
        for veil in veils(&project, tip)? {
            verified.add(Some(veil.object), "veiled", veil.detail());
        }
        verified.hold_against(anchors(&project, tip)?);
        if tip.is_none() && verified.sound {
            verified.orphaned(&project)?;
        }
        if self.signatures {
            let bad = verified.signatures.check(&project, &signed)?;
            for (commit, detail) in bad {
                verified.add(Some(commit), "signature", detail);
            }
            verified.not_named = not_named(&verified.signatures);
        }
        answer(context, &verified)
    }
}

impl Answer for Verified {
    const KIND: &'static str = "verify";

    fn text(&self, page: &mut Page) {
        for finding in &self.findings {
            page.line(finding.line());
        }
        if self.tip.is_none() && self.findings.is_empty() {
            page.line("no ledger yet");
            for one in &self.remembered {
                page.line(format!("{} stands at {}", one.by, one.tip.short()));
            }
            return;
        }
        let verdict =
            if self.sound { "all sound".to_owned() } else { counted(self.findings.len(), "finding") };
        let since = self
            .since
            .map_or_else(String::new, |since| format!(" after {}, which is believed", since.short()));
        page.line(format!("{} replayed{since}, {verdict}", counted(self.commits, "commit")));
        if self.not_rejudged > 0 {
            page.line(format!(
                "{} of them were decided by other rules, and not judged again",
                self.not_rejudged
            ));
        }
        let follows = |one: &&Remembered| one.standing == Standing::Follows.as_str();
        let by: Vec<&str> = self.remembered.iter().filter(follows).map(|one| one.by.as_str()).collect();
        if !by.is_empty() {
            page.line(format!("it goes on from {}", by.join(", ")));
        }
        for one in &self.remembered {
            if one.standing == Standing::Ahead.as_str() && self.sound {
                page.line(format!("{} is ahead of it, at {}", one.by, one.tip.short()));
            }
        }
        self.signatures.text(page);
        page.line(format!("not named by this: {}", self.not_named));
    }

    fn exit(&self) -> Exit {
        if self.sound { Exit::Done } else { Exit::Damaged }
    }
}
