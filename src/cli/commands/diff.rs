//! `millrace diff`

mod state;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::diffstat::{DiffStat, diffstats_of, trees};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::handoffs::{At, Handoffs};
use crate::cli::look::{Look, LookArguments};
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer, say};
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::view::Fault;
use crate::format::quote::quoted;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::RefName;
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;
use crate::workspace::changes::Pathspec;

/// Show what a run changed: the code between two handoffs, or what the runtime itself wrote down between them.
///
/// Without stages: from the code before the first stage to what the run has come to. `builder` is what that stage
/// changed. `builder..checker` is what changed from after the one to after the other, and so is `start..fixer` or
/// `fixer..end`. A stage that ran several times is named as `fixer#2`, or by the number of its launch.
///
/// It is git's own diff of two commits, in its colours and by its pager; no program that a configuration names for
/// single files is started. By hand: `git log --oneline refs/millrace/runs/RUN` names a commit for every stage, the
/// oldest is the code before the first, and `git diff COMMIT COMMIT` shows what is between two. For `--state` the
/// commits are those of `git log --grep=RUN refs/millrace/state`, and for `--plan` it is
/// `git diff refs/millrace/state:plans/PLAN refs/millrace/state:plans/PLAN`.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The run's id, or a beginning of it; or an item, for its latest run.
    #[arg(value_name = "RUN|ITEM", required_unless_present = "plan", conflicts_with = "plan")]
    run: Option<String>,

    /// A stage, or two with `..` between them; `start` and `end` are what the run began with and has come to.
    #[arg(value_name = "STAGE[..STAGE]", conflicts_with = "plan")]
    stages: Option<String>,

    /// What the runtime wrote down between the two ledger commits, in place of the code.
    #[arg(long, conflicts_with = "plan")]
    state: bool,

    /// What differs between two frozen plans.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    plan: Option<Vec<String>>,

    /// Only name the files that differ, with how many lines of each.
    #[arg(long)]
    stat: bool,

    /// Compare words instead of lines.
    #[arg(long, conflicts_with = "stat")]
    word: bool,

    /// Only these paths, as git's pathspecs: relative to where you are; with --state and --plan from the top of what the
    /// runtime wrote down.
    #[arg(last = true, value_name = "PATH")]
    paths: Vec<String>,

    #[command(flatten)]
    look: LookArguments,
}

/// What differs, in numbers.
#[derive(Debug, Serialize)]
struct Difference {
    /// None for two plans.
    run: Option<RunId>,
    item: Option<ItemRef>,
    from: At,
    to: At,
    #[serde(flatten)]
    stat: DiffStat,
    /// How git shows the same.
    by_hand: String,
}

/// Two commits or trees, and whose they are.
struct Pair {
    run: Option<RunId>,
    item: Option<ItemRef>,
    from: At,
    to: At,
}

impl DiffArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let look = self.look.look(context, &project, "diff")?;
        let view_trees = project.trees();
        let view = project.view(&view_trees)?;
        let only = self.only(context, &project);
        let pair = match self.plan.as_deref() {
            Some([from, to]) => plans(&view, from, to)?,
            _ => self.of_run(&project, &view)?,
        };
        if context.json && self.word {
            return Err(Failure::input("--word is text, and --json has none of it")
                .hint("leave one of them out; the `by_hand` of --json is git's command for the same text"));
        }
        if context.json {
            let found = diffstats_of(&project, &[(pair.from.commit, pair.to.commit)], only.as_ref())?;
            let stat = found.into_iter().next().flatten().unwrap_or_default();
            let by_hand = format!("git diff {} {}", pair.from.commit, pair.to.commit);
            let Pair { run, item, from, to } = pair;
            return answer(context, &Difference { run, item, from, to, stat, by_hand });
        }
        if only.is_some() {
            // An empty diff would look like an answer about the paths that were meant.
            let found = diffstats_of(&project, &[(pair.from.commit, pair.to.commit)], only.as_ref())?;
            if found.into_iter().flatten().all(|stat| stat.changed == 0) {
                say(&format!(
                    "nothing that differs from {} to {} matches {}",
                    pair.from.point,
                    pair.to.point,
                    quoted(&self.paths.join(" "))
                ));
            }
        }
        look.git(self.git(&project, &look, (pair.from.commit, pair.to.commit), only.as_ref()))?;
        Ok(Exit::Done)
    }

    /// The paths that are meant. Those of code are relative to where one is, as for git; what the runtime writes down
    /// lies in no folder of the work tree.
    fn only(&self, context: &Context, project: &Project) -> Option<Pathspec> {
        if self.paths.is_empty() {
            return None;
        }
        let here = context.workspace.canonicalize().unwrap_or_else(|_| context.workspace.clone());
        let top = project.repository.work_tree.clone().unwrap_or_else(|| project.repository.git_dir.clone());
        let within = top.canonicalize().is_ok_and(|top| here.starts_with(top));
        let code = !self.state && self.plan.is_none() && within;
        let patterns = self.paths.iter().map(Into::into).collect();
        Some(Pathspec { folder: if code { here } else { top }, patterns })
    }

    fn of_run(&self, project: &Project, view: &TreeView<'_, '_>) -> Result<Pair, Failure> {
        let run = lookup::run_or_latest(view, self.run.as_deref().unwrap_or_default())?;
        let handoffs = Handoffs::of(project, view, &run)?;
        let span = handoffs.span(self.stages.as_deref())?;
        let (from, to) = if self.state {
            let states = state::States::of(project, &handoffs)?;
            (states.at(&handoffs, span.0)?, states.at(&handoffs, span.1)?)
        } else {
            (handoffs.at(span.0), handoffs.at(span.1))
        };
        let there = trees(project, [from.commit, to.commit].into_iter())?;
        if let Some(gone) = [&from, &to].into_iter().find(|at| !there.contains_key(&at.commit)) {
            return Err(gone_code(project, &run, gone));
        }
        Ok(Pair { item: Some(handoffs.record.item), run: Some(run), from, to })
    }

    fn git(
        &self,
        project: &Project,
        look: &Look,
        (from, to): (Oid, Oid),
        only: Option<&Pathspec>,
    ) -> GitCommand {
        let mut git = GitCommand::new(&project.repository.git_dir, "diff");
        if let Some(work_tree) = &project.repository.work_tree {
            // Attributes are read from there.
            git = git.work_tree(work_tree);
            if let Some(only) = only {
                git = git.folder(&only.folder);
            }
        }
        git = git
            .args(["--no-ext-diff", "--no-textconv", "--no-relative"])
            .args(["--ignore-submodules=none", "--submodule=short"])
            .arg(look.git_colour());
        if self.stat {
            git = git.arg("--stat");
        }
        if self.word {
            git = git.arg("--word-diff");
        }
        git.args([from.to_string(), to.to_string()]).arg("--").args(&self.paths)
    }
}

/// A snapshot that is named by the ledger and is not there.
fn gone_code(project: &Project, run: &RunId, gone: &At) -> Failure {
    use crate::ledger::store::Store as _;
    let branch = RefName::Run(run.clone());
    let why = match project.store.resolve(&branch) {
        Ok(None) => format!("{} is not there: it was deleted, or the run was made elsewhere", branch.full()),
        _ => format!("{} does not hold it", branch.full()),
    };
    Failure::failed(format!(
        "the code of run {run} {}, {}, is not in this repository: {why}",
        gone.point,
        gone.commit.short()
    ))
    .hint(format!(
        "fetch {} from where it was made; `millrace diff {run} --state` needs the ledger alone",
        branch.full()
    ))
}

fn plans(view: &TreeView<'_, '_>, from: &str, to: &str) -> Result<Pair, Failure> {
    let side = |text: &str| -> Result<At, Failure> {
        let plan = lookup::plan(view, text)?;
        let folder = place::plan_folder(&plan);
        let entry = view.entry(&folder)?;
        let entry = entry.ok_or_else(|| Fault { at: folder.to_string(), detail: "missing".to_owned() })?;
        Ok(At { point: plan.to_string(), commit: entry.oid })
    };
    Ok(Pair { run: None, item: None, from: side(from)?, to: side(to)? })
}

impl Answer for Difference {
    const KIND: &'static str = "diff";

    fn text(&self, page: &mut Page) {
        page.line(&self.by_hand);
    }
}
