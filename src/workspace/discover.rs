//! Finding the repository that a path belongs to.
//!
//! No process is started (read commands have ten milliseconds from start to output), except where the repository
//! belongs to another user: whether that is acceptable is git's decision (`safe.directory`), so git is asked.
//! The caller's `GIT_*` variables are ignored: hooks set them for the repository they run in, and here an
//! explicit path names the one that is meant.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::ledger::git::command::GitCommand;

/// Why no repository was found at a path.
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// Nothing at that path.
    #[error("{} does not exist: check the path", .0.display())]
    NoSuchPath(PathBuf),
    /// Something at that path that is not a folder.
    #[error("{} is not a folder: name the work tree or a folder in it", .0.display())]
    NotAFolder(PathBuf),
    /// The path cannot be looked at.
    #[error("cannot look at {}: {source}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No repository there, nor in any folder above it on the same file system.
    #[error("{} is not in a git repository: run `git init` in the project's top folder first", .0.display())]
    NotARepository(PathBuf),
    /// There is a `.git`, but no repository can be opened through it.
    #[error("the git repository at {} cannot be opened: {detail}; `git status` there tells more", .path.display())]
    Broken {
        /// Where the `.git` is.
        path: PathBuf,
        /// What is wrong, one line.
        detail: String,
    },
    /// The repository belongs to another user, and git's configuration does not accept that.
    #[error(
        "git does not trust the repository at {}, which another user owns: {detail}; \
         if you trust it, add it to `safe.directory` in your git configuration",
        .path.display()
    )]
    NotTrusted {
        /// Where the repository is.
        path: PathBuf,
        /// What git said, one line.
        detail: String,
    },
}

/// A repository of the user's, as found from a path. All paths are absolute and without symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// What belongs to this work tree alone: `HEAD`, the index, a merge in progress.
    pub git_dir: PathBuf,
    /// What all work trees share: objects, refs, configuration. The same as `git_dir` in the main work tree.
    pub common_dir: PathBuf,
    /// The root of the work tree; `None` in a bare repository.
    pub work_tree: Option<PathBuf>,
}

impl Repository {
    /// The repository that `start` lies in: its work tree or a folder in it, a linked work tree, a bare
    /// repository, or a git directory itself. A submodule is a repository of its own.
    pub fn discover(start: &Path) -> Result<Self, DiscoverError> {
        let start = resolved(start)?;
        let options = gix::discover::upwards::Options::default();
        let (found, trust) =
            gix::discover::upwards_opts(&start, options).map_err(|error| not_found(&start, &error))?;
        if trust != gix::sec::Trust::Full {
            ask_git_about_trust(&start)?;
        }
        let (found_git_dir, found_work_tree) = found.into_repository_and_work_tree_directories();
        let broken = |detail: String| DiscoverError::Broken { path: start.clone(), detail };
        // Trust is settled, so that `core.worktree` and `core.bare` are read whoever owns the file.
        let options = gix::open::Options::isolated().open_path_as_is(true).with(gix::sec::Trust::Full);
        let opened = gix::open_opts(&found_git_dir, options).map_err(|error| broken(one_line(&error)))?;
        let canonical = |path: &Path| {
            path.canonicalize().map_err(|source| DiscoverError::Unreadable { path: path.to_owned(), source })
        };
        // A git directory that lies elsewhere (`git init --separate-git-dir`) knows no work tree of its own: it is where
        // the `.git` is that names it.
        let bare = opened.config_snapshot().boolean("core.bare") == Some(true);
        let beside_its_pointer = found_work_tree.as_deref().filter(|_| !bare);
        Ok(Self {
            git_dir: canonical(opened.git_dir())?,
            common_dir: canonical(opened.common_dir())?,
            work_tree: opened.workdir().or(beside_its_pointer).map(canonical).transpose()?,
        })
    }

    /// Whether it has no work tree.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.work_tree.is_none()
    }

    /// Our own folder in the repository, shared by all its work trees: `<common-dir>/millrace`.
    #[must_use]
    pub fn millrace_dir(&self) -> PathBuf {
        self.common_dir.join("millrace")
    }

    /// A name for this work tree that no other work tree of the repository has, fit for a file name.
    #[must_use]
    pub fn work_tree_key(&self) -> String {
        // Linked work trees have their git directory at `<common-dir>/worktrees/<name>`.
        match self.git_dir.file_name() {
            Some(name) if self.git_dir != self.common_dir => format!("linked-{}", name.to_string_lossy()),
            _ => "main".to_owned(),
        }
    }
}

fn resolved(start: &Path) -> Result<PathBuf, DiscoverError> {
    let start = start.canonicalize().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DiscoverError::NoSuchPath(start.to_owned()),
        std::io::ErrorKind::NotADirectory => DiscoverError::NotAFolder(start.to_owned()),
        _ => DiscoverError::Unreadable { path: start.to_owned(), source },
    })?;
    if start.is_dir() { Ok(start) } else { Err(DiscoverError::NotAFolder(start)) }
}

fn not_found(start: &Path, error: &gix::Error) -> DiscoverError {
    match start.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()) {
        Some(folder) => DiscoverError::Broken { path: folder.to_owned(), detail: one_line(error) },
        None => DiscoverError::NotARepository(start.to_owned()),
    }
}

fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// git checks ownership only where it finds the repository by itself: a `GIT_DIR` would switch the check off.
fn ask_git_about_trust(start: &Path) -> Result<(), DiscoverError> {
    let refused = |detail: String| DiscoverError::NotTrusted { path: start.to_owned(), detail };
    let output = GitCommand::discover(start, "rev-parse")
        // The path was named.
        .config("safe.bareRepository", "all")
        .arg("--git-dir")
        .output(&[])
        .map_err(|error| refused(format!("git cannot be asked: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(refused(stderr.lines().next().unwrap_or("no message").trim_end_matches(':').to_owned()))
}
