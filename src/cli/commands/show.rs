//! `millrace show`

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{plan, queue, runs};
use crate::cli::context::Context;
use crate::cli::diffstat::{DiffStat, diffstats};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::look::{Look, LookArguments};
use crate::cli::lookup::{self, LEAST_DIGITS, Named};
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::cli::trailers;
use crate::domain::oid::Oid;
use crate::format::quote::quoted;
use crate::ledger::commit::Commit;
use crate::ledger::git::command::GitCommand;
use crate::ledger::history::commits;
use crate::ledger::transact::read_commit;
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;

/// Digits with which a run's id begins.
const DAY: usize = "yyyymmdd".len();

/// Show a run, an item, a plan, or a commit of the ledger by its number.
///
/// A number up to the newest commit's is that commit; one of eight digits and more begins a run. A commit's id will do
/// as well, of the ledger or of a run branch.
///
/// A commit is shown as git shows it, and its changes as a list of paths: in the ledger those are the state that the
/// commit wrote. By hand: `git show --stat refs/millrace/state~N` for the Nth commit before the newest,
/// `git show refs/millrace/state:runs/DAY/RUN/run.toml` for a run's record, `git log refs/millrace/runs/RUN` for its
/// code, and `git cat-file blob` with the blob that `millrace queue show` names for an item's document.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// A run, an item, a plan, a commit's number in the ledger, or its id; beginnings will do.
    #[arg(value_name = "RUN|ITEM|NUMBER")]
    what: String,

    /// Of a commit: what it changed, line by line.
    #[arg(short, long)]
    patch: bool,

    #[command(flatten)]
    look: LookArguments,
}

/// One commit.
#[derive(Debug, Serialize)]
struct ShownCommit {
    /// Its number in the ledger; none for one of a run branch.
    seq: Option<u64>,
    commit: Oid,
    parent: Option<Oid>,
    tree: Oid,
    author: String,
    at: Timestamp,
    subject: String,
    /// What stands between the subject and the trailers.
    prose: String,
    /// In their order; a key may come several times.
    trailers: Vec<(String, String)>,
    #[serde(flatten)]
    stat: DiffStat,
}

impl ShowArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let look = self.look.look(context, &project, "show")?;
        let what = self.what.as_str();
        if let Some(commit) = numbered(&project, what)? {
            return self.commit(context, &project, &look, commit);
        }
        let trees = project.trees();
        let view = project.view(&trees)?;
        if what.starts_with("plan-") {
            let id = lookup::plan(&view, what)?;
            return look.answer(context, &plan::show::shown(&project, &view, id)?);
        }
        match named(&project, &view, what)? {
            What::Run(run) => look.answer(context, &runs::show::shown(&view, &run)?),
            What::Item(item) => look.answer(context, &queue::show::shown(&project, &view, item)?),
            What::Commit(commit) => self.commit(context, &project, &look, commit),
        }
    }

    fn commit(&self, context: &Context, project: &Project, look: &Look, oid: Oid) -> Result<Exit, Failure> {
        if context.json && self.patch {
            return Err(Failure::input("--patch is text, and --json has none of it").hint(
                "leave one of them out; `git show COMMIT` with the commit that --json names is the same text",
            ));
        }
        if context.json {
            let commit = read_commit(&project.store, oid)?;
            return answer(context, &ShownCommit::of(project, oid, &commit)?);
        }
        let mut git = GitCommand::new(&project.repository.git_dir, "show");
        if let Some(work_tree) = &project.repository.work_tree {
            git = git.work_tree(work_tree);
        }
        git = git.args([
            "--no-ext-diff",
            "--no-textconv",
            "--no-relative",
            "--no-show-signature",
            "--no-notes",
        ]);
        git = git.arg("--submodule=short").arg(look.git_colour());
        git = git.args(if self.patch { ["--stat", "--patch"].as_slice() } else { &["--stat"] });
        look.git(git.arg(oid.to_string()))?;
        Ok(Exit::Done)
    }
}

impl ShownCommit {
    fn of(project: &Project, oid: Oid, commit: &Commit) -> Result<Self, Failure> {
        let parent = commit.parents.first().copied();
        let stat = match parent {
            Some(parent) => diffstats(project, &[(parent, oid)])?.into_iter().next().flatten(),
            None => None,
        };
        let message = commit.message.trim_end();
        let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
        let (prose, block) = body.trim_start().rsplit_once("\n\n").unwrap_or(("", body.trim_start()));
        let trailer = |line: &str| {
            let (key, value) = line.split_once(": ")?;
            Some((key.to_owned(), value.to_owned()))
        };
        Ok(Self {
            seq: trailers::seq(message),
            commit: oid,
            parent,
            tree: commit.tree,
            author: format!("{} <{}>", commit.author.name, commit.author.email),
            at: Timestamp::from_second(commit.second).unwrap_or_default(),
            subject: subject.to_owned(),
            prose: prose.trim().to_owned(),
            trailers: block.lines().filter_map(trailer).collect(),
            stat: stat.unwrap_or_default(),
        })
    }
}

/// The commit of this number, where there is one: the newest has the highest.
fn numbered(project: &Project, text: &str) -> Result<Option<Oid>, Failure> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    let (Ok(number), Some((tip, newest))) = (text.parse::<u64>(), project.tip()?) else { return Ok(None) };
    let Some(last) = trailers::seq(&newest.message).filter(|last| (1..=*last).contains(&number)) else {
        return Ok(None);
    };
    let back = usize::try_from(last - number).unwrap_or(usize::MAX);
    let found = commits(&project.store, Some(tip)).nth(back).transpose()?;
    // In a ledger with a gap the number alone leads elsewhere; its commit says which it is.
    match found.filter(|(_, commit)| trailers::seq(&commit.message) == Some(number)) {
        Some((oid, _)) => Ok(Some(oid)),
        None => Err(Failure::failed(format!("the ledger has no commit that says it is number {number}"))
            .hint("`millrace verify` tells what is wrong with it")),
    }
}

enum What {
    Run(crate::domain::ids::RunId),
    Item(crate::domain::item::ItemRef),
    Commit(Oid),
}

/// What a text names that is no number of a commit.
fn named(project: &Project, view: &TreeView<'_, '_>, text: &str) -> Result<What, Failure> {
    match lookup::item_or_run(view, text) {
        Ok(Named::Run(run)) => Ok(What::Run(run)),
        Ok(Named::Item(item)) => Ok(What::Item(item)),
        Err(failure) => match commit(project, text)? {
            Some(commit) => Ok(What::Commit(commit)),
            None if !text.is_empty() && text.len() < DAY && text.bytes().all(|b| b.is_ascii_digit()) => {
                let newest = project.tip()?.and_then(|(_, tip)| trailers::seq(&tip.message));
                let newest =
                    newest.map_or("there is no ledger yet".to_owned(), |seq| format!("the newest is {seq}"));
                Err(Failure::failed(format!("the ledger has no commit {text}: {newest}")))
            }
            None => Err(failure),
        },
    }
}

/// The commit whose id begins so; it has to be one of ours.
fn commit(project: &Project, text: &str) -> Result<Option<Oid>, Failure> {
    let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !hex || text.len() < LEAST_DIGITS {
        return Ok(None);
    }
    let output = GitCommand::new(&project.repository.git_dir, "rev-parse")
        .args(["--verify", "--quiet", &format!("{text}^{{commit}}")])
        .output(&[])?;
    let Ok(oid) = String::from_utf8_lossy(&output.stdout).trim().parse::<Oid>() else { return Ok(None) };
    let is_ours = read_commit(&project.store, oid).is_ok_and(|commit| {
        let says = |key| trailers::value(&commit.message, key).is_some();
        says("Seq") || says("Run")
    });
    if is_ours {
        return Ok(Some(oid));
    }
    Err(Failure::failed(format!("{} is a commit, and none of the ledger's or a run's", quoted(text)))
        .hint("`git show` shows it"))
}

impl Answer for ShownCommit {
    const KIND: &'static str = "show_commit";

    fn text(&self, page: &mut Page) {
        page.line(&self.subject);
    }
}
