//! `millrace verify`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::oid::Oid;
use crate::ledger::verify::{Report, verify};

/// What replay cannot see: said with every answer, so that nobody takes it for more than it is.
const NOT_NAMED: &str =
    "a ledger that was rewound or rewritten consistently: replay sees inconsistent commits only";

/// Replay the ledger from its first commit, and name every commit that is wrong.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {}

/// What replaying found.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// Whether nothing is wrong.
    pub(crate) sound: bool,
    /// The commit that it was replayed to; none where there is no ledger.
    tip: Option<Oid>,
    /// Commits that were replayed.
    commits: u64,
    /// Commits whose rules this binary does not have: applied again, not judged again.
    not_rejudged: u64,
    findings: Vec<Finding>,
    /// What replay cannot name.
    not_named: &'static str,
}

#[derive(Debug, Serialize)]
struct Finding {
    commit: Oid,
    seq: Option<u64>,
    kind: &'static str,
    detail: String,
}

impl Verified {
    pub(crate) fn of(tip: Option<Oid>, report: Report) -> Self {
        Self {
            sound: report.is_sound(),
            tip,
            commits: report.commits,
            not_rejudged: report.not_rejudged,
            findings: report
                .findings
                .into_iter()
                .map(|finding| Finding {
                    commit: finding.commit,
                    seq: finding.seq,
                    kind: finding.kind.as_str(),
                    detail: finding.detail,
                })
                .collect(),
            not_named: NOT_NAMED,
        }
    }
}

impl VerifyArguments {
    pub(crate) fn run(context: &Context) -> Result<Exit, Failure> {
        use crate::ledger::store::{RefName, Store as _};
        let project = context.open()?;
        // The ref alone: a tip that cannot be read is a finding, not a reason to give up.
        let tip = project.store.resolve(&RefName::State)?;
        let report = match tip {
            Some(tip) => verify(&project.store, tip)?,
            None => Report::default(),
        };
        answer(context, &Verified::of(tip, report))
    }
}

impl Answer for Verified {
    const KIND: &'static str = "verify";

    fn text(&self, page: &mut Page) {
        for finding in &self.findings {
            let seq = finding.seq.map_or_else(String::new, |seq| format!(" (number {seq})"));
            page.line(format!("{}: {}{seq}: {}", finding.kind, finding.commit.short(), finding.detail));
        }
        if self.tip.is_none() {
            page.line("no ledger yet");
            return;
        }
        let verdict =
            if self.sound { "all sound".to_owned() } else { format!("{} findings", self.findings.len()) };
        page.line(format!("{} commits replayed, {verdict}", self.commits));
        if self.not_rejudged > 0 {
            page.line(format!(
                "{} of them were decided by other rules, and not judged again",
                self.not_rejudged
            ));
        }
        page.line(format!("not named by this: {}", self.not_named));
    }

    fn exit(&self) -> Exit {
        if self.sound { Exit::Done } else { Exit::Damaged }
    }
}
