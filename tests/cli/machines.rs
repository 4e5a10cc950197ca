//! Two machines and a server between them: what one shares the other fetches.

use std::path::{Path, PathBuf};

use super::commands::{STRAIGHT, millrace, said, script, well};
use crate::support::repo::TestRepo;

/// A server's bare repository, and two clones of it.
pub(super) struct Machines {
    pub(super) a: TestRepo,
    pub(super) b: TestRepo,
    pub(super) server: PathBuf,
}

impl Machines {
    /// With extra arguments for `git init`; both clones have the same configuration and a commit on `main`.
    pub(super) fn with(arguments: &[&str]) -> Self {
        let a = TestRepo::init_with(arguments);
        a.write("README.md", "# A project\n");
        script(&a, STRAIGHT);
        a.git(&["add", "-A"]);
        a.git(&["commit", "--quiet", "-m", "start"]);
        let server = a.beside().join("server.git");
        let mut init = vec!["init", "--quiet", "--bare", "--initial-branch=main"];
        init.extend_from_slice(arguments);
        init.push(server.to_str().expect("UTF-8"));
        a.git(&init);
        a.git(&["remote", "add", "origin", &url(&server)]);
        a.git(&["push", "--quiet", "origin", "main"]);
        let b = TestRepo::init_with(arguments);
        b.git(&["remote", "add", "origin", &url(&server)]);
        b.git(&["fetch", "--quiet", "origin"]);
        b.git(&["checkout", "--quiet", "main"]);
        Self { a, b, server }
    }

    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// git's output in the server's repository.
    #[track_caller]
    pub(super) fn served(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--git-dir", self.server.to_str().expect("UTF-8")];
        all.extend_from_slice(arguments);
        self.a.git(&all)
    }

    /// The refs of ours that the server has.
    pub(super) fn refs(&self) -> String {
        self.served(&["for-each-ref", "--format=%(objectname) %(refname)", "refs/millrace"])
    }

    /// What a call said, with the place of the server named.
    pub(super) fn shown(&self, repo: &TestRepo, arguments: &[&str]) -> String {
        let output = millrace(repo, arguments).output().expect("it runs");
        self.named(&said(repo, &output))
    }

    pub(super) fn named(&self, text: &str) -> String {
        text.replace(&self.a.beside().canonicalize().expect("a folder").display().to_string(), "[root]")
            .replace(&self.a.beside().display().to_string(), "[root]")
    }
}

pub(super) fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Where the ledger stands.
pub(super) fn tip(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "refs/millrace/state"])
}

/// The words of a text that name commits, in ten digits, named instead of shown.
pub(super) fn shortened(text: &str) -> String {
    text.replace("..", " .. ")
        .split(' ')
        .map(|word| {
            let hex = |text: &str| text.len() == 10 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if hex(word) { "[oid]".to_owned() } else { word.to_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Lets the plan of a fetched ledger run here.
pub(super) fn approve(repo: &TestRepo) {
    let plan =
        super::commands::data(repo, "status", &["status"])["plan"].as_str().expect("a plan").to_owned();
    well(repo, &["plan", "approve", &plan]);
}
