//! A run as a file for strangers: the ledger up to the end of the run, and the run branch, as a git bundle; and what such
//! a file proves to somebody who has nothing else.
//!
//! The bundle holds the ledger whole, and of the user's code the run's snapshots with every file that they hold, down to
//! the commit that the run began on. That one comes without its history: in a repository that lacks it, it is the boundary
//! of a shallow clone.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thiserror::Error;

use super::project::Project;
use super::run_branch::{BranchError, closing_of};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::run::RunRecord;
use crate::domain::transition::decision::StageResult;
use crate::domain::view::{Fault, View as _};
use crate::format::count::counted;
use crate::ledger::commit::Commit;
use crate::ledger::git::command::GitCommand;
use crate::ledger::git::{Durability, GitStore};
use crate::ledger::history::{commits, history};
use crate::ledger::store::{ObjectFormat, RefName, Store as _, StoreError};
use crate::ledger::transact::{TransactError, read_commit};
use crate::ledger::tree::Trees;
use crate::ledger::verify::{Report, verify};
use crate::ledger::view::TreeView;

/// Why a run cannot be exported, or a bundle not be looked at.
#[derive(Debug, Error)]
pub enum BundleError {
    /// It still runs.
    #[error("run {0} has not ended: there is no end yet to export it up to")]
    NotEnded(RunId),
    /// Its branch is gone.
    #[error("run {0} has no run branch any more")]
    NoBranch(RunId),
    /// Its branch is not what the ledger makes of it.
    #[error("the branch of run {run} ends at {found}, and by the ledger at {due}")]
    OtherEnd {
        /// The run.
        run: RunId,
        /// Where its branch ends.
        found: Oid,
        /// Its closing commit, by the ledger.
        due: Oid,
    },
    /// Nothing is overwritten.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is none of ours.
    #[error("{} is no bundle of a run: {detail}", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The ledger.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The ledger's tree.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The store, or git.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BranchError> for BundleError {
    fn from(error: BranchError) -> Self {
        match error {
            BranchError::Transact(error) => error.into(),
            BranchError::Store(error) => error.into(),
            BranchError::Fault(fault) => fault.into(),
            BranchError::NoSuchRun(run) => Self::NoBranch(run),
        }
    }
}

/// What is in a bundle.
#[derive(Debug)]
pub struct Exported {
    /// The commit of the ledger that ended the run.
    pub ledger: Oid,
    /// Commits of the ledger up to it.
    pub transitions: u64,
    /// The run branch.
    pub branch: Oid,
    /// Commits of the run branch since the one that it began on.
    pub snapshots: u64,
    /// The commit that it began on, which comes without its history; none where there was none.
    pub base: Option<Oid>,
    /// Files that the bundle has of the code, each version counted.
    pub files: u64,
    /// The file's size.
    pub bytes: u64,
}

/// Writes the bundle of a run that has ended. The repository is only read.
pub fn export(project: &Project, run: &RunId, to: &Path) -> Result<Exported, BundleError> {
    if to.symlink_metadata().is_ok() {
        return Err(BundleError::Exists(to.to_owned()));
    }
    let (ledger, record) = ending(project, run)?;
    let branch = project
        .store
        .resolve(&RefName::Run(run.clone()))?
        .ok_or_else(|| BundleError::NoBranch(run.clone()))?;
    // A stranger is given nothing that cannot be found sound.
    if let Some(due) = closing_of(&project.store, Some(ledger), vec![run.clone()])?.remove(run)
        && due.oid != branch
    {
        return Err(BundleError::OtherEnd { run: run.clone(), found: branch, due: due.oid });
    }
    let scratch = Scratch::new(project.store.object_format())?;
    let objects = project.store.common_dir().join("objects");
    let git = |subcommand: &str| {
        scratch.git(subcommand).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", GitStore::as_alternate(&objects))
    };
    scratch.end_at(record.base)?;
    for (name, oid) in [(RefName::State, ledger), (RefName::Run(run.clone()), branch)] {
        git("update-ref").args([name.full(), oid.to_string()]).run(&[])?;
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = |action| move |source| BundleError::File { action, path: to.to_owned(), source };
    // Beside it first: what is there under its name is whole.
    let made = tempfile::Builder::new()
        .prefix(".millrace-export-")
        .tempfile_in(folder.canonicalize().map_err(file("write"))?)
        .map_err(file("write"))?;
    git("bundle")
        .args(["create", "--quiet"])
        .arg(made.path())
        .args([RefName::State.full(), RefName::Run(run.clone()).full()])
        .run(&[])?;
    let bytes = made.as_file().metadata().map_err(file("read"))?.len();
    // git has put another file in its place, under the same name.
    let bytes = std::fs::metadata(made.path()).map_or(bytes, |now| now.len());
    let files = git("rev-list").args(["--objects", "--no-object-names", "--filter=object:type=blob"]);
    let files = files.arg(branch.to_string()).run(&[]);
    let files = files.map_or(0, |listed| String::from_utf8_lossy(&listed).lines().count() as u64);
    let made = made.into_temp_path();
    made.persist_noclobber(to).map_err(|error| BundleError::File {
        action: "write",
        path: to.to_owned(),
        source: error.error,
    })?;
    let transitions = commits(&project.store, Some(ledger)).map_while(Result::ok).count() as u64;
    let snapshots = branch_commits(&project.store, branch, record.base)?.len() as u64;
    Ok(Exported { ledger, transitions, branch, snapshots, base: record.base, files, bytes })
}

/// The commit of the ledger that ended the run, and what it says of it.
fn ending(project: &Project, run: &RunId) -> Result<(Oid, RunRecord), BundleError> {
    let trees = project.trees();
    let mut after = None;
    for one in commits(&project.store, project.tip()?.map(|(tip, _)| tip)) {
        let (oid, commit) = one?;
        let view = TreeView::new(&trees, Some(commit.tree));
        let record = view.run_record(run)?.filter(|record| record.end.is_some());
        match record {
            Some(record) => after = Some((oid, record)),
            None => break,
        }
    }
    after.ok_or_else(|| BundleError::NotEnded(run.clone()))
}

/// The commits of a run branch since the one that it began on, oldest first.
fn branch_commits(
    store: &GitStore,
    tip: Oid,
    base: Option<Oid>,
) -> Result<Vec<(Oid, Commit)>, TransactError> {
    let mut found = Vec::new();
    let mut next = Some(tip).filter(|tip| Some(*tip) != base);
    while let Some(oid) = next {
        let commit = read_commit(store, oid)?;
        next = commit.parents.first().copied().filter(|parent| Some(*parent) != base);
        found.push((oid, commit));
    }
    found.reverse();
    Ok(found)
}

/// What a bundle says.
#[derive(Debug)]
pub struct Checked {
    /// The run.
    pub run: RunId,
    /// What its ledger says of it; none where it knows no such run.
    pub record: Option<RunRecord>,
    /// The ledger's tip.
    pub ledger: Oid,
    /// What replaying it found.
    pub report: Report,
    /// The run branch's tip.
    pub branch: Oid,
    /// Commits of the run branch.
    pub snapshots: u64,
    /// What is wrong with the run branch: the commit, and a sentence.
    pub findings: Vec<(Oid, String)>,
}

/// Looks at a bundle in a scratch repository of its own.
pub fn check(file: &Path) -> Result<Checked, BundleError> {
    let bytes = std::fs::read(file).map_err(|source| BundleError::File {
        action: "read",
        path: file.to_owned(),
        source,
    })?;
    let not_ours = |detail: String| BundleError::NotOurs { path: file.to_owned(), detail };
    let header = Header::parse(&bytes).map_err(not_ours)?;
    let scratch = Scratch::new(header.format)?;
    scratch
        .git("index-pack")
        .args(["--stdin"])
        .run(&bytes[header.length..])
        .map_err(|error| not_ours(error.to_string()))?;
    let store = GitStore::open(scratch.path(), Durability::Off)?;
    let report = verify(&store, header.ledger)?;
    let more = scratch.pack_bytes().map(|pack| ((bytes.len() - header.length) as u64).saturating_sub(pack));
    let mut checked = Checked {
        run: header.run.clone(),
        record: None,
        ledger: header.ledger,
        report,
        branch: header.branch,
        snapshots: 0,
        findings: Vec::new(),
    };
    // git reads to the end of the pack, and no further: what comes after it is no part of what was verified.
    if let Some(more) = more.filter(|more| *more > 0) {
        let detail =
            format!("the file goes on after its end: {} that belong to nothing", counted(more, "byte"));
        checked.findings.push((header.ledger, detail));
    }
    // A ledger that is not sound says nothing of a run.
    if checked.report.is_sound() {
        checked.branch(&scratch, &store)?;
    }
    Ok(checked)
}

impl Checked {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.report.is_sound() && self.findings.is_empty()
    }

    /// Holds the run branch against what the ledger says of it.
    fn branch(&mut self, scratch: &Scratch, store: &GitStore) -> Result<(), BundleError> {
        let trees = Trees::new(store);
        let tip = read_commit(store, self.ledger)?;
        let view = TreeView::new(&trees, Some(tip.tree));
        let Some(record) = view.run_record(&self.run)? else {
            self.findings.push((self.ledger, format!("the ledger knows no run {}", self.run)));
            return Ok(());
        };
        let commits = match branch_commits(store, self.branch, record.base) {
            Ok(commits) => commits,
            Err(error) => {
                let detail =
                    format!("the run branch does not lead to the commit that the run began on: {error}");
                self.findings.push((self.branch, detail));
                self.record = Some(record);
                return Ok(());
            }
        };
        self.snapshots = commits.len() as u64;
        let held: BTreeSet<Oid> = commits.iter().map(|(oid, _)| *oid).collect();
        let mut lacks = |oid: Oid, what: String| {
            if !held.contains(&oid) {
                self.findings
                    .push((oid, format!("the ledger names it as {what}, and the run branch lacks it")));
            }
        };
        lacks(record.start, "snapshot 0".to_owned());
        for result in results(&view, &self.run)? {
            if let Some(snapshot) = result.snapshot {
                lacks(snapshot, format!("what launch {} of {} left", result.launch, result.stage));
            }
        }
        if let Some(end) = &record.end {
            lacks(end.snapshot, "what the run ended with".to_owned());
        }
        if let Some((first, commit)) = commits.first()
            && commit.parents.first().copied() != record.base
        {
            self.findings.push((*first, "it is not what the run began with".to_owned()));
        }
        let said = names(store, self.ledger, &self.run)?;
        let closing = closing_of(store, Some(self.ledger), vec![self.run.clone()])?.remove(&self.run);
        let closing = closing.map(|closing| closing.oid);
        for (oid, _) in &commits {
            if !said.contains(&oid.to_string()) && Some(*oid) != closing {
                let detail = "it is on the run branch, and the ledger does not name it".to_owned();
                self.findings.push((*oid, detail));
            }
        }
        if let Some(due) = closing.filter(|due| *due != self.branch) {
            let detail = format!(
                "the run branch ends here, and not with the closing commit that the ledger makes ({due})"
            );
            self.findings.push((self.branch, detail));
        }
        scratch.end_at(record.base)?;
        let whole =
            scratch.git("rev-list").args(["--objects", "--quiet"]).arg(self.branch.to_string()).run(&[]);
        if let Err(error) = whole {
            self.findings.push((self.branch, format!("files of the run branch are missing: {error}")));
        }
        self.record = Some(record);
        Ok(())
    }
}

/// What every launch of a run came to.
fn results(view: &TreeView<'_, '_>, run: &RunId) -> Result<Vec<StageResult>, Fault> {
    let folder = place::run_folder(run);
    let mut found = Vec::new();
    for launch in view.list(&folder)?.iter().filter(|entry| entry.folder) {
        let path = place::TreePath::new(format!("{folder}/{}/result.toml", launch.name))
            .map_err(|error| Fault { at: folder.to_string(), detail: error.to_string() })?;
        found.extend(view.record::<StageResult>(&path)?);
    }
    Ok(found)
}

/// Everything that reads like an object's id in what the ledger records of a run.
fn names(store: &GitStore, tip: Oid, run: &RunId) -> Result<BTreeSet<String>, BundleError> {
    let trees = Trees::new(store);
    let mut found = BTreeSet::new();
    for step in history(store, &trees, Some(tip)) {
        let step = step?;
        let trailer = format!("\nMillrace-Run: {run}\n");
        if !step.commit.message.contains(&trailer) {
            continue;
        }
        let view = TreeView::new(&trees, Some(step.commit.tree));
        let bytes = view.file(&place::transition())?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let ids = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| matches!(word.len(), 40 | 64));
        found.extend(ids.map(str::to_owned));
    }
    Ok(found)
}

/// What stands before the pack of a bundle.
struct Header {
    length: usize,
    format: ObjectFormat,
    run: RunId,
    ledger: Oid,
    branch: Oid,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let end = bytes.windows(2).position(|two| two == b"\n\n").ok_or("it has no header")?;
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "its header is no text")?;
        let mut lines = text.lines();
        match lines.next() {
            Some("# v2 git bundle" | "# v3 git bundle") => {}
            _ => return Err("it does not begin as a git bundle does".to_owned()),
        }
        let mut format = ObjectFormat::Sha1;
        let (mut ledger, mut branch) = (None, None);
        for line in lines {
            if let Some(capability) = line.strip_prefix('@') {
                match capability {
                    "object-format=sha1" => {}
                    "object-format=sha256" => format = ObjectFormat::Sha256,
                    other => return Err(format!("it needs `{}`", other.escape_debug())),
                }
            } else if line.starts_with('-') {
                return Err("it needs commits that are not in it".to_owned());
            } else {
                let named =
                    line.split_once(' ').and_then(|(oid, name)| Some((oid.parse::<Oid>().ok()?, name)));
                let (oid, name) = named.ok_or("its header is not readable")?;
                let run = name.strip_prefix("refs/millrace/runs/").map(str::parse::<RunId>);
                if name == RefName::State.full() && ledger.is_none() {
                    ledger = Some(oid);
                } else if let (Some(Ok(run)), None) = (run, &branch) {
                    branch = Some((run, oid));
                } else {
                    return Err(format!("it holds {}", name.escape_debug()));
                }
            }
        }
        let ledger = ledger.ok_or("it holds no ledger")?;
        let (run, branch) = branch.ok_or("it holds no run branch")?;
        Ok(Self { length: end + 2, format, run, ledger, branch })
    }
}

/// A bare repository that is gone again at the end.
struct Scratch {
    folder: TempDir,
}

impl Scratch {
    fn new(format: ObjectFormat) -> Result<Self, BundleError> {
        let io = |source| StoreError::Io { action: "make", path: std::env::temp_dir(), source };
        let folder = tempfile::Builder::new().prefix("millrace-bundle-").tempdir().map_err(io)?;
        let format = match format {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        };
        GitCommand::discover(folder.path(), "init")
            // A user may prefer another kind of refs.
            .config("init.defaultRefFormat", "files")
            .args(["--quiet", "--bare", "--template="])
            .arg(format!("--object-format={format}"))
            .arg(folder.path())
            .run(&[])?;
        Ok(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The size of the only pack in it; none where that cannot be told.
    fn pack_bytes(&self) -> Option<u64> {
        let mut entries = std::fs::read_dir(self.path().join("objects").join("pack")).ok()?.flatten();
        let pack = entries.find(|entry| entry.path().extension().is_some_and(|is| is == "pack"))?;
        Some(pack.metadata().ok()?.len())
    }

    fn git(&self, subcommand: &str) -> GitCommand {
        GitCommand::new(self.path(), subcommand)
    }

    /// Lets history end at this commit.
    fn end_at(&self, base: Option<Oid>) -> Result<(), BundleError> {
        let Some(base) = base else { return Ok(()) };
        let path = self.path().join("shallow");
        std::fs::write(&path, format!("{base}\n"))
            .map_err(|source| StoreError::Io { action: "write", path, source }.into())
    }
}
