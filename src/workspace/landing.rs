//! Landing: exactly what a run has changed becomes one ordinary commit of the user's branch.
//!
//! The commit's tree is the user's `HEAD` plus the difference of two snapshots, and nothing else: what the user has
//! changed or staged on other paths stays as it is. Where the user's side of any of those paths is not what the run began
//! with, nothing is committed at all.
//!
//! No file of the work tree is touched, and nothing of the user's configuration runs but a program that signs: no
//! `pre-commit`, no `commit-msg`, no filter. Nobody watches who could answer one, and what a hook changes would be code
//! that no stage has seen. Checks belong into the plan; a push still meets the hooks of its own.
//!
//! The index takes the change first and the branch follows: after a crash in between, the index holds the run's change as
//! staged, which is found and gone on with.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::changes::{Change, Version, diff, parse_version, probe};
use super::discover::Repository;
use super::head::HeadError;
use super::path::{RepoPath, nul_terminated, split_nul};
use super::snapshot_rules::{is_attributes, is_scratch};
use super::user_index::UserIndex;
use crate::domain::oid::Oid;
use crate::ledger::git::command::{Answer, GitCommand};
use crate::ledger::git::signing::PATIENCE;
use crate::ledger::store::StoreError;

/// Names that a reason lists.
const NAMED: usize = 5;

/// Commits of the branch in which the run's own commit is looked for after a crash.
const LOOKED_THROUGH: &str = "200";

/// How often a lock of the user's index is waited for, and how long each time.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// What is to land.
#[derive(Debug, Clone)]
pub struct Landing<'a> {
    /// The run's id, as its trailer has it.
    pub run: &'a str,
    /// The branch that the run began on, as a full ref name.
    pub branch: Option<&'a str>,
    /// Snapshot 0.
    pub start: Oid,
    /// The last snapshot.
    pub last: Oid,
    /// The message, with the trailer `Millrace-Run`.
    pub message: &'a str,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// It is this commit.
    Committed {
        /// The commit.
        commit: Oid,
        /// The branch, as a full ref name.
        branch: String,
    },
    /// Somebody else has committed all of it, perhaps with more: it is in what this branch has now.
    Found {
        /// The newest commit.
        commit: Oid,
        /// The branch, as a full ref name.
        branch: String,
    },
    /// It stays in the work tree.
    Left(Left),
}

/// Why a change is not committed. The work tree, the index and the branch are as they were.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Left {
    /// The run has changed nothing.
    #[error("it changed nothing")]
    Nothing,
    /// `HEAD` is no branch.
    #[error("HEAD is detached: there is no branch to commit on")]
    Detached,
    /// Another branch is checked out.
    #[error("the run began on {began}, and {now} is checked out")]
    Switched {
        /// The one that the run began on.
        began: String,
        /// The one that is checked out.
        now: String,
    },
    /// An operation of the user's is not finished.
    #[error("a {0} is in progress")]
    InProgress(&'static str),
    /// The index holds a conflict.
    #[error("the index holds conflicts that are not resolved")]
    Conflicts,
    /// The index cannot be read.
    #[error("the index cannot be read")]
    NoIndex,
    /// Paths that the user has otherwise than the run found them.
    #[error(
        "HEAD has {0} otherwise than the run found it: it was changed and not committed before the run, or HEAD has moved"
    )]
    Differs(String),
    /// Paths that are staged.
    #[error("the index has {0} otherwise than HEAD: it is staged")]
    Staged(String),
    /// Nobody to commit as.
    #[error("git knows no identity to commit as: set user.name and user.email")]
    NoIdentity,
    /// git refuses.
    #[error("git does not commit it: {0}")]
    Refused(String),
    /// The branch moved at the last moment.
    #[error("{0} moved while the commit was made")]
    Moved(String),
}

/// The change cannot even be looked at.
#[derive(Debug, Error)]
pub enum LandError {
    /// `HEAD` cannot be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] StoreError),
}

/// Lands a change, or says why not. After a crash at any point it is simply called again.
pub fn land(repository: &Repository, landing: &Landing<'_>) -> Result<Landed, LandError> {
    let left = |left: Left| Ok(Landed::Left(left));
    let changes: Vec<Change> = diff(repository, landing.start, landing.last)?
        .into_iter()
        .filter(|change| !is_scratch(&change.path))
        .collect();
    let changes = without_converted(repository, changes)?;
    if changes.is_empty() {
        return left(Left::Nothing);
    }
    let head = repository.head()?;
    let Some(branch) = head.branch else { return left(Left::Detached) };
    let paths: Vec<&RepoPath> = changes.iter().map(|change| &change.path).collect();
    if let Some(commit) = already(repository, head.oid, landing.run)?
        && differing(repository, Some(commit), landing.last, &paths)?.is_empty()
    {
        // A crash came between the commit and its record; the index had the change before.
        return Ok(Landed::Committed { commit, branch });
    }
    match landing.branch {
        Some(began) if began == branch => {}
        began => {
            let began = began.map_or_else(|| "a detached HEAD".to_owned(), short);
            return left(Left::Switched { began, now: short(&branch) });
        }
    }
    if let Some(operation) = repository.in_progress() {
        return left(Left::InProgress(operation.as_str()));
    }
    match UserIndex::read(repository)? {
        None => return left(Left::NoIndex),
        Some(index) if index.conflicts => return left(Left::Conflicts),
        Some(_) => {}
    }
    // What HEAD has otherwise than the run found it, and than the run left it.
    let since_start = differing(repository, head.oid, landing.start, &paths)?;
    let to_last = differing(repository, head.oid, landing.last, &paths)?;
    if let (true, Some(commit)) = (to_last.is_empty(), head.oid) {
        // Somebody, the stage itself perhaps, has committed all of it.
        return Ok(Landed::Found { commit, branch });
    }
    if !since_start.is_empty() {
        return left(Left::Differs(named(&since_start)));
    }
    let staged = entries(repository, &paths)?;
    let odd: Vec<RepoPath> = changes
        .iter()
        .filter(|change| {
            let found = staged.get(&change.path).copied();
            found != change.from && found != change.to
        })
        .map(|change| change.path.clone())
        .collect();
    if !odd.is_empty() {
        return left(Left::Staged(named(&odd)));
    }
    if !has_identity(repository)? {
        return left(Left::NoIdentity);
    }
    let commit = match commit(repository, head.oid, &changes, landing.message)? {
        Ok(commit) => commit,
        Err(refused) => return left(Left::Refused(refused)),
    };
    if let Err(refused) = set_index(repository, &changes, |change| change.to)? {
        return left(Left::Refused(refused));
    }
    if !move_branch(repository, &branch, head.oid, commit, landing.message)? {
        let back = |change: &Change| staged.get(&change.path).copied();
        // What was staged stays so: it is the user's own change, or nothing.
        let _ = set_index(repository, &changes, back)?;
        return left(Left::Moved(short(&branch)));
    }
    Ok(Landed::Committed { commit, branch })
}

fn git(repository: &Repository, subcommand: &str) -> GitCommand {
    let git = GitCommand::new(&repository.git_dir, subcommand);
    match &repository.work_tree {
        Some(work_tree) => git.work_tree(work_tree),
        None => git,
    }
}

fn short(branch: &str) -> String {
    branch.strip_prefix("refs/heads/").unwrap_or(branch).to_owned()
}

fn named(paths: &[RepoPath]) -> String {
    let mut names: Vec<String> = paths.iter().take(NAMED).map(ToString::to_string).collect();
    if paths.len() > NAMED {
        names.push(format!("{} more", paths.len() - NAMED));
    }
    names.join(", ")
}

/// The same without the files that only their storage has changed of: the run changed the attributes, and a file that
/// nobody touched is stored another way since. They are the user's to store anew, and to say so.
fn without_converted(repository: &Repository, changes: Vec<Change>) -> Result<Vec<Change>, StoreError> {
    let Some(work_tree) = repository
        .work_tree
        .as_deref()
        .filter(|_| changes.len() > 1 && changes.iter().any(|change| is_attributes(&change.path)))
    else {
        return Ok(changes);
    };
    let mut asked = Vec::new();
    for change in &changes {
        let plain = matches!((change.from, change.to), (Some(from), Some(to)) if from.mode == to.mode);
        let is_file = probe(work_tree, &change.path).ok().flatten().is_some_and(|meta| meta.is_file());
        if plain && is_file && !is_attributes(&change.path) && !change.path.as_bytes().contains(&b'\n') {
            asked.push(change.path.clone());
        }
    }
    let mut input = Vec::new();
    for path in &asked {
        input.extend_from_slice(path.as_bytes());
        input.push(b'\n');
    }
    let output = git(repository, "hash-object").args(["--stdin-paths", "--no-filters"]).output(&input)?;
    let as_it_is = String::from_utf8_lossy(&output.stdout).into_owned();
    let as_it_is: BTreeMap<RepoPath, &str> = asked.into_iter().zip(as_it_is.lines()).collect();
    let is_converted = |change: &Change| {
        let found = as_it_is.get(&change.path);
        found.is_some_and(|found| change.from.is_some_and(|from| from.oid.to_string() == **found))
    };
    Ok(changes.into_iter().filter(|change| !is_converted(change)).collect())
}

/// The commit of this run among the last ones of the branch.
fn already(repository: &Repository, head: Option<Oid>, run: &str) -> Result<Option<Oid>, StoreError> {
    let Some(head) = head else { return Ok(None) };
    let output = git(repository, "log")
        .args(["--first-parent", "-z", "-n", LOOKED_THROUGH])
        .arg("--format=%H%n%(trailers:key=Millrace-Run,valueonly)")
        .arg(head.to_string())
        .run(&[])?;
    let text = String::from_utf8_lossy(&output);
    Ok(text.split('\0').find_map(|record| {
        let (commit, runs) = record.split_once('\n')?;
        runs.lines().any(|line| line.trim() == run).then(|| commit.trim().parse().ok()).flatten()
    }))
}

/// Of these paths, those that differ between a commit, or none, and a snapshot.
fn differing(
    repository: &Repository,
    head: Option<Oid>,
    snapshot: Oid,
    paths: &[&RepoPath],
) -> Result<Vec<RepoPath>, StoreError> {
    let head = match head {
        Some(head) => head,
        None => empty_tree(repository)?,
    };
    let wanted: BTreeSet<&RepoPath> = paths.iter().copied().collect();
    let changes = diff(repository, head, snapshot)?;
    Ok(changes.into_iter().map(|change| change.path).filter(|path| wanted.contains(path)).collect())
}

fn empty_tree(repository: &Repository) -> Result<Oid, StoreError> {
    let text = git(repository, "hash-object").args(["-t", "tree", "--stdin"]).text()?;
    text.parse().map_err(|_| StoreError::Git { action: "git hash-object".to_owned(), detail: text.clone() })
}

/// What the user's index holds at these paths. An entry without content (`git add --intent-to-add`) is none.
fn entries(repository: &Repository, paths: &[&RepoPath]) -> Result<BTreeMap<RepoPath, Version>, StoreError> {
    let wanted: BTreeSet<&RepoPath> = paths.iter().copied().collect();
    let output = git(repository, "ls-files").args(["-z", "--stage"]).run(&[])?;
    let intended = git(repository, "diff-files")
        .args(["-z", "--name-only", "--diff-filter=A", "--no-renames", "--ignore-submodules=all"])
        .run(&[])?;
    let intended: BTreeSet<RepoPath> = split_nul(&intended).map(RepoPath::new).collect();
    let mut found = BTreeMap::new();
    for record in split_nul(&output) {
        let Some(tab) = record.iter().position(|byte| *byte == b'\t') else { continue };
        let path = RepoPath::new(&record[tab + 1..]);
        if !wanted.contains(&path) || intended.contains(&path) {
            continue;
        }
        let head = String::from_utf8_lossy(&record[..tab]).into_owned();
        let mut words = head.split(' ');
        if let Some(version) = parse_version(words.next(), words.next()) {
            found.insert(path, version);
        }
    }
    Ok(found)
}

fn has_identity(repository: &Repository) -> Result<bool, StoreError> {
    // What git would have to guess is nobody's name.
    let ask = |who: &str| git(repository, "var").config("user.useConfigOnly", "true").arg(who).output(&[]);
    Ok(ask("GIT_AUTHOR_IDENT")?.status.success() && ask("GIT_COMMITTER_IDENT")?.status.success())
}

/// The commit on top of `head`, written durably into the user's repository; or what git says against it.
fn commit(
    repository: &Repository,
    head: Option<Oid>,
    changes: &[Change],
    message: &str,
) -> Result<Result<Oid, String>, StoreError> {
    let folder = repository.millrace_dir().join("landing");
    let io = |source| StoreError::Io { action: "create", path: folder.clone(), source };
    std::fs::create_dir_all(&folder).map_err(io)?;
    let scratch = tempfile::Builder::new().prefix("l-").tempdir_in(&folder).map_err(io)?;
    let file = scratch.path().join("index");
    let on = |subcommand: &str| {
        git(repository, subcommand)
            .config("core.fsync", "all")
            .config("core.splitIndex", "false")
            .config("i18n.commitEncoding", "UTF-8")
            .config("user.useConfigOnly", "true")
            .env("GIT_INDEX_FILE", &file)
    };
    match head {
        Some(head) => on("read-tree").arg(head.to_string()).run(&[])?,
        None => on("read-tree").arg("--empty").run(&[])?,
    };
    on("update-index").args(["-z", "--index-info"]).run(&index_info(changes, |change| change.to))?;
    // What is not there is the user's, in a partial clone, and is what `HEAD` has.
    let tree = on("write-tree").arg("--missing-ok").text()?;
    let mut make = on("commit-tree").arg(&tree);
    if let Some(head) = head {
        make = make.args(["-p", &head.to_string()]);
    }
    // `commit-tree` signs only when it is told to; `git commit` would look there.
    let wants = git(repository, "config").args(["--type=bool", "--get", "commit.gpgSign"]).output(&[])?;
    if wants.stdout.starts_with(b"true") {
        make = make.arg("-S");
    }
    // Nobody is asked for a passphrase, as for the ledger's own signatures.
    let make = make.without(&["GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY"]).env("SSH_ASKPASS_REQUIRE", "never");
    let output = match make.args(["-F", "-"]).answer(message.as_bytes(), PATIENCE, &|| false)? {
        Answer::Ended(output) => output,
        Answer::TimeUp | Answer::Unwanted => {
            return Ok(Err(format!("git commit-tree did not end within {} s", PATIENCE.as_secs())));
        }
    };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let stderr = said(&output.stderr);
        let line = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        return Ok(Err(line.trim().to_owned()));
    }
    let text = said(&output.stdout);
    text.trim()
        .parse()
        .map(Ok)
        .map_err(|_| StoreError::Git { action: "git commit-tree".to_owned(), detail: text })
}

/// Entries for `git update-index --index-info`: what goes first, so that a file can take a folder's place.
fn index_info(changes: &[Change], to: impl Fn(&Change) -> Option<Version>) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut line = |head: String, path: &RepoPath| {
        lines.extend_from_slice(head.as_bytes());
        lines.extend_from_slice(&nul_terminated([path]));
    };
    for change in changes.iter().filter(|change| to(change).is_none()) {
        let any = change.from.or(change.to).map_or_else(String::new, |version| version.oid.to_string());
        line(format!("0 {}\t", "0".repeat(any.len())), &change.path);
    }
    for change in changes {
        if let Some(version) = to(change) {
            line(format!("{:06o} {}\t", version.mode, version.oid), &change.path);
        }
    }
    lines
}

/// Sets entries of the user's index, and only those, by git, which locks it; or what git says against it.
fn set_index(
    repository: &Repository,
    changes: &[Change],
    to: impl Fn(&Change) -> Option<Version>,
) -> Result<Result<(), String>, StoreError> {
    let input = index_info(changes, to);
    let mut said = String::new();
    for _ in 0..LOCK_TRIES {
        let output = git(repository, "update-index").args(["-z", "--index-info"]).output(&input)?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        stderr.lines().next().unwrap_or("no message").clone_into(&mut said);
        if !said.contains("index.lock") {
            break;
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Ok(Err(said))
}

/// Moves the branch, unless it has moved meanwhile.
fn move_branch(
    repository: &Repository,
    branch: &str,
    from: Option<Oid>,
    to: Oid,
    message: &str,
) -> Result<bool, StoreError> {
    let subject = message.lines().next().unwrap_or_default();
    let from = from.map_or_else(|| "0".repeat(to.to_string().len()), |from| from.to_string());
    let output = git(repository, "update-ref")
        .config("core.fsync", "all")
        .args(["-m", &format!("commit: {subject}"), branch, &to.to_string(), &from])
        .output(&[])?;
    Ok(output.status.success())
}
