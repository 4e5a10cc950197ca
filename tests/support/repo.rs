//! A scratch repository, sealed off from this machine: no user or system configuration, fixed identity and clock.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A git repository in a temporary directory, removed with it.
pub(crate) struct TestRepo {
    root: TempDir,
    work_tree: PathBuf,
}

impl TestRepo {
    /// An empty repository on branch `main`, with extra arguments for `git init`.
    pub(crate) fn init_with(args: &[&str]) -> Self {
        let root =
            tempfile::Builder::new().prefix("millrace-test-").tempdir().expect("a temporary directory");
        let work_tree = root.path().join("repo");
        std::fs::create_dir_all(root.path().join("home")).expect("a home");
        let repo = Self { root, work_tree };
        let mut all = vec!["init", "--quiet", "--initial-branch=main"];
        all.extend_from_slice(args);
        let path = repo.work_tree.to_string_lossy().into_owned();
        all.push(&path);
        let output = repo.command("git").args(&all).current_dir(repo.root.path()).output().expect("git runs");
        assert!(output.status.success(), "git init: {}", String::from_utf8_lossy(&output.stderr));
        repo
    }

    /// An empty repository.
    pub(crate) fn init() -> Self {
        Self::init_with(&[])
    }

    /// A repository with one commit that holds `README.md`.
    pub(crate) fn with_commit() -> Self {
        let repo = Self::init();
        repo.write("README.md", "# A project\n");
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "--quiet", "-m", "start"]);
        repo
    }

    /// The work tree (the repository itself where it is bare).
    pub(crate) fn path(&self) -> &Path {
        &self.work_tree
    }

    /// The git directory.
    pub(crate) fn git_dir(&self) -> PathBuf {
        let dot = self.work_tree.join(".git");
        if dot.exists() { dot } else { self.work_tree.clone() }
    }

    /// The directory above the work tree, for things that lie beside it.
    pub(crate) fn beside(&self) -> &Path {
        self.root.path()
    }

    /// A program in the work tree, with a cleared environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "TMPDIR", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.root.path().join("home"))
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Test Author")
            .env("GIT_AUTHOR_EMAIL", "author@example.org")
            .env("GIT_COMMITTER_NAME", "Test Committer")
            .env("GIT_COMMITTER_EMAIL", "committer@example.org")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z");
        if self.work_tree.is_dir() {
            command.current_dir(&self.work_tree);
        }
        command
    }

    /// git's output, whatever its exit code.
    pub(crate) fn git_output(&self, args: &[&str]) -> Output {
        self.command("git").args(args).output().expect("git runs")
    }

    /// git's stdout without the final line break; fails the test when git fails.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.git_output(args);
        assert!(
            output.status.success(),
            "git {args:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8").trim_end_matches('\n').to_owned()
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.work_tree.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Reads a file of the work tree.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.work_tree.join(path)).expect("a readable file")
    }
}
