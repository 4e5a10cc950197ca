//! `millrace run-branch publish`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::runtime::published::{Form, Made, publish};

/// Make an ordinary branch of a run that has ended, for a pull request.
///
/// It begins at the commit that the run began from, and has a commit for each stage. Work of yours that was not committed
/// then is left out, as far as what the run changed applies without it. A branch that is there is moved only where it
/// goes on; one that a work tree has checked out is left alone. Nothing is pushed.
///
/// By hand, with everything that the run branch holds: `git branch NAME refs/millrace/runs/RUN`.
#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// The run, or a beginning of its id that no other run has; or an item, for its latest run.
    #[arg(value_name = "RUN|ITEM")]
    run: String,

    /// The name of the branch.
    #[arg(value_name = "BRANCH")]
    branch: String,

    /// Make one commit of it, with the item's title.
    #[arg(long)]
    squash: bool,

    /// Publish the work as well that was not committed when the run began.
    #[arg(long)]
    with_uncommitted: bool,
}

/// A branch that holds a run.
#[derive(Debug, Serialize)]
struct PublishedAs {
    run: RunId,
    item: ItemRef,
    branch: String,
    tip: Oid,
    /// Where it stood before; none where it is new.
    before: Option<Oid>,
    /// The commit that the run began from.
    base: Option<Oid>,
    /// `as_is`, `replayed` or `squashed`.
    made: &'static str,
    /// Whether the run began with work that was not committed.
    uncommitted: bool,
    /// Whether the branch holds that work.
    with_uncommitted: bool,
}

impl PublishArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open_to_change()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let run = lookup::run_or_latest(&view, &self.run)?;
        let form = Form { squash: self.squash, with_uncommitted: self.with_uncommitted };
        let made = publish(&project, &view, &run, &self.branch, form)?;
        answer(
            context,
            &PublishedAs {
                run,
                item: made.item,
                branch: self.branch.clone(),
                tip: made.tip,
                before: made.before,
                base: made.base,
                made: made.made.as_str(),
                uncommitted: made.uncommitted,
                with_uncommitted: made.uncommitted && (self.with_uncommitted || made.made == Made::AsIs),
            },
        )
    }
}

impl Answer for PublishedAs {
    const KIND: &'static str = "run_branch_publish";

    fn text(&self, page: &mut Page) {
        let Self { branch, run, item, .. } = self;
        let tip = self.tip.short();
        match self.before {
            Some(before) if before == self.tip => {
                page.line(format!("branch {branch} holds run {run} already, at {tip}"));
            }
            Some(before) => {
                page.line(format!("branch {branch} went from {} to {tip}: run {run}", before.short()));
            }
            None => page.line(format!("made branch {branch} at {tip}: run {run} of {item}")),
        }
        if self.with_uncommitted {
            page.line("it holds the work as well that was not committed when the run began");
        } else if self.uncommitted {
            page.line("work that was not committed when the run began is left out");
        }
        page.line(format!("nothing is pushed yet: `git push REMOTE {branch}`"));
    }
}
