//! A private index: git's `add` without the user's index, and without the user's object database.
//!
//! One file per work tree, `<common-dir>/millrace/index/<work-tree>`, is kept between snapshots for its record
//! of file times, so that only changed files are read again. It is a cache and nothing else: a use starts from one that
//! holds exactly the base's tree, and any other goes through `read-tree --reset <base>` first, which drops each entry
//! that differs from the base, so that a kept index from a snapshot that was never published, or from another branch,
//! gives the same result as none. Which tree it holds is remembered beside it ([`Held`]), so that git need not work that
//! out again. A use works on a second name of the file (git never writes an index in place); the kept one is replaced
//! only when all went well, and one that git cannot read is thrown away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::changes::{Version, parse_version};
use super::discover::Repository;
use super::kept_index::{self, Held};
use super::path::{RepoPath, nul_terminated, split_nul};
use super::quarantine::Quarantine;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;

/// Settings of the user's that would make a private index depend on files beside it, or hide changes.
const SETTINGS: &[(&str, &str)] = &[
    ("core.splitIndex", "false"),
    ("core.untrackedCache", "false"),
    ("core.ignoreStat", "false"),
    // Line endings that cannot be restored exactly are a warning to people who commit, not to a snapshot.
    ("core.safecrlf", "false"),
    // The digest over the whole index is what writing it costs most, and nobody but `git fsck` ever looks at it.
    ("index.skipHash", "true"),
    ("advice.addEmbeddedRepo", "false"),
    ("i18n.commitEncoding", "UTF-8"),
];

/// Paths that one call of git is given as arguments.
const PATHS_A_CALL: usize = 200;

/// An index in a quarantine, for one work tree.
pub(crate) struct PrivateIndex<'a> {
    repository: &'a Repository,
    work_tree: &'a Path,
    quarantine: &'a Quarantine,
    file: PathBuf,
    /// The tree that it begins with.
    base: String,
    /// Whether it was kept, and held exactly that tree.
    knows_times: bool,
    /// Whether its entries may no longer be that tree's.
    changed: AtomicBool,
}

/// A path that git refused to take, with what it said.
pub(crate) struct Refused {
    pub(crate) path: RepoPath,
    pub(crate) detail: String,
}

impl<'a> PrivateIndex<'a> {
    /// An index that holds exactly what `base` holds (nothing, where there is none), with the file times that the
    /// kept index knows.
    pub(crate) fn from_kept(
        repository: &'a Repository,
        work_tree: &'a Path,
        quarantine: &'a Quarantine,
        base: Option<Oid>,
    ) -> Result<Self, StoreError> {
        let file = quarantine.scratch("index");
        let mut index = Self {
            repository,
            work_tree,
            quarantine,
            file,
            base: String::new(),
            knows_times: false,
            changed: AtomicBool::new(true),
        };
        kept_index::lend(repository, &index.file);
        let held = Held::of(repository, &index.file);
        index.base = match (&held, base) {
            (Some(held), Some(base)) if held.commit == base => held.tree.to_string(),
            _ => index.tree_of(base)?,
        };
        if index.file.exists() {
            // Mostly the last snapshot is what the next one stands on: then nothing has to be read into it. Which entries
            // a sparse checkout leaves out is what `read-tree` finds out.
            let sparse = repository.git_dir.join("info/sparse-checkout").exists();
            let holds_base = || match &held {
                Some(held) => held.tree.to_string() == index.base,
                None => index.write_tree().is_ok_and(|tree| tree == index.base),
            };
            if !sparse && holds_base() {
                index.knows_times = true;
                index.changed = AtomicBool::new(false);
                return Ok(index);
            }
            if index.reset(base).is_ok() {
                return Ok(index);
            }
        }
        // Not readable, or written by a newer git: from the beginning, then.
        let _ = std::fs::remove_file(&index.file);
        index.reset(base)?;
        Ok(index)
    }

    /// An index that holds exactly what `base` holds and knows no file times; `name` tells it from others in the
    /// same quarantine.
    pub(crate) fn fresh(
        repository: &'a Repository,
        work_tree: &'a Path,
        quarantine: &'a Quarantine,
        name: &str,
        base: Option<Oid>,
    ) -> Result<Self, StoreError> {
        let file = quarantine.scratch(name);
        let index = Self {
            repository,
            work_tree,
            quarantine,
            file,
            base: String::new(),
            knows_times: false,
            changed: AtomicBool::new(true),
        };
        index.reset(base)?;
        Ok(index)
    }

    /// The tree that it began with.
    pub(crate) fn base_tree(&self) -> &str {
        &self.base
    }

    /// Whether the times of files are known from the last use, so that what differs need not be read to be found.
    pub(crate) fn knows_times(&self) -> bool {
        self.knows_times
    }

    /// A git command on this index, the quarantine and the work tree.
    pub(crate) fn git(&self, subcommand: &str) -> GitCommand {
        let git = GitCommand::new(&self.repository.git_dir, subcommand).work_tree(self.work_tree);
        settled(self.quarantine.over(git)).env("GIT_INDEX_FILE", &self.file)
    }

    /// Keeps this index for the next snapshot, with what it holds: `tree`, which is `commit`'s. It is only a cache, so a
    /// failure is none of the caller's.
    pub(crate) fn keep(self, commit: Oid, tree: Oid) {
        kept_index::keep(self.repository, &self.file, commit, tree);
    }

    fn reset(&self, base: Option<Oid>) -> Result<(), StoreError> {
        let git = self.git("read-tree");
        match base {
            Some(base) => git.args(["--reset", "--no-recurse-submodules"]).arg(base.to_string()),
            None => git.arg("--empty"),
        }
        .run(&[])
        .map(drop)
    }

    /// Begins again with exactly what `base` holds, and no file times: what git would store of every file is read anew.
    pub(crate) fn forget_times(&self, base: Option<Oid>) -> Result<(), StoreError> {
        let _ = std::fs::remove_file(&self.file);
        self.changed.store(true, Ordering::Relaxed);
        self.reset(base)
    }

    /// Reads every file whose time is not known, and records the times of those that are as the index says.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        // Its exit code says that something differs, which is what we are about to list.
        self.git("update-index").args(["-q", "--really-refresh"]).output(&[]).map(drop)
    }

    /// The paths of the index that the work tree has otherwise, or not at all, by the recorded times.
    pub(crate) fn differing(&self) -> Result<Vec<RepoPath>, StoreError> {
        let output = self
            .git("diff-files")
            .args(["-z", "--name-only", "--no-renames", "--ignore-submodules=dirty"])
            .run(&[])?;
        Ok(paths(&output))
    }

    /// Files that are neither in the index nor ignored. A repository inside this one ends in `/`.
    pub(crate) fn untracked(&self) -> Result<Vec<RepoPath>, StoreError> {
        let output = self
            .git("ls-files")
            .args(["-z", "--others", "--exclude-standard", "--exclude=/millrace-agents/runs/"])
            .run(&[])?;
        Ok(paths(&output))
    }

    /// The folders of a tree, and its nested repositories: those with `true`.
    pub(crate) fn folders(&self, tree: &str) -> Result<Vec<(RepoPath, bool)>, StoreError> {
        let output = self.git("ls-tree").args(["-r", "-d", "-z", "--full-tree", tree]).run(&[])?;
        let entry = |record: &[u8]| {
            let tab = record.iter().position(|byte| *byte == b'\t')?;
            Some((RepoPath::new(&record[tab + 1..]), record.starts_with(b"160000 ")))
        };
        Ok(split_nul(&output).filter_map(entry).collect())
    }

    /// What a tree holds at these paths; nothing of those that it does not have.
    pub(crate) fn versions(
        &self,
        tree: &str,
        paths: &[RepoPath],
    ) -> Result<BTreeMap<RepoPath, Version>, StoreError> {
        let mut found = BTreeMap::new();
        for some in paths.chunks(PATHS_A_CALL) {
            let output = self
                .git("ls-tree")
                .env("GIT_LITERAL_PATHSPECS", "1")
                .args(["-z", "--full-tree", tree, "--"])
                .args(some.iter().map(RepoPath::as_path))
                .run(&[])?;
            for record in split_nul(&output) {
                // <mode> <kind> <oid>\t<path>
                let Some(tab) = record.iter().position(|byte| *byte == b'\t') else { continue };
                let head = String::from_utf8_lossy(&record[..tab]).into_owned();
                let mut words = head.split(' ');
                let (mode, kind, oid) = (words.next(), words.next(), words.next());
                if kind != Some("tree")
                    && let Some(version) = parse_version(mode, oid)
                {
                    found.insert(RepoPath::new(&record[tab + 1..]), version);
                }
            }
        }
        Ok(found)
    }

    /// The paths of the index.
    pub(crate) fn names(&self) -> Result<BTreeSet<RepoPath>, StoreError> {
        Ok(paths(&self.git("ls-files").args(["-z", "--cached"]).run(&[])?).into_iter().collect())
    }

    /// What the user's own index, which is only read, has beyond a commit: what was added. One that is damaged is the
    /// user's to mend, and names nothing.
    pub(crate) fn added_by_user(&self, beyond: Option<Oid>) -> Result<Vec<RepoPath>, StoreError> {
        let git = |name: &str| GitCommand::new(&self.repository.git_dir, name).work_tree(self.work_tree);
        let output = match beyond {
            Some(commit) => git("diff-index")
                .args(["--cached", "-z", "--name-only", "--diff-filter=A", "--no-renames"])
                .args(["--ita-visible-in-index", "--no-ext-diff", "--no-relative"])
                .arg(commit.to_string())
                .output(&[])?,
            None => git("ls-files").args(["-z", "--cached"]).output(&[])?,
        };
        Ok(if output.status.success() { paths(&output.stdout) } else { Vec::new() })
    }

    /// Of these paths, tracked or not, those that no ignore rule names. What git cannot judge is one of them.
    pub(crate) fn not_ignored_by_rule(
        &self,
        candidates: &[RepoPath],
    ) -> Result<BTreeSet<RepoPath>, StoreError> {
        let ignored = self.ignored_among(candidates, true)?;
        let unclear = |path: &RepoPath| ignored.get(path).copied() != Some(true);
        Ok(candidates.iter().filter(|path| unclear(path)).cloned().collect())
    }

    /// Of these paths, those that are not in the index and that no ignore rule names. What git cannot judge is none of
    /// them.
    pub(crate) fn not_ignored(&self, candidates: Vec<RepoPath>) -> Result<Vec<RepoPath>, StoreError> {
        let ignored = self.ignored_among(&candidates, false)?;
        Ok(candidates.into_iter().filter(|path| !ignored.contains_key(path)).collect())
    }

    /// Which of these paths the ignore rules name: `true`; those that git cannot judge (behind a symbolic link, in a
    /// submodule): `false`. git gives up a whole batch for one of those; so a batch that fails is halved.
    fn ignored_among(
        &self,
        candidates: &[RepoPath],
        also_tracked: bool,
    ) -> Result<BTreeMap<RepoPath, bool>, StoreError> {
        let mut found = BTreeMap::new();
        let mut batches = vec![candidates];
        while let Some(batch) = batches.pop() {
            if batch.is_empty() {
                continue;
            }
            // A name that begins with `:` would be read as a pattern.
            let mut input = Vec::new();
            for path in batch {
                input.extend_from_slice(b"./");
                input.extend_from_slice(path.as_bytes());
                input.push(0);
            }
            let git = self.git("check-ignore").args(["-z", "--stdin"]);
            let output = git.args(also_tracked.then_some("--no-index")).output(&input)?;
            // 0: some are ignored; 1: none is.
            if matches!(output.status.code(), Some(0 | 1)) {
                let named = split_nul(&output.stdout).filter_map(|path| path.strip_prefix(b"./"));
                found.extend(named.map(|path| (RepoPath::new(path), true)));
            } else if let [path] = batch {
                found.insert(path.clone(), false);
            } else {
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.extend([second, first]);
            }
        }
        Ok(found)
    }

    /// Records these paths as the work tree has them now: added, changed or, where they are gone, removed.
    /// git gives up a whole batch for one path; so a batch that fails is halved until the culprits stand alone.
    pub(crate) fn record(&self, paths: &[RepoPath]) -> Result<Vec<Refused>, StoreError> {
        self.changed.fetch_or(!paths.is_empty(), Ordering::Relaxed);
        let mut refused = Vec::new();
        let mut batches = vec![paths];
        while let Some(batch) = batches.pop() {
            if batch.is_empty() {
                continue;
            }
            let output = self
                .git("update-index")
                .args(["--add", "--remove", "--replace", "-z", "--stdin"])
                .output(&nul_terminated(batch))?;
            if output.status.success() {
                continue;
            }
            if let [path] = batch {
                let stderr = String::from_utf8_lossy(&output.stderr);
                let detail = stderr.lines().next().unwrap_or("no message").to_owned();
                refused.push(Refused { path: path.clone(), detail });
            } else {
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.push(second);
                batches.push(first);
            }
        }
        Ok(refused)
    }

    /// Sets entries without looking at the work tree; `None` removes.
    pub(crate) fn set(&self, entries: &[(RepoPath, Option<Version>)]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.changed.store(true, Ordering::Relaxed);
        let gone = entries.iter().filter(|(_, version)| version.is_none()).map(|(path, _)| path);
        let gone = nul_terminated(gone);
        // Removals first: a name cannot be a file while it is a folder of others.
        if !gone.is_empty() {
            self.git("update-index").args(["--force-remove", "-z", "--stdin"]).run(&gone)?;
        }
        let mut lines = Vec::new();
        for (path, version) in entries {
            if let Some(version) = version {
                lines.extend_from_slice(format!("{:06o} {}\t", version.mode, version.oid).as_bytes());
                lines.extend_from_slice(path.as_bytes());
                lines.push(0);
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.git("update-index").args(["-z", "--index-info"]).run(&lines).map(drop)
    }

    /// Everything the index holds.
    pub(crate) fn entries(&self) -> Result<BTreeMap<RepoPath, Version>, StoreError> {
        let output = self.git("ls-files").args(["-z", "--stage"]).run(&[])?;
        let mut found = BTreeMap::new();
        for record in split_nul(&output) {
            // <mode> <oid> <stage>\t<path>
            let entry = record.iter().position(|byte| *byte == b'\t').and_then(|tab| {
                let head = std::str::from_utf8(&record[..tab]).ok()?;
                let mut words = head.split(' ');
                Some((RepoPath::new(&record[tab + 1..]), parse_version(words.next(), words.next())?))
            });
            let (path, version) = entry.ok_or_else(|| StoreError::Git {
                action: "git ls-files".to_owned(),
                detail: format!("unexpected entry `{}`", String::from_utf8_lossy(record).escape_default()),
            })?;
            found.insert(path, version);
        }
        Ok(found)
    }

    /// The tree of a commit, and for none the empty tree.
    pub(crate) fn tree_of(&self, commit: Option<Oid>) -> Result<String, StoreError> {
        match commit {
            Some(commit) => {
                let named = format!("{commit}^{{tree}}");
                let told = self.git("rev-parse").args(["--verify", "--quiet"]).arg(named).text();
                told.map_err(|error| match error {
                    StoreError::Git { .. } => StoreError::Missing(commit),
                    other => other,
                })
            }
            None => self.git("hash-object").args(["-t", "tree", "--stdin"]).text(),
        }
    }

    /// The tree of what the index holds. What it names was read here, or is the base's: git is not to look for each of
    /// them once more, which would also fail in a partial clone.
    pub(crate) fn write_tree(&self) -> Result<String, StoreError> {
        if !self.changed.load(Ordering::Relaxed) {
            return Ok(self.base.clone());
        }
        self.git("write-tree").arg("--missing-ok").text()
    }
}

/// The settings that every git of a snapshot runs with; `GIT_CONFIG_*` is read after all files.
fn settled(mut git: GitCommand) -> GitCommand {
    git = git.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
    for (at, (key, value)) in SETTINGS.iter().enumerate() {
        git = git.env(&format!("GIT_CONFIG_KEY_{at}"), key).env(&format!("GIT_CONFIG_VALUE_{at}"), value);
    }
    git
}

fn paths(output: &[u8]) -> Vec<RepoPath> {
    split_nul(output).map(RepoPath::new).collect()
}
