//! `millrace verify --bundle FILE`: what a file proves to somebody who has nothing else.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Finding, Verified};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::format::count::counted;
use crate::runtime::bundle::{BundleError, check};

/// What nobody can tell from the file alone.
const NOT_NAMED: &str = "who wrote it, and that it is the ledger which the run was in: compare its tip with one that you \
                         know, or have the signatures checked in a repository; inputs that lie";

/// What a bundle says.
#[derive(Debug, Serialize)]
struct VerifiedBundle {
    /// Whether nothing is wrong.
    sound: bool,
    file: PathBuf,
    run: RunId,
    item: Option<ItemRef>,
    /// Why the run ended.
    ended: Option<String>,
    /// The ledger in it.
    ledger: Verified,
    /// The tip of the run branch in it.
    branch: Oid,
    /// Commits of the run branch.
    snapshots: u64,
    /// The commit that the run began on.
    base: Option<Oid>,
    /// What is wrong with the run branch.
    findings: Vec<Finding>,
    /// What none of this can name.
    not_named: &'static str,
}

pub(super) fn verify_bundle(context: &Context, file: &Path) -> Result<Exit, Failure> {
    let checked = check(file)?;
    let sound = checked.is_sound();
    let record = checked.record;
    let end = record.as_ref().and_then(|record| record.end.as_ref());
    let ended = end.map(|end| end.reason.clone());
    let findings = checked.findings.into_iter().map(|(commit, detail)| Finding {
        commit: Some(commit),
        seq: None,
        kind: "branch",
        detail,
    });
    answer(
        context,
        &VerifiedBundle {
            sound,
            file: file.to_owned(),
            run: checked.run,
            item: record.as_ref().map(|record| record.item.clone()),
            ended,
            ledger: Verified::of(Some(checked.ledger), checked.report),
            branch: checked.branch,
            snapshots: checked.snapshots,
            base: record.and_then(|record| record.base),
            findings: findings.collect(),
            not_named: NOT_NAMED,
        },
    )
}

impl Answer for VerifiedBundle {
    const KIND: &'static str = "verify_bundle";

    fn text(&self, page: &mut Page) {
        for finding in self.ledger.findings.iter().chain(&self.findings) {
            page.line(finding.line());
        }
        let of = self.item.as_ref().map_or_else(String::new, |item| format!(" of {item}"));
        let ended = self.ended.as_ref().map_or_else(String::new, |why| format!(", ended: {why}"));
        page.line(format!("run {}{of}{ended}", self.run));
        let tip = self.ledger.tip.map_or_else(String::new, |tip| format!(" up to {}", tip.short()));
        page.line(format!("ledger: {} replayed{tip}", counted(self.ledger.commits, "commit")));
        let base = self.base.map_or_else(String::new, |base| format!(" on {}", base.short()));
        page.line(format!(
            "run branch: {}{base}, tip {}",
            counted(self.snapshots, "commit"),
            self.branch.short()
        ));
        page.line(if self.sound { "all sound" } else { "not sound" });
        page.line(format!("not named by this: {}", self.not_named));
    }

    fn exit(&self) -> Exit {
        if self.sound { Exit::Done } else { Exit::Damaged }
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Transact(error) => error.into(),
            BundleError::Fault(fault) => fault.into(),
            BundleError::Store(error) => error.into(),
            // A file that cannot be read is a wrong argument, as for every other command.
            BundleError::NotOurs { .. }
            | BundleError::Exists(_)
            | BundleError::File { action: "read", .. } => Self::input(error),
            BundleError::NotEnded(_) => Self::failed(error)
                .hint("`millrace runs show` tells where it is; it can be exported when it has ended"),
            BundleError::NoBranch(ref run) | BundleError::OtherEnd { ref run, .. } => {
                let hint = format!("`millrace recover {run}` makes it again, as the ledger names it");
                Self::failed(error).hint(hint)
            }
            BundleError::File { .. } => Self::failed(error),
        }
    }
}
