//! Repositories of every kind, each with a user's things in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::clones::clone_of;
use crate::support::repo::TestRepo;

const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

/// A repository, and where in it somebody works.
pub(super) struct Site {
    repo: TestRepo,
    /// The work tree; a bare repository itself.
    pub(super) path: PathBuf,
}

/// The embedded harness does all of it.
pub(super) const STRAIGHT: &str = "
stages:
  builder:
    - - write: {path: built.txt, content: \"built\\n\"}
      - append: {path: changed.txt, content: \"by the stage\\n\"}
      - result: {terminal_result: BUILDER_COMPLETE, summary: Built it.}
  checker:
    - - result: {terminal_result: CHECKER_PASS}
  updater:
    - - result: {terminal_result: UPDATE_COMPLETE}
";

/// The embedded harness can do nothing.
pub(super) const HOPELESS: &str = "
stages:
  builder:
    - - write: {path: half.txt, content: \"half\\n\"}
      - result: {terminal_result: BLOCKED, summary: No.}
  troubleshooter:
    - - result: {terminal_result: BLOCKED, summary: No.}
  consultant:
    - - result: {terminal_result: BLOCKED, summary: Never.}
";

impl Site {
    fn at(repo: TestRepo) -> Self {
        let path = repo.path().to_owned();
        Self { repo, path }
    }

    fn inside(repo: TestRepo, path: PathBuf) -> Self {
        Self { repo, path }
    }

    /// The folder beside the work tree.
    pub(super) fn beside(&self) -> &Path {
        self.repo.beside()
    }

    /// A program there.
    pub(super) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.repo.command(program);
        command.current_dir(&self.path).args(args).stdin(Stdio::null());
        // A submodule's clone goes through a file URL.
        command.env("GIT_CONFIG_COUNT", "1");
        command.env("GIT_CONFIG_KEY_0", "protocol.file.allow").env("GIT_CONFIG_VALUE_0", "always");
        command
    }

    /// git's stdout; fails the test when git fails.
    #[track_caller]
    pub(super) fn git(&self, args: &[&str]) -> String {
        succeeded("git", args, &self.command("git", args).output().expect("git runs"))
    }

    /// The program's stdout; fails the test when it fails.
    #[track_caller]
    pub(super) fn millrace(&self, args: &[&str]) -> String {
        succeeded("millrace", args, &self.command(MILLRACE, args).output().expect("millrace runs"))
    }

    /// A daemon that runs until nothing is left to do.
    pub(super) fn daemon(&self) -> Command {
        self.command(MILLRACE, &["run", "daemon", "--until-idle"])
    }

    pub(super) fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    fn git_path(&self, what: &str) -> PathBuf {
        self.path.join(self.git(&["rev-parse", what])).canonicalize().expect("a folder")
    }

    /// What all work trees share.
    pub(super) fn common_dir(&self) -> PathBuf {
        self.git_path("--git-common-dir")
    }

    /// What belongs to this work tree.
    pub(super) fn git_dir(&self) -> PathBuf {
        self.git_path("--git-dir")
    }

    pub(super) fn is_bare(&self) -> bool {
        self.git(&["rev-parse", "--is-bare-repository"]) == "true"
    }

    /// Makes the embedded harness the project's, with this script.
    #[track_caller]
    pub(super) fn script(&self, script: &str) {
        self.write("millrace-agents/script.yaml", script);
        self.write(
            "millrace-agents/millrace.toml",
            "[runners]\ndefault_runner = \"scripted\"\n\n[runners.scripted]\nscript = \"millrace-agents/script.yaml\"\n",
        );
        self.millrace(&["compile", "validate"]);
    }

    /// Queues a task.
    #[track_caller]
    pub(super) fn queue(&self, id: &str) {
        let document = self.beside().join("task.md");
        let text = format!(
            "---\ntask_id: {id}\ntitle: The task {id}\ntarget_paths: [a]\nacceptance: [b]\nrequired_checks: [c]\n\
             references: [d]\nrisk: [e]\n---\nWhat to do.\n"
        );
        std::fs::write(&document, text).expect("a file");
        self.millrace(&["queue", "add-task", document.to_str().expect("UTF-8")]);
    }

    /// What a user has lying about: hooks, settings, a stash, branches, tags, uncommitted work of every sort.
    fn lived_in(self) -> Self {
        let common = self.common_dir();
        std::fs::create_dir_all(common.join("hooks")).expect("a folder");
        for hook in ["pre-commit", "post-commit", "reference-transaction", "pre-auto-gc"] {
            // A hook that ran leaves a trace.
            let path = common.join("hooks").join(hook);
            let trace = self.beside().join("hook-ran");
            std::fs::write(&path, format!("#!/bin/sh\necho {hook} >> '{}'\n", trace.display()))
                .expect("a hook");
            std::os::unix::fs::chown(&path, None, None).expect("ours");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("a mode");
        }
        std::fs::create_dir_all(common.join("info")).expect("a folder");
        std::fs::write(common.join("info/exclude"), "*.mine\n").expect("a file");
        self.git(&["config", "user.name", "Ada"]);
        self.git(&["config", "user.email", "ada@example.org"]);
        self.git(&["config", "alias.co", "checkout"]);
        if !self.is_bare() {
            self.git(&["tag", "-a", "-m", "one", "v1"]);
            self.git(&["branch", "other"]);
            self.write("kept.txt", "kept\nstashed\n");
            self.git(&["stash", "push", "--quiet"]);
            self.write("staged.txt", "staged\n");
            self.git(&["add", "staged.txt"]);
            self.write("staged.txt", "staged, and more\n");
            self.write("changed.txt", "changed by the user\n");
            self.write("untracked/notes.txt", "untracked\n");
            self.write("private.mine", "ignored\n");
            std::os::unix::fs::symlink("kept.txt", self.path.join("link")).expect("a link");
        }
        // Settled, so that a later gc of the user's own changes nothing of theirs.
        self.git(&["gc", "--quiet", "--prune=now"]);
        let _ = std::fs::remove_file(self.beside().join("hook-ran"));
        self
    }
}

#[track_caller]
fn succeeded(program: &str, args: &[&str], output: &Output) -> String {
    assert!(
        output.status.success(),
        "{program} {args:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
}

/// Some history: six commits, so that a shallow clone has less and a partial one lacks objects.
fn history(args: &[&str]) -> TestRepo {
    let repo = TestRepo::init_with(args);
    for n in 0..6 {
        repo.write("kept.txt", format!("{}kept\n", if n == 5 { String::new() } else { n.to_string() }));
        repo.write("changed.txt", format!("version {n}\n"));
        repo.write(&format!("deep/{n}/file.txt"), format!("file {n}\n"));
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "--quiet", "-m", &format!("commit {n}")]);
    }
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    repo
}

/// A clone, whose source lies beside it for as long as it lives.
fn cloned(args: &[&str]) -> Site {
    let source = history(&[]);
    let clone = clone_of(&source, args);
    // It stays reachable: the objects of a partial clone are promised by it.
    let promised = clone.beside().join("source");
    std::fs::rename(source.path(), &promised).expect("a source");
    let site = Site::at(clone);
    site.git(&["remote", "set-url", "origin", &format!("file://{}", promised.display())]);
    site
}

pub(super) fn plain() -> Site {
    Site::at(history(&[])).lived_in()
}

pub(super) fn sha256() -> Site {
    Site::at(history(&["--object-format=sha256"])).lived_in()
}

pub(super) fn reftable() -> Site {
    Site::at(history(&["--ref-format=reftable"])).lived_in()
}

pub(super) fn shared_group() -> Site {
    Site::at(history(&["--shared=group"])).lived_in()
}

fn linked_to(repo: TestRepo) -> Site {
    let linked = repo.beside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &linked.to_string_lossy()]);
    Site::inside(repo, linked).lived_in()
}

pub(super) fn linked() -> Site {
    linked_to(history(&[]))
}

pub(super) fn linked_reftable() -> Site {
    linked_to(history(&["--ref-format=reftable"]))
}

pub(super) fn shallow() -> Site {
    let site = cloned(&["--depth=2"]).lived_in();
    assert_eq!(site.git(&["rev-list", "--count", "HEAD"]), "2");
    site
}

fn partial(filter: &str) -> Site {
    let site = cloned(&[&format!("--filter={filter}")]).lived_in();
    assert!(missing(&site) > 0, "nothing is elsewhere");
    site
}

pub(super) fn without_blobs() -> Site {
    partial("blob:none")
}

pub(super) fn without_trees() -> Site {
    partial("tree:0")
}

/// A partial clone of which only a part is checked out: there even files of `HEAD` are elsewhere.
pub(super) fn sparse_partial() -> Site {
    let site = cloned(&["--filter=blob:none", "--sparse"]);
    site.git(&["sparse-checkout", "set", "deep/1"]);
    let site = site.lived_in();
    assert!(!site.path.join("deep/2").exists());
    site
}

/// Objects that the history names and the repository does not have.
pub(super) fn missing(site: &Site) -> usize {
    let listed = site.git(&["rev-list", "--objects", "--all", "--missing=print"]);
    listed.lines().filter(|line| line.starts_with('?')).count()
}

pub(super) fn alternates() -> Site {
    let source = history(&[]);
    let repo = TestRepo::init();
    let kept = repo.beside().join("source");
    std::fs::rename(source.path(), &kept).expect("a source");
    std::fs::remove_dir_all(repo.path()).expect("an empty repository goes");
    let site = Site::inside(repo, kept);
    let path = site.beside().join("repo");
    site.git(&["clone", "--quiet", "--shared", ".", &path.to_string_lossy()]);
    let site = Site { path, ..site };
    assert!(site.common_dir().join("objects/info/alternates").exists());
    site.lived_in()
}

pub(super) fn separate_git_dir() -> Site {
    let repo = history(&[]);
    let elsewhere = repo.beside().join("elsewhere.git");
    repo.git(&["init", "--quiet", "--separate-git-dir", &elsewhere.to_string_lossy()]);
    assert!(repo.path().join(".git").is_file());
    Site::at(repo).lived_in()
}

pub(super) fn submodule() -> Site {
    let source = history(&[]);
    let outer = TestRepo::with_commit();
    let kept = outer.beside().join("source");
    std::fs::rename(source.path(), &kept).expect("a source");
    let path = outer.path().join("inner");
    let site = Site::at(outer);
    site.git(&["submodule", "--quiet", "add", &kept.to_string_lossy(), "inner"]);
    site.git(&["commit", "--quiet", "-m", "with a submodule"]);
    let site = Site { path, ..site };
    assert!(site.git_dir().ends_with(".git/modules/inner"));
    site.lived_in()
}

pub(super) fn bare() -> Site {
    let site = cloned(&["--bare"]);
    assert!(site.is_bare());
    site.lived_in()
}
