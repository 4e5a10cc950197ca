//! `millrace export`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::format::count::counted;
use crate::runtime::bundle::{Exported, export};

/// Write a run that has ended into one file, a git bundle, for somebody who has nothing else.
///
/// The file holds the ledger from its beginning up to the end of the run, and the run branch with every file of its
/// commits, down to the commit that the run began on, without that one's history. It says what that is before you hand it
/// out: the ledger has every item, document and piece of evidence up to there, and code is not searched for secrets.
///
/// `millrace verify --bundle FILE` verifies it anywhere, offline. By hand: `git init x`, the commit that is said to be its
/// base into `x/.git/shallow`, then in x `git fetch FILE 'refs/*:refs/*'`.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The run, or a beginning of its id that no other run has; or an item, for its latest run.
    #[arg(value_name = "RUN|ITEM")]
    run: String,

    /// Where to: a file that is not there yet; without it `millrace-<run>.bundle` in the current directory.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    run: RunId,
    file: PathBuf,
    bytes: u64,
    /// The commit of the ledger that ended the run.
    ledger: Oid,
    /// Commits of the ledger.
    transitions: u64,
    /// The tip of the run branch.
    branch: Oid,
    /// Commits of the run branch.
    snapshots: u64,
    /// The commit that the run began on: it is in the file, its history is not.
    base: Option<Oid>,
    /// Versions of files of the code.
    files: u64,
}

impl ExportArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let run = lookup::run_or_latest(&project.view(&trees)?, &self.run)?;
        let file = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("millrace-{run}.bundle")));
        let Exported { ledger, transitions, branch, snapshots, base, files, bytes } =
            export(&project, &run, &file)?;
        answer(context, &Written { run, file, bytes, ledger, transitions, branch, snapshots, base, files })
    }
}

impl Answer for Written {
    const KIND: &'static str = "export";

    fn text(&self, page: &mut Page) {
        page.line(format!("wrote {} ({} bytes)", self.file.display(), self.bytes));
        page.line("what it holds, before you hand it out:");
        page.line(format!(
            "  the ledger up to the end of the run: {}, tip {}, with every item, document and piece of evidence up \
             to there; secrets that were known were cut out when it was written",
            counted(self.transitions, "commit"),
            self.ledger
        ));
        page.line(format!(
            "  the run's code: {}, tip {}, {} of files; code is not searched for secrets",
            counted(self.snapshots, "commit"),
            self.branch,
            counted(self.files, "version")
        ));
        if let Some(base) = self.base {
            page.line(format!("  the commit that the run began on, without its history: {base}"));
        }
        page.line("`millrace verify --bundle FILE` verifies it anywhere");
    }
}
